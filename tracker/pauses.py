"""What a provider asked of everybody: to leave an organisation alone for a while. In the database, for all workers.

A limit holds for the organisation, whichever of its keys meets it and in whichever workspace. The table belongs to no
tenant and tells nothing of one: a hash, and until when whoever has that organisation's key waits.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from sqlalchemy import case, func, or_, select
from sqlmodel import Session

from tracker.db import Database, upsert
from tracker.models import Name, Pause, ProviderKey, table_of

PAUSES, NAMES = table_of(Pause), table_of(Name)

LONGEST = timedelta(hours=27)
"""Longer than any wait that is taken from a provider; what ends later was written by a wrong clock and is void."""


def scope_of(session: Session, row: ProviderKey) -> bytes:
    """The hash by which a connection's organisation is known; that of the key alone where none of its ids is."""
    projects = select(func.min(NAMES.c.ref)).where(
        NAMES.c.workspace_id == row.workspace_id,
        NAMES.c.provider_key_id == row.id,
        NAMES.c.kind == "project",
    )
    project = session.execute(projects).scalar()
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


def ends_at(session: Session, scope: bytes, *, now: datetime) -> datetime | None:
    """When the organisation may be called again; None for now."""
    until: datetime | None = session.execute(select(PAUSES.c.until).where(PAUSES.c.scope == scope)).scalar()
    return until if until is not None and now < until <= now + LONGEST else None
