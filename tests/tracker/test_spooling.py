"""A day of more rows than are held in memory is stored as any other day: the same rows, costs, hash and history."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests.flood import flood, told_by
from tests.places import killed_at
from tests.tracker.builders import AFTER, COMPLETIONS, DAY, claim, record, two_workspaces
from tracker import clock, ingest
from tracker.buckets import Buckets
from tracker.db import Database, open_database
from tracker.ingest import Stored
from tracker.models import (
    Colour,
    Coverage,
    DailyUsage,
    Restatement,
    SeriesDay,
    SetAside,
    UsageEvent,
    UsageSeries,
    table_of,
)
from tracker.providers import openai_payload
from tracker.providers.base import Fetched
from tracker.providers.http import Limits
from tracker.providers.openai_rows import Gathered
from tracker.usage import DIMENSIONS, RowSetAside, UsageRecord

SERIES = table_of(UsageSeries)
TABLES = [
    *(table_of(UsageEvent), table_of(SeriesDay), table_of(DailyUsage), table_of(Coverage)),
    *(table_of(Restatement), table_of(SetAside), table_of(Colour)),
]
HOUR = timedelta(hours=1)
NEXT = DAY + clock.DAY
WHOLE, IN_PARTS = 1_000, 20
"""Rows held in memory, and replaced at once: more, and far fewer, than a day has."""

ROWS = [
    record(
        hour, model=("gpt-5.4", "o3", "nobody-knows")[number % 3], tokens=hour + 10 * number, api_key_id=f"k{number}"
    )
    for hour in range(24)
    for number in range(12)
]
SMALL_DAY = [record(hour, day=NEXT) for hour in (3, 20)]
ASIDE = [RowSetAside(DAY, "It cannot be true.", "model=o3")]


def revised() -> list[UsageRecord]:
    """One hour is gone whole, rows elsewhere are gone, others told differently, and some are new."""
    kept = [row for number, row in enumerate(ROWS) if row.bucket_start.hour != 5 and number % 7]
    told = [
        record(row.bucket_start.hour, **_about(row), tokens=7) if number % 5 == 0 else row
        for number, row in enumerate(kept)
    ]
    return [*told, *(record(hour, model="new") for hour in range(0, 24, 3))]


def _about(row: UsageRecord) -> dict[str, Any]:
    return {"model": row.dimensions.model, "api_key_id": row.dimensions.api_key_id}


READINGS: Sequence[tuple[Sequence[UsageRecord], Sequence[RowSetAside]]] = [
    (ROWS[: len(ROWS) // 2], ASIDE),
    ([*ROWS, *SMALL_DAY], []),
    ([*reversed(ROWS), *SMALL_DAY], []),
    ([*revised(), *SMALL_DAY], []),
    ([*ROWS, *SMALL_DAY[:1]], ASIDE),
    ([], []),
]


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    with two_workspaces(migrated_url) as opened:
        yield opened


def test_a_day_replaced_bucket_by_bucket_is_the_same_as_one_replaced_whole(database: Database) -> None:
    for number, (rows, aside) in enumerate(READINGS):
        now = AFTER + clock.DAY * (number + 1)
        whole = store(database, rows, aside, key=1, now=now)
        in_parts = store(database, rows, aside, key=2, now=now, most=IN_PARTS)

        assert in_parts == whole, number
        assert everything(database, 2) == everything(database, 1), number
        if number == 2:
            assert whole.changed == ()


def store(
    database: Database,
    rows: Sequence[UsageRecord],
    aside: Sequence[RowSetAside] = (),
    *,
    key: int = 1,
    now: datetime = AFTER,
    most: int = WHOLE,
) -> Stored:
    """Two days, claimed and stored."""
    usage = Buckets.of(rows, held=most)
    assert usage.held_rows <= most
    assert len(usage) == len(rows)
    claimed = claim(database, now=now, days=2, key=key)
    with database.workspace(key, write=True) as session:
        fetched = Fetched(usage, set_aside=tuple(aside))
        return ingest.store(session, claimed, fetched, endpoint=COMPLETIONS, provider="openai", now=now)


def everything(database: Database, workspace: int) -> Mapping[str, list[Any]]:
    """All that a workspace holds of its usage, by what series are about instead of their ids."""
    dimensions = {name: SERIES.c[name] for name in DIMENSIONS}
    found = {}
    with database.workspace(workspace) as session:
        for table in TABLES:
            about = dimensions if "series_id" in table.c else {}
            columns = [
                column
                for column in table.c
                if column.name not in {"id", "workspace_id", "provider_key_id", "series_id"}
            ]
            statement = select(*columns, *about.values()).where(table.c.workspace_id == workspace)
            if about:
                statement = statement.join_from(table, SERIES, table.c.series_id == SERIES.c.id)
                statement = statement.where(SERIES.c.workspace_id == workspace)
            found[table.name] = sorted(map(repr, session.execute(statement)))
    return found


@pytest.mark.parametrize("occurrence", [1, 12, 24])
def test_killed_between_two_buckets_nothing_of_the_day_is_there(database: Database, occurrence: int) -> None:
    clock.start_at(AFTER)
    before = everything(database, 1)

    assert killed_at(lambda: store(anew(database), ROWS, most=IN_PARTS), "stretch replaced", occurrence)

    left = everything(database, 1)
    assert {name: rows for name, rows in left.items() if name != "coverage"} == {
        name: rows for name, rows in before.items() if name != "coverage"
    }
    after_lease = AFTER + HOUR
    store(database, ROWS, key=1, now=after_lease, most=IN_PARTS)
    store(database, ROWS, key=2, now=after_lease)
    assert [everything(database, 1)[name] for name in ("usage_events", "daily_usage", "colours")] == [
        everything(database, 2)[name] for name in ("usage_events", "daily_usage", "colours")
    ]


def anew(database: Database) -> Database:
    """For a child process, which may not use its parent's connections."""
    return open_database(database.engine.url.render_as_string(hide_password=False), role=database.role)


def test_a_bucket_that_is_told_again_after_it_was_spooled_is_the_same_bucket() -> None:
    gathered = Gathered(openai_payload.FAMILIES["completions"], Limits(held_rows=0))
    first = [record(1, model=model) for model in ("a", "b", "c")]
    gathered.add_bucket(first[0].bucket_start, first)
    gathered.add_bucket(first[0].bucket_start, first)
    gathered.add_bucket(first[0].bucket_start, [record(1, model="d"), record(1, model="c", tokens=5)])

    assert {row.dimensions.model for row in gathered.usage} == {"a", "b", "d"}
    assert [aside.about for aside in gathered.aside] == ["model=c"]
    assert gathered.usage.held_rows == 0


ROWS_AN_HOUR = 300


def test_a_day_of_eleven_times_the_rows_takes_hardly_more_memory(migrated_file: Path, tmp_path: Path) -> None:
    readings = [dict.fromkeys(hours, ROWS_AN_HOUR) for hours in (range(2), range(2, 4), range(2, 24))]
    (tmp_path / "t.db").write_bytes(migrated_file.read_bytes())
    with two_workspaces(f"sqlite:///{tmp_path / 't.db'}") as database:
        read_flood(database, readings[0])  # what is loaded and kept for good is not counted
        few, many = (peak_of(database, hours) for hours in readings[1:])

    assert many < 1.5 * few


def peak_of(database: Database, hours: Mapping[int, int]) -> int:
    """The most bytes held while a day of so many rows is read and stored."""
    tracemalloc.start()
    try:
        read_flood(database, hours)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def read_flood(database: Database, hours: Mapping[int, int]) -> None:
    """A day of so many rows in these hours, and few in the others, read over HTTP and stored."""
    clock.start_at(AFTER)
    claimed = claim(database)
    limits = Limits(max_bytes=ROWS_AN_HOUR * 600, held_rows=ROWS_AN_HOUR)
    with flood(rest=5, hours=hours) as address:
        fetched = told_by(address, DAY, limits, now=AFTER)
    with database.workspace(1, write=True) as session:
        stored = ingest.store(session, claimed, fetched, endpoint=COMPLETIONS, provider="openai", now=AFTER)
    assert stored.rows == sum(hours.values()) + 5 * (24 - len(hours))
