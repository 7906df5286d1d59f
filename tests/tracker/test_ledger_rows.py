"""What each step writes into the ledger's rows, column by column, and which rows it leaves alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlmodel import Session

from tests.tracker.builders import AFTER, DAY, claim, record, store, two_workspaces
from tests.tracker.test_ledger import MINUTE, NEXT, finish, in_one, result
from tracker import ledger
from tracker.coverage import LEASE
from tracker.db import Database
from tracker.errors import LeaseLost
from tracker.models import Coverage, DayState, table_of


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    with two_workspaces(migrated_url) as opened:
        yield opened


def rows_of(database: Database) -> dict[date, Any]:
    """Every column of the ledger's rows of completions, by day."""
    table = table_of(Coverage)
    statement = select(table).where(table.c.workspace_id == 1, table.c.endpoint == "completions")
    with database.workspace(1) as session:
        return {row.day: row for row in session.execute(statement)}


def test_a_claim_is_of_its_days_alone_and_leaves_their_numbers_at_nothing(database: Database) -> None:
    claim(database)
    (row,) = rows_of(database).values()
    assert (row.day, row.rows, row.attempts, row.lease_owner) == (DAY, 0, 0, "w")


def test_what_is_done_to_one_day_leaves_the_next_one_alone(database: Database) -> None:
    other = claim(database, days=2)
    in_one(database, lambda session: ledger.give_back(session, other))
    mine = claim(database)
    before = rows_of(database)[NEXT]
    in_one(database, lambda session: ledger.renew(session, mine, now=AFTER + MINUTE))
    in_one(database, lambda session: ledger.fail(session, mine, "down", now=AFTER))

    assert rows_of(database)[NEXT] == before
    assert (rows_of(database)[DAY].reason, before.reason, before.lease_owner) == ("down", None, None)


def test_of_two_days_that_are_held_one_may_fail_alone(database: Database) -> None:
    mine = claim(database, days=2)

    def fail_one(session: Session) -> None:
        held = ledger.hold(session, mine)
        ledger.fail_day(session, mine, DAY, held[DAY], "one only", now=AFTER)

    in_one(database, fail_one)
    assert {day: row.reason for day, row in rows_of(database).items()} == {DAY: "one only", NEXT: None}


def test_a_claim_under_another_name_holds_nothing(database: Database) -> None:
    mine = claim(database)
    with pytest.raises(LeaseLost, match=f"completions of {DAY} was taken over"), database.workspace(1) as session:
        ledger.hold(session, replace(mine, owner="somebody else"))
    with pytest.raises(LeaseLost, match=f"completions of {DAY} is taken"):
        claim(database, owner="somebody else")


def test_a_lease_that_ends_now_is_free(database: Database) -> None:
    claim(database)
    assert claim(database, now=AFTER + LEASE, owner="other").owner == "other"


def test_a_day_says_when_it_was_restated_and_only_then(database: Database) -> None:
    mine = claim(database)
    in_one(database, lambda session: finish(session, mine))
    assert rows_of(database)[DAY].restated_at is None
    later = AFTER + 2 * LEASE

    def restate(session: Session) -> None:
        ledger.hold(session, again)
        ledger.finish(session, again, [replace(result(), restated=True)], now=later)

    again = claim(database, now=AFTER + LEASE + MINUTE)
    in_one(database, restate)
    assert rows_of(database)[DAY].restated_at == later


def test_days_that_cannot_be_had_wait_for_nothing_and_say_why(database: Database) -> None:
    mine = claim(database)
    in_one(database, lambda session: ledger.set_unavailable(session, mine, "no scope", now=AFTER))

    row = rows_of(database)[DAY]
    assert (row.state, row.reason, row.retry_at) == (DayState.UNAVAILABLE, "no scope", None)


def test_opened_again_only_what_waits_or_may_not_be_read_changes(database: Database) -> None:
    store(database, record(0))
    failing = claim(database, days=2, now=AFTER + MINUTE)
    in_one(database, lambda session: ledger.fail(session, failing, "down", now=AFTER))
    table = table_of(Coverage)
    of = (table.c.workspace_id == 1, table.c.day == DAY)
    calm = {"retry_at": None, "attempts": 4, "reason": "kept"}
    in_one(database, lambda session: session.execute(update(table).where(*of).values(**calm)))

    in_one(database, lambda session: ledger.reopen(session, 1, 1, since=DAY))

    kept, opened = rows_of(database)[DAY], rows_of(database)[NEXT]
    assert (kept.state, kept.attempts, kept.reason) == (DayState.PROVISIONAL, 4, "kept")
    assert (opened.state, opened.retry_at, opened.attempts, opened.reason) == (DayState.FAILED, None, 0, None)


def test_a_unit_given_back_has_no_owner(database: Database) -> None:
    mine = claim(database)
    in_one(database, lambda session: ledger.give_back(session, mine))
    assert (rows_of(database)[DAY].lease_owner, rows_of(database)[DAY].lease_until) == (None, None)
