"""Every question pages and commands ask of stored usage. Answers are frozen rows; money is Decimal, unknown None.

Periods are half-open UTC days. Billed and estimated stand side by side and are never added. Billed cost exists
only by the dimensions of the bill (`BILLED`); by any other it is None, never repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from operator import itemgetter
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Executable,
    Select,
    Table,
    bindparam,
    cast,
    func,
    literal,
    null,
    select,
    type_coerce,
    union_all,
)
from sqlmodel import Session

from tracker import clock
from tracker.columns import NanoDollars
from tracker.db import plain
from tracker.errors import BadInput
from tracker.models import (
    NONE_MODEL,
    BilledCostRow,
    DailyUsage,
    ProviderKey,
    SeriesDay,
    UsageEvent,
    UsageSeries,
    table_of,
)
from tracker.rollup import DAY_OF_BUCKET, UNPRICED_REQUESTS, UNPRICED_ROWS, UNPRICED_TOKENS

EVENTS, SERIES, DAILY = table_of(UsageEvent), table_of(UsageSeries), table_of(DailyUsage)
BILLED_TABLE, KEYS, SERIES_DAYS = table_of(BilledCostRow), table_of(ProviderKey), table_of(SeriesDay)

MEASURES = ("requests", "input_tokens", "input_cached_tokens", "input_cache_write_tokens", "output_tokens")

UNPRICED = ("unpriced_requests", "unpriced_rows", "unpriced_input_tokens", "unpriced_output_tokens")
"""Sums that are zero, not unknown, where nothing adds to them."""

SUMS = (*MEASURES, "estimated_cost", *UNPRICED)
"""Columns that are added up, in the order in which a row is made of them."""

NOTHING = (None,) * len(SUMS)
"""The sums of a group that has a bill and no usage."""

BILL = -1
"""The place of what was billed in a row of an answer, after the sums. The last of these is known of all usage."""

ROLLED_UP = ("day", "provider", "provider_key", "model")
"""Dimensions of the daily rollup. Any other is answered from the days of the series, and hours from the events."""

BILLED = ("day", "provider", "provider_key", "model", "project_id", "api_key_id")
"""Dimensions the bill can be split by."""

DIMENSIONS = (
    *("day", "hour", "provider", "provider_key", "usage_type", "model"),
    *("project_id", "api_key_id", "user_id", "service_tier", "batch"),
)

Value = date | datetime | str | int | bool | None
Filters = tuple[tuple[str, tuple[Value, ...]], ...]


class UsageRow(msgspec.Struct, frozen=True, gc=False):
    """The sums of one group. Counts and costs are None only when no part of them is known.

    `unpriced_rows`, `unpriced_requests` and `unpriced_tokens` are the part of the group that `estimated_cost` lacks.
    """

    dimensions: Mapping[str, Value]
    requests: int | None
    input_tokens: int | None
    input_cached_tokens: int | None
    input_cache_write_tokens: int | None
    output_tokens: int | None
    estimated_cost: Decimal | None
    billed_cost: Decimal | None
    unpriced_requests: int
    unpriced_rows: int
    unpriced_tokens: int

    @property
    def difference(self) -> Decimal | None:
        """Billed minus estimated: above zero, more was billed; None while either is unknown."""
        if self.billed_cost is None or self.estimated_cost is None:
            return None
        return self.billed_cost - self.estimated_cost


@dataclass(frozen=True)
class Question:
    """Usage of [start, end) in UTC days by the dimensions `by`, of rows that have one of `only`'s values in each."""

    start: date
    end: date
    by: tuple[str, ...] = ()
    only: Mapping[str, Sequence[Value]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if unknown := [name for name in (*self.by, *self.only) if name not in DIMENSIONS]:
            raise BadInput(f"There is no dimension {', '.join(unknown)}. Known: {', '.join(DIMENSIONS)}.")
        if len(set(self.by)) != len(self.by):
            raise BadInput("A dimension is named twice. Give each once.")
        if self.start > self.end:
            raise BadInput(f"The period ends ({self.end}) before it begins ({self.start}). Give a later end.")

    @property
    def filters(self) -> Filters:
        return tuple((name, tuple(values)) for name, values in self.only.items())

    @property
    def dimensions(self) -> set[str]:
        return {*self.by, *self.only}


def usage(session: Session, workspace_id: int, question: Question) -> list[UsageRow]:
    """The groups in order of their dimensions, with usage, billed cost, or both."""
    reading = _reading(question)
    bounds = _in_days(workspace_id, question.start, question.end)
    if reading is _events:
        bounds |= {"first": clock.day_start(question.start), "end": clock.day_start(question.end)}
    statement = reading(question.by, question.filters)
    is_plain = reading is _rollup and not question.only  # the others need the library, for their plan or their text
    found = (plain.rows if is_plain else _rows)(session, statement, bounds)
    width = len(question.by)
    used = {row[:width]: row[width:BILL] for row in found if row[BILL - 1] is not None}
    billed = {row[:width]: row[BILL] for row in found if row[BILL] is not None}
    keys = _in_order({**used, **billed})
    return [_row(question.by, key, used.get(key, NOTHING), billed.get(key)) for key in keys]


def _rows(session: Session, statement: Executable, bounds: Mapping[str, object]) -> list[tuple[Any, ...]]:
    return list(map(tuple, session.execute(statement, bounds).all()))


def billed_cost(session: Session, workspace_id: int, question: Question) -> dict[tuple[Value, ...], Decimal]:
    """What the provider billed in US dollars by group; empty when the bill knows nothing of a dimension asked for.

    Lines in another currency, or fetched without a dimension asked for, are left out rather than guessed.
    """
    if not question.dimensions <= set(BILLED):
        return {}
    bounds = _in_days(workspace_id, question.start, question.end)
    found = _rows(session, _bill(question.by, question.filters), bounds)
    return {row[:-1]: row[-1] for row in found if row[-1] is not None}


@lru_cache(maxsize=128)
def _bill(by: tuple[str, ...], only: Filters, *sums: ColumnElement[Any]) -> Select[Any]:
    """`sums` stand between the dimensions and what was billed."""
    expressions = [_billed_dimension(name) for name in by]
    asked = {*by, *(name for name, _ in only)}
    return (
        select(*expressions, *sums, func.sum(BILLED_TABLE.c.amount))
        .where(
            *_days_of(BILLED_TABLE),
            BILLED_TABLE.c.currency == "usd",
            *(BILLED_TABLE.c.dropped.not_like(f"%{name}%") for name in sorted(asked & {"project_id", "api_key_id"})),
            *_only(only, _billed_dimension),
        )
        .group_by(*expressions)
    )


def other_currencies(session: Session, workspace_id: int, start: date, end: date) -> list[str]:
    """The currencies beside US dollars on the bill of the UTC days [start, end): their lines are in no figure."""
    return list(session.execute(FOREIGN, _in_days(workspace_id, start, end)).scalars())


def totals(
    session: Session, workspace_id: int, start: date, end: date, only: Mapping[str, Sequence[Value]] | None = None
) -> UsageRow:
    """The sums over everything in the period that `only` lets through; all unknown when nothing was stored."""
    rows = usage(session, workspace_id, Question(start, end, (), only or {}))
    return rows[0] if rows else _row((), (), NOTHING, None)


def _row(by: Sequence[str], key: Sequence[Any], sums: Sequence[Any], billed: Decimal | None) -> UsageRow:
    asked, fresh, cached, written, output, cost, unpriced, rows, given, made = sums
    told = dict(zip(by, key))  # noqa: B905 - the keyword takes longer than the rest, in every row
    lacking = (given or 0) + (made or 0)
    return UsageRow(told, asked, fresh, cached, written, output, cost, billed, unpriced or 0, rows or 0, lacking)


def _in_order(keys: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """By the first dimension, then the next; None comes after every value. Asked column by column, for speed."""
    ordered = list(keys)
    for place in reversed(range(len(ordered[0]) if ordered else 0)):
        known = [key for key in ordered if key[place] is not None]
        known.sort(key=itemgetter(place))
        ordered = known + [key for key in ordered if key[place] is None] if len(known) < len(ordered) else known
    return ordered


def _in_days(workspace_id: int, start: date, end: date) -> dict[str, object]:
    return {"of_workspace": workspace_id, "first": start, "end": end}


Reading = Callable[[tuple[str, ...], Filters], Executable]
"""The statement for dimensions and filters, made once: making it takes as long as running it."""


def _reading(question: Question) -> Reading:
    """The cheapest way to what was asked for."""
    if question.dimensions <= set(ROLLED_UP):
        return _rollup
    return _events if "hour" in question.dimensions else _series_days


def _days_of(table: Table) -> Iterable[ColumnElement[bool]]:
    yield table.c.workspace_id == bindparam("of_workspace")
    yield table.c.day >= bindparam("first")
    yield table.c.day < bindparam("end")


@lru_cache(maxsize=128)
def _rollup(by: tuple[str, ...], only: Filters) -> Executable:
    expressions = [_rollup_dimension(name) for name in by]
    statement = select(*expressions, *_sums(DAILY), NO_BILL).where(*_days_of(DAILY), *_only(only, _rollup_dimension))
    return _with_bill(_grouped(statement, expressions, count=func.count()), by, only)


@lru_cache(maxsize=128)
def _series_days(by: tuple[str, ...], only: Filters) -> Executable:
    expressions = [_series_dimension(name) for name in by]
    statement = (
        select(*expressions, *_sums(SERIES_DAYS), NO_BILL)
        .join_from(SERIES_DAYS, SERIES, SERIES_DAYS.c.series_id == SERIES.c.id)
        .where(*_days_of(SERIES_DAYS), *_of_series(only, _series_dimension))
    )
    return _with_bill(_grouped(statement, expressions, count=func.count()), by, only)


@lru_cache(maxsize=128)
def _events(by: tuple[str, ...], only: Filters) -> Executable:
    expressions = [_event_dimension(name) for name in by]
    unpriced = (cast(each, BigInteger) for each in (UNPRICED_REQUESTS, UNPRICED_ROWS, *UNPRICED_TOKENS))
    statement = (
        select(*expressions, *_sums(EVENTS, *MEASURES, "estimated_cost"), *unpriced, NO_BILL)
        .join_from(EVENTS, SERIES, EVENTS.c.series_id == SERIES.c.id)
        .where(
            EVENTS.c.workspace_id == bindparam("of_workspace"),
            EVENTS.c.bucket_start >= bindparam("first"),
            EVENTS.c.bucket_start < bindparam("end"),
            *_of_series(only, _event_dimension),
        )
    )
    return _grouped(statement, expressions, count=func.count())


def _sums(table: Table, *names: str) -> Iterable[ColumnElement[Any]]:
    """In eight bytes, which is all that SQLite has; PostgreSQL's decimals cost a third of reading the rows."""
    for name in names or SUMS:
        column = table.c[name]
        yield type_coerce(cast(func.sum(column), BigInteger), column.type)


NO_BILL = type_coerce(null(), NanoDollars)


def _with_bill(used: Select[Any], by: tuple[str, ...], only: Filters) -> Executable:
    """Usage, and below it the bill's groups where it knows the dimensions: one way to the database for both."""
    if not {*by, *(name for name, _ in only)} <= set(BILLED):
        return used
    return union_all(used, _bill(by, only, *(null() for _ in SUMS)))


def _of_series(only: Filters, dimension: Any) -> Iterable[ColumnElement[bool]]:
    yield SERIES.c.workspace_id == bindparam("of_workspace")
    yield from _only(only, dimension)


def _grouped(statement: Select[Any], expressions: Sequence[Any], *, count: Any) -> Select[Any]:
    """Grouped; without any dimension, one row only when there is anything to sum."""
    return statement.group_by(*expressions) if expressions else statement.having(count > 0)


def _rollup_dimension(name: str) -> ColumnElement[Any]:
    if name == "provider_key":
        return DAILY.c.provider_key_id
    return func.nullif(DAILY.c.model, NONE_MODEL) if name == "model" else DAILY.c[name]


def _series_dimension(name: str) -> ColumnElement[Any]:
    return SERIES_DAYS.c.day if name == "day" else _event_dimension(name)


def _event_dimension(name: str) -> ColumnElement[Any]:
    special: dict[str, ColumnElement[Any]] = {
        "day": DAY_OF_BUCKET,
        "hour": EVENTS.c.bucket_start,
        "provider_key": SERIES.c.provider_key_id,
    }
    return special.get(name, SERIES.c.get(name, null()))


def _billed_dimension(name: str) -> ColumnElement[Any]:
    return BILLED_TABLE.c.provider_key_id if name == "provider_key" else BILLED_TABLE.c[name]


def _only(only: Filters, dimension: Any) -> Iterable[ColumnElement[bool]]:
    for name, values in only:
        expression = dimension(name)
        known = [value for value in values if value is not None]
        matches = expression.in_(known) if known else literal(value=False)
        yield matches if len(known) == len(values) else (matches | expression.is_(None))


FOREIGN = (
    select(BILLED_TABLE.c.currency)
    .where(*_days_of(BILLED_TABLE), BILLED_TABLE.c.currency != "usd")
    .distinct()
    .order_by(BILLED_TABLE.c.currency)
)
COUNTED = select(func.coalesce(func.sum(DAILY.c.rows), 0)).where(*_days_of(DAILY))
LABELS = select(KEYS.c.id, KEYS.c.label).where(KEYS.c.workspace_id == bindparam("of_workspace"))


def key_labels(session: Session, workspace_id: int) -> dict[int, str]:
    """The label of every connection there ever was, by id."""
    return dict(plain.rows(session, LABELS, {"of_workspace": workspace_id}))


def count_events(session: Session, workspace_id: int, start: date, end: date) -> int:
    """How many usage events the UTC days [start, end) hold."""
    return int(session.execute(COUNTED, _in_days(workspace_id, start, end)).scalar_one())
