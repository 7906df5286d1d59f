"""Provisional bars are striped alike, whatever their width: the browser's arithmetic, done here."""

from __future__ import annotations

import math
from datetime import date
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from pages.ui import stripes
from pages.ui.palette import palette
from tracker.overview import stacks
from tracker.overview.days import DayMark
from tracker.overview.figures import Cell, Measure

DAYS = (date(2026, 11, 22), date(2026, 11, 23), date(2026, 11, 24))
CELLS = [Cell(day, "gpt-5.4", Decimal("12.50"), 1_000, 3) for day in DAYS[:2]]
STATES = dict(zip(DAYS, (DayMark.FINAL, DayMark.PROVISIONAL, DayMark.OPEN), strict=True))


def test_only_a_provisional_bar_that_can_be_seen_has_stripes() -> None:
    rows = list(stripes.rows(stacks.bars(CELLS, DAYS, Measure.SPEND), STATES, 25.0, 7))

    assert rows == [{"part": "stripe", "left": 1 + stripes.EDGE, "high": 12.5, "columns": 7, "top": 25.0}]


@pytest.mark.parametrize(("width", "columns", "gap"), [(1000, 7, 9), (1000, 30, 9), (300, 30, 5), (300, 7, 9)])
def test_stripes_rise_as_far_as_they_go_and_stay_within_their_bar(width: int, columns: int, gap: int) -> None:
    row = {"part": "stripe", "left": 1 + stripes.EDGE, "high": 12.5, "columns": columns, "top": 25.0}
    made = drawn(row, width=width, height=200)

    wide = (1 - 2 * stripes.EDGE) * width / columns
    assert len(made) == math.ceil((wide + 100) / gap) - 1  # the lowest would only touch the corner
    for stripe in made:
        across = (stripe["x2"] - stripe["x"]) * width / columns
        assert across == pytest.approx((stripe["y2"] - stripe["y"]) * 200 / 25)
        assert 1 + stripes.EDGE - 1e-9 <= stripe["x"] < stripe["x2"] <= 2 - stripes.EDGE + 1e-9
        assert 0 <= stripe["y"] < stripe["y2"] <= 12.5 + 1e-9


def drawn(row: dict[str, Any], *, width: int, height: int) -> list[dict[str, Any]]:
    """What the layer's transforms, which are Python as well, make of a row."""
    rows = [row]
    for step in stripes.layer(palette(dark=False)).to_dict()["transform"]:
        if "flatten" in step:
            (name,) = step["flatten"]
            rows = [{**each, name: value} for each in rows for value in each[name]]
        elif "calculate" in step:
            rows = [{**each, step["as"]: result(step["calculate"], each, width, height)} for each in rows]
        else:
            rows = [each for each in rows if result(step["filter"].replace("===", "=="), each, width, height)]
    return rows


def result(expression: str, datum: dict[str, Any], width: int, height: int) -> Any:
    known = {"datum": SimpleNamespace(**datum), "width": width, "height": height, "sequence": range}
    return eval(expression, {"ceil": math.ceil, "min": min, "max": max, **known})  # noqa: S307 - our own expressions
