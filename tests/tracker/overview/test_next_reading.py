"""The one sentence on when anything is read next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tracker.models import KeyStatus, ProviderKey
from tracker.overview import next_reading

NOW = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)
SOON, TOMORROW = NOW + timedelta(minutes=47), NOW + timedelta(hours=9)
RULE = "today is read every hour, a day that is over but not final daily, next 24 Nov 04:00 UTC."


def key(due: datetime | None, *, paused: bool = False, status: KeyStatus = KeyStatus.VALID) -> ProviderKey:
    row = ProviderKey(workspace_id=1, provider="openai", label="", origin="", last4="", created_at=NOW)
    row.next_due_at, row.paused_at, row.status = due, NOW if paused else None, status
    return row


@pytest.mark.parametrize(
    ("keys", "workers", "told"),
    [
        ([key(TOMORROW), key(SOON)], 1, f"Next reading 16:17 UTC; {RULE}"),
        ([key(TOMORROW)], 2, f"Next reading 24 Nov 00:30 UTC; {RULE}"),
        ([key(NOW), key(SOON)], 1, f"Something is read now; {RULE}"),
        ([key(SOON)], 0, "Nothing is read next, for no worker runs."),
        ([], 1, "Nothing is read next, for there is no key to read with."),
        ([key(SOON, paused=True), key(None), key(SOON, status=KeyStatus.INVALID)], 1, "no key to read with."),
        ([key(SOON, paused=True), key(SOON, status=KeyStatus.INVALID)], 1, "for reading is paused."),
        ([key(SOON, status=KeyStatus.INVALID)], 1, "for no key is accepted."),
        (
            [key(NOW, status=KeyStatus.UNCHECKED)],
            1,
            "A key is checked now; nothing is read before its provider has accepted it.",
        ),
        ([key(SOON, status=KeyStatus.UNCHECKED), key(TOMORROW)], 1, f"Next reading 24 Nov 00:30 UTC; {RULE}"),
    ],
)
def test_the_next_reading_of_any_key_that_is_read(keys: list[ProviderKey], workers: int, told: str) -> None:
    assert next_reading.sentence(keys, workers=workers, fetch_hour=4, now=NOW).endswith(told)


def test_the_daily_reading_may_be_still_to_come_today() -> None:
    told = next_reading.sentence([key(SOON)], workers=1, fetch_hour=18, now=NOW)

    assert told.endswith("next 18:00 UTC.")
