"""Databases full of invented history, made by the databases themselves: a heavy tenant among many light ones.

A year by the hour. The measures are arithmetic on hour and series, so every database holds the same rows.
SQLite files are kept in the machine's temporary folder, so that the next run begins at once.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psycopg
from sqlalchemy import Connection, text

from tests import postgres
from tests.postgres import PostgresServer
from tracker import clock, migrations, rollup
from tracker.db import Database, ProcessRole, open_database
from tracker.models import ProviderKey, Workspace
from tracker.usage import Dimensions

TODAY = date(2026, 11, 23)
NOW = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)
HOURS = 8_760
FIRST = TODAY - timedelta(days=365)
HEAVY = 1
"""The workspace that is looked at; its connection has the same number, as every tenant's."""

MODELS = ("gpt-5.4", "gpt-5.4-mini", "gpt-5-nano", "o3", "gpt-4.1", "gpt-4o")
PROJECTS = 5
LAYOUT = 3
"""Counts up when the rows made here change, so that kept files of before are not used."""


@dataclass(frozen=True)
class Shape:
    """Events in all ≈ (`heavy` series + `light` tenants of one series) × 8,760 hours."""

    heavy: int
    light: int = 0

    @property
    def events(self) -> int:
        return (self.heavy + self.light) * HOURS

    @property
    def name(self) -> str:
        return f"{self.heavy}-{self.light}"


SHAPES = {"10k": Shape(1), "100k": Shape(11), "1M": Shape(114), "10M": Shape(114, 1_028)}


@contextmanager
def sqlite(shape: Shape) -> Iterator[Database]:
    """A SQLite database of that shape, made once a machine and schema."""
    folder = Path(os.environ.get("BENCH_CACHE", tempfile.gettempdir())) / "tracker-bench"
    folder.mkdir(exist_ok=True)
    file = folder / f"{shape.name}-{_schema()}.db"
    if not file.exists():
        making = file.with_suffix(".making")
        making.unlink(missing_ok=True)
        with _opened(f"sqlite:///{making}", "owner") as database:
            fill(database, shape)
        making.rename(file)
    with _opened(f"sqlite:///{file}") as database:
        yield database


@contextmanager
def postgresql(shape: Shape) -> Iterator[Database]:
    """The same in a PostgreSQL of our own with ordinary memory; kept where TEST_DATABASE_URL names a server."""
    with server() as running:
        if "TEST_DATABASE_URL" not in os.environ:
            with running.database("bench") as url:
                with _opened(url, "owner") as database:
                    fill(database, shape)
                with _opened(url) as database:
                    yield database
            return
        with _opened(running.url(_kept(running, shape))) as database:
            yield database


def _kept(running: PostgresServer, shape: Shape) -> str:
    """The name of the database of that shape, made where there is none; only a whole one gets the name."""
    name = f"bench_{shape.heavy}_{shape.light}_{_schema()}"
    if not _has(running, name):
        with running.database(f"{name}_making") as url:
            with _opened(url, "owner") as database:
                fill(database, shape)
            running.execute(f'create database "{name}" template "{name}_making"')
    return name


def _has(running: PostgresServer, name: str) -> bool:
    with psycopg.connect(running.admin_url) as connection:
        return connection.execute("select 1 from pg_database where datname = %s", (name,)).fetchone() is not None


@contextmanager
def server() -> Iterator[PostgresServer]:
    """The tests' throw-away server with the memory that a real one would have."""
    kept = dict(postgres.SETTINGS)
    postgres.SETTINGS.update(shared_buffers="1GB", max_wal_size="8GB", work_mem="32MB")
    try:
        with postgres.running(os.environ) as running:
            yield running
    finally:
        postgres.SETTINGS.clear()
        postgres.SETTINGS.update(kept)


@contextmanager
def _opened(url: str, role: ProcessRole = "web") -> Iterator[Database]:
    migrations.upgrade(url)
    database = open_database(url, role=role)
    try:
        yield database
    finally:
        database.engine.dispose()


def _schema() -> str:
    """Changes with the migrations, which may change how rows lie on disk."""
    folder = Path(migrations.__file__).parent / "versions"
    names = (path.name for path in sorted(folder.glob("*.py")))
    return hashlib.sha256("".join([str(LAYOUT), *names]).encode()).hexdigest()[:8]


def fill(database: Database, shape: Shape) -> None:
    """Tenants, series, events and their rollup."""
    tenants = range(1, shape.light + 2)
    for number in tenants:
        with database.exempt(write=True) as session:
            session.add(Workspace(id=number, name=f"workspace {number}", created_at=NOW))
        with database.workspace(number, write=True) as session:
            session.add(_connection(number))
    with database.engine.begin() as connection:
        _hours(connection)
        _add_series(connection, shape)
        connection.execute(text(EVENTS), {"first": int(clock.day_start(FIRST).timestamp())})
    for number in tenants:
        with database.workspace(number, write=True) as session:
            rollup.recompute(session, number, number, FIRST, TODAY)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("vacuum analyze" if _is_postgresql(database) else "analyze"))


def _connection(number: int) -> ProviderKey:
    return ProviderKey(
        id=number, workspace_id=number, provider="openai", label="k", origin="o", last4="1234", created_at=NOW
    )


def _is_postgresql(database: Database) -> bool:
    return database.engine.dialect.name == "postgresql"


def _hours(connection: Connection) -> None:
    connection.execute(text("create temporary table hours (h bigint primary key)"))
    connection.execute(
        text(
            f"insert into hours with recursive n(h) as (select 0 union all select h + 1 from n where h < {HOURS - 1}) "
            "select h from n"
        )
    )


def _add_series(connection: Connection, shape: Shape) -> None:
    rows = [_series(HEAVY, number) for number in range(shape.heavy)]
    rows += [_series(tenant, 0) for tenant in range(2, shape.light + 2)]
    names = list(rows[0])
    values = ", ".join(f":{name}" for name in names)
    connection.execute(text(f"insert into usage_series ({', '.join(names)}) values ({values})"), rows)


def _series(tenant: int, number: int) -> dict[str, object]:
    of = dimensions(number)
    return {
        "id": tenant * 1_000 + number,
        "workspace_id": tenant,
        "provider_key_id": tenant,
        "digest": hashlib.sha256(f"{tenant} {number}".encode()).digest()[:16],
        "provider": "openai",
        "usage_type": of.usage_type,
        "width_s": of.width_s,
        "model": of.model,
        "project_id": of.project_id,
        "api_key_id": of.api_key_id,
        "batch": of.batch,
    }


def dimensions(number: int) -> Dimensions:
    """The numberth series of a tenant: six models, five projects, and as many keys as it takes."""
    return Dimensions(
        "completions",
        3_600,
        model=MODELS[number % len(MODELS)],
        project_id=f"proj_{number // len(MODELS) % PROJECTS}",
        api_key_id=f"key_{number // len(MODELS)}",
        batch=False,
    )


EVENTS = """
insert into usage_events (
  workspace_id, bucket_start, series_id, requests, input_tokens, input_cached_tokens, output_tokens,
  input_audio_tokens, output_audio_tokens, estimated_cost, cost_basis, price_version_id
)
select s.workspace_id, :first + 3600 * h.h, s.id,
  1 + (h.h * 7 + s.id * 13) % 400,
  1000 + (h.h * 7919 + s.id * 104729) % 900000,
  (h.h * 7919 + s.id * 104729) % 1000,
  10 + (h.h * 3571 + s.id * 7907) % 60000,
  0, 0,
  (1000 + (h.h * 7919 + s.id * 104729) % 900000) * 2500,
  0, 1 + s.id % 6
from (select id, workspace_id from usage_series) s cross join hours h
order by 1, 2, 3
"""
