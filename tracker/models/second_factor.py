"""A second factor of an account: the sealed secret of its authenticator, and codes for when that is lost."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, LargeBinary
from sqlmodel import Field, SQLModel

from tracker.columns import UtcDateTime


class SecondFactor(SQLModel, table=True):
    """It counts once `confirmed_at` is set. `last_step` is the newest time step whose code was taken."""

    __tablename__ = "second_factors"

    user_id: int = Field(primary_key=True, foreign_key="users.id", sa_type=BigInteger)
    fmt: int
    kek_id: str
    wrapped_dek: bytes = Field(sa_type=LargeBinary)
    ciphertext: bytes = Field(sa_type=LargeBinary)
    confirmed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_step: int = Field(default=0, sa_type=BigInteger)


class RecoveryCode(SQLModel, table=True):
    __tablename__ = "recovery_codes"

    code_hash: bytes = Field(primary_key=True, sa_type=LargeBinary)
    user_id: int = Field(foreign_key="users.id", index=True, sa_type=BigInteger)
    used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
