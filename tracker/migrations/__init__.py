"""Schema changes by Alembic: one step a file, the same on SQLite and PostgreSQL, all of them in one transaction."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from pathlib import Path
from typing import Literal

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from tracker import storage
from tracker.db import open_database
from tracker.errors import BadConfiguration
from tracker.migrations import queue
from tracker.points import reached

LOCK = 4_851_207_733
"""Any constant: the number under which PostgreSQL keeps a second migrator waiting."""


def upgrade(url: str) -> None:
    """Bring the database at `url` to this version's schema. Safe to run by several processes at once."""
    with _in_turn(storage.file_of(url)):
        with_copy(url)
        reached("file copied before its migration")
        command.upgrade(config(url), "head")
    reached("migration committed")
    engine = open_database(url, role="owner").engine
    queue.upgrade(engine, lock=LOCK)
    engine.dispose()


@contextmanager
def _in_turn(file: Path | None) -> Iterator[None]:
    """One migrator of a SQLite file at a time, or the second would copy what the first has just made."""
    reached("turn to migrate asked for")
    may = file is not None and os.access(file.parent, os.R_OK)  # where not, opening the database says so
    with storage.locked(file.parent) if file and may else nullcontext():
        yield


def check(engine: Engine) -> None:
    """Raise BadConfiguration unless the schema is exactly this version's."""
    match state(engine):
        case "behind":
            raise BadConfiguration(
                f"The database's schema is behind this version ({found(engine) or 'empty'}, {steps()[0]} is needed). "
                "Run: python -m tracker migrate",
            )
        case "ahead":
            raise BadConfiguration(
                f"The database's schema ({found(engine)}) is newer than this version. Update the program."
            )


def state(engine: Engine) -> Literal["current", "behind", "ahead"]:
    """How the database's schema stands to this version."""
    revision = found(engine)
    if revision == steps()[0]:
        return "current"
    return "behind" if revision is None or revision in steps() else "ahead"


def found(engine: Engine) -> str | None:
    """The step at which the database's schema is, None for an empty database."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


@lru_cache(maxsize=1)
def steps() -> tuple[str, ...]:
    """Every step that this version knows, the last one first."""
    return tuple(step.revision for step in ScriptDirectory.from_config(config("")).walk_revisions())


def with_copy(url: str) -> None:
    """Keep a copy of an existing SQLite file beside it before its schema changes (`<file>.before-migration`)."""
    file = storage.file_of(url)
    behind = file is not None and file.exists() and file.stat().st_size > 0 and _is_behind(url)
    reached("schema looked at")
    if file and behind:
        storage.copy(file, file.with_name(file.name + ".before-migration"))


def _is_behind(url: str) -> bool:
    engine = open_database(url, role="owner").engine
    try:
        return found(engine) != steps()[0]
    finally:
        engine.dispose()


def config(url: str, connection: Connection | None = None) -> Config:
    """Alembic's configuration for the database at `url`, or for the connection's transaction."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent))
    made.attributes["url"], made.attributes["connection"] = url, connection
    return made
