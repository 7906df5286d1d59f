"""The coverage ledger as far as planning needs it: without the days that never come to be due, which are most of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Integer, Select, and_, bindparam, func, or_, select, type_coerce
from sqlmodel import Session

from tracker import clock
from tracker.columns import UtcDateTime
from tracker.coverage import COMPLETE, SETTLED_AFTER_DAYS, LedgerDay
from tracker.db import dialect_of, plain
from tracker.ledger import COVERAGE, LEDGER_DAY, OF_KEY, by_endpoint
from tracker.models import DayState


@dataclass(frozen=True)
class Unsettled:
    """The rows of an endpoint's days that may be read again, and the ranges [first, end) of days that never are.

    `read_at` is when any of those was read last. A day in neither has no row.
    """

    rows: Mapping[date, LedgerDay] = field(default_factory=dict)
    settled: tuple[tuple[date, date], ...] = ()
    read_at: datetime | None = None


def read(
    session: Session, workspace_id: int, provider_key_id: int, *, since: date, now: datetime
) -> dict[str, Unsettled]:
    """The ledger from a day on as far as anything can become due, by endpoint: of a year, a tenth of the rows."""
    of = {"of_workspace": workspace_id, "of_key": provider_key_id, "since": since, "believed": now + clock.DAY}
    sent = reading(dialect_of(session))
    rows = by_endpoint(plain.rows(session, sent.rows, of))  # first: a day that settles meanwhile is then seen twice
    spans: dict[str, Any] = {name: span for name, *span in plain.rows(session, sent.spans, of)}
    whole = all(count == (last - first).days + 1 for first, last, count, _ in spans.values())
    days: dict[str, list[date]] = {}
    for name, day in () if whole else plain.rows(session, sent.days, of):
        days.setdefault(name, []).append(day)
    found = {}
    for name in rows.keys() | spans.keys():
        first, last, _, read_at = spans.get(name, NO_SPAN)
        runs = clock.runs(days.get(name, ())) or ([(first, last)] if first else [])
        found[name] = Unsettled(rows.get(name, {}), tuple((one, other + clock.DAY) for one, other in runs), read_at)
    return found


NO_SPAN = (None, None, 0, None)


class Reading(NamedTuple):
    """The rows that may come to be due; and of the others by endpoint first and last day, number and latest reading.

    `days` names each of these others: only asked for where a hole is among them.
    """

    rows: Select[Any]
    spans: Select[Any]
    days: Select[Any]


@lru_cache(maxsize=2)
def reading(dialect: str) -> Reading:
    """Made once. A window over a year's days would find the holes at once, and takes four times as long."""
    day, endpoint = COVERAGE.c.day, COVERAGE.c.endpoint
    settled = _settled(dialect)
    span = (func.min(day), func.max(day), func.count(), func.max(COVERAGE.c.fetched_at))
    return Reading(
        rows=select(endpoint, *LEDGER_DAY).where(*OF_KEY, ~settled),
        spans=select(endpoint, *span).where(*OF_KEY, settled).group_by(endpoint),
        days=select(endpoint, day).where(*OF_KEY, settled),
    )


def _settled(dialect: str) -> ColumnElement[bool]:
    """Whether a row surely never comes to be due, as `coverage.due_at` decides. SQLite tells times to a millisecond."""
    fetched_at, state = COVERAGE.c.fetched_at, COVERAGE.c.state
    postgresql = dialect == "postgresql"
    days = func.date_part("epoch", fetched_at) / 86_400 if postgresql else func.julianday(fetched_at) - JULIAN_1970
    was_read = and_(
        or_(*(state == each for each in sorted(COMPLETE))),
        fetched_at.is_not(None),
        fetched_at <= bindparam("believed", type_=UtcDateTime),
        days - type_coerce(COVERAGE.c.day, Integer) > SETTLED_AFTER_DAYS,
    )
    unavailable = and_(state == DayState.UNAVAILABLE, fetched_at.is_(None))
    return and_(COVERAGE.c.retry_at.is_(None), or_(was_read, unavailable))


JULIAN_1970 = 2_440_587.5
