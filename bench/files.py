"""A CSV of a million rows through the guarded route of a real server: first byte, CPU, memory."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx

from bench import bulk
from bench.bulk import FIRST, HEAVY, SHAPES, TODAY
from bench.measure import of_runs, peak_mb, process_cpu_s, reset_peak_mb, stretch
from tests.site import free_port
from tracker import access, clock, product, sessions
from tracker.models import Member

EMAIL, PASSWORD = "bench@example.com", "a long enough password"
ADDRESS = f"/export/usage.csv?from={FIRST}&to={TODAY}"
START_WITHIN_S = 30


def run() -> dict[str, object]:
    """Of the whole file and, for what it costs at least, of only fetching its rows from Python."""
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "tracker.db"
        with bulk.sqlite(SHAPES["1M"]) as database:
            shutil.copyfile(str(database.engine.url.database), file)
        fetching = fetching_cpu_s(file)
        with serving(Path(name)) as (client, pid):
            first = of_runs([_first_byte_ms(client) for _ in range(5)])
            idle = reset_peak_mb(pid)
            cpu, took = process_cpu_s(pid), time.perf_counter()
            size = _download(client)
            cpu, took = process_cpu_s(pid) - cpu, time.perf_counter() - took
            peak = peak_mb(pid)
    return {
        "rows": SHAPES["1M"].events,
        "megabytes_compressed": round(size / 1e6),
        "first_byte_ms": first,
        "seconds": round(took, 1),
        "cpu_s": round(cpu, 2),
        "fetching_cpu_s": round(fetching, 2),
        "cpu_over_fetching": round(cpu / fetching, 2),
        "idle_mb": round(idle),
        "peak_mb": round(peak),
        "peak_over_idle_mb": round(peak - idle),
    }


def fetching_cpu_s(file: Path) -> float:
    """CPU of reading every row with its series into Python, by the driver alone."""
    with closing(sqlite3.connect(file)) as connection, stretch() as took:
        found = connection.execute(
            "select e.*, s.* from usage_events e join usage_series s on s.id = e.series_id "
            "where e.workspace_id = ? order by e.bucket_start, e.series_id",
            (HEAVY,),
        )
        while found.fetchmany(2_000):
            continue
    return took.cpu_s


@contextmanager
def serving(folder: Path) -> Iterator[tuple[httpx.Client, int]]:
    """A web process over the database in the folder, and somebody of the heavy tenant who is signed in."""
    environ = {"TRACKER_DATA_DIR": str(folder), "TRACKER_NOW": f"{bulk.NOW:%Y-%m-%dT%H:%M:%SZ}"}
    product.prepare(environ)
    ready = product.start(environ, role="owner")
    access.add_user(ready.database, EMAIL, PASSWORD)
    user_id = access.user_of(ready.database, EMAIL)
    own = access.workspaces_of(ready.database, user_id)
    with ready.database.workspace(own[0], write=True) as session:
        session.delete(session.get_one(Member, (own[0], user_id)))
    with ready.database.workspace(HEAVY, write=True) as session:
        session.add(Member(workspace_id=HEAVY, user_id=user_id, role="owner"))
    token = sessions.redeem(
        ready.database, sessions.begin(ready.database, user_id, now=clock.utc_now()).ticket, now=clock.utc_now()
    )
    ready.close()
    clock.start_at(None)
    port = free_port()
    with _server(folder, environ, port) as pid:
        address = f"http://127.0.0.1:{port}"
        with httpx.Client(base_url=address, cookies={"sid": token or ""}, timeout=120) as client:
            _wait(client)
            yield client, pid


@contextmanager
def _server(folder: Path, environ: dict[str, str], port: int) -> Iterator[int]:
    where = ["--server.port", str(port), "--server.address", "127.0.0.1", "--server.headless", "true"]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", *where]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(command, env={"PATH": "/usr/bin:/bin", **environ}, stdout=log, stderr=log)
        try:
            yield process.pid
        finally:
            process.terminate()
            process.wait()


def _wait(client: httpx.Client) -> None:
    deadline = time.monotonic() + START_WITHIN_S
    while time.monotonic() < deadline:
        try:
            client.get("/healthz").raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the server did not start")


def _first_byte_ms(client: httpx.Client) -> float:
    began = time.perf_counter()
    with client.stream("GET", ADDRESS) as response:
        response.raise_for_status()
        next(response.iter_raw())
        return (time.perf_counter() - began) * 1_000


def _download(client: httpx.Client) -> int:
    with client.stream("GET", ADDRESS) as response:
        response.raise_for_status()
        return sum(len(chunk) for chunk in response.iter_raw())
