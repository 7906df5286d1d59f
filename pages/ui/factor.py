"""The part of the account that is about the second factor: set up, recovery codes shown once, turn off."""

from __future__ import annotations

import segno
import streamlit as st

from pages.ui import brand, text
from pages.ui.context import Context
from tracker import second_factor, sign_in
from tracker.audit import Action
from tracker.clock import utc_now
from tracker.errors import BadInput

ENROLMENT, CODES = "factor.enrolment", "factor.codes"
QR_PX = 190


def ask_code() -> str:
    """The field for the code of the moment, or for one of those kept for when the authenticator is lost."""
    return st.text_input("Code of your authenticator, or a recovery code", autocomplete="one-time-code", max_chars=40)


def draw(ctx: Context) -> None:
    """The state of the second factor and the one thing to do about it."""
    st.header("Second factor", anchor=False)
    if codes := st.session_state.get(CODES):
        _show_codes(codes)
    elif second_factor.is_on(ctx.product, ctx.user_id):
        _on(ctx)
    elif enrolment := st.session_state.get(ENROLMENT):
        _set_up(ctx, enrolment)
    else:
        st.caption("Codes of an authenticator app, asked for when you sign in and before a key is touched.")
        if st.button("Set up a second factor", icon=":material/phonelink_lock:"):
            _enrol(ctx)


def _enrol(ctx: Context) -> None:
    try:
        st.session_state[ENROLMENT] = second_factor.enrol(ctx.product, ctx.user_id, ctx.email)
    except BadInput as error:
        st.error(text.quoted(str(error)))
        return
    st.rerun()


def _set_up(ctx: Context, enrolment: second_factor.Enrolment) -> None:
    st.markdown("Scan this with your authenticator, or type the secret into it. Then type the code that it shows.")
    st.image(_qr(enrolment.uri), width=QR_PX)
    st.code(enrolment.secret, language=None)
    with st.form("confirm-factor", border=False, width=400, clear_on_submit=True):
        code = st.text_input("Code", autocomplete="one-time-code", max_chars=10)
        sent = st.form_submit_button("Turn it on", type=brand.main_button())
    if sent:
        _confirm(ctx, code)


def _confirm(ctx: Context, code: str) -> None:
    try:
        codes = second_factor.confirm(ctx.product, ctx.user_id, code, now=utc_now())
    except BadInput as error:
        st.error(text.quoted(str(error)))
        return
    sign_in.tell(ctx.product.database, ctx.user_id, Action.FACTOR_ON, address=ctx.address)
    del st.session_state[ENROLMENT]
    st.session_state[CODES] = codes
    st.rerun()


def _show_codes(codes: list[str]) -> None:
    st.success("Your second factor is on.")
    st.markdown(
        "Keep these recovery codes where only you find them. Each opens your account once. **Shown this once.**"
    )
    st.code("\n".join(codes), language=None)
    if st.button("I have kept them", type=brand.main_button()):
        del st.session_state[CODES]
        st.rerun()


def _on(ctx: Context) -> None:
    st.badge("On", icon=":material/check_circle:", color="green")
    if st.button("Turn it off", icon=":material/phonelink_erase:"):
        second_factor.turn_off(ctx.product, ctx.user_id)
        sign_in.tell(ctx.product.database, ctx.user_id, Action.FACTOR_OFF, address=ctx.address)
        st.rerun()


def _qr(uri: str) -> str:
    """Dark on white in both themes, with the quiet zone that scanners need."""
    drawn: str = segno.make(uri, error="m").svg_inline(scale=4, light="#FFFFFF", dark="#000000", border=4)
    return drawn
