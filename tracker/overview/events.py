"""The last usage events as a person reads them: ids by their names where the provider told them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import bindparam, select
from sqlmodel import Session

from tracker.db import plain
from tracker.models import Name, UsageEvent, UsageSeries, table_of
from tracker.usage import CostBasis

EVENTS, SERIES, NAMES = table_of(UsageEvent), table_of(UsageSeries), table_of(Name)

LAST = 100

DIMENSIONS = ("provider_key_id", "usage_type", "model", "project_id", "api_key_id")
COUNTS = ("requests", "input_tokens", "input_cached_tokens", "output_tokens")


class Event(msgspec.Struct, frozen=True, gc=False):
    """One row of one bucket; `at` is the bucket's start. Unknown counts and costs are None."""

    at: datetime
    model: str | None
    usage_type: str
    project: str | None
    api_key: str | None
    requests: int | None
    input_tokens: int | None
    cached_tokens: int | None
    output_tokens: int | None
    estimate: Decimal | None
    basis: CostBasis


NEWEST = (
    select(
        EVENTS.c.bucket_start,
        EVENTS.c.estimated_cost,
        EVENTS.c.cost_basis,
        *(EVENTS.c[name] for name in COUNTS),
        *(SERIES.c[name] for name in DIMENSIONS),
    )
    .join_from(EVENTS, SERIES, EVENTS.c.series_id == SERIES.c.id)
    .where(EVENTS.c.workspace_id == bindparam("of_workspace"), SERIES.c.workspace_id == bindparam("of_workspace"))
    .order_by(EVENTS.c.bucket_start.desc(), EVENTS.c.series_id)
    .limit(bindparam("count"))
)


def last_events(session: Session, workspace_id: int, *, count: int = LAST) -> list[Event]:
    """The newest events, newest first."""
    rows = plain.rows(session, NEWEST, {"of_workspace": workspace_id, "count": count})
    names = display_names(session, workspace_id) if rows else {}
    return [event_of(row, names) for row in rows]


def event_of(row: Sequence[Any], names: dict[tuple[int, str, str], str | None]) -> Event:
    """An event of a row of start, cost, basis, `COUNTS` and `DIMENSIONS`."""
    at, estimate, basis, requests, fresh, cached, output, of, usage_type, model, project, api_key = row
    return Event(
        at,
        model,
        usage_type,
        names.get((of, "project", project)) or project,
        names.get((of, "api_key", api_key)) or api_key,
        requests,
        fresh,
        cached,
        output,
        estimate,
        basis,
    )


CALLED = select(NAMES.c.provider_key_id, NAMES.c.kind, NAMES.c.ref, NAMES.c.name).where(
    NAMES.c.workspace_id == bindparam("of_workspace")
)


def display_names(session: Session, workspace_id: int) -> dict[tuple[int, str, str], str | None]:
    """(provider key, kind, id) → what the provider calls it."""
    found = plain.rows(session, CALLED, {"of_workspace": workspace_id})
    return {(key_id, kind, ref): name for key_id, kind, ref, name in found}
