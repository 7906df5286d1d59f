"""Whose a day is that two keys of one organisation have read."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from tracker import clock, duplicates
from tracker.coverage import LedgerDay
from tracker.models import DayState

DAY = date(2026, 11, 10)
DAILY = ("completions", "costs")


def read(after_h: float, rows: int = 3, state: DayState = DayState.PROVISIONAL) -> LedgerDay:
    """A reading so many hours after the day's end."""
    return LedgerDay(state, rows, fetched_at=clock.day_end(DAY) + timedelta(hours=after_h))


FINAL, LACKING = read(200, state=DayState.FINAL), read(300, state=DayState.FAILED)


def youngers(ours: dict[str, LedgerDay], theirs: dict[str, LedgerDay], *, is_over: bool) -> set[str]:
    """The endpoints of which the day is the younger key's."""
    ledgers = ({name: {DAY: row} for name, row in each.items()} for each in (ours, theirs))
    found = duplicates.shares(*ledgers, bills={"costs"}, is_over=is_over)
    assert all(sorted([*of_elder, *of_younger]) == [DAY] for of_elder, of_younger in found.values())
    return {name for name, (_, of_younger) in found.items() if of_younger}


@pytest.mark.parametrize(
    ("ours", "theirs", "is_over", "is_youngers"),
    [
        (read(1), read(100), False, False),  # the elder reads it again by itself
        (read(-2), read(1), False, True),
        (read(1), FINAL, True, True),  # nobody would read it again
        (FINAL, read(300), True, False),
        (read(3), read(2), True, False),
        (LACKING, FINAL, True, True),
        (LACKING, LACKING, True, False),
        (read(9, rows=0), read(5), False, True),
        (read(9, rows=0, state=DayState.VERIFIED_ZERO), read(5), False, False),
    ],
)
def test_a_day_is_of_the_elder_unless_the_younger_knows_more(
    ours: LedgerDay, theirs: LedgerDay, is_over: bool, is_youngers: bool
) -> None:
    given = youngers({"completions": ours}, {"completions": theirs}, is_over=is_over)

    assert given == ({"completions"} if is_youngers else set())


def test_a_deleted_keys_usage_goes_where_the_bill_of_the_day_is() -> None:
    """Else the bill and the estimate that are held against each other would be of other days."""
    usage, unbilled, billed = FINAL, read(1, rows=0), read(100)
    elder, younger = {"completions": usage, "costs": unbilled}, {"completions": read(100), "costs": billed}

    assert youngers(elder, younger, is_over=True) == set(DAILY)
    assert youngers(elder, younger, is_over=False) == {"costs"}, "its bill is read again"
    assert youngers({**elder, "costs": FINAL}, younger, is_over=True) == set()
