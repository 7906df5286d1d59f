"""The part of Reconciliation on the prices a bill implies: their evidence, and one click to make them ours."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import streamlit as st

from pages.ui import anew, brand, gate, headings, rates, text, toolbars
from pages.ui.agreeing import SAID
from pages.ui.context import Context
from pages.ui.tables import number
from tracker import clock, workspace_prices
from tracker.errors import BadInput
from tracker.own_prices import OwnPrice
from tracker.reconciliation import read
from tracker.reconciliation.implied import Observation
from tracker.reconciliation.lines import Item
from tracker.reconciliation.proposals import Proposal, in_words_of_rate, rate_name

DAYS = 32
SHORT = 12


def draw(ctx: Context, end: date) -> None:
    """What the newest bills before `end` imply; nothing where they follow the prices known."""
    start = end - timedelta(days=DAYS)
    with ctx.product.database.workspace(ctx.workspace_id) as session:
        found = read.proposed(session, ctx.workspace_id, start, end)
    if not found:
        return
    today = clock.day_of(ctx.now)
    with st.container(border=True, gap="small"):
        headings.draw("Prices your bill implies")
        days = text.day_range(start, end - clock.DAY, today=today)
        st.caption(
            f"Billed ÷ quantity of each line, {days}, where it is not what the estimate is made with. A price is named "
            "when three days or more agree on it."
        )
        for place, each in enumerate(found):
            _row(ctx, each, place, today)
        with st.expander("Each day's evidence", icon=":material/fact_check:"):
            _evidence(found, today)


def _row(ctx: Context, each: Proposal, place: int, today: date) -> None:
    finding = f"{each.finding.value}: {text.quoted(rates.read_off(each.price, each.kept))}{_known(each)}"
    days = text.day_range(each.days[0], each.days[-1], today=today)
    evidence = f"{text.money(each.billed)} billed on {text.several(len(each.days), 'day')}, {days}"
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(text.dollars(f"**{_name(each)}**  \n{finding}  \n:gray[{evidence}]"), width="stretch")
        if each.agreed:
            st.caption(f"Agreed as no. {each.agreed.id}", width="content")
            if st.button("Reprice", icon=":material/difference:", key=f"implied-{place}"):
                anew.open_at(each.agreed.effective_from)
        elif st.button("Use this price …", icon=":material/sell:", key=f"implied-{place}"):
            _ask(ctx, each, today)


def _name(each: Proposal) -> str:
    item = each.evidence[0].item
    return text.quoted(item.model or item.kind)


def _known(each: Proposal) -> str:
    """What the estimate was made with, of each kind of which that is one rate."""
    if each.price.factor is not None:
        return ""
    known = {one.item: one.listed[0] for one in each.evidence if one.listed}
    told = ", ".join(_rate(item, rate) for item, rate in known.items())
    return f" :gray[· instead of {told}]" if told else " :gray[· the list has none]"


def _rate(item: Item, rate: Decimal) -> str:
    """The rate in the words of agreed prices, to six digits."""
    name = str(rate_name(item))
    return rates.rate(name, Decimal(f"{in_words_of_rate(name, rate):.6g}"))


def _evidence(found: list[Proposal], today: date) -> None:
    rows = [
        _fields(one, each, today)
        for each in found
        for one in sorted(each.evidence, key=lambda one: one.day, reverse=True)
    ]
    toolbars.room()
    st.dataframe(
        rows,
        hide_index=True,
        height="content" if len(rows) <= SHORT else 430,
        row_height=34,
        placeholder=text.UNKNOWN,
        column_config={
            "Line": st.column_config.TextColumn(pinned=True, width=220),
            "Billed": st.column_config.NumberColumn(format="$%.4f"),
            "Quantity": st.column_config.NumberColumn(format="localized"),
            **dict.fromkeys(("Billed ÷ quantity", "Estimated at"), st.column_config.TextColumn(alignment="right")),
        },
        alt="Each day and line of the evidence: billed, quantity, the price they imply and the one estimated with.",
    )


def _fields(one: Observation, each: Proposal, today: date) -> dict[str, object]:
    item = one.item
    return {
        "Line": text.in_cell(f"{item.model}, {item.kind}" if item.model else item.kind),
        "Day": text.day(one.day, today=today),
        "Billed": number(one.amount),
        "Quantity": number(one.quantity),
        "Unit": text.in_cell(one.unit or ""),
        "Billed ÷ quantity": _rate(item, one.implied),
        "Estimated at": ", ".join(_rate(item, rate) for rate in one.listed) or text.UNKNOWN,
        "What it is": each.finding.value,
    }


def _ask(ctx: Context, each: Proposal, today: date) -> None:
    """The date from which it holds, and a word on what follows."""

    @st.dialog(f"Use the price of {_name(each)} on your bill?")
    def form() -> None:
        gate.recheck(ctx)
        said = text.quoted(rates.read_off(each.price, each.kept))
        st.markdown(text.dollars(f"**{text.quoted(rates.model(each.price))}**: {said}"))
        with st.form("implied", border=False):
            first = st.date_input("From (UTC day)", each.price.effective_from, format="YYYY-MM-DD")
            st.caption(
                f"The bill follows it from {text.day(each.price.effective_from, today=today)} on. No stored number "
                "changes yet: the next step shows what repricing would change."
            )
            sent = st.form_submit_button("Make it ours", type=brand.main_button(), icon=":material/sell:")
        if sent:
            _use(ctx, replace(each.price, effective_from=first, note=_note(each, today)))

    form()


def _note(each: Proposal, today: date) -> str:
    days = text.day_range(each.days[0], each.days[-1], today=today)
    bill = f"read off the bill of {text.several(len(each.days), 'day')}, {days} {each.days[-1].year}"
    if not each.kept:
        return f"R{bill[1:]}"
    read = [name for name in each.price.rates if name not in each.kept]
    return f"{rates.names(read).capitalize()} {bill}; as agreed before: {rates.names(each.kept)}"


def _use(ctx: Context, price: OwnPrice) -> None:
    try:
        with ctx.product.database.workspace(ctx.workspace_id, write=True) as session:
            workspace_prices.add(session, ctx.workspace_id, price, by=ctx.actor)
    except BadInput as error:
        st.error(text.quoted(str(error)), icon=":material/error:")
        return
    today = clock.day_of(ctx.now)
    what = f"{text.quoted(rates.model(price))}: {text.quoted(rates.said(price))}, {rates.days(price, today=today)}"
    st.session_state[SAID] = f"Agreed for {what}. Below is what repricing would change."
    anew.open_at(price.effective_from)
