"""What a stranger sees, whatever address was asked for: the way in, and nothing else."""

from __future__ import annotations

from contextlib import suppress

import streamlit as st

from pages.ui import brand, gate, text
from pages.ui.forms import PASSWORD_RULE, Door, Forms, Typed
from tracker import access, sign_in
from tracker.clock import utc_now
from tracker.errors import BadInput, Conflict
from tracker.product import Product
from tracker.sign_in import Refused

TITLE = "Sign in"
WIDTH_PX = 400
NEW, ANSWER = "sign_in.new", "sign_in.answer"

WRONG = "E-mail or password is not right."
MADE = "If this address is new, your account is ready: sign in. If not, sign in with the password you have."
DIFFERENT = "The two passwords differ. Please type the same one twice."


def render(product: Product) -> None:
    """Draw the form that was chosen; an account can be made or entered, and a demo looked at."""
    with st.container(horizontal_alignment="center"), st.container(width=WIDTH_PX, gap="medium"):
        brand.draw_glyph()
        st.title("See what your LLM APIs cost", anchor=False)
        st.markdown(":gray[Billed and estimated side by side, with every number traceable to its source.]")
        _form(product)
        if product.settings.demo_account:
            _demo(product, product.settings.demo_account)


def _form(product: Product) -> None:
    with st.container():  # always there, so that a word appearing in it moves nothing about
        _answer()
    forms = Forms(Door(sign_in=lambda typed: _sign_in(product, typed), sign_up=lambda typed: _sign_up(product, typed)))
    if st.session_state.get(NEW):
        forms.draw_sign_up()
        st.caption(PASSWORD_RULE)
        _other("I already have an account", new=False)
    else:
        forms.draw_sign_in()
        _other("Create an account", new=True)
    if ANSWER in st.session_state or gate.SESSION in st.session_state:
        st.rerun()


def _answer() -> None:
    """What came of the last try, or why they stand here again."""
    if answer := st.session_state.pop(ANSWER, None):
        words, good = answer
        (st.success if good else st.error)(text.quoted(words))
    elif told := gate.notice():
        st.info(told, icon=":material/logout:")


def _other(label: str, *, new: bool) -> None:
    if st.button(label, type="tertiary"):
        st.session_state[NEW] = new
        st.rerun()


def _sign_in(product: Product, typed: Typed) -> bool:
    here = gate.address(product)
    found = sign_in.sign_in(product.database, typed.email, typed.password, address=here, now=utc_now())
    if isinstance(found, Refused):
        st.session_state[ANSWER] = (WRONG if found.wait is None else text.too_often(found.wait), False)
        return False
    gate.enter(product, found)
    return True


def _sign_up(product: Product, typed: Typed) -> bool:
    """Make the account. Whether the address has one already is never told."""
    if typed.password != typed.repeated:
        st.session_state[ANSWER] = (DIFFERENT, False)
        return False
    if wait := sign_in.may_sign_up(product.database, address=gate.address(product), now=utc_now()):
        st.session_state[ANSWER] = (text.too_often(wait), False)
        return False
    try:
        with suppress(Conflict):
            access.add_user(product.database, typed.email, typed.password, name=typed.name)
    except BadInput as error:
        st.session_state[ANSWER] = (str(error), False)
        return False
    st.session_state[NEW] = False
    st.session_state[ANSWER] = (MADE, True)
    return True


def _demo(product: Product, email: str) -> None:
    st.divider()
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown("**Just looking?** :gray-badge[Demo data]  \n:gray[A year of made-up data.]")
        if st.button("Try the demo", icon=":material/play_arrow:"):
            gate.enter(product, access.user_of(product.database, email))
            st.rerun()
