"""Fifty people at once on the dashboard: real WebSockets, one action each in five seconds, as a browser sends them."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import httpx
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect

from bench import tab
from bench.tab import Switch
from tests.installation import EMAIL
from tests.site import Site
from tracker import access, sessions

PEOPLE = 50
EVERY_S = 5.0
ACTIONS = 8
CHOICES = (("m", "Tokens"), ("by", "Project"), ("days", "Last 7 days"), ("m", "Requests"), None)
"""What somebody does: chooses in a switch, None: loads the page anew."""


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


@dataclass(frozen=True)
class Person:
    """A tab and the switches on its page."""

    socket: ClientConnection
    switches: Mapping[str, Switch]

    def acting(self, choice: tuple[str, str] | None) -> BackMsg:
        return self.switches[choice[0]].choose(choice[1]) if choice else tab.opening()


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
    address = base_url.replace("http", "ws", 1) + tab.PATH
    headers = {"Cookie": cookie, "Origin": base_url}
    people = [await _open(address, headers) for _ in range(PEOPLE)]
    found.began = time.perf_counter()
    await asyncio.gather(*(_one(person, found, place) for place, person in enumerate(people)))
    found.ended = time.perf_counter()
    await asyncio.gather(*(person.socket.close() for person in people))
    return found


async def _open(address: str, headers: dict[str, str]) -> Person:
    """Somebody whose page stands."""
    socket = await connect(address, additional_headers=headers, subprotocols=["streamlit"], max_size=None)  # type: ignore[list-item]
    return Person(socket, tab.switches(await _told(socket, tab.opening())))


async def _one(person: Person, found: Run, place: int) -> None:
    """Somebody who acts every few seconds, not in step with the others."""
    chance = random.Random(place)
    await asyncio.sleep(chance.random() * EVERY_S)
    for n in range(ACTIONS):
        began = time.perf_counter()
        await _told(person.socket, person.acting(CHOICES[(place + n) % len(CHOICES)]))
        found.times.append(time.perf_counter() - began)
        await asyncio.sleep(max(0.0, began + EVERY_S - time.perf_counter()))


async def _told(socket: ClientConnection, asked: BackMsg) -> list[ForwardMsg]:
    """Everything that the server sends for a message, up to the script's end."""
    await socket.send(asked.SerializeToString())
    told: list[ForwardMsg] = []
    while not told or not tab.is_last(told[-1]):
        told.append(ForwardMsg.FromString(await socket.recv(decode=False)))
    return told
