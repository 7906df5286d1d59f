"""The stripes of provisional bars: always at half a right angle and equally far apart, however wide the bars. Pure.

A row tells the place of a bar; the browser, which alone knows how many pixels that is, divides it into stripes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

import altair as alt

from pages.ui.palette import Palette
from tracker.overview.days import DayMark
from tracker.overview.stacks import Bars

GAP_PX, NARROW_GAP_PX = 9, 5
NARROW_PX = 16
"""Bars under this width have finer stripes, closer together."""

EDGE = 0.14
"""A bar covers a day from here to the same distance from its end."""

STRIPED = frozenset({DayMark.PROVISIONAL, DayMark.OPEN})


def rows(bars: Bars, states: Mapping[date, DayMark], top: float, columns: int) -> Iterator[dict[str, object]]:
    """The place of each provisional bar in a chart of so many columns and this high (`top`, as the bars' amounts)."""
    for n, day in enumerate(sorted(bars.totals)):
        if states[day] in STRIPED and (high := float(bars.totals[day] or 0)):
            yield {"part": "stripe", "left": n + EDGE, "high": high, "columns": columns, "top": top}


def layer(colours: Palette) -> alt.Chart:
    """The layer of `rows`. At its bar's left edge a stripe is `at` so many pixels over the ground, often below it."""
    wide, high = f"{1 - 2 * EDGE} * width / datum.columns", "datum.high * height / datum.top"
    made = alt.Chart().transform_filter("datum.part === 'stripe'")
    made = made.transform_calculate(wide=wide, tall=high)
    made = made.transform_calculate(gap=f"{NARROW_GAP_PX} + {GAP_PX - NARROW_GAP_PX} * (datum.wide >= {NARROW_PX})")
    made = made.transform_calculate(step="sequence(ceil((datum.tall + datum.wide) / datum.gap))")
    made = made.transform_flatten(["step"]).transform_calculate(at="datum.step * datum.gap - datum.wide")
    made = made.transform_calculate(low="max(datum.at, 0)", end="min(datum.at + datum.wide, datum.tall)")
    made = made.transform_filter("datum.low < datum.end").transform_calculate(
        x="datum.left + (datum.low - datum.at) * datum.columns / width",
        x2="datum.left + (datum.end - datum.at) * datum.columns / width",
        y="datum.low * datum.top / height",
        y2="datum.end * datum.top / height",
    )
    thin = alt.condition(f"datum.wide < {NARROW_PX}", alt.value(0.7), alt.value(1.6))
    mark = made.mark_rule(color=colours.background, tooltip=None)
    chart: alt.Chart = mark.encode(x="x:Q", x2="x2:Q", y="y:Q", y2="y2:Q", strokeWidth=thin)
    return chart
