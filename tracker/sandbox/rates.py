"""What a request costs at the sandbox: list prices typed in by hand, in US dollars a million tokens.

Source: OpenAI's public price page and its copies in open price lists, read 2026-11. The models here kept their
prices from November 2025 to November 2026.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from tracker.sandbox.traffic import Request

MILLION = Decimal(1_000_000)
LONG_CONTEXT = 272_000
"""Input tokens of one request above which a long-context model charges its higher rates for the whole request."""


@dataclass(frozen=True)
class Rates:
    """Dollars a million tokens of each disjoint kind."""

    text: str
    out_text: str
    cached: str = "0"
    cache_write: str = "0"
    audio: str = "0"
    cached_audio: str = "0"
    out_audio: str = "0"
    image: str = "0"
    cached_image: str = "0"


STANDARD: Mapping[str, Rates] = {
    "gpt-5.4": Rates("2.5", "15", cached="0.25"),
    "gpt-5-mini": Rates("0.25", "2", cached="0.025"),
    "gpt-4o-mini-2024-07-18": Rates("0.15", "0.6", cached="0.075"),
    "gpt-4.1-mini": Rates("0.4", "1.6", cached="0.1"),
    "gpt-6-luna": Rates("0.1", "0.5", cached="0.01", cache_write="0.125"),
    "gpt-realtime": Rates(
        "4",
        "16",
        cached="0.4",
        audio="32",
        cached_audio="0.4",
        out_audio="64",
        image="5",
        cached_image="0.5",
    ),
    "ft:gpt-4o-mini-2024-07-18:acme::abc123": Rates("0.3", "1.2"),
    "text-embedding-3-small": Rates("0.02", "0"),
    "text-embedding-3-large": Rates("0.13", "0"),
}
LONG: Mapping[str, Rates] = {"gpt-5.4": Rates("5", "22.5", cached="0.5")}
FLEX: Mapping[str, Rates] = {"gpt-5-mini": Rates("0.125", "1", cached="0.0125")}
PRIORITY: Mapping[str, Rates] = {"gpt-4.1-mini": Rates("0.7", "2.8", cached="0.175")}
BATCHED: Mapping[str, Rates] = {
    "gpt-4o-mini-2024-07-18": Rates("0.075", "0.3"),
    "gpt-5-mini": Rates("0.125", "1", cached="0.0125"),
}

# Dollars a unit of what is not sold by the token, with the bill's line item and unit.
BY_UNIT: Mapping[str, tuple[str, str, str, str]] = {
    "images": ("images", "0.04", "{model}, image", "images"),
    "audio_speeches": ("characters", "0.000015", "{model}, characters", "characters"),
    "audio_transcriptions": ("seconds", "0.0001", "{model}, duration", "duration_seconds"),
    "vector_stores": ("bytes", "0.0000000001", "assistants api | file search", "bytes"),
    "code_interpreter_sessions": ("sessions", "0.03", "Code interpreter sessions", "sessions"),
    "file_search_calls": ("calls", "0.0025", "File search tool calls", "calls"),
    "web_search_calls": ("calls", "0.01", "Web search tool calls", "calls"),
}
FREE = frozenset({"moderations"})

LINE_NAMES = {
    "text": "input",
    "cached": "cached input",
    "cache_write": "cache write",
    "audio": "audio input",
    "cached_audio": "cached audio input",
    "image": "image input",
    "cached_image": "cached image input",
    "out_text": "output",
    "out_audio": "audio output",
}


@dataclass(frozen=True)
class Charge:
    """One part of a request's price: its line on the bill, the dollars, and the quantity it is for."""

    line_item: str
    amount: Decimal
    quantity: int
    unit: str


def charges(request: Request) -> Iterator[Charge]:
    """What the request is billed for, exactly; nothing for complimentary, free and unpriced ones."""
    if request.family in BY_UNIT:
        attribute, rate, line_item, unit = BY_UNIT[request.family]
        quantity = getattr(request, attribute)
        yield Charge(line_item.format(model=request.model), Decimal(rate) * quantity, quantity, unit)
    elif rates := token_rates(request):
        for kind in Rates.__dataclass_fields__:
            quantity = getattr(request, kind)
            if quantity:
                amount = Decimal(getattr(rates, kind)) * quantity / MILLION
                yield Charge(f"{request.model}, {LINE_NAMES[kind]}", amount, quantity, "tokens")


def token_rates(request: Request) -> Rates | None:
    """The rates of a request sold by the token, None when it costs nothing or the sandbox knows no price."""
    if request.family in FREE or request.tier == "incentivized-tier" or request.model is None:
        return None
    if request.batch:
        return BATCHED.get(request.model)
    by_tier = {"flex-tier": FLEX, "priority": PRIORITY}.get(request.tier or "default", STANDARD)
    if request.model in LONG and request.input_tokens > LONG_CONTEXT:
        return LONG[request.model]
    return by_tier.get(request.model)


def cost(request: Request) -> Decimal | None:
    """The request's exact price in dollars; None where the sandbox has no price for its model."""
    complimentary = request.tier == "incentivized-tier" or request.family in FREE
    if not complimentary and request.family not in BY_UNIT and token_rates(request) is None:
        return None
    return sum((charge.amount for charge in charges(request)), Decimal())
