"""Lines out of the database: the ledger decides what is missing, currencies stay apart, and so do workspaces."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from tests.tracker.builders import AFTER, DAY, record, store, two_workspaces
from tracker import clock
from tracker.db import Database
from tracker.reconciliation import read
from tracker.reconciliation.causes import Cause, Reconciled, reconcile
from tracker.reconciliation.lines import Item
from tracker.usage import BilledCost

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
