"""The table of a view as a file: its lines in its order, and its columns as figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from tracker import clock, parquet
from tracker.explore import reading
from tracker.explore.reading import Explored
from tracker.explore.view import By, View
from tracker.overview import provenance
from tracker.overview.provenance import Source
from tracker.product import Product

Row = Sequence[object]

PLACES = parquet.MONEY.scale
"""Decimals of a quotient, which has no end of them."""


def table(product: Product, workspace_id: int, view: View, now: datetime) -> tuple[parquet.Columns, Iterator[Row]]:
    """A row a line: its sums over the view's days, share and change as on screen, and the days of its bill.

    What is only on the bill has a row without usage, in which all but the bill is unknown.
    `billed_of` is whose bill it is, where not of all that the estimate is of.

    `price_source` is in the words of the screen, with the UTC day from which the price holds where lines are models.
    """
    seen = reading.read(product, workspace_id, view, reading.read_facets(product, workspace_id), now=now)
    columns: parquet.Columns = (
        ("first_day", parquet.DAY),
        ("last_day", parquet.DAY),
        ("zone", parquet.TEXT),
        ("days_are", parquet.TEXT),
        (view.by.dimension, parquet.TEXT),
        ("name", parquet.TEXT),
        ("estimated_cost_usd", parquet.MONEY),
        ("billed_cost_usd", parquet.MONEY),
        ("billed_from", parquet.DAY),
        ("billed_to", parquet.DAY),
        ("billed_of", parquet.TEXT),
        (f"share_of_{view.measure.value}_percent", parquet.MONEY),
        ("change_usd", parquet.MONEY),
        ("tokens", parquet.COUNT),
        ("requests", parquet.COUNT),
        ("usd_per_million_tokens", parquet.MONEY),
        ("cached_input_percent", parquet.MONEY),
        ("unpriced_rows", parquet.COUNT),
        ("price_source", parquet.TEXT),
        ("price_since", parquet.DAY),
    )
    return columns, _lines(seen, _sources(product, workspace_id, seen))


def _sources(product: Product, workspace_id: int, seen: Explored) -> Mapping[str, Source]:
    if seen.view.by is not By.MODEL:
        return {}
    with product.database.workspace(workspace_id) as session:
        return provenance.sources(session, workspace_id, *seen.span.utc_days)


def _lines(seen: Explored, sources: Mapping[str, Source]) -> Iterator[Row]:
    billed, of_bill = seen.billed_by_name(), seen.bill.by_value if seen.bill else ()
    values = {seen.name(value): value for value in of_bill} | seen.values()
    days = (seen.span.first, seen.span.end - clock.DAY)
    for line in seen.lines():
        source, value = sources.get(line.name), values.get(line.name)
        is_billed = line.name in billed
        yield (
            *days,
            seen.span.zone,
            seen.span.days_are,
            None if value is None else str(value),
            line.name,
            line.estimate,
            billed.get(line.name),
            *((seen.billed_days or days) if is_billed else (None, None)),
            (seen.bill.whose or None) if is_billed and seen.bill else None,
            line.share,
            line.change,
            line.tokens,
            line.requests,
            None if line.per_million is None else round(line.per_million, PLACES),
            line.cached,
            line.unpriced_rows if line.is_used else None,
            provenance.words(line, source),
            source.since if source else None,
        )
