"""The part of Settings in which a workspace says what it means to spend in a month."""

from __future__ import annotations

from decimal import Decimal

import streamlit as st

from pages.ui import brand, gate, headings, text
from pages.ui.context import Context
from tracker import budgets, clock
from tracker.errors import BadInput
from tracker.overview.cycle import Cycle

SAID = "budget.said"


def draw(ctx: Context) -> None:
    """The budget as it stands, and the field to change it."""
    with ctx.product.database.workspace(ctx.workspace_id) as session:
        monthly = budgets.monthly(session, ctx.workspace_id)
    if said := st.session_state.pop(SAID, None):
        st.success(text.dollars(said), icon=":material/check_circle:")
    with st.container(border=True):
        headings.draw("A budget for each month")
        st.markdown(text.dollars(_words(monthly, Cycle(clock.day_of(ctx.now)))))
        with st.form("budget", border=False):
            typed = st.text_input(
                "US dollars a month",
                value="" if monthly is None else f"{monthly:,.2f}",
                placeholder="for example: 6,000",
                max_chars=20,
                width=260,
                autocomplete="off",
            )
            sent = st.form_submit_button("Save the budget", type=brand.main_button(), icon=":material/savings:")
        st.caption(
            "Calendar months in UTC, set beside the estimate. It stops nothing at the provider. "
            "An empty field takes it away."
        )
        if sent:
            _save(ctx, typed)


def _words(monthly: Decimal | None, cycle: Cycle) -> str:
    if monthly is None:
        return "No budget yet. With one, the dashboard shows its pace and what part of it the month will take."
    pace = budgets.standing(monthly, days=cycle.length, spent=None, expected=None).pace
    return f"**{text.money(monthly)}** a month, which is {text.rate_money(pace)} a day in {cycle.start:%B}."


def _save(ctx: Context, typed: str) -> None:
    gate.recheck(ctx)
    try:
        amount = budgets.parsed(typed)
        with ctx.product.database.workspace(ctx.workspace_id, write=True) as session:
            budgets.set_monthly(session, ctx.workspace_id, amount, by=ctx.actor)
    except BadInput as error:
        st.error(text.quoted(str(error)), icon=":material/error:")
        return
    st.session_state[SAID] = (
        "There is no budget any more."
        if amount is None
        else f"The budget is {text.money(amount)} a month. The dashboard shows its pace."
    )
    st.rerun()
