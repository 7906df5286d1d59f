"""What an operator does to an account at the machine itself: close or open it, end its sessions, lift its factor.

Nothing of the account is deleted, and each step is on its trail.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import update

from tracker import access, audit, second_factor, sessions
from tracker.audit import OPERATOR, Action
from tracker.db import Database
from tracker.models import User, table_of
from tracker.product import Product

USERS = table_of(User)


def close(database: Database, user_id: int, *, now: datetime) -> None:
    """Let nobody in, now and later, and have the worker open no key of a workspace that has nobody else."""
    _set_disabled(database, user_id, now)
    end_sessions(database, user_id, now=now)
    _tell(database, user_id, Action.CLOSED)


def reopen(database: Database, user_id: int) -> None:
    """Let the person sign in again; sessions that were ended stay so."""
    _set_disabled(database, user_id, None)
    _tell(database, user_id, Action.REOPENED)


def end_sessions(database: Database, user_id: int, *, now: datetime) -> None:
    """Have the person sign in again, wherever they are signed in."""
    sessions.end_all(database, user_id, now=now)
    _tell(database, user_id, Action.SESSIONS_ENDED)


def turn_off_factor(product: Product, user_id: int, *, now: datetime) -> bool:
    """Let somebody who lost authenticator and recovery codes in by what else they have; whether a factor was in use.

    Whoever is signed in is signed out: it may be the one who has the authenticator now.
    """
    if not second_factor.is_on(product, user_id):
        return False
    second_factor.turn_off(product, user_id)
    _tell(product.database, user_id, Action.FACTOR_OFF)
    end_sessions(product.database, user_id, now=now)
    return True


def _set_disabled(database: Database, user_id: int, at: datetime | None) -> None:
    with database.exempt(write=True) as session:
        session.execute(update(USERS).where(USERS.c.id == user_id).values(disabled_at=at))


def _tell(database: Database, user_id: int, action: Action) -> None:
    for workspace_id in access.workspaces_of(database, user_id):
        with database.workspace(workspace_id, write=True) as session:
            audit.record(session, workspace_id, action, OPERATOR)
