"""The one way out to providers: allow-listed GETs over a hardened client, each on record before it leaves.

`client.py` asks and judges the answer, `refusal.py` reads a 4xx, `pool.py` holds the connections and their deadline.
"""

from __future__ import annotations

from tracker.providers.http.client import Answer, CallLog, ProviderClient
from tracker.providers.http.pool import ClientPool
from tracker.providers.http.refusal import NO_REASON, Refusal
from tracker.providers.retry import Limits

__all__ = ["NO_REASON", "Answer", "CallLog", "ClientPool", "Limits", "ProviderClient", "Refusal"]
