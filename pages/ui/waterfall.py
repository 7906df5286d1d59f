"""The causes of a difference as a waterfall, a Vega-Lite dict. Pure: values in, spec out.

It shows the difference only: beside the whole bill the causes could not be seen. Neither direction is wrong, so
there is no red and no green.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any

import altair as alt

from pages.ui import axis_words, charts, text
from pages.ui.palette import palette
from tracker.reconciliation.causes import Cause

Spec = dict[str, Any]

STEP_PX, HEAD_PX = 34, 136
ROOM_PX = 68
"""What is kept free at the right for the amounts beside the bars, however narrow the page."""
MOST_LINES = 3
MORE, LESS, OPEN, TOTAL = "billed more", "billed less", "unexplained", "difference"
KINDS = (MORE, LESS, OPEN, TOTAL)


def waterfall(causes: Sequence[tuple[Cause, Decimal]], difference: Decimal, *, dark: bool) -> Spec:
    """One bar a cause, each from where the one before ended, and the last one with the difference as shown above."""
    spec = copy.deepcopy(_template(dark=dark))
    rows = list(_rows(causes, difference))
    spec["data"] = {"values": rows}
    low, high = min(row["x"] for row in rows), max(row["x2"] for row in rows)
    high = high if high > low else low + 1
    across = spec["layer"][0]["encoding"]["x"]
    across["scale"]["domain"] = [low, high]
    across["axis"] |= axis_words.money(high, low, most=MOST_LINES)
    scale, occur = spec["layer"][0]["encoding"]["color"]["scale"], {row["kind"] for row in rows}
    told = [(kind, fill) for kind, fill in zip(scale["domain"], scale["range"], strict=True) if kind in occur]
    scale["domain"], scale["range"] = [kind for kind, _ in told], [fill for _, fill in told]
    for layer in spec["layer"]:
        layer["encoding"]["y"]["sort"] = [row["Cause"] for row in rows]
    return spec


def height(causes: Sequence[tuple[Cause, Decimal]]) -> int:
    """The chart's height in pixels."""
    return HEAD_PX + STEP_PX * (len(causes) + 1)


def _rows(causes: Sequence[tuple[Cause, Decimal]], difference: Decimal) -> Iterator[dict[str, Any]]:
    reached = Decimal()
    for cause, amount in causes:
        start, reached = reached, reached + amount
        kind = OPEN if cause is Cause.UNEXPLAINED else MORE if amount > 0 else LESS
        yield _bar(cause.value.capitalize(), kind, start, reached, amount)
    yield _bar("Difference", TOTAL, Decimal(), reached, difference)


def _bar(name: str, kind: str, start: Decimal, end: Decimal, amount: Decimal) -> dict[str, Any]:
    return {
        "Cause": name,
        "kind": kind,
        "x": float(min(start, end)),
        "x2": float(max(start, end)),
        "Amount": text.money_change(amount),
    }


@lru_cache(maxsize=2)
def _template(*, dark: bool) -> Spec:
    layers = alt.layer(_bars(dark=dark), _amounts(dark=dark))
    # The whole chart has a text in its place and a table below: its marks one by one would drown who listens.
    chart = layers.properties(data=alt.InlineData(values=[])).configure_view(stroke=None).configure_mark(aria=False)
    spec: Spec = chart.to_dict()
    return {part: value for part, value in spec.items() if part not in {"data", "datasets"}}


def _bars(*, dark: bool) -> alt.Chart:
    colours = palette(dark=dark)
    words: Spec = {
        "title": None,
        "ticks": False,
        "domain": False,
        "labelFontSize": 12,
        "labelFlush": False,
        "labelPadding": 8,
    }
    x = alt.Axis(values=[0], labelExpr="''", gridColor=colours.grid, labelColor=colours.grey, **words)
    y = alt.Axis(labelColor=colours.text, labelLimit=150, **words)
    scale = alt.Scale(domain=[0, 1], nice=False, rangeMax=alt.ExprRef(f"width-{ROOM_PX}"))
    fills = [colours.slots[0], colours.slots[1], colours.slots[-1], colours.text]
    chart: alt.Chart = (
        alt.Chart()
        .mark_rect(cornerRadius=2, height={"band": 0.55})
        .encode(
            x=alt.X("x:Q", axis=x, scale=scale),
            x2="x2:Q",
            y=alt.Y("Cause:N", axis=y, sort=[]),
            color=alt.Color(
                "kind:N", legend=charts.legend(4, colours), scale=alt.Scale(domain=list(KINDS), range=fills)
            ),
            tooltip=["Cause:N", "Amount:N"],
        )
    )
    return chart


def _amounts(*, dark: bool) -> alt.Chart:
    mark = alt.Chart().mark_text(align="left", dx=6, fontSize=12, color=palette(dark=dark).text, tooltip=None)
    chart: alt.Chart = mark.encode(x="x2:Q", y=alt.Y("Cause:N", sort=[]), text="Amount:N")
    return chart
