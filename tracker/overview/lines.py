"""The chart's days as a table: one line for each model, project or API key, with what it costs by the million. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal

from tracker.overview.figures import Amount, Cell, Measure

MILLION = 1_000_000


@dataclass(frozen=True)
class Line:
    """Sums of one name over the days; None where nothing is known. Percentages have one decimal.

    `share` is of what is known of the measure in all lines, `by_day` the measure of each day for a small line,
    `per_million` what is priced by tokens, in USD a million of those that have a price, `cached` the part of the input
    that came from the cache, `change` USD.
    """

    name: str
    estimate: Decimal | None
    share: Decimal | None
    change: Decimal | None
    tokens: int | None
    requests: int | None
    per_million: Decimal | None
    cached: Decimal | None
    unpriced_rows: int
    by_day: tuple[Amount, ...]

    @property
    def is_used(self) -> bool:
        """Whether any usage is behind it, with a price or without."""
        return bool(self.unpriced_rows) or (self.estimate, self.tokens, self.requests) != (None,) * 3

    def amount(self, measure: Measure) -> Amount | None:
        return {Measure.SPEND: self.estimate, Measure.TOKENS: self.tokens, Measure.REQUESTS: self.requests}[measure]


def lines(
    cells: Sequence[Cell],
    days: Sequence[date],
    changes: Mapping[str, Decimal] | None = None,
    measure: Measure = Measure.SPEND,
) -> list[Line]:
    """The lines, those with most of the measure first, those of which it is not known last."""
    of_name: dict[str, list[Cell]] = {}
    wanted = set(days)
    for cell in cells:
        if cell.day in wanted:
            of_name.setdefault(cell.model, []).append(cell)
    found = [_line(name, each, days, changes, measure) for name, each in of_name.items()]
    whole = sum((Decimal(line.amount(measure) or 0) for line in found), Decimal())
    return [replace(line, share=_percent(line.amount(measure), whole)) for line in sorted(found, key=_place(measure))]


def only_billed(name: str) -> Line:
    """The line of what has a bill and no usage, of which therefore nothing else is known."""
    return Line(name, None, None, None, None, None, None, None, 0, ())


def _place(measure: Measure) -> Callable[[Line], tuple[bool, Amount, int, str]]:
    def place(line: Line) -> tuple[bool, Amount, int, str]:
        amount = line.amount(measure)
        return amount is None, -(amount or 0), -(line.tokens or 0), line.name

    return place


def _line(
    name: str, cells: Sequence[Cell], days: Sequence[date], changes: Mapping[str, Decimal] | None, measure: Measure
) -> Line:
    """`share` is told when all lines are there."""
    spends = [cell.spend for cell in cells if cell.spend is not None]
    estimate = sum(spends, Decimal()) if spends else None
    of_tokens = (estimate or Decimal()) - sum((cell.by_unit or 0 for cell in cells), Decimal())
    tokens, requests = _sum([cell.tokens for cell in cells]), _sum([cell.requests for cell in cells])
    priced = (tokens or 0) - sum(cell.unpriced_tokens for cell in cells)
    given, cached = _sum([cell.input_tokens for cell in cells]), _sum([cell.cached_tokens for cell in cells])
    by_day = {cell.day: cell.amount(measure) or 0 for cell in cells}
    return Line(
        name=name,
        estimate=estimate,
        share=None,
        change=None if changes is None or estimate is None else changes.get(name, Decimal()),
        tokens=tokens,
        requests=requests,
        per_million=of_tokens * MILLION / priced if estimate is not None and priced > 0 else None,
        cached=_percent(cached, given or 0),
        unpriced_rows=sum(cell.unpriced_rows for cell in cells),
        by_day=tuple(by_day.get(day, 0) for day in days),
    )


def _sum(parts: Sequence[int | None]) -> int | None:
    known = [part for part in parts if part is not None]
    return sum(known) if known else None


def _percent(part: Amount | None, whole: Amount) -> Decimal | None:
    if part is None or not whole:
        return None
    return (Decimal(part) * 100 / whole).quantize(Decimal("0.1"), ROUND_HALF_EVEN)
