"""Charts as Vega-Lite dicts. Pure: values in, spec out; the only place where an amount becomes a float.

The shape of a chart is built by Altair once for each theme and kept; data, colours and labels are put into a copy.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import lru_cache
from itertools import chain, groupby
from typing import Any

import altair as alt
import pyarrow as pa

from pages.ui import arrow, axis_words, marks, stripes, text
from pages.ui.palette import Palette, palette
from pages.ui.stripes import EDGE
from tracker.overview.days import DayMark
from tracker.overview.figures import Amount, Measure
from tracker.overview.forecast import Day
from tracker.overview.stacks import Bars, Segment

Spec = dict[str, Any]
Row = dict[str, object]

HEIGHT = 380
OF_NOTHING = 1.0
"""How high a chart of nothing is; no amount stands beside it."""
STATES = {
    DayMark.FINAL: "final",
    DayMark.PROVISIONAL: "provisional",
    DayMark.OPEN: "provisional, not over when it was read",
    DayMark.MISSING: "not read completely",
    DayMark.UNAVAILABLE: "before the provider's history",
}


def day_chart(
    bars: Bars,
    states: Mapping[date, DayMark],
    *,
    dark: bool,
    outlook: Sequence[Day] = (),
    rest: Sequence[date] = (),
    pace: Decimal | None = None,
    unusual: Mapping[date, Decimal] | None = None,
) -> Spec:
    """Stacked bars of consecutive days (x: number of the day, y: US dollars or a count), with its data inside.

    `rest` are days to come, kept free at the right; `outlook` is what is expected of some of them. `pace` (USD a day)
    is the budget's, `unusual` how many times the dearest day like it a day cost.
    """
    spec = copy.deepcopy(_template(dark=dark))
    days = [*sorted(bars.totals), *rest]
    heights = {day: float(total) for day, total in bars.totals.items() if total}
    noted = {day: heights[day] for day in unusual or () if day in heights}
    top = top_of(bars, outlook, pace, noted)
    rows = (
        *(_bar_rows(bars, states), stripes.rows(bars, states, top, len(days)), gap_rows(bars, states, top)),
        *(_outlook_rows(outlook, days), marks.pace_rows(pace, len(days))),
        marks.unusual_rows(unusual or {}, noted, days),
    )
    spec["data"] = {"values": list(chain(*rows))}
    return dressed(spec, bars, axis_words.days(days), len(days), top, palette(dark=dark))


def rows_of(spec: Spec) -> pa.Table:
    """The rows of a spec, taken out of it, as columns."""
    return arrow.of_rows(spec.pop("data")["values"])


def dressed(spec: Spec, bars: Bars, labels: str, columns: int, top: float, colours: Palette) -> Spec:
    """The spec with its scales, the labels of so many columns, and the colours of its names."""
    first, parts = spec["layer"][0]["encoding"], spec["layer"][1:]
    first["x"]["axis"] |= {"labelExpr": labels, "values": [n + 0.5 for n in range(columns)]}
    first["x"]["scale"]["domain"] = [0, columns]
    nothing = not bars.highest and top == OF_NOTHING
    first["y"]["axis"] |= {"values": []} if nothing else axis_words.amounts(bars.measure, top)
    first["y"]["scale"]["domain"] = [0, top]
    for layer in parts:
        if "color" in layer["encoding"]:
            scale = layer["encoding"]["color"]["scale"]
            scale["domain"] = [name for name, _ in bars.names]
            scale["range"] = [colours.slots[slot] for _, slot in bars.names]
    return spec


def top_of(
    bars: Bars,
    outlook: Sequence[Day] = (),
    pace: Decimal | None = None,
    noted: Mapping[date, float] | None = None,
) -> float:
    """The height of the chart: a little above the highest of all, with room for words; one unit for nothing."""
    words = [height * marks.ROOM for height in (noted or {}).values()]
    return (
        max(float(bars.highest), float(pace or 0), *(float(day.high) for day in outlook), *words) * 1.06 or OF_NOTHING
    )


def _bar_rows(bars: Bars, states: Mapping[date, DayMark]) -> Iterator[Row]:
    last = {segment.day: segment for segment in bars.segments}
    for segment, row in placed(bars, sorted(bars.totals)):
        yield row | {
            "part": "top" if last[segment.day] is segment else "bar",
            "Model": segment.name,
            "Day": f"{segment.day:%a %-d %b}",
            "Day in total": amount_text(bars.totals[segment.day], bars.measure),
            **state_row(states[segment.day]),
        }


def placed(bars: Bars, columns: Sequence[date]) -> Iterator[tuple[Segment, Row]]:
    """Each part of a bar with where it stands, on top of those before it, and its amount."""
    places = {column: n for n, column in enumerate(columns)}
    reached = dict.fromkeys(places, 0.0)
    for segment in bars.segments:
        low, n = reached[segment.day], places[segment.day]
        reached[segment.day] = high = low + float(segment.amount)
        amount = amount_text(segment.amount, bars.measure)
        yield segment, {"x": n + EDGE, "x2": n + 1 - EDGE, "y": low, "y2": high, "Amount": amount}


def state_row(mark: DayMark) -> Row:
    """How far a day can be trusted, in words and for the eye."""
    return {"State": STATES[mark], "solid": mark is DayMark.FINAL}


def gap_rows(bars: Bars, states: Mapping[date, DayMark], top: float) -> Iterator[Row]:
    """A dashed outline over what is missing of a day, and words in the middle of each run of such days."""
    for lacks, run in groupby(enumerate(sorted(bars.totals)), key=lambda at: states[at[1]] is DayMark.MISSING):
        if not lacks:
            continue
        places = dict(run)
        for n, day in places.items():
            yield {
                "part": "gap",
                "x": n + EDGE,
                "x2": n + 1 - EDGE,
                "y": float(bars.totals[day] or 0),
                "y2": top,
                "Day": f"{day:%a %-d %b}",
                "State": STATES[DayMark.MISSING],
            }
        yield {"part": "said", "middle": (min(places) + max(places) + 1) / 2, "y2": top}


def _outlook_rows(outlook: Sequence[Day], days: Sequence[date]) -> Iterator[Row]:
    """Days to come: from the low to the high end of what is expected, and its middle."""
    places = {day: n for n, day in enumerate(days)}
    for expected in outlook:
        n = places[expected.day]
        yield {
            "part": "outlook",
            "x": n + EDGE,
            "x2": n + 1 - EDGE,
            "y": float(expected.low),
            "middle": float(expected.middle),
            "y2": float(expected.high),
            "Day": f"{expected.day:%a %-d %b}",
            "Forecast": text.whole_money(expected.middle),
            "8 in 10": f"{text.whole_money(expected.low)} – {text.whole_money(expected.high)}",
        }


@lru_cache(maxsize=2)
def _template(*, dark: bool) -> Spec:
    """The chart without data, colours of models, labels and heights."""
    colours = palette(dark=dark)
    bars = (_bars("bar", colours), _bars("top", colours))
    beside = (*_outlook(colours), *marks.pace(colours), *marks.unusual(colours))
    return spec_of(axes(colours), *bars, stripes.layer(colours), *gaps(colours), *beside)


def spec_of(*layers: alt.Chart) -> Spec:
    """One chart of these layers, without data."""
    # The whole chart has a text in its place and a table below: its marks one by one would drown who listens.
    chart = (
        alt.layer(*layers)
        .properties(data=alt.InlineData(values=[]))
        .configure_view(stroke=None)
        .configure_mark(aria=False)
    )
    spec: Spec = chart.to_dict()
    # Named data that no layer uses is a mistake to the browser.
    return {part: value for part, value in spec.items() if part not in {"data", "datasets"}}


def axes(colours: Palette) -> alt.Chart:
    """An invisible point that carries the scales and axes for all layers."""
    x = alt.Axis(
        values=[0.5],
        labelExpr="''",
        labelOverlap="greedy",
        grid=False,
        ticks=False,
        domainColor=colours.grid,
        zindex=1,  # over the edges of bars that are next to nothing
        title=None,
        labelColor=colours.grey,
        labelFontSize=12,
        labelPadding=8,
    )
    y = alt.Axis(
        values=[0],
        labelExpr="''",
        labelOverlap=False,
        title=None,
        domain=False,
        ticks=False,
        gridColor=colours.grid,
        labelColor=colours.grey,
        labelFontSize=12,
        labelFlush=False,  # the lowest beside its line, as the others
        titleColor=colours.grey,
        titleFontSize=12,
    )
    chart: alt.Chart = (
        alt.Chart()
        .mark_point(opacity=0)
        .encode(
            x=alt.X("x:Q", axis=x, scale=alt.Scale(domain=[0, 1], nice=False)),
            y=alt.Y("y:Q", axis=y, scale=alt.Scale(domain=[0, 1], nice=False)),
        )
    )
    return chart


def _bars(part: str, colours: Palette) -> alt.Chart:
    """Segments, a line of background apart; the topmost of each day is rounded."""
    radius = 3 if part == "top" else 0
    mark = layer_of(part).mark_rect(
        stroke=colours.background, strokeWidth=1, cornerRadiusTopLeft=radius, cornerRadiusTopRight=radius
    )
    return coloured(mark, "Model", ("Day", "Model", "Amount", "Day in total", "State"), colours)


def coloured(mark: alt.Chart, name: str, told: Sequence[str], colours: Palette) -> alt.Chart:
    """Bars coloured by the field of this name, with their legend; these fields are told of the one pointed at."""
    chart: alt.Chart = mark.encode(
        x="x:Q",
        x2="x2:Q",
        y="y:Q",
        y2="y2:Q",
        color=alt.Color(
            f"{name}:N", sort=None, legend=legend(6, colours), scale=alt.Scale(domain=[""], range=["#000000"])
        ),
        opacity=alt.condition("datum.solid", alt.value(1), alt.value(0.62)),
        tooltip=[f"{field}:N" for field in told],
    )
    return chart


def legend(columns: int, colours: Palette) -> alt.Legend:
    """Names above the chart, so many beside one another; less wide three, on a phone two, each cut to its part."""
    return alt.Legend(
        orient="top",
        title=None,
        symbolType="square",
        offset=8,
        labelColor=colours.text,
        labelFontSize=13,
        labelLimit=alt.ExprRef("width<520?width/2-30:width<900?width/3-30:180"),
        columns=alt.ExprRef(f"width<520?2:width<900?3:{columns}"),
    )


def gaps(colours: Palette) -> tuple[alt.Chart, alt.Chart]:
    """The layers of `gap_rows`: the outline and its words."""
    outline = layer_of("gap").mark_rect(fill=None, stroke=colours.grey, strokeDash=[3, 3], strokeWidth=1)
    words = layer_of("said").mark_text(
        text="not read", angle=270, color=colours.grey, align="right", dx=-8, fontSize=12
    )
    tooltip = ["Day:N", "State:N"]
    return (
        outline.encode(x="x:Q", x2="x2:Q", y="y:Q", y2="y2:Q", tooltip=tooltip),
        words.encode(x="middle:Q", y="y2:Q", opacity=alt.value(1)),
    )


def _outlook(colours: Palette) -> tuple[alt.Chart, alt.Chart]:
    pale = layer_of("outlook").mark_rect(fill=colours.accent, opacity=0.16, cornerRadius=2)
    middle = layer_of("outlook").mark_rule(color=colours.accent, strokeWidth=2, tooltip=None)
    tooltip = [f"{name}:N" for name in ("Day", "Forecast", "8 in 10")]
    return (
        pale.encode(x="x:Q", x2="x2:Q", y="y:Q", y2="y2:Q", tooltip=tooltip),
        middle.encode(x="x:Q", x2="x2:Q", y="middle:Q"),
    )


def layer_of(name: str) -> alt.Chart:
    """A layer of the rows of this part."""
    return alt.Chart().transform_filter(f"datum.part === '{name}'")


def amount_text(amount: Amount | None, measure: Measure) -> str:
    """An amount of this measure as text."""
    if measure is Measure.SPEND:
        return text.fine_money(Decimal(amount)) if amount is not None else text.UNKNOWN
    return text.count(int(amount)) if amount is not None else text.UNKNOWN
