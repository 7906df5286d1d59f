"""The title of a block that has no buttons beside it."""

from __future__ import annotations

import streamlit as st


def draw(words: str) -> None:
    """Close to the edge of its block: alone there, a heading of Streamlit (1.67) has a line of empty space above it."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.header(words, anchor=False)
