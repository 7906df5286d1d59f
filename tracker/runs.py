"""The records of work: what each run on a connection came to, and which workers are alive."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import bindparam, func, insert, select, update
from sqlmodel import Session

from tracker import metrics, standing
from tracker.clock import utc_now
from tracker.db import Database, plain, upsert
from tracker.fetching import Done, Outcome
from tracker.models import FetchRun, Worker, table_of
from tracker.reconcile import Connection

RUNS, WORKERS = table_of(FetchRun), table_of(Worker)

ALIVE_FOR = timedelta(seconds=30)
"""A worker that gave no sign of life for so long is taken to be gone."""


@dataclass
class Run:
    """One worker's stretch of work on one connection, counted as it goes."""

    connection: Connection
    run_id: int
    units_done: int = 0
    units_failed: int = 0
    days: int = 0
    rows: int = 0
    reason: str | None = None
    began_s: float = field(default_factory=time.monotonic)

    def count(self, done: Done) -> None:
        """Add how a unit ended; another worker's unit is not ours to count."""
        metrics.UNITS.labels(done.outcome).inc()
        self.units_done += done.outcome == Outcome.STORED
        self.units_failed += done.outcome == Outcome.FAILED
        self.days += done.days
        self.rows += done.rows
        if done.outcome == Outcome.FAILED:
            self.reason = done.reason


def open_run(database: Database, connection: Connection, *, worker: str) -> Run:
    """Record that a worker begins to work on a connection."""
    row = {
        "workspace_id": connection.workspace_id,
        "provider_key_id": connection.provider_key_id,
        "worker": worker,
        "started_at": utc_now(),
        "units_done": 0,
        "units_failed": 0,
        "days": 0,
        "rows": 0,
    }
    with database.workspace(connection.workspace_id, write=True) as session:
        ((run_id,),) = plain.rows(session, OPEN, row)
    return Run(connection, int(run_id))


OPENED = ("workspace_id", "provider_key_id", "worker", "started_at", "units_done", "units_failed", "days", "rows")
OPEN = insert(RUNS).values({name: bindparam(name) for name in OPENED}).returning(RUNS.c.id)


def close_run(database: Database, run: Run) -> None:
    """Record how it ended: `done`, or `failed` when any unit was left."""
    metrics.RUN_SECONDS.observe(time.monotonic() - run.began_s)
    values = {
        "of_workspace": run.connection.workspace_id,
        "of_run": run.run_id,
        "finished_at": utc_now(),
        "units_done": run.units_done,
        "units_failed": run.units_failed,
        "days": run.days,
        "rows": run.rows,
        "outcome": "failed" if run.units_failed else "done",
        "reason": run.reason,
    }
    with database.workspace(run.connection.workspace_id, write=True) as session:
        plain.run(session, CLOSE, values)


CLOSED = ("finished_at", "units_done", "units_failed", "days", "rows", "outcome", "reason")
CLOSE = (
    update(RUNS)
    .where(RUNS.c.workspace_id == bindparam("of_workspace"), RUNS.c.id == bindparam("of_run"))
    .values({name: bindparam(name) for name in CLOSED})
)


def sign_of_life(
    database: Database,
    worker: str,
    *,
    started_at: datetime,
    next_run_at: datetime,
    stopped: bool = False,
) -> None:
    """Record that the worker lives (or has stopped in order), when it next fetches by the clock, and how all stands."""
    now = utc_now()
    seen = standing.look(database, now=now)
    values = {
        "id": worker,
        "started_at": started_at,
        "seen_at": now,
        "stopped_at": now if stopped else None,
        "next_run_at": next_run_at,
        "uncovered_day": seen.uncovered_day,
        "late_since": seen.late_since,
        "last_success_at": seen.last_success_at,
    }
    with database.exempt(write=True) as session:
        statement = upsert(session, WORKERS)
        told = {name: statement.excluded[name] for name in values if name not in {"id", "started_at"}}
        session.execute(statement.on_conflict_do_update(index_elements=["id"], set_=told), [values])


LIVING = select(func.count(WORKERS.c.id)).where(WORKERS.c.stopped_at.is_(None), WORKERS.c.seen_at > bindparam("since"))


def living_workers(session: Session, *, now: datetime) -> int:
    """How many workers gave a sign of life just now."""
    return int(session.execute(LIVING, {"since": now - ALIVE_FOR}).scalar_one())
