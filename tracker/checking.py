"""What comes before a connection's units and after them: the check of its key, and names of projects and people."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from sqlalchemy import bindparam, update
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from tracker import connections, coverage, duplicates, organisations
from tracker.clock import utc_now
from tracker.db import is_held, is_unable, plain
from tracker.errors import KeyUnreadable, LeaseLost, NoRoom, NotFound, ProviderError, RingBehind, ScopeMissing
from tracker.models import KeyStatus
from tracker.opened import ERASED, Opened, Wait, open_key, present, set_unreadable, still_its_key
from tracker.points import reached
from tracker.product import Product
from tracker.providers.base import Verdict
from tracker.reconcile import KEYS, NAMES_REFRESH, OF_KEY, Connection, Standing, are_names_fresh, named, standing_of

NAMES_AGAIN = timedelta(hours=1)
"""When names are asked for again that the provider failed to tell."""


def postpone(product: Product, connection: Connection, error: Exception) -> None:
    """Leave a connection alone for a while after its check or its names raised what nobody foresaw.

    What the database failed is not counted against the key, and is tried again soon. A row that another holds is left
    to it after the wait for a lock, which put the connection off already.
    """
    try:
        _postpone(product, connection, error)
    except DBAPIError as failed:
        if not is_held(failed):
            raise


def _postpone(product: Product, connection: Connection, error: Exception) -> None:
    with product.database.workspace(connection.workspace_id, write=True) as session:
        row = present(session, connection)
        if is_ours(error):
            row.retry_at = utc_now() + coverage.OURS_AFTER
        else:
            row.failures += 1
            row.retry_at = utc_now() + coverage.retry_in(row.failures)
        if row.status != KeyStatus.VALID:
            row.status_reason = reason_of(error)


def is_ours(error: Exception) -> bool:
    """Whether this installation could not do its part for now: nothing is wrong with the key or the unit."""
    return isinstance(error, NoRoom | RingBehind) or is_unable(error)


def reason_of(error: Exception) -> str:
    """What to tell of an error that nobody foresaw."""
    if isinstance(error, NoRoom | RingBehind):
        return str(error)
    if is_unable(error):
        return "What was read could not be stored, because the database failed. It is read again within minutes."
    return f"Unexpected {type(error).__name__}; see the worker's log."


def check(product: Product, connection: Connection, *, wait: Wait) -> Verdict | None:
    """Check a stored key and write down what was found; None when it is not to be used or cannot be opened.

    A key that may not read, or could not be checked, is looked at again at a growing distance.
    """
    try:
        with product.database.workspace(connection.workspace_id) as session:
            opened = open_key(product, session, connection, wait=wait)
    except NotFound:
        return None
    except KeyUnreadable as error:
        set_unreadable(product, connection, error)
        return None
    verdict = opened.provider.check(opened.client(), opened.key, now=utc_now())
    reached("check answered")
    with suppress(LeaseLost):  # another key stands there now, and has been checked by itself
        product.database.retrying(lambda: _settle(opened, verdict))
    reached("verdict committed")
    return verdict


def read_names(product: Product, connection: Connection, *, wait: Wait) -> int:
    """Read the names of projects, keys and users anew; how many. Zero when another worker did, or none may be read.

    Where the provider failed they are read again within the hour, and what is known stays.
    """
    with product.database.workspace(connection.workspace_id, write=True) as session:
        opened = open_key(product, session, connection, wait=wait)
        now = utc_now()
        if are_names_fresh(_standing(session, connection), now):
            return 0
        plain.run(session, NAMES_BEGUN, {**named(connection), "read_at": now})
    reached("reading of names begun")
    try:
        names = opened.provider.names(opened.client())
    except ProviderError as error:
        names, told = [], isinstance(error, ScopeMissing)
        found = {"readable": not told, "read_at": now if told else now - NAMES_REFRESH + NAMES_AGAIN}
    else:
        found = {"readable": True, "read_at": now}
    reached("names read")
    with product.database.workspace(connection.workspace_id, write=True) as session:
        opened.calls.flush(session)
        row = _standing(session, connection)
        plain.run(session, NAMES_READ, {**named(connection), **found})
        connections.remember_names(session, row, names)
        if organisations.is_read_twice(session, row.workspace_id, row.provider, row.id):
            duplicates.compare_later(session, row.workspace_id, row.id, now=utc_now())
        reached("names written")
    return len(names)


NAMES_BEGUN = update(KEYS).where(*OF_KEY).values(names_read_at=bindparam("read_at"))
NAMES_READ = NAMES_BEGUN.values(names_readable=bindparam("readable"))


def _standing(session: Session, connection: Connection) -> Standing:
    """How the connection stands; NotFound when it was erased."""
    row = standing_of(session, connection)
    if row is None:
        raise NotFound(ERASED)
    return row


def _settle(opened: Opened, verdict: Verdict) -> None:
    now = utc_now()
    with opened.product.database.workspace(opened.connection.workspace_id, write=True) as session:
        organisations.take_turn(session, opened.connection.workspace_id)
        row = still_its_key(session, opened)
        opened.calls.flush(session)
        connections.settle(session, row, verdict, now=now)
        reached("verdict written")
        row.failures = 0 if verdict.status == "valid" else row.failures + 1
        row.retry_at = None if verdict.status == "valid" else now + _next_check(verdict, row.failures)
        if row.status != KeyStatus.INVALID:  # a foreign key says nothing of what was read before it
            duplicates.settle(session, row, now=now)


def _next_check(verdict: Verdict, failures: int) -> timedelta:
    return coverage.retry_in(failures) if verdict.status == "unchecked" else timedelta(days=1)
