"""What was used in a span, by its bars and by one dimension. SQL, workspace first.

Whole UTC days are read from the rollups: of connections and models, or of the series, which alone tell what is priced
by the unit, where that was agreed; days of another zone are made of these and of the events at their edges (`shifted`).
Everything else is read from the events, which are summed by series before anything is joined: a join for each event
costs three times as much (SQLite, a million events, 2026-11).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Executable,
    Select,
    Table,
    case,
    column,
    false,
    func,
    null,
    select,
    type_coerce,
    union_all,
    values,
)
from sqlmodel import Session

from tracker import clock, workspace_prices
from tracker.columns import UtcDay
from tracker.explore.figures import Cell, Figures
from tracker.explore.shifted import Edge, Place, Shift, Told, parts_of, runs, settled_days, shift_of
from tracker.explore.span import Span
from tracker.explore.view import By, Chosen, Grain
from tracker.models import NONE_MODEL, DailyUsage, SeriesDay, UsageEvent, UsageSeries, table_of
from tracker.own_prices import UNITS
from tracker.queries import MEASURES, SUMS, UNPRICED
from tracker.rollup import UNPRICED_REQUESTS, UNPRICED_ROWS, UNPRICED_TOKENS

EVENTS, SERIES = table_of(UsageEvent), table_of(UsageSeries)
DAILY, SERIES_DAYS = table_of(DailyUsage), table_of(SeriesDay)

ROLLED_UP = frozenset({By.PROVIDER, By.KEY, By.MODEL})

BY_UNIT = SERIES.c.usage_type.in_(UNITS)

Only = Mapping[By, Sequence[Chosen]]

PLACES = 2**40
"""More than there will be series: a day × this + a series is one number for both."""

NO_SERIES = -1
"""Of an edge without events."""

SHORT = timedelta(days=7)
"""Days of another zone are read from their events up to here: that takes as long, or less (both databases, 2026-11)."""

EVENT_SUMS: Mapping[str, ColumnElement[Any]] = {
    **{name: func.sum(EVENTS.c[name]) for name in (*MEASURES, "estimated_cost")},
    **dict(zip(UNPRICED, (UNPRICED_REQUESTS, UNPRICED_ROWS, *UNPRICED_TOKENS), strict=True)),
}


def cells(session: Session, workspace_id: int, span: Span, by: By, *, grain: Grain, only: Only) -> list[Cell]:
    """The span by its days or hours and by a dimension, of the rows that `only` lets through; unordered."""
    if grain is Grain.DAY and span.zone == "UTC":
        table = _days_table(session, workspace_id, by, only)
        return _cells(session, _days(table, workspace_id, span, by, only))
    if grain is Grain.DAY and span.end - span.first > SHORT:
        return _shifted(session, workspace_id, span, by, only)
    told = _told(session, workspace_id, span)
    return _cells(session, _events(workspace_id, span, by, grain, only, told=told))


def _days_table(session: Session, workspace_id: int, by: By, only: Only) -> Table:
    """The smallest rollup that can tell it; what is priced by the unit is told by the series alone."""
    units = workspace_prices.any_by_unit(session, workspace_id)
    return DAILY if {by, *only} <= ROLLED_UP and not units else SERIES_DAYS


def _cells(session: Session, statement: Select[Any]) -> list[Cell]:
    return [Cell(at, value, _figures(sums)) for at, value, *sums in session.execute(statement)]


def _shifted(session: Session, workspace_id: int, span: Span, by: By, only: Only) -> list[Cell]:
    """Days of another zone: from UTC days and their edges, and what these leave in doubt from all of its events."""
    shift, table = shift_of(span), _days_table(session, workspace_id, by, only)
    whole: list[tuple[date, Chosen, Told]] = []
    edges: list[tuple[int, Chosen, Told]] = []
    for day, value, *sums, rows, edge in session.execute(_days_and_edges(table, workspace_id, span, shift, by, only)):
        found = Told(tuple(sums), int(rows))
        if edge is None:
            whole.append((day, value, found))
        else:
            edges.append((edge, value, found))
    known, doubtful = settled_days(parts_of(span, shift, whole, edges))
    cells = [Cell(*place, _figures(sums)) for place, sums in known.items()]
    return [*cells, *_read_again(session, workspace_id, span, by, only, doubtful)] if doubtful else cells


def _read_again(
    session: Session, workspace_id: int, span: Span, by: By, only: Only, places: Collection[Place]
) -> Iterator[Cell]:
    """These values of these days from their events."""
    told = _told(session, workspace_id, span)
    only = {**only, by: tuple({value for _, value in places})}
    for first, end in runs(day for day, _ in places):
        statement = _events(workspace_id, Span(first, end, span.zone), by, Grain.DAY, only, told=told)
        yield from (cell for cell in _cells(session, statement) if (cell.at, cell.value) in places)


def _figures(sums: Sequence[Any]) -> Figures:
    *counts, estimate, requests, rows, given, made, by_unit = sums
    known = {name: None if n is None else int(n) for name, n in zip(MEASURES, counts, strict=True)}
    return Figures(
        **known,
        estimate=estimate,
        unpriced_requests=int(requests or 0),
        unpriced_rows=int(rows or 0),
        unpriced_tokens=int(given or 0) + int(made or 0),
        by_unit=by_unit,
    )


def _days(table: Table, workspace_id: int, span: Span, by: By, only: Only) -> Select[Any]:
    return (_rollup if table is DAILY else _series_days)(workspace_id, span, by, only)


def _rollup(workspace_id: int, span: Span, by: By, only: Only) -> Select[Any]:
    dimension = rolled_up(by)
    sums = (func.sum(DAILY.c[name]) for name in SUMS)
    return (
        select(DAILY.c.day, dimension, *sums, null())
        .where(
            DAILY.c.workspace_id == workspace_id,
            DAILY.c.day >= span.first,
            DAILY.c.day < span.end,
            *(among(rolled_up(name), chosen) for name, chosen in only.items()),
        )
        .group_by(DAILY.c.day, dimension)
    )


def rolled_up(by: By) -> ColumnElement[Any]:
    """The rollup's column of a dimension."""
    return func.nullif(DAILY.c.model, NONE_MODEL) if by is By.MODEL else DAILY.c[by.column]


def _series_days(workspace_id: int, span: Span, by: By, only: Only) -> Select[Any]:
    dimension = SERIES.c[by.column]
    return (
        select(
            SERIES_DAYS.c.day,
            dimension,
            *(func.sum(SERIES_DAYS.c[name]) for name in SUMS),
            func.sum(SERIES_DAYS.c.estimated_cost).filter(BY_UNIT),
        )
        .join_from(SERIES_DAYS, SERIES, SERIES_DAYS.c.series_id == SERIES.c.id)
        .where(*of_series_days(workspace_id, span, only))
        .group_by(SERIES_DAYS.c.day, dimension)
    )


def _days_and_edges(table: Table, workspace_id: int, span: Span, shift: Shift, by: By, only: Only) -> Executable:
    """The UTC days that a span touches, with the edges of the shift by their numbers: all of one moment."""
    first, end = span.utc_days
    days = _days(table, workspace_id, Span(first, end, "UTC"), by, only).add_columns(func.sum(table.c.rows), null())
    if not shift.edges:
        return days
    return union_all(days, _edges(table, workspace_id, shift.edges, by, only))


def _edges(table: Table, workspace_id: int, edges: Sequence[Edge], by: By, only: Only) -> Select[Any]:
    """The events of each edge, by its number.

    An outer join, and one to no series, keep the databases to this order: left to itself, PostgreSQL takes each event
    of the workspace and looks through the edges (half a second for a week, 2026-11).
    """
    names = ("number", "start", "end")
    rows = [(number, each.start, each.end) for number, each in enumerate(edges)]
    listed = values(*(column(name, BigInteger) for name in names), name="edges", literal_binds=True).data(rows)
    edge, dimension = listed.cte("edges"), SERIES.c[by.column]
    inside = (EVENTS.c.bucket_start >= edge.c.start) & (EVENTS.c.bucket_start < edge.c.end)
    by_unit = null() if table is DAILY else EVENT_SUMS["estimated_cost"].filter(BY_UNIT)
    return (
        select(null(), dimension, *(EVENT_SUMS[name] for name in SUMS), by_unit, func.count(), edge.c.number)
        .join_from(edge, EVENTS, (EVENTS.c.workspace_id == workspace_id) & inside, isouter=True)
        .join(SERIES, func.coalesce(EVENTS.c.series_id, NO_SERIES) == SERIES.c.id)
        .where(SERIES.c.workspace_id == workspace_id, *let_through(only))
        .group_by(edge.c.number, dimension)
    )


def _told(session: Session, workspace_id: int, span: Span) -> frozenset[str]:
    """The sums to which anything adds in the UTC days that the span touches; the others need not be added up."""
    days = (DAILY.c.day >= clock.day_of(span.start_at), DAILY.c.day <= clock.day_of(span.end_at))
    most = select(*(func.max(DAILY.c[name]) for name in SUMS)).where(DAILY.c.workspace_id == workspace_id, *days)
    found = zip(SUMS, session.execute(most).one(), strict=True)
    return frozenset(name for name, value in found if value is not None and (value or name not in UNPRICED))


def _events(workspace_id: int, span: Span, by: By, grain: Grain, only: Only, *, told: frozenset[str]) -> Select[Any]:
    """A day and a series are one number to be summed by: it takes a tenth less than two (SQLite, 2026-11)."""
    hourly = grain is Grain.HOUR
    keys = {"at": EVENTS.c.bucket_start, "series_id": EVENTS.c.series_id}
    by_series = (
        select(
            *(column.label(name) for name, column in (keys if hourly else {"of": _day_and_series(span)}).items()),
            *(column.label(name) for name, column in EVENT_SUMS.items() if name in told),
        )
        .where(*within(workspace_id, span.start_at, span.end_at), *of_series(workspace_id, only))
        .group_by(*(["at", EVENTS.c.series_id] if hourly else ["of"]))
        .subquery("by_series")
    ).c
    at = by_series.at if hourly else type_coerce(by_series.of // PLACES, UtcDay)
    series = by_series.series_id if hourly else by_series.of % PLACES
    dimension = SERIES.c[by.column]
    sums = (func.sum(by_series[name]) if name in told else null() for name in SUMS)
    by_unit = func.sum(by_series.estimated_cost).filter(BY_UNIT) if "estimated_cost" in told else null()
    return (
        select(at, dimension, *sums, by_unit)
        .join(SERIES, series == SERIES.c.id)
        .where(SERIES.c.workspace_id == workspace_id)
        .group_by(at, dimension)
    )


def _day_and_series(span: Span) -> ColumnElement[int]:
    return type_coerce(day_in(span), BigInteger) * PLACES + EVENTS.c.series_id


def of_series_days(workspace_id: int, span: Span, only: Only) -> Iterable[ColumnElement[bool]]:
    """Days in a span of UTC days, with the series that `only` lets through joined to them."""
    yield SERIES_DAYS.c.workspace_id == workspace_id
    yield SERIES_DAYS.c.day >= span.first
    yield SERIES_DAYS.c.day < span.end
    yield SERIES.c.workspace_id == workspace_id
    yield from let_through(only)


def let_through(only: Only) -> Iterable[ColumnElement[bool]]:
    """Series of these values."""
    return (among(SERIES.c[by.column], chosen) for by, chosen in only.items())


def within(workspace_id: int, start: datetime, end: datetime) -> Iterable[ColumnElement[bool]]:
    """Events whose bucket starts in [start, end)."""
    yield EVENTS.c.workspace_id == workspace_id
    yield EVENTS.c.bucket_start >= start
    yield EVENTS.c.bucket_start < end


def of_series(workspace_id: int, only: Only) -> Iterable[ColumnElement[bool]]:
    """Events of the series that `only` lets through."""
    if not only:
        return
    series = select(SERIES.c.id).where(SERIES.c.workspace_id == workspace_id, *let_through(only))
    # The sum keeps SQLite from looking for each series anew in every hour: going through the hours once is faster.
    yield (EVENTS.c.series_id + 0).in_(series)


def among(of: ColumnElement[Any], chosen: Sequence[Chosen]) -> ColumnElement[bool]:
    """Whether a column has one of the values, None among them."""
    known = [value for value in chosen if value is not None]
    matches = of.in_(known) if known else false()
    return matches if len(known) == len(chosen) else (matches | of.is_(None))


def day_in(span: Span) -> ColumnElement[date]:
    """The day of the span's zone in which a bucket starts."""
    seconds = type_coerce(EVENTS.c.bucket_start, BigInteger)
    first, *later = span.stretches
    offset: ColumnElement[Any] | int = first.offset
    if later:
        ends = [datetime.fromtimestamp(each.start, UTC) for each in later]
        known = [first, *later]
        offset = case(
            *((EVENTS.c.bucket_start < end, each.offset) for end, each in zip(ends, known, strict=False)),
            else_=known[-1].offset,
        )
    return type_coerce((seconds + offset) // 86_400, UtcDay)
