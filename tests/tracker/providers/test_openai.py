"""OpenAI's API read over real HTTP: complete, in any windows, and never a guess when an answer goes wrong."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.seeds import examples
from tracker.calls import KeptCalls
from tracker.errors import (
    BadRequest,
    LookbackExceeded,
    PayloadChanged,
    ProviderDown,
    ProviderError,
    RateLimited,
    ScopeMissing,
)
from tracker.providers.base import Endpoint, Fetched
from tracker.providers.http import ClientPool, Limits, ProviderClient
from tracker.providers.openai import OpenAI
from tracker.redact import SecretKey
from tracker.sandbox import SandboxServer, Trouble, World
from tracker.sandbox.families import FAMILIES
from tracker.usage import UsageRecord

NOW = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)
FIRST, END = date(2026, 11, 12), date(2026, 11, 20)
OPENAI = OpenAI()
ENDPOINTS = {endpoint.name: endpoint for endpoint in OPENAI.endpoints}


@pytest.fixture(scope="module")
def pool() -> Iterator[ClientPool]:
    made = ClientPool(clients=1)
    yield made
    made.close()


@pytest.fixture
def server() -> Iterator[SandboxServer]:
    with SandboxServer(World(days=15, keeps=15, now=lambda: NOW)) as running:
        yield running


def client(server: SandboxServer, pool: ClientPool, kind: str = "good", tries: int = 1) -> ProviderClient:
    return ProviderClient(
        base_url=server.base_url,
        title=OPENAI.title,
        headers=OPENAI.headers,
        key=SecretKey(server.world.keys.get(kind, kind)),
        allowed=OPENAI.allowed,
        explain=OPENAI.explain,
        calls=KeptCalls(),
        connection=pool,
        limits=Limits(tries=tries, total_s=2, read_s=2),
        wait=lambda _: None,
    )


def fetch(
    server: SandboxServer,
    pool: ClientPool,
    family: str = "completions",
    start: date = FIRST,
    end: date = END,
) -> Fetched:
    return OPENAI.fetch(client(server, pool), ENDPOINTS[family], start, end, now=NOW)


def test_there_is_an_endpoint_for_every_family_and_one_for_costs() -> None:
    assert set(ENDPOINTS) == {*FAMILIES, "costs"}
    for name, family in FAMILIES.items():
        assert set(ENDPOINTS[name].group_by) == set(family.group_by)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_row_has_its_bucket_dimensions_and_requests(server: SandboxServer, pool: ClientPool, family: str) -> None:
    told = fetch(server, pool, family)

    start, end = (datetime(day.year, day.month, day.day, tzinfo=UTC) for day in (FIRST, END))
    truth = server.world.truth_rows("acme", family, start, end)
    assert truth
    found = {_identity(record): record for record in told.usage}
    assert len(found) == len(told.usage) == len(truth)
    for row in truth:
        record = found[row.bucket_start, tuple(row.dims.get(name) for name in DIMS)]
        for field, ours in {"input_tokens": "input_tokens", "images": "images", "usage_bytes": "bytes"}.items():
            if field in row.measures:
                assert getattr(record.measures, ours) == row.measures[field]
    assert told.unknown_fields == {}


DIMS = ("model", "project_id", "api_key_id", "user_id", "service_tier", "batch", "size", "source", "context_level")


def _identity(record: UsageRecord) -> tuple[Any, ...]:
    return record.bucket_start, tuple(getattr(record.dimensions, name) for name in DIMS)


def test_the_bill_is_read_to_the_last_digit(server: SandboxServer, pool: ClientPool) -> None:
    told = fetch(server, pool, "costs")

    lines = server.world.truth_bill("acme", FIRST, END)
    assert sorted(line.amount for line in told.costs if line.amount is not None) == sorted(
        line.amount for line in lines
    )
    assert any(line.amount is not None and line.amount < 0 for line in told.costs) == any(
        line.amount < 0 for line in lines
    )


@pytest.mark.soak
@settings(max_examples=examples(12), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.sets(st.integers(1, 7), max_size=4), family=st.sampled_from([*FAMILIES, "costs"]))
def test_any_split_into_windows_tells_the_same_rows(
    server: SandboxServer,
    pool: ClientPool,
    cuts: set[int],
    family: str,
) -> None:
    whole = fetch(server, pool, family)
    days = [FIRST + timedelta(days=n) for n in sorted({0, *cuts, (END - FIRST).days})]

    parts = [fetch(server, pool, family, start, end) for start, end in pairwise(days)]

    assert set(whole.usage) == {record for part in parts for record in part.usage}
    assert set(whole.costs) == {line for part in parts for line in part.costs}


@pytest.mark.parametrize(
    ("kind", "reaction"),
    [
        *[(f"status_{code}", ProviderDown) for code in (500, 502, 503, 504)],
        *[(kind, ProviderDown) for kind in ("short_body", "connection_reset")],
        ("rate_limit", RateLimited),
        ("rate_limit_date", RateLimited),
        ("status_404", PayloadChanged),
        ("status_400", BadRequest),
        *[
            (kind, PayloadChanged)
            for kind in (
                "truncated_json",
                "html",
                "empty_body",
                "no_content_204",
                "error_200",
                "wrong_schema",
                "redirect",
                "gzip_bomb",
                "unknown_encoding",
                "missing_field",
                "null_count",
                "negative",
                "huge_number",
                "half_count",
                "nan",
                "duplicate_names",
                "deep_nesting",
                "duplicate_bucket_different",
                "has_more_without_cursor",
                "repeated_cursor",
                "expired_cursor",
                "future_bucket",
            )
        ],
    ],
)
def test_trouble_is_told_and_gives_no_rows(
    server: SandboxServer,
    pool: ClientPool,
    kind: str,
    reaction: type[ProviderError],
) -> None:
    server.world.troubles.add(Trouble(kind, times=100))

    with pytest.raises(reaction) as told:
        fetch(server, pool)

    assert type(told.value) is reaction
    assert str(told.value).endswith((".", ")"))
    assert server.world.keys["good"] not in repr(told.value)


@pytest.mark.parametrize("kind", ["result_key", "string_count", "float_count", "duplicate_bucket_same"])
def test_what_means_the_same_is_read_the_same(server: SandboxServer, pool: ClientPool, kind: str) -> None:
    good = fetch(server, pool, "web_search_calls")
    server.world.troubles.add(Trouble(kind, times=100))

    assert set(fetch(server, pool, "web_search_calls").usage) == set(good.usage)


def test_unread_fields_are_ignored_and_counted(server: SandboxServer, pool: ClientPool) -> None:
    good = fetch(server, pool)
    server.world.troubles.add(Trouble("extra_fields", times=100))

    told = fetch(server, pool)

    assert told.usage == good.usage
    assert told.unknown_fields == {"shiny_new_tokens": len(good.usage)}


def test_strange_names_are_kept_as_they_are_less_nul(server: SandboxServer, pool: ClientPool) -> None:
    server.world.troubles.add(Trouble("strange_names", times=100))

    told = fetch(server, pool, "moderations")

    assert {record.dimensions.model for record in told.usage} == {"<b>\u202e=1+1</b>"}


def test_a_refused_grouping_is_dropped_and_said(server: SandboxServer, pool: ClientPool) -> None:
    server.world.troubles.add(Trouble("status_400", path="/organization/costs"))

    told = fetch(server, pool, "costs")

    assert told.dropped == ("api_key_id",)
    assert {line.api_key_id for line in told.costs} == {None}
    billed = sum((line.amount for line in server.world.truth_bill("acme", FIRST, END)), Decimal())
    assert sum((line.amount or Decimal() for line in told.costs), Decimal()) == billed


def test_too_early_a_start_tells_the_first_day_there_is(server: SandboxServer, pool: ClientPool) -> None:
    with pytest.raises(LookbackExceeded) as told:
        fetch(server, pool, start=date(2026, 11, 1))

    assert told.value.earliest_day == date(2026, 11, 8)


def test_a_trouble_that_passes_is_overcome(server: SandboxServer, pool: ClientPool) -> None:
    good = fetch(server, pool)
    server.world.troubles.add(Trouble("status_503", times=2))
    patient = client(server, pool, tries=3)

    assert OPENAI.fetch(patient, ENDPOINTS["completions"], FIRST, END, now=NOW).usage == good.usage


@pytest.mark.parametrize(
    ("kind", "status", "told"),
    [
        ("good", "valid", "The key works."),
        ("usage_only", "valid", "may not read names"),
        ("empty_org", "valid", "Is it the right organisation?"),
        ("project_key", "insufficient", "This is a project key"),
        ("missing_scope_401", "insufficient", "This is a project key"),
        ("missing_scope_403", "insufficient", "lacks the permission api.usage.read"),
        ("missing_scope_flat", "insufficient", "lacks the permission api.usage.read"),
        ("sk-none-of-those-they-gave-out", "invalid", "mistyped, revoked or expired"),
        ("AIza-a-key-of-somebody-else-0123", "invalid", "does not look like an OpenAI key"),
        ("revoked", "invalid", "mistyped, revoked or expired"),
        ("down_503", "unchecked", "not checked yet"),
        ("rate_limited", "unchecked", "not checked yet"),
        ("html", "unchecked", "not checked yet"),
    ],
)
def test_a_check_says_what_the_key_is_and_what_to_do(
    server: SandboxServer,
    pool: ClientPool,
    kind: str,
    status: str,
    told: str,
) -> None:
    asking = client(server, pool, kind)

    verdict = OPENAI.check(asking, asking.key, now=NOW)

    assert verdict.status == status
    assert told in verdict.sentence


def test_an_organisation_is_recognised_by_its_projects_with_or_without_names(
    server: SandboxServer,
    pool: ClientPool,
) -> None:
    named, nameless, other = (client(server, pool, kind) for kind in ("good", "usage_only", "globex"))
    found = [OPENAI.check(each, each.key, now=NOW).organisation for each in (named, nameless, other)]

    assert found[0] & found[1]
    assert not found[0] & found[2]


def test_names_are_read_also_of_archived_projects(server: SandboxServer, pool: ClientPool) -> None:
    names = {(name.kind, name.ref): name.name for name in OPENAI.names(client(server, pool))}

    assert names["project", "proj_legacy"] == "Legacy <2024>"
    assert names["project", "proj_search"] == '=1+1 Search & "Ranking"'
    assert names["api_key", "key_night"] == "night batch"
    assert names["user", "user-lin"] == "lin@acme.example"
    assert names["user", "svc_ranker"] == "ranker"


def test_names_that_may_not_be_read_say_so(server: SandboxServer, pool: ClientPool) -> None:
    with pytest.raises(ScopeMissing) as told:
        OPENAI.names(client(server, pool, "usage_only"))

    assert told.value.scope == "api.management.read"


def test_every_question_is_on_the_list_and_none_has_a_future_end(server: SandboxServer, pool: ClientPool) -> None:
    today = NOW.date()
    for endpoint in (ENDPOINTS["completions"], ENDPOINTS["costs"]):
        OPENAI.fetch(client(server, pool), endpoint, today, today + timedelta(days=1), now=NOW)

    for request in server.requests:
        assert request.method == "GET"
        assert f"end_time={int(NOW.timestamp()) + 1}" in request.query


def test_an_endpoint_asks_no_more_than_a_page_of_hours() -> None:
    assert {each.days_per_unit for each in OPENAI.endpoints if each.name != "costs"} == {7}
    assert isinstance(ENDPOINTS["costs"], Endpoint)
    assert ENDPOINTS["costs"].bills
