"""SECURITY.md says nothing that the code and the tests do not."""

from __future__ import annotations

import ast
import math
import re
from datetime import timedelta
from functools import cache
from itertools import chain
from pathlib import Path

import pytest
from sqlalchemy import Table
from sqlmodel import SQLModel

from pages.web import routes, social
from tests.asvs import REQUIREMENTS
from tracker import (
    access,
    connections,
    db,
    downloads,
    keyring,
    mail,
    passwords,
    ping,
    second_factor,
    sessions,
    throttle,
    tickets,
    usage,
    vault,
)
from tracker.audit import Action
from tracker.providers import strict_json
from tracker.providers.http.pool import ClientPool
from tracker.providers.retry import Limits
from tracker.throttle import ACCOUNT, OVERALL, PAIR, PREFIX, SIGN_UPS, Policy
from tracker.tickets import LIVES, Purpose

HOME = Path(__file__).resolve().parents[1]
PAGE = (HOME / "SECURITY.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (\d+\.\d+\.\d+) \| (\S+)::(\w+) \|$", PAGE, re.MULTILINE)


@cache
def names_in(file: str) -> set[str]:
    tree = ast.parse((HOME / file).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


@pytest.mark.parametrize(("requirement", "file", "name"), ROWS)
def test_each_requirement_names_a_test_that_there_is(requirement: str, file: str, name: str) -> None:
    assert name in names_in(file), requirement


def section(title: str) -> str:
    return PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]


def listed(heading: str) -> list[str]:
    """The numbers in the first column of the table under a heading."""
    table = section("Requirements").partition(f"\n| {heading} |")[2].partition("\n\n")[0]
    return re.findall(r"\d+\.\d+\.\d+", " ".join(line.split("|")[1] for line in table.splitlines()[2:]))


def test_every_requirement_has_a_test_or_a_reason_and_only_one() -> None:
    shown = [requirement for requirement, _, _ in ROWS]
    others = [listed(heading) for heading in ("open", "operator's", "not applicable")]

    assert sorted([*shown, *chain.from_iterable(others)]) == sorted(REQUIREMENTS)
    left_open, left_to_operators, not_applicable = map(len, others)
    assert (
        f"{len(shown)} are shown by a test, {left_open} are open, {left_to_operators} are the operator's, "
        f"{not_applicable} do not apply."
    ) in section("Requirements").replace("\n", " ")


def test_every_key_and_algorithm_is_in_the_inventory() -> None:
    told, hasher = section("Keys and algorithms"), access.HASHER

    for words in (
        f"AES-256-GCM, {vault._NONCE_BYTES * 8}-bit random nonces",
        f"record format {vault.FORMAT} |",
        f"Argon2id, {hasher.memory_cost} KiB, {hasher.time_cost} passes, {hasher.parallelism} lane",
        f"{tickets.TOKEN_BYTES * 8} random bits, kept as SHA-256",
        f"{second_factor.SECRET_BYTES * 8} random bits, six digits, {second_factor.STEP_S} s",
        f"{second_factor.CODE_BYTES * 8} random bits, kept as SHA-256 with the account",
        f"{social.SECRET_BYTES * 8} random bits",
    ):
        assert words in told, words
    assert keyring.KEY_BYTES * 8 == 256


def test_every_outgoing_connection_is_described() -> None:
    told, limits = section("Outgoing connections"), Limits()
    pool = ClientPool()
    pool.close()

    assert f"{pool.clients * pool.connections_each} connections, {limits.connect_s} s to connect" in told
    assert f"{limits.total_s} s an answer, {limits.tries} tries, {limits.retry_budget_s} s in all" in told
    assert f"{limits.max_bytes // 2**20} MiB" in told
    assert f"{mail.TIMEOUT_S} s; {mail.MOST_TRIES} tries" in told
    assert f"SQLite waits {db.BUSY_TIMEOUT_MS // 1_000} s" in told
    assert f"{ping.WITHIN_S:.0f} s in all, again after {ping.AGAIN_AFTER.seconds} s" in told
    opening = callers() - {"pages/web/sending.py"}  # which sets an option of sockets that listen
    assert opening == {"tracker/mail.py", "tracker/ping.py", "tracker/providers/http"}


def callers() -> set[str]:
    """The files that can open a connection themselves, the client's package as one."""
    ways = re.compile(
        r"^(?:import|from) (?:httpx|httpcore|requests|smtplib|socket|urllib\.request|http\.client)\b", re.MULTILINE
    )
    files = [file for area in ("pages", "tracker", "jobs") for file in (HOME / area).rglob("*.py")]
    found = {file.relative_to(HOME).as_posix() for file in [*files, HOME / "app.py"] if ways.search(file.read_text())}
    ours = {name for name in found if not name.startswith("tracker/sandbox/")}
    return {re.sub(r"^(tracker/providers/http)/.*", r"\1", name) for name in ours}


def test_every_kind_of_data_has_its_protection() -> None:
    named = re.findall(r"`(\w+)`", section("Data"))

    assert sorted(named) == sorted(SQLModel.metadata.tables)
    secret = next(line for line in section("Data").splitlines() if line.startswith("| secret"))
    assert {name for name, table in SQLModel.metadata.tables.items() if _hides(table)} <= set(
        re.findall(r"`(\w+)`", secret)
    )


def _hides(table: Table) -> bool:
    return any(
        column.name in {"ciphertext", "wrapped_dek", "code_hash", "ticket_hash", "token_hash"} for column in table.c
    )


def test_every_log_is_in_the_inventory() -> None:
    told = section("Logs")

    assert all(action.value in told for action in Action)
    assert {"audit_events", "provider_calls", "fetch_runs"} <= set(re.findall(r"`(\w+)`", told))
    assert handlers() <= {"StreamHandler"}


def handlers() -> set[str]:
    """The kinds of log handlers that the product makes."""
    files = [file for area in ("pages", "tracker", "jobs") for file in (HOME / area).rglob("*.py")]
    return {name for file in files for name in re.findall(r"logging\.(?:handlers\.)?(\w*Handler)\(", file.read_text())}


def test_the_rules_of_input_are_those_of_the_code() -> None:
    told = section("Rules of input")

    assert f"at most {access.MAX_EMAIL} / {access.MAX_NAME} / {connections.MAX_LABEL} characters" in told
    assert f"from 0 to 10^{round(math.log10(usage.MAX_COUNT))};" in told
    assert f"at most {usage.MAX_TEXT} characters" in told
    assert f"at most {strict_json.MAX_DEPTH} levels and {strict_json.MAX_DIGITS} digits" in told
    assert f"at most {downloads.MOST_DAYS} days, or the last {downloads.MOST_EVENTS} events" in told
    assert f"at most {routes.MOST_BYTES} bytes" in told


def words(span: timedelta) -> str:
    for name, size in (("h", 3_600), ("min", 60), ("s", 1)):
        if span.total_seconds() % size == 0 and span.total_seconds() >= size:
            return f"{int(span.total_seconds() // size)} {name}"
    raise AssertionError(span)


def limits(policy: Policy) -> str:
    doubling = f"{words(policy.first)} doubling to {words(policy.longest)}"
    return f"{policy.free} free, then {doubling}, for {words(policy.window)}"


def test_the_limits_are_those_of_the_code() -> None:
    rows = dict(re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", PAGE, re.MULTILINE))

    assert rows["session without use / in any case"] == f"{words(sessions.IDLE)} / {words(sessions.ABSOLUTE)}"
    assert rows["sessions of one user"] == str(sessions.MOST)
    assert rows["proof of identity before a key is touched"] == words(sessions.PROOF_LASTS)
    assert rows["failures of an account from one network (/24, /48)"] == limits(PAIR)
    assert rows["failures from one network"] == limits(PREFIX)
    assert rows["failures of an account from everywhere"].startswith(limits(ACCOUNT) + "; ")
    assert rows["failures in all"] == limits(OVERALL)
    assert rows["sign-ups and messages asked for, from one network"] == limits(SIGN_UPS)
    assert rows["password"] == (
        f"{passwords.SHORTEST} to {passwords.LONGEST} characters, at least {passwords.FEWEST_GUESSES} guesses by zxcvbn"
    )
    lives = " / ".join(words(LIVES[purpose]) for purpose in (Purpose.RESET, Purpose.VERIFY, Purpose.SIGN_IN))
    assert rows["reset link / confirmation link / sign-in ticket"] == f"{lives}, once"
    assert throttle.prefix_of("198.51.100.7").endswith("/24") and throttle.prefix_of("2001:db8::1").endswith("/48")
