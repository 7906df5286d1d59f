"""What the table classes share: constraint names (set before any table is made) and the reference to a connection."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKeyConstraint, Table
from sqlmodel import SQLModel

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


def table_of(model: type[SQLModel]) -> Table:
    """The Core table of a model class."""
    table: Any = model.__table__  # type: ignore[attr-defined]
    assert isinstance(table, Table)
    return table


def of_key(*columns: str) -> ForeignKeyConstraint:
    """A reference to a provider key that cannot point into another workspace."""
    return ForeignKeyConstraint(columns, ["provider_keys.workspace_id", "provider_keys.id"])
