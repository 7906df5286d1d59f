"""The lines of a bill as ingest replaces them, a day at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import delete, insert, select
from sqlmodel import Session

from tracker import changes
from tracker.changes import DayChange, Worth
from tracker.ledger import Claim
from tracker.models import BilledCostRow, table_of
from tracker.points import reached
from tracker.usage import BilledCost

BILLED = table_of(BilledCostRow)


def replace(
    session: Session,
    claimed: Claim,
    told: Mapping[date, Sequence[BilledCost]],
    changed: Iterable[DayChange],
    *,
    dropped: Sequence[str],
    provider: str,
    now: datetime,
) -> None:
    """Let these be the lines of the days that changed, and record what that revises."""
    for change in changed:
        of_day = (
            BILLED.c.workspace_id == claimed.workspace_id,
            BILLED.c.provider_key_id == claimed.provider_key_id,
            BILLED.c.day == change.day,
        )
        before, after = Worth(), Worth()
        if change.before.rows:
            before.add(session.execute(select(BILLED.c.amount).where(*of_day)).scalars())
        session.execute(delete(BILLED).where(*of_day))
        reached("old bill removed")
        lines = told.get(change.day, ())
        if lines:
            session.execute(insert(BILLED), [_row(claimed, line, dropped, provider) for line in lines])
        after.add(line.amount for line in lines)
        changes.note(session, claimed, change, before=before, after=after, now=now)


def _row(claimed: Claim, line: BilledCost, dropped: Sequence[str], provider: str) -> dict[str, Any]:
    identity = (line.line_item, line.project_id, line.api_key_id, line.currency, line.quantity_unit)
    return {
        "workspace_id": claimed.workspace_id,
        "provider_key_id": claimed.provider_key_id,
        "day": line.day,
        "digest": hashlib.sha256(repr(identity).encode()).digest()[:16],
        "provider": provider,
        "line_item": line.line_item,
        "model": line.model,
        "project_id": line.project_id,
        "api_key_id": line.api_key_id,
        "currency": line.currency,
        "amount": line.amount,
        "quantity": line.quantity,
        "quantity_unit": line.quantity_unit,
        "dropped": ",".join(dropped),
    }
