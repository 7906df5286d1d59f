"""Tables as they go to the browser: each cell under its name, what is not known as nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import msgspec
import pyarrow as pa

from pages import dashboard
from pages.ui import arrow, tables
from tracker.overview.events import Event
from tracker.overview.figures import Cell, Measure
from tracker.overview.lines import lines
from tracker.usage import CostBasis


def test_rows_become_columns_in_the_order_in_which_their_names_come() -> None:
    table = arrow.of_rows([{"b": "x", "a": None}, {"b": None, "a": 2, "c": [1.5]}])

    assert table.to_pydict() == {"b": ["x", None], "a": [None, 2], "c": [None, [1.5]]}
    assert table.schema.types == [pa.string(), pa.int64(), pa.list_(pa.float64())]
    assert arrow.of_rows([]).num_columns == 0


def test_a_models_row_and_an_event_lead_to_their_arithmetic() -> None:
    day = date(2026, 11, 2)
    (line,) = lines([Cell(day, "a&b=c", Decimal(1), 10, 1)], [day])
    at = datetime(2026, 11, 2, 23, tzinfo=UTC)
    event = Event(at, None, "images", None, None, None, None, None, None, None, CostBasis.UNPRICED)

    found = tables.lines_table([line], {}, {"a&b=c": ""}, what="Model", change="", why=dashboard.why(day, day))

    (why,) = found[tables.WHY].to_pylist()
    assert why == "/prices?view=Why+this+number%3F&day=2026-11-02&day=2026-11-02&model=a%26b%3Dc"
    (unknown,) = lines([Cell(day, "b", None, None, 1)], [day])
    table = tables.lines_table([unknown], {}, {"b": "unpriced"}, what="Model", change="")
    (each,), (known,) = (found[tables.EACH].to_pylist() for found in (table, found))
    assert (each, known) == (None, [1.0])  # a flat line would be a zero
    by_tokens = tables.lines_table([line], {}, {"a&b=c": ""}, what="Model", change="vs", measure=Measure.TOKENS)
    assert by_tokens.column_names[:5] == ["", "Model", "Tokens (M)", "Share", "Estimate"]
    without = tables.lines_table([line], {}, {"a&b=c": ""}, what="Project", change="")
    assert tables.WHY not in without.column_names
    assert tables.events_table((event,), "America/New_York").column_names[0] in tables.event_columns("America/New_York")
    costs = [msgspec.structs.replace(event, estimate=Decimal(usd)) for usd in ("0.25", "0", "0.0000031")]
    assert [tables.event_places(costs[:n]) for n in range(4)] == [4, 4, 4, 6]
    assert tables.hour_column("America/New_York") == "Hour (local)"
    assert tables.events_table((event,))[tables.WHY][0].as_py().endswith("day=2026-11-02&model=%28no+model%29")
