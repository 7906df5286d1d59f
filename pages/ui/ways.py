"""Buttons that lead to another page, where the next step of a message is taken."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from urllib.parse import parse_qsl

import streamlit as st

from pages.ui import brand
from tracker.explore.view import View


class Tab(StrEnum):
    """The parts of Settings, as their tabs and their addresses name them."""

    KEYS = "Provider keys"
    BUDGET = "Budget"
    ACCOUNT = "Account"
    TRAIL = "Audit trail"


class Way(StrEnum):
    """The addresses that other pages lead to; a test holds them against the registry."""

    DASHBOARD = "dashboard"
    PRICES = "prices"
    COMPLETENESS = "completeness"
    SETTINGS = "settings"
    BUDGET = f"settings?tab={Tab.BUDGET}"
    EXPLORE = "explore"

    @property
    def path(self) -> str:
        return self.partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(self.partition("?")[2]))


FIRST: Mapping[str, Mapping[str, str]] = {"prices": {"view": "Prices"}, "settings": {"tab": Tab.KEYS.value}}
"""What a page opens on that would open on what it was left at."""


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
        st.session_state.update({**FIRST.get(way.path, {}), **way.query})
        # A page is known by its address; what is drawn there is the registry's.
        page = st.Page(_elsewhere, title=way.path.capitalize(), url_path=way.path)
        st.switch_page(page, query_params=view.parameters() if view else way.query)


def _elsewhere() -> None:
    """Stands for a page that another module draws."""
