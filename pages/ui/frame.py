"""The frame around every page: the sign-in gate first, then the navigation. Nothing is reachable around it.

A stranger gets the same addresses with the sign-in form behind each, so that a deep link survives signing in.
"""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from pages import sign_in
from pages.registry import PAGES, Page
from pages.ui import addresses, brand, bridge, failures, gate, live, social, text
from pages.ui.context import Context
from pages.web.running import settle, the_product
from tracker import recovery
from tracker.clock import utc_now
from tracker.errors import BadInput
from tracker.product import Product
from tracker.tickets import Purpose

SIDEBAR_PX = 232


def draw() -> None:
    """One run of the script for one browser tab."""
    product = the_product()
    ctx = gate.context(product)
    st.set_page_config(
        page_title=brand.NAME,
        page_icon=brand.FAVICON,
        layout="wide",
        initial_sidebar_state=SIDEBAR_PX if ctx else "collapsed",
    )
    _confirm(product)
    if ctx is None:
        st.navigation([_page(page, _sign_in(product)) for page in PAGES], position="hidden").run()
    else:
        _draw_signed_in(ctx)
        settle()
    bridge.draw()
    live.mount()


def _confirm(product: Product) -> None:
    """Take note of a confirmation link, whoever follows it: having it is the proof."""
    ticket = st.query_params.get(Purpose.VERIFY.value)
    if ticket:
        del st.query_params[Purpose.VERIFY.value]
        try:
            recovery.confirm(product.database, ticket, now=utc_now())
            st.toast("Your address is confirmed.", icon=":material/check_circle:")
        except BadInput as error:
            st.toast(str(error), icon=":material/error:")


def _draw_signed_in(ctx: Context) -> None:
    social.prove(ctx)
    # One list without headings: Streamlit (1.67) makes no list that can be read aloud of one with them.
    chosen = st.navigation([_page(page, _render(page, ctx)) for page in PAGES])
    brand.draw_logo()
    with st.sidebar:
        _account(ctx)
    if refused := ctx.product.database.writes.refused:
        failures.show_refusal(refused)
    chosen.run()


def _account(ctx: Context) -> None:
    if ctx.is_demo:
        st.badge("Demo data", icon=":material/science:", color="gray")
    st.caption(f"Signed in as  \n{text.quoted(ctx.email)}")
    if st.button("Sign out", icon=":material/logout:", type="tertiary"):
        gate.leave(ctx)
        st.rerun()


def _page(page: Page, draw_it: Callable[[], None]) -> StreamlitPage:
    return st.Page(draw_it, title=page.title, icon=page.icon, url_path=page.path, default=page is PAGES[0])


def _render(page: Page, ctx: Context) -> Callable[[], None]:
    def draw_it() -> None:
        addresses.begin(page.path, page.words)
        page.render(ctx)
        addresses.end(page.words)

    return draw_it


def _sign_in(product: Product) -> Callable[[], None]:
    return lambda: sign_in.render(product)
