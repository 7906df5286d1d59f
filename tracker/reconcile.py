"""What each connection owes. The ledger alone says what is due; `next_due_at` on a connection only saves looking."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from functools import lru_cache

from sqlalchemy import Update, bindparam, func, or_, select, update
from sqlalchemy.orm import undefer_group
from sqlmodel import Session, col

from tracker import access, clock, coverage, passports, pauses, unsettled
from tracker.columns import UtcDateTime
from tracker.coverage import Unit
from tracker.db import plain
from tracker.models import SEALED, KeyStatus, ProviderKey, table_of
from tracker.product import Product
from tracker.providers import provider as provider_named
from tracker.providers.base import Endpoint
from tracker.unsettled import Unsettled

KEYS = table_of(ProviderKey)

WORKED_WITH = (KeyStatus.UNCHECKED, KeyStatus.VALID, KeyStatus.INSUFFICIENT)
"""Statuses the worker looks at. Only a valid key is read with; the others are checked first."""

READ_WITH = (KeyStatus.UNCHECKED, KeyStatus.VALID)

NAMES_REFRESH = clock.DAY

Ledgers = Mapping[str, Unsettled]


@dataclass(frozen=True, order=True)
class Connection:
    """A provider key by its place; all that crosses workspaces."""

    workspace_id: int
    provider_key_id: int


@dataclass(frozen=True)
class Standing:
    """A connection's row as far as its planning asks for it: every look does, so it is not read whole."""

    id: int
    workspace_id: int
    provider: str
    origin: str
    fingerprint: bytes | None
    status: str
    paused_at: datetime | None
    deleted_at: datetime | None
    history_from: date | None
    retry_at: datetime | None
    names_readable: bool | None
    names_read_at: datetime | None


@dataclass(frozen=True)
class Plan:
    """What a connection owes now: a check of its key first, or units in order and names; and when to look again.

    A key that was never asked what it may do is asked (`passport_new`) before anything is read with it.
    `leased` = another worker holds some of what is due, or waits out a limit of its organisation. The names are left to
    that one: it may hold the connection's row, too.
    `owed` = something is due, be it leased or waiting for a retry.
    `uncovered` is the oldest finished day that was not read since it ended, `read_at` the last committed reading.
    """

    needs_check: bool = False
    units: tuple[Unit, ...] = ()
    names_due: bool = False
    passport_due: bool = False
    passport_new: bool = False
    leased: bool = False
    owed: bool = False
    next_due_at: datetime | None = None
    uncovered: date | None = None
    read_at: datetime | None = None


def due_connections(product: Product, *, now: datetime) -> list[Connection]:
    """The connections to look at now, longest waiting first: the worker's one look across workspaces."""
    with product.database.crossing("claim") as session:
        return [Connection(*row) for row in plain.rows(session, DUE, {"now": now})]


def all_connections(product: Product) -> list[Connection]:
    """Every connection that is neither paused nor deleted nor set aside."""
    with product.database.crossing("claim") as session:
        return [Connection(*row) for row in plain.rows(session, ALL, {})]


IS_WORKED_WITH = or_(*(KEYS.c.status == status for status in WORKED_WITH))
ALL = select(KEYS.c.workspace_id, KEYS.c.id).where(
    IS_WORKED_WITH, KEYS.c.paused_at.is_(None), KEYS.c.deleted_at.is_(None)
)
DUE = (
    select(KEYS.c.workspace_id, KEYS.c.id)
    .where(KEYS.c.next_due_at <= bindparam("now"), IS_WORKED_WITH)
    .order_by(KEYS.c.next_due_at)
)


def plan(product: Product, connection: Connection, *, now: datetime) -> Plan:
    """What the connection owes at `now`, and when to look next (None: never, until somebody changes it)."""
    with product.database.workspace(connection.workspace_id) as session:
        row = standing_of(session, connection)
        if row is None or row.paused_at or row.deleted_at or row.status not in WORKED_WITH:
            return Plan()
        if not access.has_enabled_member(session, row.workspace_id):
            return Plan()
        since, _ = _period(row, now)
        ledgers = unsettled.read(session, row.workspace_id, connection.provider_key_id, since=since, now=now)
        paused_until = pauses.ends_at(session, pauses.scope_of(session, row), now=now)
        passport = passports.of_key(session, row.workspace_id, connection.provider_key_id)
    reading = _reading(row, ledgers, now=now, fetch_hour=product.settings.fetch_hour_utc)
    waits = [at for at in (row.retry_at, paused_until) if at is not None and now < at <= now + coverage.LONGEST_RETRY]
    if waits:
        owed = reading.owed and row.status in READ_WITH
        waiting = Plan(owed=owed, leased=owed and max(waits) == paused_until, next_due_at=max(waits))
        return replace(waiting, uncovered=reading.uncovered, read_at=reading.read_at)
    if row.status != KeyStatus.VALID:
        return Plan(needs_check=True, owed=row.status in READ_WITH, next_due_at=now)
    return replace(reading, passport_due=passports.is_due(passport, now=now), passport_new=passport is None)


def _reading(row: Standing, ledgers: Ledgers, *, now: datetime, fetch_hour: int) -> Plan:
    """What a key that works is to read, from the ledger."""
    provider, period = provider_named(row.provider), _period(row, now)
    looks = [_look(each, ledgers.get(each.name, NOTHING_READ), period, now, fetch_hour) for each in provider.endpoints]
    units = [unit for look in looks for unit in look.units]
    leased = any(look.leased for look in looks)
    names = [endpoint.name for endpoint in provider.endpoints]
    return Plan(
        units=tuple(coverage.in_order(units, endpoints=names, now=now)),
        names_due=not leased and row.names_readable is not False and not are_names_fresh(row, now),
        leased=leased,
        owed=any(look.owed for look in looks),
        next_due_at=min(look.next_due_at for look in looks if look.next_due_at),
        uncovered=min((look.uncovered for look in looks if look.uncovered), default=None),
        read_at=max((look.read_at for look in looks if look.read_at), default=None),
    )


def _look(endpoint: Endpoint, known: Unsettled, period: tuple[date, date], now: datetime, fetch_hour: int) -> Plan:
    """What one endpoint owes."""
    days = coverage.days_without(known.settled, period)
    every = {day: coverage.believed(row, now) for day, row in known.rows.items()}
    rows = [(day, every[day]) for day in days if day in every]
    times = coverage.due_times(every, days, fetch_hour=fetch_hour)
    owed = [row for day, row in rows if coverage.is_owed(day, row, now=now, fetch_hour=fetch_hour)]
    read = [known.read_at, *(row.fetched_at for _, row in rows)]
    return Plan(
        units=tuple(coverage.due_units(endpoint, every, times, now=now)),
        leased=any(coverage.is_leased(row, now) for row in owed),
        owed=bool(owed) or len(rows) < len(days),  # of a day without a row nothing was read yet
        next_due_at=coverage.next_due(endpoint, every, times, now=now),
        uncovered=next(
            (day for day in days if coverage.is_uncovered(day, every.get(day, coverage.ABSENT), now=now)), None
        ),
        read_at=max((at for at in read if at), default=None),
    )


NOTHING_READ = Unsettled()


def _period(row: Standing, now: datetime) -> tuple[date, date]:
    """The days to keep: what lies before the history is neither read again nor looked at."""
    return coverage.horizon(now, history=provider_named(row.provider).history, history_from=row.history_from)


def are_names_fresh(row: Standing | ProviderKey, now: datetime) -> bool:
    """Whether the names were read within the last day (and not by a clock that ran ahead)."""
    return row.names_read_at is not None and abs(now - row.names_read_at) < NAMES_REFRESH


def set_next_due(product: Product, connection: Connection, found: Plan, *, seen: datetime) -> None:
    """Note what was found and when to look at the connection again, unless somebody asked for a look since `seen`.

    Nobody waits for a row that somebody holds, as for storing a long day: its connection stays due for a look.
    """
    told = {
        "seen": seen,
        "next_look": found.next_due_at,
        "uncovered": found.uncovered,
        "read_at": None if found.owed else found.read_at,
    }
    with product.database.workspace(connection.workspace_id, write=True) as session:
        plain.run(session, _noting(owed=found.owed), {**named(connection), **told})


@lru_cache(maxsize=2)
def _noting(*, owed: bool) -> Update:
    seen = bindparam("seen", type_=UtcDateTime)
    return (
        update(KEYS)
        .where(*OF_KEY, IS_FREE, KEYS.c.next_due_at <= seen)
        .values(
            next_due_at=bindparam("next_look"),
            uncovered_day=bindparam("uncovered"),
            behind_since=func.coalesce(KEYS.c.behind_since, seen) if owed else None,
            last_success_at=func.coalesce(bindparam("read_at", type_=UtcDateTime), KEYS.c.last_success_at),
        )
    )


def look_everywhere(product: Product, *, now: datetime) -> list[Connection]:
    """Let every connection be looked at now: the ledger, not the note of when, is the truth.

    Nobody waits for a row that somebody holds: those connections are told, to be looked at later.
    """
    return look_at(product, all_connections(product), now=now)


def look_at(product: Product, connections: Iterable[Connection], *, now: datetime) -> list[Connection]:
    """The same of these connections alone."""
    return [each for each in connections if not _is_looked_at(product, each, now)]


def _is_looked_at(product: Product, connection: Connection, now: datetime) -> bool:
    with product.database.workspace(connection.workspace_id, write=True) as session:
        return plain.run(session, LOOK_NOW, {**named(connection), "now": now}) > 0


def standing_of(session: Session, connection: Connection) -> Standing | None:
    """How the connection stands, None when it is gone."""
    found = plain.rows(session, STANDING, named(connection))
    return Standing(*found[0]) if found else None


def row_of(session: Session, connection: Connection, *, lock: bool = False) -> ProviderKey | None:
    """The connection's row, None when it is gone; with `lock`, nobody else changes it until the transaction ends."""
    return session.execute(ROW_LOCKED if lock else ROW, named(connection)).scalar_one_or_none()


ROW = (
    select(ProviderKey)
    .where(col(ProviderKey.workspace_id) == bindparam("of_workspace"), col(ProviderKey.id) == bindparam("of_key"))
    .options(undefer_group(SEALED))
)
ROW_LOCKED = ROW.with_for_update(key_share=True)

OF_KEY = (KEYS.c.workspace_id == bindparam("of_workspace"), KEYS.c.id == bindparam("of_key"))
STANDING = select(*(KEYS.c[each.name] for each in fields(Standing))).where(*OF_KEY)
FREE = select(KEYS.c.id).where(*OF_KEY).with_for_update(key_share=True, skip_locked=True)
IS_FREE = KEYS.c.id == FREE.correlate(None).scalar_subquery()
"""That nobody else holds the row. On SQLite this asks nothing: who writes there has waited for everybody else."""

LOOK_NOW = update(KEYS).where(*OF_KEY, IS_FREE).values(next_due_at=bindparam("now"))


def named(connection: Connection) -> dict[str, object]:
    """What OF_KEY asks for."""
    return {"of_workspace": connection.workspace_id, "of_key": connection.provider_key_id}
