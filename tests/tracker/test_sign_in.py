"""A refused sign-in is told in the log, alike for whoever has an account and whoever has none."""

from __future__ import annotations

import logging
import statistics
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.installation import EMAIL, PASSWORD
from tests.seeds import examples
from tracker import access, audit, closing, sessions, sign_in
from tracker.audit import Action
from tracker.db import Database, open_database
from tracker.sign_in import Refused

NOW = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)
HERE, WRONG = "203.0.113.9", "not the password at all"


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    opened = open_database(migrated_url, role="web")
    access.add_user(opened, EMAIL, PASSWORD)
    yield opened
    opened.engine.dispose()


def comes_in(database: Database, email: str = EMAIL, password: str = PASSWORD, now: datetime = NOW) -> bool:
    return not isinstance(sign_in.sign_in(database, email, password, address=HERE, now=now), Refused)


def test_a_refused_sign_in_is_logged_without_address_or_password(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert not comes_in(database, EMAIL, WRONG)
        assert not comes_in(database, "nobody@example.com", WRONG)

    known, unknown = (record.getMessage() for record in caplog.records)
    mark, stranger = (sign_in.account_mark(email) for email in (EMAIL, "nobody@example.com"))
    assert known.replace(mark, stranger) == unknown
    assert HERE in known and known.endswith("wrong")
    assert not [text for text in (EMAIL, "nobody", WRONG, PASSWORD) if text in caplog.text]


def test_a_try_that_comes_too_often_is_logged_as_such(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        tries = [comes_in(database, EMAIL, WRONG) for _ in range(7)]

    assert not any(tries)
    assert caplog.messages[-1].endswith("too often")


def test_a_password_opens_for_years(database: Database) -> None:
    assert comes_in(database, now=NOW + timedelta(days=4_000))


def test_a_closed_account_is_signed_out_and_stays_out_until_it_is_opened_again(database: Database) -> None:
    user_id = access.user_of(database, EMAIL)
    begun = sessions.begin(database, user_id, now=NOW)
    token = sessions.redeem(database, begun.ticket, now=NOW) or ""

    closing.close(database, user_id, now=NOW)
    assert not comes_in(database)
    closing.reopen(database, user_id)

    assert comes_in(database, now=NOW + timedelta(minutes=1))
    assert sessions.recognise(database, token, now=NOW) is None


def test_an_operator_can_sign_somebody_out(database: Database) -> None:
    user_id = access.user_of(database, EMAIL)
    tokens = [
        sessions.redeem(database, sessions.begin(database, user_id, now=NOW).ticket, now=NOW) or "" for _ in range(3)
    ]

    closing.end_sessions(database, user_id, now=NOW)

    assert [sessions.recognise(database, token, now=NOW) for token in tokens] == [None] * 3
    assert Action.SESSIONS_ENDED in trail(database, user_id)


def trail(database: Database, user_id: int) -> list[str]:
    (workspace_id,) = access.workspaces_of(database, user_id)
    with database.workspace(workspace_id) as session:
        return [line.action for line in audit.trail(session, workspace_id)]


@pytest.mark.soak
def test_known_and_unknown_are_refused_alike_and_in_the_same_time(database: Database) -> None:
    """The times are printed for people; a machine's load decides over none of them here."""
    took: dict[str, list[float]] = {"known": [], "unknown": []}
    for number in range(examples(3)):
        for kind, email in (("known", EMAIL), ("unknown", f"nobody{number}@example.com")):
            began = time.perf_counter()
            refused = sign_in.sign_in(database, email, WRONG, address=f"10.{number % 250}.0.1", now=NOW)
            took[kind].append(time.perf_counter() - began)
            assert refused == Refused()
        sign_in.sign_in(database, EMAIL, PASSWORD, address=f"10.{number % 250}.0.1", now=NOW)
    known, unknown = (statistics.median(took[kind]) * 1e3 for kind in ("known", "unknown"))
    sys.stdout.write(f"a wrong password: known {known:.1f} ms, unknown {unknown:.1f} ms, ratio {known / unknown:.3f}\n")
