"""The table of lines in plain words: what a screen reader reads cell by cell, without pictures and raw figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TypeVar

import pyarrow as pa
import streamlit as st

from pages.ui import arrow, tables, text
from tracker.overview.lines import Line

T = TypeVar("T")

TITLE = "The same table in plain text"
MOST = 50
"""Lines that a page of plain text holds; the files hold all."""


def draw(
    lines: Sequence[Line],
    prices: Mapping[str, str],
    *,
    what: str,
    change: str,
    billed: tuple[str, Mapping[str, Decimal]] | None = None,
    why: Callable[[Line], str | None] | None = None,
) -> None:
    """Behind a heading that can be opened; as `table`."""
    with st.expander(TITLE, icon=":material/subject:"):
        st.table(table(lines[:MOST], prices, what=what, change=change, billed=billed, why=why), hide_index=True)
        if len(lines) > MOST:
            st.caption(f"The first {MOST} of {len(lines):,}; a file of these days holds all.")


def table(
    lines: Sequence[Line],
    prices: Mapping[str, str],
    *,
    what: str,
    change: str,
    billed: tuple[str, Mapping[str, Decimal]] | None = None,
    why: Callable[[Line], str | None] | None = None,
) -> pa.Table:
    """One row a line, each cell Markdown: what is not known is called so. `billed` is a header and amounts by name."""
    has_changed = any(line.change is not None for line in lines)
    return arrow.of_rows(
        [
            {
                what: text.quoted(line.name),
                "Estimate": _told(line.estimate, text.fine_money),
                **({billed[0]: _told(billed[1].get(line.name), text.fine_money)} if billed else {}),
                tables.SHARE: _told(line.share, lambda share: f"{share:,.1f} %"),
                **({change: _told(line.change, text.fine_change)} if has_changed else {}),
                "Tokens": _told(line.tokens, lambda count: f"{count:,}"),
                "Requests": _told(line.requests, lambda count: f"{count:,}"),
                "$ per M tokens": _told(line.per_million, text.fine_money),
                "Cached input": _told(line.cached, lambda share: f"{share:,.1f} %"),
                "Price source": prices[line.name],
                **({tables.WHY: _explain(why(line))} if why else {}),
            }
            for line in lines
        ]
    )


def _explain(address: str | None) -> str:
    return f"[Explain this estimate]({address})" if address else "no estimate"


def _told(value: T | None, write: Callable[[T], str]) -> str:
    return "unknown" if value is None else text.dollars(write(value))
