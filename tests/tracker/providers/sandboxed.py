"""The provider `openai` pointed at a sandbox of its own: fifteen days of history at a fixed instant, over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime

from tracker.calls import KeptCalls
from tracker.providers.base import Fetched
from tracker.providers.http import ClientPool, Limits, ProviderClient
from tracker.providers.openai import OpenAI
from tracker.redact import SecretKey
from tracker.sandbox import SandboxServer, Trouble, World

NOW = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)
FIRST, END = date(2026, 11, 12), date(2026, 11, 20)
OPENAI = OpenAI()
ENDPOINTS = {endpoint.name: endpoint for endpoint in OPENAI.endpoints}


@dataclass(frozen=True)
class Sandboxed:
    """A running sandbox and the connections to it."""

    server: SandboxServer
    pool: ClientPool

    @property
    def world(self) -> World:
        return self.server.world

    def client(self, kind: str = "good", *, tries: int = 1, pages: int = 2_000) -> ProviderClient:
        """A client with the sandbox's key of that kind, or with `kind` itself for a key. It never sleeps."""
        return ProviderClient(
            base_url=self.server.base_url,
            title=OPENAI.title,
            headers=OPENAI.headers,
            key=SecretKey(self.world.keys.get(kind, kind)),
            allowed=OPENAI.allowed,
            explain=OPENAI.explain,
            calls=KeptCalls(),
            connection=self.pool,
            limits=Limits(tries=tries, total_s=2, read_s=2, pages=pages),
            wait=lambda _: None,
        )

    def fetch(self, family: str = "completions", start: date = FIRST, end: date = END, *, tries: int = 1) -> Fetched:
        return OPENAI.fetch(self.client(tries=tries), ENDPOINTS[family], start, end, now=NOW)

    def trouble(self, kind: str, path: str = "/organization/", *, times: int = 1, option: str = "") -> None:
        """Let the next `times` good answers under `path` go wrong in that way."""
        self.world.troubles.add(Trouble(kind, path=path, times=times, option=option))


@contextmanager
def sandboxed(*, days: int = 15) -> Iterator[Sandboxed]:
    with (
        SandboxServer(World(days=days, keeps=days, now=lambda: NOW)) as server,
        closing(ClientPool(loopback_only=True, clients=1)) as pool,
    ):
        yield Sandboxed(server, pool)
