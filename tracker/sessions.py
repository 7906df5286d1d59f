"""Who is signed in: sessions in our own table, ended by us at any moment, and the one-shot tickets that open them.

A session's token leaves once, as a cookie, when a ticket is redeemed; the database holds only its SHA-256. Limits
after OWASP ASVS 5.0, 7.3 (idle and absolute time-out), read 2026-11.
"""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from tracker import tickets
from tracker.db import Database, is_unable, refusal_of
from tracker.models import AuthSession, User, table_of
from tracker.tickets import TOKEN_BYTES, Purpose, digest

log = logging.getLogger(__name__)

SESSIONS, USERS = table_of(AuthSession), table_of(User)

IDLE, ABSOLUTE = timedelta(hours=1), timedelta(hours=24)
NOTED_EVERY = timedelta(minutes=1)
"""A use is written down at most so often: a rerun should not be a write."""

MOST = 10
"""Sessions of one user; the one longest unused ends when another begins."""

PROOF_LASTS = timedelta(minutes=5)
"""For so long after proving who they are may somebody touch a provider key (OWASP ASVS 5.0, 7.5.3)."""

KNOWN_FOR = timedelta(days=30)
MOST_AGENT = 120


@dataclass(frozen=True)
class SignedIn:
    """A living session and whose it is."""

    session_id: int
    user_id: int
    email: str
    proven_at: datetime

    def is_proven(self, now: datetime) -> bool:
        """Whether they proved who they are just now."""
        return now - self.proven_at < PROOF_LASTS


@dataclass(frozen=True)
class Listed:
    """A living session as its user sees it."""

    session_id: int
    created_at: datetime
    last_used_at: datetime
    address: str
    agent: str


@dataclass(frozen=True)
class Begun:
    """A new session and the ticket for its cookie."""

    session_id: int
    ticket: str


LIVING = (
    select(SESSIONS.c.id, SESSIONS.c.user_id, SESSIONS.c.last_used_at, SESSIONS.c.proven_at, USERS.c.email)
    .join_from(SESSIONS, USERS, SESSIONS.c.user_id == USERS.c.id)
    .where(
        SESSIONS.c.ended_at.is_(None),
        SESSIONS.c.expires_at > bindparam("now"),
        SESSIONS.c.last_used_at > bindparam("idle_since"),
        USERS.c.disabled_at.is_(None),
    )
)
"""Sessions that were not ended, are within both limits at `_at` and belong to somebody who may sign in."""

OF_TOKEN = LIVING.where(SESSIONS.c.token_hash == bindparam("of_token"))
OF_ID = LIVING.where(SESSIONS.c.id == bindparam("of_id"))


def begin(
    database: Database,
    user_id: int,
    *,
    now: datetime,
    ago: timedelta = timedelta(),
    address: str = "",
    agent: str = "",
) -> Begun:
    """Open a session for somebody who proved who they are so long `ago`, from this IP address and browser.

    Its cookie is given out for the ticket, once, within thirty seconds.
    """
    row = AuthSession(
        user_id=user_id,
        created_at=now,
        last_used_at=now,
        expires_at=now + ABSOLUTE,
        proven_at=now - ago,
        address=address,
        agent=agent[:MOST_AGENT],
    )
    with database.exempt(write=True) as session:
        session.add(row)
        session.flush()
        ticket = tickets.give(session, user_id, Purpose.SIGN_IN, now=now, session_id=row.id)
        _end_oldest(session, user_id, now)
    return Begun(row.id or 0, ticket)


def redeem(database: Database, ticket: str, *, now: datetime) -> str | None:
    """The session's token for a ticket that was not used yet; None for any other."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    with database.exempt(write=True) as session:
        burnt = tickets.burn(session, ticket, Purpose.SIGN_IN, now=now)
        of_ticket = SESSIONS.c.id == (burnt[1] if burnt else None)
        if burnt is None or session.execute(LIVING.where(of_ticket), _at(now)).first() is None:
            return None
        session.execute(update(SESSIONS).where(of_ticket).values(token_hash=digest(token)))
    return token


def recognise(database: Database, token: str, *, now: datetime) -> SignedIn | None:
    """The living session of a cookie."""
    with database.exempt() as session:
        return _signed_in(session.execute(OF_TOKEN, {**_at(now), "of_token": digest(token)}).first())


def check(database: Database, session_id: int, *, now: datetime, is_use: bool = True) -> SignedIn | None:
    """The session if it still lives; a use of it is noted. What a page looks up by itself is none."""
    with database.exempt() as session:
        row = session.execute(OF_ID, {**_at(now), "of_id": session_id}).first()
    if is_use and row is not None and now - row.last_used_at >= NOTED_EVERY:
        _note_use(database, session_id, now)
    return _signed_in(row)


def _note_use(database: Database, session_id: int, now: datetime) -> None:
    """Where nothing can be written people still read, until the session counts as unused for too long."""
    try:
        with database.exempt(write=True) as session:
            session.execute(update(SESSIONS).where(SESSIONS.c.id == session_id).values(last_used_at=now))
    except DBAPIError as error:
        if not is_unable(error):
            raise
        log.warning("the use of a session cannot be noted: %s", refusal_of(error) or "the database is busy")


def end(database: Database, session_id: int, *, now: datetime) -> None:
    """End it for every tab and for every copy of its cookie."""
    with database.exempt(write=True) as session:
        session.execute(
            update(SESSIONS).where(SESSIONS.c.id == session_id, SESSIONS.c.ended_at.is_(None)).values(ended_at=now)
        )


def end_all(database: Database, user_id: int, *, now: datetime) -> None:
    """End every session of a user."""
    with database.exempt(write=True) as session:
        session.execute(
            update(SESSIONS).where(SESSIONS.c.user_id == user_id, SESSIONS.c.ended_at.is_(None)).values(ended_at=now)
        )


def prove(database: Database, session_id: int, *, now: datetime) -> None:
    """Note that its user has just proven again who they are."""
    with database.exempt(write=True) as session:
        session.execute(update(SESSIONS).where(SESSIONS.c.id == session_id).values(proven_at=now))


def living(database: Database, user_id: int, *, now: datetime) -> list[Listed]:
    """A user's living sessions, the one used last first."""
    shown = (SESSIONS.c[name] for name in ("id", "created_at", "last_used_at", "address", "agent"))
    statement = LIVING.with_only_columns(*shown).where(SESSIONS.c.user_id == user_id)
    newest_first = statement.order_by(SESSIONS.c.last_used_at.desc())
    with database.exempt() as session:
        return [Listed(*row) for row in session.execute(newest_first, _at(now))]


def addresses_of(session: Session, email: str, *, now: datetime) -> set[str]:
    """The IP addresses from which the account with that address was signed in to lately."""
    statement = (
        select(SESSIONS.c.address)
        .join_from(SESSIONS, USERS, SESSIONS.c.user_id == USERS.c.id)
        .where(USERS.c.email == email, SESSIONS.c.created_at > now - KNOWN_FOR)
    )
    return {address for address in session.execute(statement).scalars() if address}


def count(database: Database, *, now: datetime) -> int:
    """How many sessions live."""
    with database.exempt() as session:
        return len(session.execute(LIVING, _at(now)).all())


def _end_oldest(session: Session, user_id: int, now: datetime) -> None:
    living = LIVING.where(SESSIONS.c.user_id == user_id).order_by(SESSIONS.c.last_used_at.desc())
    surplus = [row.id for row in session.execute(living.offset(MOST), _at(now))]
    if surplus:
        session.execute(update(SESSIONS).where(SESSIONS.c.id.in_(surplus)).values(ended_at=now))


def _at(now: datetime) -> dict[str, Any]:
    """What `LIVING` is asked with at `now`."""
    return {"now": now, "idle_since": now - IDLE}


def _signed_in(row: Any) -> SignedIn | None:
    return None if row is None else SignedIn(row.id, row.user_id, row.email, row.proven_at)
