"""Invented requests, one by one: what each of an organisation's programs does in an hour, the same at every run.

Pure: (seed, organisation, hour) decides everything. Programs keep office hours, rest at weekends and grow over time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Request:
    """One request. Token kinds are disjoint (text, cached text, cache writes, audio …); the API's totals are sums."""

    at: datetime
    family: str
    project: str
    key: str | None = None
    user: str | None = None
    model: str | None = None
    tier: str | None = None
    batch: bool = False
    text: int = 0
    cached: int = 0
    cache_write: int = 0
    audio: int = 0
    cached_audio: int = 0
    image: int = 0
    cached_image: int = 0
    out_text: int = 0
    out_audio: int = 0
    images: int = 0
    characters: int = 0
    seconds: int = 0
    bytes: int = 0
    sessions: int = 0
    calls: int = 0
    model_calls: int = 1
    size: str | None = None
    source: str | None = None
    context_level: str | None = None
    vector_store: str | None = None

    @property
    def input_tokens(self) -> int:
        return self.all_cached + self.cache_write + self.uncached

    @property
    def uncached(self) -> int:
        return self.text + self.audio + self.image

    @property
    def all_cached(self) -> int:
        return self.cached + self.cached_audio + self.cached_image


COUNTED = (
    "text",
    "cached",
    "cache_write",
    "audio",
    "cached_audio",
    "image",
    "cached_image",
    "out_text",
    "out_audio",
    "images",
    "characters",
    "seconds",
    "bytes",
    "sessions",
    "calls",
)


@dataclass(frozen=True)
class Program:
    """A source of requests: a typical one, how many an hour at the busiest time, and whether it ever sleeps."""

    request: Request
    an_hour: float
    around_the_clock: bool = False
    once_a_day: bool = False


def requests_of_hour(programs: tuple[Program, ...], *, seed: str, hour: datetime, start: datetime) -> list[Request]:
    """All requests of the hour that begins at `hour`; `start` is where the organisation's growth began."""
    chance = Random(f"{seed}/{hour:%Y%m%d%H}")
    growth = 0.6 + min(1.0, max(0.0, (hour - start) / timedelta(days=365))) * 0.8
    return [
        _request(program, chance, hour) for program in programs for _ in range(_how_many(program, chance, hour, growth))
    ]


def scaled(request: Request, factor: float) -> Request:
    """The same request with every count multiplied (for restated days)."""
    counts: dict[str, Any] = {name: int(getattr(request, name) * factor) for name in COUNTED}
    return replace(request, **counts)


def _how_many(program: Program, chance: Random, hour: datetime, growth: float) -> int:
    if program.once_a_day:
        return 1 if hour.hour == 0 else 0
    expected = program.an_hour * growth * (1.0 if program.around_the_clock else _rhythm(hour))
    return int(expected + chance.random())


def _rhythm(hour: datetime) -> float:
    """A working day's shape, in UTC: nothing much at night, a peak after lunch, a tenth at weekends."""
    by_hour = max(0.02, 1 - ((hour.hour - 14) / 7) ** 2)
    return by_hour * (0.1 if hour.weekday() >= 5 else 1.0)


def _request(program: Program, chance: Random, hour: datetime) -> Request:
    at = hour if program.once_a_day else hour + timedelta(minutes=chance.randrange(60), seconds=chance.randrange(60))
    size = 0.5 + chance.random()
    counts: dict[str, Any] = {name: max(1, int(n * size)) for name in COUNTED if (n := getattr(program.request, name))}
    return replace(program.request, at=at, **counts)
