"""The current cycle: the calendar month to date in UTC, and its twin, the same days of the month before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from tracker import clock

WEEK = 7
LIKE_WEEKS = 4
"""Weeks before a day of the last seven, whose same weekdays it is compared with."""

LEDGER_DAYS = 30
"""Finished days of which the line of truth says how many are complete."""


class Period(StrEnum):
    """Which days a person looks at."""

    MONTH = "Month to date"
    WEEK = "Last 7 days"
    LAST_MONTH = "Last month"


@dataclass(frozen=True)
class Cycle:
    """The UTC days from the first of `today`'s month up to and including `today`."""

    today: date

    @property
    def start(self) -> date:
        return self.today.replace(day=1)

    @property
    def end(self) -> date:
        """Exclusive: the day after today."""
        return self.today + clock.DAY

    @property
    def days(self) -> list[date]:
        return clock.days(self.start, self.end)

    @property
    def previous_start(self) -> date:
        return (self.start - clock.DAY).replace(day=1)

    @property
    def week(self) -> list[date]:
        """The last seven days, today the last of them."""
        return clock.days(self.end - timedelta(days=WEEK), self.end)

    @property
    def rest(self) -> list[date]:
        """The days of the month that are still to come."""
        return clock.days(self.end, (self.start + timedelta(days=31)).replace(day=1))

    @property
    def length(self) -> int:
        """How many days the whole month has."""
        return len(self.days) + len(self.rest)

    def days_of(self, period: Period) -> list[date]:
        """The days of a period, none of them in the future."""
        if period is Period.WEEK:
            return self.week
        return self.days if period is Period.MONTH else clock.days(self.previous_start, self.start)

    @property
    def finished(self) -> list[date]:
        """The last thirty days that are over."""
        return clock.days(self.today - timedelta(days=LEDGER_DAYS), self.today)

    @property
    def horizon(self) -> date:
        """The first day that any figure of the page needs."""
        return min(self.previous_start, self.finished[0], self.week[0] - timedelta(weeks=LIKE_WEEKS))

    def twin(self, day: date) -> date | None:
        """The day of the same number in the previous month; None where that month is shorter."""
        last = self.start - clock.DAY
        return last.replace(day=day.day) if day.day <= last.day else None
