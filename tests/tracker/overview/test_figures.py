"""Sums, comparisons and stacks, in tables that can be checked by hand. Unknown is not zero anywhere."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from tracker import clock
from tracker.coverage import ABSENT, LedgerDay
from tracker.models import DayState
from tracker.overview import days, figures, stacks
from tracker.overview.cycle import Cycle
from tracker.overview.days import DayMark
from tracker.overview.figures import Cell, Measure, Sums

TODAY = date(2026, 11, 23)
CYCLE = Cycle(TODAY)


def cell(day: date, model: str, spend: str | None, tokens: int | None = 10, requests: int | None = 1) -> Cell:
    lacks = spend is None
    return Cell(
        day, model, Decimal(spend) if spend is not None else None, tokens, requests, (requests or 0) * lacks, int(lacks)
    )


@pytest.mark.parametrize(
    ("today", "start", "previous", "days_in"),
    [
        (date(2026, 11, 1), date(2026, 11, 1), date(2026, 10, 1), 1),
        (date(2026, 11, 30), date(2026, 11, 1), date(2026, 10, 1), 30),
        (date(2028, 2, 29), date(2028, 2, 1), date(2028, 1, 1), 29),
        (date(2027, 1, 1), date(2027, 1, 1), date(2026, 12, 1), 1),
    ],
)
def test_a_cycle_is_the_calendar_month_to_date(today: date, start: date, previous: date, days_in: int) -> None:
    cycle = Cycle(today)

    assert (cycle.start, cycle.previous_start, len(cycle.days)) == (start, previous, days_in)
    assert len(cycle.week) == 7 and cycle.week[-1] == today
    assert len(cycle.finished) == 30 and cycle.finished[-1] == today - timedelta(days=1)
    assert cycle.horizon <= min(cycle.previous_start, cycle.finished[0])


@pytest.mark.parametrize(
    ("day", "twin"),
    [
        (date(2026, 11, 9), date(2026, 10, 9)),
        (date(2026, 3, 28), date(2026, 2, 28)),
        (date(2026, 3, 29), None),
        (date(2028, 3, 29), date(2028, 2, 29)),
        (date(2026, 12, 31), None),
        (date(2027, 1, 31), date(2026, 12, 31)),
    ],
)
def test_a_days_twin_is_the_same_day_of_the_month_before(day: date, twin: date | None) -> None:
    assert Cycle(day).twin(day) == twin


def test_a_sum_is_unknown_only_when_every_part_is() -> None:
    known, unpriced = cell(TODAY, "a", "1.50"), cell(TODAY, "b", None, requests=4)

    assert figures.sums([known, unpriced], {TODAY}) == Sums(Decimal("1.50"), 20, 5, 4, 1)
    assert figures.sums([unpriced], {TODAY}).spend is None
    assert figures.sums([], {TODAY}) == Sums(None, None, None)
    assert figures.sums([], {TODAY}, all_read=True) == Sums(Decimal(), 0, 0)


def marked(mark: DayMark) -> dict[date, DayMark]:
    return dict.fromkeys(clock.days(CYCLE.horizon, CYCLE.end), mark)


def test_only_days_complete_in_both_months_are_compared() -> None:
    marks = marked(DayMark.FINAL) | {date(2026, 11, 2): DayMark.MISSING, date(2026, 10, 3): DayMark.OPEN}
    told = [
        cell(date(2026, 10, 1), "a", "10"),
        cell(date(2026, 11, 1), "a", "15"),
        cell(date(2026, 11, 1), "b", "2"),
        cell(date(2026, 11, 2), "a", "1000"),
        cell(date(2026, 10, 3), "a", "1000"),
        cell(TODAY, "a", "1000"),
    ]

    change = figures.change(told, CYCLE, marks)

    assert len(change.days) == 20 and change.left_out == 2
    assert (change.before, change.difference) == (Decimal(10), Decimal(7))
    assert change.percent[Measure.SPEND] == Decimal("70.0")
    assert [(mover.model, mover.difference) for mover in change.movers] == [("a", Decimal(5)), ("b", Decimal(2))]


@pytest.mark.parametrize(
    ("now", "main"),
    [({"a": "60", "b": "5", "c": "6"}, "b"), ({"a": "60", "b": "45", "c": "6"}, "a"), ({"a": "50", "b": "5"}, None)],
)
def test_what_mostly_made_a_difference_moved_in_its_direction(now: dict[str, str], main: str | None) -> None:
    """B fell by most of what fell; a rose by more than the sum did; a rise and a fall that are equal made none."""
    told = [
        cell(date(2026, 10, 1), model, usd) for model, usd in {"a": "10", "b": "45", "c": "45"}.items() if model in now
    ]
    told += [cell(date(2026, 11, 1), model, usd) for model, usd in now.items()]
    found = figures.change(told, CYCLE, marked(DayMark.FINAL))

    assert found.movers[0].model == "a"
    assert (found.main and found.main.model) == main


def test_nothing_is_compared_while_no_day_is_complete() -> None:
    change = figures.change([cell(date(2026, 11, 1), "a", "1")], CYCLE, marked(DayMark.MISSING))

    assert (change.days, change.before, change.difference, change.movers) == ((), None, None, ())


@pytest.mark.parametrize(
    ("now", "before", "percent"),
    [("12", "10", "20.0"), ("0", "10", "-100.0"), ("1", "0", None), (None, "1", None), ("1", None, None)],
)
def test_a_percentage_needs_a_base(now: str | None, before: str | None, percent: str | None) -> None:
    parts = [Decimal(part) if part is not None else None for part in (now, before)]

    assert figures.percent(*parts) == (Decimal(percent) if percent is not None else None)


def test_the_five_largest_models_are_named_and_the_rest_is_one() -> None:
    told = [cell(TODAY, f"m{n}", str(n)) for n in range(1, 9)] + [cell(TODAY, "unpriced", None)]

    bars = stacks.bars(told, CYCLE.week, Measure.SPEND)

    assert [name for name, _ in bars.names] == ["m8", "m7", "m6", "m5", "m4", "Other (3)"]
    assert sum(segment.amount for segment in bars.segments) == bars.totals[TODAY] == 36
    assert bars.totals[TODAY - timedelta(days=1)] is None


def test_a_model_keeps_its_colour_whatever_is_measured() -> None:
    told = [cell(TODAY, "dear", "100", tokens=1), cell(TODAY, "cheap", "1", tokens=1_000)]
    by = {measure: dict(stacks.bars(told, CYCLE.week, measure).names) for measure in Measure}

    assert by[Measure.SPEND] == by[Measure.TOKENS] == by[Measure.REQUESTS] == {"dear": 0, "cheap": 1}


def test_a_model_that_is_drawn_among_the_others_keeps_its_colour_beside_the_picture() -> None:
    told = [cell(TODAY, f"m{n}", str(10 - n), tokens=n + 1, requests=1) for n in range(7)]
    told.append(cell(TODAY, "unpriced", None, requests=1))
    by_spend, by_tokens = (stacks.bars(told, CYCLE.week, each) for each in (Measure.SPEND, Measure.TOKENS))

    assert "m6" not in dict(by_spend.names) and "m0" not in dict(by_tokens.names)
    assert by_spend.swatches == by_tokens.swatches == {**{f"m{n}": n for n in range(7)}, "unpriced": 7}


AFTER, DURING = datetime(2026, 11, 24, 1, tzinfo=UTC), datetime(2026, 11, 23, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("row", "mark"),
    [
        (ABSENT, DayMark.MISSING),
        (LedgerDay(DayState.FINAL, 1, fetched_at=AFTER), DayMark.FINAL),
        (LedgerDay(DayState.VERIFIED_ZERO, 0, fetched_at=AFTER), DayMark.FINAL),
        (LedgerDay(DayState.UNAVAILABLE, 0), DayMark.FINAL),
        (LedgerDay(DayState.PROVISIONAL, 1, fetched_at=AFTER), DayMark.PROVISIONAL),
        (LedgerDay(DayState.PROVISIONAL, 1, fetched_at=DURING), DayMark.OPEN),
        (LedgerDay(DayState.FAILED, 1, fetched_at=AFTER), DayMark.MISSING),
    ],
)
def test_the_mark_of_an_endpoints_day(row: LedgerDay, mark: DayMark) -> None:
    assert days.mark(TODAY, row) is mark


def test_the_weakest_part_decides_a_day() -> None:
    assert days.weakest([DayMark.FINAL, DayMark.PROVISIONAL]) is DayMark.PROVISIONAL
    assert days.weakest([DayMark.OPEN, DayMark.MISSING]) is DayMark.MISSING
    assert days.weakest([]) is DayMark.MISSING


def test_days_before_the_history_are_compared_with_nothing_and_told_of() -> None:
    begins = date(2026, 10, 20)
    marks = marked(DayMark.FINAL) | dict.fromkeys(clock.days(CYCLE.horizon, begins), DayMark.UNAVAILABLE)
    told = [cell(date(2026, 11, day), "a", "1") for day in range(1, 23)] + [cell(date(2026, 10, 21), "a", "4")]

    change = figures.change(told, CYCLE, marks)

    assert change.twins == tuple(clock.days(begins, begins + 3 * clock.DAY))
    assert (change.left_out, change.untold) == (19, 19)
    assert (change.before, change.difference) == (Decimal(4), Decimal(-1))
    assert figures.change(told, CYCLE, marked(DayMark.FINAL)).untold == 0
