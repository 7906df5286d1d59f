"""Every row of a PostgreSQL database as one file, and back: by COPY, so that no tool of the server's version is needed.

The file is a zip of `index.json` (the schema's step, each table's columns, each sequence's number) and a member a
table, in COPY's text form. Procrastinate's tables are left out: they hold nothing that the ledger does not say.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile

import psycopg
from alembic import command
from psycopg import errors
from psycopg.sql import SQL, Composed, Identifier
from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import DBAPIError

from tracker import migrations
from tracker.errors import BadInput
from tracker.migrations.queue import SCHEMA as QUEUE
from tracker.models import EXEMPT, TENANT_TABLES

INDEX, STEP = "index.json", "alembic_version"
OURS = sorted((TENANT_TABLES | EXEMPT) - {STEP})
"""Every table that a step ever made. Others in the same schema are another program's: neither kept nor replaced."""

SEQUENCES = """
select s.sequencename, s.last_value
from pg_sequences s
join pg_depend d on d.objid = format('%I.%I', s.schemaname, s.sequencename)::regclass and d.deptype in ('a', 'i')
join pg_class t on t.oid = d.refobjid
where s.schemaname = 'public' and t.relname = any(:ours)
"""
FORCED = (
    "select relname from pg_class "
    "where relnamespace = 'public'::regnamespace and relforcerowsecurity and relname = any(:ours)"
)
NUMBERED = "select setval(cast(:name as regclass), :value)"
NOT_WHOLE = (
    *(BadZipFile, KeyError, ValueError),
    *(psycopg.DataError, psycopg.IntegrityError, errors.UndefinedColumn, errors.UndefinedTable),
)
LOCK_TIMEOUT = "set local lock_timeout = '10s'"


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """A connection of the owner's that sees every workspace as all stood at one instant, while others go on writing."""
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection, connection.begin():
        see_all(connection)
        yield connection


def see_all(connection: Connection) -> None:
    """Row-level security is forced on the owner too; as the operator's crossing it shows every row to be read."""
    connection.execute(text("select set_config('app.crossing', 'operator', true)"))


def write(connection: Connection, file: Path, schema: str) -> None:
    """All rows that the connection's transaction sees, into that file."""
    columns = {name: _columns(connection, name) for name in _tables(connection)}
    sequences = {name: value for name, value in _sequences(connection).items() if value is not None}
    try:
        _write(connection, file, {"schema": schema, "columns": columns, "sequences": sequences})
    except errors.InsufficientPrivilege as error:
        raise _told(error) from error


def _write(connection: Connection, file: Path, index: dict[str, Any]) -> None:
    with ZipFile(file, "w", ZIP_DEFLATED, compresslevel=1) as made:
        made.writestr(INDEX, json.dumps(index))
        for name, of in index["columns"].items():
            with made.open(name, "w", force_zip64=True) as member, _copy(connection, name, of, "to stdout") as rows:
                for chunk in rows:
                    member.write(chunk)


def read(engine: Engine, file: Path, check: Callable[[Connection], None]) -> None:
    """Put the rows of that file in the place of all that is there, in one transaction in which `check` may refuse."""
    try:
        with ZipFile(file) as kept, engine.begin() as connection:
            connection.execute(text(LOCK_TIMEOUT))
            _fill(connection, kept)
            see_all(connection)
            check(connection)
    except NOT_WHOLE:
        raise BadInput(f"{file} is not a whole back-up of a PostgreSQL database. Choose another one.") from None
    except (psycopg.Error, DBAPIError) as error:
        raise _told(error) from error


def _told(error: psycopg.Error | DBAPIError) -> Exception:
    """A sentence for what a person can mend."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, errors.InsufficientPrivilege):
        return BadInput("This account may not do that in PostgreSQL. Set TRACKER_DATABASE_URL to the owner's address.")
    if isinstance(cause, errors.LockNotAvailable):
        return BadInput("Others are using the database. Stop the worker and the dashboard, then restore.")
    if isinstance(cause, errors.DependentObjectsStillExist):
        return BadInput(
            f"Another program's part of the database leans on our tables: {cause.diag.message_detail} "
            "Take it away first, or restore into a database of its own."
        )
    return error


def _fill(connection: Connection, kept: ZipFile) -> None:
    index = json.loads(kept.read(INDEX))
    if index["schema"] not in migrations.steps():
        raise BadInput(f"The back-up is of a newer version ({index['schema']}). Update the program first.")
    _clear(connection)
    command.upgrade(migrations.config("", connection), index["schema"])
    with _unforced(connection):
        for name, columns in index["columns"].items():
            if name not in OURS:  # as older versions wrote another program's
                continue
            with kept.open(name) as member, _copy(connection, name, columns, "from stdin") as rows:
                shutil.copyfileobj(member, rows)
    for name in _sequences(connection).keys() & index["sequences"].keys():
        connection.execute(text(NUMBERED), {"name": name, "value": index["sequences"][name]})


def _tables(connection: Connection) -> list[str]:
    """Ours that are there, the ones that others refer to first."""
    names = (str(name) for name, _ in inspect(connection).get_sorted_table_and_fkc_names() if name)
    return [name for name in names if name in OURS]


def _sequences(connection: Connection) -> dict[str, int | None]:
    """The last number given by each sequence of our tables, None where it gave none."""
    return {str(name): value for name, value in connection.execute(text(SEQUENCES), {"ours": OURS})}


def _columns(connection: Connection, table: str) -> list[str]:
    return [column["name"] for column in inspect(connection).get_columns(table)]


def _copy(connection: Connection, table: str, columns: Sequence[str], way: str) -> Any:
    # Past SQLAlchemy, which knows no COPY; in its transaction all the same.
    driver: Any = connection.connection.driver_connection
    names = SQL(", ").join(map(Identifier, columns))
    statement: Composed = SQL("copy {} ({}) ").format(Identifier(table), names) + SQL(way)
    return driver.cursor().copy(statement)


def _clear(connection: Connection) -> None:
    """All at once: they lean on each other, and what another program leans on them is not to be dropped with them."""
    _run(connection, SQL("drop schema if exists {} cascade").format(Identifier(QUEUE)))
    names = SQL(", ").join(map(Identifier, (*_tables(connection), STEP)))
    _run(connection, SQL("drop table if exists {}").format(names))


@contextmanager
def _unforced(connection: Connection) -> Iterator[None]:
    """COPY into a table whose policies bind its owner is refused by the server."""
    forced = list(connection.execute(text(FORCED), {"ours": OURS}).scalars())
    for name in forced:
        _run(connection, SQL("alter table {} no force row level security").format(Identifier(name)))
    yield
    for name in forced:
        _run(connection, SQL("alter table {} force row level security").format(Identifier(name)))


def _run(connection: Connection, statement: Composed) -> None:
    driver: Any = connection.connection.driver_connection
    driver.execute(statement)
