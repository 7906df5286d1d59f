"""Statements sent as plain text: those of every unit, compiled once, and rows by the thousand.

The library asks anew each time what a statement is, which takes several times as long as most of them. What it
checks is checked here too: the workspace as at every door, each value by the type of its column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Dialect, Engine, Executable, PoolProxiedConnection, Table
from sqlalchemy.exc import DBAPIError, PendingRollbackError
from sqlalchemy.sql.compiler import SQLCompiler
from sqlmodel import Session

from tracker import tenancy
from tracker.columns import NanoDollars, array_text, processed
from tracker.errors import TenancyError
from tracker.tenancy import ROW

JOINS_SERIES = "JOIN usage_series "
"""Stands in a statement of which PostgreSQL keeps no plan: see `_planned_for_its_values`."""

Given = Mapping[str, Any]
Process = Callable[[Any], Any] | None


@dataclass(frozen=True)
class Plain:
    """A statement as the driver takes it: its text, its values in order, and what makes a row's values ours.

    `fixed` are the values that stand in the statement itself, `deciding` those that name the workspace.
    """

    text: str
    positional: bool
    values: tuple[tuple[str, Process], ...]
    fixed: Mapping[str, Any]
    readers: tuple[tuple[int, Callable[[Any], Any]], ...]
    deciding: tuple[str, ...] | None

    def stays_in(self, workspace_id: int | None, given: Given | Sequence[Given]) -> bool:
        """Whether the values alone say so; otherwise the statement has to be looked into."""
        if workspace_id is None or self.deciding is None:
            return False
        for row in (given,) if isinstance(given, ROW) else given:
            for name in self.deciding:
                if row.get(name) != workspace_id:
                    return False
        return True

    def bound(self, given: Given) -> Any:
        """The values as the driver takes them."""
        every = {**given, **self.fixed} if self.fixed else given
        told = [make(every[name]) if make else every[name] for name, make in self.values]
        return (
            tuple(told)
            if self.positional
            else {name: value for (name, _), value in zip(self.values, told, strict=True)}
        )

    def read(self, found: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """The rows as ours, made column by column."""
        if not found or not self.readers:
            return found
        columns: list[Iterable[Any]] = list(zip(*found, strict=True))
        for number, reader in self.readers:
            columns[number] = map(reader, columns[number])
        return list(zip(*columns, strict=True))


# By the statement, which was made once and stays, and by the database's name.
_compiled: WeakKeyDictionary[Executable, dict[str, Plain]] = WeakKeyDictionary()


@dataclass(frozen=True)
class Taken:
    """A connection of the pool, and what the library knows of its database, so that errors are told in its way."""

    pooled: PoolProxiedConnection
    dialect: Dialect

    def send(
        self, text: str, values: Any, *, many: bool = False, fetch: bool = False
    ) -> tuple[list[tuple[Any, ...]], int]:
        """What the driver finds, and how many rows were touched. What reads the series' rows is planned anew."""
        cursor: Any = self.pooled.cursor()
        anew = {"prepare": False} if fetch and self.dialect.name == "postgresql" and JOINS_SERIES in text else {}
        try:
            (cursor.executemany if many else cursor.execute)(text, values, **anew)
            return list(cursor.fetchall()) if fetch else [], cursor.rowcount
        except self.dialect.loaded_dbapi.Error as error:
            raise self.told(error, text) from error
        finally:
            cursor.close()

    def check_there(self) -> None:
        """PendingRollbackError once the connection was lost: what was begun on it cannot go on."""
        if not self.pooled.is_valid:
            raise PendingRollbackError("The connection was lost, and with it what was begun.")

    def commit(self) -> None:
        """End the transaction."""
        self.check_there()
        try:
            self.dialect.do_commit(self.pooled)
        except self.dialect.loaded_dbapi.Error as error:
            raise self.told(error, "COMMIT") from error

    def told(self, error: Any, text: str) -> BaseException:
        """The driver's error as the library tells it; a connection that was lost is given up."""
        lost = self.dialect.is_disconnect(error, self.pooled, None)
        if lost:
            self.pooled.invalidate(error)
        return _told(error, self.dialect, text, lost=lost)


def take(engine: Engine) -> Taken:
    """One of the pool's connections."""
    try:
        return Taken(engine.raw_connection(), engine.dialect)
    except engine.dialect.loaded_dbapi.Error as error:
        raise _told(error, engine.dialect, None, lost=False) from error


def _told(error: Any, dialect: Dialect, text: str | None, *, lost: bool) -> BaseException:
    driver: type[Exception] = dialect.loaded_dbapi.Error
    told: BaseException = DBAPIError.instance(text, None, error, driver, connection_invalidated=lost, dialect=dialect)
    return told


def rows(session: Session, statement: Executable, given: Given) -> list[tuple[Any, ...]]:
    """All rows that a statement made once finds with these values."""
    taken, plain = _ready(session, statement, given)
    found, _ = taken.send(plain.text, plain.bound(given), fetch=True)
    return plain.read(found)


def run(session: Session, statement: Executable, given: Given | Sequence[Given]) -> int:
    """Execute a statement made once with the values, or with each of several; how many rows it touched."""
    taken, plain = _ready(session, statement, given)
    if isinstance(given, ROW):
        return taken.send(plain.text, plain.bound(given))[1]
    if len(given) == 1:  # PostgreSQL's driver has more to do for many, however few they are
        return taken.send(plain.text, plain.bound(given[0]))[1]
    return taken.send(plain.text, [plain.bound(each) for each in given], many=True)[1]


@contextmanager
def together(session: Any) -> Iterator[None]:
    """Whatever is `run` inside goes to PostgreSQL in one round trip, and its errors are told at the end."""
    taken: Taken = session.taken()
    if taken.dialect.name != "postgresql":
        yield
        return
    driver: Any = taken.pooled.driver_connection
    try:
        with driver.pipeline():
            yield
    except taken.dialect.loaded_dbapi.Error as error:
        raise taken.told(error, "one of several statements") from error


def _ready(session: Any, statement: Executable, given: Any) -> tuple[Taken, Plain]:
    """The session's connection, once the statement may go there, and the statement in its database's words."""
    dialect: Dialect = session.bind.dialect
    known = _compiled.get(statement)
    if known is None:
        known = _compiled[statement] = {}
    if dialect.name not in known:
        known[dialect.name] = _plain(statement, dialect)
    plain = known[dialect.name]
    if not plain.stays_in(session.info.get("workspace_id"), given):
        session.check(statement, given)
    return session.taken(), plain


def _plain(statement: Any, dialect: Dialect) -> Plain:
    compiled: SQLCompiler = statement.compile(dialect=dialect)
    if compiled.post_compile_params or compiled.literal_execute_params:
        raise ValueError(f"a statement whose text depends on its values: {compiled}")
    makers = {name: bind.type.dialect_impl(dialect).bind_processor(dialect) for name, bind in compiled.binds.items()}
    own = {name: bind.value for name, bind in compiled.binds.items() if not bind.required}
    told = statement.exported_columns if statement.is_select or compiled.effective_returning else ()
    readers = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in told]
    return Plain(
        text=compiled.string,
        positional=compiled.positiontup is not None,
        values=tuple((name, makers[name]) for name in compiled.positiontup or compiled.binds),
        fixed=own,
        readers=tuple((number, reader) for number, reader in enumerate(readers) if reader),
        deciding=tenancy.deciding(statement),
    )


def insert_columns(session: Any, table: Table, columns: Sequence[Sequence[Any]]) -> None:
    """Insert rows of whole numbers of one workspace, given as all the table's columns in its order, at full speed.

    The library's way through a dictionary a row takes three times as long. What its columns refuse is refused here too.
    A column that no row tells is left out; PostgreSQL takes each of the others as one array.
    Amounts are told in nano-dollars.
    """
    columns = list(columns)
    of_workspace = list(table.c).index(table.c.workspace_id)
    if foreign := set(columns[of_workspace]) - {session.info.get("workspace_id")}:
        raise TenancyError(f"a row of {table.name} for workspace {foreign.pop()} in another's session")
    told = tuple(n for n, values in enumerate(columns) if values[0] is not None or values.count(None) < len(values))
    taken: Taken = session.taken()
    statement, processors = _inserting(table, taken.dialect, told)
    for number, process in processors:
        columns[number] = processed(columns[number], process)
    encoded = [columns[number] for number in told]
    if taken.dialect.name == "postgresql":
        taken.send(statement, tuple(map(array_text, encoded)))
    else:
        taken.send(statement, list(zip(*encoded, strict=True)), many=True)


@lru_cache(maxsize=64)
def _inserting(
    table: Table, dialect: Dialect, told: tuple[int, ...]
) -> tuple[str, list[tuple[int, Callable[[Any], Any]]]]:
    """The statement for the columns of these numbers, and what turns a column's values into the driver's."""
    every = list(table.c)
    columns = [every[number] for number in told]
    names = ", ".join(column.name for column in columns)
    arrays = ", ".join(f"%s::{column.type.compile(dialect)}[]" for column in columns)
    source = f"SELECT * FROM unnest({arrays})"  # noqa: S608 - our own names
    if dialect.name != "postgresql":
        source = f"VALUES ({', '.join('?' for _ in columns)})"
    others = (n for n in told if not isinstance(every[n].type, NanoDollars))
    processors = ((n, every[n].type.dialect_impl(dialect).bind_processor(dialect)) for n in others)
    statement = f"INSERT INTO {table.name} ({names}) {source}"
    return statement, [(number, process) for number, process in processors if process]
