"""Room for the buttons that Streamlit shows above the right corner of a table or a chart."""

from __future__ import annotations

import streamlit as st

TOOLBAR_PX = 12
"""With the gaps above and below it as high as the buttons reach."""


def room() -> None:
    """A free strip over a table or a chart: on touch its buttons are always there, and nothing may lie under them."""
    st.space(TOOLBAR_PX)
