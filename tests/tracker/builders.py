"""What tests of the data layer store: two workspaces with a connection each, hand-made rows, one day in November."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from tracker import clock, ingest, ledger
from tracker.buckets import Buckets
from tracker.coverage import Unit
from tracker.db import Database, ProcessRole, open_database
from tracker.ingest import Stored
from tracker.ledger import Claim
from tracker.models import ProviderKey, Workspace
from tracker.providers import PROVIDERS
from tracker.providers.base import Endpoint, Fetched
from tracker.usage import BilledCost, Dimensions, Measures, RowSetAside, UsageRecord

DAY = date(2026, 11, 10)
AFTER = datetime(2026, 11, 11, 3, tzinfo=UTC)
ENDPOINTS = {endpoint.name: endpoint for endpoint in PROVIDERS["openai"].endpoints}
COMPLETIONS = ENDPOINTS["completions"]


@contextmanager
def two_workspaces(url: str, *, role: ProcessRole = "worker") -> Iterator[Database]:
    """Workspaces 1 and 2, each with a connection of the same number."""
    opened = open_database(url, role=role)
    for number in (1, 2):
        with owned(opened).exempt(write=True) as session:
            session.add(Workspace(name=f"workspace {number}", created_at=AFTER))
        with owned(opened).workspace(number, write=True) as session:
            session.add(connection_of(number))
    yield opened
    opened.engine.dispose()


def owned(database: Database) -> Database:
    """The same database with its owner's rights, for what no process of the product does."""
    return replace(database, role="owner")


def connection_of(workspace: int, label: str = "k") -> ProviderKey:
    return ProviderKey(
        workspace_id=workspace, provider="openai", label=label, origin="o", last4="1234", created_at=AFTER
    )


def record(
    hour: int = 0,
    *,
    day: date = DAY,
    usage_type: str = "completions",
    model: str | None = "gpt-5.4",
    tokens: int = 1_000,
    requests: int | None = 1,
    **dims: Any,
) -> UsageRecord:
    """One hour of usage: at $2.50 a million input and $15 a million output tokens, gpt-5.4 costs $0.00265."""
    start = clock.day_start(day) + timedelta(hours=hour)
    measures = Measures(requests=requests, input_tokens=tokens, input_cached_tokens=0, output_tokens=10)
    return UsageRecord(start, Dimensions(usage_type, 3_600, model=model, **dims), measures)


def unit(database: Database, endpoint: Endpoint = COMPLETIONS, *, days: int = 1, key: int = 1) -> Unit:
    """The days from DAY on with the fences that the ledger of this connection holds now."""
    workspace = workspace_of(key)
    with database.workspace(workspace) as session:
        known = ledger.read(session, workspace, key).get(endpoint.name, {})
    end = DAY + timedelta(days=days)
    fences = tuple(known[day].fence if day in known else 0 for day in clock.days(DAY, end))
    return Unit(endpoint.name, DAY, end, fences)


def workspace_of(key: int) -> int:
    """Connection 2 is workspace 2's; 1, and any that a test adds, are workspace 1's."""
    return 2 if key == 2 else 1


def claim(
    database: Database,
    endpoint: Endpoint = COMPLETIONS,
    *,
    now: datetime = AFTER,
    days: int = 1,
    owner: str = "w",
    key: int = 1,
) -> Claim:
    """The unit, claimed in a transaction of its own."""
    wanted = unit(database, endpoint, days=days, key=key)
    workspace = workspace_of(key)
    with replace(database, role="worker").workspace(workspace, write=True) as session:
        return ledger.claim(session, workspace, key, wanted, owner=owner, now=now)


def store(
    database: Database,
    *rows: UsageRecord | BilledCost | RowSetAside,
    endpoint: str = "completions",
    now: datetime = AFTER,
    days: int = 1,
    key: int = 1,
    dropped: tuple[str, ...] = (),
    untold: frozenset[date] = frozenset(),
) -> Stored:
    """Claim the days from DAY on and store, as the worker does, these rows as all that the provider told of them."""
    usage = Buckets.of(row for row in rows if isinstance(row, UsageRecord))
    costs = tuple(row for row in rows if isinstance(row, BilledCost))
    aside = tuple(row for row in rows if isinstance(row, RowSetAside))
    if database.role == "web":  # only a worker stores usage, whoever looks at it then
        database = replace(database, role="worker")
    claimed = claim(database, ENDPOINTS[endpoint], now=now, days=days, key=key)
    with replace(database, role="worker").workspace(claimed.workspace_id, write=True) as session:
        fetched = Fetched(usage, costs, dropped, set_aside=aside, untold=untold)
        return ingest.store(session, claimed, fetched, endpoint=ENDPOINTS[endpoint], provider="openai", now=now)
