"""Asks somebody who is signed in to prove again who they are, before a provider key is touched."""

from __future__ import annotations

from datetime import timedelta

import streamlit as st

from pages.ui import brand, bridge, factor, gate, social, text
from pages.ui.context import Context
from tracker import second_factor, sign_in
from tracker.audit import Action
from tracker.clock import utc_now
from tracker.sign_in import Refused

ASKED, SHORTLY = "proof.asked", timedelta(seconds=15)
"""What was proven for, and how long that opens its dialog again: whoever goes elsewhere meanwhile asks for none."""

WRONG = "That is not right. Please try again."


def stands(ctx: Context, what_for: str) -> bool:
    """Whether they proved just now who they are; where not, the form that asks is drawn.

    The whole page is drawn anew after that, which closes a dialog: `just_proven` says which to open again.
    """
    if ctx.is_demo or ctx.signed.is_proven(utc_now()):
        return True
    st.markdown("Please confirm that it is you; that holds for five minutes.")
    half = social.is_half_proven()
    with st.form(f"proof-{what_for}", border=False):
        password, code = None if half else _ask_password(), ""
        if has_code := second_factor.is_on(ctx.product, ctx.user_id):
            code = factor.ask_code()
        sent = st.form_submit_button("Confirm", type=brand.main_button(), icon=":material/lock_open:")
    if not half:
        social.draw_proof_button(ctx, what_for)
    if sent:
        _check(ctx, password, code if has_code else None, what_for)
    return False


def just_proven(what_for: str) -> bool:
    """Whether the page is drawn because they proved for this who they are: until the browser has its new cookie."""
    asked, until = st.session_state.get(ASKED, ("", None))
    if asked != what_for or until is None or utc_now() > until:
        return False
    if not bridge.is_under_way():
        forget()
    return True


def forget() -> None:
    """Open nothing again: it was closed on purpose."""
    st.session_state.pop(ASKED, None)


def _ask_password() -> str:
    return st.text_input("Your password", type="password", autocomplete="current-password", max_chars=200)


def _check(ctx: Context, password: str | None, code: str | None, what_for: str) -> None:
    """Look at both; no password is asked for where the provider's word stands in for it."""
    database = ctx.product.database
    found: bool | Refused = password is None and code is not None
    if password is not None:
        found = sign_in.prove(database, ctx.user_id, password, address=ctx.address, now=utc_now())
    if found is True and code is not None:
        found = sign_in.check_code(ctx.product, ctx.user_id, code, now=utc_now())
    if found is True:
        sign_in.tell(database, ctx.user_id, Action.IDENTITY_PROVEN, address=ctx.address)
        gate.enter(ctx.product, ctx.user_id)
        st.session_state[ASKED] = what_for, utc_now() + SHORTLY
        st.rerun()
    wait = found.wait if isinstance(found, Refused) else None
    st.error(WRONG if wait is None else text.too_often(wait), icon=":material/lock:")
