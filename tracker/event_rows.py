"""The rows of `usage_events` as ingest reads, removes and adds them.

Statements of every unit are made once: making one anew takes several times as long as executing it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal

from msgspec.structs import astuple
from sqlalchemy import bindparam, delete, select
from sqlmodel import Session

from tracker.db import plain
from tracker.ledger import Claim
from tracker.models import UsageEvent, UsageSeries, table_of
from tracker.pricing import Priced, PriceVersion
from tracker.usage import MEASURES, UsageRecord

EVENTS, SERIES = table_of(UsageEvent), table_of(UsageSeries)

EventKey = tuple[datetime, int]
"""Start of the bucket and id of the series; unique within a workspace."""

Counts = tuple[int | None, ...]
"""What was used, in the order of MEASURES."""

STORED = (
    select(EVENTS.c.bucket_start, EVENTS.c.series_id, EVENTS.c.estimated_cost, *(EVENTS.c[name] for name in MEASURES))
    .join_from(EVENTS, SERIES, EVENTS.c.series_id == SERIES.c.id)
    .where(
        EVENTS.c.workspace_id == bindparam("of_workspace"),
        EVENTS.c.bucket_start >= bindparam("first"),
        EVENTS.c.bucket_start < bindparam("end"),
        SERIES.c.workspace_id == bindparam("of_workspace"),
        SERIES.c.provider_key_id == bindparam("of_key"),
        SERIES.c.usage_type == bindparam("of_endpoint"),
    )
)
REMOVE = delete(EVENTS).where(
    EVENTS.c.workspace_id == bindparam("of_workspace"),
    EVENTS.c.bucket_start == bindparam("of_start"),
    EVENTS.c.series_id == bindparam("of_series"),
)


def read(
    session: Session, claimed: Claim, start: datetime, end: datetime, *, days: Collection[date]
) -> dict[EventKey, tuple[Counts, Decimal | None]]:
    """Key → (counts, cost) of what is stored of a claimed endpoint for [start, end) in these days; no day, no look."""
    if not days:
        return {}
    of = {
        "of_workspace": claimed.workspace_id,
        "of_key": claimed.provider_key_id,
        "of_endpoint": claimed.unit.endpoint,
        "first": start,
        "end": end,
    }
    found = ((row[0], row[1], row[2], tuple(row[3:])) for row in plain.rows(session, STORED, of))
    return {(at, series): (counts, cost) for at, series, cost, counts in found if at.date() in days}


def remove(session: Session, claimed: Claim, keys: Sequence[EventKey]) -> None:
    rows = [{"of_workspace": claimed.workspace_id, "of_start": start, "of_series": series} for start, series in keys]
    if rows:
        plain.run(session, REMOVE, rows)


def insert(
    session: Session,
    claimed: Claim,
    records: Mapping[EventKey, UsageRecord],
    priced: Mapping[EventKey, Priced],
    versions: Mapping[PriceVersion, int],
) -> None:
    """Add the rows (one at least), in the order of `priced`; `versions` are the ids of the rates that priced them."""
    told = priced.values()
    columns = [
        [claimed.workspace_id] * len(priced),
        *zip(*priced, strict=True),
        *zip(*[astuple(records[key].measures) for key in priced], strict=True),
        [p.cost for p in told],
        [p.basis for p in told],
        [versions[p.version] if p.version else None for p in told],
        [p.own.id if p.own else None for p in told],
    ]
    plain.insert_columns(session, EVENTS, columns)


assert [column.name for column in EVENTS.c] == [
    *("workspace_id", "bucket_start", "series_id"),
    *MEASURES,
    *("estimated_cost", "cost_basis", "price_version_id", "workspace_price_id"),
], "insert() follows the table's order of columns"


def counts_of(record: UsageRecord) -> Counts:
    return astuple(record.measures)
