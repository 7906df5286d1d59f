"""A connection is in a sum up to its limit, and the days are divided where anybody's limit is."""

from __future__ import annotations

from datetime import date

import pytest

from tracker.limits import Limits


def day(number: int) -> date:
    return date(2026, 11, number)


def holes(*places: tuple[int, int]) -> frozenset[tuple[int, date]]:
    return frozenset((key, day(number)) for key, number in places)


@pytest.mark.parametrize(
    ("limited", "divided"),
    [
        (Limits(), [(1, 10, [])]),
        (Limits({1: date.min}), [(1, 10, [1])]),
        (Limits({1: day(4)}), [(1, 5, []), (5, 10, [1])]),
        (Limits({1: day(4), 2: day(4), 3: date.min}), [(1, 5, [3]), (5, 10, [1, 2, 3])]),
        (Limits({1: day(6), 2: day(1)}), [(1, 2, []), (2, 7, [2]), (7, 10, [1, 2])]),
        (Limits({1: day(9), 2: day(30)}), [(1, 10, [])]),
        (Limits(holes=holes((1, 3))), [(1, 3, []), (3, 4, [1]), (4, 10, [])]),
        (Limits(holes=holes((1, 1), (1, 2), (2, 9))), [(1, 3, [1]), (3, 9, []), (9, 10, [2])]),
        (Limits({2: day(3)}, holes((1, 3), (1, 4), (3, 20))), [(1, 3, []), (3, 4, [1]), (4, 5, [1, 2]), (5, 10, [2])]),
    ],
)
def test_days_are_divided_by_who_is_in_them(limited: Limits, divided: list[tuple[int, int, list[int]]]) -> None:
    found = limited.stretches(day(1), day(10))

    assert [(first.day, end.day, out) for first, end, out in found] == divided


def test_a_limit_is_the_last_day_that_is_in() -> None:
    limited = Limits({1: day(4), 2: date.min}, holes((3, 5)))

    assert [limited.let_in(key, day(4)) for key in (1, 2, 3, None)] == [True, False, True, True]
    assert [limited.let_in(key, day(5)) for key in (1, 2, 3, 4)] == [False, False, False, True]
    assert [bool(each) for each in (limited, Limits(), Limits(holes=holes((3, 5))))] == [True, False, True]
