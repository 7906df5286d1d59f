"""The month's forecast, by hand and by trying it on what is known."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracker import clock
from tracker.overview.forecast import Forecast, forecast

TODAY = date(2026, 11, 23)
START = date(2026, 5, 1)
SUNDAYS = [date(2026, 10, day) for day in (4, 11, 18, 25)]


def rhythm(day: date) -> Decimal:
    return Decimal(20) if day.weekday() >= 5 else Decimal(100)


def known(start: date = START, end: date = TODAY) -> dict[date, Decimal]:
    return {day: rhythm(day) for day in clock.days(start, end)}


def told(spend: dict[date, Decimal], seen: dict[date, Decimal] | None = None, today: date = TODAY) -> Forecast:
    found = forecast(spend, seen or {}, today)
    assert found is not None
    return found


def test_a_steady_rhythm_is_foretold_exactly() -> None:
    found = told(known())
    month = sum(rhythm(day) for day in clock.days(date(2026, 11, 1), date(2026, 12, 1)))

    assert (found.low, found.middle, found.high) == (month, month, month)
    assert (found.usual_error, found.months_tried) == (Decimal("0.0"), 5)
    assert [each.day for each in found.days] == clock.days(TODAY, date(2026, 12, 1))


def test_the_band_holds_what_past_stretches_did() -> None:
    spend = {day: cost * (2 if day.isocalendar().week % 2 else 1) for day, cost in known().items()}
    found = told(spend)

    assert found.low < found.middle < found.high
    assert found.usual_error and found.usual_error > 0


def test_a_day_costs_at_least_what_was_read_of_it() -> None:
    found = told(known(), {TODAY: Decimal(500)})

    assert (found.days[0].low, found.days[0].middle, found.days[0].high) == (Decimal(500),) * 3
    assert found.middle == told(known()).middle + 400


def test_a_day_that_was_not_read_is_foretold_too() -> None:
    spend = known()
    del spend[date(2026, 11, 9)]

    assert told(spend).middle == told(known()).middle
    assert date(2026, 11, 9) in [each.day for each in told(spend).days]


@pytest.mark.parametrize("days", [0, 20, 40])
def test_too_few_days_foretell_nothing(days: int) -> None:
    assert forecast(known(TODAY - timedelta(days=days)), {}, TODAY) is None


def test_a_month_that_is_over_and_known_needs_no_forecast() -> None:
    assert forecast(known(end=date(2026, 12, 1)), {}, date(2026, 11, 30)) is None


def test_nothing_spent_is_no_base_for_a_band() -> None:
    assert forecast(dict.fromkeys(known(), Decimal()), {}, TODAY) is None


@pytest.mark.parametrize(("lacking", "is_told"), [(3, True), (4, False)])
def test_a_weekday_of_which_none_was_read_is_not_foretold(lacking: int, is_told: bool) -> None:
    """Without all four of them 24 days are left, as many as are needed, but no mean for a fifth."""
    today = date(2026, 11, 1)
    spend = {day: cost for day, cost in known(end=today).items() if day not in SUNDAYS[:lacking]}

    assert (forecast(spend, {}, today) is not None) is is_told


def test_past_weeks_without_a_weekday_are_no_trial() -> None:
    """Of stretches after those weeks nothing can be expected; the others still say the band and the error."""
    found = told({day: cost for day, cost in known().items() if day not in SUNDAYS})

    assert (found.low, found.middle, found.high) == (told(known()).middle,) * 3
    assert (found.usual_error, found.months_tried) == (Decimal("0.0"), 4)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.decimals(0, 1000, places=4), min_size=120, max_size=120), st.integers(1, 28))
def test_the_band_is_around_the_middle_and_above_what_is_sure(costs: list[Decimal], number: int) -> None:
    today = date(2026, 11, number)
    spend = {today - timedelta(days=n + 1): cost for n, cost in enumerate(costs)}
    found = forecast(spend, {}, today)
    sure = sum((cost for day, cost in spend.items() if day >= today.replace(day=1)), Decimal())

    assert found is None or sure <= found.low <= found.middle <= found.high
