"""Finished days that the provider told differently later: both values, the time and the difference are kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import select
from sqlmodel import Session

from tracker.models import ProviderKey, Restatement, table_of

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
