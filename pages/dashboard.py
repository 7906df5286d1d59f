"""The first page: what this month costs, how far that can be trusted, each day of it and the last events.

It draws what `tracker.overview` says and decides nothing about numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from urllib.parse import urlencode

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.elements.lib.column_types import ColumnConfig

from pages.ui import (
    arithmetic,
    cards,
    charts,
    demo,
    gate,
    kept,
    live,
    needs,
    notices,
    palette,
    pictures,
    plain,
    tables,
    text,
    toolbars,
)
from pages.ui.addresses import Told, Word, value_of
from pages.ui.context import Context
from tracker import clock, overview
from tracker.overview import Line, Measure, Overview, Period, Split, Stage, keys
from tracker.overview.cycle import LIKE_WEEKS
from tracker.overview.provenance import Source
from tracker.overview.stacks import Bars

TITLE = "Dashboard"
ICON = ":material/space_dashboard:"

MEASURES = {"Spend": Measure.SPEND, "Tokens": Measure.TOKENS, "Requests": Measure.REQUESTS}
NOUNS = {Split.MODEL: "model", Split.PROJECT: "project", Split.API_KEY: "API key", Split.CLASS: "token class"}
NAME_PX = 148
DAYS, MEASURE, BY = "days", "m", "by"
SUMMED = {Measure.SPEND: "estimated", Measure.TOKENS: "tokens", Measure.REQUESTS: "requests"}
FILES = {"Usage": "usage.csv", "The bill": "billed.csv"}

CHART_CAPTION = (
    "Striped: provisional, the provider may still change it. Dashed: not read completely. Pale: forecast, 8 in 10 days "
    "fall inside. Days are UTC billing days."
)


def render(ctx: Context) -> None:
    """Draw the page for one person's workspace."""
    st.title(TITLE, anchor=False)  # on its way to the browser while the figures are read
    seen = overview.read(ctx.product, ctx.workspace_id, now=ctx.now)
    notices.draw(seen)
    if seen.stage is Stage.NO_KEY:
        demo.button(ctx.product, "Look around with demo data")
        live.draw_again_when(ctx, lambda: bool(keys.connected(ctx.product, ctx.workspace_id)))
    if seen.stage not in notices.WITHOUT_FIGURES:
        st.markdown(" · ".join(part for part in (notices.line_of_truth(seen), needs.count(seen)) if part))
        place = cards.draw(seen)
        _days_of(ctx, seen)
        needs.draw(seen)
        _events(seen)
        st.caption(text.DISCLAIMER)
        # Last, because it looks at every line of the bill: the page stands before it is found.
        cards.explain(place, seen, kept.explained(ctx, seen))
    if seen.stage in {Stage.WAITING, Stage.READING}:
        live.keep_fresh("dashboard")


@st.fragment
def _days_of(ctx: Context, seen: Overview) -> None:
    """The days as a chart, and the same days as a table. Which days is chosen here, because the cards do not follow.

    Another choice draws only these again, from what the page was read with.
    """
    gate.recheck(ctx)
    with st.container(border=True, gap="small"):
        with _title_row():
            heading = st.empty()
            period = Period(_switch("Days of the chart and of the table", [each.value for each in Period], DAYS))
        heading.header(_heading(seen, period), anchor=False)
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            measure = MEASURES[_switch("Measure", list(MEASURES), MEASURE)]
            split = _split(measure)
            live.say(_sum(seen, period, measure, split))
        toolbars.room()
        cells = overview.cells_by(ctx.product, ctx.workspace_id, seen, split)
        bars = seen.bars(cells, period, measure)
        spec = _chart(seen, bars, period, split)
        st.vega_lite_chart(charts.rows_of(spec), spec, height=charts.HEIGHT, width="stretch", alt=_alt(seen, bars))
        said = [notices.unpriced_days(seen, period, measure), CHART_CAPTION, _marked(seen, bars)]
        st.caption(text.dollars(" ".join(said).strip()))
        with st.expander("The same figures as a table", icon=":material/table:"):
            _day_table(seen, bars)
    found = kept.sources(ctx, seen, period) if split is Split.MODEL else {}
    _lines(seen, seen.lines(cells, period, measure), bars, split, found)


def _sum(seen: Overview, period: Period, measure: Measure, split: Split) -> str:
    """What the chosen days come to; where they are not the days of the cards, that is said too."""
    amount = charts.amount_text(seen.sums_of(period).amount(measure), measure)
    parts = [f"**{amount}** {SUMMED[measure]} in {_span(seen, period)} by {NOUNS[split]}"]
    if period is Period.MONTH:
        return parts[0]
    missing, bill = len(seen.missing(period)), seen.billed_before if period is Period.LAST_MONTH else None
    if bill:
        parts.append(f"**{text.money(bill.amount)}** billed through {cards.billed_to(seen, bill)}")
    if missing:
        parts.append(f"**{text.several(missing, 'day')}** not read, so it is too low")
    return f"{' · '.join(parts)} · the cards above stay with {seen.cycle.start:%B}"


def _span(seen: Overview, period: Period) -> str:
    days = seen.cycle.days_of(period)
    return _days(days[0], days[-1], today=seen.cycle.today)


def _split(measure: Measure) -> Split:
    """By what the days are divided; a request has tokens of every class, so requests are not divided by it."""
    return Split(_switch("Divided by", _splits(measure), BY))


def _splits(measure: Measure) -> list[str]:
    return [each.value for each in Split if measure is not Measure.REQUESTS or each is not Split.CLASS]


def _divides(told: Told) -> bool:
    """Whether the address divides its measure by something that it can be divided by."""
    return value_of(told, BY) in _splits(MEASURES.get(value_of(told, MEASURE), Measure.SPEND))


WORDS = (
    Word(DAYS, tuple(each.value for each in Period)),
    Word(MEASURE, tuple(MEASURES)),
    Word(BY, tuple(each.value for each in Split), _divides),
)
"""What the page reads from its address."""


def _switch(label: str, options: list[str], name: str) -> str:
    """One of a few, kept in the address, so that the view can be sent to somebody."""
    chosen = st.segmented_control(
        label,
        options,
        default=options[0],
        required=True,
        label_visibility="collapsed",
        key=name,
        bind="query-params",
    )
    return chosen if chosen in options else options[0]


def _heading(seen: Overview, period: Period) -> str:
    if period is Period.WEEK:
        return f"Each day, {_span(seen, period)}"
    return f"Each day in {seen.cycle.days_of(period)[0]:%B}"


def _chart(seen: Overview, bars: Bars, period: Period, split: Split) -> charts.Spec:
    whole = period is Period.MONTH
    foretold = seen.forecast.days if whole and seen.forecast and bars.measure is Measure.SPEND else ()
    dark = st.context.theme.type == "dark"
    spec = charts.day_chart(
        bars,
        seen.marks,
        dark=dark,
        outlook=[day for day in foretold if day.day > seen.cycle.today],
        rest=seen.cycle.rest if whole else (),
        pace=seen.budget.pace if whole and seen.budget and bars.measure is Measure.SPEND else None,
        unusual=_unusual(seen) if bars.measure is Measure.SPEND else None,
    )
    return pictures.of_days(spec, bars, NOUNS[split], dark=dark)


def _unusual(seen: Overview) -> dict[date, Decimal]:
    return {found.day: found.times for found in seen.unusual}


def _marked(seen: Overview, bars: Bars) -> str:
    """What the triangles over bars mean, where there are any."""
    shown = bars.measure is Measure.SPEND and any(day in bars.totals for day in _unusual(seen))
    words = f"how many times the dearest such weekday of the {LIKE_WEEKS} weeks before it cost"
    return f"Triangle: an unusual day, and {words}." if shown else ""


def _day_table(seen: Overview, bars: Bars) -> None:
    table = tables.day_table(bars, seen.marks, today=seen.cycle.today)
    form = "dollar" if bars.measure is Measure.SPEND else "localized"
    columns = {name: st.column_config.NumberColumn(format=form) for name in table.column_names[2:]}
    toolbars.room()
    st.dataframe(
        table,
        hide_index=True,
        height="content",
        row_height=34,
        placeholder=text.UNKNOWN,
        column_config={"Day": st.column_config.TextColumn(pinned=True), **columns},
        alt=f"{bars.measure.value.capitalize()} of these days, one row a UTC day, one column a name.",
    )


def _lines(seen: Overview, lines: list[Line], bars: Bars, split: Split, found: Mapping[str, Source]) -> None:
    days = _days(min(bars.totals), max(bars.totals), today=seen.cycle.today)
    change = f"vs {seen.cycle.previous_start:%b}, $"
    with st.container(border=True, gap="small"):
        with _title_row():
            st.header(f"{days} by {NOUNS[split]}", anchor=False)
        if not lines:
            st.caption("Nothing was used in these days, as far as they are read.")
            return
        slots = palette.palette(dark=st.context.theme.type == "dark").slots
        colours = {line.name: slots[bars.swatches[line.name]] for line in lines}
        prices = {line.name: tables.price_source(line, found.get(line.name), today=seen.cycle.today) for line in lines}
        whys = why(min(bars.totals), max(bars.totals)) if split is Split.MODEL else None
        table = tables.lines_table(
            lines, colours, prices, what=split.value, change=change, measure=bars.measure, why=whys
        )
        cut = tables.cut((line.name for line in lines), width=NAME_PX)
        toolbars.room()
        st.dataframe(
            table if any(line.change is not None for line in lines) else table.drop_columns(change),
            hide_index=True,
            height="content",
            row_height=tables.row_px(cut),
            placeholder=text.UNKNOWN,
            column_config=line_columns(split, change, bars.measure, lines),
            alt=f"{days}, one row a {NOUNS[split]}, {tables.order(bars.measure)}.",
        )
        words = "List price where no price of yours applies. $ per M tokens is of what is priced by tokens."
        st.caption(text.dollars(f"{words} {tables.in_full(cut)}".strip()))
        plain.draw(lines, prices, what=split.value, change=change, why=whys)


def why(first: date, last: date) -> Callable[[Line], str]:
    """Where a model's days from first to last, both included, are explained."""
    return lambda line: arithmetic.address(first, last, line.name)


def line_columns(
    split: Split, change: str, measure: Measure = Measure.SPEND, lines: Sequence[Line] = ()
) -> dict[str, ColumnConfig]:
    """How the columns of the lines are drawn."""
    number = st.column_config.NumberColumn
    return {
        "": st.column_config.ImageColumn(width=36, pinned=True),
        split.value: st.column_config.TextColumn(pinned=True, width=NAME_PX),
        "Estimate": number(format=tables.dollars(line.estimate for line in lines), width=84),
        tables.WHY: tables.why_column("Why this number? Its days and the arithmetic behind them."),
        tables.SHARE: tables.share_column(measure, width=80),
        change: number(format=tables.changes(lines), width=72, help="Against the same days, complete in both months."),
        "Tokens (M)": number(format="%,.1f", width=76),
        "Requests": number(format="localized", width=72),
        "$ per M tokens": number(format="%.2f", width=100),
        "Cached input": number(format="%.1f %%", width=88),
        "Price source": st.column_config.TextColumn(width=126, help="The list or yours, and since when it holds."),
        "Each day": st.column_config.LineChartColumn(width=88, y_min=0, color="gray"),
    }


def _alt(seen: Overview, bars: Bars) -> str:
    known = {day: total for day, total in bars.totals.items() if total is not None}
    what = "Estimated spend" if bars.measure is Measure.SPEND else bars.measure.value.capitalize()
    if not known:
        return f"{what} per UTC day: nothing is known of these days. The table below says which were not read."
    highest, first, last = max(known, key=lambda day: known[day]), min(bars.totals), max(bars.totals)
    return (
        f"{what} per UTC day, {_days(first, last, today=seen.cycle.today)}: highest on {highest:%-d %B}, "
        f"{charts.amount_text(known[highest], bars.measure)}. The table below holds the same figures."
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
        cut = tables.cut(name for each in seen.events for name in (each.model, each.project, each.api_key))
        toolbars.room()
        st.dataframe(
            tables.events_table(seen.events),
            hide_index=True,
            height=356,
            row_height=tables.row_px(cut),
            placeholder=text.UNKNOWN,
            column_config=tables.event_columns(events=seen.events),
            alt="The newest usage events, one row an hour, model, project and API key.",
        )
        if whole := tables.in_full(cut):
            st.caption(text.dollars(whole))


def _downloads(seen: Overview) -> None:
    """Links to the guarded route: the files never lie under an open address."""
    st.link_button(
        f"These {len(seen.events)} as CSV",
        last_address(len(seen.events)),
        icon=":material/download:",
        disabled=not seen.events,
    )
    # No tertiary button: while it is open, Streamlit (1.67) draws its words too dark to be read on dark.
    with st.popover("A range as CSV", icon=":material/date_range:"):
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
