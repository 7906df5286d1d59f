"""The daily rollup: recomputed from the events of the touched days, in the transaction that touched them.

Law: for every day and connection, the sum of `daily_usage` is the sum of `usage_events`.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import BigInteger, bindparam, delete, func, insert, select, type_coerce
from sqlmodel import Session

from tracker import clock
from tracker.columns import UtcDay
from tracker.models import NONE_MODEL, DailyUsage, UsageEvent, UsageSeries, table_of
from tracker.points import reached
from tracker.usage import CostBasis

EVENTS, SERIES, DAILY = table_of(UsageEvent), table_of(UsageSeries), table_of(DailyUsage)

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


def _clear() -> Any:
    return delete(DAILY).where(
        DAILY.c.workspace_id == bindparam("of_workspace"),
        DAILY.c.provider_key_id == bindparam("of_key"),
        DAILY.c.day >= bindparam("first_day", type_=UtcDay),
        DAILY.c.day < bindparam("end_day", type_=UtcDay),
    )


def _sum() -> Any:
    model = func.coalesce(SERIES.c.model, NONE_MODEL)
    return (
        select(
            EVENTS.c.workspace_id,
            DAY_OF_BUCKET,
            SERIES.c.provider_key_id,
            SERIES.c.provider,
            model,
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
            SERIES.c.workspace_id == bindparam("of_workspace"),
            SERIES.c.provider_key_id == bindparam("of_key"),
        )
        .group_by(EVENTS.c.workspace_id, DAY_OF_BUCKET, SERIES.c.provider_key_id, SERIES.c.provider, model)
    )


COLUMNS = (
    "workspace_id",
    "day",
    "provider_key_id",
    "provider",
    "model",
    "rows",
    "unpriced_rows",
    "unpriced_requests",
    "unpriced_input_tokens",
    "unpriced_output_tokens",
    "unpriced_tokenless_rows",
    *DAILY_MEASURES,
    "estimated_cost",
)
CLEAR = _clear()
FILL = insert(DAILY).from_select(COLUMNS, _sum())


def recompute(session: Session, workspace_id: int, provider_key_id: int, start: date, end: date) -> None:
    """Make the rollup of a connection's days [start, end) again from its events."""
    of = {"of_workspace": workspace_id, "of_key": provider_key_id}
    session.execute(CLEAR, {**of, "first_day": start, "end_day": end})
    reached("rollup cleared")
    session.execute(FILL, {**of, "start": clock.day_start(start), "end": clock.day_start(end)})
    reached("rollup filled")
