"""Explore's bars as lines: what each name came to, where its price is from, and the files of what is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date

import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from pages.ui import arithmetic, explore_charts, palette, plain, tables, text, toolbars, view_controls
from tracker import clock
from tracker.explore.billed import Bill
from tracker.explore.facets import NOUNS
from tracker.explore.reading import Explored
from tracker.explore.view import By
from tracker.overview.figures import Measure
from tracker.overview.holes import DIVIDED_BY
from tracker.overview.lines import Line
from tracker.overview.provenance import Source
from tracker.overview.stacks import Bars

BILLED = "Billed"

FILES = {
    "The chart, as CSV": ("view", "csv"),
    "The chart, as Parquet": ("view", "parquet"),
    "The table, as CSV": ("table", "csv"),
    "The table, as Parquet": ("table", "parquet"),
    "Every row in range, as CSV": ("rows", "csv"),
    "Every row in range, as Parquet": ("rows", "parquet"),
}


def draw(seen: Explored, bars: Bars, lines: list[Line], found: Mapping[str, Source]) -> None:
    """The lines as a table, with the ways to take them away; `found` says where the price of each is from."""
    with st.container(border=True, gap="small"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.header(f"The same days by {NOUNS[seen.view.by]}", anchor=False)
            _downloads(seen)
        slots = palette.palette(dark=st.context.theme.type == "dark").slots
        colours = {line.name: slots[bars.swatches[line.name]] for line in lines if line.name in bars.swatches}
        what, change = view_controls.noun(seen.view.by), "vs before, $"
        prices = {
            line.name: tables.price_source(line, found.get(line.name), today=seen.span.days[-1]) for line in lines
        }
        measure = seen.view.measure
        table = tables.lines_table(lines, colours, prices, what=what, change=change, measure=measure, why=_why(seen))
        billed = [tables.number(seen.billed_by_name().get(line.name)) for line in lines]
        table = table.rename_columns({tables.EACH: f"Each {seen.view.bars.value}"})
        before = tables.WHY if tables.WHY in table.column_names else "Estimate"
        table = table.add_column(table.column_names.index(before) + 1, BILLED, [billed])
        hidden = [change] if all(line.change is None for line in lines) else []
        toolbars.room()
        st.dataframe(
            table.drop_columns([*hidden, *([BILLED] if seen.billed_days is None else [])]),
            hide_index=True,
            height=420 if len(table) > 11 else "content",
            row_height=34,
            placeholder=text.UNKNOWN,
            column_config=line_columns(what, change, seen.view.bars.value, measure, billed_label(seen), lines),
            alt=f"The same days, one row a {NOUNS[seen.view.by]}, {tables.order(measure)}.",
        )
        st.caption(text.dollars(_lines_caption(seen, lines)))
        told = (billed_label(seen), seen.billed_by_name()) if seen.billed_days else None
        plain.draw(lines, prices, what=what, change=change, billed=told, why=_why(seen))


def billed_days(seen: Explored, today: date) -> str:
    """The days that the bill is of."""
    return text.day_range(*(seen.billed_days or (seen.span.days[0], seen.span.days[-1])), today=today)


def billed_label(seen: Explored) -> str:
    """What is billed, of fewer days than the estimate beside it with those days; a long range by its end."""
    if not seen.is_billed_in_part or seen.billed_days is None:
        return BILLED
    if seen.bill and seen.bill.left_out:
        return f"{BILLED}, in part"
    (first, last), today = seen.billed_days, seen.span.days[-1]
    is_long = first == seen.span.days[0] and (first.year, first.month) != (last.year, last.month)
    return f"Billed to {text.day(last, today=today)}" if is_long else f"Billed, {billed_days(seen, today)}"


def _why(seen: Explored) -> Callable[[Line], str | None] | None:
    """Where a model's days are explained: of all that it did, in UTC days; of a part of that a link would mislead."""
    if seen.view.by is not By.MODEL or seen.view.is_local or set(seen.view.only) - {By.MODEL}:
        return None
    first, last = seen.span.first, seen.span.end - clock.DAY
    return lambda line: arithmetic.address(first, last, line.name) if line.is_used else None


def _downloads(seen: Explored) -> None:
    """Links to the guarded route, with the view's own address."""
    with st.popover("Download", icon=":material/download:"):
        for what, (kind, form) in FILES.items():
            address = f"/export/{kind}.{form}?{seen.view.query()}"
            st.link_button(what, address, icon=":material/download:", width="stretch")
        st.caption(
            f"Days are {explore_charts.clock(seen)}, and the files say so. A chart's own menu saves it as a picture."
        )


def _lines_caption(seen: Explored, lines: Sequence[Line] = ()) -> str:
    said = "Estimates at the prices in force; $ per M tokens is of what is priced by tokens."
    if any(not line.is_used for line in lines):
        said += " What is only billed comes last: no usage of that name is stored for these days."
    if seen.view.is_local:
        return f"{said} The bill is told by UTC days only, so it is left out here."
    if seen.bill is None:
        return f"{said} The bill is not divided by {NOUNS[seen.view.by]} or by these filters."
    return f"{said}{_left_out(seen, seen.bill)}"


def _left_out(seen: Explored, bill: Bill) -> str:
    """Which days are in no billed amount, and why; the headline says what is estimated of the others."""
    today = seen.span.days[-1]
    of = f"of {billed_days(seen, today)} " if bill.days else ""
    lacking = text.left_out(bill.holes, whose=bill.several, today=today)
    undivided = text.left_out(bill.undivided, whose=bill.several, today=today)
    why = [f"without {lacking}, for which there is no complete bill"] if lacking else []
    why += [f"without {undivided}, whose bill the provider did not divide by {refused(seen)}"] if undivided else []
    return f" Billed is {of}{', and '.join(why)}." if why else ""


def refused(seen: Explored) -> str:
    """By what of the view a provider may refuse to divide its bill, in words."""
    asked = dict.fromkeys([seen.view.by, *seen.view.only])
    return " or ".join(NOUNS[by] for by in asked if by.dimension in DIVIDED_BY)


def line_columns(
    what: str,
    change: str,
    unit: str = "day",
    measure: Measure = Measure.SPEND,
    billed: str = BILLED,
    lines: Sequence[Line] = (),
) -> dict[str, ColumnConfig]:
    """How the columns of the lines are drawn."""
    number = st.column_config.NumberColumn
    return {
        "": st.column_config.ImageColumn(width=36, pinned=True),
        what: st.column_config.TextColumn(pinned=True, width=140),
        "Estimate": number(format=tables.dollars(line.estimate for line in lines), width=74),
        tables.WHY: tables.why_column("Why this number? Its days and the arithmetic behind them."),
        BILLED: number(billed, format="dollar", width=108, help=f"{billed}: what the provider charged for these days."),
        tables.SHARE: tables.share_column(measure, width=72),
        change: number(
            format=tables.changes(lines), width=75, help="Against the days before that are complete, as are these."
        ),
        "Tokens (M)": number(format="%,.1f", width=76),
        "Requests": number(format="localized", width=68),
        "$ per M tokens": number("$ per M", format="%.2f", width=62, help="US dollars a million tokens."),
        "Cached input": number(format="%.1f %%", width=82),
        "Price source": st.column_config.TextColumn(width=121),
        f"Each {unit}": st.column_config.LineChartColumn(width=54, y_min=0, color="gray"),
    }
