"""The calendar of billing days: UTC, half-open, and never a time without a zone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from tracker import clock

INDIA = timezone(timedelta(hours=5, minutes=30))
CHICAGO = timezone(-timedelta(hours=6))
NAIVE = datetime(2026, 11, 23, 12)  # noqa: DTZ001 what must be refused


@pytest.mark.parametrize("function", [clock.as_utc, clock.day_of, clock.start_at])
def test_a_time_without_a_zone_is_refused(function: Callable[[datetime], object]) -> None:
    with pytest.raises(ValueError, match="without a zone was given: 2026-11-23T12:00:00"):
        function(NAIVE)


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        (datetime(2026, 11, 23, tzinfo=UTC), date(2026, 11, 23)),
        (datetime(2026, 11, 23, 23, 59, 59, 999_999, tzinfo=UTC), date(2026, 11, 23)),
        (datetime(2026, 11, 24, 5, 29, 59, tzinfo=INDIA), date(2026, 11, 23)),
        (datetime(2026, 11, 24, 5, 30, tzinfo=INDIA), date(2026, 11, 24)),
        (datetime(2026, 12, 31, 18, tzinfo=CHICAGO), date(2027, 1, 1)),
        (datetime(2028, 2, 29, 23, 59, tzinfo=UTC), date(2028, 2, 29)),
    ],
)
def test_an_instant_lies_in_its_utc_day(instant: datetime, day: date) -> None:
    assert clock.day_of(instant) == day
    assert clock.day_start(day) <= clock.as_utc(instant) < clock.day_end(day)


@pytest.mark.parametrize(
    ("day", "end"),
    [
        (date(2026, 11, 23), datetime(2026, 11, 24, tzinfo=UTC)),
        (date(2028, 2, 28), datetime(2028, 2, 29, tzinfo=UTC)),
        (date(2028, 2, 29), datetime(2028, 3, 1, tzinfo=UTC)),
        (date(2026, 2, 28), datetime(2026, 3, 1, tzinfo=UTC)),
        (date(2026, 12, 31), datetime(2027, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_day_ends_where_the_next_begins(day: date, end: datetime) -> None:
    assert clock.day_end(day) == end == clock.day_start(end.date())


@pytest.mark.parametrize(
    ("start", "end", "count"),
    [
        (date(2026, 11, 23), date(2026, 11, 23), 0),
        (date(2026, 11, 23), date(2026, 11, 24), 1),
        (date(2026, 11, 24), date(2026, 11, 23), 0),
        (date(2028, 2, 28), date(2028, 3, 1), 2),
        (date(2026, 2, 28), date(2026, 3, 1), 1),
        (date(2026, 1, 1), date(2027, 1, 1), 365),
        (date(2028, 1, 1), date(2029, 1, 1), 366),
    ],
)
def test_a_range_of_days_holds_its_start_and_not_its_end(start: date, end: date, count: int) -> None:
    found = clock.days(start, end)

    assert len(found) == count
    assert found == sorted(set(found))
    assert [day for day in found if not start <= day < end] == []


def test_consecutive_days_are_one_run_in_whatever_order_they_come() -> None:
    days = [date(2026, 3, 1), date(2026, 2, 27), date(2026, 2, 28), date(2026, 3, 3)]

    assert clock.runs(days) == [(date(2026, 2, 27), date(2026, 3, 1)), (date(2026, 3, 3), date(2026, 3, 3))]
    assert clock.runs([]) == []


def test_a_clock_that_was_set_runs_on_and_can_be_put_back() -> None:
    set_to = datetime(2020, 2, 29, 23, 59, tzinfo=UTC)
    clock.start_at(set_to)
    first, second = clock.utc_now(), clock.utc_now()

    assert set_to <= first <= second < set_to + timedelta(hours=1)
    assert first.tzinfo is UTC

    clock.start_at(None)
    assert clock.utc_now().year > 2020


def test_a_clock_is_set_to_the_instant_whatever_zone_names_it() -> None:
    clock.start_at(datetime(2026, 11, 24, 5, 30, tzinfo=INDIA))

    assert clock.day_of(clock.utc_now()) == date(2026, 11, 24)
    assert clock.utc_now().hour == 0
