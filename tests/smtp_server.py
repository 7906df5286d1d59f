"""A mail server on loopback that keeps what it is given: just enough of RFC 5321 for smtplib."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Letters:
    """The messages that arrived, and the server's address. `refusal` is answered to every message while it is set."""

    url: str = ""
    texts: list[str] = field(default_factory=list)
    refusal: str = ""


@contextmanager
def running() -> Iterator[Letters]:
    letters = Letters()
    handler = type("Handler", (_Handler,), {"letters": letters})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        letters.url = f"smtp://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield letters
        server.shutdown()


class _Handler(socketserver.StreamRequestHandler):
    letters: Letters

    def handle(self) -> None:
        self._say("220 here")
        while line := self.rfile.readline().decode().strip():
            verb = line[:4].upper()
            if verb == "DATA":
                self._take()
            else:
                self._say("221 bye" if verb == "QUIT" else self.letters.refusal if verb == "MAIL" else "250 ok")

    def _take(self) -> None:
        self._say("354 go on")
        lines: list[str] = []
        while (line := self.rfile.readline().decode()) != ".\r\n":
            lines.append(line)
        self.letters.texts.append("".join(lines))
        self._say("250 taken")

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text or '250 ok'}\r\n".encode())
