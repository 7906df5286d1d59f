"""Agreed prices in the table: they price what is read from then on, are history, and belong to one workspace."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select, text

from tests.tracker.builders import DAY, record, store, two_workspaces
from tracker import audit, workspace_prices
from tracker.audit import OPERATOR
from tracker.db import Database
from tracker.errors import BadInput, Conflict, NotFound
from tracker.models import UsageEvent, table_of
from tracker.own_prices import OwnPrice, OwnPrices

EVENTS = table_of(UsageEvent)
HALF = OwnPrice(0, "openai", "gpt-5.4", DAY, factor=Decimal("0.5"), note="contract of October")
LIST_COST = Decimal("0.00265")


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    """As the web process where PostgreSQL tells roles apart."""
    with two_workspaces(migrated_url, role="web") as opened:
        yield opened


def add(database: Database, price: OwnPrice = HALF, *, workspace: int = 1) -> int:
    with database.workspace(workspace, write=True) as session:
        return workspace_prices.add(session, workspace, price, by=OPERATOR)


def every(database: Database, workspace: int = 1) -> OwnPrices:
    with database.workspace(workspace) as session:
        return workspace_prices.every(session, workspace)


def events(database: Database) -> list[tuple[object, ...]]:
    with database.workspace(1) as session:
        columns = (EVENTS.c.estimated_cost, EVENTS.c.price_version_id, EVENTS.c.workspace_price_id)
        statement = select(*columns).where(EVENTS.c.workspace_id == 1).order_by(EVENTS.c.bucket_start)
        return [tuple(row) for row in session.execute(statement)]


@pytest.mark.parametrize("price", [HALF, replace(HALF, factor=None, rates={"input_tokens": Decimal("1.10")})])
def test_a_price_is_read_back_as_it_was_added_and_is_told_in_the_trail(database: Database, price: OwnPrice) -> None:
    number = add(database, price)

    assert every(database).prices == (replace(price, id=number),)
    with database.workspace(1) as session:
        assert [entry.action for entry in audit.trail(session, 1)] == ["added an agreed price"]


@pytest.mark.parametrize(
    "price",
    [
        replace(HALF, factor=None),
        replace(HALF, rates={"input_tokens": Decimal(1)}),
        replace(HALF, model=""),
        replace(HALF, note="x" * 501),
    ],
)
def test_a_price_that_says_nothing_or_too_much_is_refused(database: Database, price: OwnPrice) -> None:
    with pytest.raises(BadInput, match="An agreed price"):
        add(database, price)

    assert every(database).prices == ()


def test_rows_read_after_an_agreement_carry_it_and_the_list_price_under_it(database: Database) -> None:
    number = add(database)

    store(database, record())

    ((cost, version, own),) = events(database)
    assert cost == LIST_COST / 2
    assert version is not None
    assert own == number


def test_an_agreement_changes_no_stored_row_and_a_reading_again_keeps_what_is_unchanged(database: Database) -> None:
    store(database, record(0), record(1))
    before = events(database)
    number = add(database)
    assert events(database) == before

    store(database, record(0), record(1, tokens=2_000))

    kept, changed = events(database)
    assert kept == before[0]
    assert changed[2] == number


def test_an_ended_price_stays_as_history_and_ends_once(database: Database) -> None:
    number = add(database)
    with database.workspace(1, write=True) as session:
        workspace_prices.end(session, 1, number, on=date(2026, 1, 1), by=OPERATOR)

    assert every(database).prices == (replace(HALF, id=number, ends_on=DAY),)
    assert every(database).for_tokens("openai", "gpt-5.4", "standard", DAY + timedelta(days=1)) is None
    with pytest.raises(Conflict, match="already"), database.workspace(1, write=True) as session:
        workspace_prices.end(session, 1, number, on=DAY, by=OPERATOR)


def test_another_workspace_neither_sees_nor_ends_nor_pays_a_price(database: Database) -> None:
    number = add(database, workspace=2)

    assert every(database).prices == ()
    with pytest.raises(NotFound), database.workspace(1, write=True) as session:
        workspace_prices.end(session, 1, number, on=DAY, by=OPERATOR)
    store(database, record())
    assert events(database)[0][0] == LIST_COST
    assert len(every(database, 2).prices) == 1


@pytest.mark.parametrize("database_kind", ["postgresql"])
def test_postgresql_itself_shows_no_price_of_another_workspace(database: Database) -> None:
    add(database, workspace=2)

    with database.engine.begin() as connection:
        connection.execute(text("set local role tracker_web"))
        counts = []
        for workspace in ("1", "2"):
            connection.execute(text("select set_config('app.workspace_id', :w, true)"), {"w": workspace})
            counts.append(connection.execute(text("select count(*) from workspace_prices")).scalar_one())
    assert counts == [0, 1]
