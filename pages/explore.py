"""Any days, by anything: bars, the same as tables, and the rows behind each. The whole view stands in the address.

It draws what `tracker.explore` says and decides nothing about numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.ui import (
    cards,
    charts,
    empty,
    explore_charts,
    explore_lines,
    facets,
    headings,
    kept,
    live,
    picks,
    pictures,
    rates,
    saved,
    tables,
    text,
    token_mix,
    toolbars,
    view_controls,
)
from pages.ui.context import Context
from tracker.explore import lacking, picked, reading, rows, unit_costs
from tracker.explore.billed import Bill
from tracker.explore.facets import NOUNS
from tracker.explore.picked import Picked
from tracker.explore.reading import Comparison, Explored
from tracker.explore.view import Chosen
from tracker.overview.days import DayMark
from tracker.overview.figures import Measure
from tracker.overview.stacks import Bars
from tracker.unpriced import Unpriced

TITLE = "Explore"
ICON = ":material/query_stats:"
EVERYTHING = "Everything"
WHEN, WHAT, CHART = "explore.when", "explore.what", "explore.bars"
ROWS = "rows"


def render(ctx: Context) -> None:
    """Draw the page for one person's workspace."""
    with _row():
        st.title(TITLE, anchor=False)
        beside = st.container(horizontal=True, width="content", gap="small")
    known = facets.kept(ctx.product, ctx.workspace_id)
    if known.is_empty and empty.nothing_connected(ctx, "explore"):
        return
    view = view_controls.draw(known, now=ctx.now)
    with beside:
        saved.draw(ctx, view)
    seen = reading.read(ctx.product, ctx.workspace_id, view, known, now=ctx.now)
    bars = seen.bars()
    chosen = picks.settle(seen, bars)
    view_controls.write(view, picked.parameters(chosen, seen))
    _draw(ctx, seen, bars, chosen)
    picks.told()
    view_controls.told()


def _draw(ctx: Context, seen: Explored, bars: Bars, chosen: Picked | None) -> None:
    """What a view shows below its controls."""
    spends = seen.view.measure is Measure.SPEND
    without = lacking.read(ctx.product, ctx.workspace_id, seen) if spends else Unpriced()
    live.say(_headline(seen, without, ctx.now.date()))
    lines = seen.lines()
    if not seen.cells:
        empty.draw_view(seen, ctx.now.date())
        if lines:
            explore_lines.draw(seen, bars, lines, {})
        return
    _chart_block(seen, bars, without, chosen, ctx.now.date())
    explore_lines.draw(seen, bars, lines, kept.explored_sources(ctx, seen))
    tokens = unit_costs.tokens(ctx.product, ctx.workspace_id, seen)
    token_mix.draw(tokens.mix, tokens.caching)
    _rows_block(ctx, seen, bars, chosen)
    st.caption(text.DISCLAIMER)


def _headline(seen: Explored, without: Unpriced, today: date) -> str:
    """What it comes to, of which days, and how that stands to the days before."""
    total, measure = seen.total, seen.view.measure
    amount = charts.amount_text(total.amount(measure), measure)
    parts = [f"**{amount}** {'estimated' if measure is Measure.SPEND else measure.value}"]
    parts.append(f"{_days(seen, today)}, {explore_charts.clock(seen)}")
    parts += [explore_charts.filtered(seen)] if seen.filters else []
    if seen.comparison:
        parts.append(_compared(seen, seen.comparison, today))
    if measure is Measure.SPEND and seen.bill and seen.bill.days:
        parts.append(_billed(seen, seen.bill, today))
    if without.rows:
        parts.append(f"{cards.unpriced(without)}, in no sum")
    return " · ".join(parts)


def _billed(seen: Explored, bill: Bill, today: date) -> str:
    """The bill; where it is of less than the estimate, with the estimate of that: nobody holds it against the other."""
    told = f"billed **{text.money(bill.total)}** for"
    if not seen.is_billed_in_part and not bill.part and not bill.ended:
        return f"{told} these days"
    days = explore_lines.billed_days(seen, today) if seen.is_billed_in_part else "these days"
    part = f" and {bill.part}" if bill.part else ""
    gone = "".join(
        f", {text.quoted(each.label)} through {text.day(each.through, today=today)} only" for each in bill.ended
    )
    return f"{told} {days}{part}{gone}{_without(seen, bill, today)}, estimated there {text.money(bill.estimate)}"


def _without(seen: Explored, bill: Bill, today: date) -> str:
    """The days between the first and the last that neither the bill nor the estimate beside it is of, with why."""
    lacking = text.left_out(bill.holes, whose=bill.several, today=today)
    undivided = text.left_out(bill.undivided, whose=bill.several, today=today)
    why = [f"{lacking} (no complete bill)"] if lacking else []
    why += [f"{undivided} (not divided by {explore_lines.refused(seen)})"] if undivided else []
    return f" without {' and '.join(why)}" if why else ""


def _compared(seen: Explored, comparison: Comparison, today: date) -> str:
    """The days that are complete in both periods, with what they came to in each."""
    percent, measure = comparison.percent(seen.view), seen.view.measure
    if not comparison.days or percent is None:
        return explore_charts.nothing_compared(comparison, today)
    now, before, but = explore_charts.compared(comparison, today)
    amounts = [each.amount(measure) for each in (comparison.now, comparison.before)]
    here, there = explore_charts.apart(amounts, measure)
    return f"**{text.percent_change(percent)}** in {now} ({here}) against {before} ({there}){but}"


def _days(seen: Explored, today: date) -> str:
    return text.day_range(seen.span.days[0], seen.span.days[-1], today=today)


def _chart_block(seen: Explored, bars: Bars, without: Unpriced, chosen: Picked | None, today: date) -> None:
    unit = seen.view.bars.value
    with st.container(border=True, gap="small"):
        headings.draw(f"{pictures.MEASURES[seen.view.measure]} each {unit} by {NOUNS[seen.view.by]}")
        toolbars.room()
        spec = explore_charts.bar_chart(seen, bars, seen.before(), chosen, turn=picks.turn(), dark=_is_dark())
        st.vega_lite_chart(
            pictures.of_view(spec, seen, dark=_is_dark()),
            height=explore_charts.HEIGHT,
            width="stretch",
            key=CHART,
            on_select=lambda: picks.click(st.session_state[CHART].selection.get(explore_charts.PICKED) or [], seen),
            selection_mode=explore_charts.PICKED,
            alt=_alt(seen, bars),
        )
        _say_chosen(seen, bars, chosen)
        st.caption(text.dollars(f"{_unpriced(without)} {chart_caption(seen, unit, today)}".strip()))
        with st.expander("The same figures as a table", icon=":material/table:"):
            _column_table(seen, bars, unit)


def chart_caption(seen: Explored, unit: str, today: date) -> str:
    """What can be done with the bars, and what those of a look of their own are: nothing of looks that none has."""
    fine, looks = explore_charts.is_fine(seen), {seen.mark(column) for column in seen.columns}
    said = ["Choose a part of a bar for the rows behind it."]
    if looks & {DayMark.PROVISIONAL, DayMark.OPEN}:
        said.append(f"{'Striped' if fine else 'Pale'}: provisional.")
    if DayMark.MISSING in looks:
        said.append("Dashed: not read.")
    if seen.unread[0] and seen.history_from:
        begins = text.day(seen.history_from, today=today)
        ground = " (grey ground)" if DayMark.UNAVAILABLE in looks else ""
        said.append(f"The provider's history begins on {begins}: what was before{ground} is never to be read.")
    if any(seen.part(column) for column in seen.columns):
        told = " or told" if seen.unread[0] else ""
        said.append(f"Pale without stripes: a {unit} of which not all days are in range{told}.")
    if seen.before() and fine:
        said.append(f"Grey line: {_twins(seen, unit)}.")
    if seen.view.is_local:
        said.append("Each bucket stands in the local day in which it starts.")
    return " ".join(said)


def _twins(seen: Explored, unit: str) -> str:
    if seen.view.bars in explore_charts.LONG:
        return "as many days of the period before, at the same place, where all of them were read"
    return f"the same {unit} of the period before"


def _unpriced(without: Unpriced) -> str:
    """What is in no bar of money."""
    if not without.rows:
        return ""
    return f"Without a price, and so in no bar: {rates.kinds(without.kinds)}.{cards.unpriced_rule(without)}"


def _say_chosen(seen: Explored, bars: Bars, chosen: Picked | None) -> None:
    """What was chosen in the chart, said beside it: its rows are further down, on most screens out of sight."""
    if why_not := picks.refused(seen):
        st.warning(text.quoted(why_not), icon=":material/link_off:")
    if chosen is None:
        return
    parts = {(part.day, part.name): part.amount for part in bars.segments}
    amount = parts.get((chosen.at, chosen.name)) if chosen.name else bars.totals[chosen.at]
    what = explore_charts.when(chosen.at, seen) + (f", {text.quoted(chosen.name)}" if chosen.name else "")
    said = f"**{what}**: {charts.amount_text(amount, bars.measure)}. [Go to its rows](#{ROWS})"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.info(text.dollars(said), icon=":material/ads_click:")
        st.button("Choose none", on_click=lambda: picks.by_hand(None, picks.turn() + 1), icon=":material/close:")


def _alt(seen: Explored, bars: Bars) -> str:
    known = {column: total for column, total in bars.totals.items() if total is not None}
    what = f"{pictures.MEASURES[seen.view.measure]} by {NOUNS[seen.view.by]}"
    if not known:
        return f"{what}: nothing is known of these days. The table below says which were not read."
    highest = max(known, key=lambda column: known[column])
    amount = charts.amount_text(known[highest], bars.measure)
    where = f"{_on(seen)} {explore_charts.when(highest, seen)}"
    return f"{what}: highest {where}, {amount}. The table below holds the same figures."


def _on(seen: Explored) -> str:
    return "in" if seen.view.bars in explore_charts.LONG else "on"


def _column_table(seen: Explored, bars: Bars, unit: str) -> None:
    names = {column: explore_charts.when(column, seen) for column in seen.columns}
    table = tables.column_table(bars, names, unit.capitalize(), lambda column: explore_charts.state(seen, column))
    form = "dollar" if bars.measure is Measure.SPEND else "localized"
    toolbars.room()
    st.dataframe(
        table,
        hide_index=True,
        height=360 if len(table) > 10 else "content",
        row_height=34,
        placeholder=text.UNKNOWN,
        column_config={
            unit.capitalize(): st.column_config.TextColumn(pinned=True),
            **{name: st.column_config.NumberColumn(format=form) for name in table.column_names[2:]},
        },
        alt=f"{pictures.MEASURES[bars.measure]}, one row a {unit}, one column a {NOUNS[seen.view.by]}.",
    )


def _rows_block(ctx: Context, seen: Explored, bars: Bars, chosen: Picked | None) -> None:
    """The way to the rows without a mouse: a click on a bar only sets these two."""
    with st.container(border=True, gap="small"):
        with _row():
            st.header("The rows behind a bar", anchor=ROWS)
            with st.container(horizontal=True, width="content", gap="small"):
                place, name = _choice(seen, bars, chosen)
        values, days = _values(seen, bars, name), len(seen.days_in(place))
        found = rows.behind(ctx.product, ctx.workspace_id, seen.view, place, values, days=days)
        if not found.events:
            st.caption("No usage is stored for it.")
            return
        toolbars.room()
        st.dataframe(
            tables.events_table(found.events, zone=seen.view.zone),
            hide_index=True,
            height=356 if len(found.events) > 9 else "content",
            row_height=34,
            placeholder=text.UNKNOWN,
            column_config=tables.event_columns(seen.view.zone, found.events),
            alt="The stored rows behind this bar, dearest first.",
        )
        hours = f" Hours are of {seen.view.zone.replace('_', ' ')}." if seen.view.is_local else ""
        st.caption(how_many(len(found.events), found.count) + hours)


def _choice(seen: Explored, bars: Bars, chosen: Picked | None) -> tuple[date, str]:
    """Two controls that choose as a click does; while nothing is chosen they are at the newest bar that has rows."""
    columns: list[date | datetime] = list(seen.columns)
    names = [EVERYTHING, *(name for name, _ in bars.names)]
    shown = chosen or Picked(seen.bar_of(max((cell.at for cell in seen.cells), key=str)))
    (when, what), (first_at, first_name) = picks.controls(WHEN, WHAT, (shown.at, shown.name or EVERYTHING))
    turn = picks.turn()
    place = st.selectbox(
        seen.view.bars.value.capitalize(),
        columns[::-1],
        index=_index(columns[::-1], first_at),
        format_func=lambda column: explore_charts.when(column, seen),
        key=when,
        on_change=lambda: _choose(when, what, turn),
        width=190,
    )
    name = st.selectbox(
        "Part of the bar",
        names,
        index=_index(names, first_name),
        key=what,
        on_change=lambda: _choose(when, what, turn),
        width=220,
    )
    return place, name


def _index(among: Sequence[object], value: object) -> int:
    return among.index(value) if value in among else 0


def _choose(when: str, what: str, turn: int) -> None:
    """What the two controls of that turn say now."""
    name = st.session_state[what]
    picks.by_control(Picked(st.session_state[when], None if name == EVERYTHING else name), turn)


def how_many(shown: int, count: int) -> str:
    """Of so many rows, those that are shown."""
    if count > shown:
        return f"The {shown} dearest of {count:,} rows."
    return "One row." if count == 1 else f"All {count:,} rows, dearest first."


def _values(seen: Explored, bars: Bars, name: str) -> tuple[Chosen, ...] | None:
    """The values that a part of a bar stands for; None for all."""
    if name == EVERYTHING:
        return None
    values, shown = seen.values(), {shown for shown, _ in bars.names}
    if name in values:
        return (values[name],)
    return tuple(value for other, value in values.items() if other not in shown)


def _is_dark() -> bool:
    return st.context.theme.type == "dark"


def _row() -> DeltaGenerator:
    return st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute")
