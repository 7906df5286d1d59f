"""How requests become rows: which dimensions and fields each usage family has, and the sums of a group.

Source: the official description (openai/openai-openapi f85dbe2, 2026-08-21), table of kinds, read 2026-11.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from tracker.sandbox.traffic import Request

Dims = tuple[object, ...]
Field = Callable[[Request], int]

STANDARD = ("project_id", "user_id", "api_key_id", "model")


@dataclass(frozen=True)
class Family:
    """A usage endpoint: the row's `object`, its groupings and its fields."""

    name: str
    object: str
    group_by: tuple[str, ...]
    fields: Mapping[str, Field]


DIMENSIONS: Mapping[str, Callable[[Request], str | bool | None]] = {
    "project_id": lambda r: r.project,
    "user_id": lambda r: r.user,
    "api_key_id": lambda r: r.key,
    "model": lambda r: r.model,
    "batch": lambda r: r.batch,
    "service_tier": lambda r: r.tier,
    "size": lambda r: r.size,
    "source": lambda r: r.source,
    "context_level": lambda r: r.context_level,
    "vector_store_id": lambda r: r.vector_store,
}

COMPLETIONS: Mapping[str, Field] = {
    "input_tokens": lambda r: r.input_tokens,
    "output_tokens": lambda r: r.out_text + r.out_audio,
    "num_model_requests": lambda _: 1,
    "input_cached_tokens": lambda r: r.all_cached,
    "input_cache_write_tokens": lambda r: r.cache_write,
    "input_uncached_tokens": lambda r: r.uncached,
    "input_text_tokens": lambda r: r.text,
    "output_text_tokens": lambda r: r.out_text,
    "input_cached_text_tokens": lambda r: r.cached,
    "input_audio_tokens": lambda r: r.audio,
    "input_cached_audio_tokens": lambda r: r.cached_audio,
    "output_audio_tokens": lambda r: r.out_audio,
    "input_image_tokens": lambda r: r.image,
    "input_cached_image_tokens": lambda r: r.cached_image,
    "output_image_tokens": lambda _: 0,
}


def _family(name: str, group_by: tuple[str, ...], fields: Mapping[str, Field], spelling: str | None = None) -> Family:
    return Family(name, f"organization.usage.{spelling or name}.result", group_by, fields)


INPUT: Mapping[str, Field] = {"input_tokens": lambda r: r.input_tokens, "num_model_requests": lambda _: 1}

FAMILIES: Mapping[str, Family] = {
    family.name: family
    for family in (
        _family("completions", (*STANDARD, "batch", "service_tier"), COMPLETIONS),
        _family("embeddings", STANDARD, INPUT),
        _family("moderations", STANDARD, INPUT),
        _family(
            "images",
            (*STANDARD, "size", "source"),
            {"images": lambda r: r.images, "num_model_requests": lambda _: 1},
        ),
        _family("audio_speeches", STANDARD, {"characters": lambda r: r.characters, "num_model_requests": lambda _: 1}),
        _family("audio_transcriptions", STANDARD, {"seconds": lambda r: r.seconds, "num_model_requests": lambda _: 1}),
        # Bytes are counted once a day, in its first hour, so that hours add up to the day.
        _family("vector_stores", ("project_id",), {"usage_bytes": lambda r: r.bytes}),
        _family("code_interpreter_sessions", ("project_id",), {"num_sessions": lambda r: r.sessions}),
        _family(
            "file_search_calls",
            ("project_id", "user_id", "api_key_id", "vector_store_id"),
            {"num_requests": lambda r: r.calls},
            "file_searches",
        ),
        _family(
            "web_search_calls",
            (*STANDARD, "context_level"),
            {"num_requests": lambda r: r.calls, "num_model_requests": lambda r: r.model_calls},
            "web_searches",
        ),
    )
}


def grouped(
    family: Family,
    requests: Iterable[Request],
    group_by: Sequence[str],
    width_s: int,
) -> dict[tuple[datetime, tuple[tuple[str, str | bool | None], ...]], list[Request]]:
    """The family's requests by bucket start (UTC, a multiple of the width) and the dimensions asked for."""
    groups: dict[tuple[datetime, tuple[tuple[str, str | bool | None], ...]], list[Request]] = defaultdict(list)
    for request in requests:
        if request.family == family.name:
            dims = tuple((name, DIMENSIONS[name](request)) for name in group_by)
            groups[bucket_start(request.at, width_s), dims].append(request)
    return groups


def measures(family: Family, requests: Sequence[Request]) -> dict[str, int]:
    """The API's fields, summed over the requests (one at least)."""
    if len(requests) == 1:  # as most groups of a small organisation are
        return {name: count(requests[0]) for name, count in family.fields.items()}
    return {name: sum(count(request) for request in requests) for name, count in family.fields.items()}


def bucket_start(at: datetime, width_s: int) -> datetime:
    """The start of the bucket in which an instant lies."""
    return datetime.fromtimestamp(int(at.timestamp()) // width_s * width_s, UTC)
