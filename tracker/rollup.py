"""The daily rollups: recomputed from the events of the touched days, in the transaction that touched them.

Events are added up by series (`series_days`), and those by connection and model (`daily_usage`).
Law: for every day and connection, the sums of both are the sums of `usage_events`.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, Table, bindparam, delete, func, insert, select, type_coerce
from sqlmodel import Session

from tracker import clock
from tracker.columns import UtcDay
from tracker.db import plain
from tracker.models import NONE_MODEL, DailyUsage, SeriesDay, UsageEvent, UsageSeries, table_of
from tracker.points import reached
from tracker.usage import CostBasis

EVENTS, SERIES = table_of(UsageEvent), table_of(UsageSeries)
DAILY, SERIES_DAYS = table_of(DailyUsage), table_of(SeriesDay)

DAILY_MEASURES = (
    "requests",
    "input_tokens",
    "input_cached_tokens",
    "input_cache_write_tokens",
    "output_tokens",
    "input_audio_tokens",
    "output_audio_tokens",
)

DAY_OF_BUCKET = type_coerce(type_coerce(EVENTS.c.bucket_start, BigInteger) // 86_400, UtcDay)
"""A bucket belongs to the UTC day in which it starts, wherever it ends."""

UNPRICED_ROWS = func.count().filter(EVENTS.c.cost_basis == CostBasis.UNPRICED)
UNPRICED_REQUESTS = func.coalesce(
    func.sum(EVENTS.c.requests).filter(EVENTS.c.cost_basis == CostBasis.UNPRICED),
    0,
)
UNPRICED_TOKENS = tuple(
    func.coalesce(func.sum(EVENTS.c[name]).filter(EVENTS.c.cost_basis == CostBasis.UNPRICED), 0)
    for name in ("input_tokens", "output_tokens")
)
UNPRICED_TOKENLESS_ROWS = func.count().filter(
    EVENTS.c.cost_basis == CostBasis.UNPRICED, EVENTS.c.input_tokens.is_(None), EVENTS.c.output_tokens.is_(None)
)


COUNTS = (
    "rows",
    "unpriced_rows",
    "unpriced_requests",
    "unpriced_input_tokens",
    "unpriced_output_tokens",
    "unpriced_tokenless_rows",
)
SUMS = (*COUNTS, *DAILY_MEASURES, "estimated_cost")
"""Columns of both rollups that are added up, as the events are in `_events`."""

OF_KEY = (SERIES.c.workspace_id == bindparam("of_workspace"), SERIES.c.provider_key_id == bindparam("of_key"))


def _of_days(table: Table) -> tuple[ColumnElement[bool], ...]:
    return (
        table.c.workspace_id == bindparam("of_workspace"),
        table.c.day >= bindparam("first_day", type_=UtcDay),
        table.c.day < bindparam("end_day", type_=UtcDay),
    )


def _events() -> Select[Any]:
    """The events of a connection's days by day and series."""
    return (
        select(
            EVENTS.c.workspace_id,
            DAY_OF_BUCKET,
            EVENTS.c.series_id,
            func.count(),
            UNPRICED_ROWS,
            UNPRICED_REQUESTS,
            *UNPRICED_TOKENS,
            UNPRICED_TOKENLESS_ROWS,
            *(func.sum(EVENTS.c[name]) for name in DAILY_MEASURES),
            func.sum(EVENTS.c.estimated_cost),
        )
        .join_from(EVENTS, SERIES, EVENTS.c.series_id == SERIES.c.id)
        .where(
            EVENTS.c.workspace_id == bindparam("of_workspace"),
            EVENTS.c.bucket_start >= bindparam("start"),
            EVENTS.c.bucket_start < bindparam("end"),
            *OF_KEY,
        )
        .group_by(EVENTS.c.workspace_id, DAY_OF_BUCKET, EVENTS.c.series_id)
    )


def _series_days() -> Select[Any]:
    """The series of a connection's days by day, connection, provider and model."""
    by = (
        SERIES_DAYS.c.workspace_id,
        SERIES_DAYS.c.day,
        SERIES.c.provider_key_id,
        SERIES.c.provider,
        func.coalesce(SERIES.c.model, NONE_MODEL),
    )
    return (
        select(*by, *(func.sum(SERIES_DAYS.c[name]) for name in SUMS))
        .join_from(SERIES_DAYS, SERIES, SERIES_DAYS.c.series_id == SERIES.c.id)
        .where(*_of_days(SERIES_DAYS), *OF_KEY)
        .group_by(*by)
    )


CLEAR_SERIES = delete(SERIES_DAYS).where(
    *_of_days(SERIES_DAYS), SERIES_DAYS.c.series_id.in_(select(SERIES.c.id).where(*OF_KEY))
)
FILL_SERIES = insert(SERIES_DAYS).from_select(("workspace_id", "day", "series_id", *SUMS), _events())
CLEAR = delete(DAILY).where(*_of_days(DAILY), DAILY.c.provider_key_id == bindparam("of_key"))
FILL = insert(DAILY).from_select(("workspace_id", "day", "provider_key_id", "provider", "model", *SUMS), _series_days())


def recompute(session: Session, workspace_id: int, provider_key_id: int, start: date, end: date) -> None:
    """Make the rollups of a connection's days [start, end) again from its events."""
    of_key = {"of_workspace": workspace_id, "of_key": provider_key_id}
    of_days = {**of_key, "first_day": start, "end_day": end}
    with plain.together(session):
        plain.run(session, CLEAR_SERIES, of_days)
        plain.run(session, CLEAR, of_days)
        reached("rollup cleared")
        plain.run(session, FILL_SERIES, {**of_key, "start": clock.day_start(start), "end": clock.day_start(end)})
        reached("series rolled up")
        plain.run(session, FILL, of_days)
        reached("rollup filled")
