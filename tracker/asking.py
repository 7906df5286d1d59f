"""How a provider is asked with a key: the hardened client, and what is found of a pasted key before it is stored."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from tracker.calls import KeptCalls
from tracker.clock import utc_now
from tracker.errors import BadInput, ProviderError
from tracker.product import Product
from tracker.providers import provider as provider_named
from tracker.providers.base import KeyFacts, Verdict
from tracker.providers.http import CallLog, Limits, ProviderClient
from tracker.redact import SecretKey, clean_key

CHECK_LIMITS = Limits(total_s=15, tries=2, retry_budget_s=5)
"""A person waits for the answer."""

FACTS_LIMITS = Limits(total_s=5, tries=1, retry_budget_s=0)
"""A key is stored without them when the provider does not tell so soon; the worker asks before it reads anything."""


@dataclass(frozen=True)
class Pasted:
    """A key that is not refused, what its check said, and the calls that took; what it may do, if that was told."""

    key: SecretKey
    verdict: Verdict
    calls: KeptCalls
    facts: KeyFacts | None = None


def pasted(product: Product, provider: str, text: str) -> Pasted:
    """Check a key that somebody pasted. BadInput, with the provider's reason for its owner, when it is refused."""
    key, calls = clean_key(text), KeptCalls()
    asked = client(product, provider, key, calls=calls, limits=CHECK_LIMITS)
    verdict = provider_named(provider).check(asked, key, now=utc_now())
    if verdict.status in {"invalid", "insufficient"}:
        raise BadInput(verdict.sentence)
    works = verdict.status == "valid"
    return Pasted(key, verdict, calls, _facts(product, provider, key, calls, verdict) if works else None)


def _facts(product: Product, provider: str, key: SecretKey, calls: KeptCalls, verdict: Verdict) -> KeyFacts | None:
    """What a key that works may do; None when the provider does not tell all of it at once."""
    asked = client(product, provider, key, calls=calls, limits=FACTS_LIMITS)
    try:
        facts = provider_named(provider).describe(asked, key, now=utc_now(), found=verdict.found)
    except ProviderError:
        return None
    return None if None in facts.permissions.values() else facts


def client(
    product: Product,
    provider: str,
    key: SecretKey,
    *,
    calls: CallLog,
    limits: Limits,
    wait: Callable[[float], None] = time.sleep,
    limited: Callable[[datetime], None] = lambda _: None,
) -> ProviderClient:
    """The hardened client for one provider and key."""
    known = provider_named(provider)
    return ProviderClient(
        base_url=product.base_url(provider),
        title=known.title,
        headers=known.headers,
        key=key,
        allowed=known.allowed,
        explain=known.explain,
        calls=calls,
        connection=product.clients,
        limits=limits,
        wait=wait,
        limited=limited,
    )
