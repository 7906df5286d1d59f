"""Rates and agreed prices in a person's words. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal

from pages.ui import text
from tracker.explaining import Part
from tracker.own_prices import EVERY_MODEL, OwnPrice
from tracker.ratecards import CLASSES

PER_MILLION = "a million tokens"

WORDS = {
    "input_tokens": "input",
    "input_cached_tokens": "cached input",
    "input_cache_write_tokens": "cache write",
    "output_tokens": "output",
    "input_audio_tokens": "audio input",
    "input_cached_audio_tokens": "cached audio input",
    "output_audio_tokens": "audio output",
    "input_image_tokens": "image input",
    "input_cached_image_tokens": "cached image input",
    "output_image_tokens": "image output",
    "requests": "requests",
}
"""Token classes as the bill calls them."""

ONE = {
    "images": "an image",
    "characters": "a character",
    "seconds": "a second",
    "sessions": "a code interpreter session",
    "file_search_calls": "a file search",
    "web_search_calls": "a web search",
}
"""What a rate that is not for tokens is for."""


def exact(usd: Decimal | None) -> str:
    """Every digit there is, cents at least: $0.00175, $2.50."""
    if usd is None:
        return text.UNKNOWN
    whole, _, rest = f"{abs(usd):,f}".partition(".")
    return f"{text.MINUS if usd < 0 else ''}${whole}.{rest.rstrip('0').ljust(2, '0')}"


def label(name: str) -> str:
    """What to ask for: "Input, $ a million tokens", "$ an image"."""
    return f"{WORDS[name].capitalize()}, $ {PER_MILLION}" if name in CLASSES else f"$ {ONE.get(name, name)}"


def rate(name: str, usd: Decimal) -> str:
    """Such as "input $2.50", "$0.04 an image"."""
    return f"{WORDS[name]} {exact(usd)}" if name in CLASSES else f"{exact(usd)} {ONE.get(name, name)}"


def said(price: OwnPrice) -> str:
    """What an agreed price says about money."""
    if price.factor is not None:
        return f"{_plain(price.factor)} × list price{_off(price.percent_off)}"
    return listed(price.rates)


def read_off(price: OwnPrice, kept: Mapping[str, Decimal]) -> str:
    """The same of a price read off a bill, of which some rates are only kept from an earlier one."""
    if not kept:
        return said(price)
    read = listed({name: rate for name, rate in price.rates.items() if name not in kept})
    return f"{read}, read off the bill; kept as agreed before: {listed(kept)}"


def names(rates: Iterable[str]) -> str:
    """Such as "input, cached input, an image"."""
    return ", ".join(WORDS.get(name, ONE.get(name, name)) for name in rates)


def listed(rates: Mapping[str, Decimal]) -> str:
    """Each rate in words, those of tokens first."""
    tokens = [rate(name, rates[name]) for name in CLASSES if name in rates]
    ones = [rate(name, usd) for name, usd in sorted(rates.items()) if name not in CLASSES]
    return "; ".join(part for part in (_joined(tokens), *ones) if part)


def _joined(tokens: list[str]) -> str:
    return f"{', '.join(tokens)} {PER_MILLION}" if tokens else ""


def _off(percent: Decimal | None) -> str:
    if not percent:
        return ""
    return f", {_plain(abs(percent))} % {'off' if percent > 0 else 'on top'}"


def _plain(number: Decimal) -> str:
    told = f"{number:f}"
    return told.rstrip("0").rstrip(".") if "." in told else told


def model(price: OwnPrice) -> str:
    """The model it is for, in words where a star stands for many."""
    if price.model == EVERY_MODEL:
        return "every model"
    return f"{price.model[:-1]}…" if price.model.endswith(EVERY_MODEL) else price.model


def days(price: OwnPrice, *, today: date) -> str:
    """From when, and up to when: the day it ends is the first it does not hold for."""
    begins = text.day(price.effective_from, today=today)
    return f"from {begins}" if price.ends_on is None else f"{begins} up to {text.day(price.ends_on, today=today)}"


def family(usage_type: str) -> str:
    """completions, web search calls."""
    return usage_type.replace("_", " ")


def kind(usage_type: str, model: str | None) -> str:
    """A kind of usage, in the words of every page: "web search calls of gpt-5.4", "file search calls"."""
    return f"{family(usage_type)} of {text.quoted(model)}" if model else family(usage_type)


def kinds(found: Sequence[tuple[str, str | None]], most: int = 3) -> str:
    """How many kinds there are, and the first of them."""
    more = f" and {len(found) - most:,} more" if len(found) > most else ""
    named = ", ".join(kind(*each) for each in found[:most])
    return f"{text.several(len(found), 'kind')} of usage ({named}{more})"


def each(part: Part) -> str:
    """The rate of a line of the arithmetic: tokens by the million, others for one."""
    million = part.per_million
    return f"{exact(part.rate)} each" if million is None else f"{exact(million)} {PER_MILLION}"


def counted(name: str) -> str:
    """What a line of the arithmetic counts."""
    return f"{WORDS[name]} tokens" if name in CLASSES else name
