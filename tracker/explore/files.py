"""A view as a file: the chart or the table on screen, or every row behind them; as CSV or Parquet, the zone said.

A transaction lasts one day's rows, as in `tracker.downloads`; memory stays flat.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from zoneinfo import ZoneInfo

from tracker import export, parquet, unpriced
from tracker.errors import BadInput
from tracker.explore import lacking, line_files, reading
from tracker.explore.figures import Figures
from tracker.explore.reading import Explored
from tracker.explore.rows import bounds
from tracker.explore.span import Span, span_of
from tracker.explore.usage import of_series, within
from tracker.explore.view import Chosen, Grain, Parameters, View, parse
from tracker.product import Product
from tracker.queries import MEASURES
from tracker.unpriced import Unpriced

CSV, PARQUET = "text/csv; charset=utf-8", "application/vnd.apache.parquet"
LINES = 2_000

ROWS: parquet.Columns = (
    ("bucket_start", parquet.INSTANT),
    ("bucket_end", parquet.INSTANT),
    *((name, parquet.FLAG if name == "batch" else parquet.TEXT) for name in export.COLUMNS[2:14]),
    *((name, parquet.COUNT) for name in export.MEASURES),
    ("estimated_cost_usd", parquet.MONEY),
    ("cost_basis", parquet.TEXT),
)
LOCAL: parquet.Columns = (("local_day", parquet.DAY), ("zone", parquet.TEXT), ("days_are", parquet.TEXT))
"""Added to the rows of a view in another zone's days."""

Row = Sequence[object]


@dataclass(frozen=True)
class File:
    """What was asked for: a name for it, its kind, and its pieces once somebody reads them."""

    name: str
    media_type: str
    chunks: Iterator[str | bytes]


def file_of(product: Product, workspace_id: int, name: str, told: Parameters, *, now: datetime) -> File:
    """The file of a view's address; BadInput says what is wrong with it: no other view is put in its place."""
    read = parse(told)
    if read.complaints:
        raise BadInput(" ".join(read.complaints))
    kind, _, form = name.partition(".")
    columns, rows = KINDS[kind](product, workspace_id, read.view, now)
    span = span_of(read.view, now=now)
    zone = f"-{read.view.zone.replace('/', '-')}" if read.view.is_local else ""
    called = f"{kind}-{span.days[0]}-to-{span.days[-1]}{zone}.{form}"
    if form == "parquet":
        return File(called, PARQUET, parquet.chunks(columns, rows))
    return File(called, CSV, _csv([column for column, _ in columns], rows))


def _csv(names: Sequence[str], rows: Iterable[Row]) -> Iterator[str]:
    yield _written([names])
    left = iter(rows)
    while lines := list(islice(left, LINES)):
        yield _written([[export.cell(value) for value in row] for row in lines])


def _written(rows: Iterable[Sequence[str]]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()


def _rows(product: Product, workspace_id: int, view: View, now: datetime) -> tuple[parquet.Columns, Iterator[Row]]:
    columns = (*ROWS, *LOCAL) if view.is_local else ROWS
    return columns, _every_row(product, workspace_id, view, span_of(view, now=now))


def _every_row(product: Product, workspace_id: int, view: View, span: Span) -> Iterator[Row]:
    for day in span.days:
        start, end = bounds(day, span.zone)
        conditions = (*within(workspace_id, start, end), *of_series(workspace_id, view.only))
        with product.database.workspace(workspace_id) as session:
            told = list(export.usage_rows(session, workspace_id, conditions))
        yield from ((*row, day, span.zone, span.days_are) for row in told) if view.is_local else told


def _shown(product: Product, workspace_id: int, view: View, now: datetime) -> tuple[parquet.Columns, Iterator[Row]]:
    seen = reading.read(product, workspace_id, view, reading.read_facets(product, workspace_id), now=now)
    columns: parquet.Columns = (
        ("start", parquet.TEXT),
        ("zone", parquet.TEXT),
        ("days_are", parquet.TEXT),
        ("bar", parquet.TEXT),
        ("days_in_bar", parquet.COUNT),
        ("state", parquet.TEXT),
        (view.by.dimension, parquet.TEXT),
        ("name", parquet.TEXT),
        *((name, parquet.COUNT) for name in MEASURES),
        ("estimated_cost_usd", parquet.MONEY),
        ("billed_cost_usd", parquet.MONEY),
        ("days_billed", parquet.COUNT),
        ("unpriced_requests", parquet.COUNT),
        ("unpriced_rows", parquet.COUNT),
        ("unpriced_tokens", parquet.COUNT),
        ("unpriced_cost_usd_at_most", parquet.MONEY),
    )
    return columns, _cells(seen, _billed(seen), _lacking(product, workspace_id, seen))


def _cells(
    seen: Explored, billed: Mapping[tuple[date, Chosen], Decimal], lacks: Mapping[tuple[date, Chosen], Unpriced]
) -> Iterator[Row]:
    """One row a bar and value, in the order of the bars; a bar without any has none. `bar` is how long it is.

    Of a value that is only billed there, nothing else is told.

    The days in a week or month are fewer than it has where the range or today cuts it; an hour has none.

    The cost at most is that of unpriced tokens at the dearest rates on the provider's list (`tracker.unpriced`).
    """
    used = {(cell.at, cell.value): cell.figures for cell in seen.bar_cells}
    for cell in sorted({**used, **billed}, key=lambda cell: (cell[0], seen.name(cell[1]))):
        (at, value), sums, part = cell, used.get(cell, Figures()), lacks.get(cell, Unpriced())
        unpriced_there = (sums.unpriced_requests, sums.unpriced_rows, part.tokens, part.at_most)
        yield (
            _start(at, seen.span.zone),
            seen.span.zone,
            seen.span.days_are,
            seen.view.bars.value,
            None if isinstance(at, datetime) else len(seen.days_in(at)),
            seen.mark(at).value,
            None if value is None else str(value),
            seen.name(value),
            *(getattr(sums, name) for name in MEASURES),
            sums.estimate,
            billed.get(cell),
            _days_billed(seen, at),
            *(unpriced_there if cell in used else (None,) * 4),
        )


def _days_billed(seen: Explored, at: date) -> int | None:
    """How many days of a bar what is billed is wholly of; None for an hour, and without a bill."""
    if seen.bill is None or isinstance(at, datetime):
        return None
    return sum(not seen.bill.lacks(day) for day in seen.days_in(at))


def _start(at: date, zone: str) -> str:
    return at.astimezone(ZoneInfo(zone)).isoformat() if isinstance(at, datetime) else at.isoformat()


def _lacking(product: Product, workspace_id: int, seen: Explored) -> dict[tuple[date, Chosen], Unpriced]:
    """What each bar and value lacks a price for; nothing is asked for where all has one."""
    if not seen.total.unpriced_rows:
        return {}
    view = seen.view
    with product.database.workspace(workspace_id) as session:
        found = lacking.by_cell(session, workspace_id, seen.span, view.by, grain=view.read_by, only=view.only)
    parts: dict[tuple[date, Chosen], list[Unpriced]] = defaultdict(list)
    for (at, value), part in found.items():
        parts[seen.bar_of(at), value].append(part)
    return {cell: unpriced.total(every) for cell, every in parts.items()}


def _billed(seen: Explored) -> dict[tuple[date, Chosen], Decimal]:
    """The bill of each bar and value; an hour has none."""
    told: dict[tuple[date, Chosen], Decimal] = defaultdict(Decimal)
    if seen.bill and seen.view.bars is not Grain.HOUR:
        for (day, value), amount in seen.bill.by_day.items():
            told[seen.bar_of(day), value] += amount
    return told


Maker = Callable[[Product, int, View, datetime], tuple[parquet.Columns, Iterator[Row]]]

KINDS: Mapping[str, Maker] = {"view": _shown, "table": line_files.table, "rows": _rows}

NAMES = tuple(f"{kind}.{form}" for kind in KINDS for form in ("csv", "parquet"))
"""The files there are."""
