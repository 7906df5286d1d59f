"""What people did, and how often somebody failed to sign in."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Index, LargeBinary
from sqlmodel import Field, SQLModel

from tracker.columns import ROW_ID, UtcDateTime


class AuditEvent(SQLModel, table=True):
    """Who did what, to what, when and from where. Rows are only ever added; `user_id` is None for an operator."""

    __tablename__ = "audit_events"
    __table_args__ = (Index(None, "workspace_id", "at"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=ROW_ID)
    workspace_id: int = Field(foreign_key="workspaces.id", sa_type=BigInteger)
    at: datetime = Field(sa_type=UtcDateTime)
    user_id: int | None = Field(default=None, sa_type=BigInteger)
    action: str
    subject: str = ""
    address: str = ""


class Throttle(SQLModel, table=True):
    """Failures of one subject in its current window. Subjects are hashed: what was typed may be a password."""

    __tablename__ = "throttles"

    subject: bytes = Field(primary_key=True, sa_type=LargeBinary)
    failures: int
    since: datetime = Field(sa_type=UtcDateTime)
    blocked_until: datetime = Field(sa_type=UtcDateTime)
