"""Days that read differently from what is stored, and the record of those that were finished before."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import bindparam, insert
from sqlmodel import Session

from tracker.coverage import LedgerDay, was_read_whole
from tracker.db import plain
from tracker.ledger import Claim
from tracker.models import Restatement, table_of
from tracker.points import reached

RESTATEMENTS = table_of(Restatement)
NOTE = insert(RESTATEMENTS).values({c.name: bindparam(c.name) for c in RESTATEMENTS.c if c.name != "id"}).inline()


@dataclass(frozen=True)
class DayChange:
    """A day that reads differently from what is stored: how many rows it has now, and the ledger's row before."""

    day: date
    rows: int
    before: LedgerDay

    @property
    def restates(self) -> bool:
        """Whether the day was whole when it was read before, so that this is a revision and not just more of it."""
        return was_read_whole(self.day, self.before)

    @property
    def most_rows(self) -> int:
        return max(self.rows, self.before.rows)


@dataclass
class Worth:
    """How many rows there are and what they cost in all: None only when no amount is known."""

    rows: int = 0
    cost: Decimal | None = None

    def add(self, costs: Iterable[Decimal | None]) -> None:
        for cost in costs:
            self.rows += 1
            if cost is not None:
                self.cost = cost if self.cost is None else self.cost + cost


def note(session: Session, claimed: Claim, change: DayChange, *, before: Worth, after: Worth, now: datetime) -> None:
    """Record the change of a finished day; of any other nothing."""
    if not change.restates:
        return
    values = {
        "workspace_id": claimed.workspace_id,
        "provider_key_id": claimed.provider_key_id,
        "endpoint": claimed.unit.endpoint,
        "day": change.day,
        "seen_at": now,
        "rows_before": before.rows,
        "rows_after": after.rows,
        "cost_before": before.cost,
        "cost_after": after.cost,
    }
    plain.run(session, NOTE, values)
    reached("restatement noted")
