"""OpenAI's API read over real HTTP: complete, in any windows, and never a guess when an answer goes wrong."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.seeds import examples
from tests.tracker.providers.sandboxed import END, ENDPOINTS, FIRST, NOW, OPENAI, Sandboxed, sandboxed
from tracker import clock
from tracker.errors import (
    BadRequest,
    Blocked,
    LookbackExceeded,
    PayloadChanged,
    ProviderDown,
    ProviderError,
    RateLimited,
)
from tracker.providers.base import Endpoint
from tracker.sandbox import Trouble
from tracker.sandbox.families import FAMILIES
from tracker.sandbox.world import TruthRow
from tracker.usage import Dimensions, Measures, UsageRecord

CREDITED = date(2026, 10, 31)
"""A day whose bill carries a credit."""


@pytest.fixture
def openai() -> Iterator[Sandboxed]:
    with sandboxed() as running:
        yield running


def test_there_is_an_endpoint_for_every_family_and_one_for_costs() -> None:
    assert set(ENDPOINTS) == {*FAMILIES, "costs"}
    for name, family in FAMILIES.items():
        assert set(ENDPOINTS[name].group_by) == set(family.group_by)


# How the API spells what our measures name otherwise.
SPELLINGS = {
    "num_model_requests": "requests",
    "num_requests": "requests",
    "usage_bytes": "bytes",
    "num_sessions": "sessions",
}
REPEATED = {"input_uncached_tokens", "input_text_tokens", "output_text_tokens", "input_cached_text_tokens"}


def expected(family: str, row: TruthRow) -> UsageRecord:
    told = {name: count for name, count in row.measures.items() if name not in REPEATED}
    # Here requests are the tool's calls, and the model's calls stand apart.
    model_requests = told.pop("num_model_requests") if family == "web_search_calls" else None
    counts = {SPELLINGS.get(name, name): count for name, count in told.items()}
    for kind in ("audio", "image") if family == "completions" else ():  # the API's number leaves the cached part out
        counts[f"input_{kind}_tokens"] += counts[f"input_cached_{kind}_tokens"]
    dimensions: dict[str, Any] = row.dims
    return UsageRecord(
        row.bucket_start,
        Dimensions(usage_type=family, width_s=3_600, **dimensions),
        Measures(**counts, model_requests=model_requests),
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_every_row_comes_with_all_its_dimensions_and_measures(
    openai: Sandboxed,
    family: str,
) -> None:
    told = openai.fetch(family)

    truth = openai.world.truth_rows("acme", family, clock.day_start(FIRST), clock.day_start(END))
    assert truth
    assert len(told.usage) == len(truth)
    assert set(told.usage) == {expected(family, row) for row in truth}
    assert told.unknown_fields == {}


def test_the_bill_is_read_line_by_line_to_the_last_digit(openai: Sandboxed) -> None:
    told = openai.fetch("costs")

    truth = openai.world.truth_bill("acme", FIRST, END)
    assert len(told.costs) == len(truth)
    assert {
        (line.day, line.line_item, line.project_id, line.api_key_id, line.amount, line.quantity, line.quantity_unit)
        for line in told.costs
    } == {
        (line.day, line.line_item, line.project_id, line.api_key_id, line.amount, line.quantity, line.quantity_unit)
        for line in truth
    }
    assert {line.currency for line in told.costs} == {"usd"}
    assert told.dropped == ()


def test_a_credit_is_a_negative_line_of_the_bill() -> None:
    with sandboxed(days=40) as openai:
        told = openai.fetch("costs", CREDITED, CREDITED + clock.DAY)

    given_back = [line for line in told.costs if line.amount is not None and line.amount < 0]
    assert [(line.line_item, line.amount, line.model) for line in given_back] == [
        ("Promotional credit", Decimal("-1.25"), None),
    ]


@pytest.mark.soak
@settings(max_examples=examples(12), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.sets(st.integers(1, 7), max_size=4), family=st.sampled_from([*FAMILIES, "costs"]))
def test_any_split_into_windows_tells_the_same_rows(
    openai: Sandboxed,
    cuts: set[int],
    family: str,
) -> None:
    whole = openai.fetch(family)
    days = [FIRST + timedelta(days=n) for n in sorted({0, *cuts, (END - FIRST).days})]

    parts = [openai.fetch(family, start, end) for start, end in pairwise(days)]

    assert set(whole.usage) == {record for part in parts for record in part.usage}
    assert set(whole.costs) == {line for part in parts for line in part.costs}


@pytest.mark.parametrize(
    ("kind", "reaction"),
    [
        *[(f"status_{code}", ProviderDown) for code in (500, 502, 503, 504)],
        *[(kind, ProviderDown) for kind in ("short_body", "connection_reset")],
        *[(kind, Blocked) for kind in ("gateway_403", "untold_403")],
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
    openai: Sandboxed,
    kind: str,
    reaction: type[ProviderError],
) -> None:
    openai.trouble(kind, times=100)

    with pytest.raises(reaction) as told:
        openai.fetch()

    assert type(told.value) is reaction
    assert str(told.value).endswith((".", ")"))
    assert openai.world.keys["good"] not in repr(told.value)


@pytest.mark.parametrize(
    ("kind", "reaction"),
    [
        ("status_500", ProviderDown),
        ("rate_limit", RateLimited),
        ("truncated_json", PayloadChanged),
        ("wrong_schema", PayloadChanged),
        ("has_more_without_cursor", PayloadChanged),
        ("repeated_cursor", PayloadChanged),
    ],
)
def test_trouble_with_the_bill_is_told_as_well(openai: Sandboxed, kind: str, reaction: type[ProviderError]) -> None:
    openai.trouble(kind, times=100)

    with pytest.raises(reaction):
        openai.fetch("costs")


def test_trouble_on_a_later_page_gives_no_rows_either(openai: Sandboxed) -> None:
    openai.world.troubles.add(Trouble("status_500", after=1))

    with pytest.raises(ProviderDown):
        openai.fetch()


@pytest.mark.parametrize("kind", ["result_key", "string_count", "float_count", "duplicate_bucket_same"])
def test_what_means_the_same_is_read_the_same(openai: Sandboxed, kind: str) -> None:
    good = openai.fetch("web_search_calls")
    openai.trouble(kind, times=100)

    assert set(openai.fetch("web_search_calls").usage) == set(good.usage)


def test_unread_fields_are_ignored_and_counted(openai: Sandboxed) -> None:
    good = openai.fetch()
    openai.trouble("extra_fields", times=100)

    told = openai.fetch()

    assert list(told.usage) == list(good.usage)
    assert told.unknown_fields == {"shiny_new_tokens": len(good.usage)}


def test_strange_names_are_kept_as_they_are_less_nul(openai: Sandboxed) -> None:
    openai.trouble("strange_names", times=100)

    told = openai.fetch("moderations")

    assert {record.dimensions.model for record in told.usage} == {"<b>\u202e=1+1</b>"}


@pytest.mark.parametrize("dropped", [("api_key_id",), ("project_id",), ("project_id", "api_key_id")])
def test_refused_groupings_are_dropped_one_by_one_and_said(openai: Sandboxed, dropped: tuple[str, ...]) -> None:
    for name in dropped:
        openai.trouble("not_grouped", path="/organization/costs", option=name)

    told = openai.fetch("costs")

    assert told.dropped == dropped
    assert {getattr(line, name) for line in told.costs for name in dropped} == {None}
    billed = sum((line.amount for line in openai.world.truth_bill("acme", FIRST, END)), Decimal())
    assert sum((line.amount or Decimal() for line in told.costs), Decimal()) == billed


@pytest.mark.parametrize(("option", "times"), [("api_key_id", 2), ("line_item", 1), ("start_time", 1)])
def test_what_is_refused_for_anything_else_is_an_error_and_no_grouping_is_given_up(
    openai: Sandboxed, option: str, times: int
) -> None:
    openai.trouble("not_grouped", path="/organization/costs", times=times, option=option)

    with pytest.raises(BadRequest):
        openai.fetch("costs")
    assert openai.fetch("costs").dropped == ()


@pytest.mark.parametrize(
    ("sentence", "named"),
    [
        ("Invalid value: 'api_key_id'. Supported values are: 'project_id' and 'line_item'.", "api_key_id"),
        ("Invalid value: 'project_id'. Supported values are: 'api_key_id'.", "project_id"),
        ("Invalid 'group_by'.", "api_key_id"),
        ("Invalid 'start_time'.", None),
    ],
)
def test_the_grouping_that_is_named_first_is_the_one_refused(sentence: str, named: str | None) -> None:
    assert ENDPOINTS["costs"].refused_in(sentence) == named
    assert ENDPOINTS["costs"].refused_in(sentence, ("project_id", "api_key_id")) is None


def test_a_bill_in_another_currency_says_so(openai: Sandboxed) -> None:
    openai.trouble("two_currencies", path="/organization/costs")

    assert {line.currency for line in openai.fetch("costs").costs} == {"eur"}


@pytest.mark.parametrize(("option", "wait_s"), [("120", 120), ("1", 1), ("0", None), ("", None)])
def test_a_limit_tells_how_long_to_wait_or_that_it_was_not_told(
    openai: Sandboxed,
    option: str,
    wait_s: int | None,
) -> None:
    clock.start_at(NOW)
    openai.trouble("rate_limit", option=option)

    with pytest.raises(RateLimited) as told:
        openai.fetch()

    assert told.value.told_s == wait_s
    assert told.value.retry_at >= NOW + timedelta(seconds=wait_s or 0)


def test_too_early_a_start_tells_the_first_day_there_is(openai: Sandboxed) -> None:
    with pytest.raises(LookbackExceeded) as told:
        openai.fetch(start=date(2026, 11, 1))

    assert told.value.earliest_day == date(2026, 11, 8)


def test_hours_told_as_hours_of_the_future_are_missing(openai: Sandboxed) -> None:
    openai.trouble("eight_hours_ahead")

    with pytest.raises(PayloadChanged, match="left out 8 buckets, the first of 2026-11-23 00:00"):
        openai.fetch("completions", NOW.date(), NOW.date() + clock.DAY)


def test_a_bill_told_as_one_of_the_future_is_refused(openai: Sandboxed) -> None:
    openai.trouble("future_bucket", path="/organization/costs")

    with pytest.raises(PayloadChanged, match=f"left out {(END - FIRST).days} buckets, the first of {FIRST} 00:00"):
        openai.fetch("costs")


def test_a_page_without_buckets_is_the_last_whatever_it_promises(openai: Sandboxed) -> None:
    openai.trouble("cursor_past_the_end", times=100)

    told = openai.fetch("costs")
    assert (told.costs, told.untold) == ((), frozenset(clock.days(FIRST, END)))
    assert len(openai.server.requests) == 1


def test_cursors_without_end_are_followed_up_to_a_cap(openai: Sandboxed) -> None:
    with pytest.raises(PayloadChanged, match="more than 1 pages"):
        OPENAI.fetch(openai.client(pages=1), ENDPOINTS["completions"], FIRST, END, now=NOW)


def test_a_trouble_that_passes_is_overcome(openai: Sandboxed) -> None:
    good = openai.fetch()
    openai.trouble("status_503", times=2)

    assert list(openai.fetch(tries=3).usage) == list(good.usage)


def test_every_question_is_on_the_list_and_none_has_a_future_end(openai: Sandboxed) -> None:
    today = NOW.date()
    for endpoint in (ENDPOINTS["completions"], ENDPOINTS["costs"]):
        OPENAI.fetch(openai.client(), endpoint, today, today + timedelta(days=1), now=NOW)

    for request in openai.server.requests:
        assert request.method == "GET"
        assert f"end_time={int(NOW.timestamp()) + 1}" in request.query


def test_an_endpoint_asks_no_more_than_a_page_of_hours() -> None:
    assert {each.days_per_unit for each in OPENAI.endpoints if each.name != "costs"} == {7}
    assert isinstance(ENDPOINTS["costs"], Endpoint)
    assert ENDPOINTS["costs"].bills
