"""Where a price is from, in the words of every table of lines."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from pages.ui import tables
from tracker.overview import provenance
from tracker.overview.figures import Cell
from tracker.overview.lines import lines
from tracker.overview.provenance import Source

TODAY = date(2026, 11, 23)
PRICED, UNPRICED = Cell(TODAY, "gpt-5.4", Decimal("12.50"), 1_000, 3), Cell(TODAY, "gpt-5.4", None, 7, 1, 1, 1)


@pytest.mark.parametrize(
    ("source", "told", "in_part"),
    [
        (Source(own=False, since=None), "list", "list, partly unpriced"),
        (Source(own=False, since=date(2026, 10, 14)), "list, 14 Oct", "list, partly unpriced"),
        (Source(own=True, since=date(2025, 10, 1)), "yours, 1 Oct 2025", "yours, partly unpriced"),
        (None, "list or yours", "partly unpriced"),
    ],
)
def test_where_a_price_is_from_is_told_in_the_same_words_on_every_page(
    source: Source | None, told: str, in_part: str
) -> None:
    priced, partly = (lines(cells, [TODAY])[0] for cells in ([PRICED], [PRICED, UNPRICED]))

    assert tables.price_source(priced, source, today=TODAY) == told
    assert tables.price_source(partly, source, today=TODAY) == provenance.words(partly, source) == in_part
    assert tables.price_source(replace(priced, estimate=Decimal()), None, today=TODAY) == "free"
    assert tables.price_source(replace(partly, estimate=None), source, today=TODAY) == "unpriced"
