"""The saved views of a workspace: opened by a link, kept, renamed and deleted here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from pages.ui import text, view_controls
from pages.ui.context import Context
from tracker import saved_views
from tracker.errors import BadInput
from tracker.explore.view import View
from tracker.saved_views import MOST_NAME, Kept

NEW, OTHER, CHOSEN, TOLD = "saved.new", "saved.other", "saved.chosen", "saved.told"
OPENINGS = "saved.openings"


def draw(ctx: Context, view: View) -> None:
    """A popover with all of them."""
    with ctx.product.database.workspace(ctx.workspace_id) as session:
        kept = saved_views.every(session, ctx.workspace_id)
    # One of another name is closed: the view that was opened is what somebody wants to see.
    with st.popover("Saved views", icon=":material/bookmark:", key=f"saved.{st.session_state.get(OPENINGS, 0)}"):
        if told := st.session_state.pop(TOLD, None):
            words, good = told
            (st.success if good else st.error)(text.quoted(words))
        if kept:
            _choose(ctx, kept)
            st.divider()
        st.text_input("Name for the view on screen", key=NEW, max_chars=MOST_NAME)
        st.button("Save this view", on_click=_save, args=(ctx, view), icon=":material/bookmark_add:")
        st.caption("Everybody of the workspace sees them. The address above can be shared as it is, too.")


def _choose(ctx: Context, kept: list[Kept]) -> None:
    names = {each.name: each.view for each in kept}
    if st.session_state.get(CHOSEN) not in names:
        st.session_state[CHOSEN] = next(iter(names))
    name = str(st.selectbox("Saved view", list(names), key=CHOSEN))
    with st.container(horizontal=True, gap="small"):
        st.button("Open this view", on_click=_open, args=(names[name],), icon=":material/open_in_new:")
        st.button("Delete it", on_click=_delete, args=(ctx, name), icon=":material/delete:")
    st.text_input("Another name for it", key=OTHER, max_chars=MOST_NAME)
    st.button("Rename it", on_click=_rename, args=(ctx, name), icon=":material/edit:")


def _open(view: View) -> None:
    st.session_state[OPENINGS] = st.session_state.get(OPENINGS, 0) + 1
    view_controls.go(view)


def _save(ctx: Context, view: View) -> None:
    name = str(st.session_state.get(NEW, ""))
    said = f"“{name.strip()}” is saved."
    _change(
        ctx,
        lambda session: saved_views.save(session, ctx.workspace_id, name, view, user_id=ctx.user_id),
        name,
        said,
        typed=NEW,
    )


def _rename(ctx: Context, name: str) -> None:
    new = str(st.session_state.get(OTHER, ""))
    _change(
        ctx,
        lambda session: saved_views.rename(session, ctx.workspace_id, name, new),
        new,
        f"“{name}” is now “{new.strip()}”.",
        typed=OTHER,
    )


def _delete(ctx: Context, name: str) -> None:
    _change(ctx, lambda session: saved_views.remove(session, ctx.workspace_id, name), None, f"“{name}” is deleted.")


def _change(
    ctx: Context, work: Callable[[Any], None], chosen: str | None, said: str, *, typed: str | None = None
) -> None:
    """Do it, say so, show it as chosen and empty the field it was typed into, or say why not."""
    try:
        with ctx.product.database.workspace(ctx.workspace_id, write=True) as session:
            work(session)
    except BadInput as error:
        st.session_state[TOLD] = str(error), False
        return
    st.session_state[TOLD] = said, True
    if typed:
        st.session_state[typed] = ""
    if chosen:
        st.session_state[CHOSEN] = " ".join(chosen.split())
