"""The first page: what this month costs, how far that can be trusted, the last seven days and the last events.

It draws what `tracker.overview` says and decides nothing about numbers.
"""

from __future__ import annotations

from datetime import date
from urllib.parse import urlencode

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.elements.lib.column_types import ColumnConfig

from pages.ui import cards, charts, live, notices, tables, text
from pages.ui.context import Context
from tracker import clock, overview
from tracker.overview import Measure, Overview, Stage

TITLE = "Dashboard"
ICON = ":material/space_dashboard:"

MEASURES = {"Spend": Measure.SPEND, "Tokens": Measure.TOKENS, "Requests": Measure.REQUESTS}
WITHOUT_FIGURES = (Stage.NO_KEY, Stage.NO_WORKING_KEY, Stage.WAITING, Stage.NOTHING_USED)
FILES = {"Usage": "usage.csv", "The bill": "billed.csv"}

CHART_CAPTION = (
    "Striped: provisional, the provider may still change it. Dashed: not read completely. Days are UTC billing days."
)


def render(ctx: Context) -> None:
    """Draw the page for one person's workspace."""
    st.title(TITLE, anchor=False)
    seen = overview.read(ctx.product, ctx.workspace_id, now=ctx.now)
    notices.draw(seen)
    if seen.stage not in WITHOUT_FIGURES:
        st.markdown(notices.line_of_truth(seen))
        cards.draw(seen)
        _week(seen)
        _events(seen)
        st.caption(text.DISCLAIMER)
    if seen.stage in {Stage.WAITING, Stage.READING}:
        live.keep_fresh("dashboard")


def _week(seen: Overview) -> None:
    today = seen.cycle.today
    with st.container(border=True, gap="small"):
        with _title_row():
            st.header(f"The last seven days, {_days(seen.cycle.week[0], today, today=today)}", anchor=False)
            chosen = st.segmented_control(
                "Measure", list(MEASURES), default="Spend", required=True, label_visibility="collapsed", bind=None
            )
        measure = MEASURES.get(str(chosen), Measure.SPEND)
        bars = seen.week(measure)
        spec = charts.week_chart(bars, seen.marks, dark=st.context.theme.type == "dark")
        st.vega_lite_chart(spec, height=charts.HEIGHT, width="stretch", alt=_chart_alt(seen, measure))
        st.caption(text.dollars(" ".join([notices.unpriced_week(seen, measure), CHART_CAPTION]).strip()))
        with st.expander("The same figures as a table", icon=":material/table:"):
            _week_table(seen, measure)


def _week_table(seen: Overview, measure: Measure) -> None:
    frame = tables.week_frame(seen.week(measure), seen.marks, today=seen.cycle.today)
    form = "dollar" if measure is Measure.SPEND else "localized"
    columns = {name: st.column_config.NumberColumn(format=form) for name in frame.columns[2:]}
    st.dataframe(
        frame,
        hide_index=True,
        height="content",
        row_height=34,
        placeholder=text.UNKNOWN,
        column_config={"Day": st.column_config.TextColumn(pinned=True), **columns},
        alt=f"{measure.value.capitalize()} of the last seven days, one row a UTC day, one column a model.",
    )


def _chart_alt(seen: Overview, measure: Measure) -> str:
    bars = seen.week(measure)
    known = {day: total for day, total in bars.totals.items() if total is not None}
    what = "Estimated spend" if measure is Measure.SPEND else measure.value.capitalize()
    if not known:
        return f"{what} per UTC day: nothing is known of these days. The table below says which were not read."
    highest = max(known, key=lambda day: known[day])
    return (
        f"{what} per UTC day of the last seven days by model: highest on {highest:%-d %B}, "
        f"{charts.amount_text(known[highest], measure)}. The table below holds the same figures."
    )


def _events(seen: Overview) -> None:
    with st.container(border=True, gap="small"):
        with _title_row():
            st.header(f"Last {len(seen.events)} usage events", anchor=False)
            with st.container(horizontal=True, width="content", gap="small"):
                _downloads(seen)
        if not seen.events:
            st.caption("No usage event is stored yet.")
            return
        st.dataframe(
            tables.events_frame(seen.events),
            hide_index=True,
            height=356,
            row_height=34,
            placeholder=text.UNKNOWN,
            column_config=_event_columns(),
            alt="The newest usage events, one row an hour, model, project and API key.",
        )


def _event_columns() -> dict[str, ColumnConfig]:
    counts = ("Requests", "Input tokens", "of it cached", "Output tokens")
    return {
        "Hour (UTC)": st.column_config.DatetimeColumn(format="D MMM, HH:mm", timezone="UTC", pinned=True),
        "Estimate": st.column_config.NumberColumn(format="$%.4f", help="Tokens × list price."),
        "Price": st.column_config.TextColumn(width=84, help="Why an event has no estimate, or costs nothing."),
        **{name: st.column_config.NumberColumn(format="localized") for name in counts},
    }


def _downloads(seen: Overview) -> None:
    """Links to the guarded route: the files never lie under an open address."""
    st.link_button(
        f"These {len(seen.events)} as CSV",
        last_address(len(seen.events)),
        type="tertiary",
        icon=":material/download:",
        disabled=not seen.events,
    )
    with st.popover("A range as CSV", type="tertiary", icon=":material/date_range:"):
        first, last = _chosen_range(seen)
        days = _days(first, last, today=seen.cycle.today)
        for what, file in FILES.items():
            address = range_address(first, last, file=file)
            st.link_button(f"{what} of {days}", address, icon=":material/download:", width="stretch")
        st.caption("Both days included. Days are UTC billing days.")


def _chosen_range(seen: Overview) -> tuple[date, date]:
    """The first and the last day, both included; the cycle until both were chosen."""
    today = seen.cycle.today
    chosen = st.date_input("From and to", (seen.cycle.start, today), max_value=today, format="YYYY-MM-DD")
    # While only the first day has been chosen, there is no last one.
    return (chosen[0], chosen[1]) if len(chosen) == 2 else (seen.cycle.start, today)


def last_address(count: int) -> str:
    """The address of the newest events as a file."""
    return f"/export/usage.csv?{urlencode({'last': count})}"


def range_address(first: date, last: date, *, file: str) -> str:
    """The address of a file of the days from first to last, both included; the route's `to` is exclusive."""
    return f"/export/{file}?{urlencode({'from': first.isoformat(), 'to': (last + clock.DAY).isoformat()})}"


def _days(first: date, last: date, *, today: date) -> str:
    return text.day_range(first, last, today=today)


def _title_row() -> DeltaGenerator:
    return st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute")
