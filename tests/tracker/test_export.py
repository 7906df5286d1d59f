"""The files: columns in order, numbers exact, text harmless in a spreadsheet, memory flat."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.installation import NOW, Installation, installed
from tests.tracker.builders import AFTER, DAY, record, store, two_workspaces
from tracker import clock, export, queries
from tracker.db import Database
from tracker.sandbox import World
from tracker.usage import BilledCost, Dimensions, Measures, UsageRecord

TODAY = clock.day_of(NOW)


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    with two_workspaces(migrated_url) as opened:
        yield opened


def told(database: Database, kind: str = "csv", workspace: int = 1) -> list[dict[str, str]]:
    """The exported rows of the day."""
    with database.workspace(workspace) as session:
        text = "".join(export.FORMATS[kind](session, workspace, DAY, DAY + clock.DAY))
    return list(csv.DictReader(io.StringIO(text)))


@pytest.fixture
def fetched(migrated_url: str, tmp_path: Path) -> Iterator[Installation]:
    clock.start_at(NOW)
    with installed(World(days=6, keeps=6), migrated_url, tmp_path) as installation:
        assert installation.fetch() == 0
        yield installation


def test_the_columns_are_those_of_the_contract_in_their_order() -> None:
    assert ",".join(export.COLUMNS) == (
        "bucket_start,bucket_end,provider,provider_key,usage_type,model,project_id,project_name,"
        "api_key_id,api_key_name,user_id,service_tier,batch,detail,requests,input_tokens,input_cached_tokens,"
        "input_cache_write_tokens,output_tokens,input_audio_tokens,input_cached_audio_tokens,output_audio_tokens,input_image_tokens,"
        "input_cached_image_tokens,output_image_tokens,images,characters,seconds,sessions,bytes,estimated_cost_usd,cost_basis"
    )


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, ""),
        ("plain", "plain"),
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\tx", "'\tx"),
        ("\rx", "'\rx"),
        ("＝1", "'＝1"),
        ("a=b", "a=b"),
        ("a;b=c;d-e", "a;b=c;d-e"),
        # Where the list separator is a semicolon a cell begins behind each, and a line behind each line's end.
        ("x;=cmd|' /C calc'!A0", "x;'=cmd|' /C calc'!A0"),
        (";-1;+1;@A;＝1", ";'-1;'+1;'@A;'＝1"),
        ("=1;=2", "'=1;'=2"),
        ('x;"=1', "x;'\"=1"),
        ("x\n=1\r\n+2\t-3", "x\n'=1\r\n'+2\t'-3"),
        ("size=;=1;source==2", "size=;'=1;source==2"),
        (-5, "-5"),
        (Decimal("-1.250000000"), "-1.25"),
        (Decimal("0E-9"), "0"),
        (Decimal("1E+3"), "1000"),
        (True, "true"),
        (datetime(2026, 11, 23, 4, tzinfo=UTC), "2026-11-23T04:00:00Z"),
        (date(2026, 11, 23), "2026-11-23"),
    ],
)
def test_a_cell_is_exact_and_harmless(value: object, written: str) -> None:
    assert export.cell(value) == written


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_no_cell_begins_a_formula_whatever_separates_them(separator: str) -> None:
    names = [f"x{end}{quotes}{start}1, 2" for end in ";\t\r\n" for quotes in ("", '"', '""') for start in "=+-@"]
    out = io.StringIO()
    csv.writer(out).writerows([export.cell("openai"), export.cell(name), export.cell("gpt-5")] for name in names)

    cells = [cell for row in csv.reader(io.StringIO(out.getvalue(), newline=None), delimiter=separator) for cell in row]

    assert len(cells) > len(names) and not [cell for cell in cells if cell.startswith(export.FORMULA)]


def test_the_csv_sums_to_what_usage_says(fetched: Installation) -> None:
    rows = fetched.csv(TODAY - timedelta(days=6), TODAY)

    with fetched.product.database.workspace(fetched.workspace_id) as session:
        total = queries.totals(session, fetched.workspace_id, TODAY - timedelta(days=6), TODAY)
    assert sum(Decimal(row["estimated_cost_usd"] or 0) for row in rows) == total.estimated_cost
    assert sum(int(row["requests"] or 0) for row in rows) == total.requests
    assert len([row for row in rows if row["cost_basis"] == "unpriced"]) == total.unpriced_rows


def test_the_billed_csv_sums_to_the_billed_cost(fetched: Installation) -> None:
    rows = fetched.csv(TODAY - timedelta(days=6), TODAY, "billed-csv")

    with fetched.product.database.workspace(fetched.workspace_id) as session:
        total = queries.totals(session, fetched.workspace_id, TODAY - timedelta(days=6), TODAY)
    assert rows
    assert sum(Decimal(row["billed_cost"]) for row in rows) == total.billed_cost


def test_names_are_told_beside_ids_and_made_harmless(fetched: Installation) -> None:
    rows = fetched.csv(TODAY - timedelta(days=6), TODAY)

    names = {row["project_id"]: row["project_name"] for row in rows}
    assert names["proj_search"] == '\'=1+1 Search & "Ranking"'
    assert names["proj_research"] == "研究 Research"
    assert {row["api_key_name"] for row in rows if row["api_key_id"] == "key_index"} == {"'+indexer"}
    # An archived project's keys cannot be listed, so they have an id and no name.
    assert {row["api_key_name"] for row in rows if row["api_key_id"] == "key_old"} == {""}


def test_the_file_comes_in_pieces(fetched: Installation) -> None:
    with fetched.product.database.workspace(fetched.workspace_id) as session:
        pieces = list(export.usage_csv(session, fetched.workspace_id, TODAY - timedelta(days=6), TODAY))

    assert pieces[0] == ",".join(export.COLUMNS) + "\r\n"
    assert len(list(csv.reader(io.StringIO(pieces[1])))) <= export.BATCH


def test_a_row_of_usage_fills_every_column(database: Database) -> None:
    dimensions = Dimensions(
        *("images", 3_600, "gpt-image-1", "p", "a", "u", "flex", True),
        *("1024x1024", "image.edit", "200k", "vs_1", "responses"),
    )
    counts = (9, 90, 30, 10, 50, 8, 3, 7, 6, 2, 5, 4, 11, 12, 13, 14, 2)
    measured = UsageRecord(clock.day_start(DAY), dimensions, Measures(*counts))
    store(database, measured, endpoint="images")

    (row,) = told(database)

    assert row["cost_basis"] in {"estimated", "unpriced"}
    assert list(row.values())[:-2] == [
        *("2026-11-10T00:00:00Z", "2026-11-10T01:00:00Z", "openai", "k", "images", "gpt-image-1"),
        *("p", "", "a", "", "u", "flex", "true"),
        "size=1024x1024;source=image.edit;context_level=200k;vector_store_id=vs_1;api_source=responses;model_requests=2",
        *map(str, counts[:-1]),
    ]


def test_what_is_unknown_is_an_empty_cell_and_never_zero(database: Database) -> None:
    store(database, UsageRecord(clock.day_start(DAY), Dimensions("completions", 3_600), Measures(requests=0)))

    (row,) = told(database)

    filled = {name: value for name, value in row.items() if value}
    assert filled == {
        "bucket_start": "2026-11-10T00:00:00Z",
        "bucket_end": "2026-11-10T01:00:00Z",
        "provider": "openai",
        "provider_key": "k",
        "usage_type": "completions",
        "requests": "0",
        "cost_basis": "unpriced",
    }


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "＝1"])
def test_no_text_of_a_provider_starts_a_formula(database: Database, text: str) -> None:
    names = ("model", "project_id", "api_key_id", "user_id", "service_tier")
    store(database, record(model=text, project_id=text, api_key_id=text, user_id=text, service_tier=text))
    store(database, BilledCost(DAY, Decimal("-0.5"), "usd", line_item=text), endpoint="costs")

    (row,), (line,) = told(database), told(database, "billed-csv")

    assert {row[name] for name in names} == {"'" + text}
    assert (line["line_item"], line["billed_cost"]) == ("'" + text, "-0.5")


def test_text_with_commas_quotes_and_lines_comes_back_as_it_was(database: Database) -> None:
    text = 'a,"b"\nc;d'
    store(database, record(model=text))

    (row,) = told(database)

    assert row["model"] == text


def test_a_large_file_is_never_whole_in_memory(database: Database) -> None:
    rows = [record(n % 24, user_id=f"user {n}") for n in range(2 * export.BATCH + 1)]
    store(database, *rows)

    with database.workspace(1) as session:
        pieces = list(export.usage_csv(session, 1, DAY, DAY + clock.DAY))

    assert [piece.count("\r\n") for piece in pieces] == [1, export.BATCH, export.BATCH, 1]


def test_the_file_holds_the_days_asked_for_oldest_first_and_no_other_workspace(database: Database) -> None:
    store(database, record(24), record(23), record(0), days=2, now=AFTER + clock.DAY)
    store(database, record(5, tokens=9), key=2)

    assert [row["bucket_start"][11:13] for row in told(database)] == ["00", "23"]
    assert [row["input_tokens"] for row in told(database, workspace=2)] == ["9"]


def test_a_bill_line_keeps_its_currency_quantity_and_unknown_amount(database: Database) -> None:
    euros = BilledCost(DAY, Decimal("1.10"), "eur", "a", "o3", "p", "k1", Decimal("0.30"), "1M tokens")
    store(database, euros, BilledCost(DAY, None, "usd", "b"), endpoint="costs")

    first, second = told(database, "billed-csv")

    assert tuple(first) == export.BILLED_COLUMNS
    assert list(first.values()) == [
        *("2026-11-10", "openai", "k", "a", "o3", "p", "", "k1", "", "0.3", "1M tokens", "eur", "1.1"),
    ]
    assert (second["line_item"], second["currency"], second["billed_cost"]) == ("b", "usd", "")
