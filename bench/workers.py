"""Workers: what 1, 2 and 4 do together, thirty missed days caught up, one killed, and a provider that fails.

Each is a process with a data folder of its own. The provider answers after 250 ms where throughput is measured, so
that a worker of four threads spends its time waiting, as it does in life; seconds are those from the first unit stored
to the last, by the ledger.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench import fleet
from bench.fleet import Fleet
from jobs.__main__ import once
from jobs.worker import THREADS, Worker
from tests import postgres
from tests.postgres import PostgresServer
from tracker import clock, coverage, product
from tracker.sandbox import World
from tracker.sandbox.trouble import Trouble, Troubles

NOW = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)
COUNTS = (1, 2, 4)
FEW, MANY, DAYS = 16, 100, 6
MISSED_DAYS = 30
LATENCY_S = 0.25
LOOKS_MIN = (0, 1, 2, 5, 10, 20, 40, 80, 160, 320, 505)
"""Minutes after NOW, all within its day, at which the worker looks again; a real one looks every second."""

FAILING, FAILED_KEYS = 0.05, 20
FAILURES = ("status_500", "status_503", "rate_limit", "connection_reset", "truncated_json", "empty_body")
"""Those that the HTTP client tries again at once, and two that put the unit off until the ledger's retry."""


def run() -> dict[str, object]:
    """Every figure. A day that was left out anywhere fails the run."""
    with tempfile.TemporaryDirectory() as name, postgres.running(os.environ) as server:
        folder = Path(name)
        told: dict[str, object] = {"keys": FEW, "latency_ms": LATENCY_S * 1_000, "threads_a_worker": THREADS}
        parts: dict[str, Callable[[], object]] = {
            "catch_up": lambda: _catch_up(folder / "missed", server),
            "recovery": lambda: _recovery(folder / "killed", server),
            "failures": lambda: _failures(folder / "failing"),
            "units_a_second": lambda: _throughput(folder, server),
        }
        for part, measure in parts.items():
            told[part] = measure()
            print(f"{part}: {told[part]}", file=sys.stderr, flush=True)
    return told


@contextmanager
def _installed(folder: Path, server: PostgresServer | None, *, keys: int, days: int) -> Iterator[Fleet]:
    """A fleet on SQLite, or on a database of that server's, with so many whole days and today to read."""
    folder.mkdir(parents=True)
    with ExitStack() as stack:
        url = stack.enter_context(server.database(f"bench_{folder.name}")) if server else fleet.file_in(folder)
        yield stack.enter_context(fleet.of(url, folder, keys=keys, world=World(days=days, keeps=days)))


def _throughput(folder: Path, server: PostgresServer) -> dict[str, dict[str, float]]:
    ways = (("sqlite", "own"), ("postgresql", "own"), ("postgresql", "procrastinate"))
    return {
        f"{database}, {engine}": {
            str(count): _rate(folder / f"{database}_{engine}_{count}", server, engine, count) for count in COUNTS
        }
        for database, engine in ways
    }


def _rate(folder: Path, server: PostgresServer, engine: str, count: int) -> float:
    on = server if folder.name.startswith("postgresql") else None
    with _installed(folder, on, keys=FEW, days=DAYS) as made:
        made.sandbox.latency_s = LATENCY_S
        held = made.until_whole(made.start(count, engine=engine))
    return round(held.units / held.seconds, 1)


def _catch_up(folder: Path, server: PostgresServer) -> dict[str, object]:
    """Two workers, as many as there are cores, on what a hundred keys missed."""
    with _installed(folder, server, keys=MANY, days=MISSED_DAYS) as made:
        began = time.perf_counter()
        held = made.until_whole(made.start(2))
        seconds = time.perf_counter() - began
    told = {"keys": MANY, "missed_days": MISSED_DAYS, "workers": 2, "units": held.units, "rows": held.rows}
    return {**told, "seconds": round(seconds, 1), "units_a_second": round(held.units / seconds, 1)}


def _recovery(folder: Path, server: PostgresServer) -> dict[str, object]:
    """Of two workers one is killed in the middle; a third takes its units over when the leases of the dead run out.

    They run out by the clock, which is put forward rather than waited for.
    """
    with _installed(folder, server, keys=FEW, days=DAYS) as made:
        made.sandbox.latency_s = LATENCY_S
        killed, other = made.start(2)
        while made.held().units < FEW:
            time.sleep(0.1)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        made.end([other])
        leased, read = made.leased(), made.held().units
        began = time.perf_counter()
        third = made.start(now=clock.utc_now() + coverage.LEASE)
        while made.leased(of=leased):
            time.sleep(0.1)
        took = time.perf_counter() - began
        held = made.until_whole(third)
    lease_s = coverage.LEASE.total_seconds()
    told = {"units_before": read, "leased_by_the_dead": len(leased), "units_in_all": held.units}
    return {**told, "lease_s": lease_s, "takeover_s": round(took, 1), "recovery_s": round(lease_s + took, 1)}


class Failing(Troubles):
    """Of the requests for usage and costs a share goes wrong, by a seeded choice; `met` counts them."""

    def __init__(self, share: float, seed: int) -> None:
        super().__init__()
        self.share, self.chance, self.met, self.asked = share, random.Random(seed), 0, 0

    def take(self, path: str) -> Trouble | None:
        with self._lock:
            self.asked += 1
            if self.chance.random() >= self.share:
                return None
            self.met += 1
            return Trouble(self.chance.choice(FAILURES), path=path, option="1")


def _failures(folder: Path) -> dict[str, object]:
    """The units of a day under failures: done at the first try, and by the day's end, with an injected clock."""
    failing, shares = Failing(FAILING, seed=7), []
    with _installed(folder, None, keys=FAILED_KEYS, days=MISSED_DAYS) as made:
        made.sandbox.world.troubles = failing
        for minutes in LOOKS_MIN:
            _read(made, NOW + timedelta(minutes=minutes))
            shares.append(made.held().days / made.due)
            if shares[-1] == 1:
                break
    clock.start_at(None)
    return {
        "keys": FAILED_KEYS,
        "days": made.due,
        "requests": failing.asked,
        "failed_requests": failing.met,
        "share_at_first": round(shares[0], 5),
        "share_within_the_day": round(shares[-1], 5),
        "whole_after_minutes": minutes,
    }


def _read(made: Fleet, now: datetime) -> None:
    """A worker's `--once` in this process, whose clock is put to that time (the start of a product sets it)."""
    ready = product.start({**made.environ, "TRACKER_NOW": f"{now:%Y-%m-%dT%H:%M:%SZ}"}, role="worker")
    worker = Worker(ready)
    once(worker)
    worker.stop()
    ready.close()
