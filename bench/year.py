"""A year of one key, every family by the hour, read, priced and stored against the sandbox with 100 ms latency."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from bench.measure import resident_mb
from jobs.__main__ import once
from jobs.worker import THREADS, Worker
from tracker import access, connections, metrics, product, queries
from tracker.clock import DAY, utc_now

LATENCY_MS = 100


def run() -> dict[str, object]:
    """Seconds for the year and to the first number, how that stands to the latency alone, and what lies on disk."""
    with tempfile.TemporaryDirectory() as folder, _sandbox() as (address, key):
        environ = {"TRACKER_DATA_DIR": folder, "TRACKER_OPENAI_BASE_URL": address}
        product.prepare(environ)
        ready = product.start(environ, role="worker")
        workspace_id = access.add_user(ready.database, "bench@example.com", "a long enough password")
        connections.add(ready, workspace_id, provider="openai", label="bench", text=key)
        before, began, cpu = resident_mb(), time.perf_counter(), time.process_time()
        first: list[float] = []
        watcher = threading.Thread(target=_watch, args=(ready, workspace_id, first), daemon=True)
        watcher.start()
        worker = Worker(ready)
        code = once(worker)
        seconds, cpu_s = time.perf_counter() - began, time.process_time() - cpu
        worker.stop()
        watcher.join()
        units = metrics.COUNTS.get_sample_value("tracker_units_total", {"outcome": "stored"}) or 0
        rows, grown = _rows(ready, workspace_id), resident_mb() - before
        ready.close()
        sizes = _sizes(next(Path(folder).glob("*.db")), rows)
    latency_s = units * LATENCY_MS / 1_000 / THREADS
    return {
        "exit_code": code,
        "latency_ms": LATENCY_MS,
        "threads": THREADS,
        "units": units,
        "rows": rows,
        "seconds": round(seconds, 1),
        "first_number_s": round(first[0] - began, 2),
        "cpu_s": round(cpu_s, 1),
        "cpu_ms_a_unit": round(cpu_s / units * 1_000, 1),
        "times_the_latency_limit": round(seconds / latency_s, 1),
        "grown_mb": round(grown, 1),
        **sizes,
    }


@contextmanager
def _sandbox() -> Iterator[tuple[str, str]]:
    """Its address and a key, while its process runs."""
    command = [sys.executable, "-m", "tracker.sandbox", "--port", "0", "--latency-ms", str(LATENCY_MS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        told = json.loads(process.stdout.readline())
        try:
            yield told["base_url"], told["key"]
        finally:
            process.terminate()


def _watch(ready: product.Product, workspace_id: int, first: list[float]) -> None:
    """Note when there was a first number to show."""
    while not first:
        time.sleep(0.02)
        if _rows(ready, workspace_id):
            first.append(time.perf_counter())


def _rows(ready: product.Product, workspace_id: int) -> int:
    today = utc_now().date()
    with ready.database.workspace(workspace_id) as session:
        return queries.count_events(session, workspace_id, today - 366 * DAY, today + DAY)


def _sizes(file: Path, rows: int) -> dict[str, object]:
    """Bytes an event: of `usage_events` by its pages, and of the whole file with bill, ledger and calls."""
    with closing(sqlite3.connect(file)) as connection:
        found = connection.execute("select name, sum(pgsize) from dbstat group by 1 order by 2 desc limit 6").fetchall()
    by_table = {name: round(size / rows, 1) for name, size in found}
    whole = round(file.stat().st_size / rows, 1)
    return {"bytes_an_event": by_table["usage_events"], "file_bytes_an_event": whole, "by_table": by_table}
