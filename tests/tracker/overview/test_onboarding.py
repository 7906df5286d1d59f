"""Each step from nothing to the month is told as soon as it is done, and not before."""

from __future__ import annotations

from datetime import date

import pytest

from tracker import clock
from tracker.models import KeyStatus
from tracker.overview.days import DayMark
from tracker.overview.onboarding import Step, done

DAYS = clock.days(date(2026, 11, 1), date(2026, 11, 4))
NONE = dict.fromkeys(DAYS, DayMark.MISSING)
NEWEST = {**NONE, DAYS[-1]: DayMark.OPEN}
ALL = {**dict.fromkeys(DAYS, DayMark.FINAL), DAYS[-1]: DayMark.OPEN}


@pytest.mark.parametrize(
    ("statuses", "marks", "steps"),
    [
        ([], NONE, 1),
        ([KeyStatus.UNCHECKED], NONE, 2),
        ([KeyStatus.INVALID], NONE, 2),
        ([KeyStatus.INVALID, KeyStatus.VALID], NONE, 3),
        ([KeyStatus.VALID], NEWEST, 4),
        ([KeyStatus.VALID], ALL, 5),
    ],
)
def test_a_step_is_done_when_it_is(statuses: list[KeyStatus], marks: dict[date, DayMark], steps: int) -> None:
    assert done(statuses, marks, DAYS) == tuple(Step)[:steps]
