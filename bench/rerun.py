"""A rerun of the dashboard after a filter was changed, as the server takes it: over its socket, without a browser."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect

from bench import bulk, files, tab
from bench.bulk import SHAPES
from bench.measure import of_runs, process_cpu_s
from bench.tab import Switch

TIMES = 30
WITHIN_S = 30.0
MEASURES = ("Tokens", "Requests", "Spend")


def run() -> dict[str, object]:
    """Milliseconds from the message to the script's end, and the server's CPU, one session, a tenant with 1M events."""
    with tempfile.TemporaryDirectory() as name:
        with bulk.sqlite(SHAPES["1M"]) as database:
            shutil.copyfile(str(database.engine.url.database), Path(name) / "tracker.db")
        with files.serving(Path(name)) as (client, pid):
            address = str(client.base_url).rstrip("/")
            headers = {"Cookie": f"sid={client.cookies['sid']}", "Origin": address}
            with connect(
                f"ws{address.removeprefix('http')}{tab.PATH}", additional_headers=headers, max_size=None
            ) as socket:
                began = time.perf_counter()
                switch = opened(socket)
                first = (time.perf_counter() - began) * 1_000
                switched = _timed(pid, lambda turn: rerun_ms(socket, switch, turn), "server_ms", "cpu_ms")
                whole = _timed(pid, lambda _: _whole_ms(socket), "whole_page_ms", "whole_page_cpu_ms")
    return {"first_run_ms": round(first), **switched, **whole}


def _timed(pid: int, taken: Callable[[int], float], wall: str, cpu: str) -> dict[str, object]:
    """Of so many runs, each of `taken`'s milliseconds: the time and the server's CPU."""
    began = process_cpu_s(pid)
    times = [taken(turn) for turn in range(TIMES)]
    return {wall: of_runs(times[5:]), cpu: round((process_cpu_s(pid) - began) / TIMES * 1_000, 1)}


def rerun_ms(socket: ClientConnection, switch: Switch, turn: int) -> float:
    """Milliseconds from the choice of the next measure until everything was told."""
    began = time.perf_counter()
    _told(socket, switch.choose(MEASURES[turn % len(MEASURES)]))
    return (time.perf_counter() - began) * 1_000


def _whole_ms(socket: ClientConnection) -> float:
    """The same of a page that is loaded again."""
    began = time.perf_counter()
    _told(socket, tab.opening())
    return (time.perf_counter() - began) * 1_000


def opened(socket: ClientConnection) -> Switch:
    """Load the page; its switch between measures."""
    return tab.switches(_told(socket, tab.opening()))["m"]


def _told(socket: ClientConnection, message: BackMsg) -> list[ForwardMsg]:
    """Everything that the server sends for a message, up to the script's end."""
    socket.send(message.SerializeToString())
    told: list[ForwardMsg] = []
    while not told or not tab.is_last(told[-1]):
        told.append(ForwardMsg.FromString(bytes(socket.recv(WITHIN_S, decode=False))))
    return told
