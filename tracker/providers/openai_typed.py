"""A page of usage in just the form that OpenAI documents, decoded straight into typed rows: a fifth of the careful way.

All or nothing. A body with anything else in it (another field, a name told twice, a text with an escape, a count or
nesting that cannot be true) is left to `strict_json` and `openai_payload`, which say what is wrong with which row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from operator import attrgetter
from types import GenericAlias
from typing import Annotated, Any

import msgspec

from tracker.providers import strict_json
from tracker.providers.openai_payload import (
    CACHED_BESIDE,
    DERIVED_FIELDS,
    FAMILIES,
    Family,
    interned_dimensions,
    known_fields,
)
from tracker.providers.strict_json import Json
from tracker.usage import MAX_COUNT, MAX_TEXT, MEASURES, Measures, UsageRecord

Count = Annotated[int, msgspec.Meta(ge=0, le=MAX_COUNT)]
Text = Annotated[str, msgspec.Meta(max_length=MAX_TEXT)]

FIRST_ROW = re.compile(rb'"results": ?\[\{([^{}\[\]]+)\}')
NAME = re.compile(rb'"(\w+)":')
NOTHING = "nothing_"
"""An attribute of every row that no answer has: None where a family lacks a measure."""

BESIDE = [(MEASURES.index(whole), MEASURES.index(cached)) for whole, cached in CACHED_BESIDE]


class _Bucket(msgspec.Struct, forbid_unknown_fields=True):
    object: Text
    start_time: Count
    end_time: Count
    results: list[Any]


class _Page(msgspec.Struct, forbid_unknown_fields=True):
    object: Text
    data: list[_Bucket]
    has_more: bool
    next_page: str | None


@dataclass(frozen=True, slots=True)
class SoundBucket:
    """A bucket whose rows are all sound: its start (UTC) and its records."""

    start: datetime
    records: list[UsageRecord]


def reader(family: Family, *, width_s: int, until: datetime) -> Callable[[bytes], Json]:
    """Reads a body into a page whose buckets are `SoundBucket`, or, where it is not just so, into plain JSON.

    No bucket begins after `until`.
    """

    def read(body: bytes) -> Json:
        try:
            return _page(body, family, width_s, until)
        except ValueError:  # msgspec's errors are such
            return strict_json.loads(body)

    return read


def _page(body: bytes, family: Family, width_s: int, until: datetime) -> Json:
    if b"\\" in body:
        raise ValueError("an escape may stand for half a character or for NUL")
    first = FIRST_ROW.search(body)
    names = tuple(NAME.findall(first[1])) if first else ()
    page = _decoder(family.name, names).decode(body)
    rows = sum(len(bucket.results) for bucket in page.data)
    _check_names(body, told=len(names) * rows + 4 * len(page.data) + 4)
    last = int(until.timestamp())
    buckets = [_sound(each, family, width_s, last) for each in page.data]
    return {"data": buckets, "has_more": page.has_more, "next_page": page.next_page}


def _check_names(body: bytes, *, told: int) -> None:
    """Every object was seen to have each of its names: more colons than that are a name twice, or lie in texts."""
    if body.count(b":") != told and strict_json.structure(body).count(b":") != told:
        raise ValueError("a name stands twice in one object, or in some rows only")


@lru_cache(maxsize=64)
def _decoder(family_name: str, names: tuple[bytes, ...]) -> msgspec.json.Decoder[_Page]:
    """For pages whose every row has just these names; ValueError where one is unknown or stands there twice."""
    family, told = FAMILIES[family_name], {name.decode() for name in names}
    if len(told) != len(names) or not told <= known_fields(family):
        raise ValueError("other names than the family's")
    needed = told | set(family.required.values())
    others = (known_fields(family) | {NOTHING}) - needed
    row = msgspec.defstruct(
        "Row",
        [*((name, _type(name, family)) for name in needed), *((name, _type(name, family), None) for name in others)],
        forbid_unknown_fields=True,
    )
    bucket = msgspec.defstruct(
        "Bucket", [("results", GenericAlias(list, row))], bases=(_Bucket,), forbid_unknown_fields=True
    )
    page = msgspec.defstruct("Page", [("data", GenericAlias(list, bucket))], bases=(_Page,), forbid_unknown_fields=True)
    return msgspec.json.Decoder(page)


def _type(name: str, family: Family) -> Any:
    if name in family.required.values():
        return Count
    if name in family.optional.values():
        return Count | None
    if name in DERIVED_FIELDS:
        return int | str | None
    return bool | None if name == "batch" else Text | None


def _sound(bucket: _Bucket, family: Family, width_s: int, last: int) -> SoundBucket:
    start, end = bucket.start_time, bucket.end_time
    if not 0 < end - start <= width_s or start % width_s or start > last:
        raise ValueError("times that do not fit the width, or lie in the future")
    at = datetime.fromtimestamp(start, UTC)
    counts_of, dimensions_of = _getters(family.name)
    records = [
        UsageRecord(at, interned_dimensions(family.name, width_s, *dimensions_of(row)), Measures(*counts_of(row)))
        for row in bucket.results
    ]
    return SoundBucket(at, records)


@lru_cache(maxsize=32)
def _getters(family_name: str) -> tuple[Callable[[Any], Sequence[int | None]], Callable[[Any], Any]]:
    """How to get a row's counts, in the order of MEASURES, and its dimensions, in the family's."""
    family = FAMILIES[family_name]
    fields = {**family.required, **family.optional}
    counts_of = attrgetter(*(fields.get(name, NOTHING) for name in MEASURES))
    beside = any(cached in fields for _, cached in CACHED_BESIDE)
    return (lambda row: _with_cached(counts_of(row))) if beside else counts_of, attrgetter(*family.dimensions)


def _with_cached(counts: Sequence[int | None]) -> Sequence[int | None]:
    """The audio and image counts with their cached part, where both were told."""
    found = counts
    for whole, cached in BESIDE:
        uncached, more = counts[whole], counts[cached]
        if more and uncached is not None:
            found = [*found[:whole], uncached + more, *found[whole + 1 :]]
    return found
