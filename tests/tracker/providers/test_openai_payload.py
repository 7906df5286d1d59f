"""How single fields are read: tolerant of spellings, strict on nonsense, with the value in the sentence."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from tracker.errors import PayloadChanged
from tracker.providers.openai_payload import FAMILIES, bucket_times, cost_rows, line_item_model, usage_rows, whole

START = 1_795_392_000
"""2026-11-23 00:00 UTC."""


def bucket(*rows: dict[str, Any], start: int = START, width: int = 3_600, name: str = "results") -> dict[str, Any]:
    return {"object": "bucket", "start_time": start, "end_time": start + width, name: list(rows)}


@pytest.mark.parametrize(("told", "count"), [(0, 0), (12, 12), ("12", 12), (Decimal("1.0"), 1), (2**62, 2**62)])
def test_a_count_is_read(told: object, count: int) -> None:
    assert whole(told, "input_tokens") == count


@pytest.mark.parametrize("told", [None, True, "", "12 ", "1.5", "-1", Decimal("0.5"), [], {}, "９"])
def test_nonsense_for_a_count_is_refused_by_name(told: object) -> None:
    with pytest.raises(ValueError, match="input_tokens"):
        whole(told, "input_tokens")


def completion(**fields: Any) -> dict[str, Any]:
    return {"input_tokens": 1_000, "output_tokens": 500, "num_model_requests": 5, **fields}


def test_the_official_example_is_read_with_its_overlaps() -> None:
    row = completion(
        input_cached_tokens=400,
        input_cache_write_tokens=100,
        input_uncached_tokens=500,
        input_text_tokens=400,
        input_audio_tokens=50,
        input_image_tokens=50,
        input_cached_text_tokens=300,
        input_cached_audio_tokens=50,
        input_cached_image_tokens=50,
        output_text_tokens=400,
        output_audio_tokens=50,
        output_image_tokens=50,
    )

    (record,) = usage_rows(FAMILIES["completions"], bucket(row), width_s=3_600)

    measures = record.measures
    assert (measures.input_tokens, measures.input_cached_tokens, measures.input_cache_write_tokens) == (1_000, 400, 100)
    # Audio and images count their cached part: 50 + 50.
    assert (measures.input_audio_tokens, measures.input_cached_audio_tokens) == (100, 50)
    assert (measures.input_image_tokens, measures.output_image_tokens) == (100, 50)


def test_a_breakdown_that_was_not_told_is_unknown_and_not_zero() -> None:
    (record,) = usage_rows(FAMILIES["completions"], bucket(completion(input_cached_tokens=None)), width_s=3_600)

    assert record.measures.input_cached_tokens is None
    assert record.measures.input_audio_tokens is None


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"input_tokens": None}, "input_tokens is missing"),
        ({"num_model_requests": "many"}, "'many'"),
        ({"output_tokens": -3}, "-3"),
        ({"input_cached_tokens": 1_001}, "1001"),
        ({"output_audio_tokens": 501}, "501"),
        ({"input_tokens": 10**13 + 1}, "10000000000001"),
        ({"num_model_requests": 2**63}, "9223372036854775808"),
        ({"num_model_requests": True}, "True"),
        ({"num_model_requests": Decimal("0.5")}, "0.5"),
        ({"input_audio_tokens": 600, "input_cached_audio_tokens": 401}, "1001"),
        ({"model": 5}, "model is 5"),
        ({"project_id": ["proj_a"]}, "project_id is ['proj_a']"),
        ({"service_tier": False}, "service_tier is False"),
        ({"model": "m" * 513}, "512"),
        ({"batch": "yes"}, "batch is 'yes'"),
    ],
)
def test_a_row_that_cannot_be_true_is_refused_with_its_value(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(PayloadChanged) as refused:
        list(usage_rows(FAMILIES["completions"], bucket(completion(**fields)), width_s=3_600))

    assert told in str(refused.value)
    assert "2026-11-23 00:00" in str(refused.value)


def test_a_required_count_that_is_not_there_is_refused() -> None:
    row = completion()
    del row["input_tokens"]

    with pytest.raises(PayloadChanged, match="input_tokens is missing"):
        list(usage_rows(FAMILIES["completions"], bucket(row), width_s=3_600))


@pytest.mark.parametrize(("told", "kept"), [("gpt\x00-5", "gpt-5"), ("", ""), ("模型", "模型"), (None, None)])
def test_a_dimension_is_kept_as_it_came_less_nul(told: str | None, kept: str | None) -> None:
    (record,) = usage_rows(FAMILIES["completions"], bucket(completion(model=told)), width_s=3_600)

    assert record.dimensions.model == kept


@pytest.mark.parametrize("told", [[1], [None], {}, "rows", None])
def test_a_bucket_without_a_list_of_rows_is_refused(told: object) -> None:
    with pytest.raises(PayloadChanged, match="no list of results"):
        list(usage_rows(FAMILIES["completions"], {**bucket(), "results": told}, width_s=3_600))


@pytest.mark.parametrize(
    ("start", "width", "seconds"),
    [(START, 3_600, 3_600), (START, 1_800, 3_600), (START + 60, 1_800, 1_800)],
)
def test_a_bucket_cut_short_by_the_present_keeps_its_width(start: int, width: int, seconds: int) -> None:
    assert bucket_times(bucket(start=start, width=width), width_s=3_600) == (
        datetime.fromtimestamp(start, UTC),
        seconds,
    )


@pytest.mark.parametrize(
    "told",
    [
        bucket(width=7_200),
        bucket(width=0),
        bucket(width=-60),
        bucket(width=3_601),
        bucket(start=2**33),
        {"start_time": "soon", "end_time": 1},
        {"results": []},
        [],
        None,
    ],
)
def test_a_bucket_without_proper_times_is_refused(told: object) -> None:
    with pytest.raises(PayloadChanged):
        bucket_times(told, width_s=3_600)


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        (Decimal("0.06"), Decimal("0.06")),
        ("0.0042", Decimal("0.0042")),
        ("1.2E-7", Decimal("0.00000012")),
        (-5, Decimal(-5)),
        (None, None),
    ],
)
def test_an_amount_is_dollars_as_a_number_or_as_text(value: object, amount: Decimal | None) -> None:
    row = {"amount": {"value": value, "currency": "USD"}, "line_item": "o3, input", "quantity": "1000"}

    (line,) = cost_rows(bucket(row, width=86_400))

    assert (line.amount, line.currency, line.model, line.quantity) == (amount, "usd", "o3", Decimal(1_000))


@pytest.mark.parametrize("amount", [None, {}, {"value": None, "currency": None}])
def test_a_line_without_an_amount_is_kept_with_an_unknown_one(amount: object) -> None:
    (line,) = cost_rows(bucket({"amount": amount, "line_item": "Text tokens"}, width=86_400))

    assert (line.amount, line.currency, line.line_item, line.model) == (None, "usd", "Text tokens", None)


@pytest.mark.parametrize("told", ["12 dollars", [], 5])
def test_an_amount_that_is_no_object_is_refused(told: object) -> None:
    with pytest.raises(PayloadChanged, match="amount is"):
        list(cost_rows(bucket({"amount": told}, width=86_400)))


@pytest.mark.parametrize("value", ["NaN", "Infinity", "a lot", True, "1e12", []])
def test_nonsense_for_an_amount_is_refused(value: object) -> None:
    with pytest.raises(PayloadChanged, match=r"amount\.value"):
        list(cost_rows(bucket({"amount": {"value": value, "currency": "usd"}}, width=86_400)))


@pytest.mark.parametrize(
    ("line_item", "model"),
    [
        ("gpt-5.4, input", "gpt-5.4"),
        ("gpt-4.1-2025-04-14, cached input", "gpt-4.1-2025-04-14"),
        ("gpt-6-astra, input_tokens", "gpt-6-astra"),
        ("gpt-6-astra, cached_input_tokens", "gpt-6-astra"),
        ("gpt-5.4, cached_input", "gpt-5.4"),
        ("gpt-realtime, cached audio input", "gpt-realtime"),
        ("gpt-6-luna, cache write", "gpt-6-luna"),
        ("tts-1, characters", "tts-1"),
        ("ft:gpt-4o-mini-2024-07-18:acme::abc123, output", "ft:gpt-4o-mini-2024-07-18:acme::abc123"),
        ("ft-gpt-4o-2024-08-06, input", "ft-gpt-4o-2024-08-06"),
        ("Text tokens", None),
        ("Web search tool calls", None),
        ("evals | gpt-4o, judged", None),
        ("assistants api | file search", None),
        ("something, ", None),
        ("", None),
        (None, None),
    ],
)
def test_a_line_item_names_a_model_only_before_a_known_ending(line_item: str | None, model: str | None) -> None:
    assert line_item_model(line_item) == model
