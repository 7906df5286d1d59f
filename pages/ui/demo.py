"""The way into the account that anybody may open, with invented data; there only under `dev.py demo`."""

from __future__ import annotations

import streamlit as st

from pages.ui import gate
from tracker import access
from tracker.product import Product


def button(product: Product, label: str) -> None:
    """A button that leaves whatever account this is for the demo's; none where there is no demo."""
    email = product.settings.demo_account
    if email and st.button(label, icon=":material/play_arrow:"):
        gate.enter(product, access.user_of(product.database, email))
        st.rerun()
