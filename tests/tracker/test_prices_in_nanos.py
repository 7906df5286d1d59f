"""Rows priced many at a time, in whole numbers, are to the nano-dollar what each is priced at by itself."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.seeds import examples
from tracker import money
from tracker.own_prices import RATE_NAMES, OwnPrice, OwnPrices
from tracker.pricing import RULES, How, Priced, in_nanos, price
from tracker.ratecards import CLASSES, Charge
from tracker.usage import CostBasis, Dimensions, Measures, UsageRecord

MODELS = (
    "gpt-5.4",
    "gpt-4o-mini",
    "o3",
    "gpt-realtime",
    "gpt-6-luna",
    "text-embedding-3-small",
    "whisper-1",
    "house",
    None,
)
FAMILIES = (*["completions"] * 8, *RULES, "a family of tomorrow")
TIERS = (None, "default", "flex", "priority", "incentivized-tier", "scale")
UNITS = ("requests", "images", "characters", "seconds", "sessions")

COUNT = st.none() | st.integers(0, 3) | st.integers(0, 400_000)
HOUR = st.builds(
    lambda day, hour: datetime(2026, 10, day, hour, tzinfo=UTC), st.sampled_from([13, 14, 20]), st.sampled_from([0, 23])
)
DIMENSIONS = st.builds(
    lambda family, model, tier, batch: Dimensions(family, 3_600, model=model, service_tier=tier, batch=batch),
    st.sampled_from(FAMILIES),
    st.sampled_from(MODELS),
    st.sampled_from(TIERS),
    st.sampled_from([None, False, True]),
)


def nested(counts: dict[str, int | None]) -> Measures:
    """Counts of which each part lies in its whole, where that is told."""
    told = {name: count or 0 for name, count in counts.items()}
    for media in ("audio", "image"):
        counts[f"input_cached_{media}_tokens"] = min(told[f"input_cached_{media}_tokens"], 9)
        counts[f"input_{media}_tokens"] = told[f"input_{media}_tokens"] + 9
    if counts["input_cached_tokens"] is not None:
        counts["input_cached_tokens"] += 18
    if counts["input_tokens"] is not None:
        inner = (
            "input_tokens",
            "input_cached_tokens",
            "input_cache_write_tokens",
            "input_audio_tokens",
            "input_image_tokens",
        )
        counts["input_tokens"] = sum(counts[name] or 0 for name in inner)
    if counts["output_tokens"] is not None:
        counts["output_tokens"] += told["output_audio_tokens"] + told["output_image_tokens"]
    return Measures(**counts)


MEASURES = st.fixed_dictionaries(dict.fromkeys((*UNITS, *CLASSES), COUNT)).map(nested)
TEXT = st.builds(
    lambda requests, whole, cached, output: Measures(
        requests, whole, min(cached, whole or 0) if cached else cached, None, output
    ),
    st.none() | st.integers(0, 2),
    COUNT,
    COUNT,
    COUNT,
)
RATE = st.integers(0, 10**13).map(lambda number: Decimal(number).scaleb(-12))
OWN = st.builds(
    lambda number, model, first, factor, rates, variant: OwnPrice(
        number, "openai", model, date(2026, *first), variant=variant, factor=factor, rates={} if factor else rates
    ),
    st.integers(1, 9),
    st.sampled_from(["*", "gpt-*", "gpt-5.4", "house"]),
    st.sampled_from([(10, 1), (10, 14)]),
    st.none() | RATE,
    st.dictionaries(st.sampled_from(RATE_NAMES), RATE, min_size=1, max_size=4),
    st.sampled_from([None, "batch", "standard"]),
)


def one_by_one(records: list[UsageRecord], prices: OwnPrices) -> list[tuple[int | None, How]]:
    told = [price(record, provider="openai", prices=prices) for record in records]
    return [(None if p.cost is None else money.to_nanos(p.cost), how_of(p)) for p in told]


def how_of(priced: Priced) -> How:
    return How(priced.basis, priced.version, priced.note, priced.own)


@pytest.mark.soak
@settings(max_examples=examples(150), deadline=None)
@given(
    records=st.lists(st.builds(UsageRecord, HOUR, DIMENSIONS, MEASURES | TEXT), min_size=1, max_size=12),
    prices=st.lists(OWN, max_size=3).map(lambda told: OwnPrices(tuple(told))),
)
def test_many_rows_are_priced_as_each_by_itself(records: list[UsageRecord], prices: OwnPrices) -> None:
    assert list(in_nanos(records, provider="openai", prices=prices)) == one_by_one(records, prices)


@pytest.mark.soak
@settings(max_examples=examples(300), deadline=None)
@given(
    rates=st.dictionaries(
        st.sampled_from(("requests", *CLASSES)),
        st.builds(
            lambda number, places: Decimal(number).scaleb(places), st.integers(-(10**6), 10**6), st.integers(-24, 1)
        ),
    ),
    measures=MEASURES,
)
def test_nano_dollars_are_the_exact_cost_rounded_half_to_even(rates: dict[str, Decimal], measures: Measures) -> None:
    exact = sum((Fraction(rate) * (getattr(measures, name) or 0) for name, rate in rates.items()), Fraction())
    charge = Charge.of(rates)

    cost = charge.cost(measures)
    assert Fraction(cost) == exact
    if abs(exact) < 9 * 10**9:
        assert charge.nanos(measures) == round(exact * 10**9) == money.to_nanos(cost)


@pytest.mark.parametrize(
    ("steps", "per_nano", "nanos"),
    [
        (0, 10, 0),
        (5, 10, 0),
        (15, 10, 2),
        (25, 10, 2),
        (35, 10, 4),
        (2_500_000, 1_000_000, 2),
        (2_500_001, 1_000_000, 3),
        (3_499_999, 1_000_000, 3),
        (-5, 10, 0),
        (-15, 10, -2),
        (-25, 10, -2),
        (-26, 10, -3),
        (7, 1, 7),
        (money.MAX_NANOS, 1, money.MAX_NANOS),
        (-money.MAX_NANOS, 1, -money.MAX_NANOS),
        (10 * money.MAX_NANOS + 4, 10, money.MAX_NANOS),
    ],
)
def test_steps_become_whole_nano_dollars(steps: int, per_nano: int, nanos: int) -> None:
    assert money.nanos_of(steps, per_nano) == nanos


@pytest.mark.parametrize(
    ("steps", "per_nano"),
    [(money.MAX_NANOS + 1, 1), (-money.MAX_NANOS - 1, 1), (10 * money.MAX_NANOS + 5, 10), (10**40, 1)],
)
def test_steps_beyond_the_column_are_refused(steps: int, per_nano: int) -> None:
    with pytest.raises(ValueError, match="beyond ±9223372036 dollars"):
        money.nanos_of(steps, per_nano)


def test_a_cost_that_no_column_holds_is_refused_with_its_row() -> None:
    own = OwnPrice(1, "openai", "*", date(2026, 1, 1), rates={"input_tokens": Decimal(1_000_000)})
    of: dict[str, Any] = {"provider": "openai", "prices": OwnPrices((own,))}
    rows = [
        UsageRecord(
            datetime(2026, 11, 20, tzinfo=UTC), Dimensions("completions", 3_600, model="o3"), Measures(1, 10**10)
        )
    ]

    assert price(rows[0], **of).cost == 10**10
    with pytest.raises(ValueError, match="beyond ±9223372036 dollars: 10000000000"):
        list(in_nanos(rows, **of))


def test_what_is_free_costs_nothing_and_what_has_no_price_is_unknown() -> None:
    at, counts = datetime(2026, 11, 20, tzinfo=UTC), Measures(1, 1_000)
    families = ("moderations", "vector_stores")

    found = in_nanos([UsageRecord(at, Dimensions(each, 3_600), counts) for each in families], provider="openai")

    assert [(nanos, how.basis) for nanos, how in found] == [(0, CostBasis.FREE), (None, CostBasis.UNPRICED)]
