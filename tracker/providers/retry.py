"""When to ask a provider again? Pure: an attempt's outcome in, seconds to wait or None out."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MAX_TOLD_S = 24 * 3_600
"""A provider may ask for a wait of up to a day; what is longer is taken for nonsense."""


@dataclass(frozen=True)
class Limits:
    """Bounds of a request. `total_s` is for a whole answer, measured by us; a `get` waits `retry_budget_s` in all.

    `pages` are more than a unit or a list can need; beyond it the cursors are taken to be endless. A unit ends with the
    day in which it comes to `rows`. More than `held_rows` are spooled, and more than `most_rows` are not believed.
    """

    connect_s: float = 10
    read_s: float = 30
    total_s: float = 60
    max_bytes: int = 64 * 2**20
    tries: int = 5
    backoff_base_s: float = 0.5
    backoff_cap_s: float = 60
    retry_budget_s: float = 120
    pages: int = 2_000
    rows: int = 200_000
    held_rows: int = 30_000
    most_rows: int = 5_000_000


def backoff_s(attempt: int, limits: Limits) -> float:
    """The longest wait after the attempt of that number (1 or more); a random part of it is waited."""
    return float(min(limits.backoff_cap_s, limits.backoff_base_s * 2**attempt))


def next_wait_s(attempt: int, *, told_s: float | None, waited_s: float, limits: Limits, part: float) -> float | None:
    """Seconds to wait before the next attempt, None to give up.

    `told_s` is the provider's own Retry-After, to which up to a tenth is added; else `part` (0 to 1) of the back-off.
    """
    if attempt >= limits.tries:
        return None
    wait_s = told_s * (1 + part / 10) if told_s is not None else part * backoff_s(attempt, limits)
    return wait_s if waited_s + wait_s <= limits.retry_budget_s else None


def told_s(retry_after: str | None, *, served_at: datetime | None, now: datetime) -> float | None:
    """Retry-After in seconds: a whole number or an HTTP date, told by the answer's own clock. None when unusable."""
    if retry_after is None:
        return None
    if retry_after.isascii() and retry_after.isdigit() and len(retry_after) < 9:
        seconds = float(retry_after)
    else:
        at = http_date(retry_after)
        seconds = (at - (served_at or now)).total_seconds() if at else -1.0
    return seconds if 0 < seconds <= MAX_TOLD_S else None


def http_date(text: str | None) -> datetime | None:
    """An HTTP date as an instant in UTC; None when it is none."""
    try:
        at = parsedate_to_datetime(text or "")
    except (ValueError, OverflowError):
        return None
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def jitter() -> float:
    """A random part between 0 and 1, so that many workers do not come back at once."""
    return secrets.randbelow(10_001) / 10_000
