"""What a request costs, and the like, as small lines by day, week or month, with their table twin. Pure."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import lru_cache
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from pages.ui import axis_words, charts, explore_charts, findings
from pages.ui.charts import Row, Spec
from pages.ui.palette import palette
from tracker.explore.economics import Bill
from tracker.explore.reading import Explored
from tracker.overview.days import DayMark

HEIGHT = 200
MOST_DOTS = 45
"""Points up to which each has its dot: more of them would be a band."""

Bills = Mapping[date, Bill | None]


@dataclass(frozen=True)
class Rate:
    """A figure of a day; `write` says it as text, `axis` draws the lines of the axis up to a height.

    `of_what` comes after the figure.
    """

    title: str
    of: Callable[[Bill], Fraction | None]
    write: Callable[[Fraction], str]
    axis: Callable[[float], axis_words.Axis]
    form: str
    of_what: str


def _per_thousand(bill: Bill) -> Fraction | None:
    tokens = bill.uncached + bill.cached + bill.output
    return (bill.usd - bill.usd_other) * 1_000 / tokens if tokens else None


RATES = (
    Rate("Cost of a request", lambda bill: bill.per_request, findings.usd, axis_words.money, "$%.4f", "a request"),
    Rate(
        "Cost of a thousand text tokens",
        _per_thousand,
        findings.usd,
        axis_words.money,
        "$%.4f",
        "a thousand text tokens",
    ),
    Rate(
        "Input from the cache",
        lambda bill: bill.cached_share,
        findings.share,
        axis_words.percent,
        "percent",
        "of all text input from the cache",
    ),
    Rate(
        "Requests in batches",
        lambda bill: bill.batch_share,
        findings.share,
        axis_words.percent,
        "percent",
        "of requests in batches",
    ),
)


def line_chart(rate: Rate, bars: Bills, seen: Explored, *, dark: bool) -> Spec:
    """A line over the days, weeks or months; where one tells nothing, the line is broken."""
    spec = copy.deepcopy(_template(dark=dark))
    columns, points = list(bars), _points(rate, bars)
    first = spec["layer"][0]["encoding"]
    labels = explore_charts.labels(seen, columns)
    first["x"]["axis"] |= {"labelExpr": labels, "values": [n + 0.5 for n in range(len(columns))]}
    first["x"]["scale"]["domain"] = [0, len(columns)]
    top = max((float(value) for value in points.values()), default=0.0) * 1.08 or 1.0
    first["y"]["axis"] |= rate.axis(top)
    first["y"]["scale"]["domain"] = [0, top]
    spec["data"] = {"values": list(_parted(list(_rows(rate, columns, points, seen))))}
    return spec


def _rows(rate: Rate, columns: Sequence[date], points: Mapping[date, Fraction], seen: Explored) -> Iterator[Row]:
    """A point has a dot where there are few of them, where no line leads to it, or where it is not final."""
    for n, column in enumerate(columns):
        if column not in points:
            yield {"x": n + 0.5, "y": None, "final": True}
            continue
        alone = not any(near in points for near in (*columns[max(n - 1, 0) : n], *columns[n + 1 : n + 2]))
        final = is_final(column, seen)
        yield {
            "x": n + 0.5,
            "y": float(points[column]),
            "When": explore_charts.when(column, seen),
            "Value": rate.write(points[column]),
            "State": explore_charts.state(seen, column),
            "final": final,
            "dot": alone or not final or len(columns) <= MOST_DOTS,
        }


def _parted(rows: Sequence[Row]) -> Iterator[Row]:
    """The line in two: `firm` between points that are final, `soft` from and to all others."""
    for n, row in enumerate(rows):
        near = all(each["final"] for each in rows[max(n - 1, 0) : n + 2])
        yield row | {"firm": row["y"] if row["final"] else None, "soft": None if near else row["y"]}


def is_final(column: date, seen: Explored) -> bool:
    """Whether a bar's figures stay as they are."""
    return seen.mark(column) is DayMark.FINAL


def alt_text(rate: Rate, bars: Bills, seen: Explored) -> str:
    """The chart in words."""
    points, unit = _points(rate, bars), explore_charts.day_unit(seen)
    if not points:
        return f"{rate.title} by {unit}: no {unit} tells it."
    low, high = (extreme(points, key=lambda bar: points[bar]) for extreme in (min, max))
    return (
        f"{rate.title} by {unit}: lowest {explore_charts.when(low, seen)}, {rate.write(points[low])}, highest "
        f"{explore_charts.when(high, seen)}, {rate.write(points[high])}. The table below holds the same figures."
    )


def told(rate: Rate, bill: Bill | None) -> str:
    """The figure over many days."""
    value = rate.of(bill) if bill else None
    return "unknown" if value is None else rate.write(value)


def frame(bars: Bills, seen: Explored) -> pd.DataFrame:
    """One row a day, week or month, a column for each figure; percentages are parts of one."""
    points = {rate.title: _points(rate, bars) for rate in RATES}
    return pd.DataFrame(
        [
            {
                explore_charts.day_unit(seen).capitalize(): explore_charts.when(bar, seen),
                "State": explore_charts.state(seen, bar),
                "Requests": bill.requests if bill else None,
                **{title: float(of[bar]) if bar in of else None for title, of in points.items()},
            }
            for bar, bill in bars.items()
        ]
    ).astype({"Requests": "Int64"})


def columns() -> dict[str, ColumnConfig]:
    """How the columns of `frame` are drawn."""
    number = st.column_config.NumberColumn
    return {"Requests": number(format="localized"), **{rate.title: number(format=rate.form) for rate in RATES}}


def _points(rate: Rate, bars: Bills) -> dict[date, Fraction]:
    told = {bar: rate.of(bill) for bar, bill in bars.items() if bill}
    return {bar: value for bar, value in told.items() if value is not None}


@lru_cache(maxsize=2)
def _template(*, dark: bool) -> Spec:
    colours = palette(dark=dark)
    line: dict[str, Any] = {
        "color": colours.slots[0],
        "strokeWidth": 2,
        "invalid": "break-paths-show-domains",
        "tooltip": None,
    }
    firm, soft = alt.Chart().mark_line(**line), alt.Chart().mark_line(**line, strokeDash=[3, 3])
    dots = alt.Chart().transform_filter("datum.y !== null").mark_point(size=24, color=colours.slots[0], strokeWidth=1.5)
    layers = alt.layer(
        charts.axes(colours),
        firm.encode(x="x:Q", y="firm:Q"),
        soft.encode(x="x:Q", y="soft:Q"),
        dots.encode(
            x="x:Q",
            y="y:Q",
            fill=alt.condition("datum.final", alt.value(colours.slots[0]), alt.value(colours.background)),
            opacity=alt.condition("datum.dot", alt.value(1), alt.value(0)),
            tooltip=["When:N", "Value:N", "State:N"],
        ),
    )
    chart = layers.properties(data=alt.InlineData(values=[])).configure_view(stroke=None).configure_mark(aria=False)
    spec: Spec = chart.to_dict()
    return {part: value for part, value in spec.items() if part not in {"data", "datasets"}}
