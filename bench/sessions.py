"""Fifty people at once on the dashboard: real WebSockets, one action each in five seconds, as a browser sends them."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field
from datetime import datetime

import httpx
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect

from tests.installation import EMAIL
from tests.site import Site
from tracker import access, sessions

PEOPLE = 50
EVERY_S = 5.0
ACTIONS = 8
VIEWS = ("", "m=Tokens", "m=Requests", "by=Project", "days=Last+7+days")


@dataclass
class Run:
    """Seconds of each rerun, from the action to the end of the script; `began` and `ended` on one clock."""

    times: list[float] = field(default_factory=list)
    began: float = 0.0
    ended: float = 0.0

    def figures(self) -> dict[str, object]:
        ordered = sorted(self.times)
        return {
            "sessions": PEOPLE,
            "one_action_every_s": EVERY_S,
            "reruns": len(ordered),
            "reruns_a_second": round(len(ordered) / (self.ended - self.began), 1),
            "rerun_p50_ms": round(ordered[len(ordered) // 2] * 1_000),
            "rerun_p95_ms": round(ordered[int(len(ordered) * 0.95)] * 1_000),
        }


def run(here: Site, now: datetime) -> dict[str, object]:
    """What the site's signed-in dashboard does for so many tabs."""
    return asyncio.run(_everybody(here.base_url, _cookie(here, now))).figures()


def _cookie(here: Site, now: datetime) -> str:
    """A signed-in browser's cookie, by the way a browser gets it."""
    opened = here.product()
    ticket = sessions.begin(opened.database, access.user_of(opened.database, EMAIL), now=now).ticket
    opened.close()
    headers = {"X-Requested-With": "tracker", "Origin": here.base_url}
    given = httpx.post(f"{here.base_url}/auth/session", json={"ticket": ticket}, headers=headers)
    return given.headers["set-cookie"].split(";")[0]


async def _everybody(base_url: str, cookie: str) -> Run:
    found = Run()
    address = base_url.replace("http", "ws", 1) + "/_stcore/stream"
    headers = {"Cookie": cookie, "Origin": base_url}
    tabs = [await _open(address, headers) for _ in range(PEOPLE)]
    found.began = time.perf_counter()
    await asyncio.gather(*(_one(tab, found, place) for place, tab in enumerate(tabs)))
    found.ended = time.perf_counter()
    await asyncio.gather(*(tab.close() for tab in tabs))
    return found


async def _open(address: str, headers: dict[str, str]) -> ClientConnection:
    """A tab whose page stands."""
    tab = await connect(address, additional_headers=headers, subprotocols=["streamlit"], max_size=None)  # type: ignore[list-item]
    await _rerun(tab, "")
    return tab


async def _one(tab: ClientConnection, found: Run, place: int) -> None:
    """Somebody who acts every few seconds, not in step with the others."""
    chance = random.Random(place)
    await asyncio.sleep(chance.random() * EVERY_S)
    for n in range(ACTIONS):
        due = time.perf_counter() + EVERY_S
        found.times.append(await _rerun(tab, VIEWS[(place + n) % len(VIEWS)]))
        await asyncio.sleep(max(0.0, due - time.perf_counter()))


async def _rerun(tab: ClientConnection, query: str) -> float:
    """Seconds from the request to the end of the script; AssertionError when it ended with a failure."""
    asked = BackMsg()
    asked.rerun_script.query_string = query
    began = time.perf_counter()
    await tab.send(asked.SerializeToString())
    while True:
        told = ForwardMsg()
        told.ParseFromString(await tab.recv(decode=False))
        if told.WhichOneof("type") == "script_finished":
            assert told.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY, told.script_finished
            return time.perf_counter() - began
