"""What of a view has no price, and what it could cost at most."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select
from sqlmodel import Session

from tracker import unpriced
from tracker.explore.reading import Explored
from tracker.explore.span import Span
from tracker.explore.usage import EVENTS, SERIES, SERIES_DAYS, Only, day_in, of_series, of_series_days, within
from tracker.explore.view import By, Chosen, Grain
from tracker.product import Product
from tracker.rollup import UNPRICED_REQUESTS, UNPRICED_ROWS, UNPRICED_TOKENLESS_ROWS, UNPRICED_TOKENS
from tracker.unpriced import Unpriced
from tracker.usage import CostBasis


def read(product: Product, workspace_id: int, seen: Explored) -> Unpriced:
    """The part of the view that is in no estimate; nothing is asked for where all has a price."""
    if not seen.total.unpriced_rows:
        return Unpriced()
    with product.database.workspace(workspace_id) as session:
        return part(session, workspace_id, seen.span, only=seen.view.only)


def part(session: Session, workspace_id: int, span: Span, *, only: Only) -> Unpriced:
    """The same of a span, of the rows that `only` lets through, with its kinds."""
    kind = (SERIES.c.usage_type, SERIES.c.model)
    statement = (_series_days if span.zone == "UTC" else _events)(workspace_id, span, only, kind)
    of_provider: dict[str, list[list[int]]] = defaultdict(list)
    kinds: list[tuple[str, str | None, int]] = []
    for provider, *sums, usage_type, model in session.execute(statement):
        counts = [int(each) for each in sums]
        of_provider[provider].append(counts)
        kinds.append((usage_type, model, counts[0]))
    parts = [_of([name, *map(sum, zip(*counts, strict=True))]) for name, counts in of_provider.items()]
    return replace(unpriced.total(parts), kinds=tuple(unpriced.most_first(kinds)))


def by_cell(
    session: Session, workspace_id: int, span: Span, by: By, *, grain: Grain, only: Only
) -> dict[tuple[date, Chosen], Unpriced]:
    """The same by the span's days or hours and by a dimension; what lacks no price is left out."""
    if span.zone == "UTC" and grain is Grain.DAY:
        statement = _series_days(workspace_id, span, only, (SERIES_DAYS.c.day, SERIES.c[by.column]))
    else:
        at = EVENTS.c.bucket_start if grain is Grain.HOUR else day_in(span)
        statement = _events(workspace_id, span, only, (at, SERIES.c[by.column]))
    parts: dict[tuple[date, Chosen], list[Unpriced]] = defaultdict(list)
    for *row, at_, value in session.execute(statement):
        parts[at_, value].append(_of(row))
    return {cell: unpriced.total(found) for cell, found in parts.items()}


def _of(row: Sequence[Any]) -> Unpriced:
    provider, *sums = row
    return unpriced.of_provider(provider, *map(int, sums))


Divided = Sequence[ColumnElement[Any]]
"""What is told beside the provider and the sums, and summed by."""


def _series_days(workspace_id: int, span: Span, only: Only, by: Divided) -> Select[Any]:
    return (
        select(SERIES.c.provider, *(func.sum(SERIES_DAYS.c[name]) for name in unpriced.COUNTS), *by)
        .join_from(SERIES_DAYS, SERIES, SERIES_DAYS.c.series_id == SERIES.c.id)
        .where(
            *of_series_days(workspace_id, span, only),
            SERIES_DAYS.c.unpriced_rows > 0,
        )
        .group_by(SERIES.c.provider, *by)
    )


def _events(workspace_id: int, span: Span, only: Only, by: Divided) -> Select[Any]:
    return (
        select(SERIES.c.provider, UNPRICED_ROWS, UNPRICED_REQUESTS, *UNPRICED_TOKENS, UNPRICED_TOKENLESS_ROWS, *by)
        .join_from(EVENTS, SERIES, EVENTS.c.series_id == SERIES.c.id)
        .where(
            *within(workspace_id, span.start_at, span.end_at),
            *of_series(workspace_id, only),
            EVENTS.c.cost_basis == CostBasis.UNPRICED,
            SERIES.c.workspace_id == workspace_id,
        )
        .group_by(SERIES.c.provider, *by)
    )
