"""The one gate. It asks the database at every run and in every fragment whether the session still lives.

The browser's cookie is read only for a run that knows no session yet: what a page was handed at its connection
says nothing about now.
"""

from __future__ import annotations

from datetime import timedelta

import streamlit as st

from pages.ui import bridge
from pages.ui.context import Context
from pages.web import cookie, visitor
from tracker import access, sessions, sign_in
from tracker.audit import Action
from tracker.clock import utc_now
from tracker.product import Product
from tracker.sessions import SignedIn

SESSION, NOTICE, SEEN = "gate.session", "gate.notice", "gate.seen"
KEPT = (bridge.COUNT, SEEN)
"""What a tab remembers whoever looks: its errands' number, and that it looked at what a provider said."""

ENDED = "You were signed out: in another tab, or after an hour without activity."
SIGNED_OUT = "You are signed out, in every tab."


def context(product: Product) -> Context | None:
    """Who looks, None for a stranger. What a session left in memory goes with it."""
    signed = _known(product) or _recognised(product)
    if signed is None:
        return None
    workspaces = access.workspaces_of(product.database, signed.user_id)
    return Context(product, signed, workspaces[0], address(product), utc_now())


def enter(product: Product, user_id: int, *, how: str = "", ago: timedelta = timedelta()) -> None:
    """Open a session for somebody who proved who they are so long `ago`; `how` is for the trail."""
    agent = str(st.context.headers.get("User-Agent", ""))
    here = address(product)
    _end_former(product)
    begun = sessions.begin(product.database, user_id, now=utc_now(), ago=ago, address=here, agent=agent)
    sign_in.tell(product.database, user_id, Action.SIGNED_IN, address=here, subject=how)
    _forget()
    st.session_state[SESSION] = begun.session_id
    bridge.open_session(begun.ticket)


def leave(ctx: Context) -> None:
    """End this session, here and in every other tab."""
    sessions.end(ctx.product.database, ctx.signed.session_id, now=utc_now())
    sign_in.tell(ctx.product.database, ctx.user_id, Action.SIGNED_OUT, address=ctx.address)
    _farewell(SIGNED_OUT)


def leave_everywhere(ctx: Context, words: str) -> None:
    """End every session of this person, this one too, and say why."""
    sessions.end_all(ctx.product.database, ctx.user_id, now=utc_now())
    _farewell(words)


def recheck(ctx: Context, *, is_use: bool = True) -> None:
    """First step of every fragment: run the whole page, gate included, when the session has ended."""
    session_id, now = st.session_state.get(SESSION), utc_now()
    if session_id is None or sessions.check(ctx.product.database, session_id, now=now, is_use=is_use) is None:
        st.rerun(scope="app")


def notice() -> str | None:
    """What to tell somebody who has been signed out, until they come in again."""
    words: str | None = st.session_state.get(NOTICE)
    return words


def address(product: Product) -> str:
    """The visitor's IP address."""
    return visitor.address(st.context.ip_address, st.context.headers, hops=product.settings.proxy_hops)


def _farewell(words: str) -> None:
    _forget()
    st.session_state[NOTICE] = words
    bridge.close_session()


def _end_former(product: Product) -> None:
    """End the session that this browser had: signing in begins a new one, and leaves none behind."""
    token = st.context.cookies.get(cookie.name(product.settings))
    former = sessions.recognise(product.database, token, now=utc_now()) if isinstance(token, str) else None
    for session_id in {st.session_state.get(SESSION), former.session_id if former else None}:
        if isinstance(session_id, int):
            sessions.end(product.database, session_id, now=utc_now())


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
        if key not in KEPT:
            del st.session_state[key]
