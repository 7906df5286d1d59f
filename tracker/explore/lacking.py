"""What of a view has no price, and what it could cost at most."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, func, select
from sqlmodel import Session

from tracker import unpriced
from tracker.explore.reading import Explored
from tracker.explore.span import Span
from tracker.explore.usage import DAILY, EVENTS, ROLLED_UP, SERIES, Only, among, of_series, rolled_up, within
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
    """The same of a span, of the rows that `only` lets through."""
    from_rollup = span.zone == "UTC" and set(only) <= ROLLED_UP
    statement = (_rollup if from_rollup else _events)(workspace_id, span, only)
    found = [(provider, *map(int, sums)) for provider, *sums in session.execute(statement)]
    return unpriced.total([unpriced.of_provider(*each) for each in found])


def _rollup(workspace_id: int, span: Span, only: Only) -> Select[Any]:
    return (
        select(DAILY.c.provider, *(func.sum(DAILY.c[name]) for name in unpriced.COUNTS))
        .where(
            DAILY.c.workspace_id == workspace_id,
            DAILY.c.day >= span.first,
            DAILY.c.day < span.end,
            DAILY.c.unpriced_rows > 0,
            *(among(rolled_up(name), values) for name, values in only.items()),
        )
        .group_by(DAILY.c.provider)
    )


def _events(workspace_id: int, span: Span, only: Only) -> Select[Any]:
    return (
        select(SERIES.c.provider, UNPRICED_ROWS, UNPRICED_REQUESTS, *UNPRICED_TOKENS, UNPRICED_TOKENLESS_ROWS)
        .join_from(EVENTS, SERIES, EVENTS.c.series_id == SERIES.c.id)
        .where(
            *within(workspace_id, span.start_at, span.end_at),
            *of_series(workspace_id, only),
            EVENTS.c.cost_basis == CostBasis.UNPRICED,
            SERIES.c.workspace_id == workspace_id,
        )
        .group_by(SERIES.c.provider)
    )
