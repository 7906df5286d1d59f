"""What the month will come to: what its finished days cost, and for the others what such a weekday usually costs.

Pure. The band and the error it states of itself come from the same method tried on the days that are known: no
distribution is assumed. Without enough finished days there is no forecast, rather than a guess.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache
from statistics import median

from tracker import clock

LOOK_BACK = timedelta(days=28)
"""Days whose weekdays are averaged; four of each."""

FEWEST_DAYS = 24
"""Known days of those 28 below which nothing is foretold."""

TRIALS = 180
"""Days back from which the method is tried on what is known."""

FEWEST_TRIALS = 20
MONTHS_TRIED = 6
LOW, HIGH = Decimal("0.1"), Decimal("0.9")
"""Eight in ten of the trials ended between these."""

Spend = Mapping[date, Decimal]
"""Estimated US dollars of each day that is complete."""

Days = tuple[tuple[date, Decimal], ...]


@dataclass(frozen=True)
class Day:
    """A day that is not known yet: what it is expected to cost, in USD."""

    day: date
    low: Decimal
    middle: Decimal
    high: Decimal


@dataclass(frozen=True)
class Forecast:
    """The month in USD. `low` and `high` hold eight in ten; `usual_error` is the median of past errors in percent.

    `days` are those foretold, `months_tried` past months stand behind the error (None without any).
    """

    low: Decimal
    middle: Decimal
    high: Decimal
    days: tuple[Day, ...]
    usual_error: Decimal | None
    months_tried: int


def forecast(known: Spend, seen: Spend, today: date) -> Forecast | None:
    """The forecast for today's month, from complete days (`known`) and what is read so far of others (`seen`).

    None while there are too few complete days, or too few past stretches to try the method on. Kept for the next look,
    which has mostly the same days.
    """
    return _forecast(tuple(known.items()), tuple(seen.items()), today)


@lru_cache(maxsize=256)
def _forecast(of_known: Days, of_seen: Days, today: date) -> Forecast | None:
    known, seen = dict(of_known), dict(of_seen)
    month = _month(today)
    open_days = [day for day in month if day not in known]
    if not open_days:
        return None
    expected = _expected(known, open_days)
    band = _band(known, len(open_days), before=open_days[0]) if expected else None
    if expected is None or band is None:
        return None
    days = [_day(day, expected[day], band, seen.get(day, Decimal())) for day in open_days]
    sure = sum((known[day] for day in month if day in known), Decimal())
    errors = _past_errors(known, today)
    return Forecast(
        low=sure + sum(day.low for day in days),
        middle=sure + sum(day.middle for day in days),
        high=sure + sum(day.high for day in days),
        days=tuple(days),
        usual_error=_percent(median(errors)) if errors else None,
        months_tried=len(errors),
    )


def _day(day: date, expected: Decimal, band: tuple[Decimal, Decimal], seen: Decimal) -> Day:
    """A day costs at least what was read of it already."""
    low, high = band
    return Day(day, max(seen, expected * low), max(seen, expected), max(seen, expected * high))


def _expected(known: Spend, days: Sequence[date]) -> dict[date, Decimal] | None:
    """What each of the days should cost by the weekdays of the four weeks before the first of them.

    None with too few known days in those weeks, or with none of a weekday that is asked for.
    """
    back = clock.days(days[0] - LOOK_BACK, days[0])
    amounts: dict[int, list[Decimal]] = {}
    for day in back:
        if day in known:
            amounts.setdefault(day.weekday(), []).append(known[day])
    lacks = any(day.weekday() not in amounts for day in days)
    if lacks or sum(map(len, amounts.values())) < FEWEST_DAYS:
        return None
    means = {weekday: sum(costs, Decimal()) / len(costs) for weekday, costs in amounts.items()}
    return {day: means[day.weekday()] for day in days}


def _band(known: Spend, length: int, *, before: date) -> tuple[Decimal, Decimal] | None:
    """By what factors eight in ten past stretches of this length missed what was expected of them."""
    ratios = []
    for n in range(TRIALS):
        start = before - timedelta(days=length + n)
        if (ratio := _ratio(known, clock.days(start, start + timedelta(days=length)))) is not None:
            ratios.append(ratio)
    if len(ratios) < FEWEST_TRIALS:
        return None
    ratios.sort()
    low, high = ratios[int(len(ratios) * LOW)], ratios[min(int(len(ratios) * HIGH), len(ratios) - 1)]
    return min(low, Decimal(1)), max(high, Decimal(1))


def _ratio(known: Spend, days: Sequence[date]) -> Decimal | None:
    """What a past stretch cost as a part of what was expected; None where either is not known, or nothing was."""
    expected = _expected(known, days) if all(day in known for day in days) else None
    total = sum(expected.values(), Decimal()) if expected else Decimal()
    return sum((known[day] for day in days), Decimal()) / total if total else None


def _past_errors(known: Spend, today: date) -> list[Decimal]:
    """How far off the month's end a forecast on this day of the last months would have been, as parts of it."""
    errors, first = [], today.replace(day=1)
    for _ in range(MONTHS_TRIED):
        first = (first - clock.DAY).replace(day=1)
        month = _month(first)
        rest = month[min(today.day, len(month)) - 1 :]
        actual = sum((known[day] for day in month if day in known), Decimal())
        expected = _expected(known, rest) if all(day in known for day in month) else None
        if expected and actual:
            foretold = sum((known[day] for day in month if day < rest[0]), Decimal()) + sum(expected.values())
            errors.append(abs(foretold - actual) / actual)
    return errors


def _month(day: date) -> list[date]:
    first = day.replace(day=1)
    return clock.days(first, (first + timedelta(days=31)).replace(day=1))


def _percent(part: Decimal) -> Decimal:
    return (part * 100).quantize(Decimal("0.1"), ROUND_HALF_EVEN)
