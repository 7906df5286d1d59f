"""Making an account, confirming its address, and choosing another password when the old one is lost.

None of it tells a stranger whether there is an account: what is answered, and what it costs, is the same.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

from sqlalchemy import select, update
from sqlmodel import Session

from tracker import access, mail, passwords, sign_in, throttle, tickets
from tracker.audit import Action
from tracker.db import Database
from tracker.errors import BadInput, Conflict
from tracker.mail import Kind
from tracker.models import User, table_of
from tracker.tickets import Purpose

USERS = table_of(User)

SPENT = "This link was used already, or is too old. Please ask for another one."


def sign_up(database: Database, email: str, password: str, *, name: str, address: str, now: datetime) -> None:
    """Make an account, or tell the owner of the one there is that somebody tried. BadInput for unusable input."""
    kind = Kind.ALREADY
    with suppress(Conflict):
        access.add_user(database, email, password, name=name)
        kind = Kind.VERIFY
    user_id = access.user_of(database, email)
    ask(database, user_id, kind, now=now)
    if kind is Kind.VERIFY:
        sign_in.tell(database, user_id, Action.SIGNED_UP, address=address)


def ask_reset(database: Database, email: str, *, now: datetime) -> None:
    """Have a link sent to the address if there is an account; nothing changes until it is used."""
    user_id = access.find_user(database, email)
    if user_id is not None:
        ask(database, user_id, Kind.RESET, now=now)


def ask(database: Database, user_id: int, kind: Kind, *, now: datetime) -> None:
    """Have a message sent."""
    with database.exempt(write=True) as session:
        mail.ask(session, user_id, kind, now=now)


def is_good(database: Database, ticket: str, *, now: datetime) -> bool:
    """Whether a reset link would still work."""
    with database.exempt() as session:
        return tickets.owner(session, ticket, Purpose.RESET, now=now) is not None


def reset(database: Database, ticket: str, password: str, *, address: str, now: datetime) -> None:
    """Put another password in place with a reset link. BadInput when the link is spent or the password unusable.

    An unusable password does not use the link up. Afterwards every session has ended, and no other link works.
    """
    user_id = _owner(database, ticket, now)
    email = access.email_of(database, user_id)
    passwords.check(password, email)
    with database.exempt(write=True) as session:
        if tickets.burn(session, ticket, Purpose.RESET, now=now) is None:
            raise BadInput(SPENT)
        throttle.forget(session, [f"account {email}"])
        _confirm(session, user_id, now)
    access.change_password(database, user_id, password)
    ask(database, user_id, Kind.PASSWORD_CHANGED, now=now)
    sign_in.tell(database, user_id, Action.PASSWORD_CHANGED, address=address)


def confirm(database: Database, ticket: str, *, now: datetime) -> None:
    """Take note that an address is its account's. BadInput when the link is spent."""
    with database.exempt(write=True) as session:
        burnt = tickets.burn(session, ticket, Purpose.VERIFY, now=now)
        if burnt is None:
            raise BadInput(SPENT)
        _confirm(session, burnt[0], now)


def is_confirmed(database: Database, user_id: int) -> bool:
    """Whether the account's address was proven to be its own."""
    with database.exempt() as session:
        return session.execute(select(USERS.c.email_verified_at).where(USERS.c.id == user_id)).scalar() is not None


def _owner(database: Database, ticket: str, now: datetime) -> int:
    with database.exempt() as session:
        user_id = tickets.owner(session, ticket, Purpose.RESET, now=now)
    if user_id is None:
        raise BadInput(SPENT)
    return user_id


def _confirm(session: Session, user_id: int, now: datetime) -> None:
    unproven = (USERS.c.id == user_id, USERS.c.email_verified_at.is_(None))
    session.execute(update(USERS).where(*unproven).values(email_verified_at=now))
