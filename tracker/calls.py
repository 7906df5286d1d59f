"""The record of every use of a provider key: a row before the request leaves, its answer added afterwards.

A row without a status is a request whose answer was never recorded, because the process ended first.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlmodel import Session

from tracker import ledger, metrics
from tracker.clock import utc_now
from tracker.db import Database
from tracker.ledger import Claim
from tracker.models import ProviderCall, ProviderKey, table_of

CALLS, KEYS = table_of(ProviderCall), table_of(ProviderKey)
ANSWER = ("status", "received_bytes", "duration_ms")


@dataclass
class KeptCalls:
    """Calls made with a key that is not stored yet; `store` writes them once it is."""

    rows: list[dict[str, Any]] = field(default_factory=list)

    def started(self, method: str, path: str) -> int:
        self.rows.append({"started_at": utc_now(), "method": method, "path": path})
        return len(self.rows) - 1

    def finished(self, call_id: int, *, status: int | None, received_bytes: int, duration_ms: int) -> None:
        metrics.CALLS.labels(status or "none").inc()
        self.rows[call_id] |= _answer(status, received_bytes, duration_ms)

    def store(self, session: Session, workspace_id: int, provider_key_id: int) -> None:
        of = {"workspace_id": workspace_id, "provider_key_id": provider_key_id}
        if self.rows:
            session.execute(insert(CALLS), [{**_answer(None, 0, 0), **row, **of} for row in self.rows])


@dataclass
class RecordedCalls:
    """Calls made with a stored key, each on record before it leaves. Answers come with the next call, or `flush`.

    While a unit is `claimed`, each call also renews its lease, and a unit that was lost asks for nothing more.
    """

    database: Database
    workspace_id: int
    provider_key_id: int
    claimed: Claim | None = None
    _answers: dict[int, dict[str, Any]] = field(default_factory=dict)

    def started(self, method: str, path: str) -> int:
        return self.database.retrying(lambda: self._start(method, path, utc_now()))

    def finished(self, call_id: int, *, status: int | None, received_bytes: int, duration_ms: int) -> None:
        metrics.CALLS.labels(status or "none").inc()
        self._answers[call_id] = _answer(status, received_bytes, duration_ms)

    def flush(self, session: Session) -> None:
        """Write the answers known so far in the caller's transaction."""
        for call_id, answer in self._answers.items():
            of = (CALLS.c.workspace_id == self.workspace_id, CALLS.c.id == call_id)
            session.execute(update(CALLS).where(*of).values(**answer))

    def _start(self, method: str, path: str, at: datetime) -> int:
        row = {
            "workspace_id": self.workspace_id,
            "provider_key_id": self.provider_key_id,
            "started_at": at,
            "method": method,
            "path": path,
        }
        with self.database.workspace(self.workspace_id, write=True) as session:
            self.flush(session)
            if self.claimed:
                ledger.renew(session, self.claimed, now=at)
            call_id = int(session.execute(insert(CALLS).values(**row).returning(CALLS.c.id)).scalar_one())
        self._answers.clear()
        return call_id


@dataclass(frozen=True)
class Call:
    """One use of a key. `status` is None when no answer came or was recorded; the rest then too."""

    provider_key: str
    at: datetime
    method: str
    path: str
    status: int | None
    received_bytes: int | None
    duration_ms: int | None


def made(session: Session, workspace_id: int, *, provider_key_id: int | None = None) -> Iterator[Call]:
    """Every call ever made with the workspace's keys, or with one of them, oldest first; a batch in memory."""
    table = CALLS.c
    statement = (
        select(KEYS.c.label, table.started_at, table.method, table.path, *(table[name] for name in ANSWER))
        .join_from(CALLS, KEYS, table.provider_key_id == KEYS.c.id)
        .where(table.workspace_id == workspace_id, KEYS.c.workspace_id == workspace_id)
        .order_by(table.started_at, table.id)
        .execution_options(yield_per=1_000)
    )
    if provider_key_id is not None:
        statement = statement.where(table.provider_key_id == provider_key_id)
    with closing(session.execute(statement)) as found:
        for row in found:
            yield Call(*row)


def _answer(status: int | None, received_bytes: int, duration_ms: int) -> dict[str, Any]:
    return {"status": status, "received_bytes": received_bytes, "duration_ms": duration_ms}
