"""The completeness calendar as a Vega-Lite dict. Pure: values in, spec out.

Every state has a shape beside its colour: how full a cell is, and what stands in it. Where there is room, the sign of
the caption is written over that. Where days have no room at all, as on a phone, a column is a week, and so with months.
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
MOST_PLAIN, MOST_DAYS = 40, 100
"""Columns up to which a month is named only where it begins, and days up to which each has one; more become weeks."""

WEEK = 7
LEAST_PX = 8
"""The width of a column below which the next longer ones are drawn."""
FITS = f"datum.finer ? width/datum.finer < {LEAST_PX} : width/datum.columns >= {LEAST_PX}"

SIGNS = {Face.ZERO: "0", Face.RESTATED: "•", Face.PROVISIONAL: "~", Face.FAILED: "!", Face.MISSING: "–"}

FULL = {Face.PROVISIONAL: 0.45, Face.ZERO: 0.12, Face.MISSING: 0.0}
"""Up to what part of its height a cell is filled; of the faces not named here, all of it."""

MARKS = {Face.FAILED: "stroke", Face.RESTATED: "dot", Face.MISSING: "dash"}
"""What is drawn in cells too narrow for a sign, so that it can be told from others of the same fill."""

RADIUS = 3
CELL_PX, SIGN_PX = 20, 13
"""How high a cell is, and the width of a column from which on it has room for a sign."""

LIGHT = {
    Face.FINAL: ("#C9CEEB", "#1B1F2A"),
    Face.ZERO: ("#5B6272", "#5B6272"),
    Face.RESTATED: ("#8E98D6", "#1B1F2A"),
    Face.PROVISIONAL: ("#C9CEEB", "#3B48B8"),
    Face.FAILED: ("#C0392B", "#FFFFFF"),
    Face.MISSING: ("#FFFFFF", "#5B6272"),
    Face.UNAVAILABLE: ("#FFFFFF", "#5B6272"),
}
DARK = {
    Face.FINAL: ("#3A4276", "#FFFFFF"),
    Face.ZERO: ("#8C93A4", "#8C93A4"),
    Face.RESTATED: ("#5763B3", "#FFFFFF"),
    Face.PROVISIONAL: ("#3A4276", "#B9C1FF"),
    Face.FAILED: ("#D9626B", "#14161B"),
    Face.MISSING: ("#14161B", "#A1A8B8"),
    Face.UNAVAILABLE: ("#14161B", "#A1A8B8"),
}


def calendar_chart(calendar: KeyCalendar, *, dark: bool) -> Spec:
    """Rows are endpoints, columns days (weeks when there are very many), or what is longer where they have no room."""
    spec = copy.deepcopy(_template(dark=dark))
    days = sorted({cell.day for cell in calendar.cells})
    fine, coarse = _columns(days)
    spec["layer"][0]["encoding"]["x"]["axis"] |= _axis(fine, coarse)
    names = [_named(name) for name in calendar.endpoints]
    for layer in spec["layer"]:
        layer["encoding"]["y"]["sort"] = names
    spec["data"] = {"values": [*_rows(calendar, fine), *_rows(calendar, coarse, finer=len(fine))]}
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


def _columns(days: Sequence[date]) -> tuple[list[list[date]], list[list[date]]]:
    """The days of each column: where there is room, and where there is none for so many."""
    weeks = [list(week) for _, week in groupby(days, key=lambda day: day.isocalendar()[:2])]
    if len(days) <= MOST_DAYS:
        return [[day] for day in days], weeks
    return weeks, [list(month) for _, month in groupby(days, key=lambda day: (day.year, day.month))]


def _rows(calendar: KeyCalendar, columns: Sequence[Sequence[date]], *, finer: int = 0) -> Iterator[dict[str, object]]:
    """The cells of these columns, which take the place of so many `finer` ones; x runs from 0 to 1."""
    count = len(columns)
    cells = {(cell.endpoint, cell.day): cell for cell in calendar.cells}
    for endpoint in calendar.endpoints:
        for n, days in enumerate(columns):
            of_column = [cells[endpoint, day] for day in days]
            face = gravest(cell.face for cell in of_column)
            if face is Face.UNAVAILABLE:
                continue  # there is no cell of what the provider cannot tell
            yield {
                "x": (n + 0.06) / count,
                "x2": (n + 0.94) / count,
                "middle": (n + 0.5) / count,
                "left": (n + 0.28) / count,
                "right": (n + 0.72) / count,
                "full": FULL.get(face, 1.0),
                "columns": count,
                "finer": finer,
                "endpoint": _named(endpoint),
                "face": face.value,
                "sign": SIGNS.get(face, ""),
                "mark": MARKS.get(face, ""),
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


def _axis(fine: Sequence[Sequence[date]], coarse: Sequence[Sequence[date]]) -> Spec:
    """Where the labels stand, and what they say, for as many columns as there is room for."""
    fits = f"width/{len(fine)} >= {LEAST_PX}"
    middles = [[(n + 0.5) / len(columns) for n in range(len(columns))] for columns in (fine, coarse)]
    labels, count = (
        f"({fits} ? {one!r} : {other!r})" for one, other in ((_labels(fine), _labels(coarse)), (len(fine), len(coarse)))
    )
    return {
        "values": {"expr": f"{fits} ? {middles[0]!r} : {middles[1]!r}"},
        "labelExpr": f"{labels}[floor(datum.value * {count})]",
    }


def _labels(columns: Sequence[Sequence[date]]) -> list[str]:
    """Day numbers, with the month where one begins; of many, with each; of months their names. Letters of ours only."""
    if max(map(len, columns)) > WEEK:
        return [f"{days[0]:%b}" for days in columns]
    many = len(columns) > MOST_PLAIN or max(map(len, columns)) > 1
    return [
        f"{days[0].day}" + (f" {days[0]:%b}" if many or not n or columns[n - 1][0].month != days[0].month else "")
        for n, days in enumerate(columns)
    ]


@lru_cache(maxsize=2)
def _template(*, dark: bool) -> Spec:
    """The chart without data: cells, how full each is, and a sign or a mark on it."""
    filled = [_filled(part, dark=dark) for part in sorted({1.0, *FULL.values()} - {0.0})]
    layers = alt.layer(_cells(dark=dark), *filled, *_marks(dark=dark), *_signs(dark=dark))
    # The whole chart has a text in its place and a list below: its marks one by one would drown who listens.
    chart = layers.properties(data=alt.InlineData(values=[])).configure_view(stroke=None).configure_mark(aria=False)
    chart = chart.transform_filter(FITS)
    spec: Spec = chart.resolve_scale(color="independent").to_dict()
    return {part: value for part, value in spec.items() if part not in {"data", "datasets"}}


def _cells(*, dark: bool) -> alt.Chart:
    """An outline of what is not full; it carries the axes and is told of."""
    colours = palette(dark=dark)
    words: Spec = {"title": None, "ticks": False, "domain": False, "labelColor": colours.grey, "labelFontSize": 12}
    x = alt.Axis(orient="top", values=[0.5], labelExpr="''", labelOverlap="greedy", labelFlush=24, grid=False, **words)
    y = alt.Axis(labelLimit=150, labelPadding=8, labelOverlap=False, labelFlush=False, **words)
    told = [alt.Tooltip("endpoint:N", title="Endpoint"), alt.Tooltip("face:N", title="State")]
    outline = alt.Chart().mark_rect(cornerRadius=RADIUS, fill=colours.background, stroke=colours.grey, height=CELL_PX)
    chart: alt.Chart = outline.encode(
        x=alt.X("x:Q", axis=x, scale=alt.Scale(domain=[0, 1], nice=False)),
        x2="x2:Q",
        y=alt.Y("endpoint:N", axis=y, sort=[]),
        strokeOpacity=alt.condition("datum.full === 1", alt.value(0), alt.value(0.6)),
        tooltip=[*told, "Days:N", "Rows:Q", "Read:N"],
    )
    return chart


def _filled(part: float, *, dark: bool) -> alt.Chart:
    """The cells that are filled up to this part of their height, from below."""
    high = CELL_PX * part
    mark = alt.Chart().transform_filter(f"datum.full === {part}")
    rect = mark.mark_rect(cornerRadius=RADIUS, height=high, yOffset=(CELL_PX - high) / 2, tooltip=None)
    chart: alt.Chart = rect.encode(x="x:Q", x2="x2:Q", y=_row(), color=_colour(dark=dark, of=0))
    return chart


def _marks(*, dark: bool) -> tuple[alt.Chart, ...]:
    """A dash, a stroke or a dot, where a sign would have no room."""
    colour = _colour(dark=dark, of=1)
    dash = _marked("dash").mark_rule(strokeWidth=1.5, tooltip=None)
    stroke = _marked("stroke").mark_tick(orient="vertical", size=10, thickness=1.5, tooltip=None)
    dot = _marked("dot").mark_point(filled=True, opacity=1, size=14, tooltip=None)
    return (
        dash.encode(x="left:Q", x2="right:Q", y=_row(), color=colour),
        stroke.encode(x="middle:Q", y=_row(), color=colour),
        dot.encode(x="middle:Q", y=_row(), color=colour),
    )


def _marked(mark: str) -> alt.Chart:
    return alt.Chart().transform_filter(f"datum.mark === '{mark}' && width/datum.columns < {SIGN_PX}")


def _signs(*, dark: bool) -> tuple[alt.Chart, ...]:
    """The signs, where there is room for them: in the middle of a cell, or above what is filled of it."""
    half = FULL[Face.PROVISIONAL]
    return (_sign("!==", 0, dark=dark), _sign("===", -CELL_PX * half / 2, dark=dark))


def _sign(is_half: str, dy: float, *, dark: bool) -> alt.Chart:
    room = f"width/datum.columns >= {SIGN_PX}"
    there = alt.Chart().transform_filter(f"{room} && datum.full {is_half} {FULL[Face.PROVISIONAL]}")
    mark = there.mark_text(fontSize=12, fontWeight="bold", dy=dy, tooltip=None)
    chart: alt.Chart = mark.encode(x="middle:Q", y=_row(), text="sign:N", color=_colour(dark=dark, of=1))
    return chart


def _row() -> alt.Y:
    return alt.Y("endpoint:N", sort=[])


def _colour(*, dark: bool, of: int) -> alt.Color:
    """The cell's colour (0) or that of its sign (1)."""
    faces = DARK if dark else LIGHT
    scale = alt.Scale(domain=[face.value for face in Face], range=[faces[face][of] for face in Face])
    return alt.Color("face:N", legend=None, scale=scale)
