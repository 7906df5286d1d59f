"""A stored key is asked what it may do, once a day and by GETs alone."""

from __future__ import annotations

from collections.abc import Callable

from tracker import asking, connections, passports
from tracker.calls import RecordedCalls
from tracker.clock import utc_now
from tracker.errors import NotFound, ProviderError, VaultError
from tracker.product import Product
from tracker.providers import provider as provider_named
from tracker.providers.http import Limits

LIMITS = Limits(total_s=30, tries=1, retry_budget_s=0)
"""Nothing waits for a passport: what is not told today is asked again tomorrow."""


def read(product: Product, workspace_id: int, provider_key_id: int, *, wait: Callable[[float], None]) -> bool:
    """Ask by GETs what the connection's key may do and keep what was found; whether anything was.

    The try is noted first, so that neither a provider that does not answer nor a key that cannot be opened is tried
    more than once a day.
    """
    try:
        with product.database.workspace(workspace_id, write=True) as session:
            row = connections.present(session, workspace_id, provider_key_id, sealed=True)
            if not passports.is_due(passports.of_key(session, workspace_id, provider_key_id), now=utc_now()):
                return False
            passports.note_try(session, row)
        with product.database.workspace(workspace_id) as session:
            key = connections.opened(product, session, row)
    except (NotFound, VaultError):  # what follows from it for the key, the next reading of a day finds out
        return False
    provider = provider_named(row.provider)
    calls = RecordedCalls(product.database, workspace_id, provider_key_id)
    client = asking.client(product, row.provider, key, calls=calls, limits=LIMITS, wait=wait)
    try:
        facts = provider.describe(client, key, now=utc_now())
    except ProviderError:
        facts = None
    with product.database.workspace(workspace_id, write=True) as session:
        calls.flush(session)
        if facts is not None:
            passports.keep(session, row, facts)
    return facts is not None
