"""The one gate. It asks the database at every run and in every fragment whether the session still lives.

The browser's cookie is read only for a run that knows no session yet: what a page was handed at its connection
says nothing about now.
"""

from __future__ import annotations

import streamlit as st

from pages.ui import bridge
from pages.ui.context import Context
from pages.web import cookie
from tracker import access, sessions
from tracker.clock import utc_now
from tracker.product import Product
from tracker.sessions import SignedIn

SESSION, NOTICE = "gate.session", "gate.notice"

ENDED = "You were signed out: in another tab, or after an hour without activity."
SIGNED_OUT = "You are signed out, in every tab."


def context(product: Product) -> Context | None:
    """Who looks, None for a stranger. What a session left in memory goes with it."""
    signed = _known(product) or _recognised(product)
    if signed is None:
        return None
    workspaces = access.workspaces_of(product.database, signed.user_id)
    return Context(product, signed.user_id, signed.email, workspaces[0], utc_now())


def enter(product: Product, user_id: int) -> None:
    """Open a session for somebody who has just proven who they are."""
    begun = sessions.begin(product.database, user_id, now=utc_now())
    _forget()
    st.session_state[SESSION] = begun.session_id
    bridge.open_session(begun.ticket)


def leave(ctx: Context) -> None:
    """End this session, here and in every other tab."""
    session_id = st.session_state.get(SESSION)
    if isinstance(session_id, int):
        sessions.end(ctx.product.database, session_id, now=utc_now())
    _forget()
    st.session_state[NOTICE] = SIGNED_OUT
    bridge.close_session()


def recheck(ctx: Context) -> None:
    """First step of every fragment: run the whole page, gate included, when the session has ended."""
    session_id = st.session_state.get(SESSION)
    if session_id is None or sessions.check(ctx.product.database, session_id, now=utc_now()) is None:
        st.rerun(scope="app")


def notice() -> str | None:
    """What to tell somebody who has just been signed out, once."""
    words: str | None = st.session_state.pop(NOTICE, None)
    return words


def _known(product: Product) -> SignedIn | None:
    session_id = st.session_state.get(SESSION)
    if not isinstance(session_id, int):
        return None
    signed = sessions.check(product.database, session_id, now=utc_now())
    if signed is None:
        _forget()
        st.session_state[NOTICE] = ENDED
    return signed


def _recognised(product: Product) -> SignedIn | None:
    token = st.context.cookies.get(cookie.name(product.settings))
    signed = sessions.recognise(product.database, token, now=utc_now()) if isinstance(token, str) else None
    if signed is not None:
        st.session_state[SESSION] = signed.session_id
    return signed


def _forget() -> None:
    for key in list(st.session_state):
        if key != bridge.COUNT:
            del st.session_state[key]
