"""The lines of a bill as ingest replaces them, a day at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import bindparam, delete, insert, select
from sqlmodel import Session

from tracker import changes
from tracker.changes import DayChange, Worth
from tracker.db import plain
from tracker.ledger import Claim
from tracker.models import BilledCostRow, table_of
from tracker.points import reached
from tracker.usage import BilledCost

BILLED = table_of(BilledCostRow)

OF_DAY = (
    BILLED.c.workspace_id == bindparam("of_workspace"),
    BILLED.c.provider_key_id == bindparam("of_key"),
    BILLED.c.day == bindparam("of_day"),
)
AMOUNTS = select(BILLED.c.amount).where(*OF_DAY)
CLEAR = delete(BILLED).where(*OF_DAY)
ADD = insert(BILLED).values({column.name: bindparam(column.name) for column in BILLED.c})


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
        of_day = {"of_workspace": claimed.workspace_id, "of_key": claimed.provider_key_id, "of_day": change.day}
        before, after = Worth(), Worth()
        if change.before.rows:
            before.add(amount for (amount,) in plain.rows(session, AMOUNTS, of_day))
        plain.run(session, CLEAR, of_day)
        reached("old bill removed")
        lines = told.get(change.day, ())
        if lines:
            plain.run(session, ADD, [_row(claimed, line, dropped, provider) for line in lines])
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
