"""How things grow: events from 10⁴ to 10⁷, keys from 1 to 10,000, sessions from 1 to 100; drawn into pictures/."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import time
from pathlib import Path

from websockets.sync.client import connect

from bench import bulk, files, pipeline, reading, rerun, tab
from bench.bulk import SHAPES
from bench.drawing import chart

PICTURES = Path(__file__).parent / "pictures"
KEYS = tuple(n for n in (1, 10, 100, 1_000, 10_000) if n <= int(os.environ.get("BENCH_MOST_KEYS", "10000")))
SESSIONS = (1, 10, 50, 100)
EVERY_S, FOR_S = 5.0, 10.0
"""Each session acts once in so many seconds, for so long."""


def events() -> dict[str, object]:
    """How the dashboard's questions grow with the events in all; the picture is written beside."""
    lines: dict[str, list[tuple[float, float]]] = {"SQLite": [], "PostgreSQL": []}
    for shape in SHAPES.values():
        for name, opening in (("SQLite", bulk.sqlite), ("PostgreSQL", bulk.postgresql)):
            with opening(shape) as database:
                lines[name].append((shape.events, reading.five(database)["median"]))
    _draw("events", "The dashboard's five questions", lines, x="events in all", y="milliseconds", bar=10)
    return {"points": lines}


def keys() -> dict[str, object]:
    """How the worker's speed and cost a key grow with the number of keys."""
    found = [(count, pipeline.measured(count)) for count in KEYS]
    lines: dict[str, list[tuple[float, float]]] = {
        "keys/s": [(count, float(str(each["keys_per_s"]))) for count, each in found],
        "CPU ms a key": [(count, float(str(each["cpu_ms_a_key"]))) for count, each in found],
    }
    _draw("keys", "The worker, 64 in flight at 80 ms", lines, x="keys", y="keys a second, CPU ms a key")
    return {"points": lines, "grown_mb": {count: each["grown_mb"] for count, each in found}}


def sessions() -> dict[str, object]:
    """How long a rerun takes with so many people at once."""
    with tempfile.TemporaryDirectory() as name:
        with bulk.sqlite(SHAPES["1M"]) as database:
            shutil.copyfile(str(database.engine.url.database), Path(name) / "tracker.db")
        with files.serving(Path(name)) as (client, _):
            taken = {
                count: _taken(str(client.base_url).rstrip("/"), client.cookies["sid"], count) for count in SESSIONS
            }
    lines: dict[str, list[tuple[float, float]]] = {
        "p50": [(count, _part(times, 0.5)) for count, times in taken.items()],
        "p95": [(count, _part(times, 0.95)) for count, times in taken.items()],
    }
    _draw("sessions", "Reruns, one action per 5 s and session", lines, x="sessions", y="milliseconds", bar=150)
    return {"points": lines}


def _taken(address: str, sid: str, count: int) -> list[float]:
    """Milliseconds of each rerun while so many sessions act, spread over their five seconds."""
    taken: list[float] = []
    ready = threading.Barrier(count)

    def act(number: int) -> None:
        headers = {"Cookie": f"sid={sid}", "Origin": address}
        with connect(
            f"ws{address.removeprefix('http')}{tab.PATH}", additional_headers=headers, max_size=None
        ) as socket:
            switch = rerun.opened(socket)
            ready.wait()
            began = time.monotonic() + number * EVERY_S / count
            for turn in range(int(FOR_S / EVERY_S)):
                time.sleep(max(0.0, began + turn * EVERY_S - time.monotonic()))
                taken.append(rerun.rerun_ms(socket, switch, turn))

    threads = [threading.Thread(target=act, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return taken


def _part(times: list[float], share: float) -> float:
    return round(sorted(times)[min(len(times) - 1, int(len(times) * share))], 1)


def _draw(
    name: str, title: str, lines: dict[str, list[tuple[float, float]]], *, x: str, y: str, bar: float | None = None
) -> None:
    PICTURES.mkdir(exist_ok=True)
    (PICTURES / f"curve-{name}.svg").write_text(chart(title, lines, x=x, y=y, bar=bar))
