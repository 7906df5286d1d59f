"""The part of Settings that tells who did what in the workspace, from where, and when."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pages.ui import text, toolbars
from pages.ui.context import Context
from tracker import audit
from tracker.audit import Entry

FILE = "/export/audit.csv?last=10000"


def draw(ctx: Context) -> None:
    """The newest lines and the way to take all of them away."""
    with ctx.product.database.workspace(ctx.workspace_id) as session:
        entries = audit.trail(session, ctx.workspace_id)
    st.caption("Lines are only ever added. Times are UTC; “operator” is somebody at the machine itself.")
    toolbars.room()
    st.dataframe(
        frame(entries),
        hide_index=True,
        height="content" if len(entries) < 12 else 420,
        row_height=34,
        column_config={"When (UTC)": st.column_config.DatetimeColumn(format="D MMM, HH:mm:ss", timezone="UTC")},
        alt="The newest lines of the audit trail, one row each.",
    )
    st.link_button("The audit trail as CSV", FILE, type="tertiary", icon=":material/download:")


def frame(entries: list[Entry]) -> pd.DataFrame:
    """One row a line, newest first."""
    rows = [
        {
            "When (UTC)": entry.at,
            "Who": text.in_cell(entry.who or "operator"),
            "Did": entry.action,
            "What": text.in_cell(entry.subject),
            "From": text.in_cell(entry.address),
        }
        for entry in entries
    ]
    return pd.DataFrame(rows, columns=["When (UTC)", "Who", "Did", "What", "From"])
