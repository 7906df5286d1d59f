"""What the dashboard's five questions cost without a rollup: an index scan over plain rows, and DuckDB over the same.

The plain layout is what one writes first: a row id, text in every row, times as text, an index on tenant and time.
It holds the heavy tenant only, which favours it: its index entries lie together.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sqlalchemy import text

from bench.bulk import HEAVY, TODAY
from bench.measure import spread
from tracker import clock
from tracker.db import Database

SUMS = "sum(requests), sum(input_tokens), sum(input_cached_tokens), sum(output_tokens), sum(estimated_cost)"
DAYS = {"month": 30, "week": 7, "quarter": 90}

ROWS = """
select e.workspace_id, {time}, s.provider, s.model, s.project_id, s.api_key_id, e.requests, e.input_tokens,
  e.input_cached_tokens, e.output_tokens, e.estimated_cost
from usage_events e join usage_series s on s.id = e.series_id where e.workspace_id = 1
order by e.bucket_start, e.series_id
"""
COLUMNS = """workspace_id bigint, bucket_start {type}, provider text, model text, project_id text, api_key_id text,
  requests bigint, input_tokens bigint, input_cached_tokens bigint, output_tokens bigint, estimated_cost bigint"""


def of(database: Database) -> dict[str, Any]:
    """Milliseconds of the five over plain rows in the same database, and in DuckDB where that is installed."""
    rows = _rows(database)
    kind = database.engine.dialect.name
    naive_ms = _in_sqlite(rows) if kind == "sqlite" else _in_postgresql(database)
    return {"naive_ms": naive_ms, "duckdb_ms": _in_duckdb(rows), "duckdb": "used" if _has_duckdb() else "not installed"}


def _rows(database: Database) -> list[Sequence[Any]]:
    with database.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(ROWS.format(time="e.bucket_start")))]


def _in_sqlite(rows: list[Sequence[Any]]) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        plain = sqlite3.connect(Path(folder) / "plain.db")
        plain.execute("pragma cache_size = -65536")
        plain.execute(f"create table plain (id integer primary key, {COLUMNS.format(type='text')})")
        told = "datetime(?, 'unixepoch')"
        plain.executemany(f"insert into plain values (null, ?, {told}{', ?' * 9})", rows)
        plain.execute("create index of_time on plain (workspace_id, bucket_start)")
        plain.execute("analyze")
        plain.commit()
        found = spread(lambda: _ask(plain.execute, _sqlite_questions()), times=3, warm=1)
        plain.close()
    return found


def _in_postgresql(database: Database) -> dict[str, float]:
    with database.engine.connect() as connection:
        connection.execute(text(f"create temporary table plain (id bigserial, {COLUMNS.format(type='timestamptz')})"))
        rows = ROWS.format(time="to_timestamp(e.bucket_start)")
        names = "workspace_id, bucket_start, provider, model, project_id, api_key_id, requests, input_tokens, "
        names += "input_cached_tokens, output_tokens, estimated_cost"
        connection.execute(text(f"insert into plain ({names}) {rows}"))
        connection.execute(text("create index of_time on plain (workspace_id, bucket_start)"))
        connection.execute(text("analyze plain"))

        def fetch(question: str) -> Any:
            return connection.exec_driver_sql(question)

        return spread(lambda: _ask(fetch, _postgresql_questions()), times=3, warm=1)


def _in_duckdb(rows: list[Sequence[Any]]) -> dict[str, float] | None:
    """In memory, on one thread; the rows come as columns, which is how DuckDB likes them."""
    if not _has_duckdb():
        return None
    import duckdb  # noqa: PLC0415 - optional: only this bench would use it
    import pandas as pd  # noqa: PLC0415 - as above

    names = [part.split()[0] for part in COLUMNS.format(type="bigint").replace("\n", " ").split(", ")]
    frame = pd.DataFrame(rows, columns=names)
    frame["bucket_start"] = pd.to_datetime(frame["bucket_start"], unit="s")
    engine = duckdb.connect(config={"threads": 1})
    engine.register("frame", frame)
    engine.execute("create table plain as select * from frame")
    return spread(lambda: _ask(engine.execute, _duckdb_questions()), times=5, warm=1)


def _has_duckdb() -> bool:
    return find_spec("duckdb") is not None


def _ask(execute: Callable[[str], Any], questions: Iterator[str]) -> None:
    for question in questions:
        execute(question).fetchall()


def _sqlite_questions() -> Iterator[str]:
    return _questions("date(bucket_start)", lambda day: f"'{day} 00:00:00'")


def _postgresql_questions() -> Iterator[str]:
    return _questions("(bucket_start at time zone 'UTC')::date", lambda day: f"timestamptz '{day} 00:00:00+00'")


def _duckdb_questions() -> Iterator[str]:
    return _questions("cast(bucket_start as date)", lambda day: f"timestamp '{day} 00:00:00'")


def _questions(day: str, instant: Callable[[str], str]) -> Iterator[str]:
    since = {name: instant((TODAY - days * clock.DAY).isoformat()) for name, days in DAYS.items()}
    of_tenant = f"from plain where workspace_id = {HEAVY}"
    yield f"select {SUMS} {of_tenant} and bucket_start >= {since['month']}"
    for name in ("week", "quarter"):
        yield f"select {day}, model, {SUMS} {of_tenant} and bucket_start >= {since[name]} group by 1, 2"
    yield f"select * {of_tenant} order by bucket_start desc limit 100"
    for name in ("provider", "model", "project_id", "api_key_id"):
        yield f"select distinct {name} {of_tenant}"
