"""The worker's health and metrics over HTTP, on this machine only: `/healthz` for a probe, `/metrics` for Prometheus.

A worker is healthy while it looks for work and no key that works has owed a finished day for too long.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Figures = Mapping[str, float]

PREFIX = "tracker_worker_"


@dataclass(frozen=True)
class Health:
    """What the worker says of itself: whether it is well, and figures by name."""

    well: bool
    figures: Figures


def serve(port: int, health: Callable[[], Health]) -> ThreadingHTTPServer:
    """Answer on a loopback port (0: any free one) from a thread until `shutdown`."""
    handler = type("Handler", (_Handler,), {"health": staticmethod(health)})
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
    return server


def as_metrics(figures: Figures) -> str:
    """Prometheus' text form (version 0.0.4), every figure a gauge."""
    lines = [f"# TYPE {PREFIX}{name} gauge\n{PREFIX}{name} {value:g}\n" for name, value in figures.items()]
    return "".join(lines)


class _Handler(BaseHTTPRequestHandler):
    health: Callable[[], Health]

    def do_GET(self) -> None:
        if self.path not in {"/healthz", "/metrics"}:
            self._answer(404, "text/plain", "There are /healthz and /metrics.\n")
            return
        found = self.health()
        if self.path == "/metrics":
            self._answer(200, "text/plain; version=0.0.4; charset=utf-8", as_metrics(found.figures))
        else:
            told = json.dumps({"well": found.well, **found.figures})
            self._answer(200 if found.well else 503, "application/json", told + "\n")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the base class's name
        """Probes come every few seconds; they are no news."""

    def _answer(self, status: int, kind: str, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
