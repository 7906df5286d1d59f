"""The estimated cost of a usage row, by the price list of genai-prices as it stood at the row's time.

Pure. A price that the workspace agreed goes before the list. What neither knows is unpriced, never zero; every
assumption is said in `note`. Facts about the list (0.2.3), found by running it, 2026-11: unmatched tiers silently
price as standard, long context is meant per request, batch and flex are recorded only from October 2026 on.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from functools import lru_cache

import msgspec

from tracker.own_prices import NO_PRICES, UNIT_RATES, UNITS, OwnPrice, OwnPrices
from tracker.own_rates import agreed
from tracker.ratecards import SOURCE, RateCard, Region, rate_card
from tracker.usage import CostBasis, Dimensions, Measures, UsageRecord

STANDARD, BATCH, FLEX, PRIORITY = "standard", "batch", "flex", "priority"

# Tiers as they stand on live rows (pydantic/genai-prices#115, comment of 2026-07-19, and requests' own names).
TIERS = {
    None: STANDARD,
    "default": STANDARD,
    "auto": STANDARD,
    "flex": FLEX,
    "flex-tier": FLEX,
    "priority": PRIORITY,
    "priority-tier": PRIORITY,
}
COMPLIMENTARY_TIERS = frozenset({"incentivized-tier"})
"""Tokens shared with OpenAI for training, billed at nothing."""

NO_CACHE_TOLD = "The provider told no cached part, so all input is priced as uncached."
LONG_CONTEXT = "Long-context rates, by the average request of the hour."


class PriceVersion(msgspec.Struct, frozen=True, cache_hash=True):
    """The rates that priced a row: `model` as the list names it, `content_sha256` over the list's own words.

    `rates` are the very numbers (`Region.to_json`), `note` what is to be known about them.
    """

    source: str
    provider: str
    model: str
    variant: str
    effective_from: date | None
    content_sha256: str
    rates: str
    note: str | None = None


class Priced(msgspec.Struct, frozen=True, gc=False):
    """An exact, unrounded cost in USD (None: unpriced), how it came about, and what to know about it.

    `own` is the agreed price that was applied; `version` are the list's rates under it, None where the list has none.
    """

    cost: Decimal | None
    basis: CostBasis
    version: PriceVersion | None = None
    note: str | None = None
    own: OwnPrice | None = None


def price(record: UsageRecord, *, provider: str, prices: OwnPrices = NO_PRICES) -> Priced:
    """What the row costs by the prices agreed, else at list price, at the time its bucket began."""
    rule = RULES.get(record.dimensions.usage_type)
    return rule(record, provider, prices) if rule else _unpriced(f"no rates for {record.dimensions.usage_type}")


def _unpriced(reason: str) -> Priced:
    return Priced(None, CostBasis.UNPRICED, note=f"Unpriced: {reason}.")


def _free(_record: UsageRecord, _provider: str, _prices: OwnPrices) -> Priced:
    return Priced(Decimal(), CostBasis.FREE)


def _no_rates(record: UsageRecord, _provider: str, _prices: OwnPrices) -> Priced:
    return _unpriced(f"the price list has no rates for {record.dimensions.usage_type}")


def _by_unit(record: UsageRecord, provider: str, prices: OwnPrices) -> Priced:
    """The list has no rates of these families: only an agreed one prices them."""
    unit, rate = UNITS[record.dimensions.usage_type], UNIT_RATES[record.dimensions.usage_type]
    own = prices.for_unit(provider, record.dimensions.model or "", rate, record.bucket_start.date())
    if own is None:
        return _no_rates(record, provider, prices)
    count = getattr(record.measures, unit)
    if count is None:
        return _unpriced(f"the row tells no number of {unit}")
    return Priced(own.rates[rate] * count, CostBasis.ESTIMATED, own=own)


def _by_tokens(record: UsageRecord, provider: str, prices: OwnPrices) -> Priced:
    day = record.bucket_start.date()
    if prices.prices:
        found = _found(record.dimensions, provider, day, prices)
    else:
        found = _listed(record.dimensions, provider, day)
    return (
        _at_rates(found, record.measures) if isinstance(found, _Rates) else found
    )  # a struct's own class is seen at once


class _Rates(msgspec.Struct, frozen=True):
    """What rows alike are priced at: a card, and the list's version and the note of each of its regions."""

    card: RateCard
    versions: tuple[PriceVersion | None, ...]
    notes: tuple[str | None, ...]
    own: OwnPrice | None


@lru_cache(maxsize=16_384)
def _listed(dimensions: Dimensions, provider: str, day: date) -> _Rates | Priced:
    """As most workspaces agreed nothing, rows alike of a day share what was found."""
    return _found(dimensions, provider, day, NO_PRICES)


def _found(dimensions: Dimensions, provider: str, day: date, prices: OwnPrices) -> _Rates | Priced:
    """The rates of a UTC day, or the price itself where no count matters."""
    if dimensions.service_tier in COMPLIMENTARY_TIERS:
        return Priced(Decimal(), CostBasis.COMPLIMENTARY)
    if dimensions.model is None:
        return _unpriced("the row names no model")
    variant = tier_of(dimensions)
    if variant is None:
        return _unpriced(f"the tier {dimensions.service_tier} is not in the price list")
    listed = rate_card(provider, dimensions.model, variant, day)
    own = prices.for_tokens(provider, dimensions.model, variant, day)
    card = agreed(listed, own, model=dimensions.model, variant=variant) if own else listed
    if isinstance(card, str):
        return _unpriced(card)
    numbers = range(len(card.regions))
    versions = tuple(None if isinstance(listed, str) else _version(listed, provider, number) for number in numbers)
    return _Rates(card, versions, tuple(_rate_note(card, region) for region in card.regions), own)


def tier_of(dimensions: Dimensions) -> str | None:
    """The list's name of a row's tier; None when it has none."""
    return BATCH if dimensions.batch else TIERS.get(dimensions.service_tier)


def _at_rates(rates: _Rates, measures: Measures) -> Priced:
    requests, tokens, card = measures.requests, measures.input_tokens or 0, rates.card
    if not requests and tokens > card.lowest_threshold:
        return _unpriced("the row tells no number of requests, on which its long-context rates depend")
    number = card.region_number(tokens, requests=requests or 1)
    region, note = card.regions[number], rates.notes[number]
    if not region.prices_all and (unpriced := region.unpriced(measures)):
        return _unpriced(f"{card.model} has no rate for {unpriced}")
    if measures.input_cached_tokens is None:
        note = _words(note, cache_note(measures))
    cost = region.cost(measures, requests=requests or 0)
    return Priced(cost, CostBasis.ESTIMATED, rates.versions[number], note, rates.own)


def _rate_note(card: RateCard, region: Region) -> str | None:
    return _words(card.note, LONG_CONTEXT if region.above else None)


def _words(*notes: str | None) -> str | None:
    return " ".join(filter(None, notes)) or None


def cache_note(measures: Measures) -> str | None:
    """What is to be said of a row whose cached part the provider did not tell."""
    told = measures.input_cached_tokens is not None or not measures.input_tokens or measures.output_tokens is None
    return None if told else NO_CACHE_TOLD


@lru_cache(maxsize=4_096)
def _version(card: RateCard, provider: str, number: int) -> PriceVersion:
    """The version of one region of the card; what makes its rates or note others stands in its variant."""
    region = card.regions[number]
    parts = (
        card.variant,
        "inferred" if card.note else None,
        f"over {region.above} tokens" if number > 1 else None,
        "long context" if region.above else None,
    )
    variant = ", ".join(part for part in parts if part)
    said = (card.effective_from, card.content_sha256, region.to_json(), _rate_note(card, region))
    return PriceVersion(SOURCE, provider, card.model, variant, *said)


RULES: dict[str, Callable[[UsageRecord, str, OwnPrices], Priced]] = {
    "completions": _by_tokens,
    "embeddings": _by_tokens,
    "moderations": _free,
    "images": _by_unit,
    "audio_speeches": _by_unit,
    "audio_transcriptions": _by_unit,
    "vector_stores": _no_rates,
    "code_interpreter_sessions": _by_unit,
    "file_search_calls": _by_unit,
    "web_search_calls": _by_unit,
}
"""Every usage family and how it is priced; one that is not listed is unpriced."""

BY_TOKENS = frozenset(family for family, rule in RULES.items() if rule is _by_tokens)
"""The families whose requests are asked of a model and cost what their tokens do; calls of tools lie inside these."""
