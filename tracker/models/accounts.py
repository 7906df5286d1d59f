"""Who uses the product, and the provider keys they entrust to it."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Column, Index, LargeBinary, UniqueConstraint
from sqlalchemy.orm import deferred
from sqlmodel import Field, SQLModel

import tracker.models.base  # noqa: F401  names of constraints come first
from tracker.columns import ROW_ID, UtcDateTime, UtcDay


class KeyStatus(StrEnum):
    """What is known of a provider key. Only `unchecked` and `valid` keys are used."""

    UNCHECKED = "unchecked"
    VALID = "valid"
    INVALID = "invalid"
    INSUFFICIENT = "insufficient"
    UNREADABLE = "unreadable"
    DUPLICATE = "duplicate"


class Role(StrEnum):
    OWNER = "owner"
    MEMBER = "member"


class User(SQLModel, table=True):
    __tablename__ = "users"

    id: int | None = Field(default=None, primary_key=True, sa_type=ROW_ID)
    email: str = Field(unique=True)
    name: str | None = None
    password_hash: str
    created_at: datetime = Field(sa_type=UtcDateTime)
    disabled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    email_verified_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Workspace(SQLModel, table=True):
    __tablename__ = "workspaces"

    id: int | None = Field(default=None, primary_key=True, sa_type=ROW_ID)
    name: str
    created_at: datetime = Field(sa_type=UtcDateTime)


class Member(SQLModel, table=True):
    __tablename__ = "members"
    __table_args__ = (Index(None, "user_id"),)  # read by access.workspaces_of

    workspace_id: int = Field(primary_key=True, foreign_key="workspaces.id", sa_type=BigInteger)
    user_id: int = Field(primary_key=True, foreign_key="users.id", sa_type=BigInteger)
    role: str


class Identity(SQLModel, table=True):
    """Who somebody is for an OpenID provider. `proven_at` is when the provider issued the last proof that was taken."""

    __tablename__ = "identities"

    issuer: str = Field(primary_key=True)
    subject: str = Field(primary_key=True)
    user_id: int = Field(foreign_key="users.id", index=True, sa_type=BigInteger)
    linked_at: datetime = Field(sa_type=UtcDateTime)
    proven_at: datetime = Field(sa_type=UtcDateTime)


class AuthSession(SQLModel, table=True):
    """A signed-in browser. `token_hash` is that of its cookie, None until the cookie was handed out."""

    __tablename__ = "auth_sessions"

    id: int | None = Field(default=None, primary_key=True, sa_type=ROW_ID)
    user_id: int = Field(foreign_key="users.id", index=True, sa_type=BigInteger)
    token_hash: bytes | None = Field(default=None, unique=True, sa_type=LargeBinary)
    created_at: datetime = Field(sa_type=UtcDateTime)
    last_used_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    proven_at: datetime = Field(sa_type=UtcDateTime)
    address: str = ""
    agent: str = ""


class Ticket(SQLModel, table=True):
    """A right to do one thing once, soon. Only the hash of its text is kept."""

    __tablename__ = "tickets"

    ticket_hash: bytes = Field(primary_key=True, sa_type=LargeBinary)
    purpose: str
    user_id: int = Field(foreign_key="users.id", index=True, sa_type=BigInteger)
    session_id: int | None = Field(default=None, foreign_key="auth_sessions.id", sa_type=BigInteger)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


SEALED = "sealed"
"""The parts of a row that hold the key: loaded only where they are asked for, and never by the web's role."""

_WRAPPED_DEK = Column("wrapped_dek", LargeBinary, nullable=True)
_CIPHERTEXT = Column("ciphertext", LargeBinary, nullable=True)


class ProviderKey(SQLModel, table=True):
    """A connection to a provider's organisation. Deleting it destroys the sealed parts and keeps the row.

    On PostgreSQL the web's role reads columns by name: a new one is granted to it in the step that adds it.
    """

    __tablename__ = "provider_keys"
    __table_args__ = (
        UniqueConstraint("workspace_id", "id"),
        UniqueConstraint("workspace_id", "fingerprint"),
        Index(None, "next_due_at"),  # read by coverage.due_keys, once a second
        # A connection's id is bound into its sealed key and must never be given out twice.
        {"sqlite_autoincrement": True},
    )
    __mapper_args__: ClassVar[dict[str, Any]] = {
        "properties": {
            "wrapped_dek": deferred(_WRAPPED_DEK, group=SEALED),
            "ciphertext": deferred(_CIPHERTEXT, group=SEALED),
        }
    }

    id: int | None = Field(default=None, primary_key=True, sa_type=ROW_ID)
    workspace_id: int = Field(foreign_key="workspaces.id", sa_type=BigInteger)
    provider: str
    label: str
    origin: str
    last4: str
    fingerprint: bytes | None = Field(default=None, sa_type=LargeBinary)
    fmt: int | None = None
    kek_id: str | None = None
    wrapped_dek: bytes | None = Field(default=None, sa_column=_WRAPPED_DEK)
    ciphertext: bytes | None = Field(default=None, sa_column=_CIPHERTEXT)
    status: str = KeyStatus.UNCHECKED
    status_reason: str | None = None
    names_readable: bool | None = None
    created_at: datetime = Field(sa_type=UtcDateTime)
    replaced_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    checked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    paused_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    deleted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    history_from: date | None = Field(default=None, sa_type=UtcDay)
    failures: int = 0
    retry_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    names_read_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    next_due_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    # As of the worker's last look (reconcile.set_next_due); read by standing.py.
    uncovered_day: date | None = Field(default=None, sa_type=UtcDay)
    behind_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_success_at: datetime | None = Field(default=None, sa_type=UtcDateTime)

    @property
    def ended_at(self) -> datetime | None:
        """Since when (UTC) nothing is read with it for good, though what was read stays: deleted, or set aside."""
        if self.deleted_at is None and self.status == KeyStatus.DUPLICATE:
            return self.checked_at or self.created_at
        return self.deleted_at


class KekCanary(SQLModel, table=True):
    """A known text sealed under each key-encryption key, opened at every start."""

    __tablename__ = "kek_canaries"

    kek_id: str = Field(primary_key=True)
    sealed: bytes = Field(sa_type=LargeBinary)
