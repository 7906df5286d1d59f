"""How far each day can be trusted, and how far the reading of a connection's history has come. SQL and pure marks.

A day is complete when every usage endpoint of every connection was read after the day had ended. The bill has its
own date ("billed through"); a day that the provider cannot tell is not waited for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import bindparam, func, or_, select
from sqlmodel import Session, col

from tracker import clock, coverage
from tracker.coverage import ABSENT, LedgerDay
from tracker.ledger import STATES
from tracker.models import Coverage, DayState, KeyStatus, ProviderKey, table_of
from tracker.providers import provider as provider_named

LEDGER = table_of(Coverage)

Ledgers = dict[int, dict[str, dict[date, LedgerDay]]]


class DayMark(StrEnum):
    """What may be said of a day: the weakest of its parts decides; one that cannot be told at all has none."""

    FINAL = "final"
    PROVISIONAL = "provisional"
    OPEN = "open"
    MISSING = "missing"
    UNAVAILABLE = "unavailable"

    @property
    def complete(self) -> bool:
        return self in {DayMark.FINAL, DayMark.PROVISIONAL}


STRENGTH = {
    mark: strength
    for strength, mark in enumerate(
        (DayMark.MISSING, DayMark.OPEN, DayMark.PROVISIONAL, DayMark.FINAL, DayMark.UNAVAILABLE)
    )
}


@dataclass(frozen=True)
class Progress:
    """Days of history over all connections: how many there are, were read, and failed and wait for another try.

    `reading` is the earliest day that a worker holds right now.
    """

    total: int = 0
    read: int = 0
    failed: int = 0
    reading: date | None = None

    @property
    def pending(self) -> int:
        """Days that nobody has tried to read yet."""
        return max(self.total - self.read - self.failed, 0)

    @property
    def share(self) -> float:
        return self.read / self.total if self.total else 0.0


@dataclass(frozen=True)
class Failure:
    """Days whose last reading failed: how many, why the newest one did, and when the first is tried again.

    `provider_key_id` is the connection of the newest.
    """

    provider_key_id: int
    days: int
    newest: date
    endpoint: str
    reason: str | None
    retry_at: datetime | None


@dataclass(frozen=True)
class Keys:
    """The connections that ought to be read, and the ids of those that do not work now but were `read_before`.

    `doubled` were set aside, because another one reads the same organisation; `ended` were read, until their key was
    deleted or set aside.
    """

    every: tuple[ProviderKey, ...]
    read_before: frozenset[int] = frozenset()
    doubled: tuple[ProviderKey, ...] = ()
    ended: tuple[ProviderKey, ...] = ()

    @property
    def counted(self) -> list[ProviderKey]:
        """Those whose days can be missing: their key works, or did once. One never accepted owes no day.

        Where none was ever accepted it is all of them: their first reading is what is waited for.
        """
        accepted = [key for key in self.every if key.status == KeyStatus.VALID or key.id in self.read_before]
        return accepted or ([] if self.ended else list(self.every))

    @property
    def in_figures(self) -> list[ProviderKey]:
        """Those that figures are of: whoever counts, and what was read with keys that are no longer used."""
        return [*self.counted, *self.ended]

    @property
    def awaited(self) -> list[ProviderKey]:
        """Those that anything is still to be read with."""
        return self.counted or list(self.every)


# Made once, as every statement below: a page asks them all at every look, and making one costs as much as running it.
OURS = LEDGER.c.workspace_id == bindparam("of_workspace")
OF_KEY = (OURS, LEDGER.c.provider_key_id == bindparam("of_key"))
BETWEEN = (LEDGER.c.day >= bindparam("first"), LEDGER.c.day < bindparam("end"))

EVER = (
    select(ProviderKey).where(col(ProviderKey.workspace_id) == bindparam("of_workspace")).order_by(col(ProviderKey.id))
)
READ_BEFORE = (
    select(LEDGER.c.provider_key_id)
    .where(
        OURS,
        LEDGER.c.provider_key_id.in_(bindparam("of_keys", expanding=True)),
        LEDGER.c.fetched_at.is_not(None),
    )
    .distinct()
)


def read_keys(session: Session, workspace_id: int) -> Keys:
    """The workspace's connections; one that was deleted, or set aside for another, is history where it has any."""
    ever = tuple(session.execute(EVER, {"of_workspace": workspace_id}).scalars())
    present = [key for key in ever if key.deleted_at is None]
    every = tuple(key for key in present if key.status != KeyStatus.DUPLICATE)
    doubled = tuple(key for key in present if key.status == KeyStatus.DUPLICATE)
    doubtful = [key.id for key in ever if key.deleted_at or key.status != KeyStatus.VALID]
    if not doubtful:
        return Keys(every, doubled=doubled)
    read = frozenset(session.execute(READ_BEFORE, {"of_workspace": workspace_id, "of_keys": doubtful}).scalars())
    ended = tuple(key for key in ever if key.ended_at and key.id in read)
    return Keys(every, read - {key.id for key in ended}, doubled, ended)


OF_DAYS = select(
    LEDGER.c.provider_key_id,
    LEDGER.c.endpoint,
    LEDGER.c.day,
    *(LEDGER.c[name] for name in ("state", "rows", "fetched_at", "retry_at")),
).where(OURS, *BETWEEN)


def read_ledgers(session: Session, workspace_id: int, start: date, end: date) -> Ledgers:
    """The ledger of the UTC days [start, end): provider key → endpoint → day → row."""
    found = session.execute(OF_DAYS, {"of_workspace": workspace_id, "first": start, "end": end}).all()
    ledgers: Ledgers = {}
    for key_id, endpoint, day, state, rows, fetched_at, retry_at in found:
        row = LedgerDay(STATES[state], rows, fetched_at=fetched_at, retry_at=retry_at)
        ledgers.setdefault(key_id, {}).setdefault(endpoint, {})[day] = row
    return ledgers


LAST_READ = select(func.max(LEDGER.c.fetched_at)).where(OURS)


def last_read(session: Session, workspace_id: int) -> datetime | None:
    """When anything was last read successfully."""
    at: datetime | None = session.execute(LAST_READ, {"of_workspace": workspace_id}).scalar_one()
    return at


def marks(ledgers: Ledgers, keys: Sequence[ProviderKey], days: Iterable[date]) -> dict[date, DayMark]:
    """The mark of every day over the usage endpoints of these connections; without any connection, missing."""
    parts = [
        ledgers.get(key.id or 0, {}).get(endpoint.name, {})
        for key in keys
        for endpoint in provider_named(key.provider).endpoints
        if not endpoint.bills
    ]
    return {day: weakest([mark(day, of_day.get(day, ABSENT)) for of_day in parts]) for day in days}


def lacking(ledgers: Ledgers, keys: Sequence[ProviderKey], finished: Collection[date]) -> dict[int, int]:
    """How many of the finished days each connection does not have completely, by its id."""
    return {key.id or 0: sum(not found.complete for found in marks(ledgers, [key], finished).values()) for key in keys}


def marks_with_history(
    ledgers: Ledgers, keys: Sequence[ProviderKey], days: Sequence[date], *, now: datetime
) -> dict[date, DayMark]:
    """As `marks`, but a day before the history of a connection is none of its days, unless it was read in its time.

    One that is read no more owes no day: those of which it read any usage stay as it left them, for the sums hold what
    it read. A day that is no connection's is unavailable: it is never to be read.
    """
    parts = [
        _Part(
            key.ended_at is None,
            history(key, now=now)[0],
            _told(ledgers, key),
            marks(ledgers, [key], days),
        )
        for key in keys
    ]
    return {day: _together(parts, day) for day in days}


def _told(ledgers: Ledgers, key: ProviderKey) -> Mapping[str, Mapping[date, LedgerDay]]:
    """What makes a day the connection's own: of one that has ended usage alone, for no mark waits for a bill."""
    of_key = ledgers.get(key.id or 0, {})
    if key.ended_at is None:
        return of_key
    usage = [each.name for each in provider_named(key.provider).endpoints if not each.bills]
    return {name: of_key[name] for name in usage if name in of_key}


@dataclass(frozen=True)
class _Part:
    """What one connection has to say of days: those from `begins` on are its own, if it `owes` any."""

    owes: bool
    begins: date
    ledger: Mapping[str, Mapping[date, LedgerDay]]
    marks: Mapping[date, DayMark]

    def has_read(self, day: date) -> bool:
        return any(of_day.get(day, ABSENT).fetched_at is not None for of_day in self.ledger.values())


def _together(parts: Sequence[_Part], day: date) -> DayMark:
    found = [each.marks[day] for each in parts if each.owes and (each.begins <= day or each.has_read(day))]
    found += [each.marks[day] for each in parts if not each.owes and each.has_read(day)]
    if found:
        return weakest(found)
    lost = any(each.begins <= day for each in parts) and not any(each.owes for each in parts)
    return DayMark.MISSING if lost or not parts else DayMark.UNAVAILABLE


def weakest(found: Sequence[DayMark]) -> DayMark:
    return min(found, key=STRENGTH.__getitem__) if found else DayMark.MISSING


def mark(day: date, row: LedgerDay) -> DayMark:
    """The mark of one endpoint's day."""
    if row.state is DayState.UNAVAILABLE or row.state in coverage.COMPLETE:
        return DayMark.FINAL
    if row.fetched_at is None or row.state is not DayState.PROVISIONAL:
        return DayMark.MISSING
    return DayMark.PROVISIONAL if row.fetched_at >= clock.day_end(day) else DayMark.OPEN


def progress(session: Session, workspace_id: int, keys: Sequence[ProviderKey], *, now: datetime) -> Progress:
    """How far the whole history of these connections has been read, today included."""
    total = read = failed = 0
    for key in keys:
        first, end = history(key, now=now)
        total += (end - first).days
        read += _read_days(session, workspace_id, key, (first, end))
        failed += _failed_days(session, workspace_id, key, (first, end))
    return Progress(total, read, failed, _being_read(session, workspace_id, now) if read + failed < total else None)


def history(key: ProviderKey, *, now: datetime) -> tuple[date, date]:
    """The UTC days [first, end) of which anything can be read with a connection's key."""
    return coverage.horizon(now, history=provider_named(key.provider).history, history_from=key.history_from)


READ_WHOLE = (
    select(LEDGER.c.day)
    .where(
        *OF_KEY,
        LEDGER.c.endpoint.in_(bindparam("endpoints", expanding=True)),
        *BETWEEN,
        or_(LEDGER.c.fetched_at.is_not(None), LEDGER.c.state == DayState.UNAVAILABLE),
    )
    .group_by(LEDGER.c.day)
    .having(func.count() >= bindparam("parts"))
    .subquery()
)
COUNT_READ = select(func.count()).select_from(READ_WHOLE)
COUNT_FAILED = select(func.count(LEDGER.c.day.distinct())).where(*OF_KEY, *BETWEEN, LEDGER.c.state == DayState.FAILED)
BEING_READ = select(func.min(LEDGER.c.day)).where(OURS, LEDGER.c.lease_until > bindparam("now"))


def _read_days(session: Session, workspace_id: int, key: ProviderKey, period: tuple[date, date]) -> int:
    """Days of which every usage endpoint was read; the bill comes later and is not waited for."""
    endpoints = [each.name for each in provider_named(key.provider).endpoints if not each.bills]
    told = {"endpoints": endpoints, "parts": len(endpoints)}
    return int(session.execute(COUNT_READ, {**_of(workspace_id, key, period), **told}).scalar_one())


def _failed_days(session: Session, workspace_id: int, key: ProviderKey, period: tuple[date, date]) -> int:
    return int(session.execute(COUNT_FAILED, _of(workspace_id, key, period)).scalar_one())


def _of(workspace_id: int, key: ProviderKey, period: tuple[date, date]) -> dict[str, object]:
    return {"of_workspace": workspace_id, "of_key": key.id, "first": period[0], "end": period[1]}


def _being_read(session: Session, workspace_id: int, now: datetime) -> date | None:
    day: date | None = session.execute(BEING_READ, {"of_workspace": workspace_id, "now": now}).scalar_one()
    return day


FAILED = (
    select(LEDGER.c.provider_key_id, LEDGER.c.day, LEDGER.c.endpoint, LEDGER.c.reason, LEDGER.c.retry_at)
    .where(OURS, LEDGER.c.provider_key_id.in_(bindparam("of_keys", expanding=True)), LEDGER.c.attempts > 0)
    .order_by(LEDGER.c.day.desc(), LEDGER.c.endpoint)
)


def failure(
    session: Session, workspace_id: int, keys: Sequence[ProviderKey], *, lacking: Collection[tuple[int, str, date]] = ()
) -> Failure | None:
    """What last failed and has not been made good since, for the connections given.

    Days `lacking` rows (key, endpoint, day) were read, and are told of by themselves.
    """
    found = session.execute(FAILED, {"of_workspace": workspace_id, "of_keys": [key.id for key in keys]})
    rows = [row for row in found if (row.provider_key_id, row.endpoint, row.day) not in lacking]
    if not rows:
        return None
    newest = rows[0]
    retry_at = min((row.retry_at for row in rows if row.retry_at), default=None)
    days = len({row.day for row in rows})
    return Failure(newest.provider_key_id, days, newest.day, newest.endpoint, newest.reason, retry_at)
