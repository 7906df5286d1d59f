"""A group of equally priced usage, split into the lines a bill would have, and what other rates would have made of it.

Pure. The parts of a group add up to its stored estimate exactly; the rates only say how to divide it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from tracker import money
from tracker.own_prices import UNIT_RATES, OwnPrice
from tracker.own_rates import agreed
from tracker.pricing import BATCH, FLEX, PRIORITY, STANDARD, TIERS
from tracker.ratecards import CLASSES, RateCard, Region, rate_card
from tracker.reconciliation.causes import Cause
from tracker.reconciliation.lines import Item
from tracker.usage import CostBasis

UNIT_FAMILIES: Mapping[str, tuple[str, str]] = {
    "images": ("images", "images"),
    "audio_speeches": ("characters", "characters"),
    "audio_transcriptions": ("seconds", "seconds"),
}
"""Families sold by another unit than tokens: the measure and the bill's kind."""

SERVICES: Mapping[str, str] = {
    "vector_stores": "assistants api | file search",
    "code_interpreter_sessions": "code interpreter sessions",
    "file_search_calls": "file search tool calls",
    "web_search_calls": "web search tool calls",
}
"""Families that the bill names as a service, without a model."""

CLASS_OF: Mapping[str, str] = {
    "input": "input_tokens",
    "cached input": "input_cached_tokens",
    "cache write": "input_cache_write_tokens",
    "audio input": "input_audio_tokens",
    "cached audio input": "input_cached_audio_tokens",
    "image input": "input_image_tokens",
    "cached image input": "input_cached_image_tokens",
    "output": "output_tokens",
    "audio output": "output_audio_tokens",
    "image output": "output_image_tokens",
}
"""The token class whose full rate a token of each kind costs."""

UNCACHED = {"cached input": "input", "cached audio input": "audio input", "cached image input": "image input"}


@dataclass(frozen=True)
class Group:
    """Usage of one UTC day that was priced alike: `cost` is the sum of `rows` stored estimates, None when unpriced.

    `own` is the agreed price that priced it, if one did.
    """

    day: date
    provider_key_id: int
    provider: str
    usage_type: str
    model: str | None
    tier: str | None
    batch: bool
    basis: CostBasis
    long_context: bool
    rows: int
    counts: Mapping[str, int | None]
    cost: Decimal | None
    own: OwnPrice | None = None


@dataclass(frozen=True)
class Part:
    """The part of a group that one line of the bill sells.

    `quantity` in tokens or the family's unit; `otherwise` holds what other rates would have made of the estimate;
    `rate` is what priced it, US dollars a token or unit, None where nothing did; `agreed` tells that it was agreed.
    """

    item: Item
    quantity: int
    estimated: Decimal | None
    rows: int
    otherwise: tuple[tuple[Cause, Decimal], ...] = ()
    rate: Decimal | None = None
    agreed: bool = False


def kinds(measures: Mapping[str, int | None]) -> dict[str, int]:
    """The tokens of each disjoint kind; a count that was not told is none of that kind. Zero kinds are left out."""
    told = {name: measures.get(name) or 0 for name in CLASSES}
    cached_audio, cached_image = told["input_cached_audio_tokens"], told["input_cached_image_tokens"]
    audio, image = told["input_audio_tokens"] - cached_audio, told["input_image_tokens"] - cached_image
    cached, write = told["input_cached_tokens"], told["input_cache_write_tokens"]
    out_audio, out_image = told["output_audio_tokens"], told["output_image_tokens"]
    counts = {
        "input": told["input_tokens"] - cached - write - audio - image,
        "cached input": cached - cached_audio - cached_image,
        "cache write": write,
        "audio input": audio,
        "cached audio input": cached_audio,
        "image input": image,
        "cached image input": cached_image,
        "output": told["output_tokens"] - out_audio - out_image,
        "audio output": out_audio,
        "image output": out_image,
    }
    return {kind: count for kind, count in counts.items() if count}


def unit_rate(region: Region, kind: str) -> Decimal:
    """USD a token of the kind."""
    return region.full_rates[CLASS_OF[kind]]


def parts(group: Group) -> list[Part]:
    """The group by lines of the bill."""
    if service := SERVICES.get(group.usage_type):
        return [Part(Item("", service), group.counts.get("requests") or 0, group.cost, group.rows, rate=_unit(group))]
    if unit := UNIT_FAMILIES.get(group.usage_type):
        measure, kind = unit
        sold = Item(group.model or "", kind)
        return [Part(sold, group.counts.get(measure) or 0, group.cost, group.rows, rate=_unit(group))]
    counts = kinds(group.counts) or {"input": 0}
    region = _region(group, _variant(group))
    if group.cost is None or region is None or group.basis is not CostBasis.ESTIMATED:
        return _undivided(group, counts, region)
    shares = {kind: _nanos(unit_rate(region, kind) * count) for kind, count in counts.items()}
    most = max(shares, key=lambda kind: shares[kind])
    shares[most] += group.cost - sum(shares.values(), Decimal())
    return [
        Part(
            Item(group.model or "", kind),
            counts[kind],
            share,
            group.rows,
            tuple(_otherwise(group, kind, counts)),
            unit_rate(region, kind),
            agreed=group.own is not None,
        )
        for kind, share in shares.items()
    ]


def _unit(group: Group) -> Decimal | None:
    """USD for one of a family without tokens; the list has none."""
    return group.own.rates.get(UNIT_RATES.get(group.usage_type, "")) if group.own else None


def _undivided(group: Group, counts: Mapping[str, int], region: Region | None) -> list[Part]:
    """Free and complimentary usage costs nothing on any line; a cost without rates stands on the first line."""
    made = []
    for n, (kind, count) in enumerate(counts.items()):
        cost = group.cost if group.cost is None or n == 0 else Decimal()
        given = group.basis is CostBasis.COMPLIMENTARY and region is not None
        value = ((Cause.COMPLIMENTARY, _nanos(unit_rate(region, kind) * count)),) if given and region else ()
        made.append(Part(Item(group.model or "", kind), count, cost, group.rows, value))
    return made


def _nanos(usd: Decimal) -> Decimal:
    """Rounded as a stored amount is, so that sums and differences stay exact."""
    return money.from_nanos(money.to_nanos(usd))


def _variant(group: Group) -> str:
    return BATCH if group.batch else TIERS.get(group.tier, STANDARD)


def card_of(group: Group, variant: str) -> RateCard | None:
    if group.model is None:
        return None
    card = rate_card(group.provider, group.model, variant, group.day)
    if group.own:
        card = agreed(card, group.own, model=group.model, variant=variant)
    return None if isinstance(card, str) else card


def _region(group: Group, variant: str) -> Region | None:
    card = card_of(group, variant)
    return card.regions[-1 if group.long_context else 0] if card else None


def _otherwise(group: Group, kind: str, counts: Mapping[str, int]) -> Iterator[tuple[Cause, Decimal]]:
    own = _variant(group)
    for variant in (STANDARD, BATCH, FLEX, PRIORITY):
        region = _region(group, variant)
        if variant != own and region:
            yield Cause.TIER_OR_BATCH, _nanos(unit_rate(region, kind) * counts[kind])
    card, region = card_of(group, own), _region(group, own)
    for other in card.regions if card else ():
        if other != region:
            yield Cause.LONG_CONTEXT, _nanos(unit_rate(other, kind) * counts[kind])
    if region and kind in UNCACHED:
        yield Cause.CACHE, _nanos(unit_rate(region, UNCACHED[kind]) * counts[kind])
    if region and kind == "input" and counts.get("cached input"):
        yield Cause.CACHE, _nanos(unit_rate(region, kind) * (counts[kind] + counts["cached input"]))
