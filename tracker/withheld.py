"""Endpoints that a key may not read: whether their days are owed all the same, and that they are once they can be.

An endpoint that was never readable is none of the key's, and its days are not waited for.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import and_, bindparam, case, func, literal, or_, select, update
from sqlmodel import Session

from tracker.columns import UtcDay
from tracker.db import plain
from tracker.ledger import COVERAGE, Claim
from tracker.models import DayState, ProviderKey, table_of

KEYS = table_of(ProviderKey)

OF_ENDPOINT = (
    COVERAGE.c.workspace_id == bindparam("of_workspace"),
    COVERAGE.c.provider_key_id == bindparam("of_key"),
    COVERAGE.c.endpoint == bindparam("of_endpoint"),
)
READ_ONCE = select(COVERAGE.c.day).where(*OF_ENDPOINT, COVERAGE.c.fetched_at.is_not(None)).limit(1)
HISTORY_FROM = (
    select(KEYS.c.history_from)
    .where(KEYS.c.workspace_id == bindparam("of_workspace"), KEYS.c.id == bindparam("of_key"))
    .scalar_subquery()
)
UNAVAILABLE = COVERAGE.c.state == DayState.UNAVAILABLE
LEFT_ALONE = or_(
    UNAVAILABLE,
    and_(COVERAGE.c.attempts == 0, COVERAGE.c.retry_at.is_not(None)),  # so earlier versions left days they had read
)
TAKE_UP = (
    update(COVERAGE)
    .where(
        *OF_ENDPOINT,
        LEFT_ALONE,
        COVERAGE.c.day >= bindparam("since", type_=UtcDay),
        COVERAGE.c.day >= func.coalesce(HISTORY_FROM, literal(date.min, UtcDay)),
    )
    .values(
        state=case((UNAVAILABLE, literal(DayState.MISSING.value)), else_=COVERAGE.c.state), retry_at=None, reason=None
    )
)


def was_readable(session: Session, claimed: Claim) -> bool:
    """Whether any day of the claim's endpoint was ever read: then its days are owed, whatever is refused now."""
    return bool(plain.rows(session, READ_ONCE, _of(claimed)))


def take_up(session: Session, claimed: Claim, *, since: date) -> None:
    """Make due what was left alone of the claim's endpoint, from the history's beginning on: it can be read now.

    `since` is the first day that the provider still tells of; what lies before can never be read.
    """
    plain.run(session, TAKE_UP, {**_of(claimed), "since": since})


def _of(claimed: Claim) -> dict[str, Any]:
    return {
        "of_workspace": claimed.workspace_id,
        "of_key": claimed.provider_key_id,
        "of_endpoint": claimed.unit.endpoint,
    }
