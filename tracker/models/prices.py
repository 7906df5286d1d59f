"""What a workspace agreed to pay and means to spend, and each time its history was priced anew.

Rows of prices and repricings are never changed but for their end or undoing, and never deleted: they are history.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import BigInteger, Index, LargeBinary
from sqlmodel import Field, SQLModel

from tracker.columns import ROW_ID, BasisCode, ExactDecimal, NanoDollars, UtcDateTime, UtcDay, UtcSecond
from tracker.usage import CostBasis


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


class Repricing(SQLModel, table=True):
    """One repricing of the UTC days [start, end): how many rows on how many days changed, and what undoing it did."""

    __tablename__ = "repricings"
    __table_args__ = (Index(None, "workspace_id", "id"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=ROW_ID)
    workspace_id: int = Field(foreign_key="workspaces.id", sa_type=BigInteger)
    start: date = Field(sa_type=UtcDay)
    end: date = Field(sa_type=UtcDay)
    rows: int = Field(sa_type=BigInteger)
    days: int = Field(sa_type=BigInteger)
    created_by: int | None = Field(default=None, sa_type=BigInteger)
    created_at: datetime = Field(sa_type=UtcDateTime)
    undone_by: int | None = Field(default=None, sa_type=BigInteger)
    undone_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    restored: int | None = Field(default=None, sa_type=BigInteger)
    left_as_is: int | None = Field(default=None, sa_type=BigInteger)


class RepricedEvent(SQLModel, table=True):
    """What one row was and became; `measures_digest` tells a row that was restated since from one that was not."""

    __tablename__ = "repriced_events"
    __table_args__ = ({"sqlite_with_rowid": False},)

    workspace_id: int = Field(primary_key=True, sa_type=BigInteger)
    repricing_id: int = Field(primary_key=True, sa_type=BigInteger)
    bucket_start: datetime = Field(primary_key=True, sa_type=UtcSecond)
    series_id: int = Field(primary_key=True, sa_type=BigInteger)
    measures_digest: bytes = Field(sa_type=LargeBinary)
    old_cost: Decimal | None = Field(default=None, sa_type=NanoDollars)
    old_basis: CostBasis = Field(sa_type=BasisCode)
    old_version_id: int | None = Field(default=None, sa_type=BigInteger)
    old_own_id: int | None = Field(default=None, sa_type=BigInteger)
    new_cost: Decimal | None = Field(default=None, sa_type=NanoDollars)
    new_basis: CostBasis = Field(sa_type=BasisCode)
    new_version_id: int | None = Field(default=None, sa_type=BigInteger)
    new_own_id: int | None = Field(default=None, sa_type=BigInteger)


class Budget(SQLModel, table=True):
    """USD for a calendar month; None when it was taken away."""

    __tablename__ = "budgets"

    workspace_id: int = Field(primary_key=True, foreign_key="workspaces.id", sa_type=BigInteger)
    monthly: Decimal | None = Field(default=None, sa_type=NanoDollars)
    set_at: datetime = Field(sa_type=UtcDateTime)
    set_by: int | None = Field(default=None, sa_type=BigInteger)
