"""The sandbox speaks as the official description says, agrees with itself, and bills request by request."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request as HttpRequest
from urllib.request import urlopen

import pytest
from jsonschema import Draft202012Validator

from tracker import clock
from tracker.sandbox import SandboxServer, Trouble, World
from tracker.sandbox.families import FAMILIES
from tracker.sandbox.rates import charges, cost
from tracker.sandbox.traffic import Request

NOW = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)
START = datetime(2026, 11, 19, tzinfo=UTC)
END = datetime(2026, 11, 21, tzinfo=UTC)
DESCRIPTION = json.loads((Path(__file__).parents[2] / "payloads/openai/org-usage.openapi.json").read_text())
LISTS = {
    "/organization/projects?include_archived=true": "ProjectListResponse",
    "/organization/projects/proj_assistant/api_keys": "ProjectApiKeyListResponse",
    "/organization/projects/proj_search/service_accounts": "ProjectServiceAccountListResponse",
    "/organization/users": "UserListResponse",
}


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    with SandboxServer(World(days=10, now=lambda: NOW)) as running:
        yield running


def ask(server: SandboxServer, path: str, *, kind: str = "good", **query: Any) -> Any:
    """The JSON of a GET; an error's body too."""
    key = server.world.keys[kind]
    address = f"{server.base_url}{path}" + (f"?{urlencode(query, doseq=True)}" if query else "")
    request = HttpRequest(address, headers={"Authorization": f"Bearer {key}"})
    try:
        with urlopen(request, timeout=10) as answer:
            return json.load(answer, parse_float=Decimal)
    except HTTPError as error:
        with error:
            return {"status": error.code, **json.load(error)}


def usage(
    server: SandboxServer, family: str, *, width: str = "1h", by: tuple[str, ...] = (), limit: int = 24
) -> list[Any]:
    """Every bucket of START to END over all pages."""
    path = f"/organization/{'costs' if family == 'costs' else 'usage/' + family}"
    query: dict[str, Any] = {"start_time": int(START.timestamp()), "end_time": int(END.timestamp()), "limit": limit}
    query |= {"bucket_width": width, "group_by": by}
    page = ask(server, path, **query)
    buckets = page["data"]
    while page["has_more"]:
        page = ask(server, path, **query, page=page["next_page"])
        buckets += page["data"]
    return buckets  # type: ignore[no-any-return]


def check(told: Any, schema: str) -> None:
    Draft202012Validator({**DESCRIPTION, "$ref": f"#/components/schemas/{schema}"}).validate(told)


ROWS = {
    "completions": "UsageCompletionsResult",
    "embeddings": "UsageEmbeddingsResult",
    "moderations": "UsageModerationsResult",
    "images": "UsageImagesResult",
    "audio_speeches": "UsageAudioSpeechesResult",
    "audio_transcriptions": "UsageAudioTranscriptionsResult",
    "vector_stores": "UsageVectorStoresResult",
    "code_interpreter_sessions": "UsageCodeInterpreterSessionsResult",
    "file_search_calls": "UsageFileSearchCallsResult",
    "web_search_calls": "UsageWebSearchCallsResult",
    "costs": "CostsResult",
}
"""What a row of each endpoint is called in the official description."""

COSTS_BY = ("project_id", "line_item", "api_key_id")


@pytest.mark.parametrize(
    ("family", "width"),
    [*((family, width) for family in FAMILIES for width in ("1m", "1h", "1d")), ("costs", "1d")],
)
def test_answers_conform_to_the_official_description(server: SandboxServer, family: str, width: str) -> None:
    every = COSTS_BY if family == "costs" else FAMILIES[family].group_by
    for by in ((), every[:1], every):
        buckets = usage(server, family, width=width, by=by, limit={"1m": 1_440, "1h": 48, "1d": 2}[width])

        rows = [row for bucket in buckets for row in bucket["results"]]
        assert rows
        for row in rows:
            # Amounts have come as text from the live service, which the description does not know.
            told = (
                {**row, "amount": {**row["amount"], "value": float(row["amount"]["value"])}} if "amount" in row else row
            )
            check(told, ROWS[family])
            assert all((row[name] is None) or name in by for name in every)


def test_the_page_conforms_to_the_official_description(server: SandboxServer) -> None:
    told = ask(server, "/organization/usage/completions", start_time=int(START.timestamp()), limit=1)

    check(told, "UsageResponse")
    assert told["has_more"]
    assert told["next_page"]


def test_a_limit_conforms_to_the_official_description(server: SandboxServer) -> None:
    told = ask(server, "/organization/costs", kind="rate_limited", start_time=int(START.timestamp()))

    assert told.pop("status") == 429
    check(told, "ErrorResponse")


@pytest.mark.parametrize(("path", "schema"), LISTS.items())
def test_lists_conform_to_the_official_description(server: SandboxServer, path: str, schema: str) -> None:
    told = ask(server, path)

    assert told["data"]
    check(told, schema)


def sums(buckets: list[Any], field: str, *, width_s: int) -> Counter[int]:
    """The field's sum by the start of the wider bucket in which it lies; those without any are left out."""
    found: Counter[int] = Counter()
    for bucket in buckets:
        found[bucket["start_time"] // width_s * width_s] += sum(row[field] for row in bucket["results"])
    return +found


NEVER_USED = {"output_image_tokens"}


@pytest.mark.parametrize("family", FAMILIES)
def test_widths_and_groupings_agree_with_each_other(server: SandboxServer, family: str) -> None:
    told = FAMILIES[family]
    for field in told.fields:
        by_hour = sums(usage(server, family, width="1h"), field, width_s=3_600)
        by_day = sums(usage(server, family, width="1d", limit=7), field, width_s=86_400)

        assert by_day or field in NEVER_USED
        assert sums(usage(server, family, width="1m", limit=1_440), field, width_s=3_600) == by_hour
        assert sums(usage(server, family, width="1h"), field, width_s=86_400) == by_day
        for by in ((name,) for name in told.group_by):
            assert sums(usage(server, family, by=by), field, width_s=3_600) == by_hour
        assert sums(usage(server, family, by=told.group_by), field, width_s=3_600) == by_hour


@pytest.mark.parametrize("limit", [1, 5, 24, 48, 168])
def test_pages_of_any_size_hold_the_same_buckets(server: SandboxServer, limit: int) -> None:
    whole = usage(server, "completions", by=("model",), limit=168)

    assert len(whole) == 48
    assert usage(server, "completions", by=("model",), limit=limit) == whole


@pytest.mark.parametrize("limit", [1, 2, 180])
def test_pages_of_the_bill_hold_the_same_days(server: SandboxServer, limit: int) -> None:
    whole = usage(server, "costs", width="1d", by=COSTS_BY, limit=31)

    assert len(whole) == 2
    assert usage(server, "costs", width="1d", by=COSTS_BY, limit=limit) == whole


@pytest.mark.parametrize("by", [(), ("project_id",), ("line_item",), ("api_key_id",), COSTS_BY])
def test_any_grouping_of_the_bill_comes_to_the_same_dollars(server: SandboxServer, by: tuple[str, ...]) -> None:
    told = usage(server, "costs", width="1d", by=by)

    amounts = [Decimal(row["amount"]["value"]) for bucket in told for row in bucket["results"]]
    truth = [line.amount for line in server.world.truth_bill("acme", START.date(), END.date())]
    assert len(truth) > 20
    assert sum(amounts) == sum(truth)


@pytest.mark.parametrize(
    ("name", "wanted", "field"), [("models", "gpt-5.4", "model"), ("project_ids", "proj_search", "project_id")]
)
def test_a_filter_keeps_only_what_was_asked_for(server: SandboxServer, name: str, wanted: str, field: str) -> None:
    query: dict[str, Any] = {"start_time": int(START.timestamp()), "group_by": field, name: wanted}

    told = ask(server, "/organization/usage/completions", **query)

    assert {row[field] for bucket in told["data"] for row in bucket["results"]} == {wanted}


def test_a_request_is_billed_line_by_line_by_its_own_arithmetic() -> None:
    request = Request(START, "completions", "p", "k", model="gpt-5.4", text=1_000, cached=2_000, out_text=100)

    lines = {charge.line_item: charge.amount for charge in charges(request)}

    # $2.50, $0.25 and $15 a million tokens.
    assert lines == {
        "gpt-5.4, input": Decimal("0.0025"),
        "gpt-5.4, cached input": Decimal("0.0005"),
        "gpt-5.4, output": Decimal("0.0015"),
    }
    assert cost(request) == Decimal("0.0045")


def test_the_bill_of_a_day_is_the_sum_of_its_requests() -> None:
    world = World(days=10, now=lambda: NOW)
    prices = [cost(request) for request in world.requests("acme", START, START + clock.DAY)]

    bill = world.truth_bill("acme", START.date(), START.date() + clock.DAY)

    given_back = [line.amount for line in bill if line.line_item == "Promotional credit"]
    assert sum(line.amount for line in bill) == sum(price for price in prices if price) + sum(given_back)
    assert len(prices) > 50


def test_the_last_two_days_are_not_billed_yet(server: SandboxServer) -> None:
    world = server.world

    assert world.truth_bill("acme", NOW.date() - clock.DAY, NOW.date() + clock.DAY) == []


def test_another_process_makes_the_same_world() -> None:
    program = (
        "from datetime import *; from tracker.sandbox import World; now = datetime(2026, 11, 23, 15, 30, tzinfo=UTC);"
        "print(World(days=10, now=lambda: now).truth_rows('acme', 'completions', now - timedelta(days=2), now))"
    )
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    here = World(days=10, now=lambda: NOW).truth_rows("acme", "completions", NOW - timedelta(days=2), NOW)

    assert output.strip() == str(here)
    assert str(World(seed=2, days=10, now=lambda: NOW).truth_rows("acme", "completions", START, END)) not in output


@pytest.mark.parametrize(
    ("query", "status", "told"),
    [
        ({}, 400, "start_time"),
        ({"start_time": "soon"}, 400, "integer"),
        ({"start_time": 1, "bucket_width": "1h"}, 400, "reporting_lookback_exceeded"),
        ({"start_time": int(START.timestamp()), "bucket_width": "2d"}, 400, "bucket_width"),
        ({"start_time": int(START.timestamp()), "bucket_width": "1h", "limit": 169}, 400, "limit"),
        ({"start_time": int(START.timestamp()), "limit": 32}, 400, "limit"),
        ({"start_time": int(START.timestamp()), "group_by": "line_item"}, 400, "group_by"),
        ({"start_time": int(START.timestamp()), "page": "page_!"}, 400, "page"),
    ],
)
def test_wrong_questions_are_refused(server: SandboxServer, query: dict[str, Any], status: int, told: str) -> None:
    answer = ask(server, "/organization/usage/completions", **query)

    assert answer["status"] == status
    assert told in json.dumps(answer)


def test_a_day_is_told_differently_once_it_is_restated() -> None:
    world = World(days=10, now=lambda: NOW)
    before = world.truth_rows("acme", "completions", START, END)

    world.restate("acme", START.date(), 0)

    assert world.truth_rows("acme", "completions", START, END) == [
        row for row in before if row.bucket_start >= START + clock.DAY
    ]


def test_an_unknown_trouble_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="bad_weather"):
        Trouble("bad_weather")
