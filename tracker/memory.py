"""Answers kept for as long as nobody writes anything: none of them is ever older than what is stored.

A mark tells a database apart from itself before and after a commit: any commit, by any process, in any workspace. It is
taken before an answer is read, so that a write in between makes the answer newer than its mark and never older.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Select, Text, cast, column, func, select
from sqlmodel import Session

from tracker.errors import TenancyError

T = TypeVar("T")

MOST = 100
"""Answers kept at once: the one longest unasked goes."""

# What others have committed to the file, as counted by the connection that asks (sqlite.org/pragma.html, read 2026-11).
DATA_VERSION: Select[Any] = select(column("data_version")).select_from(
    func.pragma_data_version().table_valued("data_version")
)

# Which transactions a reader sees; whoever writes takes the next number (postgresql.org/docs/18/functions-info.html).
SNAPSHOT = select(cast(func.pg_current_snapshot(), Text))


class Memory:
    """What one process was last told by one database. Answers are shared: they must be values that nobody changes."""

    def __init__(self) -> None:
        self._answers: OrderedDict[Hashable, tuple[Hashable, object]] = OrderedDict()
        self._watching: Connection | None = None
        self._lock, self._watch = Lock(), Lock()

    def recall(self, session: Session, what: Hashable, read: Callable[[], T], *, keep: Callable[[T], bool]) -> T:
        """What `read` tells of the session's workspace, as it told it before where nothing was written since.

        `what` names everything that the answer depends on beside what is stored; `keep` says whether it may be kept.
        The session must not have asked anything yet: what it sees could be older than the mark.
        """
        workspace_id = session.info.get("workspace_id")
        if workspace_id is None or session.in_transaction():
            raise TenancyError("only the first question of a session in a workspace can be answered from memory")
        place, mark = (workspace_id, what), self._mark(session)
        with self._lock:
            known_mark, answer = self._answers.get(place, (None, None))
        if known_mark == mark:
            return answer  # type: ignore[return-value]  # what `read` of this name told
        told = read()
        if keep(told):
            with self._lock:
                self._answers[place] = mark, told
                self._answers.move_to_end(place)
                while len(self._answers) > MOST:
                    self._answers.popitem(last=False)
        return told

    def close(self) -> None:
        """Let go of the connection that watches."""
        with self._watch:
            if self._watching is not None:
                self._watching.close()
            self._watching = None

    def _mark(self, session: Session) -> Hashable:
        assert session.bind is not None, "every session has its database"
        engine = session.bind.engine
        if engine.dialect.name == "postgresql":
            snapshot: str = session.execute(SNAPSHOT).scalar_one()
            return snapshot
        with self._watch:
            return self._data_version(engine)

    def _data_version(self, engine: Engine) -> tuple[int, int]:
        """The number is of the connection, so a new one (the old one failed) begins to count anew."""
        if self._watching is None or self._watching.invalidated:
            self._watching = engine.connect()
        try:
            return id(self._watching), int(self._watching.execute(DATA_VERSION).scalar_one())
        finally:
            self._watching.rollback()
