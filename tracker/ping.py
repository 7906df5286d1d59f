"""The dead man's switch: a monitor is called after each full success, and raises the alarm when no call comes.

What is called for is a committed state in which no connection that works is owed anything (`standing.success_id`).
At least once: a process that dies between the commit and the call is followed by one that calls with the same id.
A monitor that cannot be reached is tried again and stops nothing else.
"""

from __future__ import annotations

import logging
import uuid
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx

from tracker import metrics, standing
from tracker.clock import utc_now
from tracker.config import is_loopback
from tracker.product import Product
from tracker.providers.http.pool import within
from tracker.redact import SecretKey

log = logging.getLogger(__name__)

WITHIN_S = 10.0
AGAIN_AFTER = timedelta(minutes=1)
HEADERS = {"User-Agent": "llm-api-usage-tracker/0.1", "Accept-Encoding": "identity"}


@dataclass
class Ping:
    """One process's calls; `told` is the success it called for last."""

    product: Product
    within_s: float = WITHIN_S
    told: str | None = None
    _not_before: datetime | None = None

    def look(self) -> bool:
        """Call for a success that was not called for yet; whether the monitor took it just now."""
        url, now = self.product.settings.ping_url, utc_now()
        if url is None or self._waits(now):
            return False
        success = standing.look(self.product.database, now=now).success_id
        if success is None or success == self.told:
            return False
        failure = self._call(url, success)
        metrics.PINGS.labels("failed" if failure else "taken").inc()
        if failure:
            self._not_before = now + AGAIN_AFTER
            log.warning("the monitor could not be told of success %s: %s", success, failure)
            return False
        self.told = success
        return True

    def _waits(self, now: datetime) -> bool:
        """Whether the last call failed a moment ago; what lies further ahead is of a clock that was set back."""
        return self._not_before is not None and now < self._not_before <= now + AGAIN_AFTER

    def _call(self, url: SecretKey, success: str) -> str | None:
        """Why the call failed, None when it did not. The address is a secret and in no message."""
        number = str(uuid.UUID(success))
        address = httpx.URL(url.reveal()).copy_merge_params({"rid": number})
        if self.product.clients.loopback_only and not is_loopback(address.host):
            return "while the clock is set, only this machine is called"
        headers, timeout = {**HEADERS, "Idempotency-Key": number}, httpx.Timeout(self.within_s)
        request = httpx.Request("GET", address, headers=headers, extensions={"timeout": timeout.as_dict()})
        try:
            with within(self.within_s), closing(self.product.clients.next().handle_request(request)) as answer:
                return None if answer.is_success else f"it answered with status {answer.status_code}"
        except httpx.HTTPError as error:
            kind = type(error).__name__  # its text may hold the address
        return f"no answer ({kind})"
