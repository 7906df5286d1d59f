"""Rows as columns, as a table goes to the browser: Streamlit's own way there, through a frame, takes far longer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain

import pyarrow as pa


def of_rows(rows: Sequence[Mapping[str, object]]) -> pa.Table:
    """The rows in their order, with a column for every name that one of them has, in the order of their coming."""
    names = dict.fromkeys(chain(*rows))
    return pa.table({name: [row.get(name) for row in rows] for name in names})
