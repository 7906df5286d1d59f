"""What happens to a provider key goes on record, and everybody of its workspace hears of a change by mail.

Somebody who broke into an account cannot put a key of theirs in place, or destroy one, without its people knowing.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlmodel import Session

from tracker import audit, mail
from tracker.audit import Action, Actor
from tracker.clock import utc_now
from tracker.mail import Kind
from tracker.models import Member, ProviderKey, User, table_of
from tracker.points import reached

MEMBERS, USERS = table_of(Member), table_of(User)

MAILED = frozenset({Action.KEY_ADDED, Action.KEY_REPLACED, Action.KEY_DELETED, Action.KEY_LOST})


def of_key(session: Session, row: ProviderKey, action: Action, by: Actor) -> None:
    """Tell of a key's change, in the caller's transaction."""
    audit.record(session, row.workspace_id, action, by, subject=f"{row.label} (ends {row.last4})")
    if action in MAILED:
        for user_id in _people(session, row.workspace_id):
            mail.ask(session, user_id, Kind.KEY_CHANGED, now=utc_now())
    reached("change of a key noted")


def _people(session: Session, workspace_id: int) -> list[int]:
    statement = (
        select(MEMBERS.c.user_id)
        .join_from(MEMBERS, USERS, MEMBERS.c.user_id == USERS.c.id)
        .where(MEMBERS.c.workspace_id == workspace_id, USERS.c.disabled_at.is_(None))
    )
    return list(session.execute(statement).scalars())
