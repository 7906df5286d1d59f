"""The figures of the cards, from one day-and-model table. Pure: rows in, values out.

Sums follow the law of the house: None only when every part is unknown, otherwise the sum of the known with the
unknown counted beside it. Estimated and billed never meet in one sum.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

import msgspec

from tracker.overview.cycle import Cycle
from tracker.overview.days import DayMark
from tracker.queries import UsageRow, Value

NO_MODEL = "(no model)"


class Measure(StrEnum):
    SPEND = "spend"
    TOKENS = "tokens"
    REQUESTS = "requests"


Amount = Decimal | int


class Cell(msgspec.Struct, frozen=True):
    """What one model, project or API key did on one UTC day. `tokens` is input (with its cached part) and output.

    `slot` is the colour it was given, None where it has none yet. `by_unit` is the part of `spend` that was priced by
    the unit, as calls of tools are: nothing of that is told in tokens.
    """

    day: date
    model: str
    spend: Decimal | None
    tokens: int | None
    requests: int | None
    unpriced_requests: int = 0
    unpriced_rows: int = 0
    input_tokens: int | None = None
    cached_tokens: int | None = None
    slot: int | None = None
    unpriced_tokens: int = 0
    by_unit: Decimal | None = None

    def amount(self, measure: Measure) -> Amount | None:
        return {Measure.SPEND: self.spend, Measure.TOKENS: self.tokens, Measure.REQUESTS: self.requests}[measure]


@dataclass(frozen=True)
class Sums:
    """The sums of a period."""

    spend: Decimal | None
    tokens: int | None
    requests: int | None
    unpriced_requests: int = 0
    unpriced_rows: int = 0

    def amount(self, measure: Measure) -> Amount | None:
        return {Measure.SPEND: self.spend, Measure.TOKENS: self.tokens, Measure.REQUESTS: self.requests}[measure]


@dataclass(frozen=True)
class Mover:
    model: str
    difference: Decimal


@dataclass(frozen=True)
class Change:
    """The cycle against the same days of the month before (`twins`), over the days that are complete in both.

    `percent` maps a measure to its change, one decimal, None where there is nothing to compare with. Of the days
    `left_out`, the provider's history never held those `untold`, or their twins.
    """

    days: tuple[date, ...]
    twins: tuple[date, ...]
    left_out: int
    before: Decimal | None
    difference: Decimal | None
    percent: Mapping[Measure, Decimal | None]
    movers: tuple[Mover, ...]
    untold: int = 0

    @property
    def main(self) -> Mover | None:
        """The model that moved furthest in the direction of the difference; None where the sums are equal."""
        whole = self.difference or Decimal()
        return next((mover for mover in self.movers if mover.difference * whole > 0), None)


def cells_of(
    rows: Iterable[UsageRow],
    by: str = "model",
    slots: Mapping[str, int] | None = None,
    *,
    by_unit: Iterable[UsageRow] = (),
) -> list[Cell]:
    """The usage of rows that were asked for by day and `by`; rows that hold only a bill are left out.

    `by_unit` are rows of the part of it that is priced by the unit, asked for in the same way.
    """
    units = {_place(row, by): row.estimated_cost for row in by_unit}
    return [_cell(row, by, slots or {}, units) for row in rows if row.unpriced_rows or _is_used(row)]


UNKNOWN = (None,) * 4


def _is_used(row: UsageRow) -> bool:
    return (row.requests, row.input_tokens, row.output_tokens, row.estimated_cost) != UNKNOWN


Place = tuple[Value, Value]


def _place(row: UsageRow, by: str) -> Place:
    return row.dimensions["day"], row.dimensions[by]


def _cell(row: UsageRow, by: str, slots: Mapping[str, int], units: Mapping[Place, Decimal | None]) -> Cell:
    day, model = row.dimensions["day"], row.dimensions[by]
    assert isinstance(day, date)
    return Cell(
        day=day,
        model=str(model) if model is not None else NO_MODEL,
        spend=row.estimated_cost,
        tokens=_whole([row.input_tokens, row.output_tokens]),
        requests=row.requests,
        unpriced_requests=row.unpriced_requests,
        unpriced_rows=row.unpriced_rows,
        unpriced_tokens=row.unpriced_tokens,
        input_tokens=row.input_tokens,
        cached_tokens=row.input_cached_tokens,
        slot=slots.get(str(model)),
        by_unit=units.get(_place(row, by)),
    )


def _whole(parts: Iterable[int | None]) -> int | None:
    known = [part for part in parts if part is not None]
    return sum(known) if known else None


def money(parts: Iterable[Decimal | None]) -> Decimal | None:
    """The sum of the known; None when no part is."""
    known = [part for part in parts if part is not None]
    return sum(known, Decimal()) if known else None


def sums(cells: Iterable[Cell], days: Collection[date], *, all_read: bool = False) -> Sums:
    """The sums of these days. With `all_read`, days without any usage are a zero and not an unknown."""
    of_days = [cell for cell in cells if cell.day in days]
    if not of_days and all_read:
        return Sums(Decimal(), 0, 0)
    return Sums(
        spend=money(cell.spend for cell in of_days),
        tokens=_whole(cell.tokens for cell in of_days),
        requests=_whole(cell.requests for cell in of_days),
        unpriced_requests=sum(cell.unpriced_requests for cell in of_days),
        unpriced_rows=sum(cell.unpriced_rows for cell in of_days),
    )


def billed_sum(rows: Iterable[UsageRow], start: date, end: date) -> Decimal | None:
    """What was billed for the UTC days [start, end)."""
    return money(row.billed_cost for row in rows if start <= day_of(row) < end)


def day_of(row: UsageRow) -> date:
    day = row.dimensions["day"]
    assert isinstance(day, date)
    return day


def change(cells: Sequence[Cell], cycle: Cycle, marks: Mapping[date, DayMark]) -> Change:
    """The change over those days of the cycle that are complete, as are their twins a month ago."""
    pairs, over = comparable(cycle, marks), cycle.days[:-1]
    now = sums(cells, {day for day, _ in pairs}, all_read=True)
    before = sums(cells, {twin for _, twin in pairs}, all_read=True)
    return Change(
        days=tuple(day for day, _ in pairs),
        twins=tuple(twin for _, twin in pairs),
        left_out=len(over) - len(pairs),
        before=before.spend if pairs else None,
        difference=_difference(now.spend, before.spend) if pairs else None,
        percent={measure: percent(now.amount(measure), before.amount(measure)) for measure in Measure},
        movers=_movers(cells, pairs),
        untold=sum(DayMark.UNAVAILABLE in {marks[each] for each in (day, cycle.twin(day)) if each} for day in over),
    )


def comparable(cycle: Cycle, marks: Mapping[date, DayMark]) -> list[tuple[date, date]]:
    """The days of the cycle that are complete, each with its twin a month ago, which is so too."""
    return [
        (day, twin)
        for day in cycle.days[:-1]
        if (twin := cycle.twin(day)) and marks[day].complete and marks[twin].complete
    ]


def _difference(now: Decimal | None, before: Decimal | None) -> Decimal | None:
    return None if now is None or before is None else now - before


def percent(now: Amount | None, before: Amount | None) -> Decimal | None:
    """The change in percent to one decimal; None without a base above zero."""
    if now is None or before is None or before <= 0:
        return None
    return (Decimal(now - before) * 100 / Decimal(before)).quantize(Decimal("0.1"))


def differences(cells: Sequence[Cell], pairs: Sequence[tuple[date, date]]) -> dict[str, Decimal]:
    """By how many USD each model's estimate differs between the days and their twins."""
    here, there = {day for day, _ in pairs}, {twin for _, twin in pairs}
    found: dict[str, Decimal] = {}
    for cell in cells:
        sign = (cell.day in here) - (cell.day in there)
        if sign and cell.spend:
            found[cell.model] = found.get(cell.model, Decimal()) + sign * cell.spend
    return found


def _movers(cells: Sequence[Cell], pairs: Sequence[tuple[date, date]]) -> tuple[Mover, ...]:
    """The models whose estimate changed most, largest first, without those that did not change."""
    moved = [Mover(model, difference) for model, difference in differences(cells, pairs).items() if difference]
    return tuple(sorted(moved, key=lambda mover: (-abs(mover.difference), mover.model)))
