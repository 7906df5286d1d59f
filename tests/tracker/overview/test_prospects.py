"""What becomes of that which is not read: one decision, and no sentence that says more than it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pages.ui import prospects, text
from tracker.models import KeyStatus
from tracker.overview.prospects import Prospect, best, prospect

NOW = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)
SOON = NOW + timedelta(minutes=5)
PROMISES = ("by itself", "by themselves", "nothing to do", "starts now", "on their way", "within the hour", "goes on.")


@pytest.mark.parametrize(
    ("status", "paused", "workers", "found"),
    [
        (KeyStatus.VALID, False, 1, Prospect.READ),
        (KeyStatus.VALID, False, 0, Prospect.NO_WORKER),
        (KeyStatus.VALID, True, 1, Prospect.PAUSED),
        (KeyStatus.VALID, True, 0, Prospect.PAUSED),
        (KeyStatus.UNCHECKED, False, 1, Prospect.CHECKED),
        (KeyStatus.UNCHECKED, False, 0, Prospect.NO_WORKER),
        (KeyStatus.UNCHECKED, True, 1, Prospect.PAUSED),
        (KeyStatus.INVALID, False, 1, Prospect.REFUSED),
        (KeyStatus.INVALID, True, 0, Prospect.REFUSED),
        (KeyStatus.INSUFFICIENT, False, 1, Prospect.REFUSED),
        (KeyStatus.UNREADABLE, False, 1, Prospect.REFUSED),
        (KeyStatus.DUPLICATE, False, 1, Prospect.REFUSED),
    ],
)
def test_what_becomes_of_a_connection(status: KeyStatus, paused: bool, workers: int, found: Prospect) -> None:
    assert prospect(status, paused=paused, workers=workers) is found


@pytest.mark.parametrize(
    ("found", "together"),
    [
        ([], Prospect.NONE),
        ([Prospect.REFUSED, Prospect.PAUSED], Prospect.PAUSED),
        ([Prospect.PAUSED, Prospect.READ, Prospect.REFUSED], Prospect.READ),
        ([Prospect.CHECKED, Prospect.READ], Prospect.READ),
    ],
)
def test_of_several_connections_the_best_one_says_whether_anything_is_read(
    found: list[Prospect], together: Prospect
) -> None:
    assert best(found) is together


@pytest.mark.parametrize("found", Prospect)
def test_only_where_a_worker_reads_is_anything_promised(found: Prospect) -> None:
    day = NOW.date()
    said = {
        prospects.DAYS[found],
        prospects.AGAIN[found],
        prospects.NEWER[found],
        prospects.ON_THE_WAY.get(found, ""),
        prospects.FIRST_USAGE.get(found, ""),
        prospects.tried(found, SOON, now=NOW, today=day),
        prospects.tried(found, None, now=NOW, today=day),
    }
    words = " ".join(said).replace(text.START_WORKER, "")

    assert any(promise in words for promise in PROMISES) is (found is Prospect.READ)


@pytest.mark.parametrize(
    ("found", "at", "told"),
    [
        (Prospect.CHECKED, None, "It is checked now."),
        (Prospect.CHECKED, NOW, "It is checked now."),
        (Prospect.CHECKED, SOON, "Next check 15:35 UTC; nothing to do."),
        (Prospect.NO_WORKER, SOON, "It is checked once a worker runs."),
        (Prospect.PAUSED, None, "It is checked when reading is resumed."),
        (Prospect.REFUSED, SOON, ""),
    ],
)
def test_when_a_key_is_checked(found: Prospect, at: datetime | None, told: str) -> None:
    assert prospects.checked(found, at, now=NOW, today=NOW.date()) == told


@pytest.mark.parametrize(
    ("status", "workers", "told"),
    [
        (KeyStatus.VALID, 1, "Reading starts now."),
        (KeyStatus.VALID, 0, "Nothing happens before a worker runs."),
        (KeyStatus.UNCHECKED, 1, "The worker checks it again by itself."),
        (KeyStatus.UNCHECKED, 0, "Nothing happens before a worker runs."),
    ],
)
def test_what_follows_for_a_key_just_stored(status: KeyStatus, workers: int, told: str) -> None:
    assert prospects.begins(status, workers=workers) == told
