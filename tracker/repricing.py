"""Pricing past days anew: a dry run first, then applied, then undone. Nothing else ever changes a stored cost.

A row is repriced when its cost or basis would differ from what is stored, at the prices of its own time. Each day is
one transaction with its rollup, under the lock that the worker's store takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import bindparam, insert, select, update
from sqlmodel import Session

from tracker import audit, clock, money, rollup, stored, workspace_prices
from tracker.audit import Action, Actor
from tracker.db import Database
from tracker.errors import BadInput, NotFound
from tracker.models import ProviderKey, RepricedEvent, Repricing, table_of
from tracker.own_prices import OwnPrices
from tracker.points import reached
from tracker.pricing import Priced, price
from tracker.series import price_version_ids
from tracker.stored import EVENTS, Price, StoredRow

KEYS, REPRICINGS, REPRICED = table_of(ProviderKey), table_of(Repricing), table_of(RepricedEvent)

MAX_DAYS = 3_660


@dataclass(frozen=True)
class DayDifference:
    """What would change on a UTC day: USD before and after of the whole day (None: nothing priced), `rows` changed.

    `unpriced` are rows without a price, before and after.
    """

    day: date
    old: Decimal | None
    new: Decimal | None
    rows: int
    unpriced: tuple[int, int]

    @property
    def difference(self) -> Decimal:
        """After minus before, in USD; what was or stays unknown adds nothing."""
        return (self.new or Decimal()) - (self.old or Decimal())


@dataclass(frozen=True)
class Plan:
    """The days of [start, end) that would change, first to last, out of `rows` rows looked at."""

    start: date
    end: date
    rows: int
    days: tuple[DayDifference, ...]

    @property
    def changed(self) -> int:
        return sum(day.rows for day in self.days)

    @property
    def difference(self) -> Decimal:
        return sum((day.difference for day in self.days), Decimal())


@dataclass(frozen=True)
class Done:
    """A repricing that was applied. `restored` and `left_as_is` (restated or repriced since) once it was undone."""

    id: int
    start: date
    end: date
    rows: int
    days: int
    created_at: datetime
    undone_at: datetime | None = None
    restored: int | None = None
    left_as_is: int | None = None


@dataclass(frozen=True)
class _Change:
    row: StoredRow
    priced: Priced

    @property
    def cost(self) -> Decimal | None:
        return rounded(self.priced.cost)


def rounded(cost: Decimal | None) -> Decimal | None:
    """The cost as the table holds it."""
    return None if cost is None else money.from_nanos(money.to_nanos(cost))


def plan(session: Session, workspace_id: int, start: date, end: date) -> Plan:
    """What `apply` would change in the UTC days [start, end); changes nothing. BadInput for more than ten years."""
    prices = workspace_prices.every(session, workspace_id)
    looked, days = 0, []
    for day in _checked_days(start, end):
        rows, difference = _difference(day, _looked_at(session, workspace_id, day, prices))
        looked += rows
        days += [difference] if difference.rows else []
    return Plan(start, end, looked, tuple(days))


def _checked_days(start: date, end: date) -> Iterable[date]:
    if end < start:
        raise BadInput(f"The period ends ({end}) before it begins ({start}). Give a later end.")
    if (end - start).days > MAX_DAYS:
        raise BadInput(f"At most {MAX_DAYS} days are priced anew at once.")
    return clock.days(start, end)


def _looked_at(session: Session, workspace_id: int, day: date, prices: OwnPrices) -> Iterator[_Change]:
    """Every row of the day beside what it would cost now, whether that differs or not."""
    for row in stored.rows(session, workspace_id, clock.day_start(day), clock.day_end(day)):
        yield _Change(row, price(row.record, provider=row.provider, prices=prices))


def _differs(change: _Change) -> bool:
    before = change.row.price
    return (before.cost, before.basis) != (change.cost, change.priced.basis)


def _difference(day: date, looked: Iterable[_Change]) -> tuple[int, DayDifference]:
    """How many rows there are, and what changes; one row in memory at a time."""
    found = DayDifference(day, None, None, 0, (0, 0))
    rows = 0
    for change in looked:
        rows += 1
        before, after = change.row.price.cost, change.cost
        found = replace(
            found,
            old=_plus(found.old, before),
            new=_plus(found.new, after),
            rows=found.rows + _differs(change),
            unpriced=(found.unpriced[0] + (before is None), found.unpriced[1] + (after is None)),
        )
    return rows, found


def _plus(total: Decimal | None, amount: Decimal | None) -> Decimal | None:
    return total if amount is None else (total or Decimal()) + amount


def apply(database: Database, workspace_id: int, start: date, end: date, *, by: Actor) -> Done | None:
    """Price the UTC days [start, end) anew, a day in each transaction; None when nothing differs.

    Stopped half-way, the days done are whole and can be undone; applied again, it goes on with the rest.
    """
    begun_at = clock.utc_now()
    for day in _checked_days(start, end):
        # Looked at without a lock first: most days do not change, and the worker need not wait for those.
        if _would_change(database, workspace_id, day):
            database.retrying(
                lambda day=day: _apply_day(database, workspace_id, day, (start, end), begun_at, by)  # type: ignore[misc]
            )
    with database.workspace(workspace_id) as session:
        number = _begun(session, workspace_id, (start, end), begun_at)
        return None if number is None else find(session, workspace_id, number)


def _would_change(database: Database, workspace_id: int, day: date) -> bool:
    with database.workspace(workspace_id) as session:
        prices = workspace_prices.every(session, workspace_id)
        return any(_differs(change) for change in _looked_at(session, workspace_id, day, prices))


def _apply_day(
    database: Database, workspace_id: int, day: date, period: tuple[date, date], begun_at: datetime, by: Actor
) -> None:
    """One day in one transaction; the repricing is made with the first day that changes."""
    with database.workspace(workspace_id, write=True) as session:
        _lock(session, workspace_id)
        prices = workspace_prices.every(session, workspace_id)
        changes = [each for each in _looked_at(session, workspace_id, day, prices) if _differs(each)]
        if not changes:
            return
        number = _begun(session, workspace_id, period, begun_at)
        if number is None:
            number = _begin(session, workspace_id, period, begun_at, by)
        _write(session, workspace_id, number, changes)
        _recompute(session, workspace_id, [change.row for change in changes])
        of_it = (REPRICINGS.c.workspace_id == workspace_id, REPRICINGS.c.id == number)
        more = {"rows": REPRICINGS.c.rows + len(changes), "days": REPRICINGS.c.days + 1}
        session.execute(update(REPRICINGS).where(*of_it).values(more))


def _lock(session: Session, workspace_id: int) -> None:
    """Keep the worker's stores out, in the order in which everybody takes these locks."""
    of_all = select(KEYS.c.id).where(KEYS.c.workspace_id == workspace_id).order_by(KEYS.c.id)
    session.execute(of_all.with_for_update()).all()


def _begun(session: Session, workspace_id: int, period: tuple[date, date], begun_at: datetime) -> int | None:
    """The number of the repricing begun at that instant: only the database knows it when a commit's answer is lost."""
    this_one = (REPRICINGS.c.start == period[0], REPRICINGS.c.end == period[1], REPRICINGS.c.created_at == begun_at)
    return session.execute(select(REPRICINGS.c.id).where(REPRICINGS.c.workspace_id == workspace_id, *this_one)).scalar()


def _begin(session: Session, workspace_id: int, period: tuple[date, date], begun_at: datetime, by: Actor) -> int:
    start, end = period
    row = {"start": start, "end": end, "rows": 0, "days": 0, "created_by": by.user_id, "created_at": begun_at}
    statement = insert(REPRICINGS).values(workspace_id=workspace_id, **row).returning(REPRICINGS.c.id)
    number = int(session.execute(statement).scalar_one())
    reached("repricing begun")
    audit.record(session, workspace_id, Action.REPRICED, by, subject=f"repricing {number}, {start} to {end}")
    return number


def _write(session: Session, workspace_id: int, number: int, changes: Sequence[_Change]) -> None:
    versions = {change.priced.version for change in changes if change.priced.version}
    ids = price_version_ids(session, versions, now=clock.utc_now())
    after = [
        Price(
            change.cost,
            change.priced.basis,
            ids[change.priced.version] if change.priced.version else None,
            change.priced.own.id if change.priced.own else None,
        )
        for change in changes
    ]
    told = [
        {
            "workspace_id": workspace_id,
            "repricing_id": number,
            "bucket_start": change.row.record.bucket_start,
            "series_id": change.row.series_id,
            "measures_digest": change.row.measures_digest,
            **_named("old", change.row.price),
            **_named("new", new),
        }
        for change, new in zip(changes, after, strict=True)
    ]
    session.execute(insert(REPRICED), told)
    reached("old prices kept")
    _set(session, workspace_id, [(change.row, new) for change, new in zip(changes, after, strict=True)])


def _named(when: str, price_: Price) -> dict[str, Any]:
    names = ("cost", "basis", "version_id", "own_id")
    return {f"{when}_{name}": getattr(price_, name) for name in names}


SET_PRICE = update(EVENTS).where(
    EVENTS.c.workspace_id == bindparam("of_workspace"),
    EVENTS.c.bucket_start == bindparam("of_start"),
    EVENTS.c.series_id == bindparam("of_series"),
)


def _set(session: Session, workspace_id: int, prices: Iterable[tuple[StoredRow, Price]]) -> None:
    rows = [
        {
            "of_workspace": workspace_id,
            "of_start": row.record.bucket_start,
            "of_series": row.series_id,
            "estimated_cost": new.cost,
            "cost_basis": new.basis,
            "price_version_id": new.version_id,
            "workspace_price_id": new.own_id,
        }
        for row, new in prices
    ]
    if rows:
        session.execute(SET_PRICE, rows)
    reached("prices set")


def _recompute(session: Session, workspace_id: int, rows: Iterable[StoredRow]) -> None:
    for key, day in sorted({(row.provider_key_id, row.record.bucket_start.date()) for row in rows}):
        rollup.recompute(session, workspace_id, key, day, day + clock.DAY)


def find(session: Session, workspace_id: int, number: int) -> Done:
    """NotFound when the workspace has no repricing of that number."""
    found = next((each for each in every(session, workspace_id) if each.id == number), None)
    if found is None:
        raise NotFound(f"There is no repricing {number}. Prices shows those there are.")
    return found


DONE = ("id", "start", "end", "rows", "days", "created_at", "undone_at", "restored", "left_as_is")


def every(session: Session, workspace_id: int) -> list[Done]:
    """All repricings, newest first."""
    columns = (REPRICINGS.c[name] for name in DONE)
    statement = select(*columns).where(REPRICINGS.c.workspace_id == workspace_id).order_by(REPRICINGS.c.id.desc())
    return [Done(*row) for row in session.execute(statement)]


def undo(database: Database, workspace_id: int, number: int, *, by: Actor) -> Done:
    """Give each row its former price, unless it was restated or repriced since; those stay and are counted.

    A day in each transaction. Done twice, it changes nothing more; stopped half-way, it can be done again.
    """
    with database.workspace(workspace_id) as session:
        found = find(session, workspace_id, number)
        if found.undone_at:
            return found
        changed = select(REPRICED.c.bucket_start).where(*_of(workspace_id, number)).distinct()
        days = sorted({start.date() for start in session.execute(changed).scalars()})
    restored = left = 0
    for day in days:
        back, as_is = database.retrying(lambda day=day: _undo_day(database, workspace_id, number, day))  # type: ignore[misc]
        restored, left = restored + back, left + as_is
    with database.workspace(workspace_id, write=True) as session:
        undone = {"undone_by": by.user_id, "undone_at": clock.utc_now(), "restored": restored, "left_as_is": left}
        of_it = (REPRICINGS.c.workspace_id == workspace_id, REPRICINGS.c.id == number)
        session.execute(update(REPRICINGS).where(*of_it, REPRICINGS.c.undone_at.is_(None)).values(undone))
        audit.record(session, workspace_id, Action.REPRICING_UNDONE, by, subject=f"repricing {number}")
        return find(session, workspace_id, number)


def _of(workspace_id: int, number: int) -> tuple[Any, ...]:
    return (REPRICED.c.workspace_id == workspace_id, REPRICED.c.repricing_id == number)


def _undo_day(database: Database, workspace_id: int, number: int, day: date) -> tuple[int, int]:
    """How many rows of the day are now as before the repricing, and how many it left as they are."""
    start, end = clock.day_start(day), clock.day_end(day)
    with database.workspace(workspace_id, write=True) as session:
        _lock(session, workspace_id)
        of_day = (REPRICED.c.bucket_start >= start, REPRICED.c.bucket_start < end)
        told = session.execute(select(REPRICED).where(*_of(workspace_id, number), *of_day)).mappings().all()
        now = {(row.record.bucket_start, row.series_id): row for row in stored.rows(session, workspace_id, start, end)}
        back = [
            (row, _price(each, "old"))
            for each in told
            if (row := now.get((each["bucket_start"], each["series_id"])))
            and row.measures_digest == each["measures_digest"]
            and row.price in {_price(each, "new"), _price(each, "old")}  # the latter: restored by a try that stopped
        ]
        _set(session, workspace_id, back)
        _recompute(session, workspace_id, [row for row, _ in back])
    return len(back), len(told) - len(back)


def _price(told: Any, when: str) -> Price:
    return Price(*(told[f"{when}_{name}"] for name in ("cost", "basis", "version_id", "own_id")))
