"""The quick reading of a page tells just what the careful one tells, and leaves to it whatever is not just so."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.tracker.providers.sandboxed import ENDPOINTS, FIRST, Sandboxed, sandboxed
from tracker import clock
from tracker.errors import PayloadChanged
from tracker.providers import openai_typed, strict_json
from tracker.providers.openai_payload import FAMILIES, Family, usage_rows
from tracker.usage import MAX_COUNT

START = 1_795_392_000
"""2026-11-23 00:00 UTC."""
UNTIL = datetime(2026, 11, 24, tzinfo=UTC)
COMPLETIONS = FAMILIES["completions"]


def row(**fields: Any) -> dict[str, Any]:
    return {
        "object": "organization.usage.completions.result",
        "input_tokens": 1_000,
        "output_tokens": 500,
        "input_cached_tokens": 400,
        "input_audio_tokens": 50,
        "input_cached_audio_tokens": 10,
        "num_model_requests": 5,
        "project_id": "proj_a",
        "model": "ft:gpt-4.1:acme::x",
        "batch": False,
        **fields,
    }


def body(*rows: dict[str, Any], start: int = START, width: int = 3_600) -> bytes:
    bucket = {"object": "bucket", "start_time": start, "end_time": start + width, "results": list(rows)}
    return json.dumps({"object": "page", "data": [bucket], "has_more": False, "next_page": None}).encode()


def quick(given: bytes, family: Family = COMPLETIONS) -> Any:
    return openai_typed.reader(family, width_s=3_600, until=UNTIL)(given)


def is_quick(page: Any) -> bool:
    return all(isinstance(bucket, openai_typed.SoundBucket) for bucket in page["data"])


def assert_alike(given: bytes, family: Family = COMPLETIONS) -> None:
    page, careful = quick(given, family), strict_json.loads(given)
    assert is_quick(page)
    assert (page["has_more"], page["next_page"]) == (careful["has_more"], careful["next_page"])
    read = [list(usage_rows(family, bucket, width_s=3_600)) for bucket in careful["data"]]
    assert [bucket.records for bucket in page["data"]] == read


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandboxed]:
    with sandboxed() as running:
        yield running


@pytest.mark.parametrize("name", FAMILIES)
def test_a_real_page_of_every_family_is_read_alike(sandbox: Sandboxed, name: str) -> None:
    endpoint = ENDPOINTS[name]
    asked = [("start_time", str(int(clock.day_start(FIRST).timestamp()))), ("bucket_width", "1h"), ("limit", "168")]
    groups = [("group_by", each) for each in endpoint.group_by]

    given = sandbox.client().get(endpoint.path, (*asked, *groups), read=bytes).json

    assert b"_requests" in given or name in {"vector_stores", "code_interpreter_sessions"}
    assert_alike(given, FAMILIES[name])


@pytest.mark.parametrize(
    "given",
    [
        body(),
        body(row()),
        body(row(), row(model="o3")),
        body(row(input_audio_tokens=None)),
        body(row(model=None, batch=None)),
        body(row(input_tokens=MAX_COUNT)),
        body(row(input_text_tokens=7, user_id="é")).replace(rb"\u00e9", "é".encode()),
    ],
)
def test_a_sound_page_is_read_alike(given: bytes) -> None:
    assert_alike(given)


TWICE = b'"input_tokens": 1000, '
LEFT: dict[str, bytes] = {
    "a name twice": body(row()).replace(TWICE, TWICE * 2),
    "a name twice, spaced": body(row()).replace(TWICE, b'"input_tokens" : 6, ' + TWICE),
    "a name twice in the page": body(row()).replace(b'"object": "page"', b'"object": "page", "object": "page"'),
    "a name twice in a bucket": body(row()).replace(b'"object": "bucket"', b'"object": "b", "object": "bucket"'),
    "an unknown field": body(row(tokens_of_tomorrow=1)),
    "a field in one row only": body(row(), row(user_id="u")),
    "a field missing in one row": body(row(user_id="u"), row()),
    "no requests": body({name: value for name, value in row().items() if name != "num_model_requests"}),
    "an empty row": body({}),
    "digits in a text": body(row(input_tokens="1000")),
    "a fraction": body(row(input_tokens=1000.0)),
    "true for a count": body(row(input_tokens=True)),
    "a negative count": body(row(output_tokens=-1)),
    "too large a count": body(row(input_tokens=MAX_COUNT + 1)),
    "a sum too large": body(row(input_tokens=MAX_COUNT, input_audio_tokens=MAX_COUNT, input_cached_audio_tokens=1)),
    "parts above their whole": body(row(input_cached_tokens=1_001)),
    "audio above its whole": body(row(input_audio_tokens=991)),
    "a number for a text": body(row(model=5)),
    "a text for batch": body(row(batch="yes")),
    "a long text": body(row(model="m" * 513)),
    "NUL": body(row(model="a\x00b")),
    "half a character": body(row(model="\ud83d")),
    "an object inside": body(row(input_text_tokens={"a": 1})),
    "NaN": body(row()).replace(b"1000", b"NaN"),
    "a bucket that is late": body(row(), start=START + 1),
    "a bucket too wide": body(row(), width=7_200),
    "a bucket without width": body(row(), width=0),
    "a bucket of the future": body(row(), start=START + 172_800),
    "an error beside": body(row()).replace(b'"has_more"', b'"error": {"code": 1}, "has_more"'),
    "more after the end": body(row()) + b"{}",
}


@pytest.mark.parametrize("name", LEFT)
def test_whatever_is_not_just_so_is_left_to_the_careful_reading(name: str) -> None:
    careful = told(strict_json.loads, LEFT[name])

    assert told(quick, LEFT[name]) == careful


def told(read: Callable[[bytes], Any], given: bytes) -> Any:
    """What it gives, or the sentence with which it refuses."""
    try:
        return repr(read(given))
    except PayloadChanged as error:
        return str(error)
