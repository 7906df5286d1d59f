"""What a provider asked of everybody: to leave an organisation alone for a moment. In the database, for all workers.

While one of its keys waits out a limit, no other is used, in whichever worker and workspace. A longer limit is kept
with the key that met it (`retry_at`): another finds out by one question, and no key can hold up the others for long.
The table belongs to no tenant and tells nothing of one: a hash, and until when whoever has such a key waits.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import bindparam, case, func, or_, select
from sqlmodel import Session

from tracker.db import Database, plain, upsert
from tracker.models import Name, Pause, table_of
from tracker.points import reached

PAUSES, NAMES = table_of(Pause), table_of(Name)

LONGEST = timedelta(minutes=5)
"""Longer than any limit that is waited out; what ends later was written by a wrong clock and is void."""


PROJECT = select(func.min(NAMES.c.ref)).where(
    NAMES.c.workspace_id == bindparam("of_workspace"),
    NAMES.c.provider_key_id == bindparam("of_key"),
    NAMES.c.kind == "project",
)
UNTIL = select(PAUSES.c.until).where(PAUSES.c.scope == bindparam("of_scope"))


class Whose(Protocol):
    """As much of a connection's row as tells whose key it is."""

    @property
    def workspace_id(self) -> int: ...
    @property
    def id(self) -> int | None: ...
    @property
    def provider(self) -> str: ...
    @property
    def origin(self) -> str: ...
    @property
    def fingerprint(self) -> bytes | None: ...


def scope_of(session: Session, row: Whose) -> bytes:
    """The hash by which a connection's organisation is known; that of the key alone where none of its ids is."""
    ((project,),) = plain.rows(session, PROJECT, {"of_workspace": row.workspace_id, "of_key": row.id})
    whose = f"organisation {project}" if project else f"key {(row.fingerprint or b'').hex()}"
    return hashlib.sha256(f"{row.provider} {row.origin} {whose}".encode()).digest()


def ask(database: Database, scope: bytes, *, until: datetime) -> None:
    """Let nobody call the organisation before `until`. A longer pause asked for already stays."""
    with database.exempt(write=True) as session:
        statement = upsert(session, PAUSES).values(scope=scope, until=until)
        told = statement.excluded.until
        is_stale = or_(PAUSES.c.until < told, PAUSES.c.until > until + LONGEST)
        later = case((is_stale, told), else_=PAUSES.c.until)
        session.execute(statement.on_conflict_do_update(index_elements=["scope"], set_={"until": later}))
        reached("pause asked for")


def ends_at(session: Session, scope: bytes, *, now: datetime) -> datetime | None:
    """When the organisation may be called again; None for now."""
    found = plain.rows(session, UNTIL, {"of_scope": scope})
    until: datetime | None = found[0][0] if found else None
    return until if until is not None and now < until <= now + LONGEST else None
