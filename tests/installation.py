"""A whole installation against the sandbox over real HTTP, and the comparison of what it holds with the truth."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from sqlalchemy import select
from sqlmodel import SQLModel

from jobs.__main__ import once
from jobs.worker import THREADS, Worker
from tests.quick import Process
from tracker import access, clock, connections, export, money, product
from tracker.db import ProcessRole
from tracker.models import table_of
from tracker.product import Product
from tracker.sandbox import SandboxServer, World
from tracker.sandbox.families import FAMILIES
from tracker.sandbox.world import TruthRow

NOW = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)
EMAIL, PASSWORD = "ada@acme.example", "a long enough password"
TODAY = clock.day_of(NOW)
YEAR_AGO = TODAY - timedelta(days=365)
TOMORROW = TODAY + timedelta(days=1)
ROOT = Path(__file__).parent.parent

# What the API's fields are called in the CSV. Audio and image input count their cached part there.
MEASURES = {
    "num_model_requests": "requests",
    "num_requests": "requests",
    "input_tokens": "input_tokens",
    "input_cached_tokens": "input_cached_tokens",
    "input_cache_write_tokens": "input_cache_write_tokens",
    "output_tokens": "output_tokens",
    "input_cached_audio_tokens": "input_cached_audio_tokens",
    "output_audio_tokens": "output_audio_tokens",
    "input_cached_image_tokens": "input_cached_image_tokens",
    "output_image_tokens": "output_image_tokens",
    "images": "images",
    "characters": "characters",
    "seconds": "seconds",
    "usage_bytes": "bytes",
    "num_sessions": "sessions",
}
COLUMN_DIMS = ("model", "project_id", "api_key_id", "user_id", "service_tier", "batch")
PRICED, FREE = {"completions", "embeddings"}, {"moderations"}

Key = tuple[str, ...]
Told = dict[str, str]


@dataclass
class Installation:
    """`environ` is what its processes are started with; `product` is the operator's, who may do everything."""

    environ: dict[str, str]
    server: SandboxServer
    product: Product
    workspace_id: int

    @property
    def world(self) -> World:
        return self.server.world

    def fetch(self, *, threads: int = THREADS) -> int:
        """The worker's `--once` in this process; its exit code. Where it is to wait much, more threads wait at once."""
        worker = Worker(self.as_("worker"), threads=threads)
        try:
            return once(worker)
        finally:
            worker.stop()

    def as_(self, role: ProcessRole) -> Product:
        """The product with the rights of one of its processes."""
        return replace(self.product, database=replace(self.product.database, role=role))

    def later(self, now: datetime) -> None:
        """Let the clock, also that of processes started from now on, read `now`."""
        clock.start_at(now)
        self.environ["TRACKER_NOW"] = f"{now:%Y-%m-%dT%H:%M:%SZ}"

    def process(self, *arguments: str) -> Process:
        """A process of the product with its streams in pipes."""
        return Process(arguments, {**os.environ, **self.environ})

    def csv(self, start: date, end: date, kind: str = "csv") -> list[Told]:
        """The exported rows of the UTC days [start, end)."""
        return list(csv.DictReader(io.StringIO(self.csv_text(start, end, kind))))

    def csv_text(self, start: date, end: date, kind: str = "csv") -> str:
        with self.product.database.workspace(self.workspace_id) as session:
            return "".join(export.FORMATS[kind](session, self.workspace_id, start, end))


@contextmanager
def installed(world: World, url: str, folder: Path, *, now: datetime = NOW) -> Iterator[Installation]:
    """An installation with one account and the world's good key."""
    with SandboxServer(world) as server:
        environ = {
            "TRACKER_NOW": f"{now:%Y-%m-%dT%H:%M:%SZ}",
            "TRACKER_DATA_DIR": str(folder),
            "TRACKER_DATABASE_URL": url,
            "TRACKER_OPENAI_BASE_URL": server.base_url,
        }
        product.prepare(environ)
        ready = product.start(environ, role="owner")
        workspace_id = access.add_user(ready.database, EMAIL, PASSWORD)
        connections.add(ready, workspace_id, provider="openai", label="main", text=world.keys["good"])
        yield Installation(environ, server, ready, workspace_id)
        ready.close()


def held(rows: list[Told]) -> dict[Key, Told]:
    """The CSV's rows by natural key, with what the truth speaks of."""
    keyed: dict[Key, Told] = {}
    for row in rows:
        detail = dict(part.split("=", 1) for part in row["detail"].split(";") if part)
        detail.pop("model_requests", None)
        key = (
            row["usage_type"],
            row["bucket_start"],
            *(row[name] for name in COLUMN_DIMS),
            repr(sorted(detail.items())),
        )
        assert key not in keyed, f"doubled: {key}"
        keyed[key] = {name: row[name] for name in TOLD}
    return keyed


TOLD = (
    *dict.fromkeys(MEASURES.values()),
    "input_audio_tokens",
    "input_image_tokens",
    "estimated_cost_usd",
    "cost_basis",
)


def expected(
    world: World, start: datetime, end: datetime, org: str = "acme", *, families: Iterable[str] = FAMILIES
) -> dict[Key, Told]:
    """The same from the sandbox's truth."""
    return {
        _key(family, row): _told(family, row)
        for family in families
        for row in world.truth_rows(org, family, start, end)
    }


def _key(family: str, row: TruthRow) -> Key:
    shown = {name: _text(value) for name, value in row.dims.items()}
    detail = {name: value for name, value in shown.items() if name not in COLUMN_DIMS and value}
    columns = (shown.get(name, "") for name in COLUMN_DIMS)
    return (family, f"{row.bucket_start:%Y-%m-%dT%H:%M:%SZ}", *columns, repr(sorted(detail.items())))


def _told(family: str, row: TruthRow) -> Told:
    told = dict.fromkeys(TOLD, "")
    for field, count in row.measures.items():
        # Of web searches, the searches are the requests; the model's own are a detail.
        if field in MEASURES and not (family == "web_search_calls" and field == "num_model_requests"):
            told[MEASURES[field]] = str(count)
    for kind in ("audio", "image"):
        if f"input_{kind}_tokens" in row.measures:
            cached = row.measures[f"input_cached_{kind}_tokens"]
            told[f"input_{kind}_tokens"] = str(row.measures[f"input_{kind}_tokens"] + cached)
    told["cost_basis"], cost = _cost(family, row)
    told["estimated_cost_usd"] = money.usd_text(cost) or ""
    return told


def _cost(family: str, row: TruthRow) -> tuple[str, Decimal | None]:
    """Basis and cost: only what the price list knows is estimated, rounded once to whole nano-dollars."""
    if family in FREE:
        return "free", Decimal(0)
    if row.dims.get("service_tier") == "incentivized-tier":
        return "complimentary", Decimal(0)
    if family not in PRICED or row.cost is None:
        return "unpriced", None
    return "estimated", money.from_nanos(money.to_nanos(row.cost))


def _text(value: str | bool | None) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else str(value).lower()


def truth(installation: Installation, end: datetime | None = None) -> dict[tuple[str, ...], dict[str, str]]:
    return expected(installation.world, clock.day_start(YEAR_AGO), end or clock.utc_now())


def stored(installation: Installation) -> dict[tuple[str, ...], dict[str, str]]:
    return held(installation.csv(YEAR_AGO, TODAY + timedelta(days=400)))


def assert_equal_until(installation: Installation, now: datetime) -> None:
    """What is stored equals the truth for every hour that was over at `now`, from the start of the history on."""
    until = f"{now:%Y-%m-%dT%H:00:00Z}"
    told = {key: row for key, row in stored(installation).items() if key[1] < until}
    assert told == {key: row for key, row in truth(installation).items() if key[1] < until}


def count(installation: Installation, model: type[SQLModel]) -> int:
    table = table_of(model)
    with installation.product.database.workspace(installation.workspace_id) as session:
        found = session.execute(select(table.c.id).where(table.c.workspace_id == installation.workspace_id))
        return len(found.all())
