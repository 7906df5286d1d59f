"""A back-up: all of the database in one file, checked, with a manifest of what it holds beside it.

Never the key ring: who holds both can open every stored key, so the two are kept apart.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import BigInteger, Connection, Engine, Integer, Select, Table, func, inspect, select, type_coerce
from sqlmodel import SQLModel

from tracker import migrations, runs, storage
from tracker.clock import utc_now
from tracker.columns import NanoDollars
from tracker.db import Database, open_database
from tracker.errors import BadInput
from tracker.migrations import whole
from tracker.models import KekCanary, table_of

CANARIES = table_of(KekCanary)
ASIDE = ".before-restore"
SQLITE, POSTGRESQL = "SQLite", "PostgreSQL"

Held = tuple[list[str], dict[str, list[int]]]
"""What a database holds: the ids of the key-encryption keys that seal its keys, and its `counts`."""


@dataclass(frozen=True)
class Manifest:
    """`tables` gives for each table its rows and the sum of all its whole numbers, money in nano-dollars among them."""

    made_at: str
    database: str
    schema: str
    sha256: str
    kek_ids: list[str]
    tables: dict[str, list[int]]


def manifest_of(file: Path) -> Path:
    """Where a back-up's manifest lies."""
    return file.with_name(f"{file.name}.manifest.json")


def make(url: str, file: Path, *, replace: bool) -> Manifest:
    """Write a back-up of the database at `url` while it is used. BadInput when the file is there already."""
    if file.exists() and not replace:
        raise BadInput(f"{file} exists already. Choose another name, or add --replace.")
    if not file.parent.is_dir():
        raise BadInput(f"There is no folder {file.parent}. Make it first.")
    source = storage.file_of(url)
    if source and not source.exists():
        raise BadInput(f"There is no database at {source}. Set TRACKER_DATABASE_URL to the one that is meant.")
    with _owners(url) as database:
        schema = migrations.found(database.engine)
        if schema is None:
            raise BadInput("The database is empty: there is nothing to back up.")
        with storage.private(file) as part:
            kek_ids, tables = _copied(source, part, file) if source else _written(database.engine, part, schema)
            kind = SQLITE if source else POSTGRESQL
            manifest = Manifest(f"{utc_now():%Y-%m-%dT%H:%M:%SZ}", kind, schema, _sha256(part), kek_ids, tables)
            manifest_of(file).unlink(missing_ok=True)  # a file without one can be restored, with another's it cannot
    _write(manifest_of(file), json.dumps(asdict(manifest), indent=1))
    return manifest


def _copied(source: Path, part: Path, file: Path) -> Held:
    storage.copy_into(part, source)
    if complaint := storage.damage(part):
        raise BadInput(
            f"The copy is damaged ({complaint}), and so is what it was made of. What was at {file} stays. "
            "Stop every process and restore the newest back-up that is whole."
        )
    with _owners(f"sqlite:///{part}") as kept, kept.engine.connect() as connection:
        return _held(connection)


def _written(engine: Engine, part: Path, schema: str) -> Held:
    with whole.snapshot(engine) as connection:
        whole.write(connection, part, schema)
        return _held(connection)


def restore(url: str, file: Path, *, replace: bool) -> Manifest | None:
    """Put a back-up in the place of the database at `url`; its manifest, None when it has none to compare with.

    BadInput, and nothing changed, when the file is not what its manifest says, when there is a database and it is not
    to be replaced, or while a worker is alive. A SQLite file that was there is kept beside (`….before-restore`).
    """
    target = storage.file_of(url)
    manifest = _read(file, SQLITE if target else POSTGRESQL)
    with _owners(url) as database:
        if target.exists() if target else migrations.found(database.engine):
            if not replace:
                raise BadInput("There is a database already. Add --replace to put the back-up in its place.")
            _refuse_while_used(database, target)
        if not target:
            whole.read(database.engine, file, lambda connection: _compare(connection, manifest))
    if target:
        _put(file, target, manifest)
    return manifest


@contextmanager
def _owners(url: str) -> Iterator[Database]:
    database = open_database(url, role="owner")
    try:
        yield database
    finally:
        database.engine.dispose()


def _put(file: Path, target: Path, manifest: Manifest | None) -> None:
    if complaint := storage.damage(file):
        raise BadInput(f"{file} is damaged ({complaint}). Choose an older back-up.")
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    target = target.resolve()
    fresh = target.with_name(f"{target.name}.restored")
    storage.drop_side_files(fresh)  # of a restore that was killed
    storage.copy(file, fresh)
    with _owners(f"sqlite:///{fresh}") as database, database.engine.connect() as connection:
        _compare(connection, manifest)
    storage.put_in_place(fresh, target, ASIDE)


def counts(connection: Connection) -> dict[str, list[int]]:
    """Of each table, as the connection's transaction sees it: its rows, and the sum of its whole numbers."""
    there = {name: table for name, table in sorted(SQLModel.metadata.tables.items()) if _columns(connection, name)}
    return {
        name: [int(n) for n in connection.execute(_counting(table, _columns(connection, name))).one()]
        for name, table in there.items()
    }


def _columns(connection: Connection, table: str) -> set[str]:
    found = inspect(connection)
    return {column["name"] for column in found.get_columns(table)} if found.has_table(table) else set()


def _counting(table: Table, there: set[str]) -> Select[int, int]:
    whole_numbers = [c for c in table.c if c.name in there and isinstance(c.type, (Integer, NanoDollars))]
    sums = [func.coalesce(func.sum(type_coerce(column, BigInteger)), 0) for column in whole_numbers]
    total = sums[0] if sums else func.count() * 0
    for each in sums[1:]:
        total = total + each
    return select(func.count(), total).select_from(table)


def _held(connection: Connection) -> Held:
    kek_ids = connection.execute(select(CANARIES.c.kek_id).order_by(CANARIES.c.kek_id)).scalars()
    return list(kek_ids), counts(connection)


def _compare(connection: Connection, manifest: Manifest | None) -> None:
    if manifest is None:
        return
    found = counts(connection)
    if wrong := sorted(name for name, told in manifest.tables.items() if found.get(name) != told):
        raise BadInput(f"What was restored differs from its manifest in: {', '.join(wrong)}. Choose another back-up.")


def _read(file: Path, database: str) -> Manifest | None:
    if not file.exists():
        raise BadInput(f"There is no back-up at {file}. Give the file that one was written to.")
    try:
        told = Manifest(**json.loads(manifest_of(file).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError):
        raise BadInput(f"{manifest_of(file)} is no manifest. Choose another back-up.") from None
    if told.database != database:
        raise BadInput(f"{file} is of {told.database}, and TRACKER_DATABASE_URL names {database}. Choose another one.")
    if told.sha256 != _sha256(file):
        raise BadInput(f"{file} is not the file of its manifest: it was changed or cut. Choose another back-up.")
    return told


def _refuse_while_used(database: Database, target: Path | None) -> None:
    """A file that is damaged cannot tell, and is replaced all the same."""
    if target and (storage.damage(target) or not migrations.found(database.engine)):
        return
    if not target and migrations.state(database.engine) == "ahead":  # its tables are not all known to be replaced
        raise BadInput("The database is of a newer version than this program. Update the program first.")
    with database.exempt() as session:
        living = runs.living_workers(session, now=utc_now())
    if living:
        raise BadInput("A worker is running. Stop the worker and the dashboard, then restore.")


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _write(file: Path, text: str) -> None:
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, storage.PRIVATE), "w") as opened:
        opened.write(text + "\n")
