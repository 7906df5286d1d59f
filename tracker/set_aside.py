"""Rows of a provider's answer that cannot be true: named beside the rest of their day, never stored as zero.

The table holds what the last reading of each day left out; a reading that leaves nothing out empties it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import bindparam, delete, insert, select
from sqlmodel import Session

from tracker.db import plain
from tracker.ledger import Claim
from tracker.models import ProviderKey, SetAside, table_of
from tracker.points import reached
from tracker.usage import RowSetAside

SET_ASIDE, KEYS = table_of(SetAside), table_of(ProviderKey)

MOST_LISTED = 100


@dataclass(frozen=True)
class Aside:
    """A row that was set aside: of which connection, endpoint and UTC day, when it was seen, why, and which row."""

    label: str
    endpoint: str
    day: date
    seen_at: datetime
    reason: str
    about: str


def sentence(rows: Sequence[RowSetAside], *, kept: bool) -> str:
    """What a person is told of a day that lacks these rows; `kept` = an earlier, whole reading still stands."""
    count = sum(row.rows for row in rows)
    what = "1 row cannot be true and was" if count == 1 else f"{count} rows cannot be true and were"
    rest = "The day keeps its earlier reading" if kept else "The rest of the day is counted"
    return f"{what} set aside. {rest}; it is read again by itself. {rows[0].reason}"


CLEAR = delete(SET_ASIDE).where(
    *(SET_ASIDE.c[name] == bindparam(f"of_{name}") for name in ("workspace_id", "provider_key_id", "endpoint")),
    SET_ASIDE.c.day >= bindparam("start"),
    SET_ASIDE.c.day < bindparam("end"),
)


def replace(session: Session, claimed: Claim, rows: Mapping[date, Sequence[RowSetAside]], *, now: datetime) -> None:
    """Let these be all the rows that the claimed days lack."""
    of_unit = {
        "workspace_id": claimed.workspace_id,
        "provider_key_id": claimed.provider_key_id,
        "endpoint": claimed.unit.endpoint,
    }
    unit = claimed.unit
    of = {f"of_{name}": value for name, value in of_unit.items()}
    plain.run(session, CLEAR, {**of, "start": unit.start, "end": unit.end})
    told = [
        {**of_unit, "day": day, "seen_at": now, "reason": row.reason, "about": row.about}
        for day, of_day in rows.items()
        for row in of_day
    ]
    if told:
        session.execute(insert(SET_ASIDE), told)
        reached("rows set aside")


OURS = SET_ASIDE.c.workspace_id == bindparam("of_workspace")
LISTED = (
    select(KEYS.c.label, *(SET_ASIDE.c[name] for name in ("endpoint", "day", "seen_at", "reason", "about")))
    .join_from(SET_ASIDE, KEYS, SET_ASIDE.c.provider_key_id == KEYS.c.id)
    .where(
        OURS,
        KEYS.c.workspace_id == bindparam("of_workspace"),
        SET_ASIDE.c.day >= bindparam("first"),
        SET_ASIDE.c.day < bindparam("end"),
    )
    .order_by(SET_ASIDE.c.day.desc(), SET_ASIDE.c.endpoint, SET_ASIDE.c.id)
    .limit(MOST_LISTED)
)
LACKING = select(SET_ASIDE.c.provider_key_id, SET_ASIDE.c.endpoint, SET_ASIDE.c.day).where(OURS).distinct()


def read(session: Session, workspace_id: int, start: date, end: date) -> list[Aside]:
    """What the UTC days [start, end) lack, the newest day first, at most `MOST_LISTED`."""
    found = session.execute(LISTED, {"of_workspace": workspace_id, "first": start, "end": end})
    return [Aside(*row) for row in found]


def days_lacking(session: Session, workspace_id: int) -> set[tuple[int, str, date]]:
    """The (connection, endpoint, UTC day) of which rows are set aside."""
    found = session.execute(LACKING, {"of_workspace": workspace_id})
    return {(key_id, endpoint, day) for key_id, endpoint, day in found}
