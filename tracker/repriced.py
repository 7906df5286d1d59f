"""Which rows the undoing of a repricing left as they are, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import RowMapping, select
from sqlmodel import Session

from tracker import clock, stored
from tracker.models import RepricedEvent, Repricing, table_of
from tracker.repricing import Done
from tracker.stored import SERIES, StoredRow

REPRICED, REPRICINGS = table_of(RepricedEvent), table_of(Repricing)

RESTATED = "restated by the provider since"
VANISHED = "taken back by the provider since"
LATER = "priced anew by a later repricing"


@dataclass(frozen=True)
class Left:
    """A row that undoing did not touch: USD before and after the repricing and now (None: unpriced, or gone)."""

    at: datetime
    usage_type: str
    model: str | None
    before: Decimal | None
    after: Decimal | None
    now: Decimal | None
    why: str


def left_as_is(session: Session, workspace_id: int, done: Done) -> list[Left]:
    """The rows of an undone repricing that do not cost what they did before it, by time.

    What a repricing made after the undoing changed was not left by it.
    """
    if not done.left_as_is or done.undone_at is None:
        return []
    told = [row for row in _told(session, workspace_id, done) if not row["again"]]
    now = {
        key: row
        for day in {clock.day_of(row["bucket_start"]) for row in told}
        for key, row in _now(session, workspace_id, day)
    }
    found = [_left(row, now.get((row["bucket_start"], row["series_id"]))) for row in told]
    return [each for each in found if each]


def _told(session: Session, workspace_id: int, done: Done) -> Iterator[RowMapping]:
    """What the repricing did to each row, and whether one made after its undoing changed the row again."""
    later = REPRICED.alias()
    again = (
        select(later.c.series_id)
        .join(REPRICINGS, (REPRICINGS.c.id == later.c.repricing_id) & (REPRICINGS.c.workspace_id == workspace_id))
        .where(
            later.c.workspace_id == workspace_id,
            later.c.bucket_start == REPRICED.c.bucket_start,
            later.c.series_id == REPRICED.c.series_id,
            REPRICINGS.c.created_at >= done.undone_at,
        )
        .exists()
    )
    statement = (
        select(REPRICED, SERIES.c.usage_type, SERIES.c.model, again.label("again"))
        .join_from(
            REPRICED,
            SERIES,
            (REPRICED.c.series_id == SERIES.c.id) & (SERIES.c.workspace_id == workspace_id),
            isouter=True,
        )
        .where(REPRICED.c.workspace_id == workspace_id, REPRICED.c.repricing_id == done.id)
        .order_by(REPRICED.c.bucket_start, REPRICED.c.series_id)
    )
    yield from session.execute(statement).mappings()


def _now(session: Session, workspace_id: int, day: date) -> Iterator[tuple[tuple[datetime, int], StoredRow]]:
    for row in stored.rows(session, workspace_id, clock.day_start(day), clock.day_end(day)):
        yield (row.record.bucket_start, row.series_id), row


def _left(told: RowMapping, now: StoredRow | None) -> Left | None:
    """None for a row that was given its former price back."""
    if now and (now.price.cost, now.price.basis) == (told["old_cost"], told["old_basis"]):
        return None
    why = VANISHED if now is None else LATER if now.measures_digest == told["measures_digest"] else RESTATED
    costs = (told["old_cost"], told["new_cost"], now.price.cost if now else None)
    return Left(told["bucket_start"], told["usage_type"] or "", told["model"], *costs, why)
