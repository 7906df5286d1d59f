"""Finished days that the provider told differently later: both values, the time and the difference are kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from sqlalchemy import bindparam, select
from sqlmodel import Session

from tracker import clock, coverage
from tracker.db import plain
from tracker.ledger import Claim
from tracker.models import ProviderKey, Restatement, table_of
from tracker.providers.base import Endpoint

RESTATEMENTS, KEYS = table_of(Restatement), table_of(ProviderKey)


@dataclass(frozen=True)
class Restated:
    """A finished day that was told differently later: both values in USD (None: unpriced) and both numbers of rows.

    `seen_at` is when the new value was read (UTC).
    """

    label: str
    endpoint: str
    day: date
    seen_at: datetime
    before: Decimal | None
    after: Decimal | None
    rows_before: int
    rows_after: int

    @property
    def difference(self) -> Decimal | None:
        """None when either value is unknown."""
        return None if self.before is None or self.after is None else self.after - self.before


def read(session: Session, workspace_id: int, start: date, end: date, *, most: int | None = None) -> list[Restated]:
    """The restatements of the UTC days [start, end), the newest first; all of them, or so many at `most`."""
    told = RESTATEMENTS.c
    values = (told.cost_before, told.cost_after, told.rows_before, told.rows_after)
    statement = (
        select(KEYS.c.label, told.endpoint, told.day, told.seen_at, *values)
        .join_from(RESTATEMENTS, KEYS, told.provider_key_id == KEYS.c.id)
        .where(
            told.workspace_id == workspace_id, KEYS.c.workspace_id == workspace_id, told.day >= start, told.day < end
        )
        .order_by(told.seen_at.desc(), told.id.desc())
        .limit(most)
    )
    return [Restated(*row) for row in session.execute(statement)]


def lateness(session: Session, workspace_id: int, *, since: datetime) -> dict[tuple[int, str], list[timedelta]]:
    """How long after its end each day was told differently, of changes seen since then: (key, endpoint) → durations."""
    found: dict[tuple[int, str], list[timedelta]] = {}
    for key_id, endpoint, day, seen_at in plain.rows(session, SEEN, {"of_workspace": workspace_id, "since": since}):
        found.setdefault((key_id, endpoint), []).append(seen_at - clock.day_end(day))
    return found


SEEN = select(*(RESTATEMENTS.c[name] for name in ("provider_key_id", "endpoint", "day", "seen_at"))).where(
    RESTATEMENTS.c.workspace_id == bindparam("of_workspace"), RESTATEMENTS.c.seen_at >= bindparam("since")
)


def settles_after(
    session: Session, claimed: Claim, endpoint: Endpoint, days: Iterable[date], *, now: datetime
) -> timedelta:
    """How long the claimed endpoint's days change after their end, learned from the last months.

    What was seen is not looked up when all the days are too old or too young for it to matter.
    """
    settling = endpoint.settling
    if not any(settling.least <= now - clock.day_end(day) < settling.most for day in days):
        return settling.least
    seen = lateness(session, claimed.workspace_id, since=now - coverage.LEARNED_FROM)
    return coverage.settles_after(settling, seen.get((claimed.provider_key_id, endpoint.name), ()))
