"""How single fields are read: tolerant of spellings, strict on nonsense, with the value in the sentence."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from tracker.errors import PayloadChanged
from tracker.providers.openai_payload import FAMILIES, bucket_start, cost_rows, line_item_model, usage_rows, whole
from tracker.usage import BilledCost, RowSetAside, UsageRecord

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


def only_usage(*rows: dict[str, Any]) -> UsageRecord:
    """The one row of a bucket of completions, which must be sound."""
    (record,) = usage_rows(FAMILIES["completions"], bucket(*rows), width_s=3_600)
    assert isinstance(record, UsageRecord)
    return record


def only_line(row: dict[str, Any]) -> BilledCost:
    """The one line of a day's bill, which must be sound."""
    (line,) = cost_rows(bucket(row, width=86_400))
    assert isinstance(line, BilledCost)
    return line


def aside_of(told: Iterator[Any]) -> RowSetAside:
    """The one row told, which must have been set aside."""
    (row,) = told
    assert isinstance(row, RowSetAside)
    return row


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

    record = only_usage(row)

    measures = record.measures
    assert (measures.input_tokens, measures.input_cached_tokens, measures.input_cache_write_tokens) == (1_000, 400, 100)
    # Audio and images count their cached part: 50 + 50.
    assert (measures.input_audio_tokens, measures.input_cached_audio_tokens) == (100, 50)
    assert (measures.input_image_tokens, measures.output_image_tokens) == (100, 50)


def test_a_breakdown_that_was_not_told_is_unknown_and_not_zero() -> None:
    record = only_usage(completion(input_cached_tokens=None))

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
def test_a_row_that_cannot_be_true_is_set_aside_with_its_value_and_the_others_are_read(
    fields: dict[str, Any], told: str
) -> None:
    rows = bucket(completion(model="before"), completion(**fields), completion(model="after"))

    before, aside, after = usage_rows(FAMILIES["completions"], rows, width_s=3_600)

    assert isinstance(aside, RowSetAside)
    assert aside.day == date(2026, 11, 23)
    assert told in aside.reason
    assert "2026-11-23 00:00" in aside.reason
    assert [row.dimensions.model for row in (before, after) if isinstance(row, UsageRecord)] == ["before", "after"]


def test_a_row_without_a_required_count_is_set_aside() -> None:
    row = completion()
    del row["input_tokens"]

    aside = aside_of(usage_rows(FAMILIES["completions"], bucket(row), width_s=3_600))

    assert "input_tokens is missing" in aside.reason


def test_a_row_set_aside_is_named_by_what_it_says_of_itself_without_keys_and_at_no_great_length() -> None:
    key = "sk-admin-0123456789abcdefghij"
    row = completion(input_tokens=key, model="gpt-5.4", project_id=key, batch=True, user_id=7, api_key_id="k" * 900)

    aside = aside_of(usage_rows(FAMILIES["completions"], bucket(row), width_s=3_600))

    assert "model=gpt-5.4" in aside.about
    assert key[3:] not in aside.about + aside.reason
    assert "user_id" not in aside.about
    assert "k" * 60 in aside.about
    assert len(aside.about) <= 300


@pytest.mark.parametrize(("told", "kept"), [("gpt\x00-5", "gpt-5"), ("", ""), ("模型", "模型"), (None, None)])
def test_a_dimension_is_kept_as_it_came_less_nul(told: str | None, kept: str | None) -> None:
    record = only_usage(completion(model=told))

    assert record.dimensions.model == kept


@pytest.mark.parametrize("told", [[1], [None], {}, "rows", None])
def test_a_bucket_without_a_list_of_rows_is_refused(told: object) -> None:
    with pytest.raises(PayloadChanged, match="no list of results"):
        list(usage_rows(FAMILIES["completions"], {**bucket(), "results": told}, width_s=3_600))


@pytest.mark.parametrize(
    "width",
    [3_600, 1_800, 1],
)
def test_a_bucket_cut_short_by_the_present_keeps_its_width(width: int) -> None:
    (record,) = usage_rows(FAMILIES["completions"], bucket(completion(), width=width), width_s=3_600)

    assert isinstance(record, UsageRecord)
    assert (record.bucket_start, record.dimensions.width_s) == (datetime.fromtimestamp(START, UTC), 3_600)


@pytest.mark.parametrize(("late", "width"), [(60, 3_540), (1_800, 1_800), (1_800, 3_600), (1, 1)])
def test_a_bucket_between_the_hours_overlaps_another_and_is_set_aside(late: int, width: int) -> None:
    rows = usage_rows(FAMILIES["completions"], bucket(completion(), start=START + late, width=width), width_s=3_600)

    assert f"its bucket begins {late} seconds late and overlaps another" in aside_of(rows).reason


def test_a_bucket_longer_than_asked_for_is_set_aside_as_one_with_all_its_rows() -> None:
    told = bucket(completion(), completion(model="o3"), width=7_200)

    aside = aside_of(usage_rows(FAMILIES["completions"], told, width_s=3_600))

    assert aside.reason.endswith("its bucket lasts 7200 seconds instead of 3600 and overlaps another.")
    assert (aside.day, aside.about, aside.rows) == (date(2026, 11, 23), "2 rows", 2)


def test_a_bucket_in_a_wrong_place_that_holds_nothing_is_nothing() -> None:
    assert list(usage_rows(FAMILIES["completions"], bucket(width=7_200), width_s=3_600)) == []
    assert list(cost_rows(bucket(start=START + 1, width=86_399))) == []


def test_a_day_of_the_bill_that_begins_late_is_set_aside() -> None:
    told = bucket({"amount": {"value": 1, "currency": "usd"}}, start=START + 3_600, width=82_800)

    assert "3600 seconds late" in aside_of(cost_rows(told)).reason


@pytest.mark.parametrize(
    "told",
    [
        bucket(width=0),
        bucket(width=-60),
        bucket(start=-1),
        bucket(start=2**33),
        bucket(start=0, width=2**33 + 1),
        {"start_time": Decimal("NaN"), "end_time": START},
        {"start_time": "soon", "end_time": 1},
        {"results": []},
        [],
        None,
    ],
)
def test_a_bucket_without_proper_times_is_refused(told: object) -> None:
    with pytest.raises(PayloadChanged):
        bucket_start(told)


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

    line = only_line(row)

    assert (line.amount, line.currency, line.model, line.quantity) == (amount, "usd", "o3", Decimal(1_000))


@pytest.mark.parametrize("amount", [None, {}, {"value": None, "currency": None}])
def test_a_line_without_an_amount_is_kept_with_an_unknown_one(amount: object) -> None:
    line = only_line({"amount": amount, "line_item": "Text tokens"})

    assert (line.amount, line.currency, line.line_item, line.model) == (None, "usd", "Text tokens", None)


@pytest.mark.parametrize("told", ["12 dollars", [], 5])
def test_an_amount_that_is_no_object_sets_its_line_aside(told: object) -> None:
    aside = aside_of(cost_rows(bucket({"amount": told, "line_item": "o3, input"}, width=86_400)))

    assert aside.reason.startswith("OpenAI's costs of 2026-11-23: amount is ")
    assert aside.about == "line_item=o3, input"


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999", "a lot", True, "1e12", [], Decimal("NaN")])
def test_nonsense_for_an_amount_sets_its_line_aside(value: object) -> None:
    aside = aside_of(cost_rows(bucket({"amount": {"value": value, "currency": "usd"}}, width=86_400)))

    assert "amount.value is " in aside.reason


@pytest.mark.parametrize("currency", [None, "", "dollars", "u$d", 840, "€€€"])
def test_an_amount_without_a_currency_is_never_taken_for_dollars(currency: object) -> None:
    aside = aside_of(cost_rows(bucket({"amount": {"value": 1, "currency": currency}}, width=86_400)))

    assert "amount.currency is " in aside.reason


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
