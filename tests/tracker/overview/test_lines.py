"""The table under the chart adds up to the chart, and says nothing that it does not know."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.installation import NOW, installed
from tests.tracker.builders import DAY, record, store, two_workspaces
from tracker import clock, overview, workspace_prices
from tracker.audit import OPERATOR
from tracker.memory import Memory
from tracker.overview import Measure, Period, Split
from tracker.overview.figures import Cell
from tracker.overview.lines import lines
from tracker.overview.splits import labelled
from tracker.own_prices import OwnPrice
from tracker.sandbox import World
from tracker.usage import Dimensions, Measures, UsageRecord

FIRST, SECOND = date(2026, 11, 1), date(2026, 11, 2)


def test_a_line_has_share_unit_price_and_cache_of_what_is_known() -> None:
    cells = [
        Cell(FIRST, "a", Decimal(3), 1_500_000, 2, input_tokens=1_000_000, cached_tokens=250_000),
        Cell(SECOND, "a", Decimal(0), 500_000, 1, input_tokens=0, cached_tokens=0),
        Cell(FIRST, "b", Decimal(1), 100, 5, 1, 1, unpriced_tokens=60),
        Cell(FIRST, "search", Decimal("0.5"), 70, 3, 1, 1, unpriced_tokens=70),
        Cell(FIRST, "c", None, None, 4, 4, 4),
    ]
    first, second, only_fees, third = lines(cells, [FIRST, SECOND], {"a": Decimal("-0.5")})

    assert (first.name, first.estimate, first.share, first.change) == (
        "a",
        Decimal(3),
        Decimal("66.7"),
        Decimal("-0.5"),
    )
    assert (first.per_million, first.cached, first.by_day) == (
        Decimal("1.5"),
        Decimal("25.0"),
        (Decimal(3), Decimal(0)),
    )
    assert (second.per_million, second.change, second.unpriced_rows) == (Decimal(25_000), Decimal(0), 1)
    assert (only_fees.name, only_fees.per_million) == ("search", None)
    assert (third.name, third.estimate, third.share, third.change, third.tokens) == ("c", None, None, None, None)


def test_what_is_priced_by_the_unit_makes_no_token_dearer() -> None:
    cells = [
        Cell(FIRST, "a", Decimal(3), 1_000_000, 2, by_unit=Decimal(1)),
        Cell(SECOND, "a", Decimal("0.5"), None, None, by_unit=Decimal("0.5")),
        Cell(FIRST, "search", Decimal("0.25"), None, 9, by_unit=Decimal("0.25")),
        Cell(FIRST, "half", Decimal("0.25"), 70, 9, 1, 1, unpriced_tokens=70, by_unit=Decimal("0.25")),
    ]

    assert {line.name: (line.estimate, line.per_million) for line in lines(cells, [FIRST, SECOND])} == {
        "a": (Decimal("3.5"), Decimal(2)),
        "search": (Decimal("0.25"), None),
        "half": (Decimal("0.25"), None),
    }


@pytest.mark.parametrize(
    ("measure", "told"),
    [
        (Measure.SPEND, [("a", Decimal("75.0"), 3), ("b", Decimal("25.0"), 1), ("c", None, 0)]),
        (Measure.TOKENS, [("b", Decimal("80.0"), 400), ("a", Decimal("20.0"), 100), ("c", None, 0)]),
        (Measure.REQUESTS, [("c", Decimal("50.0"), 5), ("a", Decimal("30.0"), 3), ("b", Decimal("20.0"), 2)]),
    ],
)
def test_share_order_and_small_line_are_of_what_the_chart_measures(
    measure: Measure, told: list[tuple[str, Decimal | None, int]]
) -> None:
    cells = [
        Cell(FIRST, "a", Decimal(3), 100, 3),
        Cell(FIRST, "b", Decimal(1), 400, 2),
        Cell(FIRST, "c", None, None, 5, 5, 5),
    ]

    assert [(line.name, line.share, *line.by_day) for line in lines(cells, [FIRST], None, measure)] == told


def test_ids_of_one_name_are_told_apart() -> None:
    assert labelled({"p1": "web", "p2": "web", "p3": "batch"}) == {"p1": "web (p1)", "p2": "web (p2)", "p3": "batch"}


def test_every_way_to_divide_the_days_comes_to_the_same_sum(migrated_url: str, tmp_path: Path) -> None:
    with installed(World(days=54, keeps=62, now=lambda: NOW), migrated_url, tmp_path) as ready:
        ready.fetch()
        seen = overview.read(ready.product, ready.workspace_id, now=NOW)
        by = {split: overview.cells_by(ready.product, ready.workspace_id, seen, split) for split in Split}

    for period in Period:
        sums = {
            split: [
                sum(line.estimate or 0 for line in seen.lines(cells, period)),
                sum(total or 0 for total in seen.bars(cells, period, Measure.SPEND).totals.values()),
            ]
            for split, cells in by.items()
        }
        assert len({total for each in sums.values() for total in each}) == 1
    names = {line.name for line in seen.lines(by[Split.PROJECT], Period.MONTH)}
    assert '=1+1 Search & "Ranking"' in names and not any(name.startswith("proj_") for name in names)
    changes = [line.change for line in seen.lines(seen.cells, Period.MONTH) if line.change is not None]
    assert sum(changes) == seen.change.difference


@pytest.mark.parametrize("split", [Split.MODEL, Split.PROJECT])
def test_the_dashboard_tells_a_million_tokens_without_an_agreed_price_of_calls(migrated_url: str, split: Split) -> None:
    agreed = OwnPrice(0, "openai", "*", DAY, rates={"web_search_calls": Decimal("0.5")})
    calls = Dimensions("web_search_calls", 3_600, model="gpt-5.4", project_id="p1")
    with two_workspaces(migrated_url, role="owner") as database:
        product: Any = SimpleNamespace(database=database, memory=Memory())
        with database.workspace(1, write=True) as session:
            workspace_prices.add(session, 1, agreed, by=OPERATOR)
        store(database, record(3, project_id="p1"))
        store(database, UsageRecord(clock.day_start(DAY), calls, Measures(requests=40)), endpoint="web_search_calls")
        seen = overview.read(product, 1, now=NOW)
        (line,) = seen.lines(overview.cells_by(product, 1, seen, split), Period.MONTH)

    assert (line.estimate, line.tokens) == (Decimal("20.00265"), 1_010)
    assert line.per_million == Decimal("0.00265") * 1_000_000 / 1_010
