"""The sandbox's bill, computed request by request, against the estimates of what was fetched, on both databases."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from tests.installation import EMAIL, NOW, TODAY, TOMORROW, Installation, installed
from tracker import clock, repricing, workspace_prices
from tracker.audit import OPERATOR
from tracker.reconciliation import read
from tracker.reconciliation.causes import Cause, Reconciled, explained, reconcile
from tracker.reconciliation.implied import Finding, implied_prices
from tracker.reconciliation.lines import Item
from tracker.sandbox import World

MONTH = 31
FIRST = TODAY - timedelta(days=MONTH)
BILLED_UNTIL = TODAY - timedelta(days=1)

NEGOTIATED, RAISED = Decimal("0.85"), Decimal("1.2")
ROUNDED = {(model, Cause.ROUNDING) for model in ("gpt-4.1-mini", "gpt-realtime")}


def reconciled(installation: Installation) -> list[Reconciled]:
    with installation.product.database.workspace(installation.workspace_id) as session:
        return reconcile(read.lines(session, installation.workspace_id, FIRST, TOMORROW))


def by_cause(rows: list[Reconciled]) -> dict[Cause, Decimal]:
    sums: dict[Cause, Decimal] = defaultdict(Decimal)
    for row in rows:
        for cause, amount in row.causes.items():
            sums[cause] += amount
    return dict(sums)


def test_a_month_of_the_sandbox_is_explained_cause_by_cause(migrated_url: str, tmp_path: Path) -> None:
    clock.start_at(NOW)
    with installed(World(days=MONTH, keeps=MONTH), migrated_url, tmp_path) as ready:
        assert ready.fetch() == 0
        rows, bill = reconciled(ready), ready.world.truth_bill("acme", FIRST, TOMORROW)

    sums = by_cause(rows)
    services = [line.amount for line in bill if ", " not in line.line_item and line.amount > 0]
    unlisted = ("gpt-image-1, ", "dall-e-3, ", "tts-1, ", "whisper-1, ")
    assert sums[Cause.CREDIT] == sum(line.amount for line in bill if line.amount < 0)
    assert abs(sums[Cause.FEE] - sum(services)) < Decimal("0.000001")
    assert abs(
        sums[Cause.PRICE_MISSING] - sum(line.amount for line in bill if line.line_item.startswith(unlisted))
    ) < Decimal("0.000001")
    assert {row.line.day for row in rows if Cause.NOT_BILLED_YET in row.causes} == {BILLED_UNTIL, TODAY}
    assert sums.keys() <= {Cause.CREDIT, Cause.FEE, Cause.PRICE_MISSING, Cause.NOT_BILLED_YET, Cause.ROUNDING}
    assert explained(rows) == 1
    assert all(sum(row.causes.values(), Decimal()) == (row.line.difference or 0) for row in rows)


def test_a_discount_and_a_new_price_are_told_apart_and_read_off_the_bill(migrated_url: str, tmp_path: Path) -> None:
    clock.start_at(NOW)
    first, since = TODAY - timedelta(days=10), TODAY - timedelta(days=7)
    world = World(days=10, keeps=10, repriced={"gpt-4.1-mini": (first, NEGOTIATED), "gpt-realtime": (since, RAISED)})
    with installed(world, migrated_url, tmp_path) as ready:
        assert ready.fetch() == 0
        with ready.product.database.workspace(ready.workspace_id) as session:
            rows = reconcile(read.lines(session, ready.workspace_id, first, TOMORROW))
            prices = implied_prices(read.observations(session, ready.workspace_id, first, TOMORROW))

    ours = [row for row in rows if row.line.item.model in {"gpt-4.1-mini", "gpt-realtime"} and row.line.billed]
    named = {(row.line.item.model, cause) for row in ours for cause in row.causes} - ROUNDED
    assert named == {("gpt-4.1-mini", Cause.NEGOTIATED), ("gpt-realtime", Cause.PRICE_OUT_OF_DATE)}
    assert explained(rows) == 1
    found = {price.item: price for price in prices}
    raised = found[Item("gpt-realtime", "output")]
    assert (raised.finding, raised.since, raised.listed) == (Finding.CHANGED, since, Decimal("0.000016"))
    assert abs(raised.rate - Decimal("0.0000192")) < Decimal("0.0000000001")
    assert Item("gpt-5-mini", "input") not in found
    assert found[Item("", "web search tool calls")].finding is Finding.NEW
    assert abs(found[Item("", "web search tool calls")].rate - Decimal("0.01")) < Decimal("0.0000001")


def test_the_bills_prices_agreed_and_applied_make_estimate_and_bill_equal(migrated_url: str, tmp_path: Path) -> None:
    clock.start_at(NOW)
    first, since = TODAY - timedelta(days=10), TODAY - timedelta(days=7)
    world = World(days=10, keeps=10, repriced={"gpt-4.1-mini": (first, NEGOTIATED), "gpt-realtime": (since, RAISED)})
    with installed(world, migrated_url, tmp_path) as ready:
        assert ready.fetch() == 0
        database, workspace = replace(ready.product.database, role="web"), ready.workspace_id
        with database.workspace(workspace, write=True) as session:
            found = {each.price.model: each.price for each in read.proposed(session, workspace, first, TOMORROW)}
            every = read.proposed(session, workspace, first, TOMORROW)
            for each in every:
                workspace_prices.add(session, workspace, each.price, by=OPERATOR)
            waiting = [each.agreed for each in read.proposed(session, workspace, first, TOMORROW)]
        assert repricing.apply(database, workspace, first, TOMORROW, by=OPERATOR) is not None
        with database.workspace(workspace) as session:
            left = read.proposed(session, workspace, first, TOMORROW)
            rows = reconcile(read.lines(session, workspace, first, TOMORROW))

    assert (found["gpt-4.1-mini"].factor, found["gpt-realtime"].factor) == (NEGOTIATED, RAISED)
    assert (found["gpt-4.1-mini"].effective_from, found["gpt-realtime"].effective_from) == (first, since)
    assert {name: rate for each in every for name, rate in each.price.rates.items()} == {
        "images": Decimal("0.04"),
        "characters": Decimal("0.000015"),
        "seconds": Decimal("0.0001"),
        "web_search_calls": Decimal("0.01"),
        "file_search_calls": Decimal("0.0025"),
        "sessions": Decimal("0.03"),
    }
    assert all(waiting)
    assert left == []
    billed = [row for row in rows if row.line.billed and row.line.item.kind != "assistants api | file search"]
    assert {cause for row in billed for cause in row.causes} <= {Cause.ROUNDING, Cause.CREDIT}


def test_the_command_prints_a_row_a_day_and_line(tmp_path: Path) -> None:
    clock.start_at(NOW)
    with installed(World(days=4, keeps=4), f"sqlite:///{tmp_path / 'tracker.db'}", tmp_path) as ready:
        assert ready.fetch() == 0
        first = TODAY - timedelta(days=4)
        process = ready.process("tracker", "reconcile", EMAIL, "--from", f"{first}", "--to", f"{TOMORROW}", "--json")
        out, err = process.communicate(timeout=60)

    rows = json.loads(out)
    assert process.returncode == 0
    assert err.startswith(b"Without a price, and so in no estimate: ")
    assert b"4 of 4 days complete" in err
    search = next(row for row in rows if row["line_item"] == "Web search tool calls")
    assert search["estimated_cost_usd"] is None
    assert search["causes"] == {"tool or storage fee": search["billed_cost_usd"]}
    assert search["provider_key"] == "main"
    today = next(row for row in rows if row["day"] == f"{TODAY}" and row["line_item"] == "gpt-5.4, output")
    assert today["billed_cost_usd"] is None
    assert today["causes"] == {"not billed yet": "-" + today["estimated_cost_usd"]}
