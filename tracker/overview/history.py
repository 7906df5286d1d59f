"""What each complete day of the last months cost: the ground that a forecast stands on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from sqlalchemy import bindparam, func, select, tuple_
from sqlmodel import Session

from tracker.models import Coverage, DailyUsage, DayState, ProviderKey, table_of
from tracker.overview.cycle import Cycle
from tracker.overview.days import DayMark
from tracker.overview.forecast import LOOK_BACK, TRIALS
from tracker.providers import provider as provider_named

DAILY, LEDGER = table_of(DailyUsage), table_of(Coverage)

SETTLED = (DayState.FINAL, DayState.VERIFIED_ZERO)
"""Of a day that a provider never told nothing is known: neither that it cost something nor that it did not."""
REACH = timedelta(days=TRIALS + 31) + LOOK_BACK


@dataclass(frozen=True)
class History:
    """Estimated USD by UTC day: of days that are complete (`known`), and of all of which anything was read (`seen`)."""

    known: Mapping[date, Decimal]
    seen: Mapping[date, Decimal]


def read(
    session: Session, workspace_id: int, keys: Sequence[ProviderKey], cycle: Cycle, marks: Mapping[date, DayMark]
) -> History:
    """The last months up to today. Days before those that have a mark count as known when they are settled."""
    start = cycle.today - REACH
    seen = _spend(session, workspace_id, start, cycle.end)
    known = {day for day, mark in marks.items() if mark.complete and day < cycle.today}
    known |= _settled(session, workspace_id, keys, start, cycle.horizon)
    return History({day: seen.get(day, Decimal()) for day in known}, seen)


SPENT = (
    select(DAILY.c.day, func.sum(DAILY.c.estimated_cost))
    .where(
        DAILY.c.workspace_id == bindparam("of_workspace"),
        DAILY.c.day >= bindparam("first"),
        DAILY.c.day < bindparam("end"),
    )
    .group_by(DAILY.c.day)
)
SETTLED_DAYS = (
    select(LEDGER.c.day)
    .where(
        LEDGER.c.workspace_id == bindparam("of_workspace"),
        tuple_(LEDGER.c.provider_key_id, LEDGER.c.endpoint).in_(bindparam("mains", expanding=True)),
        LEDGER.c.day >= bindparam("first"),
        LEDGER.c.day < bindparam("end"),
        LEDGER.c.state.in_(SETTLED),
    )
    .group_by(LEDGER.c.day)
    .having(func.count() >= bindparam("parts"))
)


def _spend(session: Session, workspace_id: int, start: date, end: date) -> dict[date, Decimal]:
    found = session.execute(SPENT, {"of_workspace": workspace_id, "first": start, "end": end}).all()
    return {day: amount for day, amount in found if amount is not None}


def _settled(session: Session, workspace_id: int, keys: Sequence[ProviderKey], start: date, end: date) -> set[date]:
    """The days [start, end) whose main endpoint is settled for every connection that owes them; else for any."""
    owing = [key for key in keys if key.ended_at is None]
    mains = [(key.id, provider_named(key.provider).endpoints[0].name) for key in owing or keys]
    if not mains:
        return set()
    of_days = {"of_workspace": workspace_id, "first": start, "end": end}
    parts = len(owing) or 1  # a key that is read with no more owes no day
    return set(session.execute(SETTLED_DAYS, {**of_days, "mains": mains, "parts": parts}).scalars().all())
