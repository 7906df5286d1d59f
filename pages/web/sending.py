"""What is written to a browser leaves at once.

Streamlit (1.67) names no protocol for the socket that it listens on. asyncio goes by that name and leaves on what the
system does by itself: a small part waits until the one before it is acknowledged (uvicorn, issue 3149, read 2026-11).
Whoever only listens acknowledges after some 40 ms, and by so much every rerun was later.
"""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

OPEN_FILES = Path("/dev/fd")
INTERNET = {socket.AF_INET, socket.AF_INET6}


@asynccontextmanager
async def at_once(_app: object) -> AsyncIterator[None]:
    """The server's life. It begins when the server listens already and nobody is connected yet."""
    for found in _sockets():
        # Each connection takes this over from what listens, on Linux and macOS.
        if found.family in INTERNET and found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    yield


def _sockets() -> Iterator[socket.socket]:
    """Every socket of the process, by a second name that is given up again; none where the system lists no files."""
    for listed in OPEN_FILES.iterdir() if OPEN_FILES.exists() else ():
        number = int(listed.name)
        with suppress(OSError):  # closed meanwhile, as what listed them
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                with socket.socket(fileno=os.dup(number)) as found:
                    yield found
