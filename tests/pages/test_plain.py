"""What a table says in plain words: no picture, no address read aloud, no figure without its unit."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from pages.ui import plain
from tracker.overview.figures import Cell
from tracker.overview.lines import lines

DAY = date(2026, 11, 20)


def test_each_cell_is_told_with_its_unit_and_what_is_not_known_is_called_unknown() -> None:
    cells = [
        Cell(DAY, "gpt-5.4", Decimal("259.8724105"), 2_000_000, 3),
        Cell(DAY, "[x](http://evil)", None, 7, 1, 1, 1),
    ]
    found = lines(cells, [DAY], {"gpt-5.4": Decimal("-12.83")})
    prices = {line.name: "list" for line in found}
    billed = {"gpt-5.4": Decimal("0.004")}

    table = plain.table(
        found, prices, what="Model", change="vs Oct, $", billed=("Billed", billed), why=lambda _: "/prices?view=Why"
    )

    first, other = (list(row.values()) for row in table.to_pylist())
    assert first == [
        r"gpt\-5\.4",
        r"\$259.87",
        r"\$0.0040",
        "100.0 %",
        r"−\$12.83",
        "2,000,000",
        "3",
        r"\$129.94",
        "unknown",
        "list",
        "[Explain this estimate](/prices?view=Why)",
    ]
    assert other[1:6] == ["unknown"] * 4 + ["7"]
    assert "](" not in other[0]
