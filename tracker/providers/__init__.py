"""The providers, by the name that stands in the tables. A new one is one file and one line here."""

from __future__ import annotations

from tracker.errors import BadInput
from tracker.providers.base import Provider
from tracker.providers.openai import OpenAI

PROVIDERS: dict[str, Provider] = {"openai": OpenAI()}


def provider(name: str) -> Provider:
    """The provider of that name; BadInput lists those there are."""
    if name not in PROVIDERS:
        raise BadInput(f"There is no provider {name!r}. Known: {', '.join(sorted(PROVIDERS))}.")
    return PROVIDERS[name]
