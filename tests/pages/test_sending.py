"""What the web process writes leaves at once, on a socket as Streamlit makes it and in the app as it is served."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from pages.web import sending
from tests.site import Site

SERVED = """
import socket
from starlette.testclient import TestClient
from app import app
with socket.socket(socket.AF_INET) as listening:
    listening.listen()
    with TestClient(app):
        print(listening.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
"""


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_a_connection_holds_no_small_part_back(family: socket.AddressFamily) -> None:
    with socket.socket(family) as listening, socket.socket(family) as browser:
        listening.listen()

        live()

        browser.connect(listening.getsockname())
        taken, _ = listening.accept()
        with taken:
            assert taken.proto == 0  # for which asyncio does nothing
            assert taken.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        assert browser.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 0


def test_no_socket_is_left_open_and_those_of_other_kinds_are_left_alone() -> None:
    with socket.socket(socket.AF_UNIX), socket.socket(socket.AF_INET, socket.SOCK_DGRAM):
        before = open_files()

        live()

        assert open_files() == before


def test_the_app_is_served_so(own_site: Site) -> None:
    told = subprocess.run(
        [sys.executable, "-c", SERVED],
        env={**os.environ, **own_site.environ},
        capture_output=True,
        text=True,
        check=True,
    )

    assert told.stdout.split()[-1] == "1"


def open_files() -> list[str]:
    return sorted(each.name for each in sending.OPEN_FILES.iterdir())


def live() -> None:
    """Begin and end the server's life, in a thread of its own: in this one a browser's tests leave a loop running."""
    with ThreadPoolExecutor(1) as apart:
        apart.submit(asyncio.run, lived()).result()


async def lived() -> None:
    async with sending.at_once(None):
        pass
