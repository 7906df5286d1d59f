"""A connection is in a sum up to its limit, and the days are divided where anybody's limit is."""

from __future__ import annotations

from datetime import date

import pytest

from tracker import limits
from tracker.limits import Limits


def day(number: int) -> date:
    return date(2026, 11, number)


@pytest.mark.parametrize(
    ("limited", "divided"),
    [
        ({}, [(1, 10, [])]),
        ({1: date.min}, [(1, 10, [1])]),
        ({1: day(4)}, [(1, 5, []), (5, 10, [1])]),
        ({1: day(4), 2: day(4), 3: date.min}, [(1, 5, [3]), (5, 10, [1, 2, 3])]),
        ({1: day(6), 2: day(1)}, [(1, 2, []), (2, 7, [2]), (7, 10, [1, 2])]),
        ({1: day(9), 2: day(30)}, [(1, 10, [])]),
    ],
)
def test_days_are_divided_by_who_is_in_them(limited: Limits, divided: list[tuple[int, int, list[int]]]) -> None:
    found = limits.stretches(day(1), day(10), limited)

    assert [(first.day, end.day, out) for first, end, out in found] == divided


def test_a_limit_is_the_last_day_that_is_in() -> None:
    limited = {1: day(4), 2: date.min}

    assert [limits.within(limited, key, day(4)) for key in (1, 2, 3, None)] == [True, False, True, True]
    assert [limits.within(limited, key, day(5)) for key in (1, 2, 3)] == [False, False, True]
