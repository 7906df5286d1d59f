"""A provider's answer of 120 rows, from bytes to priced records: parse, normalise, price."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from operator import attrgetter, mul
from typing import Any

import msgspec

from bench import bulk
from bench.measure import spread
from tracker import clock
from tracker.pricing import in_nanos
from tracker.providers import PROVIDERS, openai, openai_typed, strict_json
from tracker.providers.base import Endpoint, Fetched
from tracker.providers.http import Answer, Limits
from tracker.providers.openai_payload import FAMILIES, usage_rows
from tracker.usage import UsageRecord

ROWS, HOURS = 120, 24
DAY = bulk.TODAY - clock.DAY
NOW = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)
COMPLETIONS = next(each for each in PROVIDERS["openai"].endpoints if each.name == "completions")


def run() -> dict[str, object]:
    """Microseconds for one answer, in all and by step."""
    body = json.dumps(page(DAY, rows=ROWS)).encode()
    read = openai_typed.reader(FAMILIES[COMPLETIONS.name], width_s=COMPLETIONS.width_s, until=NOW)
    records, decode = normalised(body), msgspec.json.decode
    assert len(records) == ROWS
    assert isinstance(read(body)["data"][0], openai_typed.SoundBucket)
    return {
        "rows": ROWS,
        "bytes": len(body),
        "whole_us": _us(lambda: priced(normalised(body))),
        "read_us": _us(lambda: read(body)),
        "normalise_us": _us(lambda: normalised(body)),
        "price_us": _us(lambda: priced(records)),
        "decode_us": _us(lambda: decode(body)),
        "json_loads_us": _us(lambda: json.loads(body)),
        "careful_us": _us(lambda: careful(body)),
        "floor_us": _us(lambda: floor(body)),
    }


class _Bare(msgspec.Struct, gc=False):
    """A row of eight values of which nothing is checked."""

    at: Any
    of: Any
    requests: Any
    tokens: Any
    cached: Any
    output: Any
    cost: Any
    basis: Any


def floor(body: bytes) -> list[_Bare]:
    """The least that it could take: typed JSON, no name twice, and a value and an exact cost a row; nothing checked."""
    names = tuple(openai_typed.NAME.findall(openai_typed.FIRST_ROW.search(body)[1]))  # type: ignore[index]
    buckets = openai_typed._form(COMPLETIONS.name, names).decoder.decode(body).data  # noqa: SLF001 - the same
    if body.count(b":") != len(names) * ROWS + 4 * HOURS + 4:
        raise ValueError("a name stands twice")
    known: dict[Any, Any] = {}
    return [
        _Bare(
            bucket.start_time,
            known.setdefault(OF(row), row),
            *(told := COUNTS(row)),
            STEP * sum(map(mul, told, RATES)),
            0,
        )
        for bucket in buckets
        for row in bucket.results
    ]


OF = attrgetter("project_id", "user_id", "api_key_id", "model", "batch", "service_tier")
COUNTS = attrgetter("num_model_requests", "input_tokens", "input_cached_tokens", "output_tokens")
RATES, STEP = (0, 250, -225, 1_500), Decimal("1E-8")
"""Any rates will do."""


def page(day: Any, *, rows: int, hours: int = HOURS) -> dict[str, Any]:
    """A page of OpenAI's completions usage as the service spells it: `rows` spread over the day's hours."""
    start = int(clock.day_start(day).timestamp())
    buckets = [_bucket(start + hour * 3_600, [n for n in range(rows) if n % hours == hour]) for hour in range(hours)]
    return {"object": "page", "data": buckets, "has_more": False, "next_page": None}


def _bucket(start: int, numbers: list[int]) -> dict[str, Any]:
    results = [_result(number, start) for number in numbers]
    return {"object": "bucket", "start_time": start, "end_time": start + 3_600, "results": results}


def _result(number: int, start: int) -> dict[str, Any]:
    of = bulk.dimensions(number // HOURS)
    tokens = 1_000 + (start // 3_600 * 7_919 + number * 104_729) % 900_000
    return {
        "object": "organization.usage.completions.result",
        "input_tokens": tokens,
        "input_cached_tokens": tokens // 3,
        "output_tokens": tokens // 7,
        "input_audio_tokens": 0,
        "output_audio_tokens": 0,
        "num_model_requests": 1 + tokens % 400,
        "project_id": of.project_id,
        "user_id": None,
        "api_key_id": of.api_key_id,
        "model": of.model,
        "batch": of.batch,
        "service_tier": None,
    }


class _Client:
    """Gives the body without any network."""

    limits = Limits()

    def __init__(self, body: bytes) -> None:
        self.body = body

    def get(self, _path: str, _params: object = (), *, read: Callable[[bytes], Any]) -> Answer:
        return Answer(read(self.body), 0, None)


def normalised(body: bytes, endpoint: Endpoint = COMPLETIONS) -> tuple[UsageRecord, ...]:
    """The body's rows, as the product reads them from an answer."""
    client: Any = _Client(body)
    fetched: Fetched = openai.OpenAI().fetch(client, endpoint, DAY, DAY + timedelta(days=1), now=NOW)
    return tuple(fetched.usage)


def careful(body: bytes) -> list[object]:
    """The same for a body that is not just so: plain JSON, row by row."""
    buckets = strict_json.loads(body)["data"]
    return [row for each in buckets for row in usage_rows(FAMILIES[COMPLETIONS.name], each, width_s=3_600)]


def priced(records: tuple[UsageRecord, ...]) -> list[object]:
    return list(in_nanos(records, provider="openai"))


def _us(work: Callable[[], object]) -> dict[str, float]:
    """CPU time of one call, from stretches of twenty."""

    def twenty() -> None:
        for _ in range(20):
            work()

    found = spread(twenty, times=15, watch=time.process_time)
    return {name: round(value * 50, 1) if name != "times" else value for name, value in found.items()}
