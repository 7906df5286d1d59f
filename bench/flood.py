"""A day of a million rows of usage: read over HTTP and stored, how long it takes and how much memory."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path

from sqlalchemy import insert

from bench import bulk
from bench.measure import peak_mb, reset_peak_mb, stretch
from bench.payload import COMPLETIONS, DAY
from tests.flood import flood, told_by
from tracker import clock, ingest, ledger, migrations
from tracker.coverage import Unit
from tracker.db import Database, open_database
from tracker.models import ProviderKey, Workspace, table_of
from tracker.providers.http import Limits

ROWS = int(os.environ.get("BENCH_FLOOD_ROWS", "1000000"))
FEW = {0: ROWS // 24, 1: ROWS // 24}
"""A twelfth of it in hours as large: what takes memory is the largest answer."""


def run() -> dict[str, object]:
    """Seconds and megabytes for each database, beside the memory for a twelfth of the rows."""
    found: dict[str, object] = {"rows": ROWS // 24 * 24}
    with tempfile.TemporaryDirectory() as folder:
        found["sqlite"] = _both(f"sqlite:///{folder}/few.db", f"sqlite:///{folder}/many.db")
        found["sqlite_file_mb"] = round((Path(folder) / "many.db").stat().st_size / 1e6)
    with bulk.server() as server, server.database("few") as few, server.database("many") as many:
        found["postgresql"] = _both(few, many)
    return found


def _both(few: str, many: str) -> dict[str, object]:
    a_twelfth, whole = _in_child(few, FEW), _in_child(many, {})
    return {**whole, "peak_mb_of_a_twelfth": a_twelfth["peak_mb"], "read_again": whole["read_again"]}


def _in_child(url: str, hours: Mapping[int, int]) -> dict[str, object]:
    """In a process of its own, whose memory is all for this."""
    rest = 0 if hours else ROWS // 24
    with (
        flood(rest=rest, hours=hours) as address,
        ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as child,
    ):
        return child.submit(measured, url, address).result()


def measured(url: str, address: str) -> dict[str, object]:
    """The day read and stored, and read and stored again, which changes nothing."""
    clock.start_at(bulk.NOW)
    migrations.upgrade(url)
    database = open_database(url, role="worker")
    with database.engine.begin() as connection:
        connection.execute(insert(table_of(Workspace)), {"id": 1, "name": "w", "created_at": bulk.NOW})
        of = {"provider": "openai", "label": "k", "origin": "o", "last4": "1234", "status": "valid", "failures": 0}
        connection.execute(insert(table_of(ProviderKey)), {"id": 1, "workspace_id": 1, "created_at": bulk.NOW, **of})
    idle = reset_peak_mb(os.getpid())
    first = _reading(database, address, fence=0)
    peak = peak_mb(os.getpid())
    again = _reading(database, address, fence=1)
    return {**first, "idle_mb": round(idle), "peak_mb": round(peak), "read_again": again}


def _reading(database: Database, address: str, *, fence: int) -> dict[str, object]:
    unit = Unit(COMPLETIONS.name, DAY, DAY + clock.DAY, (fence,))
    now = bulk.NOW + timedelta(hours=fence)
    with database.workspace(1, write=True) as session:
        claimed = ledger.claim(session, 1, 1, unit, owner="bench", now=now)
    with stretch() as reading:
        # The provider makes its rows while it is asked, on the same cores.
        fetched = told_by(address, DAY, Limits(total_s=600), now=bulk.NOW)
    with stretch() as storing, database.workspace(1, write=True) as session:
        stored = ingest.store(session, claimed, fetched, endpoint=COMPLETIONS, provider="openai", now=now)
    return {
        "rows": stored.rows,
        "changed_days": len(stored.changed),
        "read_s": round(reading.wall_s, 1),
        "read_cpu_s": round(reading.cpu_s, 1),
        "store_s": round(storing.wall_s, 1),
        "store_cpu_s": round(storing.cpu_s, 1),
        "load": round(os.getloadavg()[0], 1),
    }
