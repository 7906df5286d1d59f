"""Answers: unknown is not zero, billed stands beside estimated, and no other workspace is in any sum."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.tracker.builders import DAY, connection_of, owned, record, store, two_workspaces
from tracker import queries
from tracker.db import Database
from tracker.errors import BadInput
from tracker.queries import Question, UsageRow, Value
from tracker.usage import BilledCost

NEXT = DAY + timedelta(days=1)
END = DAY + timedelta(days=2)
ONE = Decimal("0.00265")
"""1,000 input tokens at $2.50 a million and 10 output tokens at $15."""

LINE = BilledCost(DAY, Decimal("1.5"), "usd", line_item="o3, input", model="o3", project_id="p", api_key_id="a")


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    with two_workspaces(migrated_url) as opened:
        yield opened


def usage(
    database: Database,
    *by: str,
    start: date = DAY,
    end: date = END,
    only: Mapping[str, Sequence[Value]] | None = None,
) -> list[UsageRow]:
    with database.workspace(1) as session:
        return queries.usage(session, 1, Question(start, end, by, only or {}))


def grouped(rows: list[UsageRow], figure: str) -> dict[Any, Any]:
    """One figure by the only dimension."""
    return {next(iter(row.dimensions.values())): getattr(row, figure) for row in rows}


def test_a_total_is_unknown_only_when_every_part_is(database: Database) -> None:
    store(database, record(0, requests=None), record(1, requests=None))
    assert usage(database)[0].requests is None

    store(database, record(0, requests=None), record(1, requests=4))
    assert usage(database)[0].requests == 4
    assert usage(database, "service_tier")[0].requests == 4


def test_a_known_zero_is_zero(database: Database) -> None:
    store(database, record(0, tokens=0, requests=0))

    (row,) = usage(database)
    assert (row.requests, row.input_tokens) == (0, 0)


def test_nothing_stored_is_no_row_and_an_unknown_total(database: Database) -> None:
    with database.workspace(1) as session:
        total = queries.totals(session, 1, DAY, END)

    assert usage(database) == [] == usage(database, "user_id")
    assert (total.requests, total.estimated_cost, total.billed_cost, total.unpriced_rows) == (None, None, None, 0)


@pytest.mark.parametrize("by", [("model",), ("model", "usage_type")])
def test_unpriced_rows_are_counted_beside_what_is_known(database: Database, by: tuple[str, ...]) -> None:
    store(database, record(0), record(0, model="nobody-knows", requests=3), record(1, model="nobody-knows", requests=2))

    rows = {row.dimensions["model"]: row for row in usage(database, *by)}

    assert rows["gpt-5.4"].estimated_cost == ONE
    assert (rows["gpt-5.4"].unpriced_rows, rows["gpt-5.4"].unpriced_requests) == (0, 0)
    assert rows["nobody-knows"].estimated_cost is None
    assert (rows["nobody-knows"].unpriced_rows, rows["nobody-knows"].unpriced_requests) == (2, 5)
    assert (rows["gpt-5.4"].unpriced_tokens, rows["nobody-knows"].unpriced_tokens) == (0, 2_020)
    (total,) = usage(database)
    assert (total.estimated_cost, total.unpriced_rows, total.unpriced_requests) == (ONE, 2, 5)


@pytest.mark.parametrize(
    ("dimension", "tokens"),
    [
        ("day", {DAY: 3_000, NEXT: 4_000}),
        (
            "hour",
            {
                datetime(2026, 11, 10, 0, tzinfo=UTC): 1_000,
                datetime(2026, 11, 10, 23, tzinfo=UTC): 2_000,
                datetime(2026, 11, 11, 0, tzinfo=UTC): 4_000,
            },
        ),
        ("provider", {"openai": 7_000}),
        ("provider_key", {1: 7_000}),
        ("usage_type", {"completions": 7_000}),
        ("model", {"gpt-5.4": 5_000, "o3": 2_000}),
        ("project_id", {"p": 1_000, None: 6_000}),
        ("api_key_id", {"": 2_000, "a": 1_000, None: 4_000}),
        ("user_id", {"ada": 4_000, None: 3_000}),
        ("service_tier", {"flex": 2_000, None: 5_000}),
        ("batch", {False: 1_000, True: 2_000, None: 4_000}),
    ],
)
def test_usage_is_split_by_each_dimension(database: Database, dimension: str, tokens: dict[Value, int]) -> None:
    store(
        database,
        record(0, tokens=1_000, project_id="p", api_key_id="a", batch=False),
        record(23, tokens=2_000, model="o3", api_key_id="", service_tier="flex", batch=True),
        record(24, tokens=4_000, user_id="ada"),
        days=2,
    )

    rows = usage(database, dimension)

    assert grouped(rows, "input_tokens") == tokens
    assert [row.dimensions[dimension] for row in rows] == list(tokens)


@pytest.mark.parametrize(
    ("only", "tokens"),
    [
        ({"model": ["o3"]}, 2_000),
        ({"model": [None]}, 4_000),
        ({"model": ["o3", None]}, 6_000),
        ({"api_key_id": [None]}, 4_000),
        ({"api_key_id": [""]}, 2_000),
        ({"api_key_id": ["", None]}, 6_000),
        ({"batch": [True]}, 2_000),
        ({"batch": [True], "model": ["gpt-5.4"]}, None),
        ({"day": [NEXT]}, 4_000),
        ({"provider_key": [1]}, 7_000),
        ({"provider_key": [2]}, None),
        ({"model": []}, None),
    ],
)
def test_only_rows_with_one_of_the_values_count(
    database: Database, only: dict[str, list[Value]], tokens: int | None
) -> None:
    store(
        database,
        record(0, tokens=1_000, api_key_id="a"),
        record(1, tokens=2_000, model="o3", api_key_id="", batch=True),
        record(24, tokens=4_000, model=None),
        days=2,
    )

    assert [row.input_tokens for row in usage(database, only=only)] == ([] if tokens is None else [tokens])


def test_a_period_holds_its_first_day_and_not_its_last(database: Database) -> None:
    store(database, record(0, tokens=1), record(23, tokens=2), record(24, tokens=4), days=2)

    assert [row.input_tokens for row in usage(database, start=DAY, end=NEXT)] == [3]
    assert [row.input_tokens for row in usage(database, "usage_type", start=NEXT, end=END)] == [4]
    assert usage(database, start=DAY, end=DAY) == []


@pytest.mark.parametrize(
    ("by", "only", "told"),
    [
        (("colour",), {}, "no dimension colour. Known: day, hour, provider"),
        ((), {"workspace_id": [2]}, "no dimension workspace_id"),
        (("day", "day"), {}, "named twice"),
    ],
)
def test_a_dimension_nobody_knows_is_refused_by_name(by: tuple[str, ...], only: dict[str, Any], told: str) -> None:
    with pytest.raises(BadInput, match=told):
        Question(DAY, END, by, only)


def test_a_period_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(BadInput, match=r"ends \(2026-11-10\) before it begins \(2026-11-12\)"):
        Question(END, DAY)


@pytest.mark.parametrize(
    ("dimension", "billed"),
    [
        ("day", {DAY: Decimal("1.25"), NEXT: Decimal(4)}),
        ("provider", {"openai": Decimal("5.25")}),
        ("provider_key", {1: Decimal("5.25")}),
        ("model", {"o3": Decimal("5.5"), None: Decimal("-0.25")}),
        ("project_id", {"p": Decimal("1.5"), None: Decimal("3.75")}),
        ("api_key_id", {"a": Decimal("1.5"), None: Decimal("3.75")}),
    ],
)
def test_the_bill_is_split_by_what_it_knows(database: Database, dimension: str, billed: dict[Value, Decimal]) -> None:
    credit = BilledCost(DAY, Decimal("-0.25"), "usd", line_item="Credit")
    later = BilledCost(NEXT, Decimal(4), "usd", line_item="o3, input", model="o3")
    store(database, LINE, credit, later, endpoint="costs", days=2)

    assert grouped(usage(database, dimension), "billed_cost") == billed


@pytest.mark.parametrize(
    ("dimension", "value"),
    [
        ("hour", datetime(2026, 11, 10, tzinfo=UTC)),
        ("usage_type", "completions"),
        ("user_id", None),
        ("service_tier", None),
        ("batch", None),
    ],
)
def test_the_bill_is_never_repeated_by_what_it_does_not_know(database: Database, dimension: str, value: Value) -> None:
    store(database, record(0))
    store(database, LINE, endpoint="costs")

    assert grouped(usage(database, dimension), "billed_cost") == {value: None}
    assert grouped(usage(database, "day", only={dimension: [value]}), "billed_cost") == {DAY: None}
    assert [row.billed_cost for row in usage(database)] == [Decimal("1.5")]


def test_billed_and_estimated_stand_side_by_side_and_are_never_added(database: Database) -> None:
    store(database, record(0))
    store(database, LINE, endpoint="costs")

    rows = {row.dimensions["model"]: (row.estimated_cost, row.billed_cost) for row in usage(database, "model")}

    assert rows == {"gpt-5.4": (ONE, None), "o3": (None, Decimal("1.5"))}


def test_bill_lines_without_a_dimension_asked_for_are_left_out_rather_than_guessed(database: Database) -> None:
    by_line_only = BilledCost(DAY, Decimal(2), "usd", line_item="o3, input", model="o3")
    store(database, by_line_only, endpoint="costs", dropped=("api_key_id",))

    assert usage(database, "api_key_id") == []
    assert usage(database, "day", only={"api_key_id": [None]}) == []
    assert grouped(usage(database, "project_id"), "billed_cost") == {None: Decimal(2)}
    assert grouped(usage(database, "model"), "billed_cost") == {"o3": Decimal(2)}


def test_a_bill_in_another_currency_is_not_taken_for_dollars(database: Database) -> None:
    store(database, BilledCost(DAY, Decimal(9), "eur", line_item="o3, input"), endpoint="costs")

    assert usage(database) == []
    with database.workspace(1) as session:
        assert queries.other_currencies(session, 1, DAY, DAY + timedelta(days=1)) == ["eur"]
        assert queries.other_currencies(session, 1, DAY + timedelta(days=1), DAY + timedelta(days=2)) == []


def test_a_line_without_an_amount_is_unknown_and_not_zero(database: Database) -> None:
    store(database, BilledCost(DAY, None, "usd", line_item="o3, input"), endpoint="costs")
    store(database, record(0))

    assert [row.billed_cost for row in usage(database)] == [None]


def test_connections_are_told_apart_and_other_workspaces_are_not_seen(database: Database) -> None:
    with owned(database).workspace(1, write=True) as session:
        session.add(connection_of(1, "third"))
    for key, tokens in ((1, 1), (2, 2), (3, 4)):
        store(database, record(0, tokens=tokens), key=key)
        store(database, BilledCost(DAY, Decimal(tokens), "usd"), endpoint="costs", key=key)

    by_key = usage(database, "provider_key")

    assert grouped(by_key, "input_tokens") == {1: 1, 3: 4}
    assert grouped(by_key, "billed_cost") == {1: Decimal(1), 3: Decimal(4)}
    assert [row.input_tokens for row in usage(database, "hour")] == [5]
    with database.workspace(1) as session:
        assert queries.key_labels(session, 1) == {1: "k", 3: "third"}
        assert queries.count_events(session, 1, DAY, END) == 2
