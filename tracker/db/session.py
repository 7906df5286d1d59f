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
    """The session behind the three doors, on one connection, which it takes when anything is first asked.

    The transaction is the connection's. The ORM joins it where it is needed at all: its own beginning and ending
    take as long as several statements.
    """

    _begun: Connection | None = None
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

    def begun(self) -> Connection:
        """The connection, in a transaction; never outside one, whatever went wrong before."""
        if self._begun is None:
            assert isinstance(self.bind, Engine), "the doors give an engine"
            self._begun = self.bind.connect()
        if not self._begun.in_transaction():
            self._begun.begin()
            _enter_tenant(self, self._begun)
        return self._begun

    def in_transaction(self) -> bool:
        """Whether anything was asked already."""
        return self._begun is not None and self._begun.in_transaction()

    def get_bind(self, *_of: Any, **_options: Any) -> Connection:
        """What the ORM asks for when it is about to send anything."""
        return self.begun()

    def commit_all(self) -> None:
        """Write what the ORM still holds, and end the transaction."""
        if self._has_orm and super().in_transaction():
            self.commit()
        if self._begun is not None:
            self._begun.commit()

    def close(self) -> None:
        """Give the connection back; what was not committed is taken back."""
        if self._has_orm:
            super().close()
        if self._begun is not None:
            self._begun.close()
            self._begun = None


def _enter_tenant(session: Session, connection: Connection) -> None:
    """On PostgreSQL: take the lesser role and name the workspace, both for this transaction only."""
    if connection.dialect.name != "postgresql":
        return
    settings = {
        "app.workspace_id": str(session.info.get("workspace_id", "")),
        "app.crossing": session.info.get("crossing", ""),
        "lock_timeout": f"{LOCK_TIMEOUT_MS}ms",
    }
    if session.info["role"] != "owner":
        settings["role"] = f"tracker_{session.info['role']}"
    calls = ", ".join(f"set_config('{name}', %s, true)" for name in settings)
    plain.send(connection, f"select {calls}", list(settings.values()))


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
