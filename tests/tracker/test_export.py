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
from tracker import clock, export, queries
from tracker.sandbox import World

TODAY = clock.day_of(NOW)


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
