"""When anything is read next, in one sentence for every page that tells it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from tracker import clock, coverage
from tracker.models import KeyStatus, ProviderKey
from tracker.overview.prospects import Prospect, best, prospect


def sentence(keys: Iterable[ProviderKey], *, workers: int, fetch_hour: int, now: datetime) -> str:
    """As plain text, of a workspace's connections while so many workers live; `now` is aware UTC.

    A day that runs is read every hour, one that is over but not final daily at `fetch_hour` UTC.
    """
    prospects = [(_prospect(key, workers), key.next_due_at) for key in keys]
    found = best(each for each, _ in prospects)
    due = [at for each, at in prospects if each is found and at]  # a closed account's is never due
    if found in WHY_NOT or not due:
        return f"Nothing is read next, for {WHY_NOT.get(found, WHY_NOT[Prospect.NONE])}."
    at = "now" if min(due) <= now else f"at {_instant(min(due), now)}"
    if found is Prospect.CHECKED:
        return f"A key is checked {at}; nothing is read before its provider has accepted it."
    first = "Something is read now" if min(due) <= now else f"Next reading {_instant(min(due), now)}"
    daily = _instant(coverage.next_daily(now, fetch_hour), now)
    return f"{first}; today is read every hour, a day that is over but not final daily, next {daily}."


WHY_NOT = {
    Prospect.NO_WORKER: "no worker runs",
    Prospect.PAUSED: "reading is paused",
    Prospect.REFUSED: "no key is accepted",
    Prospect.NONE: "there is no key to read with",
}


def _prospect(key: ProviderKey, workers: int) -> Prospect:
    return prospect(KeyStatus(key.status), paused=key.paused_at is not None, workers=workers)


def _instant(at: datetime, now: datetime) -> str:
    time = f"{at:%H:%M} UTC"
    return time if clock.day_of(at) == clock.day_of(now) else f"{at.day} {at:%b} {time}"
