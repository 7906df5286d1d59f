"""The chart's days as a table: one line for each model, project or API key, with what it costs by the million. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal

from tracker.overview.figures import Cell

MILLION = 1_000_000


@dataclass(frozen=True)
class Line:
    """Sums of one name over the days; None where nothing is known. Percentages have one decimal.

    `share` is of the known estimate of all lines, `per_million` USD a million of the tokens that have a price, `cached`
    the part of the input that came from the cache, `by_day` the estimate of each day for a small line, `newest` the
    last of the days on which it was used.
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
    by_day: tuple[Decimal, ...]
    newest: date


def lines(cells: Sequence[Cell], days: Sequence[date], changes: Mapping[str, Decimal] | None = None) -> list[Line]:
    """The lines, dearest first, those without any estimate last."""
    of_name: dict[str, list[Cell]] = {}
    wanted = set(days)
    for cell in cells:
        if cell.day in wanted:
            of_name.setdefault(cell.model, []).append(cell)
    whole = sum((cell.spend for each in of_name.values() for cell in each if cell.spend), Decimal())
    found = [_line(name, each, days, whole, changes) for name, each in of_name.items()]
    return sorted(
        found, key=lambda line: (line.estimate is None, -(line.estimate or 0), -(line.tokens or 0), line.name)
    )


def _line(
    name: str, cells: Sequence[Cell], days: Sequence[date], whole: Decimal, changes: Mapping[str, Decimal] | None
) -> Line:
    spends = [cell.spend for cell in cells if cell.spend is not None]
    estimate = sum(spends, Decimal()) if spends else None
    tokens, requests = _sum([cell.tokens for cell in cells]), _sum([cell.requests for cell in cells])
    priced = (tokens or 0) - sum(cell.unpriced_tokens for cell in cells)
    given, cached = _sum([cell.input_tokens for cell in cells]), _sum([cell.cached_tokens for cell in cells])
    by_day = {cell.day: cell.spend or Decimal() for cell in cells}
    return Line(
        name=name,
        estimate=estimate,
        share=_percent(estimate, whole),
        change=None if changes is None or estimate is None else changes.get(name, Decimal()),
        tokens=tokens,
        requests=requests,
        per_million=estimate * MILLION / priced if estimate is not None and priced > 0 else None,
        cached=_percent(Decimal(cached), Decimal(given)) if given and cached is not None else None,
        unpriced_rows=sum(cell.unpriced_rows for cell in cells),
        by_day=tuple(by_day.get(day, Decimal()) for day in days),
        newest=max(by_day),
    )


def _sum(parts: Sequence[int | None]) -> int | None:
    known = [part for part in parts if part is not None]
    return sum(known) if known else None


def _percent(part: Decimal | None, whole: Decimal) -> Decimal | None:
    return (part * 100 / whole).quantize(Decimal("0.1"), ROUND_HALF_EVEN) if part is not None and whole else None
