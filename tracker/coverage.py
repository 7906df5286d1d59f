"""What is due? Pure decisions on the coverage ledger: rows and a time in, states, due times and units of work out.

A day is read at once when it is missing, hourly while it runs, daily until it has stopped changing, and weekly
after that for a while. A day before the provider's history is never read again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import lru_cache

import msgspec
from msgspec import structs

from tracker import clock
from tracker.models import DayState
from tracker.providers.base import Endpoint, Settling

TODAY_REFRESH = timedelta(hours=1)
LEARNED_FROM = timedelta(days=90)
"""Changes seen in this time say how late an endpoint changes its days."""

WEEKLY_WINDOW = timedelta(days=35)
WEEK = timedelta(days=7)
SETTLED_AFTER_DAYS = (clock.DAY + WEEKLY_WINDOW - (WEEK - clock.DAY)).days
"""A finished day that was read so many days after it began is never read again: the next week is past the window."""

LEASE = timedelta(minutes=5)
"""Longer than a unit takes; a unit that takes longer is refused by its fence, not stored twice."""

LONGEST_LEASE = LEASE + clock.AHEAD
"""The same, as it looks to a worker whose clock is behind the holder's."""

RETRY_AFTER = tuple(timedelta(minutes=m) for m in (1, 5, 15, 60, 180, 360, 720))
"""How long a unit waits after its first, second, … failed attempt; the last one repeats."""

OURS_AFTER = timedelta(minutes=1)
"""How long what the database failed waits, however often: nothing is wrong with the unit or its key."""

NEWEST_FIRST = timedelta(days=35)
"""Days this recent are read newest first; older debt oldest first, for a provider's history ends there."""

FAILURES_TO_HOLD = 3
"""Units of an endpoint that failed and wait for their retry, from which on its other days wait with them."""

LONGEST_WAIT = timedelta(days=31)
"""Nothing is put off for longer; what is was written by a clock that ran ahead."""

LONGEST_RETRY = timedelta(days=1)
"""The same for what failed: a year after a clock ran a year ahead, what it wrote seems near."""

COMPLETE = frozenset({DayState.FINAL, DayState.VERIFIED_ZERO})


class LedgerDay(msgspec.Struct, frozen=True):
    """A row of the ledger, as far as decisions need it. Instants are UTC."""

    state: DayState = DayState.MISSING
    rows: int = 0
    content_sha256: bytes | None = None
    fetched_at: datetime | None = None
    retry_at: datetime | None = None
    attempts: int = 0
    lease_until: datetime | None = None
    fence: int = 0
    restated_at: datetime | None = None


@dataclass(frozen=True)
class Unit:
    """Consecutive UTC days [start, end) of one endpoint, read together; `fences` is the ledger's fence by day."""

    endpoint: str
    start: date
    end: date
    fences: tuple[int, ...]

    @property
    def days(self) -> list[date]:
        return clock.days(self.start, self.end)

    @property
    def claimed(self) -> Unit:
        """The same unit with the fences that its claim gave it."""
        return replace(self, fences=tuple(fence + 1 for fence in self.fences))


ABSENT = LedgerDay()


def is_leased(row: LedgerDay, now: datetime) -> bool:
    """Whether somebody holds the day. One that ends further ahead than LONGEST_LEASE was made by a wrong clock."""
    return row.lease_until is not None and now < row.lease_until <= now + LONGEST_LEASE


def believed(row: LedgerDay, now: datetime) -> LedgerDay:
    """The row without what only a clock that ran ahead can have written: it was not read yet, and waits for nothing."""
    if row.fetched_at and row.fetched_at > now + clock.DAY:
        return structs.replace(row, fetched_at=None, retry_at=None)
    if row.retry_at and row.retry_at > now + (LONGEST_RETRY if row.attempts else LONGEST_WAIT):
        return structs.replace(row, retry_at=None)
    return row


def due_at(day: date, row: LedgerDay, *, fetch_hour: int) -> datetime | None:
    """When the day is to be read next; None for never. A leased day is due when its lease ends."""
    return _due_at(day, row, row.retry_at, fetch_hour)


def _due_at(day: date, row: LedgerDay, retry_at: datetime | None, fetch_hour: int) -> datetime | None:
    """The same with a time of the next try that may be left out of account. Asked of every day at every look."""
    if row.state is DayState.UNAVAILABLE:
        return None
    if row.fetched_at is None or row.state in {DayState.MISSING, DayState.FAILED}:
        retry_at = retry_at or clock.day_start(day)
        if row.fetched_at is not None and row.fetched_at < clock.day_end(day):
            return min(retry_at, row.fetched_at + TODAY_REFRESH)  # a day that runs is read for what it gains, too
        return retry_at
    if row.state in COMPLETE and row.fetched_at.toordinal() - day.toordinal() >= SETTLED_AFTER_DAYS:
        return None  # most days of a history, and said without making any instant
    again = _next_reading(day, row.fetched_at, row.state, fetch_hour=fetch_hour)
    return max(again, retry_at) if again and retry_at else again


def _next_reading(day: date, fetched_at: datetime, state: DayState, *, fetch_hour: int) -> datetime | None:
    if fetched_at < clock.day_end(day):
        return fetched_at + TODAY_REFRESH
    if state is DayState.PROVISIONAL:
        # Read at the hour by a clock that is a little ahead, it is not read at once again.
        return next_daily(fetched_at + clock.AHEAD, fetch_hour)
    weekly = next_daily(fetched_at + WEEK - clock.DAY, fetch_hour)
    return weekly if weekly < clock.day_end(day) + WEEKLY_WINDOW else None


def next_daily(after: datetime, hour: int) -> datetime:
    """The first daily reading (at `hour` UTC) strictly after the instant."""
    today = _daily(clock.day_of(after), hour)
    return today if today > after else today + clock.DAY


@lru_cache(maxsize=1_024)  # planning asks for the same days of every connection
def _daily(day: date, hour: int) -> datetime:
    return clock.day_start(day) + timedelta(hours=hour)


def settles_after(settling: Settling, lateness: Iterable[timedelta]) -> timedelta:
    """How long after its end a day of an endpoint stays provisional, learned from how late its changes were seen.

    A day longer than the latest of them, within what is configured. What no worker saw in time counts as late as it
    was seen, which errs towards reading once more.
    """
    latest = max(lateness, default=timedelta())
    return min(max(settling.least, latest + clock.DAY), settling.most)


def has_settled(
    day: date, *, settling: Settling, after: timedelta, restated_at: datetime | None, now: datetime
) -> bool:
    """Whether a day just read is taken to change no more: its time has passed and its last readings agree.

    `after` is what `settles_after` gave, `restated_at` when the finished day was last told differently.
    """
    end = clock.day_end(day)
    if now >= end + settling.most:
        return True
    calm = restated_at is None or (clock.day_of(now) - clock.day_of(restated_at)).days >= settling.calm
    return calm and now >= end + after


def state_after(
    day: date, endpoint: Endpoint, *, rows: int, after: timedelta, restated_at: datetime | None, now: datetime
) -> DayState:
    """The state of a day just read successfully with so many rows; the rest as for `has_settled`."""
    settling = endpoint.settling
    if endpoint.bills and rows == 0:
        settled = now >= clock.day_end(day) + settling.unbilled
    else:
        settled = has_settled(day, settling=settling, after=after, restated_at=restated_at, now=now)
    if not settled:
        return DayState.PROVISIONAL
    return DayState.FINAL if rows else DayState.VERIFIED_ZERO


def was_empty_before(day: date, row: LedgerDay, settling: Settling, *, now: datetime) -> bool:
    """Whether a day's reading before today's found no bill either, when there should have been one.

    A single answer that leaves a day out settles nothing.
    """
    if row.fetched_at is None or row.rows:
        return False
    return row.fetched_at >= clock.day_end(day) + settling.unbilled and clock.day_of(row.fetched_at) < clock.day_of(now)


def is_complete(day: date, row: LedgerDay) -> bool:
    """Whether the day was read after it had ended. Late revisions may still come; an unbilled day is not complete."""
    return row.state in COMPLETE or (
        row.state is DayState.PROVISIONAL
        and row.rows > 0
        and row.fetched_at is not None
        and row.fetched_at >= clock.day_end(day)
    )


def lacks_rows(row: LedgerDay) -> bool:
    """Whether the day was read, but not all its rows could be stored."""
    return row.state is DayState.FAILED and row.fetched_at is not None


def was_read_whole(day: date, row: LedgerDay) -> bool:
    """Whether the day was over when it was last read, and all its rows were stored."""
    return row.fetched_at is not None and row.fetched_at >= clock.day_end(day) and not lacks_rows(row)


def is_uncovered(day: date, row: LedgerDay, *, now: datetime) -> bool:
    """Whether the day is over, could be had, and was not read since it ended.

    Rows that could not be stored are told elsewhere: they keep no day uncovered for ever.
    """
    if now < clock.day_end(day) or row.state is DayState.UNAVAILABLE:
        return False
    return row.fetched_at is None or row.fetched_at < clock.day_end(day)


def retry_in(attempts: int) -> timedelta:
    """How long to wait after so many failed attempts (1 or more)."""
    return RETRY_AFTER[min(attempts, len(RETRY_AFTER)) - 1]


def horizon(now: datetime, *, history: timedelta, history_from: date | None) -> tuple[date, date]:
    """The days [first, end) to keep: the provider's history up to and including today.

    A day that began before the earliest supported instant is left alone: reading it again would erase part of it.
    """
    today = clock.day_of(now)
    first = today - history
    return max(first, history_from) if history_from else first, today + clock.DAY


def days_without(settled: Iterable[tuple[date, date]], period: tuple[date, date]) -> list[date]:
    """The days of the period that lie in none of the settled ranges; all of them half-open."""
    start, end = period
    found: list[date] = []
    for first, beyond in sorted(settled):
        found += clock.days(start, min(first, end))
        start = max(start, beyond)
    return found + clock.days(start, end)


def due_times(ledger: Mapping[date, LedgerDay], days: Iterable[date], *, fetch_hour: int) -> dict[date, datetime]:
    """When each of the days (in order) is due; without those that never are."""
    rows = ((day, ledger.get(day)) for day in days)
    times = ((day, due_at(day, row, fetch_hour=fetch_hour) if row else clock.day_start(day)) for day, row in rows)
    return {day: at for day, at in times if at is not None}


def _leases(ledger: Mapping[date, LedgerDay], now: datetime) -> dict[date, datetime]:
    """Until when each of the leased days is."""
    return {day: row.lease_until for day, row in ledger.items() if row.lease_until and is_leased(row, now)}


def due_units(
    endpoint: Endpoint, ledger: Mapping[date, LedgerDay], times: Mapping[date, datetime], *, now: datetime
) -> list[Unit]:
    """The days that are due by their `due_times`, as units of at most `days_per_unit` days in a row, unordered."""
    if is_held(endpoint, ledger, now=now):
        return []
    leased = _leases(ledger, now)
    due = [day for day, at in times.items() if at <= now and day not in leased]
    return [
        Unit(endpoint.name, run[0], run[-1] + clock.DAY, tuple(ledger.get(day, ABSENT).fence for day in run))
        for run in _runs(due, endpoint.days_per_unit)
    ]


def is_held(endpoint: Endpoint, ledger: Mapping[date, LedgerDay], *, now: datetime) -> bool:
    """Whether so much of an endpoint has just failed that asking for more of it would only fail more often."""
    failed = sorted(
        day for day, row in ledger.items() if row.retry_at is not None and row.retry_at > now and not lacks_rows(row)
    )
    return len(list(_runs(failed, endpoint.days_per_unit))) >= FAILURES_TO_HOLD


def is_owed(day: date, row: LedgerDay, *, now: datetime, fetch_hour: int) -> bool:
    """Whether the day is due apart from its lease and its waiting for a retry: work that a run left undone."""
    at = _due_at(day, row, None, fetch_hour)
    return at is not None and at <= now


def _runs(days: Sequence[date], longest: int) -> Iterable[list[date]]:
    """Split sorted days into runs of consecutive ones, cut from the newest end so that today begins a run."""
    run: list[date] = []
    for day in reversed(days):
        if run and (run[-1] - day != clock.DAY or len(run) == longest):
            yield run[::-1]
            run = []
        run.append(day)
    if run:
        yield run[::-1]


def in_order(units: Iterable[Unit], *, endpoints: Sequence[str], now: datetime) -> list[Unit]:
    """Recent days newest first, all endpoints of a stretch together; then the oldest debt first."""
    recent_from = clock.day_of(now) - NEWEST_FIRST
    rank = {name: n for n, name in enumerate(endpoints)}

    def key(unit: Unit) -> tuple[int, int, int]:
        if unit.end > recent_from:
            return 0, -unit.end.toordinal(), rank[unit.endpoint]
        return 1, unit.start.toordinal(), rank[unit.endpoint]

    return sorted(units, key=key)


def next_due(
    endpoint: Endpoint, ledger: Mapping[date, LedgerDay], times: Mapping[date, datetime], *, now: datetime
) -> datetime:
    """When anything of an endpoint is due next by its `due_times`: at the latest when the next day begins."""
    if is_held(endpoint, ledger, now=now):
        return min(row.retry_at for row in ledger.values() if row.retry_at is not None and row.retry_at > now)
    leased = _leases(ledger, now)
    tomorrow = clock.day_end(clock.day_of(now))
    return min([tomorrow, *(max(at, leased[day]) if day in leased else at for day, at in times.items())])
