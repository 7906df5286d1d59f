"""The sandbox on a loopback socket: HTTP/1.1 with keep-alive, an optional latency, and trouble on the wire itself."""

from __future__ import annotations

import socket
import struct
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass
from datetime import UTC
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from tracker.sandbox.answers import answer
from tracker.sandbox.trouble import Reply, apply, error
from tracker.sandbox.world import World

PREFIX = "/v1"
REQUESTS_KEPT = 20_000


@dataclass(frozen=True)
class Seen:
    """A request that reached the sandbox."""

    method: str
    path: str
    query: str
    key_kind: str | None
    status: int


class SandboxServer:
    """Serves a world from a thread, as a context manager; `base_url` is what goes into TRACKER_OPENAI_BASE_URL."""

    def __init__(self, world: World, *, port: int = 0, latency_s: float = 0.0) -> None:
        self.world, self.latency_s = world, latency_s
        self.requests: deque[Seen] = deque(maxlen=REQUESTS_KEPT)
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.sandbox = self

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}{PREFIX}"

    def serve(self) -> None:
        """Serve in this thread until `close`."""
        self._server.serve_forever(poll_interval=0.05)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    sandbox: SandboxServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that left in the middle."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        self._answer(self._reply())

    def do_POST(self) -> None:
        self._answer(error(405, "The sandbox only reads."))

    do_PUT = do_PATCH = do_DELETE = do_POST  # noqa: N815 names of the base class

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the base class's name
        """Say nothing: `SandboxServer.requests` is the log."""

    def _reply(self) -> Reply:
        sandbox, parts = self.server.sandbox, urlsplit(self.path)
        if sandbox.latency_s:
            time.sleep(sandbox.latency_s)
        path = parts.path.removeprefix(PREFIX)
        scheme, _, key = self.headers.get("Authorization", "").partition(" ")
        found = answer(sandbox.world, path, parse_qs(parts.query), key if scheme == "Bearer" else "")
        if found.status == 200 and (trouble := sandbox.world.troubles.take(path)):
            found = apply(found, trouble.kind, trouble.option)
        sandbox.requests.append(Seen(self.command, path, parts.query, sandbox.world.kind_of(key), found.status))
        return found

    def _answer(self, found: Reply) -> None:
        if found.reset:
            # Linger 0: the peer sees a reset, not an orderly end.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()
            return
        head = self._head(found)
        if found.dribble_s:
            self.wfile.write(head)
            self._dribble(found)
        else:
            self.wfile.write(head + found.body[: len(found.body) - found.cut])
        if found.cut:
            self.close_connection = True

    def _head(self, found: Reply) -> bytes:
        date = format_datetime(self.server.sandbox.world.now().astimezone(UTC), usegmt=True)
        told = {"Date": date, **found.headers, "Content-Length": str(len(found.body))}
        lines = [f"HTTP/1.1 {found.status} Sandbox", *(f"{name}: {value}" for name, value in told.items())]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def _dribble(self, found: Reply) -> None:
        for n in range(len(found.body)):
            self.wfile.write(found.body[n : n + 1])
            time.sleep(found.dribble_s)
