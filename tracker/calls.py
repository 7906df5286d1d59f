"""The record of every use of a provider key: a row before the request leaves, its answer added afterwards.

A row without a status is a request whose answer was never recorded, because the process ended first.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import astuple, dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, bindparam, func, insert, select, update
from sqlmodel import Session

from tracker import clock, ledger, metrics
from tracker.clock import utc_now
from tracker.db import Database, plain
from tracker.export import cell
from tracker.ledger import Claim
from tracker.models import ProviderCall, ProviderKey, table_of
from tracker.points import reached

CALLS, KEYS = table_of(ProviderCall), table_of(ProviderKey)
ANSWER = ("status", "received_bytes", "duration_ms")
COLUMNS = ("provider_key", "at", "method", "path", *ANSWER)

STARTED = (
    insert(CALLS)
    .values({n: bindparam(n) for n in ("workspace_id", "provider_key_id", "started_at", "method", "path")})
    .returning(CALLS.c.id)
)
ANSWERED = (
    update(CALLS)
    .where(CALLS.c.workspace_id == bindparam("of_workspace"), CALLS.c.id == bindparam("of_call"))
    .values({name: bindparam(name) for name in ANSWER})
)


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
    _foreseen: tuple[str, str, int] | None = None

    def foresee(self, session: Session, method: str, path: str) -> None:
        """Put the first call on record in the transaction that claims the unit: one less to wait for on a disk."""
        self._foreseen = (method, path, self._record(session, method, path, utc_now()))

    def started(self, method: str, path: str) -> int:
        foreseen, self._foreseen = self._foreseen, None
        if foreseen and foreseen[:2] == (method, path):
            call_id = foreseen[2]
        else:
            call_id = self.database.retrying(lambda: self._start(method, path, utc_now()))
        reached("call on record")
        return call_id

    def finished(self, call_id: int, *, status: int | None, received_bytes: int, duration_ms: int) -> None:
        metrics.CALLS.labels(status or "none").inc()
        self._answers[call_id] = _answer(status, received_bytes, duration_ms)

    def flush(self, session: Session) -> None:
        """Write the answers known so far in the caller's transaction."""
        told = [
            {"of_workspace": self.workspace_id, "of_call": call_id, **answer}
            for call_id, answer in self._answers.items()
        ]
        if told:
            plain.run(session, ANSWERED, told)

    def _start(self, method: str, path: str, at: datetime) -> int:
        with self.database.workspace(self.workspace_id, write=True) as session:
            self.flush(session)
            if self.claimed:
                ledger.renew(session, self.claimed, now=at)
                reached("lease renewed")
            call_id = self._record(session, method, path, at)
        self._answers.clear()
        return call_id

    def _record(self, session: Session, method: str, path: str, at: datetime) -> int:
        row = {
            "workspace_id": self.workspace_id,
            "provider_key_id": self.provider_key_id,
            "started_at": at,
            "method": method,
            "path": path,
        }
        ((number,),) = plain.rows(session, STARTED, row)
        return int(number)


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


@dataclass(frozen=True)
class Tally:
    """How often a key was used, and when first and last (UTC); None while it never was."""

    count: int
    first_at: datetime | None
    last_at: datetime | None


def made(
    session: Session,
    workspace_id: int,
    *,
    provider_key_id: int | None = None,
    period: tuple[datetime, datetime] | None = None,
) -> Iterator[Call]:
    """Every call ever made with the workspace's keys, or with one of them, oldest first; a batch in memory.

    With a `period` [start, end) of UTC instants, those that were begun in it.
    """
    statement = _calls(workspace_id, provider_key_id).order_by(CALLS.c.started_at, CALLS.c.id)
    if period is not None:
        statement = statement.where(CALLS.c.started_at >= period[0], CALLS.c.started_at < period[1])
    with closing(session.execute(statement.execution_options(yield_per=1_000))) as found:
        for row in found:
            yield Call(*row)


def made_csv(
    session: Session, workspace_id: int, start: date, end: date, *, provider_key_id: int | None = None
) -> Iterator[str]:
    """Chunks of the CSV of the calls of the UTC days [start, end), as `made`."""
    period = clock.day_start(start), clock.day_start(end)
    yield _csv([COLUMNS])
    for call in made(session, workspace_id, provider_key_id=provider_key_id, period=period):
        yield _csv([[cell(value) for value in astuple(call)]])


def _csv(rows: Sequence[Sequence[str]]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()


def newest(session: Session, workspace_id: int, provider_key_id: int, *, count: int, skip: int = 0) -> list[Call]:
    """So many of the calls made with a key, newest first, after `skip` newer ones."""
    order = (CALLS.c.started_at.desc(), CALLS.c.id.desc())
    statement = _calls(workspace_id, provider_key_id).order_by(*order).limit(count).offset(skip)
    return [Call(*row) for row in session.execute(statement)]


def tally(session: Session, workspace_id: int, provider_key_id: int) -> Tally:
    """How often a key was used."""
    at = CALLS.c.started_at
    of = (CALLS.c.workspace_id == workspace_id, CALLS.c.provider_key_id == provider_key_id)
    return Tally(*session.execute(select(func.count(), func.min(at), func.max(at)).where(*of)).one())


def _calls(workspace_id: int, provider_key_id: int | None) -> Select[Any]:
    table = CALLS.c
    statement = (
        select(KEYS.c.label, table.started_at, table.method, table.path, *(table[name] for name in ANSWER))
        .join_from(CALLS, KEYS, table.provider_key_id == KEYS.c.id)
        .where(table.workspace_id == workspace_id, KEYS.c.workspace_id == workspace_id)
    )
    return statement if provider_key_id is None else statement.where(table.provider_key_id == provider_key_id)


def _answer(status: int | None, received_bytes: int, duration_ms: int) -> dict[str, Any]:
    return {"status": status, "received_bytes": received_bytes, "duration_ms": duration_ms}
