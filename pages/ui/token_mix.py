"""What tokens there were, and what caching saved on them."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from pages.ui import headings, tables, text, toolbars
from tracker.explore.unit_costs import Caching

KIND_PX, TOKENS_PX, SHARE_PX = 118, 94, 104
"""Together no wider than the block on a phone of 390 pixels; on a wider page they grow."""


def draw(mix: Mapping[str, int], caching: Caching) -> None:
    """One block; no token is in two kinds."""
    with st.container(border=True, gap="small"):
        headings.draw("What the tokens were, and what caching saved")
        st.markdown(text.dollars(_saved(caching)))
        if mix:
            toolbars.room()
            st.dataframe(
                tables.mix_table(mix),
                hide_index=True,
                height="content",
                row_height=34,
                column_config={
                    "Kind": st.column_config.TextColumn(width=KIND_PX),
                    "Tokens": st.column_config.NumberColumn(format="localized", width=TOKENS_PX),
                    "Share": st.column_config.ProgressColumn(
                        format="%.1f %%", min_value=0, max_value=100, width=SHARE_PX, color="gray"
                    ),
                },
                alt="Tokens by kind, one row a kind, the largest first; no token is in two kinds.",
            )
        st.caption(
            "Saved: cached tokens × (rate of uncached input − rate of cached input), at the rates each row was priced "
            "at, less what writing the cache cost above plain input. Tokens without a known rate are in no sum. "
            "Cached tokens are of text, audio and images. Shares here are of all tokens; elsewhere those from a "
            "cache are told as a part of the input."
        )


def _saved(told: Caching) -> str:
    if not told.cached:
        return "No input came from a cache in these days."
    if told.net is None:
        return f"What caching saved is unknown: the {text.count(told.cached)} cached input tokens have no known rate."
    known = text.count(told.cached - told.unknown)
    written = f", after {text.money(told.written)} spent on writing to the cache" if told.written else ""
    unknown = f" {text.count(told.unknown)} more cached tokens have no known rate." if told.unknown else ""
    return f"Caching saved **{text.money(told.net)}** (estimate) on {known} cached tokens{written}.{unknown}"
