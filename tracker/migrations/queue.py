"""Procrastinate's tables, for workers on many machines: on PostgreSQL, in a schema of their own, owned by the owner.

They hold nothing that the ledger does not say: the whole schema may be dropped, and `migrate` makes it again. Its steps
are the library's own SQL files, whose names sort by version; the schema's comment is the name of the last one taken.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from tracker.errors import BadConfiguration

SCHEMA = "procrastinate"
GRANTS = (
    f"grant usage on schema {SCHEMA} to tracker_worker",
    f"grant select, insert, update, delete on all tables in schema {SCHEMA} to tracker_worker",
    f"grant usage on all sequences in schema {SCHEMA} to tracker_worker",
)
TAKEN = "select obj_description(oid, 'pg_namespace') from pg_namespace where nspname = :schema"


def upgrade(engine: Engine, *, lock: int) -> None:
    """Make or update the tables in one transaction, one migrator at a time. Nothing to do on SQLite."""
    if engine.dialect.name != "postgresql":
        return
    with engine.begin() as connection:
        connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": lock})
        taken = connection.execute(text(TAKEN), {"schema": SCHEMA}).scalar()
        if taken == _steps()[-1].name:
            return
        # Past SQLAlchemy: a file is many statements at once, with percent signs of its own.
        run: Any = connection.connection.driver_connection
        run.execute(f"create schema if not exists {SCHEMA}")
        run.execute(f"set local search_path to {SCHEMA}")
        for step in [_whole()] if taken is None else [step for step in _steps() if step.name > taken]:
            run.execute(step.read_text(encoding="utf-8"))
        for grant in GRANTS:
            run.execute(grant)
        run.execute(f"comment on schema {SCHEMA} is '{_steps()[-1].name}'")


def check(engine: Engine) -> None:
    """Raise BadConfiguration unless the database has the tables of the library that is installed."""
    if engine.dialect.name != "postgresql":
        raise BadConfiguration(
            "The engine procrastinate needs PostgreSQL. Run the worker without --engine: it does the same work."
        )
    with engine.connect() as connection:
        taken = connection.execute(text(TAKEN), {"schema": SCHEMA}).scalar()
    if taken != _steps()[-1].name:
        raise BadConfiguration("The queue's tables are missing or of another version. Run: python -m tracker migrate")


def _folder() -> Path:
    # Found, not imported: only the worker needs the library itself.
    found = find_spec("procrastinate")
    if found is None or found.origin is None:
        raise BadConfiguration("The package procrastinate is not installed. Run: python3 dev.py setup")
    return Path(found.origin).parent / "sql"


def _whole() -> Path:
    return _folder() / "schema.sql"


def _steps() -> list[Path]:
    return sorted((_folder() / "migrations").glob("*.sql"))
