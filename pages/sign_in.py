"""What a stranger sees, whatever address was asked for: the way in, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import streamlit as st

from pages.ui import brand, demo, factor, gate, live, social, text
from pages.ui.forms import PASSWORD_RULE, Door, Forms, Typed
from tracker import identities, mail, recovery, second_factor, sign_in
from tracker.clock import utc_now
from tracker.errors import BadInput
from tracker.identities import AskPassword, TurnedAway
from tracker.product import Product
from tracker.sign_in import Refused
from tracker.tickets import Purpose

TITLE = "Sign in"
WIDTH_PX = 400
FORM, ANSWER, ARRIVED, KNOWN = "sign_in.form", "sign_in.answer", "sign_in.arrived", "sign_in.email"
SIGN_IN, SIGN_UP, FORGOTTEN, CODE = "in", "up", "forgotten", "code"
PENDING, CODE_WITHIN = "sign_in.pending", timedelta(minutes=5)

WRONG = "E-mail or password is not right."
MADE = "If this address is new, your account is ready: sign in. If not, sign in or choose another password."
WRONG_CODE = "That code is not right, or was used already."
ASKED = "If there is an account for this address, a link is on its way. It works for thirty minutes."
CHANGED = "Your password is changed and every session ended. Please sign in with the new one."
BOTH = (
    "There is an account for this address already. Sign in with its password once; from then on both ways open it. "
    "If you do not know the password, choose another one first."
)
DIFFERENT = "The two passwords differ. Please type the same one twice."


def render(product: Product) -> None:
    """Draw the form that was chosen; an account can be made or entered, and a demo looked at."""
    _arrive(product)
    with st.container(horizontal_alignment="center"), st.container(width=WIDTH_PX, gap="medium"):
        brand.draw_sign()
        st.title("See what your LLM APIs cost", anchor=False)
        st.markdown(":gray[Billed and estimated side by side, with every number traceable to its source.]")
        _form(product)
        if product.settings.demo_account:
            _demo(product)


def _form(product: Product) -> None:
    with st.container():  # always there, so that a word appearing in it moves nothing about
        _answer()
    forms = Forms(Door(sign_in=lambda typed: _sign_in(product, typed), sign_up=lambda typed: _sign_up(product, typed)))
    ticket = st.query_params.get(Purpose.RESET.value)
    if ticket:
        _reset(product, ticket)
    else:
        DRAWN[st.session_state.get(FORM, SIGN_IN)](product, forms)
    if ANSWER in st.session_state or gate.SESSION in st.session_state:
        st.rerun()


def _answer() -> None:
    """What came of the last try, or why they stand here again."""
    if answer := st.session_state.pop(ANSWER, None):
        words, good = answer
        st.session_state.pop(ARRIVED, None)
        (st.success if good else st.error)(text.quoted(words))
    elif arrived := st.session_state.get(ARRIVED):
        words, good = arrived
        (st.info if good else st.error)(text.quoted(words))
    elif told := gate.notice():
        st.info(told, icon=":material/logout:")


def _draw_sign_in(product: Product, forms: Forms) -> None:
    forms.draw_sign_in(st.session_state.get(KNOWN, ""))
    with st.container(horizontal=True, horizontal_alignment="distribute"):
        _other("Create an account", SIGN_UP)
        _other("Forgot your password?", FORGOTTEN)
    social.draw_button(product)


def _draw_sign_up(_product: Product, forms: Forms) -> None:
    forms.draw_sign_up()
    st.caption(PASSWORD_RULE)
    _other("I already have an account", SIGN_IN)


def _draw_forgotten(product: Product, _forms: Forms) -> None:
    with st.form("forgotten"):
        st.subheader("Choose another password", anchor=False)
        email = st.text_input("E-mail", autocomplete="email", max_chars=300)
        sent = st.form_submit_button("Send me a link")
    st.caption(_where_messages_go(product))
    _other("Back to sign in", SIGN_IN)
    if sent:
        _ask_reset(product, email)


def _draw_code(product: Product, _forms: Forms) -> None:
    """The second step of somebody whose password was right."""
    user_id, until, how, ago = st.session_state.get(PENDING, (0, None, "", timedelta()))
    if until is None or utc_now() > until:
        _show(SIGN_IN)
        st.rerun()
    with st.form("code", clear_on_submit=True):
        st.subheader("Your second factor", anchor=False)
        code = factor.ask_code()
        sent = st.form_submit_button("Go on")
    _other("Back to sign in", SIGN_IN)
    if sent:
        found = sign_in.check_code(product, user_id, code, now=utc_now())
        if found is True:
            _enter(product, user_id, how, ago)
        else:
            st.session_state[ANSWER] = (WRONG_CODE if found.wait is None else text.too_often(found.wait), False)


DRAWN: dict[str, Callable[[Product, Forms], None]] = {
    SIGN_IN: _draw_sign_in,
    SIGN_UP: _draw_sign_up,
    FORGOTTEN: _draw_forgotten,
    CODE: _draw_code,
}


def _other(label: str, form: str) -> None:
    if st.button(label, type="tertiary"):
        _show(form)
        st.rerun()


def _show(form: str) -> None:
    st.session_state[FORM] = form
    live.focus()


def _where_messages_go(product: Product) -> str:
    if product.settings.smtp_url:
        return "The message comes within a minute while a worker runs."
    return f"No mail server is configured: the worker writes messages to `{mail.folder(product.settings)}` instead."


def _ask_reset(product: Product, email: str) -> None:
    here, now = gate.address(product), utc_now()
    if wait := sign_in.may_sign_up(product.database, address=here, now=now):
        st.session_state[ANSWER] = (text.too_often(wait), False)
        return
    recovery.ask_reset(product.database, email, now=now)
    st.session_state[KNOWN] = email.strip()
    st.session_state[ANSWER] = (ASKED, True)
    _show(SIGN_IN)


def _reset(product: Product, ticket: str) -> None:
    """The form behind a reset link. Looking at it does not use the link up."""
    if not recovery.is_good(product.database, ticket, now=utc_now()):
        st.error(recovery.SPENT)
        if st.button("Ask for another link"):
            _leave_link(FORGOTTEN)
        return
    with st.form("reset"):
        st.subheader("Choose another password", anchor=False)
        new = st.text_input("New password", type="password", autocomplete="new-password", max_chars=200)
        again = st.text_input("Repeat the new password", type="password", autocomplete="new-password", max_chars=200)
        sent = st.form_submit_button("Change the password")
    st.caption(PASSWORD_RULE)
    if sent and _changed(product, ticket, new, again):
        st.session_state[ANSWER] = (CHANGED, True)
        _leave_link(SIGN_IN)


def _changed(product: Product, ticket: str, new: str, again: str) -> bool:
    try:
        if new != again:
            st.error(DIFFERENT)
            return False
        recovery.reset(product.database, ticket, new, address=gate.address(product), now=utc_now())
    except BadInput as error:
        st.error(text.quoted(str(error)))
        return False
    return True


def _leave_link(form: str) -> None:
    st.query_params.clear()
    _show(form)
    st.rerun()


def _sign_in(product: Product, typed: Typed) -> bool:
    here = gate.address(product)
    found = sign_in.sign_in(product.database, typed.email, typed.password, address=here, now=utc_now())
    if isinstance(found, Refused):
        st.session_state[ANSWER] = (WRONG if found.wait is None else text.too_often(found.wait), False)
        return False
    return _go_on(product, found, "")


def _go_on(product: Product, user_id: int, how: str, ago: timedelta = timedelta()) -> bool:
    """Let them in, or ask for the second factor first; whether they are in."""
    if second_factor.is_on(product, user_id):
        st.session_state[PENDING] = (user_id, utc_now() + CODE_WITHIN, how, ago)
        _show(CODE)
        st.session_state[ANSWER] = None
        return False
    _enter(product, user_id, how, ago)
    return True


def _enter(product: Product, user_id: int, how: str, ago: timedelta) -> None:
    social.connect(product, user_id)
    gate.enter(product, user_id, how=how, ago=ago)


def _arrive(product: Product) -> None:
    """Take in somebody whom the provider has just sent here."""
    try:
        proof = social.arrived(product)
    except BadInput as error:
        st.session_state[ARRIVED] = (str(error), False)
        return
    if proof is None:
        return
    here, now = gate.address(product), utc_now()
    found = identities.take(product.database, proof, address=here, now=now)
    if isinstance(found, TurnedAway):
        st.session_state[ARRIVED] = (found.words, False)
    elif isinstance(found, AskPassword):
        social.wait_for_password(proof)
        st.session_state[ARRIVED] = (BOTH, True)
    else:
        _go_on(product, found.user_id, f"with {proof.issuer}", proof.age)


def _sign_up(product: Product, typed: Typed) -> bool:
    """Make the account. Whether the address has one already is never told."""
    if typed.password != typed.repeated:
        st.session_state[ANSWER] = (DIFFERENT, False)
        return False
    if wait := sign_in.may_sign_up(product.database, address=gate.address(product), now=utc_now()):
        st.session_state[ANSWER] = (text.too_often(wait), False)
        return False
    try:
        here, now = gate.address(product), utc_now()
        recovery.sign_up(product.database, typed.email, typed.password, name=typed.name, address=here, now=now)
    except BadInput as error:
        st.session_state[ANSWER] = (str(error), False)
        return False
    _show(SIGN_IN)
    st.session_state[KNOWN] = typed.email.strip()  # so that it need not be typed a third time
    st.session_state[ANSWER] = (MADE, True)
    return True


def _demo(product: Product) -> None:
    st.divider()
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown("**Just looking?** :gray-badge[Demo data]  \n:gray[A year of made-up data.]")
        demo.button(product, "Try the demo")
