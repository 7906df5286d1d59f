"""Sums of usage that can be added up further, and the rows a chart and its table are made of. Pure.

A sum is None only when no part of it is known; what has no price is counted beside it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from tracker.explore.view import Chosen
from tracker.overview.figures import Amount, Measure
from tracker.queries import MEASURES


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts, and the estimate in USD. What begins with `unpriced_` is in no estimate.

    `by_unit` is the part of the estimate that was priced by the unit, and not by tokens.
    """

    requests: int | None = None
    input_tokens: int | None = None
    input_cached_tokens: int | None = None
    input_cache_write_tokens: int | None = None
    output_tokens: int | None = None
    estimate: Decimal | None = None
    unpriced_requests: int = 0
    unpriced_rows: int = 0
    unpriced_tokens: int = 0
    by_unit: Decimal | None = None

    @property
    def tokens(self) -> int | None:
        """Input, which includes its cached part, and output."""
        return total([self.input_tokens, self.output_tokens])

    def amount(self, measure: Measure) -> Amount | None:
        return {Measure.SPEND: self.estimate, Measure.TOKENS: self.tokens, Measure.REQUESTS: self.requests}[measure]


@dataclass(frozen=True, slots=True)
class Cell:
    """What one value of the grouping did in one bar: `at` is a day of the zone, or the start of an hour (aware UTC)."""

    at: date | datetime
    value: Chosen
    figures: Figures


def total(parts: Iterable[int | None]) -> int | None:
    known = [part for part in parts if part is not None]
    return sum(known) if known else None


def money(parts: Iterable[Decimal | None]) -> Decimal | None:
    known = [part for part in parts if part is not None]
    return sum(known, Decimal()) if known else None


def added(parts: Iterable[Figures]) -> Figures:
    """All of them together."""
    every = list(parts)
    counts = {name: total(getattr(each, name) for each in every) for name in MEASURES}
    return Figures(
        **counts,
        estimate=money(each.estimate for each in every),
        unpriced_requests=sum(each.unpriced_requests for each in every),
        unpriced_rows=sum(each.unpriced_rows for each in every),
        unpriced_tokens=sum(each.unpriced_tokens for each in every),
        by_unit=money(each.by_unit for each in every),
    )
