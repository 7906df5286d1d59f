"""Keeps a page fresh while work goes on behind it."""

from __future__ import annotations

from datetime import timedelta

import streamlit as st

EVERY_S = 2


def keep_fresh(page: str) -> None:
    """Draw the page again every two seconds, from the gate on; called only while something is under way."""
    st.session_state[_drawn(page)] = True
    _again(page)


@st.fragment(run_every=timedelta(seconds=EVERY_S))
def _again(page: str) -> None:
    """Run by the page itself it does nothing; run by the clock it starts the page over, sign-in gate included."""
    if not st.session_state.pop(_drawn(page), False):
        st.rerun()


def _drawn(page: str) -> str:
    return f"live.{page}"
