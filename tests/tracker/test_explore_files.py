"""A view as a file: its sums are those on screen, both forms hold the same, and the zone is said."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from pyarrow import parquet as pq

from tests.tracker.builders import DAY, owned, record, store, two_workspaces
from tracker import clock, export, parquet, workspace_prices
from tracker.audit import OPERATOR
from tracker.db import Database
from tracker.errors import BadInput
from tracker.explore import files, lacking, reading
from tracker.explore.span import span_of
from tracker.explore.view import By, Grain, Preset, View
from tracker.own_prices import OwnPrice
from tracker.usage import BilledCost, Dimensions, Measures, UsageRecord

NOW = datetime(2026, 11, 20, tzinfo=UTC)
NEXT = DAY + timedelta(days=1)
VIEW = View(Preset.CUSTOM, DAY, NEXT, compare=False)


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    with two_workspaces(migrated_url, role="worker") as opened:
        rows = [record(hour, project_id=f"p{hour % 2}", api_key_id="=1+1") for hour in (0, 3, 23, 24, 47)]
        store(opened, *rows, record(3, model="nobody-knows", requests=None), days=2)
        store(opened, BilledCost(DAY, Decimal("1.5"), "usd", "gpt-5.4, input", "gpt-5.4"), endpoint="costs")
        yield opened


def told(database: Database, name: str, view: View, workspace: int = 1) -> tuple[str, list[dict[str, Any]]]:
    product: Any = SimpleNamespace(database=database)
    file = files.file_of(product, workspace, name, view.parameters(), now=NOW)
    if name.endswith("csv"):
        text = "".join(str(chunk) for chunk in file.chunks)
        return file.name, list(csv.DictReader(io.StringIO(text)))
    whole = b"".join(chunk for chunk in file.chunks if isinstance(chunk, bytes))
    return file.name, pq.read_table(io.BytesIO(whole)).to_pylist()


@pytest.mark.parametrize(
    "view",
    [
        VIEW,
        View(**{**vars(VIEW), "by": By.PROJECT, "only": {By.API_KEY: ("=1+1",)}}),
        View(**{**vars(VIEW), "by": By.TYPE, "grain": Grain.HOUR}),
        View(**{**vars(VIEW), "grain": Grain.WEEK}),
        View(**{**vars(VIEW), "zone": "America/New_York"}),
    ],
)
def test_both_forms_hold_the_same_and_what_is_shown_adds_up_to_the_rows(database: Database, view: View) -> None:
    for kind in ("view", "rows"):
        _, as_csv = told(database, f"{kind}.csv", view)
        _, as_parquet = told(database, f"{kind}.parquet", view)
        assert [list(row.values()) for row in as_csv] == [
            [export.cell(value) for value in row.values()] for row in as_parquet
        ]
        assert as_csv
    shown, rows = told(database, "view.parquet", view)[1], told(database, "rows.parquet", view)[1]
    for figure in ("requests", "input_tokens", "estimated_cost_usd"):
        assert sum(row[figure] or 0 for row in shown) == sum(row[figure] or 0 for row in rows)
    with database.workspace(1) as session:
        part = lacking.part(session, 1, span_of(view, now=NOW), only=view.only)
    for figure, whole in {"rows": part.rows, "tokens": part.tokens, "cost_usd_at_most": part.at_most}.items():
        assert sum(row[f"unpriced_{figure}"] or 0 for row in shown) == (whole or 0)


@pytest.mark.parametrize("view", [VIEW, View(**{**vars(VIEW), "by": By.PROJECT})])
def test_the_table_as_a_file_has_its_lines_in_their_order_with_its_sums(database: Database, view: View) -> None:
    _, as_csv = told(database, "table.csv", view)
    _, lines = told(database, "table.parquet", view)
    _, shown = told(database, "view.parquet", view)

    assert [list(row.values()) for row in as_csv] == [[export.cell(value) for value in row.values()] for row in lines]
    costs = [row["estimated_cost_usd"] for row in lines]
    assert costs == sorted(costs, key=lambda cost: (cost is None, -(cost or 0)))
    for row in lines:
        of_name = [each for each in shown if each["name"] == row["name"]]
        assert row["requests"] == sum(each["requests"] or 0 for each in of_name) or not row["requests"]
        assert (row["estimated_cost_usd"] or 0) == sum(each["estimated_cost_usd"] or 0 for each in of_name)
        assert (row["unpriced_rows"] or 0) == sum(each["unpriced_rows"] or 0 for each in of_name)


@pytest.mark.parametrize(
    "view",
    [
        VIEW,
        View(**{**vars(VIEW), "by": By.PROJECT}),
        View(**{**vars(VIEW), "grain": Grain.HOUR}),
        View(**{**vars(VIEW), "zone": "America/New_York"}),
        View(**{**vars(VIEW), "only": {By.TYPE: ("completions", "web_search_calls")}}),
    ],
)
def test_an_agreed_price_of_calls_leaves_that_of_a_million_tokens_as_it_was(database: Database, view: View) -> None:
    """On screen and in both files, by whatever the lines are and wherever they are read from."""
    before = per_million(database, view)
    agreed = OwnPrice(0, "openai", "*", DAY, rates={"web_search_calls": Decimal("0.5")})
    with owned(database).workspace(1, write=True) as session:
        workspace_prices.add(session, 1, agreed, by=OPERATOR)
    for_project = Dimensions("web_search_calls", 3_600, model="gpt-5.4", project_id="p1")
    calls = [UsageRecord(clock.day_start(DAY) + timedelta(hours=6), for_project, Measures(requests=40))]
    store(database, *calls, endpoint="web_search_calls", now=NOW)

    assert sum(row["estimated_cost_usd"] or 0 for row in told(database, "table.parquet", view)[1]) > 20
    assert per_million(database, view) == before


def per_million(database: Database, view: View) -> dict[str, Decimal | None]:
    """What is told of each name, which is the same in the three places."""
    product: Any = SimpleNamespace(database=database)
    seen = reading.read(product, 1, view, reading.read_facets(product, 1), now=NOW)
    found = {line.name: line.per_million for line in seen.lines()}
    rounded = {name: None if usd is None else round(usd, 9) for name, usd in found.items()}
    for form in ("csv", "parquet"):
        rows = told(database, f"table.{form}", view)[1]
        assert {row["name"]: export.cell(row["usd_per_million_tokens"]) for row in rows} == {
            name: export.cell(usd) for name, usd in rounded.items()
        }
    return found


def test_the_table_says_of_which_days_its_bill_is_and_where_its_prices_are_from(database: Database) -> None:
    _, (priced, unknown) = told(database, "table.csv", VIEW)

    assert (priced["name"], priced["billed_cost_usd"], priced["billed_from"]) == ("gpt-5.4", "1.5", "2026-11-10")
    assert (priced["first_day"], priced["last_day"], priced["price_source"]) == ("2026-11-10", "2026-11-11", "list")
    assert (unknown["name"], unknown["estimated_cost_usd"], unknown["price_source"]) == ("nobody-knows", "", "unpriced")


def test_the_bill_stands_beside_the_days_that_have_one(database: Database) -> None:
    _, rows = told(database, "view.csv", VIEW)

    assert [(row["start"], row["model"], row["billed_cost_usd"]) for row in rows] == [
        ("2026-11-10", "gpt-5.4", "1.5"),
        ("2026-11-10", "nobody-knows", ""),
        ("2026-11-11", "gpt-5.4", ""),
    ]
    assert [(row["estimated_cost_usd"] == "", row["unpriced_rows"]) for row in rows] == [
        (False, "0"),
        (True, "1"),
        (False, "0"),
    ]
    assert [bool(row["unpriced_cost_usd_at_most"]) for row in rows] == [False, True, False]


@pytest.mark.parametrize("by", [By.MODEL, By.PROJECT])
@pytest.mark.parametrize("grain", [Grain.DAY, Grain.WEEK])
def test_what_only_the_bill_has_is_in_the_table_on_screen_and_in_every_file(
    database: Database, by: By, grain: Grain
) -> None:
    """A name without usage, a name without usage on that day, and no name: each is in what the headline sums up."""
    lines = [("gpt-5.4", DAY, "1.5"), ("tuned", DAY, "40"), ("nobody-knows", NEXT, "2"), (None, NEXT, "-0.25")]
    projects = {"tuned": "p9", "gpt-5.4": "p0"}
    bill = [
        BilledCost(day, Decimal(usd), "usd", f"{model}, input", model, projects.get(str(model)))
        for model, day, usd in lines
    ]
    store(database, *bill, endpoint="costs", days=2, now=NOW)
    view = View(**{**vars(VIEW), "by": by, "grain": grain})
    product: Any = SimpleNamespace(database=database)
    seen = reading.read(product, 1, view, reading.read_facets(product, 1), now=NOW)
    table, shown = (told(database, f"{kind}.parquet", view)[1] for kind in ("table", "view"))

    assert seen.bill and seen.bill.total == Decimal("43.25")
    assert sum(seen.billed_by_name().get(line.name, 0) for line in seen.lines()) == seen.bill.total
    assert sum(row["billed_cost_usd"] or 0 for row in table) == seen.bill.total
    assert sum(row["billed_cost_usd"] or 0 for row in shown) == seen.bill.total
    assert [line.name for line in seen.lines()] == [row["name"] for row in table]
    assert sum(line.share or 0 for line in seen.lines()) == 100

    only_billed = ["tuned", "(no model)"] if by is By.MODEL else ["p9"]
    unused = [row for row in (*table, *shown) if row["unpriced_rows"] is None]
    assert [row["name"] for row in table if row["price_source"] == "only billed"] == only_billed
    assert {row["name"] for row in unused} >= {*only_billed} and all(row["billed_cost_usd"] for row in unused)
    assert {row[figure] for row in unused for figure in ("requests", "estimated_cost_usd")} == {None}


def test_a_week_is_one_row_that_says_how_many_days_it_has(database: Database) -> None:
    _, rows = told(database, "view.csv", View(**{**vars(VIEW), "grain": Grain.WEEK}))

    assert [(row["start"], row["bar"], row["days_in_bar"], row["model"], row["billed_cost_usd"]) for row in rows] == [
        ("2026-11-10", "week", "2", "gpt-5.4", "1.5"),
        ("2026-11-10", "week", "2", "nobody-knows", ""),
    ]


@pytest.mark.parametrize(("zone", "days_are"), [("America/New_York", "exact"), ("Asia/Kolkata", "approximate")])
def test_a_local_view_says_its_zone_in_name_and_rows(database: Database, zone: str, days_are: str) -> None:
    name, shown = told(database, "view.csv", View(**{**vars(VIEW), "zone": zone}))
    others = [told(database, f"{kind}.csv", View(**{**vars(VIEW), "zone": zone}))[1] for kind in ("rows", "table")]

    assert name == f"view-2026-11-10-to-2026-11-11-{zone.replace('/', '-')}.csv"
    assert {(row["zone"], row["days_are"], row["billed_cost_usd"]) for row in shown} == {(zone, days_are, "")}
    assert {(row["zone"], row["days_are"]) for rows in others for row in rows} == {(zone, days_are)}
    assert list(others[0][0])[:-3] == list(export.COLUMNS)


def test_a_wrong_address_gives_no_file_of_another_view(database: Database) -> None:
    product: Any = SimpleNamespace(database=database)

    with pytest.raises(BadInput, match="“nonsense” is not a value of “by”"):
        files.file_of(product, 1, "view.csv", {"by": ["nonsense"]}, now=NOW)


def test_no_row_of_another_workspace_is_in_a_file(database: Database) -> None:
    for name in files.NAMES:
        assert told(database, name, VIEW, workspace=2)[1] == []


def test_a_long_file_is_written_group_by_group() -> None:
    count = 3 * parquet.ROWS_A_GROUP + 1
    made = 0

    def rows() -> Iterator[tuple[int, Decimal | None]]:
        nonlocal made
        for made in range(1, count + 1):
            yield made, Decimal(made) / 8 if made % 2 else None

    pieces, written = parquet.chunks([("n", parquet.COUNT), ("usd", parquet.MONEY)], rows()), b""
    for number, piece in enumerate(pieces, start=1):
        assert made <= number * parquet.ROWS_A_GROUP + 1  # nothing is read ahead of what was handed out
        written += piece

    table = pq.ParquetFile(io.BytesIO(written))
    assert table.num_row_groups == 4
    assert sum(row or 0 for row in table.read()["usd"].to_pylist()) == sum(
        Decimal(n) / 8 for n in range(1, count + 1, 2)
    )
