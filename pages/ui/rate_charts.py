"""What a request costs, and the like, as small lines by day, with their table twin. Pure."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import lru_cache

import altair as alt
import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from pages.ui import charts, explore_charts, findings
from pages.ui.charts import Spec
from pages.ui.palette import palette
from tracker.explore.economics import Bill
from tracker.explore.reading import Explored

HEIGHT = 150

Days = Mapping[date, Bill | None]


@dataclass(frozen=True)
class Rate:
    """A figure of a day; `write` says it as text, `axis` is a Vega expression for the axis."""

    title: str
    of: Callable[[Bill], Fraction | None]
    write: Callable[[Fraction], str]
    axis: str
    form: str


def _per_thousand(bill: Bill) -> Fraction | None:
    tokens = bill.uncached + bill.cached + bill.output
    return (bill.usd - bill.usd_other) * 1_000 / tokens if tokens else None


MONEY, PERCENT = "'$' + format(datum.value, '.3~f')", "format(datum.value, '.0%')"

RATES = (
    Rate("Cost of a request", lambda bill: bill.per_request, findings.usd, MONEY, "$%.4f"),
    Rate("Cost of a thousand text tokens", _per_thousand, findings.usd, MONEY, "$%.4f"),
    Rate("Input from the cache", lambda bill: bill.cached_share, findings.share, PERCENT, "percent"),
    Rate("Requests in batches", lambda bill: bill.batch_share, findings.share, PERCENT, "percent"),
)


def line_chart(rate: Rate, days: Days, *, dark: bool) -> Spec:
    """A line over the days; where a day tells nothing, the line is broken."""
    spec = copy.deepcopy(_template(dark=dark))
    columns, points = list(days), _points(rate, days)
    rows = [
        {"x": n + 0.5, "y": float(points[day]), "Day": f"{day:%a %-d %b}", "Value": rate.write(points[day])}
        if day in points
        else {"x": n + 0.5, "y": None}
        for n, day in enumerate(columns)
    ]
    first = spec["layer"][0]["encoding"]
    first["x"]["axis"] |= {"labelExpr": charts.day_labels(columns), "values": [n + 0.5 for n in range(len(columns))]}
    first["x"]["scale"]["domain"] = [0, len(columns)]
    first["y"]["axis"]["labelExpr"] = rate.axis
    first["y"]["scale"]["domain"] = [0, max((float(value) for value in points.values()), default=0.0) * 1.08 or 1.0]
    spec["data"] = {"values": rows}
    return spec


def alt_text(rate: Rate, days: Days) -> str:
    """The chart in words."""
    points = _points(rate, days)
    if not points:
        return f"{rate.title} by day: no day tells it."
    low, high = (extreme(points, key=lambda day: points[day]) for extreme in (min, max))
    return (
        f"{rate.title} by day: lowest on {low:%-d %B}, {rate.write(points[low])}, highest on {high:%-d %B}, "
        f"{rate.write(points[high])}. The table below holds the same figures."
    )


def told(rate: Rate, bill: Bill | None) -> str:
    """The figure over all days."""
    value = rate.of(bill) if bill else None
    return "unknown" if value is None else rate.write(value)


def frame(days: Days, seen: Explored) -> pd.DataFrame:
    """One row a day, a column for each figure; percentages are parts of one."""
    points = {rate.title: _points(rate, days) for rate in RATES}
    return pd.DataFrame(
        [
            {
                "Day": explore_charts.when(day, seen),
                "Requests": bill.requests if bill else None,
                **{title: float(of[day]) if day in of else None for title, of in points.items()},
            }
            for day, bill in days.items()
        ]
    ).astype({"Requests": "Int64"})


def columns() -> dict[str, ColumnConfig]:
    """How the columns of `frame` are drawn."""
    number = st.column_config.NumberColumn
    return {"Requests": number(format="localized"), **{rate.title: number(format=rate.form) for rate in RATES}}


def _points(rate: Rate, days: Days) -> dict[date, Fraction]:
    told = {day: rate.of(bill) for day, bill in days.items() if bill}
    return {day: value for day, value in told.items() if value is not None}


@lru_cache(maxsize=2)
def _template(*, dark: bool) -> Spec:
    colours = palette(dark=dark)
    line = alt.Chart().mark_line(
        color=colours.slots[0],
        strokeWidth=2,
        invalid="break-paths-show-domains",
        point=alt.OverlayMarkDef(size=24, color=colours.slots[0]),
    )
    layers = alt.layer(charts.axes(colours), line.encode(x="x:Q", y="y:Q", tooltip=["Day:N", "Value:N"]))
    chart = layers.properties(data=alt.InlineData(values=[])).configure_view(stroke=None).configure_mark(aria=False)
    spec: Spec = chart.to_dict()
    return {part: value for part, value in spec.items() if part not in {"data", "datasets"}}
