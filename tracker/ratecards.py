"""Rates per token, drawn once from genai-prices for a model, a variant and a stretch of unchanged prices.

The list's own arithmetic takes 0.1 ms a row. It is linear between its context thresholds, so the rate of each token
class follows from a few probes of it, and a row then costs a handful of multiplications with the same result.
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Context, Decimal
from functools import cached_property, lru_cache
from importlib.metadata import version

import msgspec
from genai_prices import Usage, calc_price
from genai_prices.types import ModelInfo, ModelPrice, PriceVariant, StartDateConstraint, TieredPrices

from tracker import clock
from tracker.money import NANOS_PER_USD, nanos_of
from tracker.usage import Measures

SOURCE = f"genai-prices {version('genai-prices')}"

NO_THRESHOLD = 10**15
STEP = 1_000
"""Tokens by which a probe moves one class."""

CLASSES = (
    "input_tokens",
    "input_cached_tokens",
    "input_cache_write_tokens",
    "output_tokens",
    "input_audio_tokens",
    "input_cached_audio_tokens",
    "output_audio_tokens",
    "input_image_tokens",
    "input_cached_image_tokens",
    "output_image_tokens",
)

WHOLES = {
    "input_cached_tokens": ("input_tokens",),
    "input_cache_write_tokens": ("input_tokens",),
    "input_audio_tokens": ("input_tokens",),
    "input_cached_audio_tokens": ("input_tokens", "input_cached_tokens", "input_audio_tokens"),
    "output_audio_tokens": ("output_tokens",),
    "input_image_tokens": ("input_tokens",),
    "input_cached_image_tokens": ("input_tokens", "input_cached_tokens", "input_image_tokens"),
    "output_image_tokens": ("output_tokens",),
}
"""The classes inside which a class lies: its full rate is its own step and theirs."""

USAGE_NAMES = {
    "input_tokens": "input_tokens",
    "input_cached_tokens": "cache_read_tokens",
    "input_cache_write_tokens": "cache_write_tokens",
    "output_tokens": "output_tokens",
    "input_audio_tokens": "input_audio_tokens",
    "input_cached_audio_tokens": "cache_audio_read_tokens",
    "output_audio_tokens": "output_audio_tokens",
    "input_image_tokens": "input_image_tokens",
    "input_cached_image_tokens": "cache_image_read_tokens",
    "output_image_tokens": "output_image_tokens",
}
# Overlaps that OpenAI does not tell must be named as zero, or the list refuses the row.
UNTOLD_OVERLAPS = {"cache_audio_write_tokens": 0, "cache_image_write_tokens": 0}

CONTEXTS = {
    "standard": None,
    "batch": {"processing": "batch"},
    "flex": {"service_tier": "flex"},
    "priority": {"service_tier": "priority"},
}


_EXACT = Context(prec=60)
"""Wide enough for counts below 10¹⁴ at rates of 40 places."""

NANO = -9
"""The place of a nano-dollar."""


def _places(rate: Decimal) -> int:
    exponent = rate.normalize(_EXACT).as_tuple().exponent
    assert isinstance(exponent, int), "a rate is a finite number"
    return exponent


class Charge(msgspec.Struct, frozen=True):
    """What one of each count costs, in whole steps, of which `per_nano` make a nano-dollar.

    Whole numbers are exact, and added several times as quickly as decimals. A count that was not told adds nothing.
    """

    rates: tuple[tuple[str, int], ...]
    per_nano: int

    @staticmethod
    def of(usd: Mapping[str, Decimal]) -> Charge:
        """The same in steps of the rates' last place."""
        charged = {name: rate for name, rate in usd.items() if rate}
        places = min((NANO, *map(_places, charged.values())))
        steps = {name: int(rate.scaleb(-places, _EXACT)) for name, rate in charged.items()}
        return Charge(tuple(steps.items()), 10 ** (NANO - places))

    def cost(self, measures: Measures) -> Decimal:
        """The exact cost in USD."""
        return _EXACT.divide(self._steps(measures), self.per_nano * NANOS_PER_USD)

    def nanos(self, measures: Measures) -> int:
        """The same in whole nano-dollars, rounded half to even; ValueError when it is too much to be stored."""
        return nanos_of(self._steps(measures), self.per_nano)

    def _steps(self, measures: Measures) -> int:
        steps = 0
        for name, rate in self.rates:
            steps += rate * (getattr(measures, name) or 0)
        return steps


@dataclass(frozen=True)
class Region:
    """USD a token for requests of more than `above` input tokens; a class's rate comes on top of its whole's."""

    above: int
    rates: tuple[Decimal, ...]
    per_request: Decimal
    priced: frozenset[str]

    @cached_property
    def charge(self) -> Charge:
        """What a row's requests and tokens cost."""
        return Charge.of({"requests": self.per_request, **dict(zip(CLASSES, self.rates, strict=True))})

    @cached_property
    def full_rates(self) -> dict[str, Decimal]:
        """USD a token of each class: what one that lies in no class but its wholes costs."""
        steps = dict(zip(CLASSES, self.rates, strict=True))
        return {name: steps[name] + sum((steps[whole] for whole in WHOLES.get(name, ())), Decimal()) for name in steps}

    @cached_property
    def prices_all(self) -> bool:
        """Whether it has rates for both kinds of tokens."""
        return self.priced >= {"input_tokens", "output_tokens"}

    def to_json(self) -> str:
        """The rates as text, exact."""
        rates = {name: format(rate, "f") for name, rate in zip(CLASSES, self.rates, strict=True)}
        told = {"above": self.above, "per_request": format(self.per_request, "f"), "priced": sorted(self.priced)}
        return json.dumps({**told, "rates": rates})

    @staticmethod
    def from_json(text: str) -> Region:
        """The region that `to_json` wrote."""
        told = json.loads(text)
        rates = tuple(Decimal(told["rates"][name]) for name in CLASSES)
        return Region(told["above"], rates, Decimal(told["per_request"]), frozenset(told["priced"]))

    def unpriced(self, measures: Measures) -> str | None:
        """The token class that was used and has no rate at all."""
        if measures.input_tokens and "input_tokens" not in self.priced:
            return "input_tokens"
        return "output_tokens" if measures.output_tokens and "output_tokens" not in self.priced else None


@dataclass(frozen=True)
class RateCard:
    """The rates of one model and variant over a stretch of days; `regions` by rising threshold, the first from 0."""

    model: str
    variant: str
    effective_from: date | None
    content_sha256: str
    regions: tuple[Region, ...]
    note: str | None = None

    @cached_property
    def lowest_threshold(self) -> int:
        return self.regions[1].above if len(self.regions) > 1 else NO_THRESHOLD

    def region(self, input_tokens: int, *, requests: int) -> Region:
        """The rates for the average request. "Above" means more than the threshold, which itself is still below."""
        return self.regions[self.region_number(input_tokens, requests=requests)]

    def region_number(self, input_tokens: int, *, requests: int) -> int:
        """The same as its place among the regions."""
        found = 0
        if input_tokens > self.lowest_threshold * requests:
            for number, region in enumerate(self.regions):
                if input_tokens > region.above * requests:
                    found = number
        return found

    def __hash__(self) -> int:
        return hash((self.model, self.variant, self.content_sha256))


@lru_cache(maxsize=16_384)
def rate_card(provider: str, model_ref: str, variant: str, day: date) -> RateCard | str:
    """The card for a UTC day, or why there is none (the rest of "Unpriced: …")."""
    model = _find(provider, model_ref)
    if model is None:
        return f"the model {model_ref} is not in the price list"
    changes = _changes(model.id, provider, model_ref)
    stretch = bisect_right(changes, day)
    return _card(provider, model_ref, variant, changes[stretch - 1] if stretch else date.min)


@lru_cache(maxsize=4_096)
def _find(provider: str, model_ref: str) -> ModelInfo | None:
    try:
        return calc_price(Usage(), model_ref, provider_id=provider).model
    except LookupError:
        return None


@lru_cache(maxsize=4_096)
def _changes(_model_id: str, provider: str, model_ref: str) -> tuple[date, ...]:
    """The days on which anything about the model's price starts."""
    model = _find(provider, model_ref)
    assert model is not None, "asked only of a model that was found"
    listed = model.prices if isinstance(model.prices, list) else []
    constraints = [each.constraint for each in (*listed, *(model.price_variants or ()))]
    return tuple(sorted({each.start_date for each in constraints if isinstance(each, StartDateConstraint)}))


@lru_cache(maxsize=4_096)
def _card(provider: str, model_ref: str, variant: str, day: date) -> RateCard | str:
    model = _find(provider, model_ref)
    assert model is not None, "as above"
    if variant == "standard":
        return _drawn(model, variant, _prices(model, variant, day), since=_in_force_since(model, day))
    offered = [each for each in model.price_variants or () if each.when == CONTEXTS[variant]]
    if not offered:
        return f"{model.id} has no {variant} rates in the price list"
    started = min(_starts(each) for each in offered)
    if started <= day:
        return _drawn(
            model, variant, _prices(model, variant, day), since=max(started, _in_force_since(model, day) or date.min)
        )
    if _prices(model, "standard", started) != _prices(model, "standard", day):
        return f"the list knows {variant} rates of {model.id} only from {started} on, and its price changed since"
    note = f"The price list records {variant} rates from {started} on; the standard price was the same before."
    return _drawn(model, variant, _prices(model, variant, started), since=started, note=note)


def _starts(variant: PriceVariant) -> date:
    return variant.constraint.start_date if isinstance(variant.constraint, StartDateConstraint) else date.min


def _in_force_since(model: ModelInfo, day: date) -> date | None:
    listed = model.prices if isinstance(model.prices, list) else []
    starts = [each.constraint.start_date for each in listed if isinstance(each.constraint, StartDateConstraint)]
    return max((start for start in starts if start <= day), default=None)


def _prices(model: ModelInfo, variant: str, day: date) -> ModelPrice:
    return model.get_prices(clock.day_start(day), CONTEXTS[variant])


def _drawn(
    model: ModelInfo, variant: str, prices: ModelPrice, *, since: date | None, note: str | None = None
) -> RateCard | str:
    told = {name: value for name, value in vars(prices).items() if value is not None}
    if not any(_highest(told.get(name)) for name in ("input_mtok", "output_mtok")):
        return f"{model.id} is not sold by the token"
    thresholds = sorted(
        {tier.start for value in told.values() if isinstance(value, TieredPrices) for tier in value.tiers}
    )
    priced = frozenset(
        name for name, field in (("input_tokens", "input_mtok"), ("output_tokens", "output_mtok")) if field in told
    )
    regions = tuple(_region(prices, above, priced) for above in (0, *thresholds))
    content = hashlib.sha256(repr(sorted(told.items())).encode()).hexdigest()
    return RateCard(model.id, variant, since if since != date.min else None, content, regions, note)


def _highest(value: Decimal | TieredPrices | None) -> Decimal:
    return value.base if isinstance(value, TieredPrices) else value or Decimal()


def _region(prices: ModelPrice, above: int, priced: frozenset[str]) -> Region:
    """Probe the list's arithmetic just above the threshold: each class's rate is what one step of it adds."""
    base = dict.fromkeys(CLASSES, 0) | {"input_tokens": above + 1 if above else 0}
    # A class can only grow inside its wholes, so those are there already in both probes of its rate.
    roomy = base | {"input_tokens": base["input_tokens"] + 8 * STEP, "output_tokens": 8 * STEP}
    nested = roomy | {"input_cached_tokens": 4 * STEP, "input_audio_tokens": STEP, "input_image_tokens": STEP}
    rates = []
    for name in CLASSES:
        start = {"input_tokens": base, "output_tokens": base}.get(name, roomy)
        if name in {"input_cached_audio_tokens", "input_cached_image_tokens"}:
            start = nested
        more = start | {name: start[name] + STEP}
        rates.append((_cost(prices, more) - _cost(prices, start)) / STEP)
    return Region(above, tuple(rates), _per_request(prices), priced)


def _per_request(prices: ModelPrice) -> Decimal:
    return prices.calc_price(Usage(**dict.fromkeys(USAGE_NAMES.values(), 0), **UNTOLD_OVERLAPS))["total_price"]


def _cost(prices: ModelPrice, counts: dict[str, int]) -> Decimal:
    usage = Usage(**{USAGE_NAMES[name]: count for name, count in counts.items()}, **UNTOLD_OVERLAPS)
    return prices.calc_price(usage)["total_price"]
