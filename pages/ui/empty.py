"""A page that has nothing to show yet: why it is empty, the one next step, and what it will show then."""

from __future__ import annotations

from datetime import date

import streamlit as st

from pages.ui import demo, notices, text, view_controls
from pages.ui.context import Context
from tracker.explore.reading import Explored
from tracker.overview import keys

CELL_PX = 280

Point = tuple[str, str, str]
"""An icon, what will be there, and what it is good for."""

WILL_SHOW: dict[str, tuple[Point, ...]] = {
    "explore": (
        (
            "query_stats",
            "Any days, by anything",
            "Spend, tokens or requests by model, project, API key or user.",
        ),
        ("ads_click", "The rows behind a bar", "Choose a part of a bar and read the stored rows it is made of."),
        ("bookmark", "Views to keep and to share", "Each view is its address: save it, send it, or download it."),
    ),
    "economics": (
        ("price_check", "The cost of a request", "By day, beside what a thousand tokens cost, over any days."),
        ("trending_up", "What changed, in a sentence", "Which model costs more a request than before, and mostly why."),
        ("cached", "What caching saves", "The share of input that was cached, and what that saved in dollars."),
    ),
    "reconciliation": (
        ("balance", "The bill beside the estimate", "By model and service line, for the same days, never added up."),
        ("waterfall_chart", "Causes that add up", "Each difference by its cause; what no cause explains is named."),
        ("sell", "Prices read off the bill", "What your provider really charges can be made your own price."),
    ),
    "completeness": (
        ("calendar_view_month", "Every day of every endpoint", "Read, provisional, failed or never to be had."),
        ("schedule", "When it is read again", "What is not final is named with the time of its next reading."),
        ("history", "What the provider changed later", "The value of before and of after are both kept."),
    ),
    "prices": (
        ("sell", "The price of every model used", "The list's, with its source and since when it holds, or yours."),
        ("help", "What has no price", "It is in no sum until it has one; each is named with its next step."),
        ("calculate", "Why a number is what it is", "The arithmetic of any day and model, down to its rows."),
    ),
}
"""By the address of the page."""


def nothing_connected(ctx: Context, path: str) -> bool:
    """Whether nothing was ever connected; then the page of this address says what it would show with a key."""
    if not keys.is_blank(ctx.product, ctx.workspace_id):
        return False
    draw(ctx, path)
    return True


def draw(ctx: Context, path: str) -> None:
    """The reason, the step, and what there will be."""
    st.markdown("This page is empty, because no provider is connected yet. Connect a key, and within minutes it shows:")
    grid = st.grid(3, border=True, min_column_width=CELL_PX)
    for icon, what, words in WILL_SHOW[path]:
        with grid.cell():
            st.markdown(f":primary[:material/{icon}:] **{what}**")
            st.caption(words)
    with st.container(horizontal=True, gap="small"):
        notices.to_settings("Connect a key", icon=":material/key:", main=True)
        demo.button(ctx.product, "Look around with demo data")
    st.caption(notices.PROMISE)


def draw_view(seen: Explored, today: date, *, what: str = "usage") -> None:
    """A view of which nothing is stored, and the one step that most likely brings something."""
    st.info(of_view(seen, today, what=what), icon=":material/search_off:")
    if seen.view.only:
        view_controls.draw_clear("view.clear.empty")


def of_view(seen: Explored, today: date, *, what: str = "usage") -> str:
    """That nothing is stored for the view, of days that are not read whether they ever will be, and what to choose."""
    before, waiting = seen.unread
    fact = f"No {what} matches these filters" if seen.view.only else f"No {what} is stored"
    missing = f" {text.several(len(waiting), 'day')} of them were not read yet." if waiting else ""
    if before and seen.history_from:
        begins = text.day(seen.history_from, today=today)
        lie = f"{text.several(len(before), 'day')} of them {'lies' if len(before) == 1 else 'lie'}"
        missing = f" {lie} before the provider's history, which begins on {begins}: never to be read.{missing}"
    days = text.day_range(seen.span.days[0], seen.span.days[-1], today=today)
    if len(waiting) == len(seen.span.days):
        return f"{fact} in {days}.{missing} The dashboard says how far the reading has come."
    return f"{fact} in {days}.{missing} Choose other days" + (", or clear the filters." if seen.view.only else ".")
