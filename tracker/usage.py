"""The one normalised form of a provider's answer. Whoever reads this code for the first time starts here.

A provider's file turns its payload into these values; pricing, storage and screens know nothing else.
None is "the provider did not say", never 0. Token classes nest: cached, cache-write, audio and image
input lie inside `input_tokens`, audio and image output inside `output_tokens` — never add them up.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import NoReturn

import msgspec
from msgspec.structs import astuple

MAX_COUNT = 10**13
"""No hour of any organisation holds more tokens, bytes or calls; a larger number is a broken answer."""

MAX_TEXT = 512
"""Longest dimension kept; ids are under 100 characters, fine-tune names under 200."""


class CostBasis(StrEnum):
    """How an event's estimated cost came about. UNPRICED has no cost at all; the last two cost nothing."""

    ESTIMATED = "estimated"
    UNPRICED = "unpriced"
    COMPLIMENTARY = "complimentary"
    FREE = "free"


class Dimensions(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """What a row of usage is about: the text that repeats from bucket to bucket. None = not given."""

    usage_type: str
    width_s: int
    model: str | None = None
    project_id: str | None = None
    api_key_id: str | None = None
    user_id: str | None = None
    service_tier: str | None = None
    batch: bool | None = None
    size: str | None = None
    source: str | None = None
    context_level: str | None = None
    vector_store_id: str | None = None
    api_source: str | None = None

    def __post_init__(self) -> None:
        if not 60 <= self.width_s <= 86_400:
            raise ValueError(f"a bucket width of {self.width_s} seconds; between a minute and a day is expected")
        for name in TEXT_DIMENSIONS:
            _check_text(name, getattr(self, name))


class Measures(msgspec.Struct, frozen=True, gc=False):
    """What was used. Counts in their natural unit; None = not given.

    `input_audio_tokens` and `input_image_tokens` include their cached part. `model_requests` is the
    number of model calls around tool calls, where `requests` counts the tool calls themselves.
    """

    requests: int | None = None
    input_tokens: int | None = None
    input_cached_tokens: int | None = None
    input_cache_write_tokens: int | None = None
    output_tokens: int | None = None
    input_audio_tokens: int | None = None
    input_cached_audio_tokens: int | None = None
    output_audio_tokens: int | None = None
    input_image_tokens: int | None = None
    input_cached_image_tokens: int | None = None
    output_image_tokens: int | None = None
    images: int | None = None
    characters: int | None = None
    seconds: int | None = None
    sessions: int | None = None
    bytes: int | None = None
    model_requests: int | None = None

    def __post_init__(self) -> None:
        counts = astuple(self)  # every row that was ever read passes here: attributes one by one take twice as long
        told = sorted(filter(None, counts))
        if told and (told[0] < 0 or told[-1] > MAX_COUNT):
            _refuse_count(self)
        whole, cached, written = counts[INPUT]
        if (whole is not None and (cached or 0) + (written or 0) > whole) or any(counts[MEDIA]):
            _check_nesting(self)


class UsageRecord(msgspec.Struct, frozen=True, gc=False):
    """One row of one bucket, validated. Its natural key is (bucket_start, dimensions) within a connection."""

    bucket_start: datetime
    dimensions: Dimensions
    measures: Measures

    def __post_init__(self) -> None:
        if self.bucket_start.tzinfo is not UTC:
            raise ValueError(f"a bucket start that is not in UTC: {self.bucket_start}")


@dataclass(frozen=True, slots=True)
class BilledCost:
    """One line of a provider's bill for a UTC day: `amount` in `currency` (ISO 4217, lower case), credits negative.

    `amount` is None when the provider named the line without an amount; `model` is read from the line item.
    """

    day: date
    amount: Decimal | None
    currency: str
    line_item: str | None = None
    model: str | None = None
    project_id: str | None = None
    api_key_id: str | None = None
    quantity: Decimal | None = None
    quantity_unit: str | None = None


@dataclass(frozen=True, slots=True)
class RowSetAside:
    """A row of a UTC day that cannot be true and is not stored: what is wrong with it, and which row it is.

    `reason` is a sentence; `about` the row's dimensions as `name=value; …`, cut to `MAX_ABOUT` characters.
    `rows` is above one for a whole bucket.
    """

    day: date
    reason: str
    about: str
    rows: int = 1


MAX_ABOUT = 300

MEASURES: tuple[str, ...] = Measures.__struct_fields__
DIMENSIONS: tuple[str, ...] = Dimensions.__struct_fields__
TEXT_DIMENSIONS: tuple[str, ...] = tuple(n for n in DIMENSIONS if n not in {"width_s", "batch"})

# Source: field descriptions of the official specification, facts of 2026-08-21 (openai/openai-openapi f85dbe2).
NESTED: tuple[tuple[tuple[str, ...], str], ...] = (
    (("input_cached_tokens", "input_cache_write_tokens"), "input_tokens"),
    (("input_audio_tokens", "input_image_tokens"), "input_tokens"),
    (("input_cached_audio_tokens", "input_cached_image_tokens"), "input_cached_tokens"),
    (("input_cached_audio_tokens",), "input_audio_tokens"),
    (("input_cached_image_tokens",), "input_image_tokens"),
    (("output_audio_tokens", "output_image_tokens"), "output_tokens"),
)

INPUT = slice(MEASURES.index("input_tokens"), MEASURES.index("input_cache_write_tokens") + 1)
"""Input, its cached and its cache-write part."""

MEDIA = slice(MEASURES.index("input_audio_tokens"), MEASURES.index("output_image_tokens") + 1)
"""Audio and image tokens, in and out."""


def _refuse_count(measures: Measures) -> NoReturn:
    name, count = next(
        (name, count)
        for name, count in zip(MEASURES, astuple(measures), strict=True)
        if count is not None and not 0 <= count <= MAX_COUNT
    )
    raise ValueError(f"{name} is {count}; 0 to {MAX_COUNT} is expected")


def _check_nesting(measures: Measures) -> None:
    for parts, whole in NESTED:
        total = getattr(measures, whole)
        known = [getattr(measures, part) or 0 for part in parts]
        if total is not None and sum(known) > total:
            told = " + ".join(f"{part} {count}" for part, count in zip(parts, known, strict=True))
            raise ValueError(f"{told} exceeds {whole} {total}, of which it is a part")


def _check_text(name: str, value: str | None) -> None:
    if value is not None and (len(value) > MAX_TEXT or "\x00" in value):
        raise ValueError(f"{name} is longer than {MAX_TEXT} characters or holds a NUL: {value[:40]!r}")
