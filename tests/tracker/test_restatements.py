"""What the provider told differently later is kept with both values, and every use of a key can be listed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from tests.installation import NOW, installed
from tests.tracker.builders import AFTER, DAY, owned, record, store, two_workspaces
from tracker import calls, clock, restatements, workspace_prices
from tracker.audit import OPERATOR
from tracker.db import Database
from tracker.models import BilledCostRow, table_of
from tracker.own_prices import OwnPrice
from tracker.providers.base import COSTS
from tracker.sandbox import World
from tracker.usage import BilledCost


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    with two_workspaces(migrated_url) as opened:
        yield opened


def test_a_restated_day_keeps_both_values_and_the_difference(database: Database) -> None:
    store(database, record(1, tokens=1_000))
    store(database, record(1, tokens=2_000), record(2), now=AFTER + clock.DAY)
    store(database, record(1, model="unheard-of"), now=AFTER + 2 * clock.DAY)

    with database.workspace(1) as session:
        unpriced, dearer = restatements.read(session, 1, DAY, DAY + clock.DAY)
        assert restatements.read(session, 1, DAY, DAY + clock.DAY, most=1) == [unpriced]
        assert restatements.read(session, 1, DAY + clock.DAY, DAY + 2 * clock.DAY) == []
    assert (dearer.before, dearer.after) == (Decimal("0.00265"), Decimal("0.0078"))
    assert dearer.difference == Decimal("0.00515")
    assert (dearer.rows_before, dearer.rows_after, dearer.seen_at) == (1, 2, AFTER + clock.DAY)
    assert unpriced.after is None and unpriced.difference is None
    with database.workspace(2) as session:
        assert restatements.read(session, 2, DAY, DAY + clock.DAY) == []


def test_a_restated_day_costs_what_is_stored_of_it(database: Database) -> None:
    half_a_nano = OwnPrice(
        0, "openai", "gpt-5.4", DAY, rates={"input_tokens": Decimal("0.0005"), "output_tokens": Decimal()}
    )
    with owned(database).workspace(1, write=True) as session:
        workspace_prices.add(session, 1, half_a_nano, by=OPERATOR)
    store(database, record(1, tokens=1_000))
    store(database, *(record(hour, tokens=3) for hour in range(3)), now=AFTER + clock.DAY)
    store(database, record(1, tokens=2_000), now=AFTER + 2 * clock.DAY)

    with database.workspace(1) as session:
        last, first = restatements.read(session, 1, DAY, DAY + clock.DAY)
    assert (first.before, first.after) == (Decimal("0.0000005"), Decimal("0.000000006"))
    assert (last.before, last.after) == (Decimal("0.000000006"), Decimal("0.000001"))


SPELLINGS = [
    ("0.0000324750", "1500"),
    ("0.000032475", "1500.0"),
    ("3.2475E-5", "1.5E+3"),
    ("0.00003247500000004", "1500"),
]


def test_a_bill_that_is_only_spelled_differently_restates_nothing(database: Database) -> None:
    told = [
        [
            BilledCost(DAY, Decimal(amount), "usd", line_item="a", quantity=Decimal(quantity)),
            BilledCost(DAY, None, "usd", line_item="b"),
        ]
        for amount, quantity in SPELLINGS
    ]
    store(database, *told[0], endpoint=COSTS)
    before = bill_of(database)

    for number, lines in enumerate(told[1:], start=1):
        stored = store(database, *lines, endpoint=COSTS, now=AFTER + number * clock.DAY)

        assert (stored.changed, stored.rows) == ((), 2)
        assert bill_of(database) == before
    with database.workspace(1) as session:
        assert restatements.read(session, 1, DAY, DAY + clock.DAY) == []


@pytest.mark.parametrize(
    "other",
    [
        {"amount": Decimal("0.000032476")},
        {"amount": None},
        {"quantity": Decimal(1501)},
        {"quantity": None},
        {"quantity_unit": "tokens"},
        {"api_key_id": "key_b"},
        {"currency": "eur"},
    ],
    ids=str,
)
def test_a_bill_that_tells_anything_else_is_restated(database: Database, other: dict[str, Any]) -> None:
    line = BilledCost(DAY, Decimal("0.000032475"), "usd", line_item="a", quantity=Decimal(1500))
    store(database, line, endpoint=COSTS)

    stored = store(database, replace(line, **other), endpoint=COSTS, now=AFTER + clock.DAY)

    assert stored.changed == (DAY,)
    with database.workspace(1) as session:
        assert len(restatements.read(session, 1, DAY, DAY + clock.DAY)) == 1


def bill_of(database: Database) -> list[tuple[Any, ...]]:
    lines = table_of(BilledCostRow)
    with database.workspace(1) as session:
        found = session.execute(select(lines).where(lines.c.workspace_id == 1).order_by(lines.c.line_item))
        return [tuple(row) for row in found]


def test_the_list_of_calls_is_the_list_of_requests_the_provider_saw(migrated_url: str, tmp_path: Path) -> None:
    clock.start_at(NOW)
    with installed(World(days=3, keeps=3), migrated_url, tmp_path) as ready:
        assert ready.fetch() == 0
        with ready.product.database.workspace(ready.workspace_id) as session:
            made = list(calls.made(session, ready.workspace_id))
            assert list(calls.made(session, ready.workspace_id, provider_key_id=99)) == []
        seen = [(request.method, request.path) for request in ready.server.requests]

    assert {call.method for call in made} == {"GET"}
    assert sorted((call.method, httpx.URL(call.path).path) for call in made) == sorted(seen)
    assert all(call.status and call.received_bytes and call.duration_ms is not None for call in made)
    assert [call.at for call in made] == sorted(call.at for call in made)
