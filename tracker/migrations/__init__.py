"""Schema changes by Alembic: one step a file, the same on SQLite and PostgreSQL, all of them in one transaction."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from tracker.db import open_database
from tracker.errors import BadConfiguration


def upgrade(url: str) -> None:
    """Bring the database at `url` to this version's schema. Safe to run by several processes at once."""
    with_copy(url)
    command.upgrade(config(url), "head")


def check(engine: Engine) -> None:
    """Raise BadConfiguration unless the schema is exactly this version's."""
    with engine.connect() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    known = ScriptDirectory.from_config(config(""))
    if found == known.get_current_head():
        return
    if found is None or found in {revision.revision for revision in known.walk_revisions()}:
        raise BadConfiguration(
            f"The database's schema is behind this version ({found or 'empty'}, {known.get_current_head()} is needed). "
            "Run: python -m tracker migrate",
        )
    raise BadConfiguration(f"The database's schema ({found}) is newer than this version. Update the program.")


def with_copy(url: str) -> None:
    """Keep a copy of an existing SQLite file beside it before its schema changes (`<file>.before-migration`)."""
    engine = open_database(url, role="owner").engine
    if engine.dialect.name != "sqlite" or engine.url.database in {None, "", ":memory:"}:
        return
    path = Path(str(engine.url.database))
    if not path.exists() or path.stat().st_size == 0:
        return
    with engine.connect() as connection:
        if MigrationContext.configure(connection).get_current_revision() == _head():
            return
    _copy(path, path.with_name(path.name + ".before-migration"))


def _copy(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    with sqlite3.connect(source) as old, sqlite3.connect(target) as new:
        old.backup(new)
    target.chmod(0o600)


def _head() -> str | None:
    return ScriptDirectory.from_config(config("")).get_current_head()


def config(url: str) -> Config:
    """Alembic's configuration for the database at `url`."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent))
    made.attributes["url"] = url
    return made
