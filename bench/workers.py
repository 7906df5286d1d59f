"""Throughput of 1, 2 and 4 workers, each a process with a data folder of its own, on both engines and databases.

Eight workspaces of one key each, ten days, every family by the hour, from the sandbox with 250 ms latency, so that one
worker of four threads spends its time waiting. Measured from the first unit stored to the last, by the ledger.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import func, select

from jobs.worker import THREADS
from tests import postgres
from tracker import access, connections, product
from tracker.db import open_database
from tracker.models import Coverage, FetchRun, UsageEvent, table_of
from tracker.sandbox import SandboxServer, World

KEYS, DAYS, LATENCY_S = 8, 10, 0.25
COUNTS = (1, 2, 4)
PATIENCE_S = 120
LEDGER, RUNS, EVENTS = table_of(Coverage), table_of(FetchRun), table_of(UsageEvent)


def run() -> dict[str, object]:
    """Units a second by engine and number of workers, and how many rows each way stored: the same."""
    with postgres.running(os.environ) as server:
        told = {
            "sqlite, own": [_sqlite(count) for count in COUNTS],
            "postgresql, own": [_postgres(server, count, "own") for count in COUNTS],
            "postgresql, procrastinate": [_postgres(server, count, "procrastinate") for count in COUNTS],
        }
    return {"keys": KEYS, "days": DAYS, "latency_ms": LATENCY_S * 1000, "threads_a_worker": THREADS, "runs": told}


def _sqlite(count: int) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        return _measured(f"sqlite:///{folder}/tracker.db", Path(folder), count, "own")


def _postgres(server: postgres.PostgresServer, count: int, engine: str) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder, server.database(f"bench_{engine}_{count}") as url:
        return _measured(url, Path(folder), count, engine)


def _measured(url: str, folder: Path, count: int, engine: str) -> dict[str, object]:
    world = World(days=DAYS, keeps=DAYS)
    with SandboxServer(world, latency_s=LATENCY_S) as sandbox, _installed(url, folder, sandbox) as environ:
        workers = [_worker(environ, folder / f"worker-{n}", engine) for n in range(count)]
        codes = [worker.wait(PATIENCE_S) for worker in workers]
    return {"workers": count, "exit_codes": codes, **_figures(url)}


@contextmanager
def _installed(url: str, folder: Path, sandbox: SandboxServer) -> Iterator[dict[str, str]]:
    environ = {
        "TRACKER_DATA_DIR": str(folder),
        "TRACKER_DATABASE_URL": url,
        "TRACKER_OPENAI_BASE_URL": sandbox.base_url,
    }
    product.prepare(environ)
    ready = product.start(environ, role="owner")
    for number in range(KEYS):
        workspace_id = access.add_user(ready.database, f"bench{number}@example.com", "a long enough password")
        key = sandbox.world.another_key(f"bench{number}")
        connections.add(ready, workspace_id, provider="openai", label="bench", text=key)
    ready.close()
    yield environ


def _worker(environ: dict[str, str], folder: Path, engine: str) -> subprocess.Popen[bytes]:
    """A worker as on another machine: nothing shared but the database and a copy of the key ring."""
    folder.mkdir()
    shutil.copy(Path(environ["TRACKER_DATA_DIR"]) / "keyring.json", folder)
    own = {**os.environ, **environ, "TRACKER_DATA_DIR": str(folder)}
    command = [sys.executable, "-m", "jobs", "--once", "--engine", engine]
    return subprocess.Popen(command, env=own, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _figures(url: str) -> dict[str, object]:
    database = open_database(url, role="owner")
    with database.crossing("operator") as session:
        first, last = session.execute(select(func.min(LEDGER.c.fetched_at), func.max(LEDGER.c.fetched_at))).one()
        units = session.execute(select(func.sum(RUNS.c.units_done))).scalar_one()
        rows = session.execute(select(func.count()).select_from(EVENTS)).scalar_one()
    database.engine.dispose()
    seconds = (last - first).total_seconds()
    return {
        "units": int(units),
        "rows": rows,
        "seconds": round(seconds, 1),
        "units_a_second": round(int(units) / seconds, 1),
    }
