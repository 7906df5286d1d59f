"""Where the price of each model is from: the list or an agreement, and since when; by the newest priced events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select
from sqlmodel import Session

from tracker import clock, workspace_prices
from tracker.models import PriceVersion, UsageEvent, UsageSeries, table_of
from tracker.overview.figures import NO_MODEL
from tracker.overview.lines import Line

EVENTS, SERIES, VERSIONS = table_of(UsageEvent), table_of(UsageSeries), table_of(PriceVersion)


@dataclass(frozen=True)
class Source:
    """`own`: the workspace agreed it. `since` is the UTC day from which it holds; None for a price as first listed."""

    own: bool
    since: date | None


PARTLY, ONLY_BILLED = "partly unpriced", "only billed"


def words(line: Line, source: Source | None) -> str:
    """Where a line's price is from, as every table and file says it; that some of its usage has none goes after it."""
    if not line.is_used:
        return ONLY_BILLED
    if line.unpriced_rows and line.estimate is None:
        return "unpriced"
    told = ("yours" if source.own else "list") if source else ""
    if line.unpriced_rows:
        return f"{told}, {PARTLY}" if told else PARTLY
    return told or ("free" if line.estimate == 0 else "list or yours")


def sources(session: Session, workspace_id: int, start: date, end: date) -> dict[str, Source]:
    """The source of each model's price in the UTC days [start, end); models without a priced event are left out."""
    newest = func.max(EVENTS.c.bucket_start)
    statement = (
        select(SERIES.c.model, EVENTS.c.price_version_id, EVENTS.c.workspace_price_id, newest)
        .join_from(EVENTS, SERIES, EVENTS.c.series_id == SERIES.c.id)
        .where(
            EVENTS.c.workspace_id == workspace_id,
            SERIES.c.workspace_id == workspace_id,
            EVENTS.c.bucket_start >= clock.day_start(start),
            EVENTS.c.bucket_start < clock.day_start(end),
            EVENTS.c.estimated_cost.is_not(None),
        )
        .group_by(SERIES.c.model, EVENTS.c.price_version_id, EVENTS.c.workspace_price_id)
        .order_by(newest)
    )
    own = {price.id: price.effective_from for price in workspace_prices.every(session, workspace_id).prices}
    listed = _since(session)
    found: dict[str, Source] = {}
    for model, version, agreed, _ in session.execute(statement):
        if agreed in own:
            found[model or NO_MODEL] = Source(own=True, since=own[agreed])
        elif version in listed:
            found[model or NO_MODEL] = Source(own=False, since=listed[version])
    return found


def _since(session: Session) -> dict[int, date | None]:
    """From which day every set of rates on the list holds."""
    found = session.execute(select(VERSIONS.c.id, VERSIONS.c.effective_from))
    return {version.id: version.effective_from for version in found}
