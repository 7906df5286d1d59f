"""A provider that tells of very many rows of completions in an hour, made as they are asked for."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from tests.places import ended, started
from tracker import clock
from tracker.calls import KeptCalls
from tracker.providers.base import Fetched
from tracker.providers.http import ClientPool, Limits, ProviderClient
from tracker.providers.openai import OpenAI
from tracker.redact import SecretKey

HOUR_S = 3_600
ROW = (
    '{"object": "organization.usage.completions.result", "input_tokens": %d, "input_cached_tokens": %d, '
    '"output_tokens": %d, "num_model_requests": %d, "project_id": "proj_%d", "user_id": "user-%08d", '
    '"api_key_id": "key_%d", "model": "%s", "batch": false, "service_tier": null}'
)
MODELS = ("gpt-5.4", "gpt-5.4-mini", "gpt-5-nano", "o3", "gpt-4.1", "no-price-known")


def row(number: int, start: int) -> str:
    """The row of that number in the hour from `start` (seconds since 1970): of its own user."""
    tokens = 1_000 + (start // HOUR_S * 7_919 + number * 104_729) % 900_000
    told = (tokens, tokens // 3, tokens // 7, 1 + tokens % 400, number % 40, number, number % 300)
    return ROW % (*told, MODELS[number % len(MODELS)])


def bucket(start: int, rows: int) -> str:
    told = ", ".join(row(number, start) for number in range(rows))
    return f'{{"object": "bucket", "start_time": {start}, "end_time": {start + HOUR_S}, "results": [{told}]}}'


class Flood(BaseHTTPRequestHandler):
    """Pages of hours. How many rows one has: `hours` tells it by the hour of the day, and `rest` of the others."""

    protocol_version = "HTTP/1.1"
    hours: Mapping[int, int]
    rest: int

    def do_GET(self) -> None:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        end, limit = int(asked["end_time"]), int(asked["limit"])
        first = int(asked.get("page", asked["start_time"]))
        starts = range(first, min(end, first + limit * HOUR_S), HOUR_S)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for text in self._page(starts, more=starts.stop < end):
            self.wfile.write(f"{len(text):x}\r\n{text}\r\n".encode())
        self.wfile.write(b"0\r\n\r\n")

    def _page(self, starts: range, *, more: bool) -> Iterator[str]:
        """Its text, a bucket at a time: it is never held whole."""
        yield '{"object": "page", "data": ['
        for start in starts:
            yield bucket(start, self.hours.get(start // HOUR_S % 24, self.rest))
            yield ", " if start != starts[-1] else "]"
        cursor = f'"{starts.stop}"' if more else "null"
        yield f', "has_more": {str(more).lower()}, "next_page": {cursor}}}'

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the base class's name
        """Nobody reads it."""


class Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Who is told more than it wants breaks off."""


@contextmanager
def flood(*, rest: int, hours: Mapping[int, int] | None = None) -> Iterator[str]:
    """The address of such a provider, in a process of its own: what it holds is not ours."""
    server = Server(("127.0.0.1", 0), type("Handler", (Flood,), {"hours": hours or {}, "rest": rest}))
    child = started(server.serve_forever)
    server.server_close()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        os.kill(child, signal.SIGKILL)
        ended(child)


def told_by(address: str, day: date, limits: Limits, *, now: datetime) -> Fetched:
    """All that such a provider tells of the day."""
    openai = OpenAI()
    completions = next(each for each in openai.endpoints if each.name == "completions")
    with closing(ClientPool(loopback_only=True, clients=1)) as pool:
        client = ProviderClient(
            base_url=address,
            title=openai.title,
            headers=openai.headers,
            key=SecretKey("sk-admin-0123456789abcdefghijABCDEFGHIJ"),
            allowed=openai.allowed,
            explain=openai.explain,
            calls=KeptCalls(),
            connection=pool,
            limits=limits,
        )
        return openai.fetch(client, completions, day, day + clock.DAY, now=now)
