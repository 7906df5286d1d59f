"""The files one can take away: usage by bucket and the bill by day, as CSV, streamed with flat memory.

Cells are safe to open in a spreadsheet: text that it would take for a formula gets an apostrophe in front
(OWASP community page "CSV Injection", read 2026-11); numbers stay numbers. A spreadsheet of another country splits at
semicolons, and knows nothing then of what is quoted for commas: text behind one, or on a new line, is a cell as well.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, SmallInteger, select, type_coerce
from sqlmodel import Session

from tracker import clock
from tracker.columns import BasisCode
from tracker.models import BilledCostRow, Name, UsageEvent, UsageSeries, table_of
from tracker.money import from_nanos, nanos_text, usd_text
from tracker.queries import key_labels

EVENTS, SERIES, BILLED = table_of(UsageEvent), table_of(UsageSeries), table_of(BilledCostRow)
NAMES = table_of(Name)

MEASURES = (
    "requests",
    "input_tokens",
    "input_cached_tokens",
    "input_cache_write_tokens",
    "output_tokens",
    "input_audio_tokens",
    "input_cached_audio_tokens",
    "output_audio_tokens",
    "input_image_tokens",
    "input_cached_image_tokens",
    "output_image_tokens",
    "images",
    "characters",
    "seconds",
    "sessions",
    "bytes",
)
DETAIL = ("size", "source", "context_level", "vector_store_id", "api_source")

COLUMNS = (
    "bucket_start",
    "bucket_end",
    "provider",
    "provider_key",
    "usage_type",
    "model",
    "project_id",
    "project_name",
    "api_key_id",
    "api_key_name",
    "user_id",
    "service_tier",
    "batch",
    "detail",
    *MEASURES,
    "estimated_cost_usd",
    "cost_basis",
)
BILLED_COLUMNS = (
    "day",
    "provider",
    "provider_key",
    "line_item",
    "model",
    "project_id",
    "project_name",
    "api_key_id",
    "api_key_name",
    "quantity",
    "quantity_unit",
    "currency",
    "billed_cost",
)

FORMULA = tuple("=+-@\t\r\n\x00＝＋－＠")
WITHIN = re.compile(r'([;\t\r\n])(?="*[=+\-@＝＋－＠])')
"""What lets a formula begin within a text; quotes between them are read as none."""

BATCH = 2_000

Names = dict[tuple[int, str, str], str | None]


def usage_csv(session: Session, workspace_id: int, start: date, end: date) -> Iterator[str]:
    """Chunks of the CSV of every usage event of the UTC days [start, end), oldest first."""
    statement = _usage_statement(workspace_id).where(
        EVENTS.c.bucket_start >= clock.day_start(start), EVENTS.c.bucket_start < clock.day_start(end)
    )
    return _usage_chunks(session, workspace_id, statement.order_by(EVENTS.c.bucket_start, EVENTS.c.series_id))


def last_csv(session: Session, workspace_id: int, count: int) -> Iterator[str]:
    """Chunks of the CSV of the newest events, newest first."""
    newest = (EVENTS.c.bucket_start.desc(), EVENTS.c.series_id)
    return _usage_chunks(session, workspace_id, _usage_statement(workspace_id).order_by(*newest).limit(count))


def usage_rows(
    session: Session, workspace_id: int, conditions: Iterable[ColumnElement[bool]]
) -> Iterator[Sequence[object]]:
    """The values of `COLUMNS` of every event that meets the conditions, oldest first."""
    series = _SeriesCells(session, workspace_id)
    statement = _usage_statement(workspace_id).where(*conditions)
    for batch in _batches(session, statement.order_by(EVENTS.c.bucket_start, EVENTS.c.series_id), series):
        yield from (series.values(*row) for row in batch)


def _usage_chunks(session: Session, workspace_id: int, statement: Select[Any]) -> Iterator[str]:
    series = _SeriesCells(session, workspace_id)
    yield _written([COLUMNS])
    for batch in _batches(session, statement, series):
        yield _written([series.cells(*row) for row in batch])


def billed_csv(session: Session, workspace_id: int, start: date, end: date) -> Iterator[str]:
    """Chunks of the CSV of every bill line of the UTC days [start, end), oldest first."""
    labels, names = key_labels(session, workspace_id), _names(session, workspace_id)
    statement = (
        select(BILLED)
        .where(BILLED.c.workspace_id == workspace_id, BILLED.c.day >= start, BILLED.c.day < end)
        .order_by(BILLED.c.day, BILLED.c.provider_key_id, BILLED.c.line_item, BILLED.c.digest)
    )
    return _chunks(session, statement, BILLED_COLUMNS, lambda row: _billed_cells(row, labels, names))


FORMATS: dict[str, Callable[[Session, int, date, date], Iterator[str]]] = {"csv": usage_csv, "billed-csv": billed_csv}


def cell(value: object) -> str:
    """One cell as text: empty for unknown, ISO 8601 for times, plain digits for money, text made harmless."""
    if value is None:
        return ""
    if isinstance(value, str):
        return harmless(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    if isinstance(value, Decimal):
        return usd_text(value) or ""
    return value.isoformat() if isinstance(value, date) else str(value)


def harmless(foreign: str, guard: str = "'") -> str:
    """Text with a guard in front of all that a spreadsheet would take for a formula."""
    told = WITHIN.sub(rf"\1{guard}", foreign)
    return guard + told if told.startswith(FORMULA) else told


def _usage_statement(workspace_id: int) -> Select[Any]:
    """Start (Unix seconds), series, model requests, the measures, cost (nano-dollars), basis (its code).

    As they are stored, without the series beside each: of millions of rows each step counts.
    """
    return select(
        type_coerce(EVENTS.c.bucket_start, BigInteger),
        EVENTS.c.series_id,
        EVENTS.c.model_requests,
        *(EVENTS.c[name] for name in MEASURES),
        type_coerce(EVENTS.c.estimated_cost, BigInteger),
        type_coerce(EVENTS.c.cost_basis, SmallInteger),
    ).where(EVENTS.c.workspace_id == workspace_id)


def _chunks(
    session: Session,
    statement: Select[Any],
    columns: Sequence[str],
    cells: Callable[[Any], Sequence[object]],
) -> Iterator[str]:
    yield _written([columns])
    found = session.execute(statement, execution_options={"yield_per": BATCH})
    for batch in found.partitions(BATCH):
        yield _written([[cell(value) for value in cells(row)] for row in batch])


def _batches(session: Session, statement: Select[Any], series: _SeriesCells) -> Iterator[Sequence[Any]]:
    """The rows a few at a time, each of a series that is known by then."""
    for batch in session.execute(statement, execution_options={"yield_per": BATCH}).partitions(BATCH):
        series.learn({row[1] for row in batch})
        yield batch


def _written(rows: Sequence[Sequence[str | int | None]]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()


class _SeriesCells:
    """What of a row its series decides, as values and as cells, made once for each series that is met."""

    def __init__(self, session: Session, workspace_id: int) -> None:
        self._session, self._workspace_id = session, workspace_id
        self._labels, self._names = key_labels(session, workspace_id), _names(session, workspace_id)
        self._made: dict[int, tuple[int, Sequence[object], str, tuple[str, ...], str]] = {}

    def learn(self, ids: set[int]) -> None:
        """Make the cells of these series, as far as they are not made."""
        new = sorted(ids - self._made.keys())
        if not new:
            return
        of = (SERIES.c.workspace_id == self._workspace_id, SERIES.c.id.in_(new))
        for row in self._session.execute(select(SERIES).where(*of)):
            told, detail = self._dimensions(row), _detail(row)
            self._made[row.id] = (row.width_s, told, detail, tuple(map(cell, told)), cell(detail))

    def cells(
        self, start: int, series_id: int, model_requests: int | None, *told: int | None
    ) -> tuple[str | int | None, ...]:
        """A row of the file; None is an empty cell. The last two of `told` are cost and basis."""
        width_s, _, _, dimensions, detail = self._made[series_id]
        *measures, nanos, basis = told
        cost, words = None if nanos is None else nanos_text(nanos), BASES[basis or 0]
        detail = _with_requests(detail, model_requests)
        return (_instant(start), _instant(start + width_s), *dimensions, detail, *measures, cost, words)

    def values(self, start: int, series_id: int, model_requests: int | None, *told: int | None) -> tuple[object, ...]:
        """The same row as values: instants, dollars, None for unknown."""
        width_s, dimensions, detail, _, _ = self._made[series_id]
        *measures, nanos, basis = told
        cost, begins = None if nanos is None else from_nanos(nanos), datetime.fromtimestamp(start, UTC)
        ends, detail = begins + timedelta(seconds=width_s), _with_requests(detail, model_requests)
        return (begins, ends, *dimensions, detail, *measures, cost, BASES[basis or 0])

    def _dimensions(self, row: Any) -> Sequence[object]:
        of = row.provider_key_id
        return (
            row.provider,
            self._labels.get(of),
            row.usage_type,
            row.model,
            row.project_id,
            self._names.get((of, "project", row.project_id)),
            row.api_key_id,
            self._names.get((of, "api_key", row.api_key_id)),
            row.user_id,
            row.service_tier,
            row.batch,
        )


BASES = {code: basis.value for code, basis in BasisCode.NAMES.items()}


@lru_cache(maxsize=4_096)
def _instant(seconds: int) -> str:
    """ISO 8601 of Unix seconds; neighbours in a file share it."""
    return cell(datetime.fromtimestamp(seconds, UTC))


def _with_requests(detail: str, model_requests: int | None) -> str:
    return detail if model_requests is None else f"{detail};model_requests={model_requests}".removeprefix(";")


def _detail(row: Any) -> str:
    told = ((name, getattr(row, name)) for name in DETAIL)
    return ";".join(f"{name}={value}" for name, value in told if value is not None)


def _billed_cells(row: Any, labels: dict[int, str], names: Names) -> Sequence[object]:
    of = row.provider_key_id
    return (
        row.day,
        row.provider,
        labels.get(of),
        row.line_item,
        row.model,
        row.project_id,
        names.get((of, "project", row.project_id)),
        row.api_key_id,
        names.get((of, "api_key", row.api_key_id)),
        row.quantity,
        row.quantity_unit,
        row.currency,
        row.amount,
    )


def _names(session: Session, workspace_id: int) -> Names:
    columns = (NAMES.c.provider_key_id, NAMES.c.kind, NAMES.c.ref, NAMES.c.name)
    found = session.execute(select(*columns).where(NAMES.c.workspace_id == workspace_id))
    return {(key_id, kind, ref): name for key_id, kind, ref, name in found}
