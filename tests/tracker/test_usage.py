"""A record that cannot be right is not made: counts, nesting, texts, widths and times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from tracker.usage import DIMENSIONS, MAX_COUNT, MAX_TEXT, MEASURES, NESTED, Dimensions, Measures, UsageRecord

START = datetime(2026, 11, 23, 4, tzinfo=UTC)


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("count", [-1, MAX_COUNT + 1, 2**63])
def test_a_count_out_of_bounds_is_refused_by_name(name: str, count: int) -> None:
    with pytest.raises(ValueError, match=f"^{name} is {count}; 0 to {MAX_COUNT} is expected$"):
        Measures(**{name: count})


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("count", [None, 0, MAX_COUNT])
def test_a_count_within_bounds_is_kept_and_unknown_stays_unknown(name: str, count: int | None) -> None:
    assert getattr(Measures(**{name: count}), name) == count


@pytest.mark.parametrize(
    ("counts", "sentence"),
    [
        (
            {"input_tokens": 10, "input_cached_tokens": 11},
            "input_cached_tokens 11 + input_cache_write_tokens 0 exceeds input_tokens 10, of which it is a part",
        ),
        (
            {"input_tokens": 10, "input_cached_tokens": 6, "input_cache_write_tokens": 5},
            "input_cached_tokens 6 + input_cache_write_tokens 5 exceeds input_tokens 10, of which it is a part",
        ),
        (
            {"input_tokens": 10, "input_audio_tokens": 7, "input_image_tokens": 4},
            "input_audio_tokens 7 + input_image_tokens 4 exceeds input_tokens 10, of which it is a part",
        ),
        (
            {"input_cached_tokens": 3, "input_cached_audio_tokens": 2, "input_cached_image_tokens": 2},
            (
                "input_cached_audio_tokens 2 + input_cached_image_tokens 2 exceeds input_cached_tokens 3, "
                "of which it is a part"
            ),
        ),
        (
            {"input_audio_tokens": 1, "input_cached_audio_tokens": 2},
            "input_cached_audio_tokens 2 exceeds input_audio_tokens 1, of which it is a part",
        ),
        (
            {"input_image_tokens": 1, "input_cached_image_tokens": 2},
            "input_cached_image_tokens 2 exceeds input_image_tokens 1, of which it is a part",
        ),
        (
            {"output_tokens": 0, "output_audio_tokens": 1},
            "output_audio_tokens 1 + output_image_tokens 0 exceeds output_tokens 0, of which it is a part",
        ),
    ],
)
def test_parts_above_their_whole_are_refused_with_both_numbers(counts: dict[str, int], sentence: str) -> None:
    with pytest.raises(ValueError) as refused:
        Measures(**counts)

    assert str(refused.value) == sentence


@pytest.mark.parametrize(("parts", "whole"), NESTED)
def test_parts_may_fill_their_whole_and_an_unknown_whole_bounds_nothing(parts: tuple[str, ...], whole: str) -> None:
    exactly = {**dict.fromkeys(parts, 5), whole: 5 * len(parts)}
    unknown = dict.fromkeys(parts, 5)

    assert getattr(Measures(**exactly), whole) == 5 * len(parts)
    assert getattr(Measures(**unknown), whole) is None


@pytest.mark.parametrize("width", [60, 3_600, 86_400])
def test_a_bucket_is_a_minute_to_a_day_wide(width: int) -> None:
    assert Dimensions("completions", width).width_s == width


@pytest.mark.parametrize("width", [-3_600, 0, 59, 86_401])
def test_a_bucket_of_another_width_is_refused(width: int) -> None:
    with pytest.raises(ValueError, match=f"a bucket width of {width} seconds"):
        Dimensions("completions", width)


TEXTS = [name for name in DIMENSIONS if name not in {"width_s", "batch"}]


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("text", ["x" * (MAX_TEXT + 1), "a\x00b"])
def test_a_text_too_long_or_with_a_nul_is_refused_by_name(name: str, text: str) -> None:
    values: dict[str, Any] = {"usage_type": "completions", "width_s": 3_600, name: text}

    with pytest.raises(ValueError, match=f"^{name} is longer than 512 characters or holds a NUL"):
        Dimensions(**values)


@pytest.mark.parametrize("text", [None, "", "x" * MAX_TEXT, "研究", "=1+1"])
def test_any_other_text_is_kept_as_it_is(text: str | None) -> None:
    assert Dimensions("completions", 3_600, project_id=text).project_id == text


@pytest.mark.parametrize(
    "start",
    [
        datetime(2026, 11, 23, 4),  # noqa: DTZ001 what must be refused
        datetime(2026, 11, 23, 4, tzinfo=timezone(timedelta(hours=1))),
    ],
)
def test_a_bucket_that_does_not_start_in_utc_is_refused(start: datetime) -> None:
    with pytest.raises(ValueError, match="not in UTC"):
        UsageRecord(start, Dimensions("completions", 3_600), Measures())


def test_equal_dimensions_are_one_key_and_no_value_is_not_an_empty_one() -> None:
    one = Dimensions("completions", 3_600, model="o3")

    assert {one: 1}[Dimensions("completions", 3_600, model="o3")] == 1
    assert Dimensions("completions", 3_600, api_key_id=None) != Dimensions("completions", 3_600, api_key_id="")
    assert UsageRecord(START, one, Measures()) == UsageRecord(START, one, Measures())
