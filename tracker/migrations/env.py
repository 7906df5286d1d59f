"""Alembic's entry: one transaction for all steps, one migrator at a time."""

from __future__ import annotations

from typing import Any

from alembic import context
from sqlalchemy import Connection, text
from sqlmodel import SQLModel

import tracker.models  # noqa: F401  fills the metadata
from tracker.db import open_database
from tracker.migrations import LOCK
from tracker.points import reached


def include_object(_object: Any, name: str | None, kind: str, _reflected: bool, _compare_to: Any) -> bool:  # noqa: FBT001 Alembic's signature
    """Only our own tables: a job library keeps its own beside them."""
    return kind != "table" or name in SQLModel.metadata.tables


def run() -> None:
    """In the transaction of the connection that was given, else in one of our own."""
    if given := context.config.attributes["connection"]:
        _run(given)
        return
    engine = open_database(context.config.attributes["url"], role="owner").engine.execution_options(tracker_write=True)
    with engine.begin() as connection:
        _run(connection)
    engine.dispose()


def _run(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        render_as_batch=True,
        compare_type=True,
        compare_server_default=True,
        transaction_per_migration=False,
        include_object=include_object,
    )
    with context.begin_transaction():
        context.run_migrations()
        reached("migration steps done")


run()
