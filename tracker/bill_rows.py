"""The lines of a bill as ingest replaces them, a day at a time."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import bindparam, delete, insert, select
from sqlmodel import Session

from tracker import changes, money
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
TOLD = ("line_item", "model", "project_id", "api_key_id", "currency", "quantity", "quantity_unit", "amount")
LINES = select(*(BILLED.c[name] for name in TOLD)).where(*OF_DAY)
CLEAR = delete(BILLED).where(*OF_DAY)
ADD = insert(BILLED).values({column.name: bindparam(column.name) for column in BILLED.c})


def replace(
    session: Session,
    claimed: Claim,
    dropped: Sequence[str],
    told: Mapping[date, Sequence[BilledCost]],
    changed: Iterable[DayChange],
    *,
    provider: str,
    now: datetime,
) -> list[DayChange]:
    """Let these be the lines of the days that seem changed, record what that revises, and tell which of them did.

    The provider spells one amount in several ways, say with a zero at its end: lines of the same values stay.
    """
    found = []
    for change in changed:
        of_day = {"of_workspace": claimed.workspace_id, "of_key": claimed.provider_key_id, "of_day": change.day}
        stored = plain.rows(session, LINES, of_day) if change.before.rows else []
        lines = told.get(change.day, ())
        if lines and _same(stored, lines):
            continue
        plain.run(session, CLEAR, of_day)
        reached("old bill removed")
        if lines:
            plain.run(session, ADD, [_row(claimed, line, dropped, provider) for line in lines])
        before, after = Worth(), Worth()
        before.add(amount for *_, amount in stored)
        after.add(line.amount for line in lines)
        changes.note(session, claimed, change, before=before, after=after, now=now)
        found.append(change)
    return found


def _same(stored: Sequence[tuple[Any, ...]], lines: Sequence[BilledCost]) -> bool:
    """Whether the lines would be stored as those that are: to the nano-dollar, and equal numbers however written."""
    told = (tuple(getattr(line, name) for name in TOLD) for line in lines)
    return Counter(map(_values, stored)) == Counter(map(_values, told))


def _values(line: tuple[Any, ...]) -> tuple[Any, ...]:
    *named, amount = line
    return *named, None if amount is None else money.to_nanos(amount)


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
