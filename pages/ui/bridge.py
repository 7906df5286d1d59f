"""Lets the browser call one of our routes, because only an answer over HTTP can set or take back a cookie.

The script names an errand; a few lines in the page carry it out once and say so. Nothing of it is shown.
"""

from __future__ import annotations

from functools import lru_cache

import streamlit as st
from streamlit.components.v2.types import ComponentRenderer

ERRAND, COUNT = "bridge.errand", "bridge.count"

SCRIPT = """
let last = 0;
export default function ({ data, setTriggerValue }) {
  if (!data || data.number <= last) { return; }
  last = data.number;
  const go = (left) => fetch(data.address, {
    method: "POST",
    credentials: "same-origin",
    headers: { "Content-Type": "application/json", "X-Requested-With": "tracker" },
    body: JSON.stringify({ ticket: data.ticket }),
  }).then((answer) => done(answer.status, left), () => done(0, left));
  const done = (status, left) => (status === 0 || status >= 500) && left > 0
    ? setTimeout(go, 1000, left - 1) : setTriggerValue("answered", status);
  go(5);
}
"""
"""While the server cannot do its part, as when the database is busy, it is asked again: without the cookie, whoever
signed in would be a stranger at the next reload. A ticket whose answer alone was lost is refused, as if used twice.
"""


def open_session(ticket: str) -> None:
    """Have the browser fetch the cookie for this ticket."""
    _send("/auth/session", ticket)


def close_session() -> None:
    """Have the browser give the cookie back."""
    _send("/auth/logout", "")


def forget_identity() -> None:
    """Have the browser give back what an OpenID provider said of somebody."""
    _send("/auth/forget", "")


def draw() -> None:
    """Keep the errand mounted until the browser has done it."""
    errand = st.session_state.get(ERRAND)
    if errand:
        answer = _component()(data=errand, key=f"bridge-{errand['number']}", on_answered_change=lambda: None)
        if answer.get("answered") is not None:
            del st.session_state[ERRAND]


def is_under_way() -> bool:
    """Whether the browser has not done its errand yet: the page is drawn once more when it has."""
    return ERRAND in st.session_state


def _send(address: str, ticket: str) -> None:
    number = st.session_state.get(COUNT, 0) + 1
    st.session_state[COUNT] = number
    st.session_state[ERRAND] = {"address": address, "ticket": ticket, "number": number}


@lru_cache(maxsize=1)
def _component() -> ComponentRenderer:
    return st.components.v2.component("tracker_bridge", js=SCRIPT)
