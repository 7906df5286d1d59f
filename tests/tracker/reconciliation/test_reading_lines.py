"""Lines out of the database: the ledger decides what is missing, currencies stay apart, and so do workspaces."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from tests.tracker.builders import AFTER, DAY, owned, record, store, two_workspaces
from tracker import clock, workspace_prices
from tracker.audit import OPERATOR
from tracker.db import Database
from tracker.own_prices import OwnPrice
from tracker.reconciliation import read
from tracker.reconciliation.causes import Cause, Reconciled, reconcile
from tracker.reconciliation.estimates import Group
from tracker.reconciliation.lines import Item
from tracker.usage import MEASURES, BilledCost, CostBasis

END = DAY + timedelta(days=1)
INPUT, OUTPUT = Decimal("0.0025"), Decimal("0.00015")
"""1,000 input tokens at $2.50 a million and 10 output tokens at $15: the two parts of a record's cost."""

BILL = BilledCost(DAY, INPUT, "usd", "gpt-5.4, input", "gpt-5.4", "p", "a", Decimal(1_000), "tokens")


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    with two_workspaces(migrated_url) as opened:
        yield opened


def rows(database: Database, workspace: int = 1) -> dict[str, Reconciled]:
    with database.workspace(workspace) as session:
        return {row.line.line_item: row for row in reconcile(read.lines(session, workspace, DAY, END))}


def figures(database: Database) -> dict[str, tuple[Decimal | None, Decimal | None, dict[Cause, Decimal]]]:
    return {name: (row.line.estimated, row.line.billed, dict(row.causes)) for name, row in rows(database).items()}


def test_an_estimate_without_a_bill_yet_is_not_billed_yet(database: Database) -> None:
    store(database, record())
    store(database, endpoint="costs")

    assert figures(database) == {
        "gpt-5.4, input": (INPUT, None, {Cause.NOT_BILLED_YET: -INPUT}),
        "gpt-5.4, output": (OUTPUT, None, {Cause.NOT_BILLED_YET: -OUTPUT}),
    }


def test_a_line_that_a_complete_bill_lacks_is_unexplained(database: Database) -> None:
    store(database, record())
    store(database, BILL, endpoint="costs")

    assert figures(database)["gpt-5.4, output"] == (OUTPUT, None, {Cause.UNEXPLAINED: -OUTPUT})
    assert figures(database)["gpt-5.4, input"] == (INPUT, INPUT, {})


def test_an_empty_bill_is_believed_after_35_days(database: Database) -> None:
    store(database, record())
    store(database, endpoint="costs", now=AFTER + timedelta(days=36))

    assert set(figures(database)["gpt-5.4, input"][2]) == {Cause.UNEXPLAINED}


def test_a_bill_for_usage_that_was_not_read_is_usage_missing(database: Database) -> None:
    store(database, BILL, endpoint="costs")

    assert figures(database) == {"gpt-5.4, input": (None, INPUT, {Cause.USAGE_MISSING: INPUT})}


def test_a_day_read_before_it_ended_does_not_account_for_its_bill(database: Database) -> None:
    more = replace(BILL, amount=Decimal("0.0031"))
    store(database, endpoint="embeddings")
    store(database, record(), now=AFTER - timedelta(hours=4))
    store(database, more, endpoint="costs")
    assert set(figures(database)["gpt-5.4, input"][2]) == {Cause.USAGE_MISSING}

    store(database, record(), now=AFTER + timedelta(hours=1))
    assert set(figures(database)["gpt-5.4, input"][2]) == {Cause.UNEXPLAINED}


def test_currencies_are_rows_of_their_own_and_never_compared(database: Database) -> None:
    store(database, record())
    store(database, BILL, replace(BILL, amount=Decimal(9), currency="eur"), endpoint="costs")

    with database.workspace(1) as session:
        found = read.lines(session, 1, DAY, END)
    told = [(line.currency, line.estimated, line.billed, line.difference) for line in found if line.billed]
    assert told == [("eur", None, Decimal(9), None), ("usd", INPUT, INPUT, 0)]


def test_projects_and_keys_are_added_up_and_credits_kept_apart(database: Database) -> None:
    back = replace(BILL, amount=Decimal("-0.001"), project_id="q", quantity=None)
    store(database, record())
    store(database, BILL, back, endpoint="costs")

    assert figures(database)["gpt-5.4, input"] == (INPUT, INPUT + Decimal("-0.001"), {Cause.CREDIT: Decimal("-0.001")})
    with database.workspace(1) as session:
        assert read.observations(session, 1, DAY, END) == []


def test_two_wordings_of_one_item_are_one_line(database: Database) -> None:
    store(database, record(), record(1))
    store(database, BILL, replace(BILL, line_item="gpt-5.4, input_tokens"), endpoint="costs")

    assert figures(database)["gpt-5.4, input + gpt-5.4, input_tokens"] == (2 * INPUT, 2 * INPUT, {})


def test_a_line_without_an_amount_is_unknown(database: Database) -> None:
    store(database, replace(BILL, amount=None), endpoint="costs")

    assert figures(database) == {"gpt-5.4, input": (None, None, {})}
    store(database, record())
    assert figures(database)["gpt-5.4, input"] == (INPUT, None, {})
    with database.workspace(1) as session:
        assert read.observations(session, 1, DAY, END) == []


def test_an_observation_holds_the_bill_beside_the_catalogue(database: Database) -> None:
    store(database, record())
    store(database, BILL, replace(BILL, currency="eur"), endpoint="costs")

    with database.workspace(1) as session:
        (seen,) = read.observations(session, 1, DAY, END)
    assert (seen.amount, seen.quantity, seen.unit) == (INPUT, Decimal(1_000), "tokens")
    assert seen.implied == Decimal("0.0000025")
    assert seen.listed == (Decimal("0.0000025"),)
    assert (seen.day, seen.provider_key_id, seen.item) == (DAY, 1, Item("gpt-5.4", "input"))
    assert (seen.bill_rows, seen.rows, seen.estimated, seen.agreed) == (1, 2, INPUT, False)


def test_an_observation_leaves_credits_out_and_needs_no_estimate(database: Database) -> None:
    back = replace(BILL, amount=Decimal("-0.001"), project_id="q", quantity=Decimal())
    store(database, BILL, back, endpoint="costs")

    with database.workspace(1) as session:
        (seen,) = read.observations(session, 1, DAY, END)
    assert (seen.amount, seen.quantity, seen.listed) == (INPUT, Decimal(1_000), ())
    assert (seen.bill_rows, seen.rows, seen.estimated) == (2, 0, None)


def test_a_line_says_of_whom_it_is_how_it_was_rounded_and_how_else_it_reads(database: Database) -> None:
    store(database, record(), record(1, service_tier="priority"), record(2, model="unheard-of"))
    store(database, BILL, endpoint="costs")

    with database.workspace(1) as session:
        found = {line.line_item: line for line in read.lines(session, 1, DAY, END)}
    line = found["gpt-5.4, input"]
    assert (line.day, line.provider_key_id, line.estimated) == (DAY, 1, 3 * INPUT)
    assert (line.rows, line.bill_rows, line.unpriced) == (4, 1, False)
    assert (Cause.TIER_OR_BATCH, 2 * INPUT) in line.otherwise
    assert [(name, each.rows, each.bill_rows) for name, each in found.items() if each.unpriced] == [
        ("unheard-of, input", 0, 0),
        ("unheard-of, output", 0, 0),
    ]


def test_a_day_read_as_it_ended_accounts_for_its_bill(database: Database) -> None:
    store(database, endpoint="embeddings")
    store(database, record(), now=clock.day_start(END))
    store(database, replace(BILL, amount=Decimal("0.0031")), endpoint="costs")

    assert set(figures(database)["gpt-5.4, input"][2]) == {Cause.UNEXPLAINED}


def test_another_workspace_is_in_no_line(database: Database) -> None:
    store(database, record(), key=2)
    store(database, BILL, endpoint="costs", key=2)

    assert rows(database) == {}
    assert set(rows(database, 2)) == {"gpt-5.4, input", "gpt-5.4, output"}


def raised(day: int, factor: str) -> list[BilledCost]:
    """The lines of the bill for 100,000 tokens in and ten out on that day, at so many times the list price."""
    made = {"input": (Decimal("0.25"), 100_000), "output": (OUTPUT, 10)}
    return [
        replace(
            BILL,
            day=DAY + timedelta(days=day),
            line_item=f"gpt-5.4, {kind}",
            amount=listed * Decimal(factor),
            quantity=Decimal(quantity),
        )
        for kind, (listed, quantity) in made.items()
    ]


def bill_at(database: Database, *factors: str) -> None:
    """So many days from DAY on, each billed at its factor of the list price."""
    days, now = len(factors), AFTER + timedelta(days=10)
    store(database, *(record(24 * n, tokens=100_000) for n in range(days)), days=days, now=now)
    store(database, endpoint="embeddings", days=days, now=now)
    bills = [line for n, factor in enumerate(factors) for line in raised(n, factor)]
    store(database, *bills, endpoint="costs", days=days, now=now)


@pytest.mark.parametrize(
    ("factors", "cause"),
    [(("1", "1", "1.2", "1.2", "1.2"), Cause.PRICE_OUT_OF_DATE), (("0.8",) * 5, Cause.NEGOTIATED)],
)
def test_a_day_has_the_causes_that_it_has_in_its_month(
    database: Database, factors: tuple[str, ...], cause: Cause
) -> None:
    bill_at(database, *factors)

    with database.workspace(1) as session:
        whole = read.reconciled(session, 1, DAY, DAY + timedelta(days=5))
        by_day = [read.reconciled(session, 1, DAY + clock.DAY * n, DAY + clock.DAY * (n + 1)) for n in range(5)]
        far = [read.reconciled(session, 1, *days) for days in ((date.min, date.min), (date.max, date.max))]
    assert [row for day in by_day for row in day] == whole
    assert [len(day) for day in by_day] == [2] * 5
    assert {row.line.day: set(row.causes) for row in whole if row.causes} == {
        DAY + clock.DAY * n: {cause} for n, factor in enumerate(factors) if factor != "1"
    }
    assert far == [[], []]


def test_a_price_to_agree_is_read_off_the_bill_of_ones_own_connections(database: Database) -> None:
    bill_at(database, "0.8", "0.8", "0.8", "0.8")

    with database.workspace(1) as session:
        (found,) = read.proposed(session, 1, DAY, DAY + timedelta(days=4))
        fewer = read.proposed(session, 1, DAY, DAY + clock.DAY)
    assert found.price == OwnPrice(0, "openai", "gpt-5.4", DAY, factor=Decimal("0.8"))
    assert (found.agreed, [day.day for day in found.days]) == (None, [10, 11, 12, 13])
    assert fewer == []
    with database.workspace(2) as session:
        assert read.proposed(session, 2, DAY, DAY + timedelta(days=4)) == []
    with owned(database).workspace(1, write=True) as session:
        workspace_prices.add(session, 1, found.price, by=OPERATOR)
        (again,) = read.proposed(session, 1, DAY, DAY + timedelta(days=4))
    assert again.agreed is not None and again.agreed.factor == Decimal("0.8")


def test_a_group_holds_all_that_decides_its_price(database: Database) -> None:
    long = record(0, tokens=400_000, service_tier="priority", batch=True)
    store(database, long, record(1, model="unheard-of"), record(2, model="unheard-of"))
    own = OwnPrice(0, "openai", "o3", DAY, factor=Decimal("0.5"))
    with owned(database).workspace(1, write=True) as session:
        number = workspace_prices.add(session, 1, own, by=OPERATOR)
    store(database, *[record(hour, usage_type="embeddings", model="o3") for hour in range(3)], endpoint="embeddings")

    with database.workspace(1) as session:
        found = {group.model: group for group in read.groups(session, 1, DAY, END)}
        assert read.groups(session, 1, END, END + clock.DAY) == []
    counts = {"requests": 1, "input_tokens": 400_000, "input_cached_tokens": 0, "output_tokens": 10}
    assert found["gpt-5.4"] == Group(
        day=DAY,
        provider_key_id=1,
        provider="openai",
        usage_type="completions",
        model="gpt-5.4",
        tier="priority",
        batch=True,
        basis=CostBasis.ESTIMATED,
        long_context=True,
        rows=1,
        counts=dict.fromkeys(MEASURES) | counts,
        cost=found["gpt-5.4"].cost,
        own=None,
    )
    unheard = found["unheard-of"]
    assert (unheard.rows, unheard.cost, unheard.basis, unheard.batch) == (2, None, CostBasis.UNPRICED, False)
    assert (unheard.long_context, unheard.counts["input_tokens"]) == (False, 2_000)
    agreed = found["o3"]
    assert (agreed.own and agreed.own.id, agreed.rows, agreed.usage_type) == (number, 3, "embeddings")


def test_lines_of_another_workspace_are_in_no_group_and_no_bill(database: Database) -> None:
    bill_at(database, "1")

    with database.workspace(2) as session:
        assert read.groups(session, 2, DAY, END) == []
        assert read.bill(session, 2, DAY, END) == {}
