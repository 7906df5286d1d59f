"""The dialogs that agree a price and end one. Nothing stored changes by either: pricing anew is a step of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

import streamlit as st

from pages.ui import brand, gate, rates, text
from pages.ui.context import Context
from tracker import clock, own_prices, workspace_prices
from tracker.errors import BadInput
from tracker.own_prices import RATE_NAMES, OwnPrice
from tracker.providers import PROVIDERS
from tracker.ratecards import CONTEXTS

SAID, SINCE = "prices.said", "prices.since"
FACTOR, RATES = "A factor on the list price", "Prices in dollars"
EVERY_TIER = "every tier"
USUAL = ("input_tokens", "input_cached_tokens", "output_tokens")
NEXT = "This counts for what is read from now on; days already stored stay as they are until you reprice them."


@dataclass(frozen=True)
class Asked:
    """What the form begins with: `rates` are those to ask for first (none: a factor is likelier).

    `listed` tells whether the list knows a price that holds where none is typed.
    """

    provider: str = next(iter(PROVIDERS))
    model: str = ""
    rates: tuple[str, ...] = ()
    first: date | None = None
    given: Mapping[str, Decimal] = field(default_factory=dict)
    listed: bool = True


def ask(ctx: Context, asked: Asked) -> None:
    """The form for a new price."""

    @st.dialog(f"Set a price for {text.quoted(asked.model)}" if asked.model else "Add a price", width="medium")
    def form() -> None:
        gate.recheck(ctx)
        kinds = [RATES, FACTOR] if asked.rates else [FACTOR, RATES]
        kind = st.segmented_control("Kind", kinds, default=kinds[0], required=True, label_visibility="collapsed")
        with st.form("agree", border=False):
            price = _fields(asked, str(kind), today=clock.day_of(ctx.now))
            sent = st.form_submit_button("Add this price", type=brand.main_button(), icon=":material/sell:")
        st.caption(NEXT)
        if sent and _tried(lambda: _store(ctx, price())):
            st.rerun()

    form()


def _fields(asked: Asked, kind: str, *, today: date) -> Callable[[], OwnPrice]:
    """Draws the fields; what it gives makes a price of them, or BadInput with the sentence to show."""
    model = st.text_input(
        "Model", asked.model, placeholder="gpt-5.4, or gpt-5* for all that begin so", max_chars=200, autocomplete="off"
    )
    typed = _typed_rates(asked) if kind == RATES else {}
    factor = "" if kind == RATES else st.text_input("Factor", placeholder="0.85 is 15 % off, 1.1 is 10 % on top")
    with st.container(horizontal=True):
        first = st.date_input("From (UTC day)", asked.first or today, format="YYYY-MM-DD")
        tier = st.selectbox("Tier", [EVERY_TIER, *CONTEXTS])
    note = st.text_input("What it rests on (optional)", placeholder="Contract of 1 March, no. 4711", max_chars=500)

    def made() -> OwnPrice:
        if not model or not model.strip():
            raise BadInput("Please name the model as the provider does; * stands for every model.")
        variant = None if tier == EVERY_TIER else str(tier)
        price = OwnPrice(0, asked.provider, model.strip(), first, variant=variant, note=(note or "").strip())
        return _with_money(price, kind, factor or "", typed)

    return made


def _typed_rates(asked: Asked) -> dict[str, str]:
    """What was typed for each rate, those asked for first in sight and the others folded away."""
    first = asked.rates or USUAL
    typed = {name: _rate_field(asked, name) for name in first}
    with st.expander("Other kinds"):
        typed |= {name: _rate_field(asked, name) for name in RATE_NAMES if name not in first}
    return typed


def _rate_field(asked: Asked, name: str) -> str:
    value = f"{asked.given[name]:f}" if name in asked.given else ""
    otherwise = "as on the list" if asked.listed else "as input" if name == "input_cached_tokens" else None
    # The browser keeps what was typed under a key, also of a form that was closed: another model's rates are its own.
    key = f"rate-{name}-{asked.provider}-{asked.model}"
    return st.text_input(rates.label(name), value, placeholder=otherwise, key=key) or ""


def _with_money(price: OwnPrice, kind: str, factor: str, typed: Mapping[str, str]) -> OwnPrice:
    if kind == FACTOR:
        if not factor.strip():
            raise BadInput("Please say the factor: 0.85 is 15 % off the list price.")
        checked = own_prices.checked_factor(factor.strip())
        return OwnPrice(**{**vars(price), "factor": checked})
    told = {name: own_prices.checked_rate(name, said.strip()) for name, said in typed.items() if said.strip()}
    if not told:
        raise BadInput("Please say at least one rate.")
    return OwnPrice(**{**vars(price), "rates": told})


def _store(ctx: Context, price: OwnPrice) -> str:
    with ctx.product.database.workspace(ctx.workspace_id, write=True) as session:
        workspace_prices.add(session, ctx.workspace_id, price, by=ctx.actor)
    today = clock.day_of(ctx.now)
    what = f"{text.quoted(rates.model(price))}: {text.quoted(rates.said(price))}, {rates.days(price, today=today)}"
    st.session_state[SINCE] = price.effective_from
    return f"Agreed for {what}. {NEXT}"


def ask_end(ctx: Context, price: OwnPrice) -> None:
    """Ask for the day from which the price holds no more."""

    @st.dialog(f"End the price of {text.quoted(rates.model(price))}?")
    def form() -> None:
        gate.recheck(ctx)
        st.markdown(f"{text.dollars(text.quoted(rates.said(price)))}, {rates.days(price, today=clock.day_of(ctx.now))}")
        with st.form("end", border=False):
            on = st.date_input(
                "First UTC day it does not hold for",
                max(clock.day_of(ctx.now), price.effective_from),
                min_value=price.effective_from,
                format="YYYY-MM-DD",
            )
            st.caption("Its own first day takes it back whole. It stays in the list of past prices either way.")
            sent = st.form_submit_button("End it", type=brand.main_button(), icon=":material/event_busy:")
        if sent and _tried(lambda: _end(ctx, price, on)):
            st.rerun()

    form()


def _end(ctx: Context, price: OwnPrice, on: date) -> str:
    with ctx.product.database.workspace(ctx.workspace_id, write=True) as session:
        workspace_prices.end(session, ctx.workspace_id, price.id, on=on, by=ctx.actor)
    st.session_state[SINCE] = on
    held = (
        "is taken back whole" if on <= price.effective_from else f"ends on {text.day(on, today=clock.day_of(ctx.now))}"
    )
    return f"The price of {text.quoted(rates.model(price))} {held}. {NEXT}"


def _tried(act: Callable[[], str]) -> bool:
    """Whether it was done; if not, the reason stands below the fields."""
    try:
        st.session_state[SAID] = act()
    except BadInput as error:
        st.error(text.dollars(text.quoted(str(error))), icon=":material/error:")
        return False
    return True
