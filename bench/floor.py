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
from sqlalchemy import event

from bench.measure import spread
from bench.stub import answer
from tracker.db import Database

Statement = tuple[str, Any, bool]
"""Text, parameters, and whether they are many."""


@contextmanager
def heard(database: Database) -> Iterator[list[Statement]]:
    """Every statement that the block sends to the database."""
    found: list[Statement] = []

    def hear(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:  # noqa: FBT001 the library's way
        found.append((statement, parameters, many))

    event.listen(database.engine, "before_cursor_execute", hear)
    try:
        yield found
    finally:
        event.remove(database.engine, "before_cursor_execute", hear)


def copied(file: str) -> sqlite3.Connection:
    """The database as it is now, in memory: what the disk takes is not counted."""
    kept = sqlite3.connect(":memory:", isolation_level=None)
    with closing(sqlite3.connect(file)) as source:
        source.backup(kept)
    return kept


def of(before: sqlite3.Connection, statements: list[Statement], address: str) -> dict[str, object]:
    """CPU milliseconds of a unit's parts; its statements are taken back each time, so that they can run again."""
    asked = [each for each in statements if not each[0].startswith("BEGIN")]
    body = answer().split(b"\r\n\r\n", 1)[1]

    def store() -> None:
        before.execute("BEGIN IMMEDIATE")
        for statement, parameters, many in asked:
            (before.executemany if many else before.execute)(statement, parameters).fetchall()
        before.execute("ROLLBACK")

    with httpx.Client() as client:
        return {
            "statements": len(asked),
            "statements_ms": spread(store, times=25, watch=time.thread_time),
            "get_ms": spread(lambda: client.get(f"{address}/organization/usage/completions"), watch=time.thread_time),
            "json_loads_ms": spread(lambda: json.loads(body), times=25, watch=time.thread_time),
        }
