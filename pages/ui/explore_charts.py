"""Explore's bars as a Vega-Lite dict. Pure: values in, spec out. A click on a part of a bar is told to the page."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

import altair as alt

from pages.ui import axis_words, charts, stripes, text
from pages.ui.charts import Row, Spec
from pages.ui.palette import Palette, palette
from tracker.explore.facets import NOUNS
from tracker.explore.picked import Picked
from tracker.explore.reading import Comparison, Explored, Twin
from tracker.explore.view import Grain
from tracker.overview.days import DayMark
from tracker.overview.figures import Amount, Measure
from tracker.overview.stacks import Bars

HEIGHT = 380
PICKED = "picked"
MOST_FINE = 54
"""Bars up to which they are so wide: a year has them by the week."""

LONG = frozenset({Grain.WEEK, Grain.MONTH})


def bar_chart(
    seen: Explored,
    bars: Bars,
    before: Mapping[date, Twin],
    chosen: Picked | None = None,
    *,
    turn: int = 0,
    dark: bool,
) -> Spec:
    """Stacked bars of the view's days or hours; a short line in a bar tells what the period before had there.

    What is `chosen` is outlined. `turn` is another number at each choice: the browser tells only what is new, so that
    a second click on a part would not be told after something else was chosen by other means.
    """
    spec = copy.deepcopy(_template(dark=dark))
    columns = list(seen.columns)
    highest = max(float(bars.highest), *(float(twin.amount or 0) for twin in before.values()), 0.0)
    top = highest * 1.06 or charts.OF_NOTHING
    marks = {column: seen.mark(column) for column in columns}
    parts = [row | {"turn": turn} for row in _bars(seen, bars, columns)]
    rows = [*parts, _outline(parts, chosen), *charts.gap_rows(bars, marks, top), *_untold(seen, top)]
    if is_fine(seen):
        rows += [*stripes.rows(bars, marks, top, len(columns)), *_before(seen, bars, before)]
    spec["data"] = {"values": rows}
    dressed = charts.dressed(spec, bars, labels(seen, columns), len(columns), top, palette(dark=dark))
    if seen.view.bars in LONG:
        dressed["layer"][0]["encoding"]["y"]["axis"] |= {"title": f"per {seen.view.bars.value}"}
    return dressed


def is_fine(seen: Explored) -> bool:
    """Whether there is room in each bar for stripes and for the line of the period before."""
    return len(seen.columns) <= MOST_FINE


def _bars(seen: Explored, bars: Bars, columns: Sequence[date]) -> Iterator[Row]:
    for segment, row in charts.placed(bars, columns):
        yield row | {
            "part": "bar",
            "place": segment.day.isoformat(),
            "Name": segment.name,
            "When": when(segment.day, seen),
            "In total": charts.amount_text(bars.totals[segment.day], bars.measure),
            "State": state(seen, segment.day),
            "solid": seen.mark(segment.day) is DayMark.FINAL and not seen.part(segment.day),
        }


def _outline(parts: Sequence[Row], chosen: Picked | None) -> Row:
    """Around what is chosen. Without any it has no place, but is there: the number of rows decides how it is drawn."""
    of_bar = [row for row in parts if chosen and row["place"] == chosen.at.isoformat()]
    found = [row for row in of_bar if chosen and chosen.name in {None, row["Name"]}]
    if not found:
        return {"part": "outline"}
    return {"part": "outline", **{name: found[0][name] for name in ("x", "x2", "y")}, "y2": found[-1]["y2"]}


def _untold(seen: Explored, top: float) -> Iterator[Row]:
    """The ground under bars before the provider's history, those beside one another as one."""
    end, columns = 0, len(seen.columns)
    for mark, run in itertools.groupby(map(seen.mark, seen.columns)):
        start, end = end, end + len(list(run))
        if mark is DayMark.UNAVAILABLE:
            place = {"x": start, "x2": end, "middle": (start + end) / 2, "y": 0, "y2": top}
            yield {"part": "untold", **place, "share": (end - start) / columns, "State": charts.STATES[mark]}


def _before(seen: Explored, bars: Bars, before: Mapping[date, Twin]) -> Iterator[Row]:
    for n, column in enumerate(seen.columns):
        if (twin := before.get(column)) is not None and twin.amount is not None:
            lacking = f", {text.several(twin.lacking, 'day')} not read completely" if twin.lacking else ""
            told = f"{charts.amount_text(twin.amount, bars.measure)}{lacking}"
            days = _days(twin.days, today=seen.span.days[-1])
            yield {
                "part": "before",
                "x": n + 0.06,
                "x2": n + 0.94,
                "y": float(twin.amount),
                "Before": days,
                "Then": told,
            }


def state(seen: Explored, column: date) -> str:
    """What is known of a bar, and how many of its days it has where that is not all."""
    part = seen.part(column)
    return charts.STATES[seen.mark(column)] + (f", {part[0]} of its {part[1]} days" if part else "")


def when(column: date, seen: Explored) -> str:
    """Tue 17 Nov, or with the hour of the view's clock; the days of a week, the name of a whole month."""
    if isinstance(column, datetime):
        return f"{column.astimezone(ZoneInfo(seen.span.zone)):%a %-d %b, %H:%M}"
    if seen.view.bars is Grain.MONTH and not seen.part(column):
        return f"{column:%B %Y}"
    if seen.view.bars in LONG:
        return _days(seen.days_in(column), today=seen.span.days[-1])
    return f"{column:%a %-d %b}"


def _days(days: Sequence[date], *, today: date) -> str:
    """Tue 17 Nov for one day, 16–22 Nov for many."""
    return f"{days[0]:%a %-d %b}" if len(days) == 1 else text.day_range(days[0], days[-1], today=today)


def day_unit(seen: Explored) -> str:
    """What a bar of what is told by days at least holds: a day, a week or a month."""
    return (seen.view.bars if seen.view.bars in LONG else Grain.DAY).value


def compared(comparison: Comparison, today: date) -> tuple[str, str, str]:
    """The days that are complete in both periods: these, those before, and how many between them are left out."""
    days, twins = zip(*comparison.days, strict=True)
    now, before = (text.day_range(each[0], each[-1], today=today) for each in (days, twins))
    left_out = (days[-1] - days[0]).days + 1 - len(days)
    return now, before, f", {text.several(left_out, 'day')} left out" if left_out else ""


def apart(amounts: Sequence[Amount | None], measure: Measure) -> tuple[str, str]:
    """The sums of both periods, with so many digits that they can be told apart."""
    here, there = amounts
    if measure is Measure.SPEND and here is not None and there is not None:
        return text.apart(Decimal(here), Decimal(there))
    return charts.amount_text(here, measure), charts.amount_text(there, measure)


def nothing_compared(comparison: Comparison, today: date) -> str:
    """That no day is complete in both periods, or that those which are had nothing to compare with."""
    span = comparison.span
    what = "nothing" if comparison.days else "nothing complete"
    return f"{what} to compare with in {text.day_range(span.days[0], span.days[-1], today=today)}"


def clock(seen: Explored) -> str:
    """Whose days these are, and whether they are exact."""
    if not seen.view.is_local:
        return "UTC billing days"
    rough = ", approximate: UTC hours lie across its days" if seen.is_approximate else ""
    return f"days of {seen.view.zone.replace('_', ' ')}{rough}"


def filtered(seen: Explored) -> str:
    """What is let through, in words, as Markdown."""
    told = [f"{NOUNS[by]} {' or '.join(text.quoted(name) for name in names)}" for by, names in seen.filters.items()]
    return f"only {' and '.join(told)}"


def labels(seen: Explored, columns: Sequence[date]) -> str:
    """A Vega expression; letters of ours only."""
    if seen.columns and isinstance(columns[0], datetime):
        local = [at.astimezone(ZoneInfo(seen.span.zone)) for at in columns if isinstance(at, datetime)]
        told = [f"{at:%a %-d}" if at.hour == 0 else f"{at:%H}" if at.hour % 6 == 0 else "" for at in local]
        return f"{told!r}[floor(datum.value)]"
    if seen.view.bars is Grain.MONTH:
        told = [f"{day:%b}" + (f" {day:%Y}" if not n or day.month == 1 else "") for n, day in enumerate(columns)]
        return f"{told!r}[floor(datum.value)]"
    return axis_words.days(columns)


@lru_cache(maxsize=2)
def _template(*, dark: bool) -> Spec:
    colours = palette(dark=dark)
    beside = (
        stripes.layer(colours),
        *charts.gaps(colours),
        *_untold_layers(colours),
        _outline_layer(colours),
        _before_layer(colours),
    )
    return charts.spec_of(charts.axes(colours), _bar_layer(colours), *beside)


def _bar_layer(colours: Palette) -> alt.Chart:
    # A double click, which clears a selection unless it is told not to, chooses as well.
    picked = alt.selection_point(name=PICKED, fields=["place", "Name", "turn"], toggle=False, clear=False)
    thin = alt.ExprRef("width>900?1:0.5")
    mark = charts.layer_of("bar").mark_rect(cursor="pointer")
    chart: alt.Chart = charts.coloured(mark, "Name", ("When", "Name", "Amount", "In total", "State"), colours)
    return chart.add_params(picked).encode(
        stroke=alt.condition(picked, alt.value(colours.text), alt.value(colours.background), empty=False),
        strokeWidth=alt.condition(picked, alt.value(2), alt.value(thin), empty=False),
    )


def _untold_layers(colours: Palette) -> tuple[alt.Chart, alt.Chart]:
    """Ground, and its words where there is room for them."""
    ground = charts.layer_of("untold").mark_rect(fill=colours.grid, opacity=0.5)
    words = charts.layer_of("untold").mark_text(
        text=charts.STATES[DayMark.UNAVAILABLE], color=colours.grey, fontSize=12, baseline="top", dy=8
    )
    return (
        ground.encode(x="x:Q", x2="x2:Q", y="y:Q", y2="y2:Q", tooltip=["State:N"]),
        words.encode(
            x="middle:Q", y="y2:Q", opacity=alt.condition("datum.share*width>190", alt.value(1), alt.value(0))
        ),
    )


def _outline_layer(colours: Palette) -> alt.Chart:
    mark = charts.layer_of("outline").mark_rect(fill=None, stroke=colours.text, strokeWidth=2, tooltip=None)
    chart: alt.Chart = mark.encode(x="x:Q", x2="x2:Q", y="y:Q", y2="y2:Q")
    return chart


def _before_layer(colours: Palette) -> alt.Chart:
    mark = charts.layer_of("before").mark_rule(color=colours.grey, strokeWidth=2)
    chart: alt.Chart = mark.encode(x="x:Q", x2="x2:Q", y="y:Q", tooltip=["Before:N", "Then:N"])
    return chart
