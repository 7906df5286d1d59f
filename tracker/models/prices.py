"""What a workspace agreed to pay. Rows are never changed but for their end, and never deleted: they are history."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import BigInteger, Index
from sqlmodel import Field, SQLModel

from tracker.columns import ROW_ID, ExactDecimal, UtcDateTime, UtcDay


class WorkspacePrice(SQLModel, table=True):
    """An agreed price for the UTC days [effective_from, ends_on); `rates` is JSON, name → decimal text."""

    __tablename__ = "workspace_prices"
    __table_args__ = (Index(None, "workspace_id", "provider"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=ROW_ID)
    workspace_id: int = Field(foreign_key="workspaces.id", sa_type=BigInteger)
    provider: str
    model: str
    variant: str | None = None
    effective_from: date = Field(sa_type=UtcDay)
    ends_on: date | None = Field(default=None, sa_type=UtcDay)
    factor: Decimal | None = Field(default=None, sa_type=ExactDecimal)
    rates: str
    note: str
    content_sha256: str
    created_by: int | None = Field(default=None, sa_type=BigInteger)
    created_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
