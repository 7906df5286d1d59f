"""SECURITY.md says nothing that the code and the tests do not."""

from __future__ import annotations

import ast
import re
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest

from tracker import passwords, sessions, throttle
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


def test_every_row_of_the_table_is_read() -> None:
    table = PAGE.partition("## Requirements")[2]

    assert len(ROWS) == table.count("\n| ") - 1
    assert len({requirement for requirement, _, _ in ROWS}) == len(ROWS)


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
