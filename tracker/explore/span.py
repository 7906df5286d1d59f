"""Which days and instants a view is of, and how instants fall into its bars. Pure.

A bucket belongs to the day of the view's zone in which it starts. A zone is a few stretches of a fixed distance from
UTC, so that a day's number is arithmetic which a database can do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from tracker import clock
from tracker.explore.view import LENGTHS, Preset, View

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Stretch:
    """From `start` (Unix seconds) on, the zone's clock is `offset` seconds ahead of UTC."""

    start: int
    offset: int


@dataclass(frozen=True)
class Span:
    """The days [first, end) of a zone."""

    first: date
    end: date
    zone: str

    @property
    def start_at(self) -> datetime:
        """The instant at which the first day begins (aware UTC)."""
        return _midnight(self.first, self.zone)

    @property
    def end_at(self) -> datetime:
        """The instant at which the last day has ended (aware UTC, exclusive)."""
        return _midnight(self.end, self.zone)

    @property
    def days(self) -> list[date]:
        return clock.days(self.first, self.end)

    @property
    def utc_days(self) -> tuple[date, date]:
        """The UTC days [first, end) that the span touches."""
        return clock.day_of(self.start_at), clock.day_of(self.end_at - timedelta(seconds=1)) + clock.DAY

    @property
    def stretches(self) -> list[Stretch]:
        """The zone's distances from UTC in order of time; the first holds from before the span begins."""
        return stretches(self.zone, self.start_at, self.end_at)

    @property
    def is_approximate(self) -> bool:
        """Whether hours of UTC do not fit into the zone's days: it is not a whole number of hours away."""
        return any(each.offset % 3_600 for each in self.stretches)

    @property
    def days_are(self) -> str:
        """How exact its days are, in a word."""
        return "approximate" if self.is_approximate else "exact"

    def day_of(self, instant: datetime) -> date:
        """The zone's day in which an instant lies."""
        return instant.astimezone(ZoneInfo(self.zone)).date()


def span_of(view: View, *, now: datetime) -> Span:
    """The days a view is of at `now`; none of them lies in the future, and there is at least one."""
    today = now.astimezone(view.timezone).date()
    first, last = _first_and_last(view, today)
    last = min(last, today)
    return Span(min(first, last), last + clock.DAY, view.zone)


def up_to_today(view: View, *, now: datetime) -> View:
    """The view without days that have not begun in its zone; one of such days alone becomes one of today."""
    today = now.astimezone(view.timezone).date()
    if view.first is None or view.last is None or view.last <= today:
        return view
    cut = replace(view, first=min(view.first, today), last=today)
    return cut if cut.grain is not cut.suits else replace(cut, grain=None)


def span_before(view: View, span: Span) -> Span:
    """As many days just before; before a month or a part of one, the same days of the month before."""
    if view.preset in {Preset.MONTH, Preset.LAST_MONTH}:
        first = (span.first - clock.DAY).replace(day=1)
        whole = view.preset is Preset.LAST_MONTH
        return Span(first, span.first if whole else min(first + (span.end - span.first), span.first), span.zone)
    return Span(span.first - (span.end - span.first), span.first, span.zone)


def hours(span: Span) -> list[datetime]:
    """Every hour of UTC that begins in the span."""
    start, end = span.start_at, span.end_at
    first = start if start.minute == start.second == 0 else start.replace(minute=0, second=0) + HOUR
    return [first + HOUR * n for n in range(-((first - end) // HOUR))]


def stretches(zone: str, start: datetime, end: datetime) -> list[Stretch]:
    """How far a zone's clock is ahead of UTC over [start, end): looked up day by day, each change found exactly."""
    if zone == "UTC":
        return [Stretch(0, 0)]
    place, at = ZoneInfo(zone), start
    found = [Stretch(0, _offset(place, start))]
    while at < end:
        later = min(at + clock.DAY, end)
        if _offset(place, later) != found[-1].offset:
            found.append(_change(place, at, later))
        at = later
    return found


def _change(place: ZoneInfo, before: datetime, after: datetime) -> Stretch:
    """The second at which the distance becomes what it is at `after`."""
    low, high, offset = int(before.timestamp()), int(after.timestamp()), _offset(place, after)
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(place, datetime.fromtimestamp(middle, UTC)) == offset:
            high = middle
        else:
            low = middle
    return Stretch(high, offset)


def _offset(place: ZoneInfo, at: datetime) -> int:
    offset = at.astimezone(place).utcoffset()
    assert offset is not None
    return int(offset.total_seconds())


def _midnight(day: date, zone: str) -> datetime:
    """The instant at which a zone's day begins; where clocks jump over midnight, the first instant of the day."""
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def _first_and_last(view: View, today: date) -> tuple[date, date]:
    if view.preset is Preset.CUSTOM and view.first and view.last:
        return view.first, view.last
    if view.preset is Preset.LAST_MONTH:
        last = today.replace(day=1) - clock.DAY
        return last.replace(day=1), last
    if view.preset in LENGTHS:
        return today - timedelta(days=LENGTHS[view.preset] - 1), today
    return today.replace(day=1), today


def pairs(span: Span, before: Span) -> Sequence[tuple[date, date]]:
    """Each day with its twin in the period before; a longer one's last days have none."""
    return list(zip(span.days, before.days, strict=False))
