"""A rerun of the dashboard after a filter was changed, as the server takes it: over its socket, without a browser."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect

from bench import bulk, files
from bench.bulk import SHAPES
from bench.measure import of_runs, process_cpu_s

PATH = "/_stcore/stream"
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
                f"ws{address.removeprefix('http')}{PATH}", additional_headers=headers, max_size=None
            ) as socket:
                began = time.perf_counter()
                switch = widget(socket)
                first = (time.perf_counter() - began) * 1_000
                cpu = process_cpu_s(pid)
                taken = [rerun_ms(socket, switch, n) for n in range(TIMES)]
                cpu = (process_cpu_s(pid) - cpu) / TIMES * 1_000
    return {"first_run_ms": round(first), "server_ms": of_runs(taken[5:]), "cpu_ms": round(cpu, 1)}


def _message(query: str) -> BackMsg:
    message = BackMsg()
    message.rerun_script.query_string = query
    return message


def _choice(widget: str, value: str) -> BackMsg:
    message = _message("")
    state = message.rerun_script.widget_states.widgets.add()
    state.id = widget
    state.string_array_value.data.append(value)
    return message


def rerun_ms(socket: ClientConnection, switch: str, turn: int) -> float:
    """Milliseconds from the choice of the next measure until everything was told."""
    began = time.perf_counter()
    _told(socket, _choice(switch, MEASURES[turn % len(MEASURES)]))
    return (time.perf_counter() - began) * 1_000


def widget(socket: ClientConnection) -> str:
    """The id of the chart's switch between measures."""
    for told in _told(socket, _message("")):
        group = told.delta.new_element.button_group
        if group.query_param_key == "m":
            return str(group.id)
    raise AssertionError("the dashboard drew no switch between measures")


def _told(socket: ClientConnection, message: BackMsg) -> list[ForwardMsg]:
    """Everything that the server sends for a message, up to the script's end."""
    socket.send(message.SerializeToString())
    told: list[ForwardMsg] = []
    while not told or told[-1].WhichOneof("type") != "script_finished":
        told.append(ForwardMsg.FromString(bytes(socket.recv(WITHIN_S, decode=False))))
    return told
