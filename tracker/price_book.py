"""The prices of a workspace as they stand: those agreed, the list's that priced its usage, and what has none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select
from sqlmodel import Session

from tracker import clock, unpriced, workspace_prices
from tracker.explaining import PRICED_NOW
from tracker.models import PriceVersion, User, WorkspacePrice, table_of
from tracker.own_prices import UNIT_RATES, OwnPrice, OwnPrices
from tracker.own_rates import MILLION
from tracker.pricing import RULES, price
from tracker.ratecards import CLASSES, Region
from tracker.stored import EVENTS, SERIES
from tracker.unpriced import Unpriced
from tracker.usage import MAX_COUNT, CostBasis, Dimensions, Measures, UsageRecord

PRICES, USERS, VERSIONS = table_of(WorkspacePrice), table_of(User), table_of(PriceVersion)

TOKEN_RATES = ("input_tokens", "input_cached_tokens", "output_tokens")
"""What is asked for a model that the list does not know; the other classes cost what their wholes do."""


@dataclass(frozen=True)
class Agreed:
    """A price that was agreed, by whom (None: an operator) and when; `ended_at` is when its end was set."""

    price: OwnPrice
    who: str | None
    at: datetime
    ended_at: datetime | None

    def standing(self, today: date) -> str:
        """In a word: whether it holds on the UTC day."""
        if self.price.ends_on == self.price.effective_from:
            return "taken back"
        if self.price.ends_on is not None and self.price.ends_on <= today:
            return "ended"
        return "in force" if self.price.effective_from <= today else "to come"


@dataclass(frozen=True)
class Listed:
    """Rates of the price list that priced usage of `models`: where they come from, and the very numbers.

    `model` is what the list calls it. `input`, `cached` and `output` are USD a million tokens at its full rate, None
    where the rates were not kept, or the list has none: what is read only, as an embedding is, gives no output.
    `others` are the same of the classes that have a rate of their own.
    """

    source: str
    model: str
    variant: str
    effective_from: date | None
    content_sha256: str
    first_used_at: datetime
    note: str | None
    models: tuple[str, ...]
    rows: int
    input: Decimal | None
    cached: Decimal | None
    output: Decimal | None
    others: Mapping[str, Decimal]


@dataclass(frozen=True)
class Lacking:
    """Usage of the period without a price, why, and which rates would give it one; none where no rate can."""

    provider: str
    usage_type: str
    model: str | None
    rows: int
    requests: int
    tokens: int
    reason: str
    rates: tuple[str, ...]


@dataclass(frozen=True)
class Book:
    """All prices ever agreed, the newest first; the list's in use and what lacks one in the UTC days [start, end).

    `unpriced` is the sum of what lacks one.
    """

    start: date
    end: date
    agreed: tuple[Agreed, ...]
    listed: tuple[Listed, ...]
    lacking: tuple[Lacking, ...]
    unpriced: Unpriced


@dataclass(frozen=True)
class _Used:
    """Usage of the period priced alike, its counts added up."""

    provider: str
    dimensions: Dimensions
    basis: CostBasis
    version_id: int | None
    last: datetime
    rows: int
    measures: Measures


def read(session: Session, workspace_id: int, start: date, end: date) -> Book:
    """The book with what was used in the UTC days [start, end)."""
    used = _used(session, workspace_id, start, end)
    prices = workspace_prices.every(session, workspace_id)
    return Book(
        start,
        end,
        tuple(_agreed(session, workspace_id, prices)),
        tuple(_listed(session, used)),
        tuple(_lacking(used, prices)),
        unpriced.read(session, workspace_id, start, end),
    )


ALIKE = ("provider", "usage_type", "width_s", "model", "service_tier", "batch")
COUNTS = ("requests", "input_tokens", "output_tokens", "images", "characters", "seconds", "sessions", "bytes")


def _used(session: Session, workspace_id: int, start: date, end: date) -> list[_Used]:
    alike = (*(SERIES.c[name] for name in ALIKE), EVENTS.c.cost_basis, EVENTS.c.price_version_id)
    statement = (
        select(*alike, func.max(EVENTS.c.bucket_start), func.count(), *(func.sum(EVENTS.c[name]) for name in COUNTS))
        .join_from(EVENTS, SERIES, EVENTS.c.series_id == SERIES.c.id)
        .where(
            EVENTS.c.workspace_id == workspace_id,
            SERIES.c.workspace_id == workspace_id,
            EVENTS.c.bucket_start >= clock.day_start(start),
            EVENTS.c.bucket_start < clock.day_start(end),
        )
        .group_by(*alike)
    )
    return [_of(*row) for row in session.execute(statement)]


def _of(*row: Any) -> _Used:
    provider, usage_type, width, model, tier, batch, basis, version, last, rows, *counts = row
    dimensions = Dimensions(usage_type, width, model=model, service_tier=tier, batch=batch)
    told = {name: None if n is None else min(int(n), MAX_COUNT) for name, n in zip(COUNTS, counts, strict=True)}
    return _Used(provider, dimensions, CostBasis(basis), version, last, rows, Measures(**told))


def _agreed(session: Session, workspace_id: int, prices: OwnPrices) -> Iterable[Agreed]:
    statement = (
        select(PRICES.c.id, USERS.c.email, PRICES.c.created_at, PRICES.c.ended_at)
        .join_from(PRICES, USERS, PRICES.c.created_by == USERS.c.id, isouter=True)
        .where(PRICES.c.workspace_id == workspace_id)
    )
    made = {number: told for number, *told in session.execute(statement)}
    return (Agreed(each, *made[each.id]) for each in reversed(prices.prices))


def _listed(session: Session, used: Iterable[_Used]) -> list[Listed]:
    by_version: dict[int, list[_Used]] = {}
    for each in used:
        if each.version_id is not None:
            by_version.setdefault(each.version_id, []).append(each)
    statement = select(VERSIONS).where(VERSIONS.c.id.in_(by_version))
    found = [_version(row, by_version[row["id"]]) for row in session.execute(statement).mappings()]
    return sorted(found, key=lambda each: (each.model, each.variant, each.effective_from or date.min))


def _version(row: Any, used: Iterable[_Used]) -> Listed:
    rates = _rates(Region.from_json(row["rates"])) if row["rates"] else {}
    of_version = list(used)
    return Listed(
        **{name: row[name] for name in ("source", "model", "variant", "effective_from", "content_sha256")},
        first_used_at=row["first_used_at"],
        note=row["note"],
        models=tuple(sorted({each.dimensions.model or "" for each in of_version})),
        rows=sum(each.rows for each in of_version),
        input=rates.pop("input_tokens", None),
        cached=rates.pop("input_cached_tokens", None),
        output=rates.pop("output_tokens", None),
        others=rates,
    )


def _rates(region: Region) -> dict[str, Decimal]:
    """USD a million tokens of the classes that the list has a rate for."""
    own = {name for name, step in zip(CLASSES, region.rates, strict=True) if step}
    shown = own | region.priced | ({"input_cached_tokens"} if region.prices_all else set())
    return {name: rate * MILLION for name, rate in region.full_rates.items() if name in shown}


def _lacking(used: Iterable[_Used], prices: OwnPrices) -> list[Lacking]:
    by_name: dict[tuple[str, str, str], list[_Used]] = {}
    for each in used:
        if each.basis is CostBasis.UNPRICED:
            name = (each.provider, each.dimensions.usage_type, each.dimensions.model or "")
            by_name.setdefault(name, []).append(each)
    found = [_lacks(of_name, prices) for of_name in by_name.values()]
    return sorted(found, key=lambda each: (-each.tokens, -each.requests, each.usage_type, each.model or ""))


def _lacks(used: list[_Used], prices: OwnPrices) -> Lacking:
    largest = max(used, key=lambda each: each.rows)
    family = largest.dimensions.usage_type
    now = price(
        UsageRecord(largest.last, largest.dimensions, largest.measures), provider=largest.provider, prices=prices
    )
    tokens = sum((each.measures.input_tokens or 0) + (each.measures.output_tokens or 0) for each in used)
    return Lacking(
        largest.provider,
        family,
        largest.dimensions.model,
        sum(each.rows for each in used),
        sum(each.measures.requests or 0 for each in used),
        tokens,
        PRICED_NOW if now.cost is not None else _sentence((now.note or "").removeprefix("Unpriced: ")),
        _rates_for(family),
    )


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def _rates_for(family: str) -> tuple[str, ...]:
    if family in UNIT_RATES:
        return (UNIT_RATES[family],)
    return TOKEN_RATES if family in RULES and RULES[family] is RULES["completions"] else ()
