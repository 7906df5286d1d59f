"""What a request costs, day by day, why it changed, what the tokens were and what caching saved.

It draws what `tracker.explore.unit_costs` says and decides nothing about numbers.
"""

from __future__ import annotations

from datetime import date

import streamlit as st

from pages.ui import (
    empty,
    explore_charts,
    facets,
    findings,
    headings,
    pictures,
    rate_charts,
    rates,
    text,
    token_mix,
    toolbars,
    view_controls,
)
from pages.ui.context import Context
from tracker.explore import lacking, reading, unit_costs
from tracker.explore.reading import Explored
from tracker.explore.unit_costs import UnitCosts
from tracker.explore.view import Preset, View
from tracker.unpriced import Unpriced

TITLE = "Unit economics"
ICON = ":material/price_check:"


def render(ctx: Context) -> None:
    """Draw the page for one person's workspace."""
    _draw(ctx)
    view_controls.told()


def _draw(ctx: Context) -> None:
    st.title(TITLE, anchor=False)
    known = facets.kept(ctx.product, ctx.workspace_id)
    if known.is_empty and empty.nothing_connected(ctx, "economics"):
        return
    view = view_controls.draw(known, now=ctx.now, whole=False)
    view_controls.write(view)
    seen = reading.read(ctx.product, ctx.workspace_id, view, known, now=ctx.now)
    costs = unit_costs.read(ctx.product, ctx.workspace_id, seen)
    today = ctx.now.date()
    nothing = not costs.mix and costs.total is None
    without = lacking.read(ctx.product, ctx.workspace_id, seen)
    st.markdown(text.dollars(_headline(seen, costs, without, today)))
    if nothing:
        empty.draw_view(seen, today, what="usage with tokens")
        return
    _findings(seen, costs, today)
    _rates(seen, costs, today)
    token_mix.draw(costs.mix, costs.caching)


def _headline(seen: Explored, costs: UnitCosts, without: Unpriced, today: date) -> str:
    days = text.day_range(seen.span.days[0], seen.span.days[-1], today=today)
    said = [f"{days}, {explore_charts.clock(seen)}"]
    if seen.filters:
        said.append(explore_charts.filtered(seen))
    if costs.total:
        said.append(f"**{text.several(costs.total.requests, 'request')}** with a price")
    if silent := _silent(costs):
        said.append(f"{silent}, which say nothing here")
    if costs.by_unit is not None:
        said.append(f"{text.money(costs.by_unit)} (estimate) not priced by tokens, in no figure here")
    if without.rows:
        said.append(f"without a price: {rates.kinds(without.kinds)}")
    return " · ".join(said)


def _silent(costs: UnitCosts) -> str:
    """How many requests say nothing of a cost, by why."""
    counts = (
        (costs.unpriced, "unpriced"),
        (costs.free, "free or complimentary"),
        (costs.unrated, "priced at rates not known"),
    )
    return ", ".join(f"{count:,} {why}" for count, why in counts if count)


def _findings(seen: Explored, costs: UnitCosts, today: date) -> None:
    with st.container(border=True, gap="small"):
        headings.draw("What changed")
        if seen.comparison is None:
            st.markdown("Choose “Compare” to see what changed against the period before.")
            return
        if not costs.before or not costs.after:
            said = explore_charts.nothing_compared(seen.comparison, today)
            st.markdown(f"What changed is unknown: {said}.")
            return
        now, days, but = explore_charts.compared(seen.comparison, today)
        for finding in costs.findings:
            icon = ":material/trending_up:" if finding.difference > 0 else ":material/trending_down:"
            said = findings.sentence(finding, before=costs.before, after=costs.after, days=days)
            st.markdown(f"{icon} {text.dollars(said)}")
        if not costs.findings:
            st.markdown(
                f"Nothing worth a sentence: no cost of a request moved much against {days}.{other_days(seen.view)}"
            )
        st.caption(text.dollars(f"Compared: {now} with {days}{but}. {findings.RULE}"))


def other_days(view: View) -> str:
    """Where else to look, when these days tell nothing: what moves in a week is lost in a month."""
    shortest = Preset.WEEK
    return "" if view.preset is shortest else f" Fewer days may tell more: **{view_controls.PRESETS[shortest]}**."


def _rates(seen: Explored, costs: UnitCosts, today: date) -> None:
    dark = st.context.theme.type == "dark"
    with st.container(border=True, gap="small"):
        unit = explore_charts.day_unit(seen)
        days = text.day_range(costs.days[0], costs.days[-1], today=today)
        headings.draw(f"Each {unit}, and {days} together")
        grid = st.grid(2, min_column_width=320)
        for rate in rate_charts.RATES:
            with grid.cell():
                # Short, because on touch the chart's buttons stand beside it.
                st.markdown(f"**{text.dollars(rate_charts.told(rate, costs.of_days))}** {rate.of_what}")
                spec = rate_charts.line_chart(rate, costs.bars, seen, dark=dark)
                st.vega_lite_chart(
                    pictures.of_rate(spec, rate, seen, dark=dark),
                    height=rate_charts.HEIGHT,
                    width="stretch",
                    alt=rate_charts.alt_text(rate, costs.bars, seen),
                )
        st.caption(lines_caption(seen, costs, today))
        with st.expander("The same figures as a table", icon=":material/table:"):
            toolbars.room()
            st.dataframe(
                rate_charts.frame(costs.bars, seen),
                hide_index=True,
                height=360,
                row_height=34,
                placeholder=text.UNKNOWN,
                column_config=rate_charts.columns(),
                alt=f"The same figures, one row a {unit}.",
            )


def lines_caption(seen: Explored, costs: UnitCosts, today: date) -> str:
    """Of which days the figures and lines are, and what those of a look of their own are."""
    unit, said = explore_charts.day_unit(seen), []
    if left_out := (costs.days[-1] - costs.days[0]).days + 1 - len(costs.days):
        said.append(f"The figures leave out {text.several(left_out, 'day')}, which are not complete.")
    if costs.not_over:
        named = text.day_range(costs.not_over[0], costs.not_over[-1], today=today)
        be = "is" if len(costs.not_over) == 1 else "are"
        said.append(f"{named} {be} not over as far as read, so in no line and in no figure.")
    if any(bill and not rate_charts.is_final(bar, seen) for bar, bill in costs.bars.items()):
        said.append("Hollow points, dashed lines: provisional, or not read completely; they may still change.")
    return " ".join([*said, f"A {unit} without a priced request has no point; it is not zero."])
