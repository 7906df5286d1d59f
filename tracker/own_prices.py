"""Prices a workspace agreed with its provider: pure values, checked where they are made, chosen by model and day.

A price is either a factor on the list (0.85 = 15 % off) or rates of its own. Of several that fit a row, the one that
begins last wins, then the one added last. Nothing here reads a table.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation

from tracker.errors import BadInput
from tracker.ratecards import CLASSES

UNITS = {
    "images": "images",
    "audio_speeches": "characters",
    "audio_transcriptions": "seconds",
    "code_interpreter_sessions": "sessions",
    "file_search_calls": "requests",
    "web_search_calls": "requests",
}
"""What a family without tokens is counted in. Storage is told as bytes at an instant, which no rate fits."""

CALLS = ("file_search_calls", "web_search_calls")
UNIT_RATES = {family: family if family in CALLS else unit for family, unit in UNITS.items()}
"""The name of each family's rate: its unit's, or its own where another family is counted in the same."""

RATE_NAMES = (*CLASSES, *sorted(UNIT_RATES.values()))
"""Token classes are priced in USD a million tokens, the others in USD for one."""

MAX_RATE, MAX_FACTOR = Decimal(1_000_000), Decimal(100)
MAX_PLACES = 12
EVERY_MODEL = "*"


@dataclass(frozen=True)
class OwnPrice:
    """One agreed price for the UTC days [effective_from, ends_on); `model` may end in `*`, `variant` None is every.

    `rates` holds what differs from the list, in USD by `RATE_NAMES`; a `factor` multiplies the list's price.
    """

    id: int
    provider: str
    model: str
    effective_from: date
    ends_on: date | None = None
    variant: str | None = None
    factor: Decimal | None = None
    rates: Mapping[str, Decimal] = field(default_factory=dict)
    note: str = ""

    def fits(self, provider: str, model: str, day: date) -> bool:
        """Whether it is in force for a model on a UTC day."""
        named = model.startswith(self.model[:-1]) if self.model.endswith(EVERY_MODEL) else model == self.model
        return provider == self.provider and named and self.effective_from <= day < (self.ends_on or date.max)

    @property
    def percent_off(self) -> Decimal | None:
        """How far below the list price it is, in percent (negative: above); None for rates of its own."""
        return None if self.factor is None else (1 - self.factor) * 100

    @property
    def content_sha256(self) -> str:
        """A hash of what it says about money."""
        said = (self.factor, sorted((name, str(rate)) for name, rate in self.rates.items()))
        return hashlib.sha256(repr(said).encode()).hexdigest()


@dataclass(frozen=True)
class OwnPrices:
    """All agreed prices of one workspace."""

    prices: tuple[OwnPrice, ...] = ()

    def for_tokens(self, provider: str, model: str, variant: str, day: date) -> OwnPrice | None:
        """The price in force for tokens of a model and tier."""
        if not self.prices:  # so of most workspaces, and asked for every row
            return None
        return self._last(
            each
            for each in self.prices
            if each.fits(provider, model, day) and each.variant in {None, variant} and _speaks_of_tokens(each)
        )

    def for_unit(self, provider: str, model: str, rate: str, day: date) -> OwnPrice | None:
        """The price in force for one unit of a family (`rate` is a value of `UNIT_RATES`)."""
        return self._last(each for each in self.prices if each.fits(provider, model, day) and rate in each.rates)

    @staticmethod
    def _last(fitting: Iterable[OwnPrice]) -> OwnPrice | None:
        return max(fitting, key=lambda each: (each.effective_from, each.id), default=None)


NO_PRICES = OwnPrices()


def _speaks_of_tokens(price: OwnPrice) -> bool:
    return price.factor is not None or any(name in CLASSES for name in price.rates)


def checked_rate(name: str, text: str) -> Decimal:
    """The rate as written: 0 to a million dollars, at most twelve places; BadInput otherwise."""
    if name not in RATE_NAMES:
        raise BadInput(f"There is no rate called {name!r}. Known: {', '.join(RATE_NAMES)}.")
    return _amount(f"The rate of {name}", text, MAX_RATE)


def checked_factor(text: str) -> Decimal:
    """The factor as written: 0 to 100, at most twelve places; BadInput otherwise."""
    return _amount("The factor", text, MAX_FACTOR)


def _amount(what: str, text: str, most: Decimal) -> Decimal:
    try:
        value = Decimal(text) if len(text) <= 40 else Decimal("NaN")
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or value.is_signed() or value > most or value != round(value, MAX_PLACES):
        raise BadInput(f"{what} is a number from 0 to {most} with at most {MAX_PLACES} places, not {text[:40]!r}.")
    return value
