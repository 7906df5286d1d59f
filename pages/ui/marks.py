"""What stands in the daily chart beside its bars: the pace of the budget, and days that were unusual. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import altair as alt

from pages.ui import text
from pages.ui.palette import Palette

Row = dict[str, object]

NARROW_PX = 520
ROOM = 1.12
"""The height a chart needs above a bar that carries words."""

WORDS_PX, SHORT_PX = 90, 30
"""The width a bar's own column needs for all of the words above it, and for the number alone."""


def pace_rows(pace: Decimal | None, days: int) -> Iterator[Row]:
    """A line over all days at an even day's part of the budget (USD)."""
    if pace is not None:
        amount = text.rate_money(pace)
        yield {"part": "pace", "x": 0, "x2": days, "y": float(pace), "Pace": amount, "Budget": f"{amount} a day"}


def unusual_rows(unusual: Mapping[date, Decimal], heights: Mapping[date, float], days: Sequence[date]) -> Iterator[Row]:
    """Words over the bars of these days: how many times the dearest day like it, 0 where that is not known."""
    places = {day: n for n, day in enumerate(days)}
    for day, times in unusual.items():
        if day in heights:
            short = f"{times}×" if times else ""
            yield {
                "part": "unusual",
                "x": places[day] + 0.5,
                "y": heights[day],
                "columns": len(days),
                "Words": f"unusual · {short}" if short else "unusual",
                "Short": short,
            }


def pace(colours: Palette) -> tuple[alt.Chart, alt.Chart]:
    """A dashed line, with its name outside at the right."""
    named = f"width<{NARROW_PX} ? ['pace', datum.Pace] : ['budget pace', datum.Budget]"
    line = _part("pace").mark_rule(color=colours.text, strokeDash=[5, 4], strokeWidth=1, opacity=0.75)
    words = _part("pace").transform_calculate(name=named)
    label = words.mark_text(align="left", dx=6, color=colours.grey, fontSize=11, lineHeight=13, baseline="middle")
    return (
        line.encode(x="x:Q", x2="x2:Q", y="y:Q", tooltip=["Budget:N"]),
        label.encode(x="x2:Q", y="y:Q", text="name:N"),
    )


def unusual(colours: Palette) -> tuple[alt.Chart, ...]:
    """A small triangle, and what it says, as far as it fits over its own bar: beside it would stand in the next one."""
    room = "width/datum.columns"
    fitting = f"{room}>={WORDS_PX}?datum.Words:{room}>={SHORT_PX}?datum.Short:''"
    point = _part("unusual").mark_point(shape="triangle-down", filled=True, size=55, color=colours.note, yOffset=-7)
    words = _part("unusual").transform_calculate(fitting=fitting)
    font: dict[str, Any] = {"dy": -17, "fontSize": 11, "fontWeight": 600, "tooltip": None}
    ground = words.mark_text(fill=colours.background, stroke=colours.background, strokeWidth=4, **font)
    label = words.mark_text(color=colours.note, **font)
    return (
        point.encode(x="x:Q", y="y:Q", tooltip=["Words:N"], opacity=alt.value(1)),
        ground.encode(x="x:Q", y="y:Q", text="fitting:N"),  # no line strikes the words through
        label.encode(x="x:Q", y="y:Q", text="fitting:N"),
    )


def _part(name: str) -> alt.Chart:
    return alt.Chart().transform_filter(f"datum.part === '{name}'")
