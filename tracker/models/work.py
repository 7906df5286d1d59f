"""What was done and is to be done: the coverage ledger and the records of work."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import BigInteger, Index, LargeBinary
from sqlmodel import Field, SQLModel

from tracker.columns import ROW_ID, NanoDollars, UtcDateTime, UtcDay
from tracker.models.base import of_key


class DayState(StrEnum):
    """What the ledger knows of (provider key, endpoint, UTC day)."""

    MISSING = "missing"
    PROVISIONAL = "provisional"
    FINAL = "final"
    VERIFIED_ZERO = "verified_zero"
    FAILED = "failed"
    UNAVAILABLE = "unavailable"


class Coverage(SQLModel, table=True):
    """The ledger: the truth about work. No row means missing. `fence` grows with each claim of the lease."""

    __tablename__ = "coverage"
    __table_args__ = (of_key("workspace_id", "provider_key_id"), {"sqlite_with_rowid": False})

    workspace_id: int = Field(primary_key=True, sa_type=BigInteger)
    provider_key_id: int = Field(primary_key=True, sa_type=BigInteger)
    endpoint: str = Field(primary_key=True)
    day: date = Field(primary_key=True, sa_type=UtcDay)
    state: str = DayState.MISSING
    rows: int = 0
    content_sha256: bytes | None = Field(default=None, sa_type=LargeBinary)
    fetched_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    restated_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    attempts: int = 0
    retry_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    reason: str | None = None
    lease_owner: str | None = None
    lease_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    fence: int = 0


class Restatement(SQLModel, table=True):
    """A finished day that the provider told differently later: what it was, what it became."""

    __tablename__ = "restatements"
    __table_args__ = (
        of_key("workspace_id", "provider_key_id"),
        Index(None, "workspace_id", "provider_key_id", "day"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=ROW_ID)
    workspace_id: int = Field(sa_type=BigInteger)
    provider_key_id: int = Field(sa_type=BigInteger)
    endpoint: str
    day: date = Field(sa_type=UtcDay)
    seen_at: datetime = Field(sa_type=UtcDateTime)
    rows_before: int
    rows_after: int
    cost_before: Decimal | None = Field(default=None, sa_type=NanoDollars)
    cost_after: Decimal | None = Field(default=None, sa_type=NanoDollars)


class SetAside(SQLModel, table=True):
    """A row that the provider told and that cannot be true, as of the day's last reading: not stored, but named."""

    __tablename__ = "set_aside"
    __table_args__ = (
        of_key("workspace_id", "provider_key_id"),
        Index(None, "workspace_id", "provider_key_id", "day"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=ROW_ID)
    workspace_id: int = Field(sa_type=BigInteger)
    provider_key_id: int = Field(sa_type=BigInteger)
    endpoint: str
    day: date = Field(sa_type=UtcDay)
    seen_at: datetime = Field(sa_type=UtcDateTime)
    reason: str
    about: str


class FetchRun(SQLModel, table=True):
    """One worker's stretch of work on one connection, from its first due unit to its last."""

    __tablename__ = "fetch_runs"
    __table_args__ = (
        of_key("workspace_id", "provider_key_id"),
        Index(None, "workspace_id", "provider_key_id", "started_at"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=ROW_ID)
    workspace_id: int = Field(sa_type=BigInteger)
    provider_key_id: int = Field(sa_type=BigInteger)
    worker: str
    started_at: datetime = Field(sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    units_done: int = 0
    units_failed: int = 0
    days: int = 0
    rows: int = 0
    outcome: str | None = None
    reason: str | None = None


class ProviderCall(SQLModel, table=True):
    """Every use ever made of a key: written before the request leaves, completed with its answer."""

    __tablename__ = "provider_calls"
    __table_args__ = (
        of_key("workspace_id", "provider_key_id"),
        Index(None, "workspace_id", "provider_key_id", "started_at"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=ROW_ID)
    workspace_id: int = Field(sa_type=BigInteger)
    provider_key_id: int = Field(sa_type=BigInteger)
    started_at: datetime = Field(sa_type=UtcDateTime)
    method: str
    path: str
    status: int | None = None
    received_bytes: int | None = Field(default=None, sa_type=BigInteger)
    duration_ms: int | None = None


class KeyPassport(SQLModel, table=True):
    """What reading last found of a key, and of which one: the `fingerprint` of the key that was in place then.

    `tried_at` is when it was last asked for, `read_at` when it was last told. `permissions` is JSON, name → true,
    false or null; `told_…` is what the provider tells of the key itself.
    """

    __tablename__ = "key_passports"
    __table_args__ = (of_key("workspace_id", "provider_key_id"),)

    workspace_id: int = Field(primary_key=True, sa_type=BigInteger)
    provider_key_id: int = Field(primary_key=True, sa_type=BigInteger)
    fingerprint: bytes | None = Field(default=None, sa_type=LargeBinary)
    tried_at: datetime = Field(sa_type=UtcDateTime)
    read_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    permissions: str = "{}"
    told_name: str | None = None
    told_created_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    told_expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    told_last_used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Pause(SQLModel, table=True):
    """Until when a provider's organisation, known by a hash, is to be left alone: it said that we ask too often."""

    __tablename__ = "pauses"

    scope: bytes = Field(primary_key=True, sa_type=LargeBinary)
    until: datetime = Field(sa_type=UtcDateTime)


class Worker(SQLModel, table=True):
    """A worker process and its last sign of life."""

    __tablename__ = "workers"

    id: str = Field(primary_key=True)
    started_at: datetime = Field(sa_type=UtcDateTime)
    seen_at: datetime = Field(sa_type=UtcDateTime)
    stopped_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    next_run_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    # What it knew then of all connections that work (standing.py): the web process may not look for itself.
    uncovered_day: date | None = Field(default=None, sa_type=UtcDay)
    late_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_success_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
