"""The simulated provider: the sandbox's world and answers without a socket, with few requests and much trouble."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

import httpx

from tracker import clock
from tracker.providers.base import COSTS, Endpoint, KeyFacts, KnownName
from tracker.providers.http import ClientPool, ProviderClient
from tracker.providers.openai import DAY_S, OpenAI
from tracker.redact import SecretKey
from tracker.sandbox import World
from tracker.sandbox.traffic import HOUR, Request, scaled
from tracker.sandbox.trouble import Reply, apply

HISTORY = timedelta(days=70)
"""What is read of a key when it is new. Nothing that a story tells stays unread for so long."""

MODELS = ("gpt-4.1-mini", "gpt-5.4", "never-heard-of-it")
A_DAY = (0, 1, 1, 2, 3)
"""How many requests a day may have, but for a flood."""

FLOOD, FLOOD_EVERY = 40, 60


def _grouped(endpoint: Endpoint) -> tuple[str, ...]:
    return endpoint.group_by if endpoint.bills else ("project_id", "model", "service_tier")


class ByDay(OpenAI):
    """OpenAI as far as a simulation reads it: completions and the bill, both told by the day."""

    history = HISTORY
    endpoints = tuple(
        replace(each, width_s=DAY_S, days_per_unit=31, group_by=_grouped(each))
        for each in OpenAI.endpoints
        if each.name in {"completions", COSTS}
    )

    def names(self, client: ProviderClient) -> list[KnownName]:
        return []

    def describe(
        self, client: ProviderClient, key: SecretKey, *, now: datetime, found: Mapping[str, bool] | None = None
    ) -> KeyFacts:
        return KeyFacts({})


@dataclass
class FewRequests(World):
    """A world with up to three requests a day, now and then a flood, made from a story's seed."""

    story: int = 0

    def _made(self, org: str, day: date) -> list[Request]:
        chance = Random(f"{self.story}/{org}/{day}")  # noqa: S311 repeatable
        if clock.day_start(day) < self.start:
            return []
        count = FLOOD if chance.randrange(FLOOD_EVERY) == 0 else chance.choice(A_DAY)
        told = [_request(org, day, n, chance) for n in range(count)]
        factors = [self._factors.get((org, each.at), 1.0) for each in told]
        return [
            each if factor == 1.0 else scaled(each, factor)
            for each, factor in zip(told, factors, strict=True)
            if factor
        ]


def _request(org: str, day: date, number: int, chance: Random) -> Request:
    return Request(
        clock.day_start(day) + chance.randrange(24) * HOUR,
        "completions",
        f"proj_{org}_{number % 20}",
        text=chance.randrange(1, 9_999),
        out_text=chance.randrange(1, 999),
        model=chance.choice(MODELS),
        tier="default",
    )


@dataclass
class InProcess(ClientPool):
    """Connections to a world in this process. `loopback_only` stays False: our clock is judged by the answers."""

    handle: Callable[[httpx.Request], httpx.Response] = lambda _: httpx.Response(500)

    def __post_init__(self) -> None:
        self._made = []

    def next(self) -> httpx.BaseTransport:
        return httpx.MockTransport(self.handle)


GAPS = ("gap", "gap", "gap")
SPOILED = (
    *("status_500", "status_503", "rate_limit", "truncated_json", "html", "empty_body", "error_200", "wrong_schema"),
    *("repeated_cursor", "has_more_without_cursor", "expired_cursor", "duplicate_bucket_same", "future_bucket"),
    *("duplicate_bucket_different", "reset", "negative", "null_count", *GAPS),
)
"""What an answer may be instead of a good one: `gap` leaves a bucket out, `reset` breaks off."""


def spoiled(good: Reply, kind: str, chance: Random) -> Reply:
    """The good answer, gone wrong in that way; a list of names has no buckets to spoil and stays as it is."""
    if kind == "gap":
        return _without_a_bucket(good, chance)
    if kind == "reset":
        return replace(good, body=b"", reset=True)
    with suppress(KeyError, TypeError, AttributeError):
        return apply(good, kind, str(chance.choice([1, 7, 900])) if kind == "rate_limit" else "")
    return good


def _without_a_bucket(good: Reply, chance: Random) -> Reply:
    page: dict[str, Any] = good.json
    told: Sequence[Any] = page.get("data", [])
    if not told:
        return good
    left_out = chance.randrange(len(told))
    page["data"] = [*told[:left_out], *told[left_out + 1 :]]
    return replace(good, body=json.dumps(page).encode())
