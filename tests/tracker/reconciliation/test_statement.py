"""A period's statement adds up in each direction, and its picture and its rows say the same."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import altair as alt
import pytest

from pages.ui import text, waterfall
from tests.installation import NOW, installed
from tracker.reconciliation.causes import Cause, Line, reconcile
from tracker.reconciliation.lines import Item
from tracker.reconciliation.statement import Statement, of, statement
from tracker.sandbox import World

DAY = date(2026, 11, 2)


def line(name: str, estimated: str | None, billed: str | None, currency: str = "usd") -> Line:
    known = None if estimated is None else Decimal(estimated)
    paid = None if billed is None else Decimal(billed)
    credit = min(paid or Decimal(), Decimal())
    item = Item(name, "input") if name.startswith("gpt") else Item("", name)
    return Line(DAY, 1, item, name, currency, known, paid, credits=credit)


def told(*lines: Line) -> Statement:
    return of(reconcile(lines), DAY, DAY + timedelta(days=1))


def test_rows_causes_and_totals_add_up() -> None:
    found = told(line("gpt-a", "10", "12"), line("search", None, "3"), line("credit", None, "-1"))

    assert (found.estimated, found.billed, found.difference) == (Decimal(10), Decimal(14), Decimal(4))
    assert found.causes == (
        (Cause.FEE, Decimal(3)),
        (Cause.CREDIT, Decimal(-1)),
        (Cause.UNEXPLAINED, Decimal(2)),
    )
    assert [(row.name, row.difference, row.percent) for row in found.rows] == [
        ("search", Decimal(3), None),
        ("gpt-a", Decimal(2), Decimal("20.0")),
        ("credit", Decimal(-1), None),
    ]
    assert {row.day for row in found.daily} == {DAY}
    assert [(row.estimated, row.billed, row.causes) for row in found.rows] == [
        (None, Decimal(3), ((Cause.FEE, Decimal(3)),)),
        (Decimal(10), Decimal(12), ((Cause.UNEXPLAINED, Decimal(2)),)),
        (None, Decimal(-1), ((Cause.CREDIT, Decimal(-1)),)),
    ]
    period = (DAY, DAY + timedelta(days=1))
    assert (found.start, found.end) == (found.headline.start, found.headline.end) == period
    assert [(row.model, row.dearest) for row in found.rows] == [("", None), ("gpt-a", DAY), ("", None)]
    assert found.headline.largest is not None and found.headline.largest.line_item == "gpt-a"


def test_rows_that_differ_by_less_than_is_told_stand_by_what_they_come_to() -> None:
    found = told(line("gpt-a", "1", "1.001"), line("gpt-b", "9", "9.0012"), line("gpt-c", "2", "3"))

    assert [row.name for row in found.rows] == ["gpt-c", "gpt-b", "gpt-a"]
    assert [row.name for row in found.daily] == ["gpt-c", "gpt-b", "gpt-a"]


def test_another_currency_is_named_and_in_no_figure() -> None:
    found = told(line("gpt-a", "10", "10"), line("gpt-b", None, "7", "eur"))

    assert (found.foreign, found.billed, [row.name for row in found.rows]) == (("eur",), Decimal(10), ["gpt-a"])


def test_the_causes_shown_add_up_to_the_difference_shown() -> None:
    found = told(line("gpt-a", "10.004", "12.008"), line("search", None, "3.003"), line("storage", None, "0.002"))

    assert found.shown_difference == Decimal("5.01")
    assert found.shown_causes == ((Cause.FEE, Decimal("3.01")), (Cause.UNEXPLAINED, Decimal("2.00")))


def test_nothing_told_is_unknown_and_not_nothing() -> None:
    found = told()

    assert (found.estimated, found.billed, found.causes, found.rows) == (None, None, (), ())


def test_the_difference_shown_is_that_of_the_amounts_shown_and_the_exact_one_stays() -> None:
    found = told(line("gpt-a", "248.4449", "269.2251"))

    assert [text.money(each) for each in (found.billed, found.estimated)] == ["$269.23", "$248.44"]
    assert text.money_change(found.shown_difference) == "+$20.79"
    assert found.difference == Decimal("20.7802")
    assert waterfall.waterfall(found.causes, found.shown_difference, dark=False)["data"]["values"][-1]["Amount"] == (
        "+$20.79"
    )


@pytest.mark.parametrize("dark", [False, True])
def test_the_waterfall_ends_at_the_difference(dark: bool) -> None:
    found = told(line("gpt-a", "10", "12"), line("search", None, "3"), line("credit", None, "-1"))
    spec = waterfall.waterfall(found.causes, found.shown_difference, dark=dark)
    rows = spec["data"]["values"]

    alt.LayerChart.from_dict(spec)
    assert [row["kind"] for row in rows] == ["billed more", "billed less", "unexplained", "difference"]
    assert [(row["x"], row["x2"]) for row in rows] == [(0, 3), (2, 3), (2, 4), (0, 4)]
    across, down = (spec["layer"][0]["encoding"][channel]["axis"] for channel in ("x", "y"))
    assert across["values"] == [0, 2, 4]
    assert not across["labelFlush"] and not down["labelFlush"]  # each at its line, or at its bar


def test_a_month_of_the_sandbox_adds_up(migrated_url: str, tmp_path: Path) -> None:
    with installed(World(days=23, keeps=30, now=lambda: NOW), migrated_url, tmp_path) as ready:
        ready.fetch()
        found = statement(ready.product, ready.workspace_id, date(2026, 11, 2), date(2026, 11, 21))
        billed = ready.csv(date(2026, 11, 2), date(2026, 11, 21), "billed-csv")

    assert found.billed == sum(Decimal(row["billed_cost"]) for row in billed)
    assert found.difference == sum((amount for _, amount in found.causes), Decimal())
    for rows in (found.rows, found.daily):
        assert found.difference == sum((row.difference for row in rows), Decimal())
    newest, oldest = found.daily[0].day, found.daily[-1].day
    assert newest and oldest and newest > oldest
    assert len({(row.day, row.name) for row in found.daily}) == len(found.daily)
    assert Cause.FEE in dict(found.causes)
    assert {row.name for row in found.rows if row.unpriced} > {"tts-1", "Web search tool calls"}
    assert found.unpriced.requests > 0 and found.unpriced.at_most
