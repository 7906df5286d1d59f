"""The completeness calendar as a Vega-Lite dict. Pure: values in, spec out.

Final cells are pale on purpose: the eye should find what is not final. Every state has a sign beside its colour.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from datetime import date
from functools import lru_cache
from itertools import groupby
from typing import Any

import altair as alt
import pandas as pd

from pages.ui.palette import palette
from tracker.overview.calendar import DayCell, Face, KeyCalendar, gravest

Spec = dict[str, Any]

ROW_PX, HEAD_PX = 25, 40
MOST_SIGNS, MOST_DAYS = 40, 100
"""Columns up to which each has its sign, and days up to which each has a column of its own; more become weeks."""

SIGNS = {Face.ZERO: "0", Face.RESTATED: "•", Face.PROVISIONAL: "~", Face.FAILED: "!", Face.MISSING: "–"}

LIGHT = {
    Face.FINAL: ("#C9CEEB", "#1B1F2A"),
    Face.ZERO: ("#EEF0F6", "#5B6272"),
    Face.RESTATED: ("#8E98D6", "#1B1F2A"),
    Face.PROVISIONAL: ("#E3E6F6", "#3B48B8"),
    Face.FAILED: ("#C0392B", "#FFFFFF"),
    Face.MISSING: ("#FFFFFF", "#5B6272"),
    Face.UNAVAILABLE: ("#FFFFFF", "#5B6272"),
}
DARK = {
    Face.FINAL: ("#3A4276", "#FFFFFF"),
    Face.ZERO: ("#20242F", "#8C93A4"),
    Face.RESTATED: ("#5763B3", "#FFFFFF"),
    Face.PROVISIONAL: ("#262C48", "#B9C1FF"),
    Face.FAILED: ("#D9626B", "#14161B"),
    Face.MISSING: ("#14161B", "#A1A8B8"),
    Face.UNAVAILABLE: ("#14161B", "#A1A8B8"),
}


def calendar_chart(calendar: KeyCalendar, *, dark: bool) -> Spec:
    """Rows are endpoints, columns days (weeks when there are very many)."""
    spec = copy.deepcopy(_template(dark=dark))
    days = sorted({cell.day for cell in calendar.cells})
    columns = _columns(days)
    first = spec["layer"][0]["encoding"]
    first["x"]["axis"] |= {"values": [n + 0.5 for n in range(len(columns))], "labelExpr": _labels(columns)}
    first["x"]["scale"]["domain"] = [0, len(columns)]
    for layer in spec["layer"]:
        layer["encoding"]["y"]["sort"] = [_named(name) for name in calendar.endpoints]
    spec["data"] = {"values": list(_rows(calendar, columns))}
    return spec


def height(calendar: KeyCalendar) -> int:
    """The chart's height in pixels."""
    return HEAD_PX + ROW_PX * len(calendar.endpoints)


def day_frame(calendar: KeyCalendar) -> pd.DataFrame:
    """The calendar's twin: one row a UTC day, the newest first, and the state of each endpoint as a column."""
    days = sorted({cell.day for cell in calendar.cells}, reverse=True)
    states = {(cell.day, cell.endpoint): cell.face.value for cell in calendar.cells}
    return pd.DataFrame(
        [
            {
                "Day": f"{day:%Y-%m-%d}",
                **{_named(endpoint): states.get((day, endpoint), "") for endpoint in calendar.endpoints},
            }
            for day in days
        ]
    )


def _columns(days: Sequence[date]) -> list[list[date]]:
    if len(days) <= MOST_DAYS:
        return [[day] for day in days]
    return [list(week) for _, week in groupby(days, key=lambda day: day.isocalendar()[:2])]


def _rows(calendar: KeyCalendar, columns: Sequence[Sequence[date]]) -> Iterator[dict[str, object]]:
    cells = {(cell.endpoint, cell.day): cell for cell in calendar.cells}
    signs = SIGNS if len(columns) <= MOST_SIGNS else {face: SIGNS[face] for face in (Face.FAILED, Face.MISSING)}
    for endpoint in calendar.endpoints:
        for n, days in enumerate(columns):
            of_column = [cells[endpoint, day] for day in days]
            face = gravest(cell.face for cell in of_column)
            yield {
                "x": n + 0.06,
                "x2": n + 0.94,
                "middle": n + 0.5,
                "endpoint": _named(endpoint),
                "face": face.value,
                "sign": signs.get(face, ""),
                "Days": _days(days),
                "Rows": sum(cell.rows for cell in of_column),
                "Read": _read(of_column),
            }


def _named(endpoint: str) -> str:
    return endpoint.replace("_", " ")


def _days(days: Sequence[date]) -> str:
    return f"{days[0]:%a %-d %b}" if len(days) == 1 else f"{days[0]:%-d %b} to {days[-1]:%-d %b}"


def _read(cells: Sequence[DayCell]) -> str:
    times = [cell.read_at for cell in cells if cell.read_at]
    return f"{max(times):%-d %b %H:%M} UTC" if times else "not yet"


def _labels(columns: Sequence[Sequence[date]]) -> str:
    """A Vega expression: day numbers, with the month where one begins; of many, with each. Letters of ours only."""
    many = len(columns) > MOST_SIGNS
    labels = [
        f"{days[0].day}" + (f" {days[0]:%b}" if many or not n or columns[n - 1][0].month != days[0].month else "")
        for n, days in enumerate(columns)
    ]
    return f"{labels!r}[floor(datum.value)]"


@lru_cache(maxsize=2)
def _template(*, dark: bool) -> Spec:
    """The chart without data: cells, and a sign on each."""
    layers = alt.layer(_cells(dark=dark), _signs(dark=dark)).resolve_scale(color="independent")
    # The whole chart has a text in its place and a list below: its marks one by one would drown who listens.
    chart = layers.properties(data=alt.InlineData(values=[])).configure_view(stroke=None).configure_mark(aria=False)
    spec: Spec = chart.to_dict()
    return {part: value for part, value in spec.items() if part not in {"data", "datasets"}}


def _cells(*, dark: bool) -> alt.Chart:
    colours = palette(dark=dark)
    words: Spec = {"title": None, "ticks": False, "domain": False, "labelColor": colours.grey, "labelFontSize": 12}
    x = alt.Axis(orient="top", values=[0.5], labelExpr="''", labelOverlap="greedy", grid=False, **words)
    y = alt.Axis(labelLimit=150, labelPadding=8, **words)
    named = [alt.Tooltip("endpoint:N", title="Endpoint"), alt.Tooltip("face:N", title="State")]
    chart: alt.Chart = (
        alt.Chart()
        .mark_rect(cornerRadius=3, height={"band": 0.84}, stroke=colours.grid, strokeWidth=1)
        .encode(
            x=alt.X("x:Q", axis=x, scale=alt.Scale(domain=[0, 1], nice=False)),
            x2="x2:Q",
            y=alt.Y("endpoint:N", axis=y, sort=[]),
            color=_colour(dark=dark, of=0),
            tooltip=[*named, "Days:N", "Rows:Q", "Read:N"],
        )
    )
    return chart


def _signs(*, dark: bool) -> alt.Chart:
    """The signs, where there is room for them."""
    mark = alt.Chart().mark_text(fontSize=alt.ExprRef("width<480?0:12"), fontWeight="bold", tooltip=None)
    y = alt.Y("endpoint:N", sort=[])
    chart: alt.Chart = mark.encode(x="middle:Q", y=y, text="sign:N", color=_colour(dark=dark, of=1))
    return chart


def _colour(*, dark: bool, of: int) -> alt.Color:
    """The cell's colour (0) or that of its sign (1)."""
    faces = DARK if dark else LIGHT
    scale = alt.Scale(domain=[face.value for face in Face], range=[faces[face][of] for face in Face])
    return alt.Color("face:N", legend=None, scale=scale)
