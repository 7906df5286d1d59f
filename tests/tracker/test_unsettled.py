"""Planning reads only what can come to be due: over random ledgers it finds the same as over every row of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest
from msgspec.structs import asdict
from sqlalchemy import insert

from tests.seeds import examples
from tests.tracker.builders import two_workspaces
from tracker import clock, ledger, reconcile, unsettled
from tracker.coverage import LedgerDay
from tracker.db import Database
from tracker.models import Coverage, DayState, table_of
from tracker.providers import PROVIDERS
from tracker.reconcile import Connection
from tracker.unsettled import Unsettled

NOW = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)
FIRST, END = date(2026, 7, 1), date(2026, 11, 24)
NAMES = [endpoint.name for endpoint in PROVIDERS["openai"].endpoints]
COVERAGE = table_of(Coverage)
FINAL = DayState.FINAL


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    with two_workspaces(migrated_url) as opened:
        yield opened


def put(database: Database, rows: dict[tuple[str, date], LedgerDay]) -> None:
    """Write these rows into the ledger."""
    of = {"workspace_id": 1, "provider_key_id": 1}
    told = [{**of, "endpoint": name, "day": day, **asdict(row)} for (name, day), row in rows.items()]
    with database.workspace(1, write=True) as session:
        session.execute(insert(COVERAGE), told)


def few(database: Database) -> dict[str, Unsettled]:
    with database.workspace(1) as session:
        return unsettled.read(session, 1, 1, since=FIRST, now=NOW)


def any_row(chance: Random, day: date) -> LedgerDay | None:
    """Mostly as a year leaves them; some at the very edge of being settled, of a wrong clock, failed, or leased."""
    kind = chance.random()
    ages = [chance.uniform(0, 60), 30, 30 - 1e-7, 30 - 1e-8, 30 + 1e-8, 31]
    fetched_at = clock.day_start(day) + timedelta(days=chance.choice(ages), microseconds=chance.choice([-1, 0, 1]))
    if kind < 0.05:
        return None
    if kind < 0.1:
        return LedgerDay(DayState.UNAVAILABLE)
    if kind < 0.15:
        fetched_at = NOW + timedelta(days=chance.choice([1, 1.1, 400]))
    return LedgerDay(
        state=FINAL if kind < 0.8 else chance.choice(list(DayState)),
        rows=chance.randrange(3),
        fetched_at=fetched_at if chance.random() < 0.97 else None,
        retry_at=NOW + timedelta(days=chance.choice([-1, 0.1, 29, 400])) if chance.random() < 0.01 else None,
        attempts=chance.randrange(2),
        lease_until=NOW + timedelta(minutes=chance.choice([-1, 3, 99])) if chance.random() < 0.1 else None,
        fence=chance.randrange(5),
    )


@pytest.mark.parametrize("seed", range(examples(4)))
def test_what_is_left_out_changes_no_plan(database: Database, seed: int) -> None:
    chance = Random(seed)  # noqa: S311 - a seed repeats it
    ledger_rows = {(name, day): any_row(chance, day) for name in NAMES for day in clock.days(FIRST, END)}
    put(database, {of: row for of, row in ledger_rows.items() if row})
    with database.workspace(1) as session:
        every = {name: Unsettled(rows) for name, rows in ledger.read(session, 1, 1, since=FIRST).items()}
        standing = reconcile.standing_of(session, Connection(1, 1))
    assert standing
    found, key = few(database), replace(standing, history_from=FIRST)

    assert sum(len(each.rows) for each in found.values()) < sum(len(each.rows) for each in every.values()) * 0.8
    assert reconcile._reading(key, found, now=NOW, fetch_hour=2) == reconcile._reading(
        key, every, now=NOW, fetch_hour=2
    )


def test_a_settled_history_is_read_as_its_two_ends(database: Database) -> None:
    hole, days = date(2026, 8, 5), clock.days(FIRST, date(2026, 10, 1))
    rows = {day: LedgerDay(FINAL, 1, fetched_at=clock.day_start(day) + timedelta(days=33)) for day in days}
    put(database, {("costs", day): row for day, row in rows.items() if day != hole})

    after = hole + clock.DAY
    assert few(database) == {
        "costs": Unsettled({}, ((FIRST, hole), (after, date(2026, 10, 1))), clock.day_start(days[-1]) + timedelta(33))
    }
