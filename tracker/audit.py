"""The audit trail: who did what to what, when and from where. Only ever added to; the database refuses the rest.

A row is written in the transaction of what it tells, so that neither is there without the other.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import insert, select
from sqlmodel import Session

from tracker.clock import utc_now
from tracker.errors import BadInput
from tracker.export import cell
from tracker.models import AuditEvent, User, table_of

EVENTS, USERS = table_of(AuditEvent), table_of(User)

LAST = 100
COLUMNS = ("at", "who", "action", "subject", "from")


class Action(StrEnum):
    """What is told of. A new kind of change is one line here."""

    SIGNED_UP = "signed up"
    SIGNED_IN = "signed in"
    SIGNED_OUT = "signed out"
    SESSIONS_ENDED = "ended every session"
    IDENTITY_LINKED = "connected a way to sign in"
    IDENTITY_PROVEN = "proved who they are"
    PASSWORD_CHANGED = "changed the password"  # noqa: S105 - a word for people
    FACTOR_ON = "turned a second factor on"
    FACTOR_OFF = "turned the second factor off"
    CLOSED = "closed the account"
    REOPENED = "opened the account again"
    KEY_ADDED = "added a key"
    KEY_REPLACED = "replaced a key"
    KEY_PAUSED = "paused a key"
    KEY_RESUMED = "resumed a key"
    KEY_CHECKED = "asked to check a key"
    KEY_DELETED = "deleted a key"
    KEY_LOST = "gave up a key whose key ring was lost"
    PRICE_ADDED = "added an agreed price"
    PRICE_ENDED = "ended an agreed price"
    REPRICED = "priced past days anew"
    REPRICING_UNDONE = "took a repricing back"
    BUDGET_SET = "set the budget"
    BUDGET_REMOVED = "took the budget away"
    EXPORTED = "downloaded a file"


@dataclass(frozen=True)
class Actor:
    """Who acts, from which IP address, and whether they proved just now who they are.

    Without a user it is an operator at the machine itself.
    """

    user_id: int | None = None
    address: str = ""
    proven: bool = False

    def check_proven(self) -> None:
        """BadInput unless a provider key may be touched."""
        if self.user_id is not None and not self.proven:
            raise BadInput("Please confirm first that it is you: it is more than five minutes since you did.")


OPERATOR = Actor(address="command line")


@dataclass(frozen=True)
class Entry:
    """One line of the trail; `who` is an address, or None for an operator."""

    at: datetime
    who: str | None
    action: str
    subject: str
    address: str


def record(session: Session, workspace_id: int, action: Action, by: Actor, *, subject: str = "") -> None:
    """Add a line, in the caller's transaction."""
    row = {"at": utc_now(), "user_id": by.user_id, "action": action.value, "subject": subject, "address": by.address}
    session.execute(insert(EVENTS).values(workspace_id=workspace_id, **row))


def trail(session: Session, workspace_id: int, *, count: int = LAST) -> list[Entry]:
    """The newest lines, newest first."""
    statement = (
        select(EVENTS.c.at, USERS.c.email, EVENTS.c.action, EVENTS.c.subject, EVENTS.c.address)
        .join_from(EVENTS, USERS, EVENTS.c.user_id == USERS.c.id, isouter=True)
        .where(EVENTS.c.workspace_id == workspace_id)
        .order_by(EVENTS.c.at.desc(), EVENTS.c.id.desc())
        .limit(count)
    )
    return [Entry(*row) for row in session.execute(statement)]


def trail_csv(session: Session, workspace_id: int, *, count: int) -> Iterator[str]:
    """The newest lines as a file, cells safe to open in a spreadsheet."""
    out = io.StringIO()
    told = (
        (e.at, e.who or "operator", e.action, e.subject, e.address) for e in trail(session, workspace_id, count=count)
    )
    csv.writer(out).writerows([COLUMNS, *([cell(value) for value in row] for row in told)])
    yield out.getvalue()
