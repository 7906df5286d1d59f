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
from tracker.usage import MAX_COUNT, MAX_TEXT, MEASURES, Dimensions, Measures, UsageRecord

Count = Annotated[int, msgspec.Meta(ge=0, le=MAX_COUNT)]
Text = Annotated[str, msgspec.Meta(max_length=MAX_TEXT)]

MOST_KNOWN = 50_000
"""Dimensions that are remembered at a time: a flood has no end of them."""

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


class SoundBucket(msgspec.Struct, frozen=True):
    """A bucket whose rows are all sound: its start (UTC) and its records."""

    start: datetime
    records: list[UsageRecord]


@dataclass(frozen=True, slots=True)
class _Form:
    """Pages whose every row has just the same names: how to decode one, and a row's counts and dimensions."""

    decoder: msgspec.json.Decoder[_Page]
    counts_of: Callable[[Any], Sequence[int | None]]
    dimensions_of: Callable[[Any], tuple[Any, ...]]


class _Interned(dict[tuple[Any, ...], Dimensions]):
    """The dimensions by what a row tells of them, each made once: they repeat from hour to hour."""

    def __init__(self, family: Family, width_s: int) -> None:
        self.family, self.width_s = family, width_s

    def __missing__(self, told: tuple[Any, ...]) -> Dimensions:
        if len(self) >= MOST_KNOWN:
            self.clear()
        made = self[told] = interned_dimensions(self.family.name, self.width_s, *told)
        return made


def reader(family: Family, *, width_s: int, until: datetime) -> Callable[[bytes], Json]:
    """Reads a body into a page whose buckets are `SoundBucket`, or, where it is not just so, into plain JSON.

    No bucket begins after `until`.
    """
    known, last = _Interned(family, width_s), int(until.timestamp())

    def read(body: bytes) -> Json:
        try:
            return _page(body, known, last)
        except ValueError:  # msgspec's errors are such
            return strict_json.loads(body)

    return read


def _page(body: bytes, known: _Interned, last: int) -> Json:
    if b"\\" in body:
        raise ValueError("an escape may stand for half a character or for NUL")
    first = FIRST_ROW.search(body)
    names = tuple(NAME.findall(first[1])) if first else ()
    form = _form(known.family.name, names)
    page = form.decoder.decode(body)
    rows = sum(len(bucket.results) for bucket in page.data)
    _check_names(body, told=len(names) * rows + 4 * len(page.data) + 4)
    buckets = [_sound(each, form, known, last) for each in page.data]
    return {"data": buckets, "has_more": page.has_more, "next_page": page.next_page}


def _check_names(body: bytes, *, told: int) -> None:
    """Every object was seen to have each of its names: more colons than that are a name twice, or lie in texts."""
    if body.count(b":") != told and strict_json.structure(body).count(b":") != told:
        raise ValueError("a name stands twice in one object, or in some rows only")


@lru_cache(maxsize=64)
def _form(family_name: str, names: tuple[bytes, ...]) -> _Form:
    """Of pages whose every row has just these names; ValueError where one is unknown or stands there twice."""
    family, told = FAMILIES[family_name], {name.decode() for name in names}
    if len(told) != len(names) or not told <= known_fields(family):
        raise ValueError("other names than the family's")
    needed = told | set(family.required.values())
    others = (known_fields(family) | {NOTHING}) - needed
    row = msgspec.defstruct(
        "Row",
        [*((name, _type(name, family)) for name in needed), *((name, _type(name, family), None) for name in others)],
        forbid_unknown_fields=True,
        gc=False,
    )
    bucket = msgspec.defstruct(
        "Bucket", [("results", GenericAlias(list, row))], bases=(_Bucket,), forbid_unknown_fields=True
    )
    page = msgspec.defstruct("Page", [("data", GenericAlias(list, bucket))], bases=(_Page,), forbid_unknown_fields=True)
    return _Form(msgspec.json.Decoder(page), _counts_of(family, frozenset(needed)), attrgetter(*family.dimensions))


def _type(name: str, family: Family) -> Any:
    if name in family.required.values():
        return Count
    if name in family.optional.values():
        return Count | None
    if name in DERIVED_FIELDS:
        return int | str | None
    return bool | None if name == "batch" else Text | None


def _sound(bucket: _Bucket, form: _Form, known: _Interned, last: int) -> SoundBucket:
    start, end, width_s = bucket.start_time, bucket.end_time, known.width_s
    if not 0 < end - start <= width_s or start % width_s or start > last:
        raise ValueError("times that do not fit the width, or lie in the future")
    at = datetime.fromtimestamp(start, UTC)
    counts_of, dimensions_of = form.counts_of, form.dimensions_of
    records = [
        UsageRecord(at, known[dimensions_of(row)], Measures(*counts_of(row)))  # nothing else is done for every row
        for row in bucket.results
    ]
    return SoundBucket(at, records)


def _counts_of(family: Family, told: frozenset[str]) -> Callable[[Any], Sequence[int | None]]:
    """How to get a row's counts, in the order of MEASURES and no further than anything is told."""
    fields = {name: field for name, field in {**family.required, **family.optional}.items() if field in told}
    named = [fields.get(name, NOTHING) for name in MEASURES]
    if any(cached in fields for _, cached in CACHED_BESIDE):
        every = attrgetter(*named)
        return lambda row: _with_cached(every(row))
    last = max(number for number, field in enumerate(named) if field != NOTHING)
    return attrgetter(*named[: max(last + 1, 2)])  # a getter of one gives no tuple


def _with_cached(counts: Sequence[int | None]) -> Sequence[int | None]:
    """The audio and image counts with their cached part, where both were told."""
    found = counts
    for whole, cached in BESIDE:
        uncached, more = counts[whole], counts[cached]
        if more and uncached is not None:
            found = [*found[:whole], uncached + more, *found[whole + 1 :]]
    return found
