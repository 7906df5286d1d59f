"""The command line as a person or a script meets it: outputs, exit codes, and a sentence for each wrong key."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tests.authenticator import code_at
from tests.installation import EMAIL, NOW, Installation, installed
from tracker import access, clock, second_factor
from tracker.commands import commands
from tracker.money import usd_text
from tracker.sandbox import World

ADD = ("add-key", EMAIL, "--provider", "openai", "--label", "second")


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Three days of one key, fetched, on SQLite."""
    folder = tmp_path_factory.mktemp("commands")
    clock.start_at(NOW)
    with installed(World(days=3, keeps=3), f"sqlite:///{folder / 'tracker.db'}", folder) as installation:
        assert installation.fetch() == 0
        yield installation


def run(installation: Installation, *arguments: str, given: str = "", module: str = "tracker") -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    process = installation.process(module, *arguments)
    out, err = process.communicate(given.encode(), timeout=60)
    return process.returncode, out.decode(), err.decode()


def test_each_command_is_found_by_its_name() -> None:
    every = commands(None)

    assert len(every) > 20
    assert all(commands(name)[name] is command for name, command in every.items())


def test_a_start_loads_nothing_of_other_commands() -> None:
    script = "import sys, tracker.commands as c; print(*c.commands('migrate')); print(*sys.modules)"
    told, loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout.split(b"\n")[
        :2
    ]

    assert told == b"migrate"
    assert b"tracker.product" in loaded.split()
    assert not {b"tracker.overview", b"tracker.queries", b"tracker.backup"} & set(loaded.split())


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("project_key", "This is a project key"),
        ("missing_scope_401", "This is a project key"),
        ("missing_scope_403", "lacks the permission Usage: Read (api.usage.read)"),
        ("missing_scope_flat", "lacks the permission Usage: Read (api.usage.read)"),
        ("revoked", "mistyped, revoked or expired"),
        ("expired", "mistyped, revoked or expired"),
        ("good_second", "connected already, as 'main'"),
        ("usage_only", "connected already, as 'main'"),
        ("good", "stored already, as 'main'"),
    ],
)
def test_each_wrong_key_gets_its_own_sentence_and_is_not_stored(ready: Installation, kind: str, sentence: str) -> None:
    code, out, err = run(ready, *ADD, given=ready.world.keys[kind] + "\n")

    assert (code, out) == (1, "")
    assert sentence in err
    assert len(json.loads(run(ready, "keys", EMAIL, "--json")[1])) == 1


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("not a key at all\n", "The key"),
        ("hello-this-is-no-key-of-theirs\n", "does not look like an OpenAI key"),
        ("sk-admin-but-mistyped-somewhere-inside\n", "mistyped, revoked or expired"),
    ],
)
def test_a_typing_error_is_told_without_repeating_it(ready: Installation, text: str, sentence: str) -> None:
    code, _, err = run(ready, *ADD, given=text)

    assert code == 1
    assert sentence.lower() in err.lower()
    assert text.strip() not in err


def test_an_organisation_without_usage_is_stored_and_asked_about(ready: Installation) -> None:
    email = "empty@example.com"
    run(ready, "add-user", email, given="a long enough password\n")

    code, _, err = run(
        ready,
        *("add-key", email, "--provider", "openai", "--label", "empty"),
        given=ready.world.keys["empty_org"],
    )

    assert code == 0
    assert "Is it the right organisation?" in err


def test_a_key_that_cannot_be_checked_now_is_stored_as_unchecked(ready: Installation) -> None:
    email = "down@example.com"
    run(ready, "add-user", email, given="a long enough password\n")

    code, _, err = run(
        ready,
        *("add-key", email, "--provider", "openai", "--label", "down"),
        given=ready.world.keys["down_503"],
    )

    assert code == 0
    assert "not checked yet. A running worker checks it again by itself" in err
    (key,) = json.loads(run(ready, "keys", email, "--json")[1])
    assert key["status"] == "unchecked"


def test_figures_come_with_how_far_they_can_be_trusted(ready: Installation) -> None:
    days = ("--from", "2026-11-20", "--to", "2026-11-24")
    _, out, err = run(ready, "usage", EMAIL, *days, "--by", "day", "--json")
    *_, first, second = err.strip().splitlines()
    rows = json.loads(out)
    billed = [row for row in rows if row["billed_cost_usd"] is not None]
    charged, same = _sum(billed, "billed_cost_usd"), _sum(billed, "estimated_cost_usd")

    through = billed[-1]["day"]
    assert re.fullmatch(rf"3 of 3 days complete, billed through {int(through[-2:])} Nov UTC, read .*\.", first)
    assert second == (
        f"Estimated {usd_text(_sum(rows, 'estimated_cost_usd'))} USD. Through {through} billed {usd_text(charged)} "
        f"USD and estimated {usd_text(same)} USD, difference {usd_text(charged - same)} USD."
    )
    assert run(ready, "reconcile", EMAIL, *days)[2].strip().splitlines()[-2:] == [first, second]
    _, _, err = run(ready, "usage", EMAIL, "--from", "2026-11-23", "--to", "2026-11-24")
    assert [line.partition(",")[0] for line in err.strip().splitlines()[-2:]] == [
        "No day over yet",
        f"Estimated {rows[-1]['estimated_cost_usd']} USD",
    ]


def _sum(rows: list[dict[str, str]], name: str) -> Decimal:
    return sum((Decimal(row[name]) for row in rows), Decimal())


def test_an_account_is_closed_opened_again_and_signed_out(ready: Installation) -> None:
    email = "leaver@example.com"
    run(ready, "add-user", email, given="a long enough password\n")

    told = [run(ready, command, email) for command in ("close-user", "reopen-user", "end-sessions")]

    assert [code for code, _, _ in told] == [0, 0, 0]
    assert ["closed" in told[0][2], "open again" in told[1][2], "signed out" in told[2][2]] == [True] * 3
    code, _, err = run(ready, "close-user", "nobody@example.com")
    assert (code, "There is no account" in err) == (1, True)


def test_whoever_lost_authenticator_and_recovery_codes_is_let_in_by_an_operator(ready: Installation) -> None:
    email = "locked-out@example.com"
    run(ready, "add-user", email, given="a long enough password\n")
    user_id = access.user_of(ready.product.database, email)
    none = (0, "", f"{email} has no second factor in use. Nothing was changed.\n")
    assert run(ready, "turn-off-factor", email) == none
    secret = second_factor.enrol(ready.product, user_id, email).secret
    second_factor.confirm(ready.product, user_id, code_at(secret, NOW), now=NOW)

    code, _, err = run(ready, "turn-off-factor", email)

    assert (code, second_factor.is_on(ready.product, user_id)) == (0, False)
    assert err.startswith(f"The second factor of {email} is off, its recovery codes are void, and it is signed out")
    assert run(ready, "turn-off-factor", email) == none


def test_usage_tells_decimals_as_text_and_unknown_as_null(ready: Installation) -> None:
    code, out, _ = run(
        ready,
        *("usage", EMAIL, "--from", "2026-11-20", "--to", "2026-11-23", "--by", "day,usage_type", "--json"),
    )

    rows = {(row["day"], row["usage_type"]): row for row in json.loads(out)}
    assert code == 0
    assert list(next(iter(rows.values()))) == [
        "day",
        "usage_type",
        "requests",
        "input_tokens",
        "input_cached_tokens",
        "input_cache_write_tokens",
        "output_tokens",
        "estimated_cost_usd",
        "billed_cost_usd",
        "unpriced_requests",
        "unpriced_rows",
    ]
    storage = rows["2026-11-20", "vector_stores"]
    assert (storage["requests"], storage["estimated_cost_usd"], storage["unpriced_rows"]) == (None, None, 1)
    assert isinstance(rows["2026-11-20", "completions"]["estimated_cost_usd"], str)


def test_status_tells_the_success_figures(ready: Installation) -> None:
    told = json.loads(run(ready, "status", "--json")[1])

    assert told["users_with_valid_key"] >= 1
    assert told["job_success_over_7_days"] == 1.0
    assert (told["schema"], told["late"], told["uncovered_day"]) == ("current", False, None)
    shown = run(ready, "status")[1].splitlines()
    assert len(shown) == len(told)
    assert [line.split("  ")[0] for line in shown] == [name.replace("_", " ") for name in told]


def test_coverage_tells_every_day_of_every_endpoint(ready: Installation) -> None:
    rows = json.loads(run(ready, "coverage", EMAIL, "--json")[1])

    assert len({row["endpoint"] for row in rows}) == 11
    assert {row["state"] for row in rows if row["day"] == "2026-11-23"} == {"provisional"}


def test_rotating_the_keys_gives_a_receipt_and_keeps_them_usable(ready: Installation) -> None:
    code, out, _ = run(ready, "rotate-keys")
    again = json.loads(run(ready, "rotate-keys")[1])

    assert code == 0
    assert json.loads(out)["rewrapped"] == again["rewrapped"] >= 1
    assert run(ready, "--once", module="jobs")[0] in {0, 1}  # the unreachable key of another test may still owe
    (key,) = json.loads(run(ready, "keys", EMAIL, "--json")[1])
    assert key["status"] == "valid"


def test_unread_fields_are_listed(ready: Installation) -> None:
    code, out, err = run(ready, "unknown-fields", EMAIL, "1")

    assert (code, out, err) == (0, "", "Every field that OpenAI tells of 2026-11-22 is read.\n")


DAYS = ("--from", "2026-11-20", "--to", "2026-11-23")


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (["keys"], "has no key yet"),
        (["usage", *DAYS], "No usage is stored from 2026-11-20 to before 2026-11-23."),
        (["coverage"], "No day was read yet"),
        (["reconcile", *DAYS], "Nothing was used or billed from 2026-11-20 to before 2026-11-23."),
        (["price"], "No price is agreed"),
        (["explain", "--day", "2026-11-20", "--model", "gpt-5.4"], "No usage of gpt-5.4 is stored of 2026-11-20."),
        (["explain", "--day", "2026-11-20", "--model", ""], "No usage without a model is stored of 2026-11-20."),
        (["reprice", *DAYS], "Nothing would change"),
        (["reprice", *DAYS, "--apply"], "Nothing differs from 2026-11-20 to before 2026-11-23."),
        (["calls"], "No call was made yet."),
        (["restatements", *DAYS], "No finished day from 2026-11-20 to before 2026-11-23 was told differently later."),
    ],
)
def test_that_there_is_nothing_is_told_in_a_sentence(ready: Installation, command: list[str], sentence: str) -> None:
    run(ready, "add-user", "newcomer@example.com", given="a long enough password\n")
    name, *rest = command

    code, out, err = run(ready, name, "newcomer@example.com", *rest)

    assert (code, out) == (0, "")
    assert sentence in err
    code, out, err = run(ready, name, "newcomer@example.com", *rest, "--json")
    assert (code, json.loads(out)) == (0, [])
    assert sentence not in err


def test_a_reader_that_has_enough_is_no_error(ready: Installation) -> None:
    with ready.process("tracker", "export", EMAIL, "--from", "2026-11-01", "--to", "2026-11-23") as process:
        process.stdout.readline()
        process.stdout.close()

        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 0


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["usage", EMAIL, "--from", "yesterday", "--to", "2026-11-23"], 2),
        (["usage", EMAIL, "--from", "2026-11-20", "--to", "2026-11-23", "--by", "colour"], 2),
        (["usage", EMAIL, "--from", "20261120", "--to", "2026-11-23"], 2),
        (["usage", EMAIL, "--from", "2026-11-20", "--to", "2026-11-23", "--by", "day,day"], 2),
        (["usage", EMAIL, "--from", "2026-11-23", "--to", "2026-11-20"], 2),
        (["export", EMAIL, "--from", "2026-11-23", "--to", "2026-11-20"], 2),
        (["no-such-command"], 2),
        (["add-user", "x@example.com"], 2),
        (["usage", "nobody@example.com", "--from", "2026-11-20", "--to", "2026-11-23"], 1),
        (["--help"], 0),
        (["usage", "--help"], 0),
    ],
)
def test_exit_codes_tell_wrong_use_from_failure(ready: Installation, arguments: list[str], code: int) -> None:
    assert run(ready, *arguments)[0] == code


@pytest.mark.parametrize(
    ("name", "value"),
    [("TRACKER_FETCH_HOUR_UTC", "24"), ("TRACKER_COLOUR", "blue"), ("TRACKER_DATABASE_URL", "mysql://x/y")],
)
def test_a_bad_setting_stops_the_start_and_is_named(ready: Installation, name: str, value: str) -> None:
    for module in ("tracker", "jobs"):
        wrong = Installation({**ready.environ, name: value}, ready.server, ready.product, ready.workspace_id)

        code, _, err = run(wrong, *(["status"] if module == "tracker" else ["--once"]), module=module)

        assert code == 78
        assert name in err
        assert value not in err.replace(name, "")


def test_a_key_ring_of_another_installation_stops_the_start_before_anything_is_written(
    ready: Installation,
    tmp_path: Path,
) -> None:
    ring = tmp_path / "ring.json"
    made = {"TRACKER_DATA_DIR": str(tmp_path), "TRACKER_KEYRING_FILE": str(ring)}
    other = Installation(made, ready.server, ready.product, ready.workspace_id)
    assert run(other, "migrate")[0] == 0
    wrong = Installation({**ready.environ, "TRACKER_KEYRING_FILE": str(ring)}, ready.server, ready.product, 1)
    missing = Installation(
        {**ready.environ, "TRACKER_KEYRING_FILE": str(tmp_path / "none")}, ready.server, ready.product, 1
    )

    assert run(wrong, "status")[0] == 78
    assert run(missing, "--once", module="jobs")[0] == 78
    assert not (tmp_path / "none").exists()
