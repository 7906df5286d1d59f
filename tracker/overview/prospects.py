"""What becomes of that which is not read of a connection: one decision, which every sentence about it follows. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from tracker.models import KeyStatus


class Prospect(StrEnum):
    """The best first."""

    READ = "a worker reads it"
    CHECKED = "a worker checks the key first"
    NO_WORKER = "no worker runs"
    PAUSED = "its reading is paused"
    REFUSED = "its key is refused"
    NONE = "no key is connected"


def prospect(status: KeyStatus, *, paused: bool, workers: int) -> Prospect:
    """Of one connection, while so many workers live."""
    if status not in {KeyStatus.VALID, KeyStatus.UNCHECKED}:
        return Prospect.REFUSED
    if paused:
        return Prospect.PAUSED
    if not workers:
        return Prospect.NO_WORKER
    return Prospect.READ if status is KeyStatus.VALID else Prospect.CHECKED


def best(found: Iterable[Prospect]) -> Prospect:
    """Of several connections taken together: whether anything at all is read."""
    there = set(found)
    return next((each for each in Prospect if each in there), Prospect.NONE)
