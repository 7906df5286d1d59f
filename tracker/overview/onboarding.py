"""The steps from nothing to the month on the screen, and which of them are done. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from enum import StrEnum

from tracker.models import KeyStatus
from tracker.overview.days import DayMark


class Step(StrEnum):
    """In order; the values are the words shown."""

    ACCOUNT = "Account"
    KEY = "Key"
    CHECK = "Key checked"
    FIRST_DAY = "First day"
    MONTH = "This month"


def done(statuses: Collection[KeyStatus], marks: Mapping[date, DayMark], days: Sequence[date]) -> tuple[Step, ...]:
    """The steps that somebody with these keys has behind them; `days` are the month's up to today."""
    read = [marks[day] is not DayMark.MISSING for day in days]
    found = {
        Step.ACCOUNT: True,
        Step.KEY: bool(statuses),
        Step.CHECK: KeyStatus.VALID in statuses,
        Step.FIRST_DAY: any(read),
        Step.MONTH: all(read),
    }
    return tuple(step for step, is_done in found.items() if is_done)
