"""The coverage ledger's reading and writing: claim, fence, finish. Every function works in the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

from msgspec import structs
from sqlalchemy import Insert, and_, bindparam, func, or_, select, update
from sqlmodel import Session

from tracker.columns import UtcDateTime
from tracker.coverage import LEASE, LONGEST_LEASE, OURS_AFTER, LedgerDay, Unit, retry_in
from tracker.db import dialect_of, plain, upsert_for
from tracker.errors import LeaseLost
from tracker.models import Coverage, DayState, table_of
from tracker.points import reached

COVERAGE = table_of(Coverage)
LEFT_ALONE = timedelta(days=30)
KEY = ("workspace_id", "provider_key_id", "endpoint", "day")


# The day, then the fields of `LedgerDay` in their order.
LEDGER_DAY = (COVERAGE.c.day, *(COVERAGE.c[name] for name in LedgerDay.__struct_fields__))


@dataclass(frozen=True)
class Claim:
    """A unit that is ours for a lease's length: only this owner with these fences may finish it."""

    workspace_id: int
    provider_key_id: int
    unit: Unit
    owner: str


@dataclass(frozen=True)
class DayResult:
    """What the ledger is to say of a day after it was read. `restated` = a finished day was told differently.

    `lacks` says which rows could not be stored; such a day is read again at a growing distance (`attempts`).
    """

    day: date
    state: DayState
    rows: int
    content_sha256: bytes
    restated: bool
    attempts: int = 0
    lacks: str | None = None


def read(
    session: Session, workspace_id: int, provider_key_id: int, *, since: date = date.min
) -> dict[str, dict[date, LedgerDay]]:
    """The ledger of a connection from a day on: endpoint → day → row."""
    found = session.execute(READ, {"of_workspace": workspace_id, "of_key": provider_key_id, "since": since})
    return by_endpoint(found)


def by_endpoint(found: Iterable[Any]) -> dict[str, dict[date, LedgerDay]]:
    """Rows of an endpoint and LEDGER_DAY as endpoint → day → row."""
    ledger: dict[str, dict[date, LedgerDay]] = {}
    for endpoint, day, state, *rest in found:
        ledger.setdefault(endpoint, {})[day] = LedgerDay(STATES[state], *rest)
    return ledger


STATES: Mapping[str, DayState] = {state.value: state for state in DayState}
"""A look-up costs a tenth of the call, and a history has thousands of days."""


OF_KEY = (
    COVERAGE.c.workspace_id == bindparam("of_workspace"),
    COVERAGE.c.provider_key_id == bindparam("of_key"),
    COVERAGE.c.day >= bindparam("since"),
)
READ = select(COVERAGE.c.endpoint, *LEDGER_DAY).where(*OF_KEY)


def claim(session: Session, workspace_id: int, provider_key_id: int, unit: Unit, *, owner: str, now: datetime) -> Claim:
    """Take the unit's days, each if it is free; LeaseLost when any was taken or read since it was planned."""
    rows = [
        {
            "workspace_id": workspace_id,
            "provider_key_id": provider_key_id,
            "endpoint": unit.endpoint,
            "day": day,
            "state": DayState.MISSING,
            "rows": 0,
            "attempts": 0,
            "lease_owner": owner,
            "lease_until": now + LEASE,
            "fence": fence + 1,
            "at": now,
            "at_most": now + LONGEST_LEASE,
        }
        for day, fence in zip(unit.days, unit.fences, strict=True)
    ]
    claimed = Claim(workspace_id, provider_key_id, unit.claimed, owner)
    if plain.run(session, claiming(dialect_of(session)), rows) != len(rows):
        raise LeaseLost(f"{unit.endpoint} of {unit.start} is taken.")
    return claimed


@lru_cache(maxsize=2)
def claiming(dialect: str) -> Insert:
    """Made once: a statement that is made anew costs several times its execution."""
    insert = upsert_for(dialect, COVERAGE)
    taken = insert.excluded
    free = or_(
        COVERAGE.c.lease_until.is_(None),
        COVERAGE.c.lease_until <= bindparam("at", type_=UtcDateTime),
        COVERAGE.c.lease_until > bindparam("at_most", type_=UtcDateTime),
    )
    columns = (*KEY, "state", "rows", "attempts", "lease_owner", "lease_until", "fence")
    statement: Insert = insert.values({name: bindparam(name) for name in columns}).on_conflict_do_update(
        index_elements=list(KEY),
        set_={name: taken[name] for name in ("lease_owner", "lease_until", "fence")},
        where=and_(COVERAGE.c.fence == taken.fence - 1, free),
    )
    return statement


def hold(session: Session, claimed: Claim) -> dict[date, LedgerDay]:
    """The claimed rows, locked in this transaction; LeaseLost unless every fence is still ours."""
    unit = claimed.unit
    found = plain.rows(session, HOLD, {**_named(claimed), "of_owner": claimed.owner})
    held = {day: LedgerDay(DayState(state), *rest) for day, state, *rest in found}
    if [held[day].fence if day in held else None for day in unit.days] != list(unit.fences):
        raise LeaseLost(f"{unit.endpoint} of {unit.start} was taken over by another worker.")
    reached("days held")
    return held


def finish(session: Session, claimed: Claim, results: Iterable[DayResult], *, now: datetime) -> None:
    """Write the days' new states and give the lease back. Call `hold` first in the same transaction."""
    of = {
        "of_workspace": claimed.workspace_id,
        "of_key": claimed.provider_key_id,
        "of_endpoint": claimed.unit.endpoint,
        "fetched_at": now,
        **RELEASED,
    }
    told = [
        {
            **of,
            "of_day": result.day,
            "state": result.state,
            "rows": result.rows,
            "content_sha256": result.content_sha256,
            "restated_now": now if result.restated else None,
            **_lacking(result, now),
        }
        for result in results
    ]
    if told:
        plain.run(session, FINISH, told)
    reached("ledger written")


def _lacking(result: DayResult, now: datetime) -> dict[str, Any]:
    if result.lacks is None:
        return {}
    retry_at = now + retry_in(result.attempts)
    return {"attempts": result.attempts, "retry_at": retry_at, "reason": result.lacks}


RELEASED: Mapping[str, Any] = {
    "attempts": 0,
    "retry_at": None,
    "reason": None,
    "lease_owner": None,
    "lease_until": None,
}


OF_DAY = (
    COVERAGE.c.workspace_id == bindparam("of_workspace"),
    COVERAGE.c.provider_key_id == bindparam("of_key"),
    COVERAGE.c.endpoint == bindparam("of_endpoint"),
    COVERAGE.c.day == bindparam("of_day"),
)
FAIL = update(COVERAGE).where(*OF_DAY).values({name: bindparam(name) for name in ("state", *RELEASED)})
FINISH = (
    update(COVERAGE)
    .where(*OF_DAY)
    .values(
        **{name: bindparam(name) for name in ("state", "rows", "content_sha256", "fetched_at", *RELEASED)},
        restated_at=func.coalesce(bindparam("restated_now", type_=UtcDateTime), COVERAGE.c.restated_at),
    )
)


def fail(session: Session, claimed: Claim, reason: str, *, now: datetime, retry_at: datetime | None = None) -> None:
    """Record why the unit was not read and when it will be tried again; days that were read keep their state."""
    held = hold(session, claimed)
    _fail(session, claimed, [_failed(day, row, reason, now=now, retry_at=retry_at) for day, row in held.items()])


def put_off(session: Session, claimed: Claim, reason: str, *, now: datetime) -> None:
    """The same for what was our own fault: tried again soon, and counted once however often it happens."""
    held, retry_at = hold(session, claimed), now + OURS_AFTER
    tried = {day: structs.replace(row, attempts=max(row.attempts - 1, 0)) for day, row in held.items()}
    _fail(session, claimed, [_failed(day, row, reason, now=now, retry_at=retry_at) for day, row in tried.items()])


def fail_day(
    session: Session,
    claimed: Claim,
    day: date,
    row: LedgerDay,
    reason: str,
    *,
    now: datetime,
    retry_at: datetime | None = None,
) -> None:
    """The same of one held day, whose row is given."""
    _fail(session, claimed, [_failed(day, row, reason, now=now, retry_at=retry_at)])


def _fail(session: Session, claimed: Claim, failed: list[dict[str, Any]]) -> None:
    of = {
        "of_workspace": claimed.workspace_id,
        "of_key": claimed.provider_key_id,
        "of_endpoint": claimed.unit.endpoint,
    }
    plain.run(session, FAIL, [{**of, **values} for values in failed])


def _failed(day: date, row: LedgerDay, reason: str, *, now: datetime, retry_at: datetime | None) -> dict[str, Any]:
    attempts = row.attempts + 1
    return {
        **RELEASED,
        "of_day": day,
        "state": row.state if row.fetched_at else DayState.FAILED,
        "attempts": attempts,
        "retry_at": retry_at or now + retry_in(attempts),
        "reason": reason,
    }


def renew(session: Session, claimed: Claim, *, now: datetime) -> None:
    """Lengthen the lease from `now` on, for a unit of many pages; LeaseLost when it has passed on already."""
    hold(session, claimed)
    session.execute(RENEW, {**_named(claimed), "until": now + LEASE})


def shorten(session: Session, claimed: Claim, end: date) -> Claim:
    """The claim of its days before `end`; the others are given back as if never taken. Call `hold` first."""
    unit = claimed.unit
    days = (end - unit.start).days
    rest = replace(claimed, unit=replace(unit, start=end, fences=unit.fences[days:]))
    session.execute(update(COVERAGE).where(*_of_unit(rest)).values(lease_owner=None, lease_until=None))
    return replace(claimed, unit=replace(unit, end=end, fences=unit.fences[:days]))


def give_back(session: Session, claimed: Claim) -> None:
    """Release the lease as if the unit had never been taken (on shutdown)."""
    hold(session, claimed)
    session.execute(update(COVERAGE).where(*_of_unit(claimed)).values(lease_owner=None, lease_until=None))
    reached("lease given back")


def set_unavailable(
    session: Session, claimed: Claim, reason: str, *, now: datetime, before: date | None = None
) -> None:
    """Days that cannot be had: those `before` the provider's history, or all of an endpoint that was never readable.

    A day that was read once keeps its state and rows, and is left alone for a month.
    """
    for day, row in hold(session, claimed).items():
        values: dict[str, Any] = dict(RELEASED)
        if before is None or day < before:
            values |= {"reason": reason, "retry_at": now + LEFT_ALONE if row.fetched_at else None}
            values["state"] = row.state if row.fetched_at else DayState.UNAVAILABLE
        session.execute(update(COVERAGE).where(*_of_unit(claimed), COVERAGE.c.day == day).values(**values))


def reopen(session: Session, workspace_id: int, provider_key_id: int, *, since: date) -> None:
    """Let another key try at once what the former one might not read, or failed to.

    `since` is the first day that the provider still tells of; what lies before can never be read.
    """
    of = _of(workspace_id, provider_key_id)
    unread = and_(*of, COVERAGE.c.state == DayState.UNAVAILABLE, COVERAGE.c.day >= since)
    session.execute(update(COVERAGE).where(unread).values(state=DayState.MISSING))
    waiting = and_(*of, COVERAGE.c.retry_at.is_not(None))
    session.execute(update(COVERAGE).where(waiting).values(retry_at=None, attempts=0, reason=None))


def _of(workspace_id: int, provider_key_id: int) -> tuple[Any, Any]:
    return COVERAGE.c.workspace_id == workspace_id, COVERAGE.c.provider_key_id == provider_key_id


def _named(claimed: Claim) -> dict[str, Any]:
    """What OF_UNIT asks for."""
    return {
        "of_workspace": claimed.workspace_id,
        "of_key": claimed.provider_key_id,
        "of_endpoint": claimed.unit.endpoint,
        "of_start": claimed.unit.start,
        "of_end": claimed.unit.end,
    }


OF_UNIT = (
    COVERAGE.c.workspace_id == bindparam("of_workspace"),
    COVERAGE.c.provider_key_id == bindparam("of_key"),
    COVERAGE.c.endpoint == bindparam("of_endpoint"),
    COVERAGE.c.day >= bindparam("of_start"),
    COVERAGE.c.day < bindparam("of_end"),
)
HOLD = select(*LEDGER_DAY).where(*OF_UNIT, COVERAGE.c.lease_owner == bindparam("of_owner")).with_for_update()
RENEW = update(COVERAGE).where(*OF_UNIT).values(lease_until=bindparam("until"))


def _of_unit(claimed: Claim) -> tuple[Any, ...]:
    unit = claimed.unit
    return (
        *_of(claimed.workspace_id, claimed.provider_key_id),
        COVERAGE.c.endpoint == unit.endpoint,
        COVERAGE.c.day >= unit.start,
        COVERAGE.c.day < unit.end,
    )
