"""A row that cannot be true costs its day nothing but itself, and is named until the provider tells it properly."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from tests.tracker.builders import AFTER, COMPLETIONS, DAY, record, store, two_workspaces
from tracker import clock, coverage, ledger, queries, set_aside
from tracker.coverage import LedgerDay
from tracker.db import Database
from tracker.models import Coverage, DayState, Restatement, table_of
from tracker.usage import RowSetAside

NEXT = DAY + clock.DAY
BAD = RowSetAside(DAY, "OpenAI's completions of 2026-11-10 03:00 UTC: output_tokens is -5.", "model=gpt-5.4")
LEDGER, RESTATEMENTS = table_of(Coverage), table_of(Restatement)


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    with two_workspaces(migrated_url) as opened:
        yield opened


def row_of(database: Database) -> LedgerDay:
    with database.workspace(1) as session:
        return ledger.read(session, 1, 1)["completions"][DAY]


def reason_of(database: Database) -> str | None:
    with database.workspace(1) as session:
        found: str | None = session.execute(select(LEDGER.c.reason).where(LEDGER.c.workspace_id == 1)).scalar_one()
    return found


def named(database: Database) -> list[set_aside.Aside]:
    with database.workspace(1) as session:
        return set_aside.read(session, 1, DAY, NEXT)


def tokens(database: Database) -> int | None:
    with database.workspace(1) as session:
        return queries.totals(session, 1, DAY, NEXT).input_tokens


def restatements(database: Database) -> list[Any]:
    with database.workspace(1) as session:
        return list(session.execute(select(RESTATEMENTS.c.day).where(RESTATEMENTS.c.workspace_id == 1)))


def test_the_rest_of_the_day_lands_and_the_day_is_not_complete(database: Database) -> None:
    store(database, record(0), record(1), BAD)

    row = row_of(database)
    assert (row.state, row.rows, row.attempts) == (DayState.FAILED, 2, 1)
    assert not coverage.is_complete(DAY, row)
    assert tokens(database) == 2_000
    assert (
        reason_of(database) == f"1 row cannot be true and was set aside. The rest of the day is counted; "
        f"it is read again by itself. {BAD.reason}"
    )
    (aside,) = named(database)
    assert (aside.label, aside.endpoint, aside.day, aside.seen_at) == ("k", "completions", DAY, AFTER)
    assert (aside.reason, aside.about) == (BAD.reason, BAD.about)


def test_it_is_read_again_at_a_growing_distance(database: Database) -> None:
    waits, now = [], AFTER
    for _ in range(4):
        store(database, record(0), BAD, now=now)
        due = coverage.due_at(DAY, row_of(database), fetch_hour=2)
        assert due is not None
        waits.append(due - now)
        now = due

    assert waits == list(coverage.RETRY_AFTER[:4])
    assert len(named(database)) == 1


def test_told_properly_the_day_is_whole_and_that_is_no_revision(database: Database) -> None:
    store(database, record(0), BAD)
    store(database, record(0), record(3), now=AFTER + timedelta(minutes=1))

    row = row_of(database)
    assert (row.state, row.rows, row.attempts, row.retry_at) == (DayState.PROVISIONAL, 2, 0, None)
    assert (named(database), reason_of(database), restatements(database)) == ([], None, [])
    assert coverage.is_complete(DAY, row)


def test_a_day_of_which_nothing_can_be_read_is_not_a_day_without_usage(database: Database) -> None:
    store(database, BAD, now=AFTER + timedelta(days=30))

    row = row_of(database)
    assert (row.state, row.rows) == (DayState.FAILED, 0)
    assert tokens(database) is None


def test_a_whole_reading_is_never_replaced_by_one_that_lacks_a_row(database: Database) -> None:
    store(database, record(0), record(3, tokens=500))
    before = row_of(database)
    store(database, record(0), BAD, now=AFTER + timedelta(days=1))

    row = row_of(database)
    assert tokens(database) == 1_500
    assert (row.state, row.rows, row.fetched_at) == (before.state, before.rows, before.fetched_at)
    assert (row.attempts, row.retry_at, row.lease_until) == (1, AFTER + timedelta(days=1, minutes=1), None)
    assert "keeps its earlier reading" in (reason_of(database) or "")
    assert len(named(database)) == 1
    assert restatements(database) == []


def test_a_running_day_takes_what_is_sound_each_hour(database: Database) -> None:
    morning = datetime(2026, 11, 10, 9, tzinfo=UTC)
    store(database, record(0), record(1), now=morning)
    for hour in range(1, 9):
        store(database, record(0), record(1), record(8), BAD, now=morning + timedelta(hours=hour))

    assert tokens(database) == 3_000
    due = coverage.due_at(DAY, row_of(database), fetch_hour=2)
    assert due == morning + timedelta(hours=9)


def test_days_that_lack_rows_do_not_hold_their_endpoint_back(database: Database) -> None:
    for day in range(3):
        store(database, record(0), BAD, now=AFTER + timedelta(seconds=day))
    lacking = {DAY - timedelta(days=20 * n): row_of(database) for n in range(5)}

    assert not coverage.is_held(COMPLETIONS, lacking, now=AFTER + timedelta(seconds=3))


def test_other_days_of_the_unit_are_not_touched_by_it(database: Database) -> None:
    store(database, record(0), record(24), BAD, days=2)

    with database.workspace(1) as session:
        days = ledger.read(session, 1, 1)["completions"]
    assert [days[DAY].state, days[NEXT].state] == [DayState.FAILED, DayState.PROVISIONAL]
    assert (days[NEXT].attempts, days[NEXT].retry_at) == (0, None)
