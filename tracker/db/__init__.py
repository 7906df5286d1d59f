"""Sessions. A statement on a tenant table that names no workspace, or another one, is refused here.

Three doors and no others: `Database.workspace` (one tenant), `Database.exempt` (tables of no tenant) and
`Database.crossing` (a named look across tenants). On PostgreSQL row-level security stands behind them.
"""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from threading import RLock
from typing import Any, Literal, TypeVar

from sqlalchemy import Engine, Table, create_engine, event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlmodel import Session

from tracker.clock import utc_now
from tracker.db import plain
from tracker.db.addresses import where, why
from tracker.db.session import LOCK_TIMEOUT_MS, TenantSession, begin
from tracker.errors import BadConfiguration
from tracker.points import reached
from tracker.storage import journal_mode

T = TypeVar("T")

ProcessRole = Literal["owner", "web", "worker", "operator"]
"""Who a process is. The owner changes the schema and rotates keys; the operator reads figures across workspaces."""

Crossing = Literal["membership", "claim", "operator"]
"""Why a session looks across workspaces: sign-in's membership look-up, the worker's claim, an operator's command."""

BUSY_TIMEOUT_MS = LOCK_TIMEOUT_MS
"""For so long a statement waits for another's lock on SQLite."""

MOST_CACHE_KIB = 65_536
CACHE_KIB: dict[ProcessRole, int] = {"worker": 4_096}
"""How much of a SQLite file each connection may hold. A dashboard reads a year at once; a worker touches little of it
at a time, and its memory would grow with all that it ever wrote.
"""

CLOSED = (
    "The database at {where} cannot be opened: {why}. See that it is there and open to this account, or correct "
    "TRACKER_DATABASE_URL, or TRACKER_DATA_DIR where that is not set."
)

TRANSACTION_TRIES = 6
POOL_WAIT_S = 10
LATELY = timedelta(minutes=2)
READ_ONLY, DISK_FULL, HELD = "25006", "53100", "55P03"

# Serialization failure, deadlock, a lock waited for too long, and a connection or server that went away: the whole
# transaction may be repeated.
# Source: postgresql.org/docs/18/errcodes-appendix.html, read 2026-11.
RETRYABLE_SQLSTATES = frozenset({"40001", "40P01", HELD, "57P01", "57P02", "57P03", "08000", "08003", "08006", "25P03"})


class Refusal(StrEnum):
    """Why nothing can be written though all can be read."""

    READ_ONLY = "The database can only be read at the moment."
    FULL = "The disk of the database is full, or fails."


@dataclass
class Writes:
    """What became of a process's last attempt to write (None unless it was refused), and the last refusal of all.

    On a full disk a small row may still find room between large ones that do not.
    """

    refused: Refusal | None = None
    last: tuple[Refusal, datetime] | None = None

    def refuse(self, why: Refusal) -> None:
        self.refused, self.last = why, (why, utc_now())

    def lately(self, now: datetime) -> Refusal | None:
        """Why something was refused within LATELY of now, before or (by a clock that ran ahead) after it."""
        return self.last[0] if self.last and abs(now - self.last[1]) < LATELY else None


@dataclass(frozen=True)
class Database:
    """One engine and the role in which this process uses it; `writes` tells whether it can be written at all."""

    engine: Engine
    role: ProcessRole
    writes: Writes = field(default_factory=Writes, repr=False, compare=False)
    _turn: RLock = field(default_factory=RLock, repr=False, compare=False)

    def workspace(self, workspace_id: int, *, write: bool = False) -> AbstractContextManager[Session]:
        """A transaction on one workspace; commits at the end, rolls back on an error."""
        return self._transaction({"workspace_id": workspace_id}, write=write)

    def exempt(self, *, write: bool = False) -> AbstractContextManager[Session]:
        """A transaction on the tables that belong to no workspace."""
        return self._transaction({}, write=write)

    def crossing(self, why: Crossing) -> AbstractContextManager[Session]:
        """A reading transaction across workspaces, for the reason named."""
        return self._transaction({"crossing": why}, write=False)

    def retrying(self, work: Callable[[], T], *, wait: Callable[[float], None] = time.sleep) -> T:
        """`work()`, a whole transaction that may be repeated, again after a deadlock, a lock or a lost connection.

        At most TRANSACTION_TRIES times: with the waits for locks about a minute in all. Then its error is raised.
        """
        for attempt in range(1, TRANSACTION_TRIES):
            try:
                return work()
            except DBAPIError as error:
                if not is_retryable(error):
                    raise
                wait(0.02 * 2**attempt * (1 + secrets.randbelow(100) / 100))
        return work()

    @contextmanager
    def _transaction(self, info: dict[str, Any], *, write: bool) -> Iterator[Session]:
        session = TenantSession(_bound(self.engine, write=write), info={**info, "role": self.role})
        has_turn = write and self._wait_for_turn()
        try:
            with session:
                yield session
                if write:
                    reached("about to commit")
                session.commit_all()
                if write:
                    reached("committed")
        except DBAPIError as error:
            if write:
                self._note_refusal(error)
            raise
        finally:
            if has_turn:
                self._turn.release()
        if write:
            self.writes.refused = None

    def _wait_for_turn(self) -> bool:
        """SQLite lets one write at a time, and whoever meets another sleeps up to 0.1 s: our own threads queue instead.

        Its own lock stays what makes it safe: after its waiting time a thread goes on and is told what it says.
        A thread may open a second session before the first has begun anything.
        """
        return self.engine.dialect.name == "sqlite" and self._turn.acquire(timeout=BUSY_TIMEOUT_MS / 1_000)

    def _note_refusal(self, error: DBAPIError) -> None:
        """Remember that what was written was refused, if it was; the next attempt is then made on a new connection.

        An old one would go on refusing when the disk has space again, or the standby has become the primary.
        """
        if refusal := refusal_of(error):
            self.writes.refuse(refusal)
            self.engine.dispose()


@lru_cache(maxsize=64)
def _bound(engine: Engine, *, write: bool) -> Engine:
    return engine.execution_options(tracker_write=write)


def upsert(session: Session, table: Table) -> Any:
    """INSERT for the session's database, ready for ON CONFLICT (both databases spell it alike)."""
    return upsert_for(dialect_of(session), table)


def dialect_of(session: Any) -> str:
    """The name of the session's database."""
    return str(session.bind.dialect.name)


def upsert_for(dialect: str, table: Table) -> Any:
    """The same by the name of the database, for statements that are made once."""
    return (postgresql.insert if dialect == "postgresql" else sqlite.insert)(table)


def expect_many(session: Any) -> None:
    """Let PostgreSQL plan what is left of the transaction for tables that grew in it, whatever its figures tell.

    It would take them for small, and look through one whole table for each row of another: minutes for 80,000 rows.
    A plan that the connection keeps from smaller days would not heed that, so none is used.
    """
    if dialect_of(session) == "postgresql":
        for setting in ("enable_nestloop = off", "plan_cache_mode = force_custom_plan"):
            session.taken().send(f"SET LOCAL {setting}", ())


def is_retryable(error: DBAPIError) -> bool:
    """Whether the same transaction may succeed when it is run again from its start."""
    if error.connection_invalidated or getattr(error.orig, "sqlstate", None) in RETRYABLE_SQLSTATES:
        return True
    return isinstance(error.orig, sqlite3.OperationalError) and "locked" in str(error.orig)


def is_held(error: DBAPIError) -> bool:
    """Whether what somebody else holds on PostgreSQL was waited for in vain."""
    return getattr(error.orig, "sqlstate", None) == HELD


def refusal_of(error: Exception) -> Refusal | None:
    """Why a write was refused: a standby, a read-only transaction, a file nobody may write; or want of space."""
    orig = getattr(error, "orig", None)
    state, code = getattr(orig, "sqlstate", None), getattr(orig, "sqlite_errorcode", 0) & 0xFF
    if state == READ_ONLY or code == sqlite3.SQLITE_READONLY:
        return Refusal.READ_ONLY
    return Refusal.FULL if state == DISK_FULL or code in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR} else None


def is_unable(error: Exception) -> bool:
    """Whether the database could not do its part for now (full, read-only, locked, gone), and nobody asked wrongly."""
    if isinstance(error, PoolTimeout):
        return True
    if not isinstance(error, DBAPIError):
        return False
    asked_wrongly = getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR
    return bool(refusal_of(error)) or is_retryable(error) or (isinstance(error, OperationalError) and not asked_wrongly)


def sentence_for(error: Exception) -> str | None:
    """What to tell a person whom the database cannot serve now, and what to do; None for any other error."""
    if isinstance(error, PoolTimeout):
        return "The database is busy with others. Nothing was changed; load the page again in a few seconds."
    if refusal := refusal_of(error):
        return f"{refusal} Nothing was changed; try again later."
    if is_unable(error):
        return "The database does not answer at the moment. Nothing is lost; load the page again in a minute."
    return None


def open_database(url: str, *, role: ProcessRole, pool_size: int = 10, pool_wait_s: float = POOL_WAIT_S) -> Database:
    """The database at a SQLAlchemy address (sqlite or postgresql+psycopg), its connections set up by our rules."""
    sqlite_ = make_url(url).get_backend_name() == "sqlite"
    return Database(
        _open_sqlite(url, CACHE_KIB.get(role, MOST_CACHE_KIB))
        if sqlite_
        else _open_postgres(url, pool_size, pool_wait_s),
        role,
    )


def _open_sqlite(url: str, cache_kib: int) -> Engine:
    waits = {"timeout": BUSY_TIMEOUT_MS / 1000, "check_same_thread": False}
    # Errors tell no values of theirs: a log would have addresses, hashes of passwords and sealed keys.
    engine = create_engine(url, connect_args=waits, hide_parameters=True)
    event.listen(engine, "connect", lambda connection, _record: _set_up_sqlite(connection, cache_kib))
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _open_postgres(url: str, pool_size: int, pool_wait_s: float) -> Engine:
    # A pooled connection that the server closed meanwhile is replaced before use.
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=5,
        pool_timeout=pool_wait_s,
        pool_pre_ping=True,
        hide_parameters=True,  # as above
    )
    event.listen(engine, "do_execute", _planned_for_its_values)
    return engine


def _planned_for_its_values(cursor: Any, statement: str, parameters: Any, _context: Any) -> bool:
    """Whether it was executed here: what is joined to the series is never prepared.

    After ten executions PostgreSQL would keep a plan for a workspace of average size. For one of a hundred series the
    days in another time zone then took 4 s in place of 0.1, and those of a project 0.11 in place of 0.006 (2026-11).
    What is streamed has a named cursor, which is declared anew each time and takes no word of preparing (psycopg 3.3).
    """
    if plain.JOINS_SERIES not in statement or hasattr(cursor, "name"):
        return False
    cursor.execute(statement, parameters, prepare=False)
    return True


def _set_up_sqlite(connection: Any, cache_kib: int) -> None:
    # None hands BEGIN to us: the driver's own would be deferred, and a reader that turns writer then
    # fails at once with "database is locked" whatever the time-out says.
    connection.isolation_level = None
    for pragma in (
        "foreign_keys=ON",
        f"busy_timeout={BUSY_TIMEOUT_MS}",
        f"journal_mode={journal_mode(sqlite3.sqlite_version_info)}",
        "synchronous=FULL",
        "secure_delete=ON",
        f"cache_size=-{cache_kib}",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    if not connection.connection.driver_connection.in_transaction:  # type: ignore[union-attr]  # a session began it
        begin(connection.engine, plain.Taken(connection.connection, connection.dialect))


def check_reachable(database: Database) -> None:
    """Raise BadConfiguration, with nothing secret of its address, when the database cannot be opened."""
    try:
        with database.engine.connect() as connection:
            connection.execute(text("select 1"))
    except (DBAPIError, ValueError) as error:  # ValueError: of a host's name
        told = CLOSED.format(where=where(database.engine.url), why=why(database.engine.url, error))
        raise BadConfiguration(told) from None
