"""What takes a look at every event of the month, kept until the workspace was read again or priced anew.

The workspace is part of what an answer is kept under: a cache of Streamlit's is shared by everybody.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

import streamlit as st

from pages.ui.context import Context
from tracker import clock, queries
from tracker.explore.reading import Explored
from tracker.explore.view import By
from tracker.limits import Limits
from tracker.overview import Overview, Period, provenance
from tracker.overview.provenance import Source
from tracker.product import Product
from tracker.reconciliation.causes import Cause
from tracker.reconciliation.statement import statement

MOST_EVENTS = 200_000
"""Usage events up to which the first page looks at each one; beyond, the pages of their own do."""

Version = tuple[datetime | None, Decimal | None, Decimal | None]
"""When the workspace was read, and its bill and estimate: another one calls for another look."""


@dataclass(frozen=True)
class Explained:
    """Percent with a cause (None: nothing differs), US dollars without one, and the largest cause with its amount."""

    share: Decimal | None
    left: Decimal
    cause: str
    amount: Decimal | None


def explained(ctx: Context, seen: Overview) -> Explained | None:
    """Of the month's bill so far; None where there is none, or too much to compare in passing."""
    if seen.billed is None:
        return None
    end = seen.billed.through + clock.DAY
    limited = seen.reach.limits
    parts = tuple(limited.last.items()), tuple(sorted(limited.holes))
    return explained_of(ctx.product, ctx.workspace_id, seen.cycle.start, end, _version(seen), *parts)


def sources(ctx: Context, seen: Overview, period: Period) -> dict[str, Source]:
    """Where each model's price is from; empty where there is too much to look through in passing."""
    days = seen.cycle.days_of(period)
    return sources_of(ctx.product, ctx.workspace_id, days[0], days[-1] + clock.DAY, _version(seen))


def explored_sources(ctx: Context, seen: Explored) -> dict[str, Source]:
    """The same for a view by model: of other names a price is not told."""
    if seen.view.by is not By.MODEL:
        return {}
    first, end = seen.span.utc_days
    return sources_of(
        ctx.product, ctx.workspace_id, first, end, (None, seen.bill.total if seen.bill else None, seen.total.estimate)
    )


def _version(seen: Overview) -> Version:
    return seen.read_at, seen.billed.amount if seen.billed else None, seen.month.spend


@st.cache_data(ttl=timedelta(hours=1), max_entries=500, show_spinner=False)
def sources_of(_product: Product, workspace_id: int, start: date, end: date, version: Version) -> dict[str, Source]:
    """As `sources`, of the UTC days [start, end)."""
    del version
    with _product.database.workspace(workspace_id) as session:
        if queries.count_events(session, workspace_id, start, end) > MOST_EVENTS:
            return {}
        return provenance.sources(session, workspace_id, start, end)


@st.cache_data(ttl=timedelta(hours=1), max_entries=500, show_spinner=False)
def explained_of(
    _product: Product,
    workspace_id: int,
    start: date,
    end: date,
    version: Version,
    last: tuple[tuple[int, date], ...] = (),
    holes: tuple[tuple[int, date], ...] = (),
) -> Explained | None:
    """As `explained`, of the UTC days [start, end), of each connection up to its `last` day, without its `holes`."""
    del version
    with _product.database.workspace(workspace_id) as session:
        if queries.count_events(session, workspace_id, start, end) > MOST_EVENTS:
            return None
    told = statement(_product, workspace_id, start, end, limited=Limits(dict(last), frozenset(holes)))
    known = [(cause, amount) for cause, amount in told.causes if cause is not Cause.UNEXPLAINED]
    cause, amount = max(known, key=lambda one: abs(one[1]), default=(None, None))
    share = told.headline.explained
    return Explained(
        share=None if share is None else (share * 100).quantize(Decimal("0.1")),
        left=told.headline.unexplained,
        cause=cause.value if cause else "",
        amount=amount,
    )
