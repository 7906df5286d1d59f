"""What usage is priced at: agreed prices, the list's, what lacks one; why a number is what it is; pricing anew."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from pages.ui import agreed, agreeing, anew, arithmetic, text
from pages.ui.addresses import Word
from pages.ui.context import Context
from tracker import clock

TITLE = "Prices"
ICON = ":material/sell:"

VIEWS: dict[str, Callable[[Context], None]] = {
    "Prices": agreed.draw,
    arithmetic.VIEW: arithmetic.draw,
    anew.VIEW: anew.draw,
}
WORDS = (Word("view", tuple(VIEWS)), *arithmetic.WORDS, *anew.WORDS)


def render(ctx: Context) -> None:
    """Draw the page for one person's workspace."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.title(TITLE, anchor=False)
        chosen = st.segmented_control(
            "View",
            list(VIEWS),
            # What a button of another place has chosen is there already, and Streamlit warns of a default beside it.
            default=None if "view" in st.session_state else next(iter(VIEWS)),
            required=True,
            label_visibility="collapsed",
            key="view",
            bind="query-params",
        )
    _said(ctx)
    VIEWS.get(str(chosen), agreed.draw)(ctx)
    st.caption(text.DISCLAIMER)


def _said(ctx: Context) -> None:
    """What was just done, and the way to what it would change of the past."""
    since = st.session_state.pop(agreeing.SINCE, None)
    if words := st.session_state.pop(agreeing.SAID, None):
        st.success(text.dollars(words), icon=":material/check_circle:")
        if since and since <= clock.day_of(ctx.now):
            anew.button_to("Show what repricing would change", since, key="said-reprice")
