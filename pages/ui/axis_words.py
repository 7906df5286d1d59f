"""The words on the axes of charts, as Vega expressions. Pure."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from datetime import date
from fractions import Fraction
from typing import Any

from pages.ui import text
from tracker.overview.figures import Measure

Axis = dict[str, Any]
"""The `values` of an axis and the expression of their labels, all with as many digits."""

MOST_LINES, FEW_LINES = 5, 4
"""Lines an axis has at most beside the one at nothing, and that of a small chart."""
UNITS = ((10**9, "B"), (10**6, "M"), (1_000, "k"))

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


def amounts(measure: Measure, top: float) -> Axis:
    """The lines of an axis of money (USD) or counts from nothing up to `top`."""
    return money(top, most=MOST_LINES) if measure is Measure.SPEND else counts(top, most=MOST_LINES)


def money(top: float, low: float = 0.0, *, most: int = FEW_LINES) -> Axis:
    """Lines between `low` (USD) and `top`: whole dollars, or cents, or as many digits more as tell them apart."""
    step = step_of(Fraction(top) - Fraction(low), most)
    values = _values(step, low, top)
    unit, letter = _unit(values)
    digits = _digits(step / unit)
    digits = max(digits, 2) if digits and not letter else digits
    return _axis(values, step, lambda value: f"{_sign(value)}${abs(float(value / unit)):,.{digits}f}{letter}", "$0")


def counts(top: float, *, most: int = FEW_LINES) -> Axis:
    """Lines from nothing up to a count, none between two numbers."""
    step = max(step_of(Fraction(top), most), Fraction(1))
    values = _values(step, 0.0, top)
    unit, letter = _unit(values)
    digits = _digits(step / unit)
    return _axis(values, step, lambda value: f"{float(value / unit):,.{digits}f}{letter}", "0")


def percent(top: float) -> Axis:
    """Lines from nothing up to a part of one."""
    step = step_of(Fraction(top), FEW_LINES)
    digits = _digits(step * 100)
    return _axis(_values(step, 0.0, top), step, lambda value: f"{float(value * 100):.{digits}f} %", "0 %")


def step_of(span: Fraction, most: int) -> Fraction:
    """How far lines are apart, so that a span has at most so many beside its first: 1, 2 or 5 of a power of ten."""
    ten = Fraction(10) ** math.floor(math.log10(span / most))
    return next(ten * times for times in (1, 2, 5, 10) if span <= ten * times * most)


def _values(step: Fraction, low: float, top: float) -> list[Fraction]:
    return [n * step for n in range(math.ceil(Fraction(low) / step), math.floor(Fraction(top) / step) + 1)]


def _unit(values: Sequence[Fraction]) -> tuple[int, str]:
    """What all of them are told in."""
    largest = max((abs(value) for value in values), default=Fraction())
    return next(((unit, letter) for unit, letter in UNITS if largest >= 10 * unit or largest >= unit > 1_000), (1, ""))


def _digits(step: Fraction) -> int:
    """Decimals that tell neighbours apart."""
    return next(digits for digits in itertools.count() if (step * 10**digits).denominator == 1)


def _sign(value: Fraction) -> str:
    return text.MINUS if value < 0 else ""


def _axis(values: Sequence[Fraction], step: Fraction, told: Callable[[Fraction], str], nothing: str) -> Axis:
    words = [told(value) if value else nothing for value in values]
    first = f" - {round(values[0] / step)}" if values and values[0] else ""
    return {
        "values": [float(value) for value in values],
        "tickCount": len(values),  # a smaller one, which the browser makes of the height, would leave some out
        "labelExpr": f"{words!r}[round(datum.value / {float(step)!r}){first}]",
    }
