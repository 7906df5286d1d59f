"""How Settings names the state of a key, and what the last run came to."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pages import settings
from pages.ui import badges, prospects
from tests.installation import NOW
from tracker.models import KeyStatus
from tracker.overview.days import Progress
from tracker.overview.keys import KeyCard, LastRun, Standing

LATER = NOW + timedelta(minutes=7)
WHOLE, BEGUN, SOME = Progress(366, 366), Progress(366, 5), Progress(366, 352, failed=14)
VALID, UNCHECKED = KeyStatus.VALID, KeyStatus.UNCHECKED


def card(**values: Any) -> KeyCard:
    told: dict[str, Any] = {
        "provider_key_id": 1,
        "provider": "OpenAI",
        "label": "k",
        "last4": "1234",
        "status": VALID,
        "reason": None,
        "checked_at": None,
        "paused": False,
        "used": True,
        "read_at": None,
        "retry_at": None,
        "progress": WHOLE,
        "read_days": 0,
        "too_powerful": False,
    }
    return KeyCard(**(told | values))


def standing(*cards: KeyCard, workers: int = 1) -> Standing:
    return Standing(NOW, cards, None, workers, None, "")


@pytest.mark.parametrize(
    ("values", "workers", "label", "colour"),
    [
        ({}, 1, "Up to date", "green"),
        ({"used": False}, 1, "Nothing used", "green"),
        ({"progress": BEGUN}, 1, "Reading", "blue"),
        ({"progress": SOME}, 1, "14 days not read", "orange"),
        ({"progress": BEGUN, "retry_at": LATER}, 1, "Waiting, next try 15:37", "orange"),
        ({"progress": BEGUN, "retry_at": LATER}, 0, "Waiting", "orange"),
        ({"status": UNCHECKED, "retry_at": LATER}, 1, "Waiting, next try 15:37", "orange"),
        ({"status": UNCHECKED}, 1, "Not checked yet", "blue"),
        ({"status": KeyStatus.INVALID, "retry_at": LATER}, 1, "Refused", "red"),
        ({"paused": True, "retry_at": LATER}, 1, "Paused", "gray"),
    ],
)
def test_a_badge_is_green_only_where_all_is_read(
    values: dict[str, object], workers: int, label: str, colour: str
) -> None:
    one = card(**values)

    told, _, drawn = badges.of(one, standing(one, workers=workers))

    assert (told, drawn) == (label, colour)


def test_a_first_run_that_has_not_ended_is_under_way() -> None:
    reading = card(progress=BEGUN)

    assert settings.last_run(None, standing(reading)) == "First run under way"
    assert settings.last_run(None, standing(reading, workers=0)) == "Nothing read yet"
    assert settings.last_run(LastRun(NOW, 0, 0, None), standing(reading)) == "First run under way"
    assert settings.last_run(LastRun(NOW, 0, 0, None), standing(card())) == "Nothing read yet"
    failed = settings.last_run(LastRun(NOW, 6, 14, "connection refused"), standing(reading))
    assert failed == "Last run **15:30 UTC**, **14 of 20 reads failed**: connection refused"


def test_a_last_run_says_with_which_of_several_keys() -> None:
    one, other = card(label="main"), card(provider_key_id=2, label="batch")
    run = LastRun(NOW, 6, 0, None, key_id=2)

    assert settings.last_run(run, standing(one, other)) == "Last run **15:30 UTC** with batch, 6 reads, none failed"
    assert settings.last_run(run, standing(other)) == "Last run **15:30 UTC**, 6 reads, none failed"


def test_where_no_worker_gives_a_sign_of_life_a_full_disk_is_told_first() -> None:
    title, words = prospects.without_worker("15:30 UTC", full=False)
    assert (title, "python -m jobs" in words) == ("No worker is running", True)

    title, words = prospects.without_worker("15:30 UTC", full=True)
    assert (title, "python -m jobs" in words) == ("The disk of the database is full", False)
    assert "The last sign of a worker was at 15:30 UTC." in words and "goes on by itself" in words
