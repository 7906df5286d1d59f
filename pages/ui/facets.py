"""What can be chosen in the workspace, kept for a minute: a new name may come a little late to the filters."""

from __future__ import annotations

import streamlit as st

from tracker.explore import reading
from tracker.explore.facets import Facets
from tracker.product import Product

KEPT_S, KEPT_ENTRIES = 60, 200


def kept(product: Product, workspace_id: int) -> Facets:
    """Apart for each workspace and installation."""
    return _kept(product, str(product.database.engine.url), workspace_id)


@st.cache_data(ttl=KEPT_S, max_entries=KEPT_ENTRIES, show_spinner=False)
def _kept(_product: Product, _url: str, workspace_id: int) -> Facets:
    return reading.read_facets(_product, workspace_id)
