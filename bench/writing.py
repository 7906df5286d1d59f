"""Storing through the product's own `ingest.store`, one transaction a key, beside the databases' own limits."""

from __future__ import annotations

import json
import multiprocessing
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import insert

from bench import bulk, floor, payload
from bench.measure import of_runs
from bench.payload import COMPLETIONS, DAY, ROWS
from tracker import clock, ingest, ledger, migrations, rollup
from tracker.buckets import Buckets
from tracker.coverage import Unit
from tracker.db import Database, open_database
from tracker.ledger import Claim
from tracker.models import ProviderKey, Workspace, table_of
from tracker.pricing import price
from tracker.providers.base import Fetched
from tracker.usage import MEASURES, Measures, UsageRecord

KEYS = 300
WARM = 20
BULK_DAYS, BULK_SERIES = 7, 120
BULK_KEYS = range(2 * KEYS + 3, 2 * KEYS + 8)
APART = range(BULK_KEYS[-1] + 2, BULK_KEYS[-1] + 2 + 2 * KEYS)
MEMORY = Path("/dev/shm")  # noqa: S108 - a disk that costs nothing, to see what the disk costs


def run() -> dict[str, object]:
    """Rows and keys a second, and their ratios to a raw insert (SQLite) and to COPY (PostgreSQL) of the same rows."""
    return {"rows_a_key": ROWS, "sqlite": _sqlite(), "postgresql": _postgresql()}


def _sqlite() -> dict[str, object]:
    found: dict[str, object] = {}
    for name, where in (("in_memory", MEMORY), ("on_disk", Path(tempfile.gettempdir()))):
        with tempfile.TemporaryDirectory(dir=where) as folder, _prepared(f"sqlite:///{folder}/t.db") as database:
            found[name] = _by_key(database)
            found[f"raw_insert_rows_per_s_{name}"] = _raw_insert(Path(folder) / "raw.db")
    best, raw = found["in_memory"], found["raw_insert_rows_per_s_in_memory"]
    assert isinstance(best, dict)
    assert isinstance(raw, int)
    return {**found, "of_raw_insert": round(best["rows_per_s"] / raw, 3), "rollup_share": best["rollup_share"]}


def _postgresql() -> dict[str, object]:
    with bulk.server() as running, running.database("bench") as url, _prepared(url) as database:
        by_key = _by_key(database)
        of_two = _by_two(database)
        of_processes = _by_two_processes(database)
        bulks, statements = _in_bulk(database)
        copied = {into: _copied(url.replace("+psycopg", ""), table) for into, table in COPIED_INTO.items()}
    stored, plain = statistics.median(bulks), copied["copy_rows_per_s"]
    return {
        **by_key,
        "keys_per_s_on_two_connections": of_two,
        "keys_per_s_of_two_processes": of_processes,
        "bulk_rows_per_s": round(stored),
        "bulk_statements_rows_per_s": statements,
        **copied,
        "of_plain_copy": round(stored / plain, 3),
        "statements_of_plain_copy": round(statements / plain, 3),
        "copy_into_events_of_plain_copy": round(copied["copy_into_events_rows_per_s"] / plain, 3),
    }


@contextmanager
def _prepared(url: str) -> Iterator[Database]:
    """A workspace and a connection for each key."""
    migrations.upgrade(url)
    database = open_database(url, role="worker")
    numbers = range(1, APART[-1] + 1)
    with database.engine.begin() as connection:
        connection.execute(
            insert(table_of(Workspace)), [{"id": n, "name": str(n), "created_at": bulk.NOW} for n in numbers]
        )
        connection.execute(insert(table_of(ProviderKey)), [_key(n) for n in numbers])
    yield database
    database.engine.dispose()


def _key(number: int) -> dict[str, Any]:
    of = {"provider": "openai", "label": "k", "origin": "o", "last4": "1234", "status": "valid", "failures": 0}
    return {"id": number, "workspace_id": number, "created_at": bulk.NOW, **of}


def _by_key(database: Database) -> dict[str, Any]:
    """One transaction a key: events, rollup and ledger. The claim before it is not counted."""
    fetched = _fetched()
    spent: list[float] = []
    recompute = rollup.recompute

    def timed(*arguments: Any) -> None:
        began = time.perf_counter()
        recompute(*arguments)
        spent.append(time.perf_counter() - began)

    rollup.recompute = timed  # type: ignore[assignment]  # the same, with a watch
    try:
        runs = [_store(database, number, fetched, DAY, DAY + clock.DAY) for number in range(1, KEYS + 1)]
    finally:
        rollup.recompute = recompute
    counted, of_rollup = runs[WARM:], spent[WARM:]
    return {
        "ms_a_key": of_runs([seconds * 1_000 for seconds in counted]),
        "floor_ms_a_key": _floor_ms(database, KEYS + 2, fetched),
        "rows_per_s": round(ROWS * len(counted) / sum(counted)),
        "keys_per_s": round(len(counted) / sum(counted)),
        "rollup_share": round(sum(of_rollup) / sum(counted), 3),
        "pricing_share": round(_pricing_s(fetched) * len(counted) / sum(counted), 3),
    }


def _fetched() -> Fetched:
    return Fetched(usage=Buckets.of(payload.normalised(json.dumps(payload.page(DAY, rows=ROWS)).encode())))


def _by_two(database: Database) -> int:
    """Keys a second, stored by two threads of one process on a connection each. The claims before are not counted."""
    fetched = _fetched()
    claims = [_claimed(database, number, DAY, DAY + clock.DAY) for number in range(KEYS + 3, 2 * KEYS + 3)]
    with ThreadPoolExecutor(2) as pool:
        began = time.perf_counter()
        list(pool.map(lambda claimed: _store_claimed(database, claimed, fetched), claims))
        return round(len(claims) / (time.perf_counter() - began))


def _by_two_processes(database: Database) -> int:
    """The same of two processes, as a company's workers are. Both begin at once; the slower one counts."""
    address = database.engine.url.render_as_string(hide_password=False)
    context = multiprocessing.get_context("spawn")
    ready, told = context.Barrier(3), context.Queue()
    begun = [context.Process(target=_stored_apart, args=(address, part, ready, told)) for part in (0, 1)]
    for process in begun:
        process.start()
    ready.wait()
    began = time.perf_counter()
    stored = sum(told.get() for _ in begun)
    took = time.perf_counter() - began
    for process in begun:
        process.join()
    return int(stored / took)


def _stored_apart(address: str, part: int, ready: Any, told: Any) -> None:
    """Store one part of the keys, after a few that do not count."""
    database, fetched = open_database(address, role="worker"), _fetched()
    claims = [_claimed(database, number, DAY, DAY + clock.DAY) for number in APART[part::2]]
    for claimed in claims[:WARM]:
        _store_claimed(database, claimed, fetched)
    ready.wait()
    for claimed in claims[WARM:]:
        _store_claimed(database, claimed, fetched)
    told.put(len(claims) - WARM)
    database.engine.dispose()


class _TakenBackError(Exception):
    """Ends a transaction without a trace."""


def _floor_ms(
    database: Database, number: int, fetched: Fetched, start: date = DAY, end: date = DAY + clock.DAY
) -> dict[str, float]:
    """What the statements of one such transaction take through the bare driver, with nothing of ours between."""
    with floor.heard(database) as statements, suppress(_TakenBackError):
        claimed = _claimed(database, number, start, end)
        statements.clear()
        with database.workspace(number, write=True) as session:
            ingest.store(session, claimed, fetched, endpoint=COMPLETIONS, provider="openai", now=bulk.NOW)
            raise _TakenBackError
    return floor.bare_ms(database, statements)


def _pricing_s(fetched: Fetched) -> float:
    began = time.perf_counter()
    for _ in range(20):
        for record in fetched.usage:
            price(record, provider="openai")
    return (time.perf_counter() - began) / 20


def _store(database: Database, number: int, fetched: Fetched, start: date, end: date) -> float:
    return _store_claimed(database, _claimed(database, number, start, end), fetched)


def _store_claimed(database: Database, claimed: Claim, fetched: Fetched) -> float:
    began = time.perf_counter()
    with database.workspace(claimed.workspace_id, write=True) as session:
        ingest.store(session, claimed, fetched, endpoint=COMPLETIONS, provider="openai", now=bulk.NOW)
    return time.perf_counter() - began


def _claimed(database: Database, number: int, start: date, end: date) -> Claim:
    unit = Unit("completions", start, end, (0,) * (end - start).days)
    with database.workspace(number, write=True) as session:
        return ledger.claim(session, number, number, unit, owner="bench", now=bulk.NOW)


def _in_bulk(database: Database) -> tuple[list[float], int]:
    """A week of a large organisation in one transaction, several times: rows a second, and those of its statements."""
    start = DAY - BULK_DAYS * clock.DAY
    series = [bulk.dimensions(number) for number in range(BULK_SERIES)]
    usage = tuple(
        UsageRecord(clock.day_start(start) + timedelta(hours=hour), of, Measures(5, 1_000 + hour, 300, None, 70 + hour))
        for hour in range(24 * BULK_DAYS)
        for of in series
    )
    fetched = Fetched(usage=Buckets.of(usage))
    runs = [_store(database, number, fetched, start, DAY) for number in BULK_KEYS]
    statements = _floor_ms(database, BULK_KEYS[-1] + 1, fetched, start, DAY)["median"]
    return [len(usage) / seconds for seconds in runs], round(len(usage) / statements * 1_000)


def _raw_rows(count: int) -> list[tuple[int, ...]]:
    """As wide as an event; how it was priced, in the last columns, are small numbers."""
    width = len(MEASURES) + 7
    return [tuple(1_000 + n * 7 + column if column < width - 3 else 1 for column in range(width)) for n in range(count)]


def _raw_insert(file: Path) -> int:
    """Rows a second into a table without any index, in one transaction: what SQLite can do at most from Python."""
    rows = _raw_rows(KEYS * ROWS)
    raw = sqlite3.connect(file)
    raw.execute(f"create table raw ({', '.join(f'c{n} integer' for n in range(len(rows[0])))})")
    began = time.perf_counter()
    raw.executemany(f"insert into raw values ({', '.join('?' for _ in rows[0])})", rows)
    raw.commit()
    took = time.perf_counter() - began
    raw.close()
    return round(len(rows) / took)


COPIED_INTO = {
    "copy_rows_per_s": f"({', '.join(f'c{n} bigint' for n in range(len(MEASURES) + 7))})",
    "copy_into_events_rows_per_s": "(like usage_events including all)",
}
"""Rows go into a table of numbers alone, and into one that is as the events' own, with its primary key."""


def _copied(url: str, table: str) -> int:
    rows = _raw_rows(24 * BULK_DAYS * BULK_SERIES)
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        times = [_copied_s(connection, cursor, table, rows) for _ in BULK_KEYS]
    return round(len(rows) / statistics.median(times))


def _copied_s(connection: Any, cursor: Any, table: str, rows: list[tuple[int, ...]]) -> float:
    cursor.execute(f"create table raw {table}".encode())
    began = time.perf_counter()
    with cursor.copy("copy raw from stdin") as copy:
        for row in rows:
            copy.write_row(row)
    connection.commit()
    took = time.perf_counter() - began
    cursor.execute("drop table raw")
    return took
