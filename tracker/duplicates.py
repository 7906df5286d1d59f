"""Two connections of one organisation: what both have read is kept once, with the elder, so that no sum holds it twice.

The younger is set aside and read no more. What only it has read stays, in the sums and in the marks of its days, until
the elder has read the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import bindparam, case, delete, literal, select, update
from sqlmodel import Session

from tracker import clock, ledger, organisations, rollup
from tracker.columns import UtcDateTime, UtcDay
from tracker.coverage import ABSENT, COMPLETE, LedgerDay, lacks_rows
from tracker.db import plain
from tracker.ledger import Claim
from tracker.models import (
    BilledCostRow,
    Coverage,
    DayState,
    KeyStatus,
    ProviderKey,
    SetAside,
    UsageEvent,
    UsageSeries,
    table_of,
)
from tracker.organisations import Sharing
from tracker.providers import provider as provider_named

KEYS, LEDGER, ASIDE = table_of(ProviderKey), table_of(Coverage), table_of(SetAside)
EVENTS, SERIES, BILLED = table_of(UsageEvent), table_of(UsageSeries), table_of(BilledCostRow)


def settle(session: Session, row: ProviderKey, *, now: datetime) -> None:
    """Leave one of the connections that lead to this one's organisation, and each day that several read to one alone.

    Their rows are locked (`organisations.take_turn`). Those whose key was deleted are history, and keep theirs the
    same way.
    """
    session.flush()
    known = organisations.ids(session, row.workspace_id, row.id or 0)
    family = organisations.sharing(session, row.workspace_id, row.provider, known)
    for place, younger in enumerate(family[1:], start=1):
        reason = organisations.aside_sentence(family[0])
        since = case((KEYS.c.status == KeyStatus.DUPLICATE, KEYS.c.checked_at), else_=literal(now, UtcDateTime))
        set_aside = {"status": KeyStatus.DUPLICATE, "status_reason": reason, "checked_at": since}
        session.execute(update(KEYS).where(*_of(KEYS, row.workspace_id, younger.id, "id")).values(**set_aside))
        for elder in family[:place]:
            _part(session, row.workspace_id, row.provider, elder, younger, now=now)


def compare_later(session: Session, workspace_id: int, provider_key_id: int, *, now: datetime) -> None:
    """Have a key that works checked again, for its organisation may be read with another one as well."""
    why = "Which organisation this key reads has just become known. It is checked whether another key reads it, too."
    works = (*_of(KEYS, workspace_id, provider_key_id, "id"), KEYS.c.status == KeyStatus.VALID)
    asked = {"status": KeyStatus.UNCHECKED, "status_reason": why, "next_due_at": now}
    session.execute(update(KEYS).where(*works).values(**asked))


def give_way(session: Session, claimed: Claim, provider: str) -> None:
    """After a unit was stored: what it read is in no sum a second time, by a connection that was set aside for this."""
    of = {"of_workspace": claimed.workspace_id, "of_key": claimed.provider_key_id, "of_provider": provider}
    if not plain.rows(session, ASIDE_FOR_ANOTHER, of):
        return
    known = organisations.ids(session, claimed.workspace_id, claimed.provider_key_id)
    unit = claimed.unit
    for other in organisations.sharing(session, claimed.workspace_id, provider, known):
        if other.status != KeyStatus.DUPLICATE or other.id <= claimed.provider_key_id:
            continue
        session.execute(
            select(KEYS.c.id).where(*_of(KEYS, claimed.workspace_id, other.id, "id")).with_for_update(key_share=True)
        )
        ours, theirs = (
            ledger.read(session, claimed.workspace_id, number, since=unit.start).get(unit.endpoint, {})
            for number in (claimed.provider_key_id, other.id)
        )
        both = [day for day in unit.days if _was_read(ours, day) and _was_read(theirs, day)]
        told = [day for day in both if ours[day].state in COMPLETE or not _tells_nothing(ours[day], theirs[day])]
        _clear(session, claimed.workspace_id, other.id, provider, unit.endpoint, told)


ASIDE_FOR_ANOTHER = (
    select(KEYS.c.id)
    .where(
        KEYS.c.workspace_id == bindparam("of_workspace"),
        KEYS.c.id > bindparam("of_key"),
        KEYS.c.provider == bindparam("of_provider"),
        KEYS.c.status == KeyStatus.DUPLICATE,
    )
    .limit(1)
)


def _part(
    session: Session, workspace_id: int, provider: str, elder: Sharing, younger: Sharing, *, now: datetime
) -> None:
    """Leave each day that both have read to the elder, unless the younger read it later and the elder not to its end.

    The elder then reads that day anew, at once. One that is deleted reads nothing anew: its bill and its usage of a day
    go together, so that they are of the same days.
    """
    ours, theirs = (ledger.read(session, workspace_id, each.id) for each in (elder, younger))
    is_over = elder.deleted_at is not None
    shared = shares(ours, theirs, bills=_bills(provider), is_over=is_over)
    for endpoint, (of_elder, of_younger) in shared.items():
        _clear(session, workspace_id, younger.id, provider, endpoint, of_elder)
        _clear(session, workspace_id, elder.id, provider, endpoint, of_younger)
    if not is_over and any(of_younger for _, of_younger in shared.values()):
        session.execute(update(KEYS).where(*_of(KEYS, workspace_id, elder.id, "id")).values(next_due_at=now))


Ledger = Mapping[str, Mapping[date, LedgerDay]]


def shares(
    ours: Ledger, theirs: Ledger, *, bills: Collection[str], is_over: bool
) -> dict[str, tuple[list[date], list[date]]]:
    """Of the days that both have read, by endpoint: those that are the elder's (`ours`) and those the younger's. Pure.

    `is_over` tells that the elder is deleted.
    """
    both = {
        endpoint: [day for day in sorted(days) if _was_read(ours.get(endpoint, {}), day) and _was_read(days, day)]
        for endpoint, days in theirs.items()
    }
    behind = {
        endpoint: {day for day in days if not _covers(day, ours[endpoint][day], theirs[endpoint][day], is_over=is_over)}
        for endpoint, days in both.items()
    }
    unbilled = {day for name in bills for day in behind.get(name, ())} if is_over else set()
    given = {endpoint: [day for day in days if day in behind[endpoint] | unbilled] for endpoint, days in both.items()}
    return {name: ([day for day in days if day not in set(given[name])], given[name]) for name, days in both.items()}


def _bills(provider: str) -> set[str]:
    return {each.name for each in provider_named(provider).endpoints if each.bills}


def _was_read(days: Mapping[date, LedgerDay], day: date) -> bool:
    return days.get(day, ABSENT).fetched_at is not None


def _covers(day: date, ours: LedgerDay, theirs: LedgerDay, *, is_over: bool) -> bool:
    """Whether our reading of a day holds all that theirs does: it was made after the day's end, or no earlier.

    One that found nothing where theirs did may have come too early, for a bill takes days, until that is settled. Where
    ours `is_over`, a day that is not settled or lacks rows would stay so for ever.
    """
    if ours.fetched_at is None or theirs.fetched_at is None:
        return False
    if is_over and ours.state not in COMPLETE:
        return ours.fetched_at >= theirs.fetched_at and (lacks_rows(theirs) or not lacks_rows(ours))
    if _tells_nothing(ours, theirs):
        return ours.state in COMPLETE and ours.fetched_at >= theirs.fetched_at
    return ours.fetched_at >= min(theirs.fetched_at, clock.day_end(day))


def _tells_nothing(ours: LedgerDay, theirs: LedgerDay) -> bool:
    """Whether only theirs holds rows; such a day stands in no sum twice."""
    return ours.rows == 0 and theirs.rows > 0


def _clear(
    session: Session, workspace_id: int, key_id: int, provider: str, endpoint: str, days: Collection[date]
) -> None:
    """Take out of every sum what a connection has read of these days; its ledger says that they were not read."""
    bills = _bills(provider)
    for first, last in clock.runs(sorted(days)):
        end = last + clock.DAY
        of_days = {"of_workspace": workspace_id, "of_key": key_id, "first_day": first, "end_day": end}
        of_endpoint = {**of_days, "of_endpoint": endpoint}
        session.execute(FORGET, of_endpoint)
        session.execute(CLEAR_ASIDE, of_endpoint)
        if endpoint in bills:
            session.execute(CLEAR_BILL, of_days)
        else:
            between = {"start": clock.day_start(first), "end": clock.day_start(end)}
            session.execute(CLEAR_USAGE, {**of_endpoint, **between})
            rollup.recompute(session, workspace_id, key_id, first, end)


def _of(table: Any, workspace_id: int, key_id: int, column: str = "provider_key_id") -> tuple[Any, Any]:
    return table.c.workspace_id == workspace_id, table.c[column] == key_id


def _days_of(table: Any) -> Iterable[Any]:
    return (
        table.c.workspace_id == bindparam("of_workspace"),
        table.c.provider_key_id == bindparam("of_key"),
        table.c.day >= bindparam("first_day", type_=UtcDay),
        table.c.day < bindparam("end_day", type_=UtcDay),
    )


CLEAR_USAGE = delete(EVENTS).where(
    EVENTS.c.workspace_id == bindparam("of_workspace"),
    EVENTS.c.bucket_start >= bindparam("start"),
    EVENTS.c.bucket_start < bindparam("end"),
    EVENTS.c.series_id.in_(
        select(SERIES.c.id).where(
            SERIES.c.workspace_id == bindparam("of_workspace"),
            SERIES.c.provider_key_id == bindparam("of_key"),
            SERIES.c.usage_type == bindparam("of_endpoint"),
        )
    ),
)
CLEAR_BILL = delete(BILLED).where(*_days_of(BILLED))
CLEAR_ASIDE = delete(ASIDE).where(*_days_of(ASIDE), ASIDE.c.endpoint == bindparam("of_endpoint"))
FORGET = (
    update(LEDGER)
    .where(*_days_of(LEDGER), LEDGER.c.endpoint == bindparam("of_endpoint"))
    .values(
        state=DayState.MISSING,
        rows=0,
        content_sha256=None,
        fetched_at=None,
        restated_at=None,
        **ledger.RELEASED,
    )
)
"""The fence stays, so that whoever holds a lease of another time has lost it."""
