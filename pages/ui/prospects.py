"""What becomes of that which is not read, in words. Each sentence follows one decision (tracker.overview.prospects).

So no page can promise in one place what another says will not happen. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from pages.ui import text
from tracker.models import KeyStatus
from tracker.overview import Connection, Overview
from tracker.overview.prospects import Prospect, best, prospect

Words = Mapping[Prospect, str]

NO_KEY = "No key is connected any more, so nothing is read."

DELETED = "The key of the others was deleted before they were read whole."

NO_WORKER = f"No worker runs. {text.START_WORKER}"

DAYS: Words = {
    Prospect.READ: "The worker reads them by itself.",
    Prospect.CHECKED: "The worker checks the key first, and reads them once the provider has accepted it.",
    Prospect.NO_WORKER: NO_WORKER,
    Prospect.PAUSED: "Reading is paused; they are read when it is resumed.",
    Prospect.REFUSED: "The key is not used; they are read once it is replaced, or accepted again.",
    Prospect.NONE: "No key is connected to read them with.",
}

AGAIN: Words = {
    **DAYS,
    Prospect.READ: "They are read again by themselves.",
    Prospect.NO_WORKER: "They are read again once a worker runs.",
}

TRIED: Words = {
    Prospect.READ: "It is tried again by itself; nothing to do.",
    Prospect.CHECKED: "It is tried again once the provider has accepted the key.",
    Prospect.NO_WORKER: "It is tried again once a worker runs.",
    Prospect.PAUSED: "It is tried again when reading is resumed.",
    Prospect.REFUSED: "It is tried again once the key is replaced, or accepted again.",
    Prospect.NONE: "Nothing tries it again: no key is connected.",
}

NEWER: Words = {
    Prospect.READ: "The worker runs, so newer ones are on their way.",
    Prospect.CHECKED: "Newer ones come once the provider has accepted the key.",
    Prospect.NO_WORKER: NO_WORKER,
    Prospect.PAUSED: "Reading is paused; newer ones come when it is resumed.",
    Prospect.REFUSED: "The key is not used; newer ones come once it is replaced, or accepted again.",
    Prospect.NONE: "No key is connected, so no newer ones come.",
}

ON_THE_WAY: Words = {
    Prospect.READ: "You can leave this page; it goes on.",
    Prospect.CHECKED: "It goes on once the provider has accepted the key.",
    Prospect.NO_WORKER: "Nothing is being read right now.",
}

UNCHECKED: Words = {
    Prospect.NO_WORKER: "It is checked once a worker runs.",
    Prospect.PAUSED: "It is checked when reading is resumed.",
}

ELSEWHERE = (
    "Several tries in a row met a page where the provider's API should be. Ask whoever runs this installation to look "
    "at the base address set for the provider, and at any proxy or sign-in page between the worker and it."
)

FIRST_USAGE: Words = {
    Prospect.READ: "If it is the right one, there is nothing to do: usage appears here within the hour.",
    Prospect.NO_WORKER: "If it is the right one, usage appears here once a worker runs.",
    Prospect.PAUSED: "If it is the right one, usage appears here when its reading is resumed.",
}

BEGINS: Words = {
    Prospect.READ: "Reading starts now.",
    Prospect.CHECKED: "The worker checks it again by itself.",
    Prospect.NO_WORKER: "Nothing happens before a worker runs.",
}


def without_worker(seen_at: str | None, *, full: bool) -> tuple[str, str]:
    """Title and words where no worker gives a sign of life; `seen_at` is when one last did, in words.

    On a full disk a worker that runs cannot tell so: to start another one would help nobody.
    """
    last = f" The last sign of a worker was at {seen_at}." if seen_at else ""
    if full:
        kept = f"Nothing new can be stored, so nothing is read.{last} Everything read before is kept."
        return "The disk of the database is full", f"{kept} Make room there: a worker that runs then goes on by itself."
    safe = "Keys are safe and everything read is kept, but nothing new is read."
    return "No worker is running", f"{safe}{last} {text.START_WORKER}"


def since(seen: Overview) -> str:
    """Since when nothing is read, where no key is connected any more."""
    at = text.instant(seen.read_at, today=seen.cycle.today) if seen.read_at else ""
    return f"Nothing is read any more; the last reading was at {at}." if at else "Nothing is read any more."


def of_days(seen: Overview) -> str:
    """What becomes of the days that are not complete, told by connection where their prospects differ."""
    found: dict[Prospect, list[str]] = {}
    counted = [each for each in seen.connections if each.counted]
    lacking = [each for each in counted if each.lacking] if counted else seen.connections
    if seen.connections and not lacking:
        return DELETED
    for each in lacking:
        found.setdefault(each.prospect(seen.workers.alive), []).append(each.label)
    if len(found) < 2:
        return DAYS[next(iter(found), Prospect.NONE)]
    return " ".join(f"{text.first_of(labels)}: {DAYS[found_of]}" for found_of, labels in found.items())


def tried(found: Prospect, at: datetime | None, *, now: datetime, today: date) -> str:
    """When what failed is tried again; `at` is when it is due, told only where somebody is there to try."""
    if found is Prospect.READ and at is not None and at > now:
        return f"Next try {text.instant(at, today=today)}; nothing to do."
    return TRIED[found]


def of_failure(seen: Overview) -> str:
    """When the days that failed are tried again."""
    if seen.failure is None:
        return ""
    return tried(prospect_of_failure(seen), seen.failure.retry_at, now=seen.now, today=seen.cycle.today)


def prospect_of_failure(seen: Overview) -> Prospect:
    """What becomes of the days that failed: that is decided by their own connection."""
    of = seen.failure.provider_key_id if seen.failure else None
    return best(each.prospect(seen.workers.alive) for each in seen.connections if each.provider_key_id == of)


def checked(found: Prospect, at: datetime | None, *, now: datetime, today: date) -> str:
    """When a key that is not checked yet is; `at` is when its next check is due, None for at once."""
    if found is not Prospect.CHECKED:
        return UNCHECKED.get(found, "")
    if at is None or at <= now:
        return "It is checked now."
    return f"Next check {text.instant(at, today=today)}; nothing to do."


def of_unchecked(each: Connection, seen: Overview) -> str:
    """The same of a connection of the dashboard; where another than the provider answers, what to look at."""
    found = each.prospect(seen.workers.alive)
    told = checked(found, each.retry_at, now=seen.now, today=seen.cycle.today)
    if not each.foreign or found is not Prospect.CHECKED:
        return told
    return f"{ELSEWHERE} {told.replace('; nothing to do', '')}"


def begins(status: KeyStatus, *, workers: int) -> str:
    """What follows for a key that was stored just now."""
    return BEGINS.get(prospect(status, paused=False, workers=workers), "")
