"""A small installation for many runs: one key of a small organisation, of which two endpoints are read.

Its database and key ring are kept as they were at a moment, and every run gets a copy of them.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sqlalchemy import func, select
from sqlmodel import Session

from tests.conftest import fresh_name
from tests.installation import EMAIL, NOW, PASSWORD, Installation, Key, Told, expected, held
from tests.postgres import PostgresServer
from tracker import access, clock, connections, money, product, second_factor
from tracker.db import ProcessRole
from tracker.models import BilledCostRow, Coverage, DailyUsage, SeriesDay, UsageEvent, table_of
from tracker.providers import PROVIDERS
from tracker.providers.openai import OpenAI
from tracker.sandbox import SandboxServer, World

EVENTS, DAILY, SERIES_DAYS = table_of(UsageEvent), table_of(DailyUsage), table_of(SeriesDay)
BILLED, LEDGER = table_of(BilledCostRow), table_of(Coverage)
READ = ("completions", "costs")


class TwoEndpoints(OpenAI):
    """OpenAI as far as these runs read it."""

    endpoints = tuple(each for each in OpenAI.endpoints if each.name in READ)


@dataclass
class Small:
    """`kept` names the moments at which everything was kept; `place` is where the next run works."""

    server: SandboxServer
    folder: Path
    postgres: PostgresServer | None
    kept: dict[str, str] = field(default_factory=dict)
    now: datetime = NOW

    @property
    def world(self) -> World:
        return self.server.world

    def environ(self, url: str, folder: Path) -> dict[str, str]:
        return {
            "TRACKER_NOW": f"{self.now:%Y-%m-%dT%H:%M:%SZ}",
            "TRACKER_DATA_DIR": str(folder),
            "TRACKER_DATABASE_URL": url,
            "TRACKER_OPENAI_BASE_URL": self.server.base_url,
        }

    def keep(self, moment: str, url: str, folder: Path) -> None:
        """Keep the database and the ring as they are now; nobody may be connected to it."""
        shutil.copytree(folder, self.folder / moment)
        if self.postgres:
            name = fresh_name()
            self.postgres.execute(f'create database "{name}" template "{url.partition("?")[0].rpartition("/")[2]}"')
            self.kept[moment] = name
        else:
            with closing(sqlite3.connect(self.folder / moment / "tracker.db")) as file:
                file.execute("pragma wal_checkpoint(truncate)")
            self.kept[moment] = ""

    @contextmanager
    def copy(self, moment: str, folder: Path) -> Iterator[dict[str, str]]:
        """The environment of an installation that is as it was kept then."""
        shutil.copytree(self.folder / moment, folder)
        if self.postgres:
            with self.postgres.database(fresh_name(), template=self.kept[moment]) as url:
                yield self.environ(url, folder)
        else:
            yield self.environ(f"sqlite:///{folder / 'tracker.db'}", folder)

    @contextmanager
    def as_of(self, moment: str, folder: Path) -> Iterator[Installation]:
        """A worker's product over a copy of what was kept then, at that time and without any trouble to come."""
        clock.start_at(NOW)
        self.world.troubles._waiting.clear()
        with self.copy(moment, folder) as environ, self.installed(environ) as ready:
            yield ready

    @contextmanager
    def installed(self, environ: dict[str, str], *, role: ProcessRole = "worker") -> Iterator[Installation]:
        ready = product.start(environ, role=role)
        try:
            yield Installation(environ, self.server, ready, 1)
        finally:
            ready.close()


@contextmanager
def small(folder: Path, postgres: PostgresServer | None, template: str | Path) -> Iterator[Small]:
    """Kept as "new" (a key that was never used) and as "read" (all of nine days, one of which was restated since).

    `template` is a migrated database: a name on the server, or a file.
    """
    clock.start_at(NOW)
    before = PROVIDERS["openai"]
    PROVIDERS["openai"] = TwoEndpoints()
    try:
        with SandboxServer(World(days=9, keeps=9)) as server:
            made = Small(server, folder, postgres)
            (folder / "first").mkdir()
            if isinstance(template, Path):
                shutil.copyfile(template, folder / "first" / "tracker.db")
                _fill(made, f"sqlite:///{folder / 'first' / 'tracker.db'}")
            else:
                assert postgres
                with postgres.database(fresh_name(), template=template) as url:
                    _fill(made, url)
            yield made
    finally:
        PROVIDERS["openai"] = before
        if postgres:
            for name in made.kept.values():
                postgres.execute(f'drop database "{name}" with (force)')


def _fill(made: Small, url: str) -> None:
    folder = made.folder / "first"
    environ = made.environ(url, folder)
    product.prepare(environ)
    with made.installed(environ) as installation:
        owner = installation.as_("owner")
        access.add_user(owner.database, EMAIL, PASSWORD)
        second_factor.enrol(owner, 1, EMAIL)
        key = made.world.keys["globex"]
        connections.add(owner, 1, provider="openai", label="main", text=key)
    made.keep("new", url, folder)
    with made.installed(environ) as installation:
        assert installation.fetch() == 0
        assert_true(installation, NOW)
    made.keep("read", url, folder)
    day = clock.day_of(NOW) - 2 * clock.DAY
    made.world.restate("globex", day, 1.5)


def true_rows(world: World, until: datetime) -> dict[Key, Told]:
    start = clock.day_start(clock.day_of(world.start))
    rows = expected(world, start, until, "globex")
    return {key: row for key, row in rows.items() if key[0] in READ}


def assert_true(installation: Installation, now: datetime) -> None:
    """No row lost, none doubled, totals equal to the nano-dollar, and nobody holds anything any more."""
    until = now.replace(minute=0, second=0, microsecond=0)
    first, end = clock.day_of(installation.world.start), clock.day_of(now) + clock.DAY
    text = f"{until:%Y-%m-%dT%H:%M:%SZ}"
    told = {key: row for key, row in held(installation.csv(first, end)).items() if key[1] < text}
    assert told == true_rows(installation.world, until)
    with installation.product.database.workspace(1) as session:
        assert sum_of(session, DAILY) == sum_of(session, SERIES_DAYS) == sum_of(session, EVENTS)
        lines = session.execute(select(BILLED.c.amount).where(BILLED.c.workspace_id == 1)).scalars()
        bill = installation.world.truth_bill("globex", first, end)
        assert sorted(map(money.to_nanos, lines)) == sorted(money.to_nanos(line.amount) for line in bill)
        # Who was told meanwhile that the history begins later lets a claim of the days before it run out.
        owned = select(LEDGER.c.day).where(
            LEDGER.c.workspace_id == 1, LEDGER.c.day >= first, LEDGER.c.lease_until > clock.utc_now()
        )
        assert session.execute(owned).all() == []


def sum_of(session: Session, table: object, workspace_id: int = 1) -> tuple[object, ...]:
    columns = table.c  # type: ignore[attr-defined]
    sums = (func.sum(columns.estimated_cost), func.sum(columns.requests), func.sum(columns.input_tokens))
    return tuple(session.execute(select(*sums).where(columns.workspace_id == workspace_id)).one())
