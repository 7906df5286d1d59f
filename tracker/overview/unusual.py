"""Days that cost far more than any like them: told with what made the difference. Pure.

A day is unusual when it cost half as much again as the dearest of the same weekday in the four weeks before. A
rhythm of the week, a holiday or a slow growth is therefore none, and the rule can be said in one sentence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

from tracker.overview.cycle import LIKE_WEEKS
from tracker.overview.figures import Cell

FACTOR = Decimal("1.5")
SMALLEST_RISE = Decimal(1)
"""US dollars: less is not worth anybody's attention."""

FEWEST_WEEKS = 3


@dataclass(frozen=True)
class Unusual:
    """A day's estimate in USD, the `dearest` like day before, and the model that rose most, with its part in percent.

    The rise is counted from the mean of the like days, so that every model's part can be told; `like` is how many of
    the last `LIKE_WEEKS` are complete and were compared with.
    """

    day: date
    spend: Decimal
    dearest: Decimal
    model: str
    part: Decimal
    like: int

    @property
    def times(self) -> Decimal:
        """How many times the dearest like day it cost, one decimal."""
        return (self.spend / self.dearest).quantize(Decimal("0.1"), ROUND_HALF_EVEN) if self.dearest else Decimal()


def unusual(known: Mapping[date, Decimal], days: Iterable[date], cells: Sequence[Cell]) -> list[Unusual]:
    """The unusual ones among `days`, newest first; a day without enough complete days like it is not judged.

    `cells` are of all known days up to `LIKE_WEEKS` before the first of them.
    """
    found = [_judged(day, known, cells) for day in days if day in known]
    return sorted((each for each in found if each), key=lambda each: each.day, reverse=True)


def _judged(day: date, known: Mapping[date, Decimal], cells: Sequence[Cell]) -> Unusual | None:
    like = [before for n in range(LIKE_WEEKS) if (before := day - timedelta(weeks=n + 1)) in known]
    if len(like) < FEWEST_WEEKS:
        return None
    dearest = max(known[each] for each in like)
    if known[day] < dearest * FACTOR or known[day] - dearest < SMALLEST_RISE:
        return None
    rises = _rises(day, like, cells)
    model = max(rises, key=lambda name: (rises[name], name))
    rise = sum(rises.values(), Decimal())
    part = (rises[model] * 100 / rise).quantize(Decimal(1), ROUND_HALF_EVEN)
    return Unusual(day, known[day], dearest, model, min(part, Decimal(100)), len(like))


def _rises(day: date, like: Sequence[date], cells: Sequence[Cell]) -> dict[str, Decimal]:
    rises: dict[str, Decimal] = {}
    for cell in cells:
        if cell.spend is None:
            continue
        if cell.day == day:
            rises[cell.model] = rises.get(cell.model, Decimal()) + cell.spend
        elif cell.day in like:
            rises[cell.model] = rises.get(cell.model, Decimal()) - cell.spend / len(like)
    return rises
