"""The rows behind a bar: the stored events of a day or an hour, of one value of the grouping or of all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Select, func, select

from tracker import clock
from tracker.explore.span import Span
from tracker.explore.usage import EVENTS, SERIES, of_series, within
from tracker.explore.view import By, Chosen, View
from tracker.overview.events import COUNTS, DIMENSIONS, Event, display_names, event_of
from tracker.product import Product

MOST = 500


@dataclass(frozen=True)
class Rows:
    """The dearest events, those without a price after them; `count` is how many there are in all."""

    events: tuple[Event, ...]
    count: int


def behind(
    product: Product, workspace_id: int, view: View, place: date, values: tuple[Chosen, ...] | None, *, days: int = 1
) -> Rows:
    """The events whose grouping has one of `values`, of so many days of the view's zone from a day on.

    An hour (aware UTC) as the place is that hour alone.
    """
    start, end = bounds(place, view.zone, days=days)
    only: dict[By, tuple[Chosen, ...]] = dict(view.only)
    if values is not None:
        only[view.by] = tuple(value for value in values if view.by not in only or value in only[view.by])
    conditions = (*within(workspace_id, start, end), *of_series(workspace_id, only))
    with product.database.workspace(workspace_id) as session:
        found = session.execute(_events(workspace_id).where(*conditions)).all()
        count = session.execute(select(func.count()).select_from(EVENTS).where(*conditions)).scalar_one()
        names = display_names(session, workspace_id) if found else {}
    return Rows(tuple(event_of(row, names) for row in found), int(count))


def bounds(place: date, zone: str, *, days: int = 1) -> tuple[datetime, datetime]:
    """The instants [start, end) of so many days of a zone, or of an hour."""
    if isinstance(place, datetime):
        return place, place + timedelta(hours=1)
    span = Span(place, place + clock.DAY * days, zone)
    return span.start_at, span.end_at


def _events(workspace_id: int) -> Select[Any]:
    return (
        select(
            EVENTS.c.bucket_start,
            EVENTS.c.estimated_cost,
            EVENTS.c.cost_basis,
            *(EVENTS.c[name] for name in COUNTS),
            *(SERIES.c[name] for name in DIMENSIONS),
        )
        .join_from(EVENTS, SERIES, EVENTS.c.series_id == SERIES.c.id)
        .where(SERIES.c.workspace_id == workspace_id)
        .order_by(EVENTS.c.estimated_cost.desc().nulls_last(), EVENTS.c.bucket_start, EVENTS.c.series_id)
        .limit(MOST)
    )
