"""What is due, when, and in which order: tables of days and times."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from tracker import clock, coverage
from tracker.coverage import LedgerDay, Unit
from tracker.models import DayState
from tracker.providers.base import Endpoint, Settling

NOW = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)
TODAY = date(2026, 11, 23)
HOUR = 2
SETTLING = Settling(least=timedelta(days=3), most=timedelta(days=14))
USAGE = Endpoint("completions", "/usage", 3_600, 7, ("model",), SETTLING)

FINAL, PROVISIONAL, ZERO = DayState.FINAL, DayState.PROVISIONAL, DayState.VERIFIED_ZERO


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """An instant of November 2026."""
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


Rows = dict[date, LedgerDay]


def due_units(endpoint: Endpoint, rows: Rows, days: list[date], *, now: datetime, fetch_hour: int = HOUR) -> list[Unit]:
    times = coverage.due_times(rows, days, fetch_hour=fetch_hour)
    return coverage.due_units(endpoint, rows, times, now=now)


def next_due(endpoint: Endpoint, rows: Rows, days: list[date], *, now: datetime, fetch_hour: int = HOUR) -> datetime:
    times = coverage.due_times(rows, days, fetch_hour=fetch_hour)
    return coverage.next_due(endpoint, rows, times, now=now)


def read(state: DayState, fetched_at: datetime) -> LedgerDay:
    return LedgerDay(state=state, rows=1, fetched_at=fetched_at)


@pytest.mark.parametrize(
    ("what", "day", "row", "due"),
    [
        ("a missing day at once", 10, LedgerDay(), at(10, 0)),
        ("the running day an hour later", 23, read(PROVISIONAL, at(23, 15)), at(23, 16)),
        ("a day read before it ended, an hour later", 22, read(PROVISIONAL, at(22, 23, 30)), at(23, 0, 30)),
        ("yesterday at the next daily hour", 22, read(PROVISIONAL, at(23, 1)), at(23, 2)),
        ("and at the next one after that", 22, read(PROVISIONAL, at(23, 2)), at(24, 2)),
        ("a day read as it ended, at the daily hour", 22, read(PROVISIONAL, at(23, 0)), at(23, 2)),
        (
            "a running day that lacks a row, for what it gains",
            23,
            LedgerDay(DayState.FAILED, 1, None, at(23, 15), at(23, 18)),
            at(23, 16),
        ),
        (
            "or at its retry, which comes first",
            23,
            LedgerDay(DayState.FAILED, 1, None, at(23, 15), at(23, 15, 5)),
            at(23, 15, 5),
        ),
        (
            "a day that lacked a row as it ended, when its retry says",
            22,
            LedgerDay(DayState.FAILED, 1, None, at(23, 0), at(23, 18)),
            at(23, 18),
        ),
        ("a day read minutes before the daily reading, at the next", 22, read(PROVISIONAL, at(23, 1, 55)), at(24, 2)),
        ("a day read earlier, at that one", 22, read(PROVISIONAL, at(23, 1, 54)), at(23, 2)),
        ("a final day a week later", 10, read(FINAL, at(16, 9)), at(23, 2)),
        ("a zero day too", 10, read(ZERO, at(16, 9)), at(23, 2)),
        ("a failed day when its retry says", 22, LedgerDay(DayState.FAILED, retry_at=at(23, 18)), at(23, 18)),
        (
            "a day that failed to be read again, then too",
            22,
            LedgerDay(PROVISIONAL, 1, None, at(23, 1), at(23, 9)),
            at(23, 9),
        ),
    ],
)
def test_a_day_is_due(what: str, day: int, row: LedgerDay, due: datetime) -> None:
    assert coverage.due_at(date(2026, 11, day), row, fetch_hour=HOUR) == due, what


@pytest.mark.parametrize(
    ("day", "row"),
    [
        (date(2026, 11, 1), LedgerDay(DayState.UNAVAILABLE)),
        (date(2026, 9, 1), read(FINAL, at(1, 2))),
    ],
)
def test_a_day_that_cannot_be_had_or_is_long_settled_is_never_due(day: date, row: LedgerDay) -> None:
    assert coverage.due_at(day, row, fetch_hour=HOUR) is None


def test_the_last_weekly_reading_is_within_thirty_five_days_of_a_days_end() -> None:
    read_at_midnight = read(FINAL, datetime(2026, 10, 30, tzinfo=UTC))
    end = datetime(2026, 11, 6, tzinfo=UTC)

    assert coverage.due_at(date(2026, 10, 1), read_at_midnight, fetch_hour=0) is None
    assert coverage.due_at(date(2026, 10, 2), read_at_midnight, fetch_hour=0) == end


@pytest.mark.parametrize(
    ("after", "expected"),
    [(at(23, 1, 59), at(23, 2)), (at(23, 2), at(24, 2)), (at(23, 2, 1), at(24, 2))],
)
def test_the_next_daily_reading_is_strictly_later(after: datetime, expected: datetime) -> None:
    assert coverage.next_daily(after, HOUR) == expected


def test_the_daily_reading_crosses_a_leap_day_and_a_year_end() -> None:
    assert coverage.next_daily(datetime(2028, 2, 28, 3, tzinfo=UTC), HOUR) == datetime(2028, 2, 29, 2, tzinfo=UTC)
    assert coverage.next_daily(datetime(2026, 12, 31, 3, tzinfo=UTC), HOUR) == datetime(2027, 1, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("row", "complete"),
    [
        (LedgerDay(), False),
        (read(FINAL, at(23, 1)), True),
        (LedgerDay(ZERO, 0, None, at(23, 1)), True),
        (read(PROVISIONAL, at(23, 1)), True),
        (read(PROVISIONAL, at(22, 23)), False),
        (read(PROVISIONAL, at(23, 0)), True),
        (LedgerDay(PROVISIONAL, 0, None, at(23, 1)), False),
        (LedgerDay(DayState.FAILED), False),
        (LedgerDay(DayState.UNAVAILABLE), False),
    ],
)
def test_a_day_is_complete_when_it_was_read_after_its_end(row: LedgerDay, *, complete: bool) -> None:
    assert coverage.is_complete(date(2026, 11, 22), row) is complete


def test_the_history_ends_at_the_providers_edge_and_never_before_what_it_told() -> None:
    year = timedelta(days=365)

    assert coverage.horizon(NOW, history=year, history_from=None) == (date(2025, 11, 23), date(2026, 11, 24))
    assert coverage.horizon(NOW, history=year, history_from=date(2026, 3, 1))[0] == date(2026, 3, 1)
    assert coverage.horizon(NOW, history=year, history_from=date(2024, 3, 1))[0] == date(2025, 11, 23)


@pytest.mark.parametrize(
    ("settled", "left"),
    [
        ((), [9, 10, 11, 12]),
        (((9, 11),), [11, 12]),
        (((11, 12), (9, 10)), [10, 12]),
        (((1, 10), (12, 20)), [10, 11]),
        (((1, 5), (20, 25)), [9, 10, 11, 12]),
        (((9, 13),), []),
    ],
)
def test_settled_days_are_not_looked_at(settled: tuple[tuple[int, int], ...], left: list[int]) -> None:
    ranges = [(date(2026, 11, first), date(2026, 11, end)) for first, end in settled]
    found = coverage.days_without(ranges, (date(2026, 11, 9), date(2026, 11, 13)))

    assert [day.day for day in found] == left


def test_due_days_become_runs_cut_from_the_newest_end() -> None:
    ledger = {date(2026, 11, 10): read(FINAL, at(20, 9))}

    units = due_units(USAGE, ledger, clock.days(date(2026, 11, 5), date(2026, 11, 24)), now=NOW)

    assert [(unit.start.day, unit.end.day) for unit in units] == [(17, 24), (11, 17), (5, 10)]


def test_recent_days_come_newest_first_and_older_debt_oldest_first() -> None:
    days = [date(2026, 1, 5), date(2026, 3, 5), date(2026, 11, 2), date(2026, 11, 20)]
    units = [Unit("completions", day, day + timedelta(days=1), (0,)) for day in days]

    ordered = coverage.in_order(units, endpoints=["completions"], now=NOW)

    assert [unit.start for unit in ordered] == [days[3], days[2], days[0], days[1]]


@pytest.mark.parametrize(
    ("until", "leased"),
    [
        (None, False),
        (NOW, False),
        (NOW + timedelta(seconds=1), True),
        (NOW + coverage.LEASE, True),
        (NOW + timedelta(days=365), False),
    ],
)
def test_a_lease_holds_until_it_ends_and_never_longer_than_a_lease(until: datetime | None, *, leased: bool) -> None:
    assert coverage.is_leased(LedgerDay(lease_until=until), NOW) is leased


def test_an_endpoint_that_keeps_failing_waits_as_a_whole() -> None:
    period = clock.days(date(2026, 10, 1), date(2026, 11, 24))
    failed = LedgerDay(DayState.FAILED, retry_at=NOW + timedelta(hours=1), attempts=1)
    two = {date(2026, 11, 23): failed, date(2026, 11, 10): failed}
    three = {**two, date(2026, 11, 1): failed}

    assert due_units(USAGE, two, period, now=NOW)
    assert due_units(USAGE, three, period, now=NOW) == []
    assert next_due(USAGE, three, period, now=NOW) == NOW + timedelta(hours=1)


def test_retries_come_at_a_growing_distance() -> None:
    distances = [coverage.retry_in(attempt) for attempt in range(1, 12)]

    assert distances == sorted(distances)
    assert distances[0] == timedelta(minutes=1)
    assert distances[-1] == timedelta(hours=12)


DAY = timedelta(days=1)
LATER = timedelta(minutes=2)


def period(first: int, last: int) -> list[date]:
    """The days of November from the first to the last, both included."""
    return clock.days(date(2026, 11, first), date(2026, 11, last) + DAY)


def started(ledger: dict[date, LedgerDay], first: int, last: int) -> list[tuple[int, int]]:
    """The first and last day of each unit due."""
    units = due_units(USAGE, ledger, period(first, last), now=NOW)
    return [(unit.days[0].day, unit.days[-1].day) for unit in units]


@pytest.mark.parametrize(
    ("what", "row", "is_due"),
    [
        ("never read", LedgerDay(), True),
        ("leased", LedgerDay(lease_until=NOW + LATER), False),
        ("a lease that has just ended", LedgerDay(lease_until=NOW), True),
        ("a lease of a clock a year ahead", LedgerDay(lease_until=NOW + timedelta(days=365)), True),
        ("waiting for its retry", LedgerDay(DayState.FAILED, retry_at=NOW + LATER), False),
        ("its retry has come", LedgerDay(DayState.FAILED, retry_at=NOW), True),
        ("not to be had", LedgerDay(DayState.UNAVAILABLE), False),
        ("read an hour ago", read(PROVISIONAL, at(23, 14, 30)), True),
        ("read within the hour", read(PROVISIONAL, at(23, 14, 31)), False),
    ],
)
def test_today_is_a_unit_when_it_is_due(what: str, row: LedgerDay, *, is_due: bool) -> None:
    assert started({TODAY: row}, 23, 23) == ([(23, 23)] if is_due else []), what


@pytest.mark.parametrize(
    ("gaps", "units"),
    [
        ((), [(17, 23), (10, 16), (9, 9)]),
        ((23,), [(16, 22), (9, 15)]),
        ((20, 12), [(21, 23), (13, 19), (9, 11)]),
        (tuple(range(9, 24)), []),
    ],
)
def test_days_between_which_one_is_settled_are_not_one_unit(
    gaps: tuple[int, ...], units: list[tuple[int, int]]
) -> None:
    settled = {date(2026, 11, day): read(FINAL, NOW) for day in gaps}

    assert started(settled, 9, 23) == units


def test_a_unit_carries_the_fences_of_its_days() -> None:
    ledger = {date(2026, 11, 22): LedgerDay(fence=4)}
    (unit,) = due_units(USAGE, ledger, period(21, 23), now=NOW)

    assert unit.fences == (0, 4, 0)
    assert unit.claimed.fences == (1, 5, 1)
    assert unit.claimed.days == unit.days


def test_a_settled_day_is_read_weekly_until_it_is_thirty_five_days_old_and_never_after() -> None:
    day, readings = date(2026, 9, 1), []
    fetched_at = datetime(2026, 9, 5, 2, tzinfo=UTC)
    while due := coverage.due_at(day, read(FINAL, fetched_at), fetch_hour=HOUR):
        readings.append((due.date() - day).days)
        fetched_at = due

    assert readings == [11, 18, 25, 32]


@pytest.mark.parametrize(
    ("what", "ledger", "due"),
    [
        ("nothing before tomorrow", {22: read(FINAL, NOW), 23: read(PROVISIONAL, at(23, 23, 30))}, at(24, 0)),
        ("today, an hour after it was read", {22: read(FINAL, NOW), 23: read(PROVISIONAL, at(23, 15))}, at(23, 16)),
        ("at once what is missing", {23: read(PROVISIONAL, NOW)}, at(22, 0)),
        ("when the lease ends", {22: LedgerDay(lease_until=NOW + LATER), 23: read(PROVISIONAL, NOW)}, NOW + LATER),
        (
            "when the retry says",
            {22: LedgerDay(DayState.FAILED, retry_at=at(23, 16)), 23: read(FINAL, NOW)},
            at(23, 16),
        ),
        (
            "nothing of what cannot be had",
            {22: LedgerDay(DayState.UNAVAILABLE), 23: read(ZERO, at(23, 23, 45))},
            at(24, 0),
        ),
    ],
)
def test_the_next_look_is_at_the_earliest_day_due(what: str, ledger: dict[int, LedgerDay], due: datetime) -> None:
    rows = {date(2026, 11, day): row for day, row in ledger.items()}

    assert next_due(USAGE, rows, period(22, 23), now=NOW) == due, what


def test_what_waits_for_a_retry_or_a_lease_is_owed_all_the_same() -> None:
    failed = LedgerDay(DayState.FAILED, retry_at=NOW + LATER, lease_until=NOW + LATER)

    assert coverage.is_owed(TODAY, failed, now=NOW, fetch_hour=HOUR)
    assert not coverage.is_owed(TODAY, read(PROVISIONAL, NOW), now=NOW, fetch_hour=HOUR)
    assert not coverage.is_owed(TODAY, LedgerDay(DayState.UNAVAILABLE), now=NOW, fetch_hour=HOUR)


def test_endpoints_of_a_stretch_come_together_in_their_own_order() -> None:
    newer, older = TODAY, date(2026, 11, 16)
    units = [Unit(name, day, day + DAY, (0,)) for day in (older, newer) for name in ("costs", "completions")]

    ordered = coverage.in_order(units, endpoints=["completions", "costs"], now=NOW)

    assert [(unit.endpoint, unit.start) for unit in ordered] == [
        ("completions", newer),
        ("costs", newer),
        ("completions", older),
        ("costs", older),
    ]


@pytest.mark.parametrize(("start", "comes_first"), [(date(2026, 10, 19), True), (date(2026, 10, 18), False)])
def test_a_day_is_recent_for_thirty_five_days(start: date, *, comes_first: bool) -> None:
    edge = Unit("completions", start, start + DAY, (0,))
    oldest = Unit("completions", date(2026, 1, 1), date(2026, 1, 2), (0,))

    assert (coverage.in_order([oldest, edge], endpoints=["completions"], now=NOW)[0] == edge) is comes_first


@pytest.mark.parametrize(
    ("what", "row", "believed"),
    [
        ("read now", read(FINAL, NOW), read(FINAL, NOW)),
        ("waits a month", LedgerDay(retry_at=NOW + 31 * DAY), LedgerDay(retry_at=NOW + 31 * DAY)),
        ("waits for a year", LedgerDay(retry_at=NOW + 365 * DAY), LedgerDay()),
        ("read next year", read(ZERO, NOW + 365 * DAY), LedgerDay(ZERO, 1)),
    ],
)
def test_what_a_clock_that_ran_ahead_wrote_is_not_believed(what: str, row: LedgerDay, believed: LedgerDay) -> None:
    assert coverage.believed(row, NOW) == believed, what
    assert coverage.due_at(TODAY, coverage.believed(read(ZERO, NOW + 365 * DAY), NOW), fetch_hour=HOUR) == at(23, 0)
