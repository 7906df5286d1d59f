"""The rollups are the sums of the events, whatever was told before and however the tables came to be."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from alembic import command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Table, func, select

from tests.seeds import examples
from tests.tracker.builders import AFTER, record, store, two_workspaces
from tracker import migrations, rollup
from tracker.db import Database
from tracker.models import DailyUsage, SeriesDay, UsageEvent, UsageSeries, table_of
from tracker.usage import UsageRecord

EVENTS, SERIES = table_of(UsageEvent), table_of(UsageSeries)
DAILY, SERIES_DAYS = table_of(DailyUsage), table_of(SeriesDay)


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    with two_workspaces(migrated_url) as opened:
        yield opened


ROWS = st.lists(
    st.builds(
        record,
        st.integers(0, 47),
        model=st.sampled_from([None, "gpt-5.4", "o3", "nobody-knows"]),
        tokens=st.integers(0, 10_000),
        api_key_id=st.sampled_from([None, "", "key"]),
        batch=st.sampled_from([None, True, False]),
    ),
    max_size=12,
    unique_by=lambda row: (row.bucket_start, row.dimensions),
)


@pytest.mark.soak
@settings(max_examples=examples(15), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(answers=st.lists(ROWS, min_size=1, max_size=4))
def test_the_rollup_is_the_sum_of_the_events_whatever_was_told_before(
    database: Database,
    answers: list[list[UsageRecord]],
) -> None:
    for n, rows in enumerate(answers):
        store(database, *rows, days=2, now=AFTER + timedelta(days=2, hours=n))

    assert {tuple(row)[1:] for row in summed(database)} == {tuple(row)[1:] for row in rolled_up(database)}
    assert of_series(database, EVENTS) == of_series(database, SERIES_DAYS)
    last = {(row.bucket_start, row.measures.input_tokens) for row in answers[-1]}
    assert told(database) == last


def test_the_days_that_are_stored_are_rolled_up_by_the_step_that_adds_the_table(
    database: Database, migrated_url: str
) -> None:
    store(database, record(0), record(1, model=None), record(30, model="nobody-knows", api_key_id="key"), days=2)
    before = everything(database)
    database.engine.dispose()
    command.downgrade(migrations.config(migrated_url), "0018")

    migrations.upgrade(migrated_url)

    assert everything(database) == before
    assert len(before) == 3


def everything(database: Database) -> list[Any]:
    with database.workspace(1) as session:
        rows = select(SERIES_DAYS).where(SERIES_DAYS.c.workspace_id == 1).order_by(*SERIES_DAYS.primary_key)
        return list(map(tuple, session.execute(rows)))


def told(database: Database) -> set[Any]:
    with database.workspace(1) as session:
        rows = select(EVENTS.c.bucket_start, EVENTS.c.input_tokens).where(EVENTS.c.workspace_id == 1)
        return set(map(tuple, session.execute(rows)))


def summed(database: Database) -> list[Any]:
    columns = (EVENTS.c.requests, EVENTS.c.input_tokens, EVENTS.c.estimated_cost)
    statement = (
        select(SERIES.c.provider_key_id, SERIES.c.model, func.count(), *(func.sum(column) for column in columns))
        .join_from(EVENTS, SERIES, EVENTS.c.series_id == SERIES.c.id)
        .where(EVENTS.c.workspace_id == 1, SERIES.c.workspace_id == 1)
        .group_by(SERIES.c.provider_key_id, SERIES.c.model)
    )
    with database.workspace(1) as session:
        return list(session.execute(statement))


def of_series(database: Database, table: Table) -> set[Any]:
    """Every measure of every day and series, added up from the events or read from the rollup."""
    day = SERIES_DAYS.c.day if table is SERIES_DAYS else rollup.DAY_OF_BUCKET
    measures = (func.sum(table.c[name]) for name in (*rollup.DAILY_MEASURES, "estimated_cost"))
    statement = (
        select(day, table.c.series_id, *measures).where(table.c.workspace_id == 1).group_by(day, table.c.series_id)
    )
    with database.workspace(1) as session:
        return {tuple(row) for row in session.execute(statement)}


def rolled_up(database: Database) -> list[Any]:
    columns = (DAILY.c.rows, DAILY.c.requests, DAILY.c.input_tokens, DAILY.c.estimated_cost)
    model = func.nullif(DAILY.c.model, "\N{EMPTY SET}")
    statement = (
        select(DAILY.c.provider_key_id, model, *(func.sum(column) for column in columns))
        .where(DAILY.c.workspace_id == 1)
        .group_by(DAILY.c.provider_key_id, model)
    )
    with database.workspace(1) as session:
        return list(session.execute(statement))
