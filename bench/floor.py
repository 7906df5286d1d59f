"""What a unit of work costs at the very least: its own statements through the bare driver, a bare GET, bare JSON.

Nothing of ours is in it: no check of a row, no price, no hash of a day, no library between us and the database.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import httpx
import psycopg
from sqlalchemy import event

from bench.measure import spread
from bench.stub import answer
from tracker.db import Database, plain

Statement = tuple[str, Any, bool]
"""Text, parameters, and whether they are many."""


@contextmanager
def heard(database: Database) -> Iterator[list[Statement]]:
    """Every statement that the block sends to the database."""
    found: list[Statement] = []

    def hear(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:  # noqa: FBT001 the library's way
        found.append((statement, parameters, many))

    taken: Any = plain.Taken
    send = taken.send

    def sent(self: Any, text: str, values: Any, *, many: bool = False, fetch: bool = False) -> Any:
        found.append((text, values, many))
        return send(self, text, values, many=many, fetch=fetch)

    event.listen(database.engine, "before_cursor_execute", hear)
    taken.send = sent  # the same, heard; what is sent as plain text passes by the library's events
    try:
        yield found
    finally:
        taken.send = send
        event.remove(database.engine, "before_cursor_execute", hear)


def bare_ms(database: Database, statements: list[Statement]) -> dict[str, float]:
    """Milliseconds of a transaction's statements through the bare driver; they are taken back each time."""
    url = database.engine.url
    if url.get_backend_name() == "sqlite":
        with closing(sqlite3.connect(str(url.database), isolation_level=None)) as raw:
            return spread(lambda: _again(raw, statements, "BEGIN IMMEDIATE"), times=25)
    address = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address, autocommit=True) as connection:
        return spread(lambda: _again(connection, statements, "BEGIN"), times=25)


def _again(connection: Any, statements: list[Statement], begin: str) -> None:
    with closing(connection.cursor()) as cursor:
        cursor.execute(begin)
        for statement, parameters, many in statements:
            if not statement.startswith("BEGIN"):
                (cursor.executemany if many else cursor.execute)(statement, parameters)
                if cursor.description:
                    cursor.fetchall()
        cursor.execute("ROLLBACK")


def copied(file: str) -> sqlite3.Connection:
    """The database as it is now, in memory: what the disk takes is not counted."""
    kept = sqlite3.connect(":memory:", isolation_level=None)
    with closing(sqlite3.connect(file)) as source:
        source.backup(kept)
    return kept


def of(before: sqlite3.Connection, statements: list[Statement], address: str) -> dict[str, object]:
    """CPU milliseconds of a unit's parts; its statements are taken back each time, so that they can run again."""
    body = answer().split(b"\r\n\r\n", 1)[1]

    def store() -> None:
        _again(before, statements, "BEGIN IMMEDIATE")

    with httpx.Client() as client:
        return {
            "statements": sum(not each[0].startswith("BEGIN") for each in statements),
            "statements_ms": spread(store, times=25, watch=time.thread_time),
            "get_ms": spread(lambda: client.get(f"{address}/organization/usage/completions"), watch=time.thread_time),
            "json_loads_ms": spread(lambda: json.loads(body), times=25, watch=time.thread_time),
        }
