"""The words on the axes of charts, as Vega expressions. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date

from tracker.overview.figures import Measure

MOST_WEEKDAYS = 10
"""Days up to which each bar's label has room for its weekday."""
MOST_PLAIN = 45
"""Days up to which a month is named only where it begins."""


def days(days: Sequence[date]) -> str:
    """A Vega expression: weekday and day, with the month at the first and where one begins. Letters of ours only.

    Of many days only some labels find room, so there each names its month.
    """
    week = "%a %-d" if len(days) <= MOST_WEEKDAYS else "%-d"
    many = len(days) > MOST_PLAIN
    months = [f" {day:%b}" if many or not n or day.month != days[n - 1].month else "" for n, day in enumerate(days)]
    labels = [f"{day:{week}}{month}" for day, month in zip(days, months, strict=True)]
    short = [f"{day.day}{month}" for day, month in zip(days, months, strict=True)]
    return f"(width<520?{short!r}:{labels!r})[floor(datum.value)]"


def amounts(measure: Measure, highest: float) -> str:
    """A Vega expression: whole dollars or k, cents or less for small amounts; counts with k, M and B."""
    if measure is not Measure.SPEND:
        return "replace(format(datum.value, '~s'), 'G', 'B')"
    if highest >= 10_000:
        return "'$' + replace(format(datum.value, '~s'), 'G', 'B')"
    return f"'$' + format(datum.value, ',.{0 if highest >= 4 else places(highest)}f')"


def places(highest: float) -> int:
    """Decimals of an axis of money up to this height, whose lines are at least a fifth of it apart: cents, or finer."""
    return max(2, -math.floor(math.log10(highest / 4))) if highest > 0 else 2
