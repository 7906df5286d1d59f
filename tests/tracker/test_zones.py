"""Names of time zones."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo, available_timezones

import pytest

from tracker import zones


@pytest.mark.parametrize(
    ("sent", "offered"),
    [
        ("Asia/Calcutta", "Asia/Kolkata"),
        ("Europe/Kiev", "Europe/Kyiv"),
        ("America/Buenos_Aires", "America/Argentina/Buenos_Aires"),
        ("Europe/Amsterdam", "Europe/Amsterdam"),
        ("Asia/Kolkata", "Asia/Kolkata"),
        ("UTC", "UTC"),
        ("Etc/UTC", "UTC"),
        ("Mars/Olympus", "Mars/Olympus"),
    ],
)
def test_an_old_name_is_offered_by_the_name_of_today(sent: str, offered: str) -> None:
    assert zones.canonical(sent) == offered


def test_the_name_of_today_tells_the_same_time_and_is_its_own() -> None:
    for name in available_timezones():
        found = zones.canonical(name)

        assert zones.canonical(found) == found
        at = datetime(2026, 7, 1, 12, tzinfo=ZoneInfo(name))
        assert at.utcoffset() == at.astimezone(ZoneInfo(found)).utcoffset()
