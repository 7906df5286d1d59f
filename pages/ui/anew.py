"""The part of Prices that prices past days anew: what would change, then done, and taken back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Literal

import streamlit as st

from pages.ui import brand, gate, headings, text, toolbars
from pages.ui.addresses import Told, Word, is_day, value_of
from pages.ui.agreeing import SAID
from pages.ui.context import Context
from pages.ui.tables import number
from tracker import clock, repriced, repricing
from tracker.errors import BadInput
from tracker.repriced import Left
from tracker.repricing import DayDifference, Done, Plan

VIEW, PATH = "Reprice", "prices"
PLAN, LOOK = "prices.plan", "prices.look"
MOST = 20
SHORT = 12


def _takes(name: str) -> Callable[[Told], bool]:
    return lambda told: value_of(told, "view") == VIEW and is_day(value_of(told, name))


WORDS = tuple(Word(name, takes=_takes(name)) for name in ("from", "to"))
"""What this part of the page reads from its address, beside the page's `view`."""


def draw(ctx: Context) -> None:
    """The question first, its answer, and what was done before."""
    st.markdown(
        "Nothing changes a stored estimate by itself: not a price you add, not an update of the price list. "
        "Here you see what pricing past days anew would change, and decide."
    )
    today = clock.day_of(ctx.now)
    with st.container(border=True, gap="small"):
        first, last, asked = _range(today)
        if last < first:
            st.error("The last day lies before the first.", icon=":material/error:")
        elif st.session_state.pop(LOOK, False) or asked:
            _look(ctx, first, last)
        plan = st.session_state.get(PLAN)
        if isinstance(plan, Plan) and (plan.start, plan.end) == (first, last + clock.DAY):
            _plan(ctx, plan, today)
    with ctx.product.database.workspace(ctx.workspace_id) as session:
        done = repricing.every(session, ctx.workspace_id)
    if done:
        with st.container(border=True, gap="small"):
            headings.draw("Repricings so far")
            for each in done[:MOST]:
                _done(ctx, each, today)
            if len(done) > MOST:
                st.caption(f"{len(done) - MOST} older ones.")


def button_to(label: str, first: date, *, key: str) -> None:
    """A button of this page that leads to the dry run of the days from `first` on."""
    st.button(label, icon=":material/difference:", key=key, on_click=_go, args=(first,))


def open_at(first: date) -> None:
    """Leave another page for the dry run of the days from `first` on."""
    st.session_state[LOOK] = True
    query = {"view": VIEW, "from": first.isoformat()}
    st.switch_page(st.Page(_elsewhere, title="Prices", url_path=PATH), query_params=query)


def _elsewhere() -> None:
    """Stands for the page that the registry draws."""


def _go(first: date) -> None:
    st.session_state.update({"view": VIEW, "from": first, LOOK: True})


def _range(today: date) -> tuple[date, date, bool]:
    """The first and the last day, and whether the dry run is asked for."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        first = _day("From (UTC day)", "from", today.replace(day=1))
        last = _day("To, included", "to", today)
        asked = st.button("Show what would change", type=brand.main_button(), icon=":material/difference:")
    return first, last, asked


def _day(label: str, key: str, otherwise: date) -> date:
    # What a button has chosen is there already, and Streamlit warns of any other default than its own beside it.
    default: date | Literal["today"] = "today" if key in st.session_state else otherwise
    return st.date_input(label, default, format="YYYY-MM-DD", key=key, bind="query-params", width=170)


def _look(ctx: Context, first: date, last: date) -> None:
    try:
        with (
            st.spinner("Pricing every row of these days …"),
            ctx.product.database.workspace(ctx.workspace_id) as session,
        ):
            st.session_state[PLAN] = repricing.plan(session, ctx.workspace_id, first, last + clock.DAY)
    except BadInput as error:
        st.error(text.quoted(str(error)), icon=":material/error:")


def _plan(ctx: Context, plan: Plan, today: date) -> None:
    days = text.day_range(plan.start, plan.end - clock.DAY, today=today)
    if not plan.days:
        looked = text.several(plan.rows, "row")
        st.markdown(f"**Nothing would change in {days}.** Each of {looked} costs what it would cost if priced today.")
        return
    st.markdown(text.dollars(_sentence(plan, days)))
    if st.button("Apply …", icon=":material/published_with_changes:", key="apply"):
        _ask_apply(ctx, plan, days)
    toolbars.room()
    st.dataframe(
        [_day_fields(each, today) for each in plan.days],
        hide_index=True,
        height="content" if len(plan.days) <= SHORT else 430,
        row_height=34,
        placeholder=text.UNKNOWN,
        column_config={
            "Day": st.column_config.TextColumn(pinned=True),
            "Old": st.column_config.NumberColumn(format="$%.4f"),
            "New": st.column_config.NumberColumn(format="$%.4f"),
            "Difference, $": st.column_config.NumberColumn(format="%+.4f"),
        },
        alt="Each day that would change: old and new estimate, difference, and rows without a price.",
    )


def _sentence(plan: Plan, days: str) -> str:
    rows = f"{plan.changed:,} of {text.several(plan.rows, 'row')}"
    before, after = (sum(day.unpriced[place] for day in plan.days) for place in (0, 1))
    gained = f" {text.several(before - after, 'row')} would get a price." if after < before else ""
    lost = f" **{text.several(after - before, 'row')} would lose theirs.**" if after > before else ""
    changed = text.several(len(plan.days), "day")
    return f"**{days}: {text.money_change(plan.difference)}** on {changed}, {rows} would change.{gained}{lost}"


def _day_fields(day: DayDifference, today: date) -> dict[str, object]:
    return {
        "Day": text.day(day.day, today=today),
        "Old": number(day.old),
        "New": number(day.new),
        "Difference, $": number(day.difference),
        "Rows": day.rows,
        "Unpriced before": day.unpriced[0],
        "Unpriced after": day.unpriced[1],
    }


def _ask_apply(ctx: Context, plan: Plan, days: str) -> None:
    @st.dialog(f"Price {days} anew?")
    def form() -> None:
        gate.recheck(ctx)
        st.markdown(
            text.dollars(
                f"**{plan.changed:,} stored estimates change**, by {text.money_change(plan.difference)} in all. "
                "What each was is kept, so that it can be taken back."
            )
        )
        if st.button("Apply", type=brand.main_button(), icon=":material/published_with_changes:", key="apply-now"):
            with st.spinner("Pricing anew, a day at a time …"):
                _tell(lambda: _apply(ctx, plan, days))

    form()


def _apply(ctx: Context, plan: Plan, days: str) -> str:
    done = repricing.apply(ctx.product.database, ctx.workspace_id, plan.start, plan.end, by=ctx.actor)
    st.session_state.pop(PLAN, None)
    if done is None:
        return f"Nothing differed any more in {days}."
    return f"Repricing {done.id}: {text.several(done.rows, 'row')} on {text.several(done.days, 'day')} changed."


def _done(ctx: Context, done: Done, today: date) -> None:
    days = text.day_range(done.start, done.end - clock.DAY, today=today)
    changed = f"{text.several(done.rows, 'row')} on {text.several(done.days, 'day')}"
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(
            f"**No. {done.id}, {days}** · {changed} changed  \n:gray[{_fate(done, today)}]",
            width="stretch",
        )
        if done.undone_at is None and st.button("Undo …", icon=":material/undo:", key=f"undo-{done.id}"):
            _ask_undo(ctx, done, days)
    if done.left_as_is:
        _left(ctx, done, today)


def _fate(done: Done, today: date) -> str:
    applied = f"Applied {text.instant(done.created_at, today=today)}"
    if done.undone_at is None:
        return applied
    left = f", {done.left_as_is:,} left as they are" if done.left_as_is else ""
    back = text.several(done.restored or 0, "row")
    return f"{applied}, taken back {text.instant(done.undone_at, today=today)}: {back} as before{left}"


def _left(ctx: Context, done: Done, today: date) -> None:
    """Which rows the undoing did not touch; read only when somebody opens it."""
    with st.expander(
        f"Left as they are: {text.several(done.left_as_is or 0, 'row')}", key=f"left-{done.id}", on_change="rerun"
    ) as opened:
        if not opened.open:
            return
        with ctx.product.database.workspace(ctx.workspace_id) as session:
            rows = repriced.left_as_is(session, ctx.workspace_id, done)
        toolbars.room()
        st.dataframe(
            [_left_fields(row, today) for row in rows],
            hide_index=True,
            height="content" if len(rows) <= SHORT else 430,
            row_height=34,
            placeholder=text.UNKNOWN,
            alt="Rows that taking the repricing back did not touch, and why.",
        )
        if gone := (done.left_as_is or 0) - len(rows):
            st.caption(f"{text.several(gone, 'row')} more changed again since, so that nothing is left of it.")


def _left_fields(row: Left, today: date) -> dict[str, object]:
    return {
        "Hour (UTC)": text.instant(row.at, today=today),
        "Model": text.in_cell(row.model or ""),
        "Family": row.usage_type.replace("_", " "),
        "Before": text.event_money(row.before),
        "Repriced": text.event_money(row.after),
        "Now": text.event_money(row.now),
        "Why": row.why,
    }


def _ask_undo(ctx: Context, done: Done, days: str) -> None:
    @st.dialog(f"Take repricing {done.id} of {days} back?")
    def form() -> None:
        gate.recheck(ctx)
        st.markdown(
            f"{text.several(done.rows, 'row')} get the estimate they had before. A row that the provider restated "
            "since, or that was repriced again, stays as it is and is listed."
        )
        if st.button("Take it back", type=brand.main_button(), icon=":material/undo:", key="undo-now"):
            with st.spinner("Giving each row its former price …"):
                _tell(lambda: _undo(ctx, done))

    form()


def _undo(ctx: Context, done: Done) -> str:
    undone = repricing.undo(ctx.product.database, ctx.workspace_id, done.id, by=ctx.actor)
    st.session_state.pop(PLAN, None)
    left = undone.left_as_is or 0
    stay = f" {text.several(left, 'row')} were restated or repriced since and stay as they are." if left else ""
    return f"Repricing {done.id} is taken back: {text.several(undone.restored or 0, 'row')} as before.{stay}"


def _tell(act: Callable[[], str]) -> None:
    """Do it and start the page over with the sentence; a refusal stands where it was asked."""
    try:
        st.session_state[SAID] = act()
    except BadInput as error:
        st.error(text.quoted(str(error)), icon=":material/error:")
        return
    st.rerun()
