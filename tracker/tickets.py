"""One-shot rights: a random text that does one thing once, soon. Only its SHA-256 is kept."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, delete, insert, select, update
from sqlmodel import Session

from tracker.models import Ticket, table_of

TICKETS = table_of(Ticket)
TOKEN_BYTES = 32


class Purpose(StrEnum):
    """What a ticket is good for, and the name it bears in an address."""

    SIGN_IN = "sign-in"
    VERIFY = "confirm"
    RESET = "reset"


LIVES: dict[Purpose, timedelta] = {
    Purpose.SIGN_IN: timedelta(seconds=30),
    Purpose.VERIFY: timedelta(hours=24),
    Purpose.RESET: timedelta(minutes=30),
}


def give(session: Session, user_id: int, purpose: Purpose, *, now: datetime, session_id: int | None = None) -> str:
    """A new ticket, in the caller's transaction. A user's expired ones are cleared away."""
    ticket = secrets.token_urlsafe(TOKEN_BYTES)
    session.execute(delete(TICKETS).where(TICKETS.c.user_id == user_id, TICKETS.c.expires_at <= now))
    row = {"ticket_hash": digest(ticket), "purpose": purpose.value, "user_id": user_id, "session_id": session_id}
    session.execute(insert(TICKETS).values(**row, expires_at=now + LIVES[purpose]))
    return ticket


def owner(session: Session, ticket: str, purpose: Purpose, *, now: datetime) -> int | None:
    """Whose it is, None when it would not be taken; it is not used up by asking."""
    found: int | None = session.execute(select(TICKETS.c.user_id).where(*_fits(ticket, purpose, now))).scalar()
    return found


def burn(session: Session, ticket: str, purpose: Purpose, *, now: datetime) -> tuple[int, int | None] | None:
    """Use it: the user's id and the session's, None when it was used, has expired or was never given."""
    statement = update(TICKETS).where(*_fits(ticket, purpose, now)).values(used_at=now)
    row = session.execute(statement.returning(TICKETS.c.user_id, TICKETS.c.session_id)).first()
    return (row.user_id, row.session_id) if row else None


def burn_all(session: Session, user_id: int, purpose: Purpose, *, now: datetime) -> None:
    """Make every ticket of a user for this purpose worthless."""
    mine = (TICKETS.c.user_id == user_id, TICKETS.c.purpose == purpose.value, TICKETS.c.used_at.is_(None))
    session.execute(update(TICKETS).where(*mine).values(used_at=now))


def digest(text: str) -> bytes:
    """What is kept of a random text."""
    return hashlib.sha256(text.encode(errors="replace")).digest()


def _fits(ticket: str, purpose: Purpose, now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        TICKETS.c.ticket_hash == digest(ticket),
        TICKETS.c.purpose == purpose.value,
        TICKETS.c.used_at.is_(None),
        TICKETS.c.expires_at > now,
    )
