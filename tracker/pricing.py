"""The estimated cost of a usage row, by the price list of genai-prices as it stood at the row's time.

Pure. A price that the workspace agreed goes before the list. What neither knows is unpriced, never zero; every
assumption is said in `note`. Facts about the list (0.2.3), found by running it, 2026-11: unmatched tiers silently
price as standard, long context is meant per request, batch and flex are recorded only from October 2026 on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from functools import lru_cache
from itertools import groupby
from operator import attrgetter

import msgspec
from msgspec.structs import astuple, replace

from tracker.own_prices import NO_PRICES, UNIT_RATES, UNITS, OwnPrice, OwnPrices
from tracker.own_rates import agreed
from tracker.ratecards import SOURCE, Charge, RateCard, Region, rate_card
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


NOTHING = Charge.of({})


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


class How(msgspec.Struct, frozen=True):
    """How a cost came about, and what to know about it: rows alike share it.

    `own` is the agreed price that was applied; `version` are the list's rates under it, None where the list has none.
    """

    basis: CostBasis
    version: PriceVersion | None = None
    note: str | None = None
    own: OwnPrice | None = None


class Priced(How, frozen=True, kw_only=True):
    """An exact, unrounded cost in USD (None: unpriced), and how it came about."""

    cost: Decimal | None


Decision = tuple[Charge | None, How]
"""What a row's counts are charged (None: unpriced), and how that came about."""

Terms = Callable[[Measures], Decision]
"""What rows alike share: the counts of each decide the rest."""


def price(record: UsageRecord, *, provider: str, prices: OwnPrices = NO_PRICES) -> Priced:
    """What the row costs by the prices agreed, else at list price, at the time its bucket began."""
    terms = _terms(record.dimensions, provider, record.bucket_start.date(), prices)
    charge, how = terms(record.measures)
    return Priced(*astuple(how), cost=None if charge is None else charge.cost(record.measures))


def in_nanos(
    records: Iterable[UsageRecord], *, provider: str, prices: OwnPrices = NO_PRICES
) -> Iterator[tuple[int | None, How]]:
    """The same of many rows, each cost as a table holds it. Rows alike of a day look up their terms once."""
    known: dict[date, dict[Dimensions, Terms]] = {}
    for start, rows in groupby(records, attrgetter("bucket_start")):
        day = start.date()
        alike = known.setdefault(day, {})
        for row in rows:
            terms = alike.get(row.dimensions)
            if terms is None:
                terms = alike[row.dimensions] = _terms(row.dimensions, provider, day, prices)
            charge, how = terms(row.measures)
            yield None if charge is None else charge.nanos(row.measures), how


def _terms(of: Dimensions, provider: str, day: date, prices: OwnPrices) -> Terms:
    """The terms of a UTC day."""
    return _found(of, provider, day, prices) if prices.prices else _listed(of, provider, day)


@lru_cache(maxsize=16_384)
def _listed(of: Dimensions, provider: str, day: date) -> Terms:
    """As most workspaces agreed nothing, what was found is remembered."""
    return _found(of, provider, day, NO_PRICES)


def _found(of: Dimensions, provider: str, day: date, prices: OwnPrices) -> Terms:
    rule = RULES.get(of.usage_type)
    return rule(of, provider, day, prices) if rule else _settled(_unpriced(f"no rates for {of.usage_type}"))


def _settled(decision: Decision) -> Terms:
    """Terms by which no count matters."""
    return lambda _: decision


def _unpriced(reason: str) -> Decision:
    return None, How(CostBasis.UNPRICED, note=f"Unpriced: {reason}.")


def _free(_of: Dimensions, _provider: str, _day: date, _prices: OwnPrices) -> Terms:
    return _settled((NOTHING, How(CostBasis.FREE)))


def _no_rates(of: Dimensions, _provider: str, _day: date, _prices: OwnPrices) -> Terms:
    return _settled(_unpriced(f"the price list has no rates for {of.usage_type}"))


def _by_unit(of: Dimensions, provider: str, day: date, prices: OwnPrices) -> Terms:
    """The list has no rates of these families: only an agreed one prices them."""
    unit, rate = UNITS[of.usage_type], UNIT_RATES[of.usage_type]
    own = prices.for_unit(provider, of.model or "", rate, day)
    if own is None:
        return _no_rates(of, provider, day, prices)
    priced = Charge.of({unit: own.rates[rate]}), How(CostBasis.ESTIMATED, own=own)
    untold = _unpriced(f"the row tells no number of {unit}")
    return lambda measures: untold if getattr(measures, unit) is None else priced


def _by_tokens(of: Dimensions, provider: str, day: date, prices: OwnPrices) -> Terms:
    if of.service_tier in COMPLIMENTARY_TIERS:
        return _settled((NOTHING, How(CostBasis.COMPLIMENTARY)))
    if of.model is None:
        return _settled(_unpriced("the row names no model"))
    variant = tier_of(of)
    if variant is None:
        return _settled(_unpriced(f"the tier {of.service_tier} is not in the price list"))
    listed = rate_card(provider, of.model, variant, day)
    own = prices.for_tokens(provider, of.model, variant, day)
    card = agreed(listed, own, model=of.model, variant=variant) if own else listed
    if isinstance(card, str):
        return _settled(_unpriced(card))
    numbers = range(len(card.regions))
    versions = [None if isinstance(listed, str) else _version(listed, provider, number) for number in numbers]
    return _at_rates(card, versions, own)


def tier_of(dimensions: Dimensions) -> str | None:
    """The list's name of a row's tier; None when it has none."""
    return BATCH if dimensions.batch else TIERS.get(dimensions.service_tier)


def _at_rates(card: RateCard, versions: Sequence[PriceVersion | None], own: OwnPrice | None) -> Terms:
    """The terms of a card; `versions` are the list's of its regions."""
    told: list[Decision] = [
        (region.charge, How(CostBasis.ESTIMATED, version, _rate_note(card, region), own))
        for region, version in zip(card.regions, versions, strict=True)
    ]
    untold = [(charge, replace(how, note=_words(how.note, NO_CACHE_TOLD))) for charge, how in told]
    lowest = card.lowest_threshold

    def terms(measures: Measures) -> Decision:
        number, tokens = 0, measures.input_tokens or 0
        if tokens > lowest:
            if not measures.requests:
                return _unpriced("the row tells no number of requests, on which its long-context rates depend")
            number = card.region_number(tokens, requests=measures.requests)
        region = card.regions[number]
        if not region.prices_all and (unpriced := region.unpriced(measures)):
            return _unpriced(f"{card.model} has no rate for {unpriced}")
        return (untold if measures.input_cached_tokens is None and cache_note(measures) else told)[number]

    return terms


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


RULES: dict[str, Callable[[Dimensions, str, date, OwnPrices], Terms]] = {
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
