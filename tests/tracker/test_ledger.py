"""The ledger: one claimer wins, a fence that has passed on finishes nothing, and failures wait longer each time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import Session

from tests.tracker.builders import AFTER, COMPLETIONS, DAY, ENDPOINTS, claim, record, store, two_workspaces, unit
from tests.tracker.test_coverage import due_units
from tracker import clock, coverage, ledger, withheld
from tracker.coverage import LEASE, LedgerDay, Unit
from tracker.db import Database
from tracker.errors import LeaseLost
from tracker.ledger import Claim, DayResult
from tracker.models import Coverage, DayState, table_of

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
NEXT = DAY + timedelta(days=1)


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    with two_workspaces(migrated_url) as opened:
        yield opened


def days_of(database: Database) -> dict[date, LedgerDay]:
    with database.workspace(1) as session:
        return ledger.read(session, 1, 1).get("completions", {})


def in_one(database: Database, step: Callable[[Session], object]) -> None:
    """The step in a writing transaction of its own."""
    with database.workspace(1, write=True) as session:
        step(session)


def result(day: date = DAY) -> DayResult:
    return DayResult(day=day, state=DayState.FINAL, rows=3, content_sha256=b"x" * 32, restated=False)


def test_the_ledger_is_read_from_a_day_on(database: Database) -> None:
    in_one(database, lambda session: ledger.claim(session, 1, 1, unit(database, days=3), owner="w", now=AFTER))

    every = sorted(days_of(database))
    with database.workspace(1) as session:
        later = ledger.read(session, 1, 1, since=every[1])

    assert len(every) == 3 and sorted(later["completions"]) == every[1:]


def test_of_many_claimers_at_once_one_wins(database: Database) -> None:
    wanted, start = unit(database, days=3), Barrier(6)

    def attempt(number: int) -> str | None:
        start.wait(timeout=30)
        try:
            with database.workspace(1, write=True) as session:
                return ledger.claim(session, 1, 1, wanted, owner=f"worker {number}", now=AFTER).owner
        except LeaseLost:
            return None

    with ThreadPoolExecutor(6) as pool:
        winners = [owner for owner in pool.map(attempt, range(6)) if owner]

    assert len(winners) == 1
    assert [row.fence for row in days_of(database).values()] == [1, 1, 1]
    with database.workspace(1) as session:
        table = table_of(Coverage)
        owners = session.execute(select(table.c.lease_owner).where(table.c.workspace_id == 1)).scalars().all()
    assert set(owners) == set(winners)


def test_a_unit_is_claimed_by_one_and_not_while_its_lease_runs(database: Database) -> None:
    claim(database, owner="first")

    with pytest.raises(LeaseLost):
        claim(database, owner="second")
    taken_over = claim(database, owner="second", now=AFTER + LEASE + timedelta(seconds=1))
    assert taken_over.unit.fences == (2,)


def test_a_lease_made_by_a_clock_a_year_ahead_holds_nobody_up(database: Database) -> None:
    claim(database, owner="ahead", now=AFTER + timedelta(days=365))

    assert claim(database, owner="right").unit.fences == (2,)


def test_a_lease_made_by_a_clock_that_is_a_little_ahead_holds(database: Database) -> None:
    mine, ahead = claim(database, owner="ahead", now=AFTER + clock.AHEAD), AFTER + clock.AHEAD

    with pytest.raises(LeaseLost):
        claim(database, owner="right")
    with database.workspace(1, write=True) as session:
        ledger.renew(session, mine, now=ahead)
    with pytest.raises(LeaseLost):
        claim(database, owner="right")
    assert claim(database, owner="right", now=AFTER - SECOND).unit.fences == (2,)


def test_a_lease_is_renewed_by_its_owner_only(database: Database) -> None:
    mine, later = claim(database), AFTER + LEASE - timedelta(seconds=1)
    with database.workspace(1, write=True) as session:
        ledger.renew(session, mine, now=later)

    with pytest.raises(LeaseLost):
        claim(database, owner="other", now=AFTER + LEASE + timedelta(seconds=1))
    claim(database, owner="other", now=later + LEASE + timedelta(seconds=1))
    with pytest.raises(LeaseLost), database.workspace(1, write=True) as session:
        ledger.renew(session, mine, now=later)


def test_a_plan_that_is_out_of_date_is_not_claimed(database: Database) -> None:
    with database.workspace(1, write=True) as session:
        stale = Unit("completions", DAY, DAY + timedelta(days=1), (0,))
        store_first = ledger.claim(session, 1, 1, stale, owner="first", now=AFTER)
        ledger.give_back(session, store_first)

    with pytest.raises(LeaseLost), database.workspace(1, write=True) as session:
        ledger.claim(session, 1, 1, stale, owner="second", now=AFTER)


def test_a_unit_of_which_one_day_is_taken_is_not_claimed_at_all(database: Database) -> None:
    claim(database, days=1, owner="first")
    overlapping = Unit("completions", DAY, DAY + timedelta(days=3), (1, 0, 0))

    with pytest.raises(LeaseLost), database.workspace(1, write=True) as session:
        ledger.claim(session, 1, 1, overlapping, owner="second", now=AFTER)

    assert list(days_of(database)) == [DAY]


def test_the_same_days_of_another_endpoint_or_connection_are_free(database: Database) -> None:
    claim(database, owner="first")

    with database.workspace(1, write=True) as session:
        other = Unit("embeddings", DAY, NEXT, (0,))
        assert ledger.claim(session, 1, 1, other, owner="second", now=AFTER).unit.fences == (1,)
    assert claim(database, owner="second", key=2).unit.fences == (1,)


LATE: dict[str, Callable[[Session, Claim], object]] = {
    "hold": ledger.hold,
    "fail": lambda session, late: ledger.fail(session, late, "too late", now=AFTER),
    "renew": lambda session, late: ledger.renew(session, late, now=AFTER),
    "give back": ledger.give_back,
    "set unavailable": lambda session, late: ledger.set_unavailable(session, late, "too late", now=AFTER),
}


@pytest.mark.parametrize("what", LATE)
def test_a_claim_that_was_taken_over_can_do_nothing_more(database: Database, what: str) -> None:
    late = claim(database, owner="slow")
    claim(database, owner="quick", now=AFTER + LEASE + SECOND)
    before = days_of(database)

    with pytest.raises(LeaseLost):
        in_one(database, lambda session: LATE[what](session, late))

    assert days_of(database) == before


def test_a_claim_whose_unit_another_has_finished_can_do_nothing_more(database: Database) -> None:
    late = claim(database, owner="slow")
    store(database, record(0), now=AFTER + LEASE + SECOND)

    with pytest.raises(LeaseLost):
        in_one(database, lambda session: ledger.hold(session, late))


def test_a_lease_that_ran_out_unnoticed_may_still_be_finished(database: Database) -> None:
    mine = claim(database)

    in_one(database, lambda session: finish(session, mine))

    (row,) = days_of(database).values()
    assert (row.state, row.rows, row.lease_until, row.fence) == (DayState.FINAL, 3, None, 1)


def finish(session: Session, claimed: Claim) -> None:
    held = ledger.hold(session, claimed)
    ledger.finish(session, claimed, [result(day) for day in held], now=AFTER + LEASE + MINUTE)


def test_a_unit_that_keeps_failing_is_tried_at_a_growing_distance(database: Database) -> None:
    now, waits = AFTER, list[timedelta]()
    for _ in range(len(coverage.RETRY_AFTER) + 1):
        with database.workspace(1, write=True) as session:
            planned = Unit("completions", DAY, NEXT, (len(waits),))
            mine = ledger.claim(session, 1, 1, planned, owner="w", now=now)
            ledger.fail(session, mine, "down", now=now)
        retry_at = days_of(database)[DAY].retry_at or now
        waits.append(retry_at - now)
        now = retry_at

    assert waits == [*coverage.RETRY_AFTER, coverage.RETRY_AFTER[-1]]
    assert days_of(database)[DAY].state is DayState.FAILED


def test_what_our_own_database_failed_is_tried_again_in_a_minute_however_often(database: Database) -> None:
    now, waits = AFTER, list[timedelta]()
    for fence in range(5):
        with database.workspace(1, write=True) as session:
            mine = ledger.claim(session, 1, 1, Unit("completions", DAY, NEXT, (fence,)), owner="w", now=now)
            ledger.put_off(session, mine, "no space", now=now)
        waits.append((days_of(database)[DAY].retry_at or now) - now)
        now += waits[-1]

    assert waits == [MINUTE] * 5
    assert (days_of(database)[DAY].state, days_of(database)[DAY].attempts) == (DayState.FAILED, 1)


def test_a_failed_unit_waits_until_the_time_the_provider_named(database: Database) -> None:
    named = AFTER + timedelta(hours=7)
    mine = claim(database)

    in_one(database, lambda session: ledger.fail(session, mine, "slow down", now=AFTER, retry_at=named))

    (row,) = days_of(database).values()
    assert (row.retry_at, row.lease_until, row.attempts) == (named, None, 1)


def test_a_day_read_before_keeps_its_state_when_reading_it_again_fails(database: Database) -> None:
    store(database, record(0))
    before = days_of(database)[DAY]
    mine = claim(database, now=AFTER + timedelta(hours=1))

    in_one(database, lambda session: ledger.fail(session, mine, "down", now=AFTER + timedelta(hours=1)))

    after = days_of(database)[DAY]
    assert (after.state, after.rows, after.fetched_at) == (before.state, before.rows, before.fetched_at)
    assert after.attempts == 1


def test_success_forgets_the_failures_before_it(database: Database) -> None:
    mine = claim(database)
    in_one(database, lambda session: ledger.fail(session, mine, "down", now=AFTER))

    store(database, record(0), now=AFTER + MINUTE)

    row = days_of(database)[DAY]
    assert (row.attempts, row.retry_at, row.state) == (0, None, DayState.PROVISIONAL)


def test_a_unit_given_back_is_as_if_it_had_never_been_taken(database: Database) -> None:
    mine = claim(database, days=2)
    in_one(database, lambda session: ledger.give_back(session, mine))

    assert due(database) == [(DAY, NEXT + clock.DAY)]
    assert {(row.state, row.attempts) for row in days_of(database).values()} == {(DayState.MISSING, 0)}
    assert claim(database, days=2, owner="other").unit.fences == (2, 2)


def due(database: Database, **later: Any) -> list[tuple[date, date]]:
    """The units due of the two days from DAY on."""
    now = AFTER + timedelta(**later)
    period = (DAY, DAY + timedelta(days=2))
    units = due_units(COMPLETIONS, days_of(database), clock.days(*period), now=now)
    return [(each.start, each.end) for each in units]


def test_days_before_the_providers_history_are_never_due_again(database: Database) -> None:
    mine = claim(database, days=2)

    in_one(database, lambda session: ledger.set_unavailable(session, mine, "before", now=AFTER, before=NEXT))

    assert days_of(database)[DAY].state is DayState.UNAVAILABLE
    assert due(database, days=400) == [(NEXT, NEXT + clock.DAY)]


def test_a_day_read_before_its_provider_forgot_it_keeps_what_was_read(database: Database) -> None:
    store(database, record(0))
    mine = claim(database, now=AFTER + MINUTE)

    in_one(database, lambda session: ledger.set_unavailable(session, mine, "gone", now=AFTER))

    row = days_of(database)[DAY]
    assert (row.state, row.rows, row.retry_at) == (DayState.PROVISIONAL, 1, AFTER + ledger.LEFT_ALONE)


def test_what_was_left_alone_is_due_once_its_endpoint_can_be_read(database: Database) -> None:
    store(database, record(0))
    mine, other = claim(database, days=2, now=AFTER + MINUTE), claim(database, ENDPOINTS["costs"])
    with database.workspace(1, write=True) as session:
        for each in (mine, other):
            ledger.set_unavailable(session, each, "no scope", now=AFTER)
        assert [withheld.was_readable(session, each) for each in (mine, other)] == [True, False]

    in_one(database, lambda session: withheld.take_up(session, mine, since=NEXT))

    rows = days_of(database)
    assert [(row.state, row.retry_at) for row in rows.values()] == [
        (DayState.PROVISIONAL, AFTER + ledger.LEFT_ALONE),  # before the first day that the provider still tells of
        (DayState.MISSING, None),
    ]
    in_one(database, lambda session: withheld.take_up(session, mine, since=DAY))
    assert days_of(database)[DAY].retry_at is None
    with database.workspace(1) as session:
        (bill,) = ledger.read(session, 1, 1)["costs"].values()
    assert bill.state is DayState.UNAVAILABLE


def test_another_key_may_try_at_once_what_the_former_might_not_read(database: Database) -> None:
    mine = claim(database, days=2)
    in_one(database, lambda session: ledger.set_unavailable(session, mine, "no scope", now=AFTER))
    assert due(database, days=1) == []

    in_one(database, lambda session: ledger.reopen(session, 1, 1, since=NEXT))
    assert due(database) == [(NEXT, NEXT + clock.DAY)], "what the provider tells of no more stays as it is"
    in_one(database, lambda session: ledger.reopen(session, 1, 1, since=DAY))

    assert due(database) == [(DAY, NEXT + clock.DAY)]
