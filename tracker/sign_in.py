"""Coming in: an address and a password, counted before they are looked at, and told of in the audit trail."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from tracker import access, audit, second_factor, sessions, throttle
from tracker.audit import Action, Actor
from tracker.db import Database
from tracker.product import Product
from tracker.throttle import Subjects

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Refused:
    """The pair is not right, whichever half of it; or `wait` must pass before the next try is looked at."""

    wait: timedelta | None = None


def sign_in(database: Database, email: str, password: str, *, address: str, now: datetime) -> int | Refused:
    """The id of the user who may come in; what an unknown address is told, and when, is what a known one is told."""
    subjects = _subjects(database, email, address, now)
    if wait := database.retrying(lambda: _try(database, subjects, now)):
        return _refused(account_mark(email), address, wait)
    user_id = access.authenticate(database, email, password)
    if user_id is None:
        return _refused(account_mark(email), address)
    with database.exempt(write=True) as session:
        throttle.succeeded(session, subjects, now=now)
    return user_id


def prove(database: Database, user_id: int, password: str, *, address: str, now: datetime) -> bool | Refused:
    """Whether this is the password of somebody who is signed in already; counted like signing in."""
    email = access.email_of(database, user_id)
    found = sign_in(database, email, password, address=address, now=now)
    return found if isinstance(found, Refused) else found == user_id


def check_code(product: Product, user_id: int, code: str, *, now: datetime) -> Literal[True] | Refused:
    """Whether this is the account's second factor, or a recovery code; tries are counted like passwords."""
    subjects = throttle.subjects_of_code(user_id)
    if wait := product.database.retrying(lambda: _try(product.database, subjects, now)):
        return _refused(f"user {user_id}, second factor", "", wait)
    if not second_factor.check(product, user_id, code, now=now):
        return _refused(f"user {user_id}, second factor", "")
    with product.database.exempt(write=True) as session:
        throttle.succeeded(session, subjects, now=now)
    return True


def may_sign_up(database: Database, *, address: str, now: datetime) -> timedelta | None:
    """None when another account may be made, or message be asked for, from there; else how long to wait."""
    subjects = throttle.subjects_of_sign_up(address)
    return database.retrying(lambda: _try(database, subjects, now))


def _subjects(database: Database, email: str, address: str, now: datetime) -> Subjects:
    folded = access.folded(email)
    with database.exempt() as session:
        known = sessions.addresses_of(session, folded, now=now)
    here = throttle.prefix_of(address)
    return throttle.subjects_of_sign_in(folded, address, known=here in {throttle.prefix_of(one) for one in known})


def account_mark(email: str) -> str:
    """An account in the log: tells two tries at one account from tries at two, and no address."""
    return f"account {hashlib.sha256(access.folded(email).encode(errors='replace')).hexdigest()[:12]}"


def _refused(who: str, address: str, wait: timedelta | None = None) -> Refused:
    """The refusal, told in the log alike for those who have an account and those who have none."""
    log.warning("a sign-in was refused: %s, from %s, %s", who, address or "here", "too often" if wait else "wrong")
    return Refused(wait)


def _try(database: Database, subjects: Subjects, now: datetime) -> timedelta | None:
    with database.exempt(write=True) as session:
        return throttle.try_once(session, subjects, now=now)


def tell(database: Database, user_id: int, action: Action, *, address: str, subject: str = "") -> None:
    """Add a line to the trail of every workspace of a user."""
    for workspace_id in access.workspaces_of(database, user_id):
        with database.workspace(workspace_id, write=True) as session:
            audit.record(session, workspace_id, action, Actor(user_id, address), subject=subject)
