"""The worker's whole unit, many keys at once: open the key, claim, fetch, parse, price, store, roll up, ledger."""

from __future__ import annotations

import gc
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from itertools import cycle
from typing import TypeVar

import httpx

from bench import bulk, floor, keys, stub
from bench.measure import resident_mb, spread, stretch
from bench.payload import DAY, ROWS
from tracker import clock, fetching, product, reconcile
from tracker.coverage import Unit
from tracker.fetching import Done, Outcome
from tracker.product import Product
from tracker.providers.http import ClientPool
from tracker.reconcile import Connection

T = TypeVar("T")

LATENCY_S, IN_FLIGHT = 0.08, 64
KEYS = int(os.environ.get("BENCH_KEYS", "2000"))
WARM = 100
"""Keys read before anything is counted: imports, caches and connections stand after them."""

DAILY = Unit("completions", DAY, DAY + clock.DAY, (0,))


def run() -> dict[str, object]:
    """Keys a second against the latency limit (in flight ÷ latency), CPU a key, memory grown from warm to the end.

    Beside it the CPU of one unit at a time and, on SQLite, of the straightest way to do one: alone and as many at once.
    """
    return {**measured(KEYS), **_alone(), **_least()}


def _alone() -> dict[str, object]:
    with _installed(2 * WARM) as (ready, connections):
        _read(ready, connections[:WARM])
        _settle()
        rest = iter(connections[WARM:])
        return {"alone_cpu_ms": spread(lambda: _unit(ready, next(rest)), times=60, watch=time.thread_time)}


def _least() -> dict[str, object]:
    if "BENCH_DATABASE_URL" in os.environ:
        return {}
    with _installed(10 * WARM, latency_s=0) as (ready, connections), stub.running(LATENCY_S) as address:
        _read(ready, connections[:WARM])
        with floor.copied(ready.database) as kept, ExitStack() as stack:
            units = [floor.noted(ready, each, partial(_unit, ready, each)) for each in connections[WARM:]]
            clients = [stack.enter_context(httpx.Client()) for _ in range(IN_FLIGHT // 8)]
            least = floor.Floor(kept, ready.ring, address, cycle(clients))
            _settle()
            alone = [least.work(unit) for unit in units[:WARM]]
            with stretch() as took:
                _at_once(least.work, units[WARM:])
    count = len(units) - WARM
    at_once = {
        "cpu_ms_a_key": round(took.cpu_s / count * 1_000, 2),
        "keys_per_s": round(count / took.wall_s, 1),
    }
    return {"floor": {"statements": len(units[0].claim + units[0].store), **floor.figures(alone[10:]), **at_once}}


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
def _installed(count: int, latency_s: float = LATENCY_S) -> Iterator[tuple[Product, list[Connection]]]:
    with tempfile.TemporaryDirectory() as folder, stub.running(latency_s) as address:
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
    """All of them; nothing is kept of one that is done, as a worker keeps nothing."""

    def read(connection: Connection) -> None:
        told = _unit(ready, connection)
        assert (told.outcome, told.rows) == (Outcome.STORED, ROWS), told

    _at_once(read, connections)


def _at_once(work: Callable[[T], object], each_of: Sequence[T]) -> None:
    """`IN_FLIGHT` at a time."""
    rest, done = iter(each_of), []

    def hand() -> None:
        for each in rest:
            work(each)
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
