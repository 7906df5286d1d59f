"""Stored rows of usage as they were told, with what they are priced at: what explaining and repricing both read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlmodel import Session

from tracker.models import UsageEvent, UsageSeries, table_of
from tracker.usage import DIMENSIONS, MEASURES, CostBasis, Dimensions, Measures, UsageRecord

EVENTS, SERIES = table_of(UsageEvent), table_of(UsageSeries)

BATCH = 1_000
"""Rows in memory at a time."""


@dataclass(frozen=True, slots=True)
class Price:
    """What a row is stored at: USD (None: unpriced), how it came about, the list's version and the agreed price."""

    cost: Decimal | None
    basis: CostBasis
    version_id: int | None
    own_id: int | None


@dataclass(frozen=True, slots=True)
class StoredRow:
    """One row of one bucket; its key within the workspace is (record.bucket_start, series_id)."""

    record: UsageRecord
    series_id: int
    provider_key_id: int
    provider: str
    price: Price

    @property
    def measures_digest(self) -> bytes:
        """Tells whether the row was restated: 16 bytes over its counts."""
        counts = tuple(getattr(self.record.measures, name) for name in MEASURES)
        return hashlib.sha256(repr(counts).encode()).digest()[:16]


PRICE = (EVENTS.c.estimated_cost, EVENTS.c.cost_basis, EVENTS.c.price_version_id, EVENTS.c.workspace_price_id)
COLUMNS = (
    EVENTS.c.bucket_start,
    EVENTS.c.series_id,
    SERIES.c.provider_key_id,
    SERIES.c.provider,
    *PRICE,
    *(SERIES.c[name].label(f"of_{name}") for name in DIMENSIONS),
    *(EVENTS.c[name].label(f"count_{name}") for name in MEASURES),
)


def rows(
    session: Session, workspace_id: int, start: datetime, end: datetime, *conditions: ColumnElement[bool]
) -> Iterator[StoredRow]:
    """The rows whose buckets start in [start, end), by time, a batch in memory at a time."""
    statement = (
        select(*COLUMNS)
        .join_from(EVENTS, SERIES, EVENTS.c.series_id == SERIES.c.id)
        .where(
            EVENTS.c.workspace_id == workspace_id,
            SERIES.c.workspace_id == workspace_id,
            EVENTS.c.bucket_start >= start,
            EVENTS.c.bucket_start < end,
            *conditions,
        )
        .order_by(EVENTS.c.bucket_start, EVENTS.c.series_id)
        .execution_options(yield_per=BATCH)
    )
    with closing(session.execute(statement)) as found:  # a reader that has enough leaves a cursor open otherwise
        for row in found:
            yield _row(tuple(row))


def _row(row: tuple[Any, ...]) -> StoredRow:
    start, series, key, provider, cost, basis, version, own, *told = row
    dimensions = Dimensions(*told[: len(DIMENSIONS)])
    record = UsageRecord(start, dimensions, Measures(*told[len(DIMENSIONS) :]))
    return StoredRow(record, series, key, provider, Price(cost, CostBasis(basis), version, own))
