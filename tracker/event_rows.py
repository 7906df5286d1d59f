"""The rows of `usage_events` as ingest reads, removes and adds them.

Statements of every unit are made once: making one anew takes several times as long as executing it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime

from msgspec.structs import astuple
from sqlalchemy import BigInteger, bindparam, delete, select, type_coerce
from sqlmodel import Session

from tracker.db import plain
from tracker.ledger import Claim
from tracker.models import UsageEvent, UsageSeries, table_of
from tracker.pricing import How, PriceVersion
from tracker.usage import MEASURES, UsageRecord

EVENTS, SERIES = table_of(UsageEvent), table_of(UsageSeries)

EventKey = tuple[datetime, int]
"""Start of the bucket and id of the series; unique within a workspace."""

Counts = tuple[int | None, ...]
"""What was used, in the order of MEASURES."""

NANOS = type_coerce(EVENTS.c.estimated_cost, BigInteger)
STORED = (
    select(EVENTS.c.bucket_start, EVENTS.c.series_id, NANOS, *(EVENTS.c[name] for name in MEASURES))
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
) -> dict[EventKey, tuple[Counts, int | None]]:
    """Key → (counts, nano-dollars) of what is stored of a claimed endpoint for [start, end) in these days."""
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
    rows: Sequence[tuple[EventKey, UsageRecord]],
    priced: Sequence[tuple[int | None, How]],
    versions: Mapping[PriceVersion, int],
) -> None:
    """Add the rows (one at least), each at its price; `versions` are the ids of the rates that priced them."""
    nanos, hows = zip(*priced, strict=True)
    columns = [
        [claimed.workspace_id] * len(rows),
        *zip(*[key for key, _ in rows], strict=True),
        *zip(*[astuple(record.measures) for _, record in rows], strict=True),
        nanos,
        [how.basis for how in hows],
        [versions[how.version] if how.version else None for how in hows],
        [how.own.id if how.own else None for how in hows],
    ]
    plain.insert_columns(session, EVENTS, columns)


assert [column.name for column in EVENTS.c] == [
    *("workspace_id", "bucket_start", "series_id"),
    *MEASURES,
    *("estimated_cost", "cost_basis", "price_version_id", "workspace_price_id"),
], "insert() follows the table's order of columns"


def counts_of(record: UsageRecord) -> Counts:
    return astuple(record.measures)
