"""The worker's health and metrics over HTTP: `/healthz` for a probe, `/metrics` for Prometheus.

The figures are for this machine, and for whoever holds the token; the health is for everybody who can reach the port.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tracker import metrics
from tracker.config import is_loopback
from tracker.errors import BadConfiguration
from tracker.health import Health
from tracker.redact import SecretKey

log = logging.getLogger(__name__)

UNHEARD = (
    "The worker cannot answer on {host}:{port}: {why}. Set TRACKER_WORKER_HOST and TRACKER_WORKER_PORT to an address "
    "and a port of this machine that are free, or take TRACKER_WORKER_PORT out."
)
PASSED_ON = ("X-Forwarded-For", "Forwarded", "X-Real-IP")


def serve(host: str, port: int, health: Callable[[], Health], *, token: SecretKey | None = None) -> ThreadingHTTPServer:
    """Answer on that address (port 0: any free one) from threads until `shutdown`; BadConfiguration when it cannot."""
    handler = type("Handler", (_Handler,), {"health": staticmethod(health), "token": token})
    try:
        server = ThreadingHTTPServer((host, port), handler)
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "no host has such a name"
        raise BadConfiguration(UNHEARD.format(host=host, port=port, why=why)) from None
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
    return server


class _Handler(BaseHTTPRequestHandler):
    health: Callable[[], Health]
    token: SecretKey | None
    timeout = 10  # seconds for a request to come in: a caller that says nothing holds no thread

    def do_GET(self) -> None:
        try:
            told = self._told()
        except Exception:  # the library would print a traceback beside the log, and answer nothing
            log.exception("a probe could not be answered")
            told = 500, "text/plain", b"This could not be answered; the worker's log says why.\n"
        with suppress(ConnectionError):  # whoever asked is gone
            self._answer(*told)

    def _told(self) -> tuple[int, str, bytes]:
        """Status, kind and body of the answer."""
        if self.path == "/healthz":
            found = self.health()
            return found.status, "application/json; charset=utf-8", found.json.encode()
        if self.path == "/metrics" and self._may_read():
            return 200, metrics.CONTENT_TYPE, metrics.text("worker", self.health().figures)
        return 404, "text/plain", b"There is nothing here.\n"

    def _may_read(self) -> bool:
        here = is_loopback(self.client_address[0]) and not any(name in self.headers for name in PASSED_ON)
        return here or metrics.holds(self.headers.get("Authorization"), self.token)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the base class's name
        """Probes come every few seconds; they are no news."""

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
