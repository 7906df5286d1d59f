"""Views of Explore that somebody keeps under a name, for everybody of the workspace."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger
from sqlmodel import Field, SQLModel

from tracker.columns import UtcDateTime


class SavedView(SQLModel, table=True):
    """`address` is the text behind the question mark of the view's address."""

    __tablename__ = "saved_views"
    __table_args__ = ({"sqlite_with_rowid": False},)

    workspace_id: int = Field(primary_key=True, foreign_key="workspaces.id", sa_type=BigInteger)
    name: str = Field(primary_key=True)
    address: str
    created_by: int | None = Field(default=None, sa_type=BigInteger)
    created_at: datetime = Field(sa_type=UtcDateTime)
