"""The seven-day chart's bars: each day stacked by model, the five largest by name and the rest as one. Pure.

A name keeps its colour slot (`tracker.colours`) whatever is measured and on whatever page it is drawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from tracker.colours import SLOTS
from tracker.overview.figures import Amount, Cell, Measure, sums

SHOWN_MODELS = 5


@dataclass(frozen=True)
class Segment:
    """A model's part of a day's bar; `slot` is its colour."""

    day: date
    name: str
    slot: int
    amount: Amount


@dataclass(frozen=True)
class Bars:
    """A stack of segments by day, largest model first and the others last, and each day's total (None: unknown).

    `swatches` has the colour slot of every name beside the picture, also of those that are drawn as others.
    """

    measure: Measure
    names: tuple[tuple[str, int], ...]
    segments: tuple[Segment, ...]
    totals: Mapping[date, Amount | None]
    swatches: Mapping[str, int]

    @property
    def highest(self) -> Amount:
        return max((total for total in self.totals.values() if total is not None), default=0)


def slots(cells: Iterable[Cell]) -> dict[str, int]:
    """Every name's colour slot: the one it was given, else a free one in order of spend, then tokens, then name."""
    sizes: dict[str, tuple[Decimal, int]] = {}
    found: dict[str, int] = {}
    for cell in cells:
        spend, tokens = sizes.get(cell.model, (Decimal(), 0))
        sizes[cell.model] = spend + (cell.spend or 0), tokens + (cell.tokens or 0)
        if cell.slot is not None:
            found[cell.model] = cell.slot
    free = [slot for slot in range(SLOTS) if slot not in found.values()]
    ranked = sorted(sizes.keys() - found.keys(), key=lambda model: (-sizes[model][0], -sizes[model][1], model))
    return {**dict.fromkeys(ranked, SLOTS), **dict(zip(ranked, free, strict=False)), **found}


def bars(cells: Sequence[Cell], days: Sequence[date], measure: Measure) -> Bars:
    """The days stacked by model. `cells` may reach further back: colours are given by all of them."""
    colours = slots(cells)
    wanted = set(days)
    of_days = [cell for cell in cells if cell.day in wanted]
    sizes: dict[str, Amount] = {}
    for cell in of_days:
        if amount := cell.amount(measure):
            sizes[cell.model] = _plus(sizes.get(cell.model), amount)
    ranked = sorted({cell.model for cell in of_days}, key=lambda model: (-sizes.get(model, 0), model))
    names = apart([model for model in ranked if model in sizes][:SHOWN_MODELS], colours)
    others = sizes.keys() - names.keys()
    rest = (f"Other ({len(others)})", SLOTS)
    return Bars(
        measure=measure,
        names=(*names.values(), rest) if others else tuple(names.values()),
        segments=tuple(_segments(of_days, measure, names, rest)),
        totals=_totals(of_days, days, measure),
        swatches=swatches(ranked, dict(names.values()), colours),
    )


def _totals(cells: Iterable[Cell], days: Sequence[date], measure: Measure) -> dict[date, Amount | None]:
    of_day: dict[date, list[Cell]] = {day: [] for day in days}
    for cell in cells:
        of_day[cell.day].append(cell)
    return {day: sums(each, {day}).amount(measure) for day, each in of_day.items()}


def apart(shown: Sequence[str], colours: Mapping[str, int]) -> dict[str, tuple[str, int]]:
    """Each name with its slot; where two of one picture share a slot, the smaller one borrows a free one."""
    found: dict[str, tuple[str, int]] = {}
    for name in shown:
        taken = {slot for _, slot in found.values()} | {colours[other] for other in shown if other != name}
        slot = colours[name]
        if slot == SLOTS or any(slot == other for _, other in found.values()):
            slot = next(free for free in range(SLOTS) if free not in taken)
        found[name] = name, slot
    return found


def swatches(ranked: Sequence[str], drawn: Mapping[str, int], colours: Mapping[str, int]) -> dict[str, int]:
    """Each name's slot: as it is drawn, else its own, as long as no other name of the same picture has it."""
    found = dict(drawn)
    for name in ranked:
        if name not in found:
            found[name] = SLOTS if colours[name] in found.values() else colours[name]
    return found


def _segments(
    cells: Iterable[Cell], measure: Measure, names: Mapping[str, tuple[str, int]], rest: tuple[str, int]
) -> Iterable[Segment]:
    """One segment a day and name, in the order of the names within a day."""
    found: dict[tuple[date, tuple[str, int]], Amount] = {}
    for cell in cells:
        if amount := cell.amount(measure):
            place = cell.day, names.get(cell.model, rest)
            found[place] = _plus(found.get(place), amount)
    order = {name: n for n, name in enumerate((*names.values(), rest))}
    for (day, name), amount in sorted(found.items(), key=lambda item: (item[0][0], order[item[0][1]])):
        yield Segment(day, *name, amount)


def _plus(one: Amount | None, other: Amount) -> Amount:
    """Both of one measure: two amounts of money, or two counts."""
    if isinstance(one, Decimal) or isinstance(other, Decimal):
        return Decimal(one or 0) + Decimal(other)
    return (one or 0) + other
