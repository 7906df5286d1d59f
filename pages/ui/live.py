"""Keeps a page fresh while work goes on behind it, and has said aloud what a choice changed."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import timedelta
from functools import lru_cache

import streamlit as st
from streamlit.components.v2.types import ComponentRenderer

from pages.ui import gate, text
from pages.ui.context import Context

EVERY_S = 2

RING = """
:root :is(a, button, summary):focus-visible { outline: 2px solid #6B74E0; outline-offset: 1px; }
"""
"""Streamlit (1.67) tints what has the focus by 1.13:1 in its navigation; WCAG 2.2, 1.4.11, asks for 3:1. The colour has
that on the grounds of both themes.
"""

SCRIPT = """
let [errand, waiting, off] = [null, 0, () => {}];

const goOn = (selector, held, tries) => {
  const [here, wanted] = [document.activeElement, [...document.querySelectorAll(selector)].find((e) => !e.value)];
  if (here !== document.body && here !== held) { return; }
  if (wanted && here === document.body) { wanted.focus(); }
  else if (tries) { setTimeout(() => goOn(selector, held, tries - 1), 100); }
};

export default function ({ data, setTriggerValue }) {
  if (data && data.errand !== errand) { errand = data.errand; goOn(data.selector, document.activeElement, 100); }
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const tell = () => {
    if (document.querySelector('[role="dialog"]')) { waiting = setTimeout(tell, 250); }
    else { setTriggerValue("turned", dark.matches); }
  };
  const turned = () => { clearTimeout(waiting); waiting = setTimeout(tell, 250); };
  off();  // it is called again with every errand and theme, and what it gives back only when it is taken away
  dark.addEventListener("change", turned);
  off = () => dark.removeEventListener("change", turned);
  return () => { off(); clearTimeout(waiting); };
}
"""
"""Two things that Streamlit (1.67) leaves. What had the focus may be gone from the page, and it is then nowhere: it
goes on to what was named, if nobody has moved it. And when the system goes over to its other theme, Streamlit changes
its own parts at once and leaves what is drawn here, as charts and the sign, in the colours of the former. A dialog is
waited for, because it would close, with all that was typed into it.
"""

FOCUS, TURNED = "live.focus", "live.turned"
FIELD = "main input"


def say(words: str) -> None:
    """A sentence of ours, as Markdown, that a screen reader tells, politely, each time that it has changed.

    Of all that Streamlit (1.67) draws only st.info and st.success are such regions (role "status") and stay.
    """
    st.info(text.dollars(words))


def keep_fresh(page: str) -> None:
    """Draw the page again every two seconds, from the gate on; called only while something is under way."""
    st.session_state[_drawn(page)] = True
    _again(page)


@st.fragment(run_every=timedelta(seconds=EVERY_S))
def draw_again_when(ctx: Context, has_come: Callable[[], bool]) -> None:
    """Look every two seconds whether it has come, and draw the page again once it has.

    What is waited for may never come: so little is looked at, and a page left open keeps no session from its end.
    """
    gate.recheck(ctx, is_use=False)
    if has_come():
        st.rerun()


@st.fragment(run_every=timedelta(seconds=EVERY_S))
def _again(page: str) -> None:
    """Run by the page itself it does nothing; run by the clock it starts the page over, sign-in gate included."""
    if not st.session_state.pop(_drawn(page), False):
        st.session_state[_itself(page)] = True
        st.rerun()


def focus(selector: str = FIELD) -> None:
    """Have the keyboard go on at the first of these that is empty, where what was pressed is gone from the page."""
    # No number: the page in the browser outlives the session that would count them.
    st.session_state[FOCUS] = {"errand": secrets.token_hex(8), "selector": selector}


def mount() -> None:
    """Put into the page what must hold on all: focus that is seen and not lost, and the system's theme followed."""
    _mounted()(key="live", data=st.session_state.get(FOCUS), on_turned_change=_turned)
    st.session_state.pop(TURNED, None)


def _turned() -> None:
    st.session_state[TURNED] = True


@lru_cache(maxsize=1)
def _mounted() -> ComponentRenderer:
    return st.components.v2.component("tracker_live", js=SCRIPT, css=RING, isolate_styles=False)


def by_itself(page: str) -> bool:
    """Whether the page is drawn anew by clock or theme alone; asked once each time that it is drawn."""
    return bool(st.session_state.pop(_itself(page), False)) or TURNED in st.session_state


def _drawn(page: str) -> str:
    return f"live.{page}"


def _itself(page: str) -> str:
    return f"live.{page}.itself"
