"""Rows that are made where there are none yet: names, rates and what else repeats."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Table, bindparam
from sqlmodel import Session

from tracker.db import dialect_of, plain, upsert_for


def insert_new(session: Session, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert the rows of which there is none yet."""
    plain.run(session, _inserting(dialect_of(session), table, tuple(rows[0])), rows)


@lru_cache(maxsize=32)  # a statement that is made anew costs several times its execution
def _inserting(dialect: str, table: Table, names: tuple[str, ...]) -> Any:
    return (
        upsert_for(dialect, table).values({name: bindparam(name) for name in names}).inline().on_conflict_do_nothing()
    )
