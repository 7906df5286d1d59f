"""When a day is taken to change no more: tables of days, changes and times, and whatever a provider may do."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.seeds import examples
from tracker import clock, coverage
from tracker.models import DayState
from tracker.providers.base import Endpoint, Settling

NOW = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)
TODAY, D19 = date(2026, 11, 23), date(2026, 11, 19)
HOUR = 2
SETTLING = Settling(least=timedelta(days=3), most=timedelta(days=14))
USAGE = Endpoint("completions", "/usage", 3_600, 7, ("model",), SETTLING)
BILL = Endpoint("costs", "/costs", 86_400, 31, ("project_id",), SETTLING)

FINAL, PROVISIONAL, ZERO = DayState.FINAL, DayState.PROVISIONAL, DayState.VERIFIED_ZERO


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """An instant of November 2026."""
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


def state(day: date, endpoint: Endpoint = USAGE, *, rows: int = 5, now: datetime = NOW, **seen: Any) -> DayState:
    known = {"after": SETTLING.least, "restated_at": None, **seen}
    return coverage.state_after(day, endpoint, rows=rows, now=now, **known)


@pytest.mark.parametrize(
    ("day", "rows", "endpoint", "expected"),
    [
        (23, 5, USAGE, PROVISIONAL),
        (20, 5, USAGE, PROVISIONAL),
        (19, 5, USAGE, FINAL),
        (19, 0, USAGE, ZERO),
        (19, 5, BILL, FINAL),
        (19, 0, BILL, PROVISIONAL),
    ],
)
def test_a_day_is_final_three_days_after_its_end_but_an_empty_bill_is_not(
    day: int, rows: int, endpoint: Endpoint, expected: DayState
) -> None:
    assert state(date(2026, 11, day), endpoint, rows=rows) is expected


def test_an_empty_day_of_the_bill_is_settled_after_thirty_five_days() -> None:
    last_open, settled = TODAY - timedelta(days=35), TODAY - timedelta(days=36)

    assert state(last_open, BILL, rows=0) is PROVISIONAL
    assert state(settled, BILL, rows=0) is ZERO
    assert state(D19, BILL, rows=0, now=clock.day_start(D19 + timedelta(days=36))) is ZERO


@pytest.mark.parametrize(
    ("what", "seen", "days"),
    [
        ("nothing was ever changed", [], 3),
        ("within the least", [timedelta(hours=2), timedelta(days=1)], 3),
        ("a day more than the latest", [timedelta(days=6), timedelta(days=2)], 7),
        ("to the most", [timedelta(days=13)], 14),
        ("and never beyond it", [timedelta(days=40)], 14),
        ("whatever a clock that ran behind saw", [-timedelta(days=2)], 3),
    ],
)
def test_how_long_days_change_is_learned_from_how_late_they_did(what: str, seen: list[timedelta], days: int) -> None:
    assert coverage.settles_after(SETTLING, seen) == timedelta(days=days), what


@pytest.mark.parametrize(
    ("what", "now", "restated", "after", "settled"),
    [
        ("a moment before its time", at(22, 23, 59), None, 3, False),
        ("at its time", at(23, 0), None, 3, True),
        ("where changes came late", at(23, 0), None, 5, False),
        ("where they came late, at that time", at(25, 0), None, 5, True),
        ("the day after a change", at(23, 2), at(22, 2), 3, False),
        ("two readings after a change, whatever the minute", at(24, 1), at(22, 2), 3, True),
        ("a change long ago", at(23, 0), at(20, 2), 3, True),
        ("just changed, a moment before the most", at(26, 23, 59), at(26, 23), 7, False),
        ("just changed, at the most", at(27, 0), at(26, 23), 7, True),
    ],
)
def test_a_day_is_final_when_it_has_stopped_changing(
    what: str, now: datetime, restated: datetime | None, after: int, *, settled: bool
) -> None:
    week = replace(SETTLING, most=timedelta(days=7))
    days = timedelta(days=after)
    assert coverage.has_settled(D19, settling=week, after=days, restated_at=restated, now=now) is settled, what


def test_a_final_day_that_changes_is_provisional_again_until_it_is_too_old_to_wait_for() -> None:
    assert state(D19, now=at(25, 2), restated_at=at(25, 2)) is PROVISIONAL
    assert state(D19, now=at(26, 2), restated_at=at(25, 2)) is PROVISIONAL
    assert state(D19, now=at(27, 2), restated_at=at(25, 2)) is FINAL
    old = datetime(2026, 12, 6, 2, tzinfo=UTC)
    assert state(D19, now=old, restated_at=old) is FINAL


@pytest.mark.soak
@settings(max_examples=examples(60), deadline=None)
@given(
    changes=st.sets(st.integers(0, 40), max_size=8),
    least=st.integers(1, 5),
    more=st.integers(0, 20),
    calm=st.integers(1, 4),
    lateness=st.lists(st.integers(-2, 60).map(lambda days: timedelta(days=days)), max_size=4),
)
def test_read_daily_a_day_becomes_final_in_its_bounds_and_only_when_calm(
    changes: set[int], least: int, more: int, calm: int, lateness: list[timedelta]
) -> None:
    """A day read every day at the fetch hour, on some of which it had changed."""
    settling = Settling(timedelta(days=least), timedelta(days=least + more), calm)
    after = coverage.settles_after(settling, lateness)
    assert settling.least <= after <= settling.most
    assert coverage.settles_after(settling, [*lateness, timedelta(days=8)]) >= after
    restated_at = None
    for reading in range(42):
        now = clock.day_end(D19) + timedelta(days=reading, hours=HOUR)
        restated_at = now if reading in changes else restated_at
        settled = coverage.has_settled(D19, settling=settling, after=after, restated_at=restated_at, now=now)
        lately = any(reading - calm < change <= reading for change in changes)
        if reading >= least + more:
            assert settled
        else:
            assert settled == (timedelta(days=reading) >= after and not lately)
