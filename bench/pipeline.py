"""The worker's whole unit, many keys at once: open the key, claim, fetch, parse, price, store, roll up, ledger."""

from __future__ import annotations

import gc
import os
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from bench import bulk, floor, keys, stub
from bench.measure import resident_mb, spread, stretch
from bench.payload import DAY, ROWS
from tracker import clock, fetching, product, reconcile
from tracker.coverage import Unit
from tracker.fetching import Done, Outcome
from tracker.product import Product
from tracker.providers.http import ClientPool
from tracker.reconcile import Connection

LATENCY_S, IN_FLIGHT = 0.08, 64
KEYS = int(os.environ.get("BENCH_KEYS", "2000"))
WARM = 100
"""Keys read before anything is counted: imports, caches and connections stand after them."""

DAILY = Unit("completions", DAY, DAY + clock.DAY, (0,))


def run() -> dict[str, object]:
    """Keys a second against the latency limit (in flight ÷ latency), CPU a key, memory grown from warm to the end."""
    return {**measured(KEYS), **_alone()}


def _alone() -> dict[str, object]:
    """CPU of one unit at a time, beside the least that it could cost on SQLite."""
    with _installed(2 * WARM) as (ready, connections):
        _read(ready, connections[:WARM])
        _settle()
        rest = iter(connections[WARM:])
        alone = spread(lambda: _unit(ready, next(rest)), times=60, watch=time.thread_time)
        if ready.database.engine.dialect.name != "sqlite":
            return {"alone_cpu_ms": alone}
        before = floor.copied(str(ready.database.engine.url.database))
        with floor.heard(ready.database) as statements:
            _unit(ready, next(rest))
        return {"alone_cpu_ms": alone, "floor": floor.of(before, statements, ready.base_url("openai"))}


def measured(count: int) -> dict[str, object]:
    with _installed(count + WARM) as (ready, connections):
        _read(ready, connections[:WARM])
        _settle()
        before = resident_mb()
        with stretch() as took:
            _read(ready, connections[WARM:])
        grown = resident_mb() - before
        planning = _planning(ready, connections[: 2 * WARM])
    rate = count / took.wall_s
    return {
        "keys": count,
        "rows_a_key": ROWS,
        "latency_ms": LATENCY_S * 1_000,
        "in_flight": IN_FLIGHT,
        "keys_per_s": round(rate, 1),
        "latency_limit_keys_per_s": IN_FLIGHT / LATENCY_S,
        "of_latency_limit": round(rate / (IN_FLIGHT / LATENCY_S), 3),
        "cpu_ms_a_key": round(took.cpu_s / count * 1_000, 2),
        "grown_mb": round(grown, 1),
        "planning_cpu_ms_a_key": planning,
    }


@contextmanager
def _installed(count: int) -> Iterator[tuple[Product, list[Connection]]]:
    with tempfile.TemporaryDirectory() as folder, stub.running(LATENCY_S) as address:
        environ = {
            "TRACKER_NOW": f"{bulk.NOW:%Y-%m-%dT%H:%M:%SZ}",
            "TRACKER_DATA_DIR": folder,
            "TRACKER_OPENAI_BASE_URL": address,
            **({"TRACKER_DATABASE_URL": url} if (url := os.environ.get("BENCH_DATABASE_URL")) else {}),
        }
        product.prepare(environ)
        ready = product.start(environ, role="worker")
        ready = replace(ready, clients=ClientPool(loopback_only=True, clients=IN_FLIGHT // 8))
        yield ready, keys.add(ready, count, now=bulk.NOW)
        ready.close()
        clock.start_at(None)


def _settle() -> None:
    """As the worker does once it has begun."""
    gc.collect()
    gc.freeze()


def _read(ready: Product, connections: Sequence[Connection]) -> None:
    """All of them, `IN_FLIGHT` at a time; nothing is kept of one that is done, as a worker keeps nothing."""
    rest, done = iter(connections), []

    def hand() -> None:
        for connection in rest:
            told = _unit(ready, connection)
            assert (told.outcome, told.rows) == (Outcome.STORED, ROWS), told
        done.append(True)

    hands = [threading.Thread(target=hand) for _ in range(IN_FLIGHT)]
    for each in hands:
        each.start()
    for each in hands:
        each.join()
    assert len(done) == IN_FLIGHT


def _unit(ready: Product, connection: Connection) -> Done:
    return fetching.work(ready, connection, DAILY, owner="bench", wait=time.sleep)


def _planning(ready: Product, connections: list[Connection]) -> float:
    """CPU milliseconds to find out what a connection owes, after its first day was read."""
    with stretch() as took:
        for connection in connections:
            reconcile.plan(ready, connection, now=clock.utc_now())
    return round(took.cpu_s / len(connections) * 1_000, 2)
