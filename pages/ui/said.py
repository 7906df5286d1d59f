"""What Settings says of that which was just done, until the person does something else."""

from __future__ import annotations

import streamlit as st

from pages.ui import live, passports, prospects, text, ways
from pages.ui.ways import Way
from tracker.connections import Added
from tracker.models import KeyStatus

NEXT, SHOWN, SEE = "settings.said", "settings.shown", "settings.see"


def say(words: str, stored: Added | None = None) -> None:
    """Let the page say it the next time it is drawn; `stored` is the key that it is about, if one was stored."""
    st.session_state[NEXT] = (words, stored)
    live.focus(f".st-key-{SEE.replace('.', '-')} button")


def draw(*, workers: int) -> None:
    """What was said last. A page that only keeps itself fresh goes on saying it: nobody reads it in two seconds."""
    by_itself = live.by_itself("settings")
    if NEXT in st.session_state:
        st.session_state[SHOWN] = st.session_state.pop(NEXT)
    elif not by_itself and not st.session_state.get(SEE):  # the button is part of it, and heard only where it is drawn
        st.session_state.pop(SHOWN, None)
    if said := st.session_state.get(SHOWN):
        _draw(*said, workers=workers)


def _draw(words: str, stored: Added | None, *, workers: int) -> None:
    """Of a key that was stored, also what follows and where it is seen, and that it may do too much."""
    follows = prospects.begins(stored.status, workers=workers) if stored else ""
    doubtful = stored is not None and stored.status is KeyStatus.UNCHECKED
    tell, icon = (st.warning, "hourglass") if doubtful else (st.success, "check_circle")
    tell(text.quoted(f"{words} {follows}".strip()), icon=f":material/{icon}:")
    if stored and stored.status is KeyStatus.VALID:
        ways.button("See your dashboard", Way.DASHBOARD, icon=":material/space_dashboard:", key=SEE, main=True)
    if stored and stored.excess:
        passports.too_much(stored.excess, stored.narrowing)
