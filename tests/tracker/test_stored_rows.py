"""What stands in the tables after a reading, column by column, and every place that it passes on its way there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from tests.tracker.builders import AFTER, DAY, connection_of, owned, record, store, two_workspaces
from tracker import clock, points, set_aside, workspace_prices
from tracker.audit import OPERATOR
from tracker.db import Database
from tracker.models import BilledCostRow, Colour, PriceVersion, Restatement, UsageEvent, table_of
from tracker.own_prices import OwnPrice
from tracker.usage import BilledCost, RowSetAside

EVENTS, BILLED, VERSIONS = table_of(UsageEvent), table_of(BilledCostRow), table_of(PriceVersion)
NEXT = DAY + clock.DAY
LINE = BilledCost(
    DAY,
    Decimal("1.5"),
    "eur",
    line_item="o3, input",
    model="o3",
    project_id="proj_a",
    api_key_id="key_a",
    quantity=Decimal(3_000),
    quantity_unit="tokens",
)
BAD = RowSetAside(DAY, "OpenAI's completions of 2026-11-10 03:00 UTC: output_tokens is -5.", "model=gpt-5.4")


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    with two_workspaces(migrated_url) as opened:
        yield opened


def rows(database: Database, table: Any) -> list[dict[str, Any]]:
    with database.workspace(1) as session:
        found = session.execute(select(table).where(table.c.workspace_id == 1)).mappings()
        return [dict(row) for row in found]


def test_a_line_of_the_bill_is_kept_with_all_that_was_told_of_it(database: Database) -> None:
    store(database, LINE, replace(LINE, line_item=None, model=None), endpoint="costs", dropped=("api_key_id", "x"))

    named, unnamed = sorted(rows(database, BILLED), key=lambda row: row["line_item"] is None)
    digests = {named.pop("digest"), unnamed.pop("digest")}
    assert [len(digest) for digest in digests] == [16, 16]
    assert named == {
        "workspace_id": 1,
        "provider_key_id": 1,
        "day": DAY,
        "provider": "openai",
        "line_item": "o3, input",
        "model": "o3",
        "project_id": "proj_a",
        "api_key_id": "key_a",
        "currency": "eur",
        "amount": Decimal("1.5"),
        "quantity": Decimal(3_000),
        "quantity_unit": "tokens",
        "dropped": "api_key_id,x",
    }
    assert unnamed == {**named, "line_item": None, "model": None}


def test_an_event_points_to_the_list_that_priced_it_and_to_the_agreed_price(database: Database) -> None:
    store(database, record(0))
    (listed,) = rows(database, EVENTS)
    price = OwnPrice(0, "openai", "gpt-5.4", DAY, factor=Decimal("0.5"))
    with owned(database).workspace(1, write=True) as session:
        number = workspace_prices.add(session, 1, price, by=OPERATOR)
    store(database, record(0), record(1), now=AFTER + timedelta(days=1))

    kept, agreed = sorted(rows(database, EVENTS), key=lambda row: row["bucket_start"])
    with database.workspace(1) as session:
        found = session.execute(select(VERSIONS.c.id, VERSIONS.c.provider, VERSIONS.c.model))
        versions = {row[0]: tuple(row[1:]) for row in found}
    assert kept == listed
    assert versions[listed["price_version_id"]] == ("openai", "gpt-5.4")
    assert (listed["workspace_price_id"], listed["estimated_cost"]) == (None, Decimal("0.00265"))
    assert versions[agreed["price_version_id"]] == ("openai", "gpt-5.4")
    assert (agreed["workspace_price_id"], agreed["estimated_cost"]) == (number, Decimal("0.001325"))


def test_only_what_is_new_is_priced_and_the_day_is_noted_with_all_of_it(database: Database) -> None:
    store(database, record(0), record(1))
    store(database, record(0), record(1), record(2, model="o3"), now=AFTER + timedelta(days=1))

    (noted,) = rows(database, table_of(Restatement))
    # o3 is $2 a million in and $8 a million out; the other two hours were not read anew and keep what they cost.
    assert (noted["rows_before"], noted["rows_after"]) == (2, 3)
    assert (noted["cost_before"], noted["cost_after"]) == (Decimal("0.0053"), Decimal("0.00738"))


def test_the_dearest_models_get_their_colours_first(database: Database) -> None:
    store(database, record(0, model="never-heard-of-it"), record(0, model="o3"), record(0, tokens=9_000))

    slots = {row["name"]: row["slot"] for row in rows(database, table_of(Colour)) if row["dimension"] == "model"}
    assert sorted(slots, key=lambda name: slots[name]) == ["gpt-5.4", "o3", "never-heard-of-it"]


def test_a_reading_passes_every_place_where_a_crash_is_tried(database: Database) -> None:
    clock.start_at(AFTER)
    passed: list[str] = []
    with points.watch(passed.append):
        stored = store(database, record(0), record(30), BAD, days=2)
        store(database, LINE, endpoint="costs")
        store(database, replace(LINE, amount=None), endpoint="costs", now=AFTER + timedelta(days=1))

    assert (stored.rows, stored.changed) == (2, (DAY, NEXT))
    expected = [
        *("rows set aside", "old rows removed", "new rows inserted"),
        *("rollup cleared", "series rolled up", "rollup filled", "old bill removed", "old bill removed"),
        "restatement noted",
    ]
    assert [label for label in passed if label in expected] == expected


def aside(database: Database, start: date, end: date) -> list[tuple[str, str, date]]:
    with database.workspace(1) as session:
        found = set_aside.read(session, 1, start, end)
    return [(each.label, each.endpoint, each.day) for each in found]


def test_what_days_lack_is_told_newest_first_and_by_endpoint(database: Database) -> None:
    with owned(database).workspace(1, write=True) as session:
        session.add(connection_of(1, "another"))
    later = replace(BAD, day=NEXT)
    store(database, BAD, later, replace(BAD, about="second"), days=2)
    store(database, replace(BAD, about="a line"), endpoint="costs")
    store(database, BAD, key=3)

    assert aside(database, DAY, NEXT + clock.DAY) == [
        ("k", "completions", NEXT),
        ("k", "completions", DAY),
        ("k", "completions", DAY),
        ("another", "completions", DAY),
        ("k", "costs", DAY),
    ]
    assert aside(database, DAY, NEXT) == aside(database, DAY, NEXT + clock.DAY)[1:]
    assert aside(database, NEXT, NEXT + clock.DAY) == [("k", "completions", NEXT)]
    with database.workspace(1) as session:
        about = [each.about for each in set_aside.read(session, 1, DAY, NEXT)]
        lacking = set_aside.days_lacking(session, 1)
    assert about == [BAD.about, "second", BAD.about, "a line"]
    assert lacking == {(1, "completions", DAY), (1, "completions", NEXT), (1, "costs", DAY), (3, "completions", DAY)}
    with database.workspace(2) as session:
        assert set_aside.days_lacking(session, 2) == set()


def test_a_reading_forgets_what_its_own_days_lacked_and_no_others(database: Database) -> None:
    store(database, BAD, replace(BAD, day=NEXT), days=2)
    store(database, record(0))

    assert aside(database, DAY, NEXT + clock.DAY) == [("k", "completions", NEXT)]


def test_a_list_of_what_is_lacking_ends(database: Database) -> None:
    store(database, *[replace(BAD, about=str(number)) for number in range(set_aside.MOST_LISTED + 1)])

    assert len(aside(database, DAY, NEXT)) == set_aside.MOST_LISTED


@pytest.mark.parametrize(
    ("told", "kept", "words"),
    [
        ([BAD], False, "1 row cannot be true and was set aside. The rest of the day is counted; it is"),
        ([BAD], True, "1 row cannot be true and was set aside. The day keeps its earlier reading; it is"),
        ([BAD, BAD], False, "2 rows cannot be true and were set aside. The rest of the day is counted; it is"),
        ([replace(BAD, rows=7), BAD], False, "8 rows cannot be true and were set aside. The rest"),
    ],
)
def test_a_day_says_how_many_rows_it_lacks_and_what_stands(told: list[RowSetAside], kept: bool, words: str) -> None:
    sentence = set_aside.sentence(told, kept=kept)

    assert sentence.startswith(words)
    assert sentence.endswith(f"it is read again by itself. {BAD.reason}")
