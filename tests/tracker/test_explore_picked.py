"""The part of a bar that is chosen survives its address, and no address chooses what is not there."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from tracker import clock
from tracker.explore.facets import Facets
from tracker.explore.figures import Cell, Figures
from tracker.explore.picked import Picked, fitting, parameters, read
from tracker.explore.reading import Explored
from tracker.explore.span import Span
from tracker.explore.view import By, Chosen, Grain, Preset, View
from tracker.overview.days import DayMark

FIRST, LAST = date(2026, 11, 2), date(2026, 11, 10)
AT = datetime(2026, 11, 2, 13, tzinfo=UTC)
VALUES: tuple[Chosen, ...] = ("gpt-5.4", None, "~tilde", "a", "b", "small", "smaller")


def explored(by: By = By.MODEL, grain: Grain | None = None, values: tuple[Chosen, ...] = VALUES) -> Explored:
    """Nine days, each value with less than the one before."""
    days = clock.days(FIRST, LAST + clock.DAY)
    places = [AT] if grain is Grain.HOUR else days
    return Explored(
        view=View(Preset.CUSTOM, FIRST, LAST, by=by, grain=grain),
        span=Span(FIRST, LAST + clock.DAY, "UTC"),
        facets=Facets({each: {None: "(no model)"} for each in By}),
        cells=tuple(
            Cell(at, value, Figures(estimate=Decimal(9 - n))) for at in places for n, value in enumerate(values)
        ),
        marks=dict.fromkeys(days, DayMark.FINAL),
        utc_marks={},
        bill=None,
        comparison=None,
        is_approximate=False,
        slots={},
        history_from=None,
    )


@pytest.mark.parametrize(
    ("grain", "picked", "told"),
    [
        (None, None, {}),
        (None, Picked(FIRST), {"bar": ["2026-11-02"]}),
        (None, Picked(LAST, "gpt-5.4"), {"bar": ["2026-11-10"], "part": ["gpt-5.4"]}),
        (None, Picked(LAST, "(no model)"), {"bar": ["2026-11-10"], "part": ["~"]}),
        (None, Picked(LAST, "~tilde"), {"bar": ["2026-11-10"], "part": ["~~tilde"]}),
        (None, Picked(LAST, "Other (2)"), {"bar": ["2026-11-10"], "part": ["~others"]}),
        (Grain.WEEK, Picked(date(2026, 11, 9), "a"), {"bar": ["2026-11-09"], "part": ["a"]}),
        (Grain.HOUR, Picked(AT, "a"), {"bar": ["2026-11-02T13Z"], "part": ["a"]}),
    ],
)
def test_what_is_chosen_is_read_from_its_own_address(
    grain: Grain | None, picked: Picked | None, told: dict[str, list[str]]
) -> None:
    seen = explored(grain=grain)

    assert parameters(picked, seen) == told
    assert read(told, seen, seen.bars()) == (picked, None)
    assert fitting(picked, seen, seen.bars()) == picked


def test_a_provider_key_is_chosen_by_its_number() -> None:
    seen = explored(By.KEY, values=(1, 12))

    assert parameters(Picked(FIRST, "12"), seen) == {"bar": ["2026-11-02"], "part": ["12"]}
    assert read({"bar": ["2026-11-02"], "part": ["12"]}, seen, seen.bars()) == (Picked(FIRST, "12"), None)


@pytest.mark.parametrize(
    ("told", "found", "sentence"),
    [
        ({"bar": ["yesterday"]}, None, "“yesterday”, which is not among these, so none is chosen."),
        ({"bar": [""]}, None, "“”, which is not among these"),
        ({"bar": ["2026-11-11"], "part": ["a"]}, None, "“2026-11-11”, which is not among these"),
        ({"bar": ["2026-11-03"], "part": ["gone"]}, Picked(date(2026, 11, 3)), "“gone” has no part of its own"),
        ({"bar": ["2026-11-03"], "part": ["small"]}, Picked(date(2026, 11, 3)), "so the whole bar is chosen."),
        ({"part": ["a"]}, None, None),
    ],
)
def test_what_does_not_fit_the_bars_is_refused_in_words(
    told: dict[str, list[str]], found: Picked | None, sentence: str | None
) -> None:
    seen = explored()

    chosen, why_not = read(told, seen, seen.bars())

    assert chosen == found
    assert (why_not is None) if sentence is None else (sentence in (why_not or ""))


def test_nothing_is_chosen_by_a_number_that_is_none() -> None:
    seen = explored(By.KEY, values=(1,))

    assert read({"bar": ["2026-11-02"], "part": ["1 or 1=1"]}, seen, seen.bars())[0] == Picked(FIRST)


def test_a_choice_moves_along_when_the_bars_become_others() -> None:
    by_day, by_hour, by_week = (explored(grain=grain) for grain in (None, Grain.HOUR, Grain.WEEK))
    other = replace(by_day, cells=by_day.cells[1:2])

    assert fitting(Picked(date(2026, 11, 5), "a"), by_week, by_week.bars()) == Picked(FIRST, "a")
    assert fitting(Picked(AT, "a"), by_day, by_day.bars()) == Picked(FIRST, "a")
    assert fitting(Picked(FIRST, "a"), by_hour, by_hour.bars()) is None
    assert fitting(Picked(FIRST, "a"), other, other.bars()) == Picked(FIRST)
    assert fitting(Picked(LAST + clock.DAY, "a"), by_day, by_day.bars()) is None
