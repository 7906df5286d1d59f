"""Workers as on machines of their own: processes that share the database and the provider, and no folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import func, select

from tracker import access, connections, product
from tracker.db import open_database
from tracker.models import Coverage, DayState, UsageEvent, table_of
from tracker.providers import provider
from tracker.sandbox import SandboxServer, World

LEDGER, EVENTS = table_of(Coverage), table_of(UsageEvent)
PATIENCE_S = 60
POLL_S = 0.5

Leases = set[tuple[object, ...]]


@dataclass(frozen=True)
class Held:
    """What a database holds: units (their days were read in one instant), days that are read, and rows of usage."""

    units: int
    days: int
    rows: int
    first: datetime | None
    last: datetime | None

    @property
    def seconds(self) -> float:
        """From the first unit stored to the last."""
        return (self.last - self.first).total_seconds() if self.first and self.last else 0.0


@dataclass
class Fleet:
    """An installation whose workers are processes; `due` days are to be read, and `started` workers were begun."""

    environ: dict[str, str]
    folder: Path
    sandbox: SandboxServer
    due: int
    started: int = 0

    def start(
        self, count: int = 1, *, engine: str = "own", now: datetime | None = None
    ) -> list[subprocess.Popen[bytes]]:
        """So many workers, each with a data folder of its own and `now` as its time."""
        return [self._start(engine, now) for _ in range(count)]

    def _start(self, engine: str, now: datetime | None) -> subprocess.Popen[bytes]:
        self.started += 1
        own = self.folder / f"worker-{self.started}"
        own.mkdir()
        shutil.copy(self.folder / "keyring.json", own)
        environ = {**os.environ, **self.environ, "TRACKER_DATA_DIR": str(own)}
        if now:
            environ["TRACKER_NOW"] = f"{now:%Y-%m-%dT%H:%M:%SZ}"
        command = [sys.executable, "-m", "jobs", "--engine", engine]
        with (own / "log").open("wb") as log:
            return subprocess.Popen(command, env=environ, stdout=log, stderr=log)

    def until_whole(self, workers: list[subprocess.Popen[bytes]]) -> Held:
        """What is held when every day was read and the workers have ended; RuntimeError when one could not go on."""
        while (held := self.held()).days < self.due:
            if any(worker.poll() is not None for worker in workers):
                words = [line for log in self.folder.glob("worker-*/log") for line in log.read_text().splitlines()[-4:]]
                raise RuntimeError("\n".join(["a worker ended", *words]))
            time.sleep(POLL_S)
        self.end(workers)
        return held

    def end(self, workers: list[subprocess.Popen[bytes]]) -> None:
        """Let them end in order."""
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.wait(PATIENCE_S)

    def leased(self, of: Leases | None = None) -> Leases:
        """The days that are leased, with the fence; of those given, the ones that nobody else has taken since."""
        database = open_database(self.environ["TRACKER_DATABASE_URL"], role="owner")
        days = select(LEDGER.c.provider_key_id, LEDGER.c.endpoint, LEDGER.c.day, LEDGER.c.fence)
        with database.crossing("operator") as session:
            found = {tuple(row) for row in session.execute(days.where(LEDGER.c.lease_owner.is_not(None)))}
        database.engine.dispose()
        return found if of is None else found & of

    def held(self) -> Held:
        database = open_database(self.environ["TRACKER_DATABASE_URL"], role="owner")
        of = (LEDGER.c.workspace_id, LEDGER.c.provider_key_id, LEDGER.c.endpoint, LEDGER.c.fetched_at)
        read = (LEDGER.c.fetched_at.is_not(None), LEDGER.c.state != DayState.FAILED)
        units = select(*of).where(*read).distinct().subquery()
        days = select(func.count(), func.min(LEDGER.c.fetched_at), func.max(LEDGER.c.fetched_at)).where(*read)
        with database.crossing("operator") as session:
            day_count, first, last = session.execute(days).one()
            count = session.execute(select(func.count()).select_from(units)).scalar_one()
            rows = session.execute(select(func.count()).select_from(EVENTS)).scalar_one()
        database.engine.dispose()
        return Held(count, day_count, rows, first, last)


@contextmanager
def of(url: str, folder: Path, *, keys: int, world: World) -> Iterator[Fleet]:
    """A fleet whose keys, of one small organisation and each in a workspace of its own, have not been read."""
    folder.mkdir(parents=True, exist_ok=True)
    with SandboxServer(world) as sandbox:
        environ = {
            "TRACKER_DATA_DIR": str(folder),
            "TRACKER_DATABASE_URL": url,
            "TRACKER_OPENAI_BASE_URL": sandbox.base_url,
        }
        _install(environ, [world.another_key(f"bench{number}", kind="globex") for number in range(keys)])
        yield Fleet(environ, folder, sandbox, keys * len(provider("openai").endpoints) * (world.keeps + 1))


def _install(environ: dict[str, str], keys: list[str]) -> None:
    product.prepare(environ)
    ready = product.start(environ, role="owner")
    for number, key in enumerate(keys):
        workspace_id = access.add_user(ready.database, f"bench{number}@example.com", "a long enough password")
        connections.add(ready, workspace_id, provider="openai", label="bench", text=key)
    ready.close()


def file_in(folder: Path) -> str:
    return f"sqlite:///{folder / 'tracker.db'}"
