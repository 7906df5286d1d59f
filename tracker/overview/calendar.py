"""The completeness calendar: what is known of each provider key × endpoint × day, what is not, and when it will be.

Read from the ledger alone. The faces are what a person is shown; the rule of when a day is read next is the worker's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from sqlalchemy import func, select
from sqlmodel import Session

from tracker import clock, coverage, restatements, set_aside
from tracker.coverage import LedgerDay
from tracker.models import BilledCostRow, Coverage, DayState, KeyStatus, ProviderKey, table_of
from tracker.overview import days as days_of
from tracker.overview import next_reading
from tracker.overview.prospects import Prospect, prospect
from tracker.product import Product
from tracker.providers import provider as provider_named
from tracker.providers.base import Endpoint
from tracker.restatements import Restated
from tracker.runs import living_workers
from tracker.set_aside import Aside

LEDGER, BILLED, KEYS = table_of(Coverage), table_of(BilledCostRow), table_of(ProviderKey)

MOST_RESTATED = 100


class Face(StrEnum):
    """How a day stands on the calendar, the gravest first."""

    FAILED = "failed"
    MISSING = "not read"
    PROVISIONAL = "provisional"
    RESTATED = "restated"
    FINAL = "final"
    ZERO = "verified zero"
    UNAVAILABLE = "before the provider's history"


GRAVITY = {face: place for place, face in enumerate(Face)}
OPEN = frozenset({Face.FAILED, Face.MISSING, Face.PROVISIONAL})


@dataclass(frozen=True)
class DayCell:
    """One endpoint's day. `next_at` is when it is read next (UTC), None for never; `reason` why it failed.

    A day that `lacks` rows was read, but some of its rows are set aside.
    """

    endpoint: str
    day: date
    face: Face
    rows: int = 0
    read_at: datetime | None = None
    next_at: datetime | None = None
    reason: str | None = None
    lacks: bool = False


@dataclass(frozen=True)
class KeyCalendar:
    """The days of one connection, by endpoint in the provider's order, and the prospect of those not read.

    `settles` is after how many days a day of an endpoint is final at the earliest, where that was learned to be longer.
    One whose key was deleted, or `set_aside` for another, at `ended_at` (UTC) is history: nothing of it is open or read
    again.
    """

    provider_key_id: int
    label: str
    provider: str
    prospect: Prospect
    endpoints: tuple[str, ...]
    cells: tuple[DayCell, ...]
    settles: tuple[tuple[str, int], ...] = ()
    ended_at: datetime | None = None
    set_aside: bool = False


@dataclass(frozen=True)
class Gap:
    """Days that are not final for one reason, the same of each of these endpoints, newest last, and their prospect.

    `next_at` is when they are read next (UTC), of days that failed the first of them; None for never.
    `others` are the connection's endpoints that are not in it. Days that `lack` rows are one gap for each endpoint; the
    reasons stand with the rows.
    """

    label: str
    provider: str
    prospect: Prospect
    face: Face
    endpoints: tuple[str, ...]
    others: tuple[str, ...]
    days: tuple[date, ...]
    reason: str | None
    next_at: datetime | None
    lack: bool = False


@dataclass(frozen=True)
class Undivided:
    """So many days from `first` to `last` whose bill the provider would not divide by these dimensions."""

    label: str
    dimensions: tuple[str, ...]
    first: date
    last: date
    days: int


@dataclass(frozen=True)
class Calendar:
    """The UTC days [start, end) of every connection: what is open in them, was restated, set aside, or not divided.

    `left_out` names the connections whose key was never accepted, beside one that was: they have no days yet. `gone`
    names those whose key was deleted before anything was read of these days.
    """

    start: date
    end: date
    keys: tuple[KeyCalendar, ...]
    gaps: tuple[Gap, ...]
    restated: tuple[Restated, ...]
    aside: tuple[Aside, ...]
    undivided: tuple[Undivided, ...]
    next_reading: str
    left_out: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()


def read(product: Product, workspace_id: int, *, days: int, now: datetime) -> Calendar:
    """The calendar of the last so many days, today included."""
    end = clock.day_of(now) + clock.DAY
    start = end - clock.DAY * days
    with product.database.workspace(workspace_id) as session:
        known = days_of.read_keys(session, workspace_id)
        rows = _rows(session, workspace_id, start, end)
        restated = restatements.read(session, workspace_id, start, end, most=MOST_RESTATED)
        aside = set_aside.read(session, workspace_id, start, end)
        undivided = _undivided(session, workspace_id, start, end)
        late = restatements.lateness(session, workspace_id, since=now - coverage.LEARNED_FROM)
    with product.database.exempt() as session:
        alive = living_workers(session, now=now)
    hour = product.settings.fetch_hour_utc
    unread = {key.id: key for key in known.ended if not _has_read(rows.get(key.id or 0, {}))}
    calendars = tuple(
        replace(
            _calendar(key, rows.get(key.id or 0, {}), clock.days(start, end), fetch_hour=hour, workers=alive),
            settles=tuple(_learned(key, late)),
        )
        for key in known.in_figures
        if key.id not in unread
    )
    gaps = [gap for calendar in calendars if not calendar.ended_at for gap in gaps_of(calendar, now=now)]
    return Calendar(
        start,
        end,
        calendars,
        tuple(sorted(gaps, key=_by_gravity)),
        tuple(restated),
        tuple(aside),
        undivided,
        next_reading.sentence(known.awaited, workers=alive, fetch_hour=hour, now=now),
        tuple(key.label for key in known.every if key.id not in {each.id for each in known.counted}),
        tuple(key.label for key in unread.values() if key.deleted_at),
    )


def _has_read(rows: Mapping[tuple[str, date], Row]) -> bool:
    return any(told.fetched_at is not None for told, _, _ in rows.values())


def face_of(row: LedgerDay, *, restated: bool) -> Face:
    """The face of a day, from the ledger's row and whether it was ever restated."""
    if row.state is DayState.FAILED or row.attempts:
        return Face.FAILED
    if row.fetched_at is None and row.state is not DayState.UNAVAILABLE:
        return Face.MISSING
    if restated and row.state in coverage.COMPLETE:
        return Face.RESTATED
    return FACES.get(row.state, Face.MISSING)


FACES = {
    DayState.FINAL: Face.FINAL,
    DayState.VERIFIED_ZERO: Face.ZERO,
    DayState.PROVISIONAL: Face.PROVISIONAL,
    DayState.UNAVAILABLE: Face.UNAVAILABLE,
}


def gaps_of(calendar: KeyCalendar, *, now: datetime) -> list[Gap]:
    """What is not final of a connection: endpoints whose days have the same fate and are the same days, together.

    The day that runs is a gap of its own, for it is read more often than those that are over.
    """
    fates: dict[Fate, dict[str, list[DayCell]]] = {}
    for cell in calendar.cells:
        if cell.face in OPEN:
            fates.setdefault(_fate(cell, now), {}).setdefault(cell.endpoint, []).append(cell)
    return [_gap(calendar, cells) for fate, of in fates.items() for cells in _alike(of)]


Fate = tuple[Face, bool, str | datetime | None, bool]


def _fate(cell: DayCell, now: datetime) -> Fate:
    """What decides which days are told of together; those that are due are, since whenever."""
    runs = cell.day == clock.day_of(now)
    if cell.lacks or cell.face is Face.FAILED:
        return cell.face, cell.lacks, cell.endpoint if cell.lacks else cell.reason, False
    waits = not runs and cell.next_at and cell.next_at > now
    return cell.face, False, cell.next_at if waits else None, runs


def _alike(of: Mapping[str, Sequence[DayCell]]) -> Iterable[list[DayCell]]:
    """The cells of these endpoints, those together whose days are the same."""
    together: dict[tuple[date, ...], list[DayCell]] = {}
    for cells in of.values():
        together.setdefault(tuple(cell.day for cell in cells), []).extend(cells)
    return together.values()


def _gap(calendar: KeyCalendar, cells: Sequence[DayCell]) -> Gap:
    first, touched = cells[0], {cell.endpoint for cell in cells}
    return Gap(
        label=calendar.label,
        provider=calendar.provider,
        prospect=calendar.prospect,
        face=first.face,
        endpoints=tuple(name for name in calendar.endpoints if name in touched),
        others=tuple(name for name in calendar.endpoints if name not in touched),
        days=tuple(sorted({cell.day for cell in cells})),
        reason=None if first.lacks or first.face is not Face.FAILED else first.reason,
        next_at=min((cell.next_at for cell in cells if cell.next_at), default=None),
        lack=first.lacks,
    )


def _by_gravity(gap: Gap) -> tuple[int, int]:
    return GRAVITY[gap.face], -gap.days[-1].toordinal()


def gravest(faces: Iterable[Face]) -> Face:
    """The face of several days taken together."""
    return min(faces, key=GRAVITY.__getitem__)


def _undivided(session: Session, workspace_id: int, start: date, end: date) -> tuple[Undivided, ...]:
    billed = BILLED.c
    days = (func.min(billed.day), func.max(billed.day), func.count(billed.day.distinct()))
    statement = (
        select(KEYS.c.label, billed.dropped, *days)
        .join_from(BILLED, KEYS, billed.provider_key_id == KEYS.c.id)
        .where(
            billed.workspace_id == workspace_id,
            KEYS.c.workspace_id == workspace_id,
            billed.day >= start,
            billed.day < end,
            billed.dropped != "",
        )
        .group_by(KEYS.c.id, KEYS.c.label, billed.dropped)
        .order_by(KEYS.c.id, billed.dropped)
    )
    found = session.execute(statement)
    return tuple(Undivided(label, tuple(dropped.split(",")), *days) for label, dropped, *days in found)


Row = tuple[LedgerDay, bool, str | None]


def _rows(session: Session, workspace_id: int, start: date, end: date) -> dict[int, dict[tuple[str, date], Row]]:
    columns = ("state", "rows", "fetched_at", "retry_at", "attempts", "restated_at", "reason")
    statement = select(
        LEDGER.c.provider_key_id, LEDGER.c.endpoint, LEDGER.c.day, *(LEDGER.c[name] for name in columns)
    ).where(LEDGER.c.workspace_id == workspace_id, LEDGER.c.day >= start, LEDGER.c.day < end)
    found: dict[int, dict[tuple[str, date], Row]] = {}
    for key_id, endpoint, day, state, rows, fetched_at, retry_at, attempts, restated_at, reason in session.execute(
        statement
    ):
        row = LedgerDay(DayState(state), rows, fetched_at=fetched_at, retry_at=retry_at, attempts=attempts)
        found.setdefault(key_id, {})[endpoint, day] = row, restated_at is not None, reason
    return found


def _calendar(
    key: ProviderKey, rows: Mapping[tuple[str, date], Row], days: Sequence[date], *, fetch_hour: int, workers: int
) -> KeyCalendar:
    provider = provider_named(key.provider)
    endpoints: Sequence[Endpoint] = provider.endpoints
    return KeyCalendar(
        provider_key_id=key.id or 0,
        label=key.label,
        provider=provider.title,
        prospect=_prospect(key, workers),
        ended_at=key.ended_at,
        set_aside=key.ended_at is not None and key.deleted_at is None,
        endpoints=tuple(endpoint.name for endpoint in endpoints),
        cells=tuple(
            _cell(endpoint.name, day, rows.get((endpoint.name, day)), fetch_hour=fetch_hour, ended=bool(key.ended_at))
            for endpoint in endpoints
            for day in days
        ),
    )


def _prospect(key: ProviderKey, workers: int) -> Prospect:
    if key.ended_at:
        return Prospect.NONE
    return prospect(KeyStatus(key.status), paused=key.paused_at is not None, workers=workers)


def _learned(key: ProviderKey, late: Mapping[tuple[int, str], Sequence[timedelta]]) -> Iterator[tuple[str, int]]:
    for endpoint in provider_named(key.provider).endpoints:
        after = coverage.settles_after(endpoint.settling, late.get((key.id or 0, endpoint.name), ()))
        if after > endpoint.settling.least:
            yield endpoint.name, after.days


def _cell(endpoint: str, day: date, row: Row | None, *, fetch_hour: int, ended: bool) -> DayCell:
    if row is None:
        return DayCell(endpoint, day, Face.MISSING)
    told, restated, reason = row
    return DayCell(
        endpoint,
        day,
        face_of(told, restated=restated),
        rows=told.rows,
        read_at=told.fetched_at,
        next_at=None if ended else coverage.due_at(day, told, fetch_hour=fetch_hour),
        reason=reason,
        lacks=coverage.lacks_rows(told),
    )
