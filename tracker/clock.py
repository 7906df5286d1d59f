"""The one place that reads the wall clock, and the calendar of billing days (UTC, half-open).

`start_at` moves the start of this process's clock for tests and replays (TRACKER_NOW); it runs on
from there. Durations and deadlines use `time.monotonic` and never this clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

DAY = timedelta(days=1)
AHEAD = timedelta(minutes=5)
"""How far ahead of others' clocks ours may be: beyond it, nothing is believed that was asked for by it."""

_offset = timedelta()


def utc_now() -> datetime:
    """The present instant, aware, in UTC."""
    return datetime.now(UTC) + _offset


def real_now() -> datetime:
    """The present instant as others have it, whatever TRACKER_NOW says: only to judge what they say of now."""
    return datetime.now(UTC)


def start_at(instant: datetime | None) -> None:
    """Let the clock read `instant` (aware) from now on and run; None puts it back to the real time."""
    global _offset
    _offset = as_utc(instant) - datetime.now(UTC) if instant else timedelta()


def is_moved() -> bool:
    """Whether the clock was put to another time, for a test or a replay."""
    return bool(_offset)


def as_utc(instant: datetime) -> datetime:
    """The same instant in UTC; a naive one is refused with ValueError."""
    if instant.tzinfo is None:
        raise ValueError(f"a time without a zone was given: {instant.isoformat()}")
    return instant if instant.tzinfo is UTC else instant.astimezone(UTC)


def day_of(instant: datetime) -> date:
    """The UTC billing day in which the instant lies."""
    return as_utc(instant).date()


@lru_cache(maxsize=4_096)  # planning asks for the same days of every connection
def day_start(day: date) -> datetime:
    """Midnight UTC at which the day begins (inclusive)."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


@lru_cache(maxsize=4_096)
def day_end(day: date) -> datetime:
    """Midnight UTC at which the day ends (exclusive)."""
    return day_start(day) + DAY


def days(start: date, end: date) -> list[date]:
    """Every day of the half-open range [start, end), in order."""
    return list(map(date.fromordinal, range(start.toordinal(), end.toordinal())))


def age(since: timedelta) -> str:
    """How long ago in the largest unit that fits: just now, 12 min ago, 3 h ago, 4 days ago."""
    minutes = int(since.total_seconds() // 60)
    if minutes < 1:
        return "just now"
    if minutes < 60:
        return f"{minutes} min ago"
    if minutes < 48 * 60:
        return f"{minutes // 60} h ago"
    return f"{minutes // 1440} days ago"


def runs(among: Iterable[date]) -> list[tuple[date, date]]:
    """The first and the last of each run of consecutive days."""
    found: list[tuple[date, date]] = []
    for day in sorted(among):
        if found and found[-1][1] + DAY == day:
            found[-1] = (found[-1][0], day)
        else:
            found.append((day, day))
    return found
