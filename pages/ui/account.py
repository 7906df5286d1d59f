"""The part of Settings that is about the person: the browsers they are signed in with, and their password."""

from __future__ import annotations

import streamlit as st

from pages.ui import brand, factor, gate, proof, text
from pages.ui.context import Context
from pages.ui.forms import PASSWORD_RULE
from tracker import access, recovery, sessions, sign_in
from tracker.audit import Action
from tracker.clock import day_of
from tracker.errors import BadInput
from tracker.mail import Kind
from tracker.sessions import Listed

DIFFERENT = "The two passwords differ. Please type the same one twice."
CHANGED = "Your password is changed and every session ended. Please sign in with the new one."
EVERYWHERE = "You are signed out in every browser."

BROWSERS = {"Edg/": "Edge", "Firefox/": "Firefox", "Chrome/": "Chrome", "Safari/": "Safari"}
SYSTEMS = {
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Windows": "Windows",
    "Mac OS": "macOS",
    "Linux": "Linux",
}


def draw(ctx: Context) -> None:
    """The signed-in browsers, the way to end them all, and another password."""
    st.markdown(f"Signed in as **{text.quoted(ctx.email)}**.")
    _confirmation(ctx)
    _sessions(ctx)
    if ctx.is_demo:
        st.caption("This account is open to anybody, so it has no password to change.")
        return
    if proof.stands(ctx, "account"):
        _password(ctx)
        factor.draw(ctx)


def _confirmation(ctx: Context) -> None:
    """That the address is not known to be theirs yet, and the way to another link."""
    if ctx.is_demo or recovery.is_confirmed(ctx.product.database, ctx.user_id):
        return
    st.caption("This address is not confirmed yet. The link in the message that you were sent does it.")
    if st.button("Send the link again", icon=":material/mail:"):
        recovery.ask(ctx.product.database, ctx.user_id, Kind.VERIFY, now=ctx.now)
        st.toast("A link is on its way.")


def _sessions(ctx: Context) -> None:
    st.header("Signed-in browsers", anchor=False)
    for listed in sessions.living(ctx.product.database, ctx.user_id, now=ctx.now):
        with st.container(border=True, horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(_words(listed, ctx), width="stretch")
            if listed.session_id == ctx.signed.session_id:
                st.badge("This browser", color="green", icon=":material/check_circle:")
    if st.button("Sign out everywhere", icon=":material/logout:"):
        sign_in.tell(ctx.product.database, ctx.user_id, Action.SESSIONS_ENDED, address=ctx.address)
        gate.leave_everywhere(ctx, EVERYWHERE)
        st.rerun()
    st.caption("A session ends after an hour without use and after a day in any case.")


def _words(listed: Listed, ctx: Context) -> str:
    began = text.instant(listed.created_at, today=day_of(ctx.now))
    used = text.age(ctx.now - listed.last_used_at)
    origin = text.quoted(listed.address or "an unknown address")
    return f"**{browser_of(listed.agent)}** from {origin}  \n:gray[since {began}, last used {used}]"


def browser_of(agent: str) -> str:
    """A browser and its system in words of ours; what a browser says of itself is never shown as it is."""
    browser = next((name for mark, name in BROWSERS.items() if mark in agent), "A browser")
    system = next((name for mark, name in SYSTEMS.items() if mark in agent), None)
    return f"{browser} on {system}" if system else browser


def _password(ctx: Context) -> None:
    st.header("Change the password", anchor=False)
    with st.form("change-password", width=400, clear_on_submit=True):
        new = st.text_input("New password", type="password", autocomplete="new-password", max_chars=200)
        again = st.text_input("Repeat the new password", type="password", autocomplete="new-password", max_chars=200)
        st.caption(PASSWORD_RULE)
        sent = st.form_submit_button("Change the password", type=brand.main_button())
    if sent:
        _change(ctx, new, again)


def _change(ctx: Context, new: str, again: str) -> None:
    try:
        if new != again:
            st.error(DIFFERENT)
            return
        access.change_password(ctx.product.database, ctx.user_id, new)
    except BadInput as error:
        st.error(text.quoted(str(error)))
        return
    recovery.ask(ctx.product.database, ctx.user_id, Kind.PASSWORD_CHANGED, now=ctx.now)
    sign_in.tell(ctx.product.database, ctx.user_id, Action.PASSWORD_CHANGED, address=ctx.address)
    gate.leave_everywhere(ctx, CHANGED)
    st.rerun()
