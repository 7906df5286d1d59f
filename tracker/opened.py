"""A connection's key in the clear: opened for one task, and void once another stands in its place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, select, update
from sqlmodel import Session

from tracker import asking, connections, pauses
from tracker.calls import RecordedCalls
from tracker.connections import Kept
from tracker.db import plain
from tracker.errors import KeyUnreadable, LeaseLost, NotFound, VaultError
from tracker.models import KeyStatus, ProviderKey
from tracker.product import Product
from tracker.providers import provider as provider_named
from tracker.providers.base import Provider
from tracker.providers.http import Limits, ProviderClient
from tracker.reconcile import KEYS, Connection, row_of
from tracker.redact import SecretKey

FETCH_LIMITS = Limits(total_s=60, tries=4, retry_budget_s=20)
"""Longer waits are the ledger's: those hold no thread and survive a restart."""

ERASED = "The provider key was erased."

Wait = Callable[[float], None]


@dataclass(frozen=True)
class Mark:
    """What is asked of a connection's row before its days are stored: whose key it is, and whether it failed lately."""

    label: str
    status: str
    names_readable: bool | None
    fingerprint: bytes | None
    deleted_at: datetime | None
    failures: int
    retry_at: datetime | None


OF_KEY = (KEYS.c.workspace_id == bindparam("of_workspace"), KEYS.c.id == bindparam("of_key"))
KEPT = select(*(KEYS.c[each.name] for each in fields(Kept))).where(*OF_KEY)
MARK = select(*(KEYS.c[each.name] for each in fields(Mark))).where(*OF_KEY).with_for_update(key_share=True)


@dataclass(frozen=True)
class Opened:
    """A connection with its key in the clear, for as long as one unit takes."""

    product: Product
    connection: Connection
    row: Kept
    key: SecretKey
    calls: RecordedCalls
    wait: Wait
    scope: bytes

    @property
    def provider(self) -> Provider:
        return provider_named(self.row.provider)

    def client(self) -> ProviderClient:
        return asking.client(
            self.product,
            self.row.provider,
            self.key,
            calls=self.calls,
            limits=FETCH_LIMITS,
            wait=self.wait,
            limited=self._pause,
        )

    def _pause(self, until: datetime) -> None:
        database = self.product.database
        database.retrying(lambda: pauses.ask(database, self.scope, until=until))


def open_key(product: Product, session: Session, connection: Connection, *, wait: Wait) -> Opened:
    """The connection with its key. NotFound when it must not be opened, KeyUnreadable when it cannot be."""
    row = Kept(*_asked(session, KEPT, connection))
    try:
        key = connections.opened(product, session, row)
    except VaultError as error:
        raise KeyUnreadable(str(error), ciphertext=row.ciphertext) from error
    calls = RecordedCalls(product.database, *ids(connection))
    return Opened(product, connection, row, key, calls, wait, pauses.scope_of(session, row))


def still_its_key(session: Session, opened: Opened) -> ProviderKey:
    """The connection's row, locked; LeaseLost when its key was replaced, deleted or set aside while it was used."""
    row = present(session, opened.connection, lock=True)
    _check_its_key(row, opened)
    return row


def lock_its_key(session: Session, opened: Opened) -> Mark:
    """The same of a row that is not read whole, which takes a third of the time: every unit asks."""
    mark = Mark(*_asked(session, MARK, opened.connection))
    _check_its_key(mark, opened)
    return mark


def _check_its_key(row: ProviderKey | Mark, opened: Opened) -> None:
    if row.status == KeyStatus.DUPLICATE:
        raise LeaseLost(f"The key of {row.label} was set aside while it was used.")
    if row.deleted_at or row.fingerprint != opened.row.fingerprint:
        raise LeaseLost(f"The key of {row.label} was replaced or deleted while it was used.")


def _asked(session: Session, statement: Select[Any], connection: Connection) -> tuple[Any, ...]:
    """What the statement asks of the connection's row; NotFound when it was erased."""
    of = {"of_workspace": connection.workspace_id, "of_key": connection.provider_key_id}
    found = plain.rows(session, statement, of)
    if not found:
        raise NotFound(ERASED)
    return found[0]


def works_again(session: Session, opened: Opened) -> None:
    """Note that the provider answers again."""
    session.execute(update(KEYS).where(*_of(opened.connection)).values(failures=0, retry_at=None))


def set_unreadable(product: Product, connection: Connection, error: KeyUnreadable) -> None:
    """Set the key that did not open aside, until somebody does something; not one that took its place since."""
    values = {"status": KeyStatus.UNREADABLE, "status_reason": str(error), "next_due_at": None}
    still_this_one = KEYS.c.ciphertext == error.ciphertext
    with product.database.workspace(connection.workspace_id, write=True) as session:
        session.execute(update(KEYS).where(*_of(connection), still_this_one).values(**values))


def _of(connection: Connection) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return KEYS.c.workspace_id == connection.workspace_id, KEYS.c.id == connection.provider_key_id


def present(session: Session, connection: Connection, *, lock: bool = False) -> ProviderKey:
    """The connection's row; NotFound when it was erased."""
    row = row_of(session, connection, lock=lock)
    if row is None:
        raise NotFound(ERASED)
    return row


def ids(connection: Connection) -> tuple[int, int]:
    """Workspace and provider key, as most functions want them."""
    return connection.workspace_id, connection.provider_key_id
