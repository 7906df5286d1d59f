"""The product as people meet it: dashboard and worker as processes, against the sandbox over real HTTP."""

from __future__ import annotations

import os
import resource
import secrets
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO

import httpx

from tests import quick
from tests.installation import EMAIL, NOW, PASSWORD
from tracker import access, product
from tracker.product import Product
from tracker.sandbox import SandboxServer, World

Running = subprocess.Popen[bytes] | quick.Forked
Start = Callable[[Sequence[str], dict[str, str], Sequence[IO[bytes]]], Running]

START_S = 30.0
STOP_S = 10.0


@dataclass
class Site:
    """`environ` is what its processes are started with; `base_url` is where the dashboard answers."""

    environ: dict[str, str]
    server: SandboxServer
    base_url: str
    log: Path
    start: Start = quick.Forked
    _running: dict[str, Running] = field(default_factory=dict)
    _answered_at: float = 0.0

    @property
    def now(self) -> datetime:
        """About what the dashboard's clock reads."""
        started = datetime.fromisoformat(self.environ["TRACKER_NOW"])
        return started + timedelta(seconds=time.monotonic() - self._answered_at)

    @property
    def key(self) -> str:
        return self.server.world.keys["good"]

    def start_dashboard(self) -> None:
        """Start the web process, cold, and wait until it answers."""
        port = self.base_url.rpartition(":")[2]
        where = ["--server.port", port, "--server.address", "127.0.0.1", "--server.headless", "true"]
        self._start("dashboard", "streamlit", "run", "app.py", *where)
        wait_for(f"{self.base_url}/healthz", self._running["dashboard"])
        self._answered_at = time.monotonic()

    def start_worker(self) -> None:
        self._start("worker", "jobs")

    def stop(self, name: str) -> None:
        process = self._running.pop(name)
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:  # an open page can outlast the polite request
            process.kill()
            process.wait()

    def stop_all(self) -> None:
        for name in list(self._running):
            self.stop(name)

    @contextmanager
    def full_disk(self) -> Iterator[None]:
        """The dashboard can write no file."""
        process = self.process_id("dashboard")
        soft, hard = resource.prlimit(process, resource.RLIMIT_FSIZE)
        resource.prlimit(process, resource.RLIMIT_FSIZE, (0, hard))
        try:
            yield
        finally:
            resource.prlimit(process, resource.RLIMIT_FSIZE, (soft, hard))

    def process_id(self, name: str) -> int:
        return self._running[name].pid

    def product(self) -> Product:
        """The same installation in this process, to be closed by the caller."""
        return product.start(self.environ, role="owner")

    def add_account(self) -> str:
        """The address of one more account, which signs in with the password of all."""
        owner, email = self.product(), f"{secrets.token_hex(4)}@acme.example"
        access.add_user(owner.database, email, PASSWORD)
        owner.close()
        return email

    def command(self, *arguments: str) -> str:
        """What `python -m tracker …` prints."""
        process = quick.Process(("tracker", *arguments), {**os.environ, **self.environ})
        out, err = process.communicate()
        assert process.returncode == 0, err.decode()
        return out.decode()

    def _start(self, name: str, *module: str) -> None:
        with self.log.open("ab") as log, Path(os.devnull).open("rb") as nothing:
            self._running[name] = self.start(module, {**os.environ, **self.environ}, (nothing, log, log))


@contextmanager
def running(
    url: str,
    folder: Path,
    *,
    latency_s: float = 0.0,
    days: int = 62,
    keeps: int = 62,
    worker: bool = True,
    start: Start = quick.Forked,
) -> Iterator[Site]:
    """A site with one account and no key yet, stopped at the end."""
    with SandboxServer(World(days=days, keeps=keeps, now=lambda: NOW), latency_s=latency_s) as server:
        environ = {
            "TRACKER_NOW": f"{NOW:%Y-%m-%dT%H:%M:%SZ}",
            "TRACKER_DATA_DIR": str(folder),
            "TRACKER_DATABASE_URL": url,
            "TRACKER_OPENAI_BASE_URL": server.base_url,
        }
        product.prepare(environ)
        site = Site(environ, server, f"http://127.0.0.1:{free_port()}", folder / "site.log", start)
        owner = site.product()
        access.add_user(owner.database, EMAIL, PASSWORD)
        owner.close()
        try:
            site.start_dashboard()
            if worker:
                site.start_worker()
            yield site
        finally:
            site.stop_all()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(address: str, process: Running) -> None:
    """Until the address answers; AssertionError when the process ends before, or time is up."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        assert process.poll() is None, f"the dashboard ended with {process.returncode}"
        try:
            if httpx.get(address, timeout=2).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(f"{address} did not answer within {START_S:.0f} s")
