"""How the installation stands: what is due, since when anything is late, and as of when everything was up to date.

Told of connections that work: a refused or paused key is its owner's business. A worker looks across workspaces and
leaves what it saw in its own row; the web process, which may not look, reads it there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlmodel import Session

from tracker import clock
from tracker.db import Database
from tracker.models import KeyStatus, ProviderKey, Worker, table_of

KEYS, WORKERS = table_of(ProviderKey), table_of(Worker)

LATE_AFTER = timedelta(hours=26)
"""A finished day is read by the next daily reading; two hours later it is late, and somebody is to know."""

MOMENT = timedelta(microseconds=1)
COLUMNS = ("id", "created_at", "next_due_at", "uncovered_day", "behind_since", "last_success_at")


@dataclass(frozen=True)
class Standing:
    """Connections that work, those due now and those behind; None where there is nothing to tell.

    `uncovered_day` is the oldest finished UTC day that was not read since it ended, `late_since` when the longest
    waiting work could have been done, `last_success_at` as of when everything was up to date. `success_id` names a
    state in which nothing is left to do: it is the same however often, and by whomever, that state is looked at.
    """

    connections: int = 0
    due: int = 0
    behind: int = 0
    uncovered_day: date | None = None
    late_since: datetime | None = None
    last_success_at: datetime | None = None
    success_id: str | None = None


def look(database: Database, *, now: datetime) -> Standing:
    """The standing now, by the worker's look across workspaces; one short query however long the history."""
    statement = select(*(KEYS.c[name] for name in COLUMNS)).where(
        KEYS.c.status == KeyStatus.VALID,
        KEYS.c.paused_at.is_(None),
        KEYS.c.deleted_at.is_(None),
        KEYS.c.next_due_at.is_not(None),  # without one the owner is disabled, and nothing is owed
    )
    with database.crossing("claim") as session:
        return of_connections(session.execute(statement.order_by(KEYS.c.id)).all(), now=now)


def of_connections(rows: Iterable[Any], *, now: datetime) -> Standing:
    """The same from rows with COLUMNS."""
    found = list(rows)
    days = [day for row in found for day in _uncovered(row, now)]
    waits = [since for row in found for since in _waiting(row, now)]
    due = [row for row in found if row.next_due_at <= now]
    behind = [row for row in found if row.behind_since]
    successes = [row.last_success_at for row in found]
    complete = bool(found) and not due and not behind and None not in successes
    return Standing(
        connections=len(found),
        due=len(due),
        behind=len(behind),
        uncovered_day=min(days, default=None),
        late_since=min(waits, default=None),
        last_success_at=min(successes) if successes and None not in successes else None,
        success_id=_name(found) if complete else None,
    )


def last_told(session: Session) -> tuple[Standing, datetime | None]:
    """What a worker told last (its days and times only), and when; None for when no worker ever ran."""
    names = ("uncovered_day", "late_since", "last_success_at")
    told = select(*(WORKERS.c[name] for name in names), WORKERS.c.seen_at).order_by(WORKERS.c.seen_at.desc()).limit(1)
    row = session.execute(told).first()
    return (Standing(**{name: getattr(row, name) for name in names}), row.seen_at) if row else (Standing(), None)


def is_late(standing: Standing, *, now: datetime) -> bool:
    """Whether something has waited for so long that a person should look."""
    return standing.late_since is not None and now - standing.late_since > LATE_AFTER


def _uncovered(row: Any, now: datetime) -> Iterable[date]:
    if row.uncovered_day:
        yield row.uncovered_day
    last = clock.day_of(row.next_due_at - MOMENT)  # a connection is looked at when a day ends, at the latest
    if row.next_due_at <= now and clock.day_end(last) <= now:
        yield last


def _waiting(row: Any, now: datetime) -> Iterable[datetime]:
    """When its work could have been done: not before the day was over, nor before the key was there."""
    if row.uncovered_day:
        yield max(clock.day_end(row.uncovered_day), row.created_at)
    if row.next_due_at <= now:
        yield row.next_due_at


def _name(rows: list[Any]) -> str:
    told = repr([(row.id, row.last_success_at.isoformat()) for row in rows])
    return hashlib.sha256(told.encode()).hexdigest()[:32]
