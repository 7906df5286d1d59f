"""Messages to people that wait to be sent. The text is made when it is sent, so that no token lies in the table."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Index
from sqlmodel import Field, SQLModel

from tracker.columns import ROW_ID, UtcDateTime


class Mail(SQLModel, table=True):
    """One message; `retry_at` is None once it was sent or given up."""

    __tablename__ = "mails"
    __table_args__ = (Index(None, "retry_at"),)  # read by mail.deliver, once a second

    id: int | None = Field(default=None, primary_key=True, sa_type=ROW_ID)
    user_id: int = Field(foreign_key="users.id", index=True, sa_type=BigInteger)
    kind: str
    asked_at: datetime = Field(sa_type=UtcDateTime)
    attempts: int = 0
    retry_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    sent_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
