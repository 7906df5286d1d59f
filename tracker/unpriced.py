"""The part of usage that no estimate holds: how much it is, and what it could cost at most.

Unknown is not zero. Tokens without a price are bounded by the dearest rates that the provider lists for any model;
what is not sold by the token (images, seconds, calls) has no bound.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import lru_cache
from itertools import chain

from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo, ModelPrice, TieredPrices
from sqlalchemy import bindparam, func, select
from sqlmodel import Session

from tracker import clock, limits
from tracker.limits import Limits
from tracker.models import DailyUsage, SeriesDay, UsageSeries, table_of

DAILY, SERIES_DAYS, SERIES = table_of(DailyUsage), table_of(SeriesDay), table_of(UsageSeries)
MILLION = Decimal(1_000_000)

COUNTS = (
    "unpriced_rows",
    "unpriced_requests",
    "unpriced_input_tokens",
    "unpriced_output_tokens",
    "unpriced_tokenless_rows",
)
"""The rollup's columns, in the order in which `of_provider` takes them."""


@dataclass(frozen=True)
class Rate:
    """US dollars a million tokens, and the model that is listed at it."""

    dollars: Decimal
    model: str


@dataclass(frozen=True)
class Unpriced:
    """What is in no estimate. `tokenless_rows` are those of `rows` that no token rate can bound.

    `at_most` is the cost in USD of the tokens at the `dearest` listed rates (input, output), None without any tokens.
    `kinds` are the usage type and model of each kind, most rows first, where they were asked for.
    """

    rows: int = 0
    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    tokenless_rows: int = 0
    at_most: Decimal | None = None
    dearest: tuple[Rate, Rate] | None = None
    kinds: tuple[tuple[str, str | None], ...] = ()

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True)
class OfDay:
    """What one UTC day has of a provider in no estimate; the counts are those of `of_provider`."""

    day: date
    provider: str
    counts: tuple[int, ...]


@dataclass(frozen=True)
class KindOfDay:
    """A kind of usage that lacks a price on a UTC day: its type, its model (None: it names none), and so many rows."""

    day: date
    usage_type: str
    model: str | None
    rows: int


def read(session: Session, workspace_id: int, start: date, end: date, *, limited: Limits = limits.NONE) -> Unpriced:
    """The unpriced part of the UTC days [start, end), with its kinds, of each connection up to its limit."""
    days, asked = clock.days(start, end), list(limited.stretches(start, end))
    found = [by_day(session, workspace_id, first, until, without=out) for first, until, out in asked]
    part = of_days(chain(*found), days)
    if not part.rows:
        return part
    kinds = [kinds_by_day(session, workspace_id, first, until, without=out) for first, until, out in asked]
    return replace(part, kinds=tuple(kinds_of(chain(*kinds), days)))


BY_DAY = (
    select(DAILY.c.day, DAILY.c.provider, *(func.sum(DAILY.c[name]) for name in COUNTS))
    .where(
        DAILY.c.workspace_id == bindparam("of_workspace"),
        DAILY.c.day >= bindparam("first"),
        DAILY.c.day < bindparam("end"),
        DAILY.c.unpriced_rows > 0,
        DAILY.c.provider_key_id.not_in(bindparam("left_out", expanding=True)),
    )
    .group_by(DAILY.c.day, DAILY.c.provider)
)


def by_day(
    session: Session, workspace_id: int, start: date, end: date, *, without: Collection[int] = ()
) -> list[OfDay]:
    """The unpriced parts of the UTC days [start, end), for `of_days`; days that lack no price are left out."""
    asked = {"of_workspace": workspace_id, "first": start, "end": end, "left_out": list(without)}
    found = session.execute(BY_DAY, asked)
    return [OfDay(day, provider, tuple(map(int, sums))) for day, provider, *sums in found]


KINDS = (
    select(SERIES_DAYS.c.day, SERIES.c.usage_type, SERIES.c.model, func.sum(SERIES_DAYS.c.unpriced_rows))
    .join_from(SERIES_DAYS, SERIES, SERIES_DAYS.c.series_id == SERIES.c.id)
    .where(
        SERIES_DAYS.c.workspace_id == bindparam("of_workspace"),
        SERIES.c.workspace_id == bindparam("of_workspace"),
        SERIES_DAYS.c.day >= bindparam("first"),
        SERIES_DAYS.c.day < bindparam("end"),
        SERIES_DAYS.c.unpriced_rows > 0,
        SERIES.c.provider_key_id.not_in(bindparam("left_out", expanding=True)),
    )
    .group_by(SERIES_DAYS.c.day, SERIES.c.usage_type, SERIES.c.model)
)


def kinds_by_day(
    session: Session, workspace_id: int, start: date, end: date, *, without: Collection[int] = ()
) -> list[KindOfDay]:
    """The kinds of usage that lack a price in the UTC days [start, end), for `kinds_of`."""
    asked = {"of_workspace": workspace_id, "first": start, "end": end, "left_out": list(without)}
    found = session.execute(KINDS, asked)
    return [KindOfDay(day, usage_type, model, int(rows)) for day, usage_type, model, rows in found]


def kinds_of(found: Iterable[KindOfDay], days: Collection[date]) -> list[tuple[str, str | None]]:
    """The usage type and the model of each kind of these days, most rows first."""
    return most_first((each.usage_type, each.model, each.rows) for each in found if each.day in days)


def most_first(found: Iterable[tuple[str, str | None, int]]) -> list[tuple[str, str | None]]:
    """The kinds of these usage types, models and numbers of rows, most rows first."""
    rows: dict[tuple[str, str | None], int] = {}
    for usage_type, model, count in found:
        rows[usage_type, model] = rows.get((usage_type, model), 0) + count
    return sorted(rows, key=lambda kind: (-rows[kind], kind[0], kind[1] or ""))


def of_days(found: Iterable[OfDay], days: Collection[date]) -> Unpriced:
    """The part of these days in no estimate."""
    providers: dict[str, list[tuple[int, ...]]] = {}
    for each in found:
        if each.day in days:
            providers.setdefault(each.provider, []).append(each.counts)
    return total([of_provider(name, *map(sum, zip(*counts, strict=True))) for name, counts in providers.items()])


NO_BOUND = " What is not counted in tokens has no such bound."


def in_words(part: Unpriced) -> str:
    """The part as a sentence, with its bound and the rule of it; empty where everything has a price."""
    if not part.rows:
        return ""
    number, noun = (part.requests, "request") if part.requests else (part.rows, "row")
    tokens = f" ({part.tokens:,} tokens)" if part.tokens else ""
    fact = f"Without a price, and so in no estimate: {number:,} {noun}{'' if number == 1 else 's'}{tokens}."
    return f"{fact}{_bound_in_words(part)}{NO_BOUND if part.tokenless_rows else ''}"


def _bound_in_words(part: Unpriced) -> str:
    if part.at_most is None:
        return ""
    bound = f" The tokens cost at most ${part.at_most:,.2f}"
    if part.dearest is None:
        return f"{bound}, at the dearest rates that each provider lists."
    given, made = part.dearest
    return (
        f"{bound}, at the dearest rates on the list: ${given.dollars} a million read ({given.model}) and "
        f"${made.dollars} a million written ({made.model})."
    )


def of_provider(
    provider: str, rows: int, requests: int, input_tokens: int, output_tokens: int, tokenless: int
) -> Unpriced:
    """The part that one provider has in it, with its bound where the price list knows the provider."""
    rates = dearest(provider)
    if rates is None or not input_tokens + output_tokens:
        return Unpriced(rows, requests, input_tokens, output_tokens, tokenless)
    at_most = (input_tokens * rates[0].dollars + output_tokens * rates[1].dollars) / MILLION
    return Unpriced(rows, requests, input_tokens, output_tokens, tokenless, at_most, rates)


def total(parts: list[Unpriced]) -> Unpriced:
    """The sum over providers. Without a bound for one of them there is none; the rates are told for a single one."""
    if len(parts) == 1:
        return parts[0]
    bounds = [each.at_most for each in parts if each.tokens]
    return Unpriced(
        sum(each.rows for each in parts),
        sum(each.requests for each in parts),
        sum(each.input_tokens for each in parts),
        sum(each.output_tokens for each in parts),
        sum(each.tokenless_rows for each in parts),
        sum((bound for bound in bounds if bound), Decimal()) if bounds and None not in bounds else None,
    )


@lru_cache(maxsize=32)
def dearest(provider: str) -> tuple[Rate, Rate] | None:
    """The highest input and output rates that the price list has ever had for a model of the provider."""
    models = [model for known in get_snapshot().providers if known.id == provider for model in known.models]
    if not models:
        return None
    return _highest(models, "input_mtok"), _highest(models, "output_mtok")


def _highest(models: list[ModelInfo], name: str) -> Rate:
    return max(
        (Rate(_top(getattr(prices, name)), model.id) for model in models for prices in _all_prices(model)),
        key=lambda rate: (rate.dollars, rate.model),
    )


def _all_prices(model: ModelInfo) -> list[ModelPrice]:
    listed = [each.prices for each in model.prices] if isinstance(model.prices, list) else [model.prices]
    return [*listed, *(each.prices for each in model.price_variants or ())]


def _top(value: Decimal | TieredPrices | None) -> Decimal:
    if isinstance(value, TieredPrices):
        return max(value.base, *(tier.price for tier in value.tiers))
    return value or Decimal()
