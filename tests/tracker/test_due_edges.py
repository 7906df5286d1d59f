"""What is due at the very edges: as a day ends, as a retry comes, and under a lease of a wrong clock."""

from __future__ import annotations

from datetime import date, timedelta

from msgspec.structs import replace

from tests.tracker.test_coverage import HOUR, NOW, PROVISIONAL, TODAY, USAGE, at, next_due, read
from tracker import clock, coverage
from tracker.coverage import LedgerDay
from tracker.models import DayState


def test_read_as_it_ended_a_day_was_read_whole() -> None:
    assert coverage.was_read_whole(date(2026, 11, 22), read(PROVISIONAL, at(23, 0)))
    assert not coverage.was_read_whole(date(2026, 11, 22), read(PROVISIONAL, at(22, 23, 59)))
    assert not coverage.was_read_whole(date(2026, 11, 22), read(DayState.FAILED, at(23, 1)))


def test_what_is_due_this_very_moment_is_owed_and_waits_for_nothing() -> None:
    row = LedgerDay(DayState.FAILED, retry_at=NOW)
    assert coverage.is_owed(TODAY, read(PROVISIONAL, NOW - coverage.TODAY_REFRESH), now=NOW, fetch_hour=HOUR)
    failed = {date(2026, 10, day): row for day in (1, 10, 20)}
    assert not coverage.is_held(USAGE, failed, now=NOW)
    assert coverage.is_held(USAGE, failed, now=NOW - timedelta(seconds=1))


def test_a_held_endpoint_is_looked_at_when_its_first_retry_comes() -> None:
    later = [NOW + timedelta(minutes=minutes) for minutes in (9, 5, 7)]
    failed = {
        date(2026, 10, day): LedgerDay(DayState.FAILED, retry_at=at) for day, at in zip((1, 10, 20), later, strict=True)
    }
    rows = {**failed, date(2026, 10, 25): LedgerDay(DayState.FAILED, retry_at=NOW), date(2026, 10, 27): LedgerDay()}

    due = next_due(USAGE, rows, clock.days(date(2026, 10, 1), TODAY), now=NOW)
    assert due == NOW + timedelta(minutes=5)


def test_a_lease_made_by_a_wrong_clock_postpones_nothing() -> None:
    yesterday = TODAY - timedelta(days=1)
    away = replace(read(PROVISIONAL, at(23, 2)), lease_until=at(25, 0))
    rows = {yesterday: away, TODAY: read(PROVISIONAL, NOW)}

    assert next_due(USAGE, rows, [yesterday, TODAY], now=NOW, fetch_hour=16) == at(23, 16)


def test_a_retry_that_a_clock_a_year_ahead_wrote_down_is_not_waited_for_when_that_time_comes_near() -> None:
    written = replace(read(PROVISIONAL, NOW), attempts=1, retry_at=NOW + timedelta(days=22))
    left_alone = replace(written, attempts=0)

    assert coverage.believed(written, NOW).retry_at is None
    assert coverage.believed(left_alone, NOW) == left_alone
    assert coverage.believed(replace(written, retry_at=NOW + timedelta(days=1)), NOW).retry_at is not None


def test_a_lease_of_a_clock_that_is_as_far_ahead_as_one_may_be_holds_and_no_later_one() -> None:
    latest = NOW + coverage.LEASE + clock.AHEAD

    assert coverage.is_leased(LedgerDay(lease_until=latest), NOW)
    assert not coverage.is_leased(LedgerDay(lease_until=latest + timedelta(seconds=1)), NOW)
