"""The session of one transaction. A statement on a tenant table that names no workspace, or another one, is refused."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine import Connection
from sqlalchemy.orm import ORMExecuteState
from sqlmodel import Session

from tracker.db import plain
from tracker.errors import TenancyError
from tracker.models import TENANT_TABLES
from tracker.tenancy import check_statement

LOCK_TIMEOUT_MS = 10_000
"""For so long a statement waits for another's lock."""


class TenantSession(Session):
    """The session behind the three doors, on one connection of the pool, which it takes when anything is first asked.

    The transaction is that connection's own. The library's, and the ORM's, join it only where they are needed: their
    beginning and ending take as long as several statements.
    """

    bind: Engine
    _taken: plain.Taken | None = None
    _is_begun = False
    _library: Connection | None = None
    _has_orm = False

    def __init__(self, bind: Engine, *, info: dict[str, Any]) -> None:
        """Without the ORM's own beginning, which is made up for when anything of it is first asked for."""
        self.bind, self.info = bind, info

    def __getattr__(self, name: str) -> Any:
        """What the session does not have yet: nothing but the state of an ORM that most transactions never use."""
        if self._has_orm:
            raise AttributeError(name)
        self._has_orm = True
        super().__init__(self.bind, expire_on_commit=False)
        return getattr(self, name)

    def execute(self, statement: Any, params: Any = None, **options: Any) -> Any:
        """As always; a statement on tables alone goes to the connection: the ORM's way costs as much again."""
        if options or getattr(statement, "_propagate_attrs", {"unknown": True}):  # what the ORM has to know of it
            return super().execute(statement, params, **options)
        _check(self, statement, params)
        return self.begun().execute(statement, params)

    def check(self, statement: Any, params: Any) -> None:
        """TenancyError unless the statement stays in the session's workspace."""
        _check(self, statement, params)

    def taken(self) -> plain.Taken:
        """The pool's connection, in a transaction; never outside one, whatever went wrong before."""
        if self._taken is None:
            self._taken = plain.take(self.bind)
        self._taken.check_there()
        if not self.in_transaction():
            self._begin(self._taken)
        return self._taken

    def _begin(self, taken: plain.Taken) -> None:
        if self._library is not None:  # of which something was rolled back
            self._library.begin()
        else:
            begin(self.bind, taken)
        _enter_tenant(self, taken)
        self._is_begun = True

    def begun(self) -> Connection:
        """The library's connection, in the same transaction."""
        taken = self.taken()
        if self._library is None:
            self._library = Connection(self.bind, taken.pooled)
            self._library.begin()  # which finds it begun
        return self._library

    def in_transaction(self) -> bool:
        """Whether anything was asked already."""
        return self._is_begun if self._library is None else self._library.in_transaction()

    def get_bind(self, *_of: Any, **_options: Any) -> Connection:
        """What the ORM asks for when it is about to send anything."""
        return self.begun()

    def commit_all(self) -> None:
        """Write what the ORM still holds, and end the transaction."""
        if self._has_orm and super().in_transaction():
            self.commit()
        if self._library is not None:
            self._library.commit()
        elif self._taken is not None:
            self._taken.commit()
        self._is_begun = False

    def close(self) -> None:
        """Give the connection back; what was not committed is taken back."""
        if self._has_orm:
            super().close()
        if self._library is not None:
            self._library.close()
        elif self._taken is not None:
            self._taken.pooled.close()
        self._library, self._taken, self._is_begun = None, None, False


def begin(engine: Engine, taken: plain.Taken) -> None:
    """Begin a transaction; PostgreSQL's driver does that by itself with the first statement."""
    if engine.dialect.name == "sqlite":
        writes = engine.get_execution_options().get("tracker_write", False)
        taken.send("BEGIN IMMEDIATE" if writes else "BEGIN", ())


def _enter_tenant(session: Session, taken: plain.Taken) -> None:
    """On PostgreSQL: take the lesser role and name the workspace, both for this transaction only."""
    if taken.dialect.name != "postgresql":
        return
    settings = {
        "app.workspace_id": str(session.info.get("workspace_id", "")),
        "app.crossing": session.info.get("crossing", ""),
        "lock_timeout": f"{LOCK_TIMEOUT_MS}ms",
        "jit": "off",  # compiling takes a tenth of our longest question, and never pays
    }
    if session.info["role"] != "owner":
        settings["role"] = f"tracker_{session.info['role']}"
    calls = ", ".join(f"set_config('{name}', %s, true)" for name in settings)
    taken.send(f"select {calls}", list(settings.values()))


@event.listens_for(TenantSession, "do_orm_execute")
def _check_execute(state: ORMExecuteState) -> None:
    _check(state.session, state.statement, state.parameters)


def _check(session: Any, statement: Any, parameters: Any) -> None:
    if "crossing" in session.info and getattr(statement, "is_select", False):
        return
    check_statement(statement, parameters, session.info.get("workspace_id"))


@event.listens_for(TenantSession, "before_flush")
def _check_flush(session: Session, _context: Any, _instances: Any) -> None:
    for row in (*session.new, *session.dirty, *session.deleted):
        if row.__tablename__ in TENANT_TABLES and row.workspace_id != session.info.get("workspace_id"):
            raise TenancyError(f"a row of {row.__tablename__} for workspace {row.workspace_id} in another's session")
