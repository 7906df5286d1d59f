"""A priced group divided over the bill's lines: parts add up to the stored estimate, and other readings are kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import seeds
from tracker.own_prices import OwnPrice
from tracker.reconciliation.causes import Cause
from tracker.reconciliation.estimates import Group, Part, kinds, parts
from tracker.reconciliation.lines import Item
from tracker.usage import CostBasis

TEXT = {"input_tokens": 3_000_000, "input_cached_tokens": 1_000_000, "output_tokens": 100_000}
GROUP = Group(
    day=date(2026, 11, 10),
    provider_key_id=1,
    provider="openai",
    usage_type="completions",
    model="gpt-5.4",
    tier="default",
    batch=False,
    basis=CostBasis.ESTIMATED,
    long_context=False,
    rows=3,
    counts=TEXT,
    cost=Decimal("6.75"),
)


def estimates(group: Group) -> dict[str, Decimal | None]:
    return {part.item.kind: part.estimated for part in parts(group)}


def readings(group: Group, kind: str) -> set[tuple[Cause, Decimal]]:
    (found,) = [part for part in parts(group) if part.item.kind == kind]
    return set(found.otherwise)


def test_each_kind_of_token_is_a_line_at_its_own_rate() -> None:
    assert estimates(GROUP) == {"input": 5, "cached input": Decimal("0.25"), "output": Decimal("1.5")}
    assert [part.rate for part in parts(GROUP)] == [Decimal("0.0000025"), Decimal("0.00000025"), Decimal("0.000015")]
    assert [(part.item.model, part.quantity, part.rows) for part in parts(GROUP)] == [
        ("gpt-5.4", 2_000_000, 3),
        ("gpt-5.4", 1_000_000, 3),
        ("gpt-5.4", 100_000, 3),
    ]


def test_a_group_of_long_requests_is_divided_at_their_higher_rates() -> None:
    long = replace(GROUP, long_context=True, cost=Decimal("12.75"))

    assert estimates(long) == {"input": 10, "cached input": Decimal("0.5"), "output": Decimal("2.25")}
    assert (Cause.LONG_CONTEXT, Decimal("1.5")) in readings(long, "output")


def test_a_group_priced_by_agreement_is_divided_at_the_agreed_rates() -> None:
    rates = {"input_tokens": Decimal(2), "output_tokens": Decimal(10)}
    own = OwnPrice(1, "openai", "gpt-5.4", date(2026, 11, 1), rates=rates)
    found = replace(GROUP, own=own, cost=Decimal("5.25"))

    assert estimates(found) == {"input": 4, "cached input": Decimal("0.25"), "output": 1}
    half = replace(GROUP, own=replace(own, factor=Decimal("0.5"), rates={}), cost=Decimal("3.375"))
    assert estimates(half) == {"input": Decimal("2.5"), "cached input": Decimal("0.125"), "output": Decimal("0.75")}


def test_a_search_priced_by_agreement_tells_its_rate() -> None:
    own = OwnPrice(1, "openai", "*", date(2026, 11, 1), rates={"web_search_calls": Decimal("0.01")})
    found = replace(GROUP, own=own, usage_type="web_search_calls", counts={"requests": 4}, cost=Decimal("0.04"))

    assert [part.rate for part in parts(found)] == [Decimal("0.01")]


@pytest.mark.parametrize(
    ("family", "counts", "item", "quantity", "rate_name"),
    [
        ("images", {"images": 7}, Item("gpt-5.4", "images"), 7, "images"),
        ("audio_speeches", {"characters": 90}, Item("gpt-5.4", "characters"), 90, "characters"),
        ("audio_transcriptions", {"seconds": None}, Item("gpt-5.4", "seconds"), 0, "seconds"),
        ("file_search_calls", {"requests": 4}, Item("", "file search tool calls"), 4, "file_search_calls"),
        ("web_search_calls", {"requests": None}, Item("", "web search tool calls"), 0, "web_search_calls"),
    ],
)
def test_what_is_not_sold_by_the_token_is_one_part(
    family: str, counts: dict[str, int | None], item: Item, quantity: int, rate_name: str
) -> None:
    own = OwnPrice(1, "openai", "*", date(2026, 11, 1), rates={rate_name: Decimal("0.01")})
    group = replace(GROUP, usage_type=family, counts=counts, cost=Decimal("0.04"))

    assert parts(group) == [Part(item, quantity, Decimal("0.04"), 3)]
    assert parts(replace(group, own=own)) == [Part(item, quantity, Decimal("0.04"), 3, rate=Decimal("0.01"))]
    assert parts(replace(group, model=None))[0].item == replace(item, model="")


def test_what_rounding_left_goes_to_the_largest_part() -> None:
    assert estimates(replace(GROUP, cost=Decimal("6.750000001")))["input"] == Decimal("5.000000001")


def test_other_readings_of_a_part_are_kept_with_their_causes() -> None:
    assert (Cause.CACHE, Decimal("2.5")) in readings(GROUP, "cached input")
    assert (Cause.CACHE, Decimal("7.5")) in readings(GROUP, "input")
    assert (Cause.LONG_CONTEXT, Decimal(10)) in readings(GROUP, "input")
    assert {cause for cause, _ in readings(GROUP, "output")} >= {Cause.LONG_CONTEXT, Cause.TIER_OR_BATCH}
    uncached = replace(GROUP, counts={"input_tokens": 2_000_000, "output_tokens": 0})
    assert Cause.CACHE not in {cause for cause, _ in readings(uncached, "input")}


def test_a_priority_or_batch_group_is_also_read_at_the_standard_rate() -> None:
    one_million = {"input_tokens": 1_000_000}
    priority = replace(GROUP, model="gpt-4.1-mini", tier="priority", counts=one_million, cost=Decimal("0.7"))
    batch = replace(GROUP, model="gpt-4o-mini", batch=True, counts=one_million, cost=Decimal("0.075"))

    assert (Cause.TIER_OR_BATCH, Decimal("0.4")) in readings(priority, "input")
    assert (Cause.TIER_OR_BATCH, Decimal("0.15")) in readings(batch, "input")


def test_complimentary_tokens_cost_nothing_and_are_worth_their_list_price() -> None:
    shared = replace(GROUP, tier="incentivized-tier", basis=CostBasis.COMPLIMENTARY, cost=Decimal())

    assert set(estimates(shared).values()) == {0}
    assert readings(shared, "output") == {(Cause.COMPLIMENTARY, Decimal("1.5"))}


@pytest.mark.parametrize("model", ["acme-internal-preview", None])
def test_unpriced_tokens_stay_unknown_on_every_line(model: str | None) -> None:
    unpriced = replace(GROUP, model=model, basis=CostBasis.UNPRICED, cost=None)

    assert estimates(unpriced) == {"input": None, "cached input": None, "output": None}


def test_a_cost_whose_rates_are_gone_stands_on_the_first_line() -> None:
    gone = replace(GROUP, model="acme-internal-preview")

    assert estimates(gone) == {"input": Decimal("6.75"), "cached input": 0, "output": 0}


@pytest.mark.parametrize(
    ("usage_type", "counts", "item"),
    [
        ("images", {"images": 4}, Item("gpt-5.4", "images")),
        ("audio_speeches", {"characters": 4}, Item("gpt-5.4", "characters")),
        ("audio_transcriptions", {"seconds": 4}, Item("gpt-5.4", "seconds")),
        ("web_search_calls", {"requests": 4}, Item("", "web search tool calls")),
        ("code_interpreter_sessions", {"requests": 4}, Item("", "code interpreter sessions")),
    ],
)
def test_other_families_are_one_line_of_their_own_unit(
    usage_type: str, counts: dict[str, int | None], item: Item
) -> None:
    (part,) = parts(replace(GROUP, usage_type=usage_type, counts=counts, cost=None, basis=CostBasis.UNPRICED))

    assert (part.item, part.quantity, part.estimated) == (item, 4, None)


def test_usage_without_tokens_is_still_a_line() -> None:
    assert estimates(replace(GROUP, counts={"input_tokens": None}, cost=Decimal())) == {"input": 0}


def test_nested_audio_and_images_are_counted_once() -> None:
    counts = {"input_tokens": 100, "input_cached_tokens": 40, "input_cache_write_tokens": 5, "output_tokens": 50}
    audio = {"input_audio_tokens": 30, "input_cached_audio_tokens": 20, "output_audio_tokens": 15}
    image = {"input_image_tokens": 12, "input_cached_image_tokens": 4, "output_image_tokens": 7}

    split = kinds({**counts, **audio, **image})

    assert split == {
        "input": 37,
        "cached input": 16,
        "cache write": 5,
        "audio input": 10,
        "cached audio input": 20,
        "image input": 8,
        "cached image input": 4,
        "output": 28,
        "audio output": 15,
        "image output": 7,
    }
    assert sum(split.values()) == 150


COUNT = st.integers(0, 10**12)


@settings(deadline=None, max_examples=seeds.examples(100))
@given(COUNT, COUNT, COUNT, st.integers(0, 10**18), st.booleans())
def test_parts_add_up_to_the_stored_estimate(plain: int, cached: int, out: int, nanos: int, long: bool) -> None:
    counts = {"input_tokens": plain + cached, "input_cached_tokens": cached, "output_tokens": out}
    cost = Decimal(nanos).scaleb(-9)

    divided = parts(replace(GROUP, counts=counts, cost=cost, long_context=long))

    assert sum((part.estimated or 0 for part in divided), Decimal()) == cost
