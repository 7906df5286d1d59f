"""A back-up of a SQLite database: all of it in one file, checked, with a manifest of what it holds beside it.

Never the key ring: who holds both can open every stored key, so the two are kept apart.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import BigInteger, Integer, Select, Table, func, inspect, select, type_coerce
from sqlmodel import SQLModel

from tracker import migrations, runs, storage
from tracker.clock import utc_now
from tracker.columns import NanoDollars
from tracker.db import Database, open_database
from tracker.errors import BadInput
from tracker.models import KekCanary, table_of

CANARIES = table_of(KekCanary)
ASIDE = ".before-restore"


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
    source = _file(url)
    if not source.exists():
        raise BadInput(f"There is no database at {source}.")
    database = open_database(url, role="owner")
    schema = migrations.found(database.engine)
    database.engine.dispose()
    if schema is None:
        raise BadInput("The database is empty: there is nothing to back up.")
    storage.copy(source, file)
    if complaint := storage.damage(file):
        raise BadInput(f"The copy is damaged ({complaint}), and so is what it was made of. Keep older back-ups.")
    kept = open_database(f"sqlite:///{file}", role="owner")
    kek_ids, tables = _kek_ids(kept), counts(kept)
    kept.engine.dispose()
    manifest = Manifest(f"{utc_now():%Y-%m-%dT%H:%M:%SZ}", "sqlite", schema, _sha256(file), kek_ids, tables)
    _write(manifest_of(file), json.dumps(asdict(manifest), indent=1))
    return manifest


def restore(url: str, file: Path, *, replace: bool) -> Manifest | None:
    """Put a back-up in the place of the database at `url`; its manifest, None when it has none to compare with.

    BadInput, and nothing changed, when the file is not what its manifest says, when there is a database and it is not
    to be replaced, or while a worker is alive. A file that was there is kept beside (`….before-restore`).
    """
    target = _file(url)
    manifest = _read(file)
    if target.exists():
        if not replace:
            raise BadInput("There is a database already. Add --replace to put the back-up in its place.")
        _refuse_while_used(url, target)
    _put(file, target, manifest)
    return manifest


def _file(url: str) -> Path:
    """The SQLite file. PostgreSQL's own tools know its roles and policies better than we do."""
    if path := storage.file_of(url):
        return path
    raise BadInput("This keeps SQLite files. Use pg_dump and pg_restore for PostgreSQL; deploy/README.md tells how.")


def _put(file: Path, target: Path, manifest: Manifest | None) -> None:
    if complaint := storage.damage(file):
        raise BadInput(f"{file} is damaged ({complaint}). Choose an older back-up.")
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = target.with_name(f"{target.name}.restored")
    storage.copy(file, fresh)
    database = open_database(f"sqlite:///{fresh}", role="owner")
    _compare(database, manifest)
    database.engine.dispose()
    storage.move_aside(target, ASIDE)
    fresh.replace(target)


def counts(database: Database) -> dict[str, list[int]]:
    """Of each table: its rows, and the sum of its whole numbers."""
    there = set(inspect(database.engine).get_table_names())
    tables = [table for name, table in sorted(SQLModel.metadata.tables.items()) if name in there]
    with database.crossing("operator") as session:
        return {
            str(table.name): [int(n) for n in session.execute(_counting(database, table)).one()] for table in tables
        }


def _counting(database: Database, table: Table) -> Select[int, int]:
    there = {column["name"] for column in inspect(database.engine).get_columns(table.name)}
    whole = [c for c in table.c if c.name in there and isinstance(c.type, (Integer, NanoDollars))]
    sums = [func.coalesce(func.sum(type_coerce(column, BigInteger)), 0) for column in whole]
    total = sums[0] if sums else func.count() * 0
    for each in sums[1:]:
        total = total + each
    return select(func.count(), total).select_from(table)


def _kek_ids(database: Database) -> list[str]:
    with database.exempt() as session:
        return list(session.execute(select(CANARIES.c.kek_id).order_by(CANARIES.c.kek_id)).scalars())


def _compare(database: Database, manifest: Manifest | None) -> None:
    if manifest is None:
        return
    found = counts(database)
    if wrong := sorted(name for name, told in manifest.tables.items() if found.get(name) != told):
        raise BadInput(f"What was restored differs from its manifest in: {', '.join(wrong)}. Choose another back-up.")


def _read(file: Path) -> Manifest | None:
    if not file.exists():
        raise BadInput(f"There is no back-up at {file}.")
    try:
        told = Manifest(**json.loads(manifest_of(file).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError):
        raise BadInput(f"{manifest_of(file)} is no manifest. Choose another back-up.") from None
    if told.sha256 != _sha256(file):
        raise BadInput(f"{file} is not the file of its manifest: it was changed or cut. Choose another back-up.")
    return told


def _refuse_while_used(url: str, target: Path) -> None:
    """A file that is damaged cannot tell, and is replaced all the same."""
    database = open_database(url, role="owner")
    if storage.damage(target) or not migrations.found(database.engine):
        return
    with database.exempt() as session:
        living = runs.living_workers(session, now=utc_now())
    database.engine.dispose()
    if living:
        raise BadInput("A worker is running. Stop the worker and the dashboard, then restore.")


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _write(file: Path, text: str) -> None:
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, storage.PRIVATE), "w") as opened:
        opened.write(text + "\n")
