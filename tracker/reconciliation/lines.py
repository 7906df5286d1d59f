"""The wording of the bill: which model, token kind and tier a line item speaks of.

Wordings seen in providers' bills, 2026-11: "gpt-5.4, cached input", "gpt-6-astra, input_tokens",
"Web search tool calls", "assistants api | file search".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

SPELLINGS: Mapping[frozenset[str], str] = {
    frozenset(words.split()): kind
    for words, kind in (
        ("input", "input"),
        ("cached input", "cached input"),
        ("cache read input", "cached input"),
        ("cache read", "cached input"),
        ("cache write", "cache write"),
        ("cache write input", "cache write"),
        ("audio input", "audio input"),
        ("cached audio input", "cached audio input"),
        ("image input", "image input"),
        ("cached image input", "cached image input"),
        ("output", "output"),
        ("audio output", "audio output"),
        ("image output", "image output"),
        ("image", "images"),
        ("images", "images"),
        ("characters", "characters"),
        ("duration", "seconds"),
        ("seconds", "seconds"),
    )
}
"""The words after a model's comma, in any order and without filler, and the kind of thing they sell."""

FILLER = frozenset({"text", "tokens"})
TIERS = frozenset({"standard", "batch", "flex", "priority"})


@dataclass(frozen=True, order=True)
class Item:
    """What a line sells: `model` is empty for a service, whose `kind` is then its name in small letters."""

    model: str
    kind: str
    tier: str = ""


def item(line_item: str | None) -> Item:
    """The item a line names; any wording that is no model's is a service of that name ('' for no name)."""
    text = line_item or ""
    model, comma, rest = text.rpartition(", ")
    words = frozenset(rest.replace("_", " ").lower().split()) - FILLER
    tier = next(iter(sorted(words & TIERS)), "")
    kind = SPELLINGS.get(words - TIERS)
    return Item(model, kind, tier) if comma and model and kind else Item("", text.lower())
