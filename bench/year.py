"""A year of one key, every family by the hour, read, priced and stored against the sandbox with 20 ms latency."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from jobs.__main__ import once
from jobs.worker import THREADS, Worker
from tracker import access, connections, metrics, product, queries
from tracker.clock import DAY, utc_now

LATENCY_MS = 20


def run() -> dict[str, object]:
    """Seconds for the year, and how that stands to the time the provider's latency alone would take."""
    with tempfile.TemporaryDirectory() as folder, _sandbox() as sandbox:
        address, key = _told(sandbox)
        environ = {"TRACKER_DATA_DIR": folder, "TRACKER_OPENAI_BASE_URL": address}
        product.prepare(environ)
        ready = product.start(environ, role="worker")
        workspace_id = access.add_user(ready.database, "bench@example.com", "a long enough password")
        connections.add(ready, workspace_id, provider="openai", label="bench", text=key)
        began, cpu = time.perf_counter(), time.process_time()
        worker = Worker(ready)
        code = once(worker)
        seconds, cpu_s = time.perf_counter() - began, time.process_time() - cpu
        worker.stop()
        units = metrics.COUNTS.get_sample_value("tracker_units_total", {"outcome": "stored"}) or 0
        rows = _rows(ready, workspace_id)
        size = sum(file.stat().st_size for file in Path(folder).glob("*.db"))
        ready.close()
        sandbox.terminate()
    latency_s = units * LATENCY_MS / 1000 / THREADS
    return {
        "exit_code": code,
        "latency_ms": LATENCY_MS,
        "units": units,
        "rows": rows,
        "seconds": round(seconds, 1),
        "cpu_s": round(cpu_s, 1),
        "times_the_latency_limit": round(seconds / latency_s, 1),
        "cpu_us_a_row": round(cpu_s / rows * 1e6),
        "bytes_a_row_on_disk": round(size / rows, 1),
    }


def _sandbox() -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tracker.sandbox", "--port", "0", "--latency-ms", str(LATENCY_MS)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _told(sandbox: subprocess.Popen[str]) -> tuple[str, str]:
    told = json.loads(sandbox.stdout.readline() if sandbox.stdout else "{}")
    return told["base_url"], told["key"]


def _rows(ready: product.Product, workspace_id: int) -> int:
    today = utc_now().date()
    with ready.database.workspace(workspace_id) as session:
        return queries.count_events(session, workspace_id, today - 366 * DAY, today + DAY)
