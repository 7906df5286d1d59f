"""Buttons that lead to another page, where the next step of a message is taken."""

from __future__ import annotations

from enum import StrEnum

import streamlit as st

from pages.ui import brand
from tracker.explore.view import View


class Way(StrEnum):
    """The addresses of pages that other pages lead to; a test holds them against the registry."""

    PRICES = "prices"
    COMPLETENESS = "completeness"
    SETTINGS = "settings"
    EXPLORE = "explore"


def button(
    label: str,
    way: Way,
    *,
    icon: str | None = None,
    key: str | None = None,
    main: bool = False,
    view: View | None = None,
) -> None:
    """A button to a page, or to a view of it; the page's one main button is told apart where that can be read."""
    if st.button(label, icon=icon, type=brand.main_button() if main else "secondary", key=key):
        if way is Way.PRICES:
            st.session_state["view"] = "Prices"  # or it would open on the view it was left at
        # A page is known by its address; what is drawn there is the registry's.
        page = st.Page(_elsewhere, title=way.value.capitalize(), url_path=way.value)
        st.switch_page(page, query_params=view.parameters() if view else None)


def _elsewhere() -> None:
    """Stands for a page that another module draws."""
