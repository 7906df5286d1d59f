"""Estimated cost, by hand: every expected sum is written so that it can be checked against the price page."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from genai_prices import Usage, calc_price
from genai_prices.data_snapshot import get_snapshot
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.seeds import examples
from tracker.pricing import LONG_CONTEXT, NO_CACHE_TOLD, Priced, price
from tracker.usage import CostBasis, Dimensions, Measures, UsageRecord

NOVEMBER = datetime(2026, 11, 20, tzinfo=UTC)
SAMPLE: dict[str, Any] = {
    "requests": 50,
    "input_tokens": 1_000_000,
    "input_cached_tokens": 400_000,
    "output_tokens": 100_000,
}


def priced(model: str | None, at: datetime = NOVEMBER, family: str = "completions", **given_: Any) -> Priced:
    dims = {name: given_.pop(name) for name in ("batch", "service_tier") if name in given_}
    measures = Measures(**(given_ or SAMPLE))
    return price(UsageRecord(at, Dimensions(family, 3_600, model=model, **dims), measures), provider="openai")


def usd(*parts: tuple[int, str]) -> Decimal:
    """Tokens times dollars a million, summed."""
    return sum((tokens * Decimal(rate) / 1_000_000 for tokens, rate in parts), Decimal())


@pytest.mark.parametrize(
    ("model", "at", "expected"),
    [
        ("gpt-4o-mini-2024-07-18", NOVEMBER, usd((600_000, "0.15"), (400_000, "0.075"), (100_000, "0.60"))),
        ("o3", datetime(2025, 6, 9, 23, tzinfo=UTC), usd((600_000, "10"), (400_000, "0.5"), (100_000, "40"))),
        ("o3", datetime(2025, 6, 10, tzinfo=UTC), usd((600_000, "2"), (400_000, "0.5"), (100_000, "8"))),
        ("gpt-5.4", NOVEMBER, usd((600_000, "2.5"), (400_000, "0.25"), (100_000, "15"))),
        ("ft:gpt-4o-mini-2024-07-18:acme::abc123", NOVEMBER, usd((1_000_000, "0.3"), (100_000, "1.2"))),
    ],
)
def test_tokens_cost_their_list_price_of_the_day(model: str, at: datetime, expected: Decimal) -> None:
    found = priced(model, at)

    assert found.cost == expected
    assert found.basis is CostBasis.ESTIMATED


@pytest.mark.parametrize(
    ("dims", "expected"),
    [
        ({"service_tier": "default"}, usd((600_000, "2.5"), (400_000, "0.25"), (100_000, "15"))),
        ({"service_tier": "flex-tier"}, usd((600_000, "1.25"), (400_000, "0.13"), (100_000, "7.5"))),
        ({"service_tier": "priority"}, usd((600_000, "5"), (400_000, "0.5"), (100_000, "30"))),
        # Batch rows say tier default: batch decides first.
        ({"service_tier": "default", "batch": True}, usd((600_000, "1.25"), (400_000, "0.13"), (100_000, "7.5"))),
    ],
)
def test_a_tier_has_its_own_rates(dims: dict[str, Any], expected: Decimal) -> None:
    assert priced("gpt-5.4", **dims, **SAMPLE).cost == expected


@pytest.mark.parametrize(
    ("tokens", "rate", "long"),
    [(271_999, "2.5", False), (272_000, "2.5", False), (272_001, "5", True)],
)
def test_long_context_is_decided_by_the_average_request(tokens: int, rate: str, *, long: bool) -> None:
    found = priced("gpt-5.4", requests=3, input_tokens=3 * tokens, input_cached_tokens=0, output_tokens=0)

    assert found.cost == usd((3 * tokens, rate))
    assert (found.note == LONG_CONTEXT) is long
    assert found.version is not None
    assert found.version.variant == ("standard, long context" if long else "standard")


def test_long_context_without_a_number_of_requests_is_unpriced() -> None:
    assert priced("gpt-5.4", input_tokens=300_000, output_tokens=1).basis is CostBasis.UNPRICED
    assert priced("gpt-5.4", input_tokens=272_000, output_tokens=0).cost == usd((272_000, "2.5"))
    reason = "the row tells no number of requests, on which its long-context rates depend"
    assert priced("gpt-5.4", input_tokens=272_001, output_tokens=0).note == f"Unpriced: {reason}."


def test_tokens_of_a_class_without_a_rate_leave_the_row_unpriced() -> None:
    found = priced("text-embedding-3-small", requests=1, input_tokens=5, output_tokens=3)
    assert found.note == "Unpriced: text-embedding-3-small has no rate for output_tokens."


def test_audio_and_images_have_their_own_rates_and_include_their_cached_part() -> None:
    found = priced(
        "gpt-realtime",
        **SAMPLE,
        input_audio_tokens=500_000,
        input_cached_audio_tokens=300_000,
        output_audio_tokens=90_000,
    )

    text, cached_text, audio, cached_audio = 400_000, 100_000, 200_000, 300_000
    inputs = usd((text, "4"), (cached_text, "0.4"), (audio, "32"), (cached_audio, "0.4"))
    assert found.cost == inputs + usd((10_000, "16"), (90_000, "64"))


def test_cache_writes_cost_more_than_input() -> None:
    found = priced("gpt-6-luna", requests=1, input_tokens=1_000, input_cache_write_tokens=400, output_tokens=0)

    assert found.cost == usd((600, "0.1"), (400, "0.125"))


@pytest.mark.parametrize(
    ("model", "family", "dims"),
    [
        ("never-heard-of-it", "completions", {}),
        (None, "completions", {}),
        ("whisper-1", "completions", {}),
        ("gpt-5.4", "completions", {"service_tier": "scale"}),
        ("gpt-realtime", "completions", {"batch": True}),
        ("gpt-image-1", "images", {}),
        ("tts-1", "audio_speeches", {}),
        ("whisper-1", "audio_transcriptions", {}),
        (None, "vector_stores", {}),
        (None, "code_interpreter_sessions", {}),
        (None, "file_search_calls", {}),
        ("gpt-5.4", "web_search_calls", {}),
        ("gpt-5.4", "a family of tomorrow", {}),
    ],
)
def test_what_the_list_does_not_know_is_unpriced_and_never_zero(
    model: str | None,
    family: str,
    dims: dict[str, Any],
) -> None:
    found = priced(model, family=family, **dims, **SAMPLE)

    assert (found.cost, found.basis, found.version) == (None, CostBasis.UNPRICED, None)
    assert found.note is not None
    assert found.note.startswith("Unpriced: ")


@pytest.mark.parametrize(
    ("model", "family", "dims", "reason"),
    [
        ("never-heard-of-it", "completions", {}, "the model never-heard-of-it is not in the price list"),
        (None, "completions", {}, "the row names no model"),
        ("gpt-5.4", "completions", {"service_tier": "scale"}, "the tier scale is not in the price list"),
        ("tts-1", "audio_speeches", {}, "the price list has no rates for audio_speeches"),
        (None, "vector_stores", {}, "the price list has no rates for vector_stores"),
        ("gpt-5.4", "a family of tomorrow", {}, "no rates for a family of tomorrow"),
    ],
)
def test_why_a_row_has_no_price_is_said(model: str | None, family: str, dims: dict[str, Any], reason: str) -> None:
    assert priced(model, family=family, **dims, **SAMPLE).note == f"Unpriced: {reason}."


def test_complimentary_and_free_rows_cost_nothing_and_say_so() -> None:
    shared = priced("gpt-5-mini", service_tier="incentivized-tier", **SAMPLE)
    moderated = priced("omni-moderation-latest", family="moderations", requests=1, input_tokens=5)

    assert (shared.cost, shared.basis) == (Decimal(), CostBasis.COMPLIMENTARY)
    assert (moderated.cost, moderated.basis) == (Decimal(), CostBasis.FREE)


def test_a_discount_that_the_list_records_late_is_inferred_and_said() -> None:
    before = priced("gpt-4o-mini", datetime(2026, 6, 20, tzinfo=UTC), batch=True, **SAMPLE)
    after = priced("gpt-4o-mini", datetime(2026, 10, 14, tzinfo=UTC), batch=True, **SAMPLE)

    assert before.cost == after.cost == usd((600_000, "0.075"), (400_000, "0.075"), (100_000, "0.3"))
    assert before.note is not None
    assert "2026-10-14" in before.note
    assert before.version is not None
    assert before.version.note == before.note
    assert after.note is None


def test_a_discount_is_not_inferred_across_a_price_change() -> None:
    found = priced("gpt-5.6-luna", datetime(2026, 7, 29, tzinfo=UTC), batch=True, **SAMPLE)

    assert found.basis is CostBasis.UNPRICED


def test_a_missing_cached_part_is_priced_as_uncached_and_said() -> None:
    found = priced("gpt-4o-mini", requests=1, input_tokens=1_000, output_tokens=0)

    assert found.cost == usd((1_000, "0.15"))
    assert found.note == NO_CACHE_TOLD


def test_the_version_names_the_model_matched_and_the_rates() -> None:
    first, again, other = (priced(model).version for model in ("o3", "o3-2025-04-16", "gpt-5.4"))

    assert first is not None
    assert first == again
    assert (first.model, first.variant, first.effective_from) == ("o3", "standard", date(2025, 6, 10))
    assert other is not None
    assert first.content_sha256 != other.content_sha256


MODELS = sorted(
    model.id
    for provider in get_snapshot().providers
    if provider.id == "openai"
    for model in provider.models
    if not model.id.startswith("ft:")
)
FEW = st.integers(0, 2_000)


@pytest.mark.soak
@settings(max_examples=examples(300), deadline=None)
@given(
    model=st.sampled_from(MODELS),
    context=st.sampled_from([None, "flex", "priority", "batch"]),
    counts=st.tuples(FEW, FEW, FEW, FEW, FEW, FEW, FEW, FEW, FEW),
    scale=st.sampled_from([1, 400]),
)
def test_rates_drawn_from_the_list_cost_exactly_what_the_list_says(
    model: str,
    context: str | None,
    counts: tuple[int, ...],
    scale: int,
) -> None:
    text, cached, written, audio, cached_audio, image, cached_image, out_text, out_audio = (n * scale for n in counts)
    all_cached = cached + cached_audio + cached_image
    measures: dict[str, Any] = {
        "requests": 1,
        "input_tokens": text + written + audio + image + all_cached,
        "input_cached_tokens": all_cached,
        "input_cache_write_tokens": written,
        "output_tokens": out_text + out_audio,
        "input_audio_tokens": audio + cached_audio,
        "input_cached_audio_tokens": cached_audio,
        "output_audio_tokens": out_audio,
        "input_image_tokens": image + cached_image,
        "input_cached_image_tokens": cached_image,
        "output_image_tokens": 0,
    }
    dims: dict[str, Any] = {"batch": True} if context == "batch" else {"service_tier": context}

    found = priced(model, **dims, **measures)

    if found.basis is CostBasis.ESTIMATED:
        usage = Usage(
            input_tokens=measures["input_tokens"],
            output_tokens=measures["output_tokens"],
            cache_read_tokens=all_cached,
            cache_write_tokens=written,
            input_audio_tokens=audio + cached_audio,
            cache_audio_read_tokens=cached_audio,
            output_audio_tokens=out_audio,
            input_image_tokens=image + cached_image,
            cache_image_read_tokens=cached_image,
            output_image_tokens=0,
            cache_audio_write_tokens=0,
            cache_image_write_tokens=0,
        )
        at = {"processing": "batch"} if context == "batch" else {"service_tier": context} if context else None
        listed = calc_price(usage, model, provider_id="openai", genai_request_timestamp=NOVEMBER, price_context=at)
        assert found.cost == listed.total_price
