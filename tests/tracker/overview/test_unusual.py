"""A day is unusual when it is far dearer than every day like it, and then it is told why."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from tracker.overview.cycle import Cycle
from tracker.overview.figures import Cell
from tracker.overview.unusual import unusual

DAY = date(2026, 11, 17)
LIKE = [DAY - timedelta(weeks=n) for n in (1, 2, 3, 4)]


def cells(today: str, before: str, other: str = "10") -> list[Cell]:
    of_day = [Cell(DAY, "a", Decimal(today), 1, 1), Cell(DAY, "b", Decimal(other), 1, 1), Cell(DAY, "c", None, 1, 1)]
    return [*of_day, *(Cell(day, "a", Decimal(before), 1, 1) for day in LIKE)]


def spend(told: list[Cell]) -> dict[date, Decimal]:
    days = {cell.day for cell in told}
    return {day: sum((cell.spend or Decimal() for cell in told if cell.day == day), Decimal()) for day in days}


def test_a_day_far_above_every_like_day_is_told_with_what_rose_most() -> None:
    told = cells("50", "20")
    (found,) = unusual(spend(told), [DAY], told)

    assert (found.day, found.spend, found.dearest) == (DAY, Decimal(60), Decimal(20))
    assert (found.model, found.part, found.like) == ("a", Decimal(75), 4)

    without_one = {day: cost for day, cost in spend(told).items() if day != LIKE[0]}
    assert unusual(without_one, [DAY], told)[0].like == 3


@pytest.mark.parametrize(
    ("today", "before", "why"),
    [("19.9", "20", "less than half above"), ("0.4", "0.1", "a matter of cents")],
)
def test_a_day_that_is_not_much_dearer_is_usual(today: str, before: str, why: str) -> None:
    told = cells(today, before, other="0")
    assert unusual(spend(told), [DAY], told) == [], why


def test_one_dear_day_like_it_makes_it_usual() -> None:
    told = cells("50", "20")
    assert unusual({**spend(told), LIKE[3]: Decimal(55)}, [DAY], told) == []


@pytest.mark.parametrize("today", [date(2026, 12, 1), date(2026, 12, 3), date(2027, 3, 6), date(2026, 12, 10)])
def test_what_the_dashboard_reads_holds_every_like_day(today: date) -> None:
    """Else what never changed would keep a part of its cost as a rise."""
    cycle = Cycle(today)
    days = [today - timedelta(days=n) for n in range(1, 50)]
    spends = {day: {"steady": 600, **dict.fromkeys(("new", "newer"), 200 * (day == cycle.week[0]))} for day in days}
    every = [Cell(day, model, Decimal(usd), 1, 1) for day, of in spends.items() for model, usd in of.items()]
    (found,) = unusual(spend(every), cycle.week, [cell for cell in every if cell.day >= cycle.horizon])

    assert (found.day, found.model, found.part, found.like) == (cycle.week[0], "newer", Decimal(50), 4)


def test_without_enough_days_like_it_nothing_is_judged() -> None:
    told = cells("50", "20")
    known = {day: cost for day, cost in spend(told).items() if day not in LIKE[:2]}

    assert unusual(known, [DAY], told) == []
    assert unusual({}, [DAY], told) == []
