"""When anything is read next, in one sentence for every page that tells it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from tracker import clock, coverage
from tracker.models import ProviderKey
from tracker.reconcile import READ_WITH


def sentence(keys: Iterable[ProviderKey], *, workers: int, fetch_hour: int, now: datetime) -> str:
    """As plain text, of a workspace's connections while so many workers live; `now` is aware UTC.

    A day that runs is read every hour, one that is over but not final daily at `fetch_hour` UTC.
    """
    due = [key.next_due_at for key in keys if key.paused_at is None and key.status in READ_WITH and key.next_due_at]
    if not workers:
        return "Nothing is read next, for no worker runs."
    if not due:
        return "Nothing is read next, for there is no key to read with."
    first = "Something is read now" if min(due) <= now else f"Next reading {_instant(min(due), now)}"
    daily = _instant(coverage.next_daily(now, fetch_hour), now)
    return f"{first}; today is read every hour, a day that is over but not final daily, next {daily}."


def _instant(at: datetime, now: datetime) -> str:
    time = f"{at:%H:%M} UTC"
    return time if clock.day_of(at) == clock.day_of(now) else f"{at.day} {at:%b} {time}"
