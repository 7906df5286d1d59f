"""A second factor: six digits of an authenticator (TOTP, RFC 6238), each taken once; recovery codes when it is lost.

The secret is sealed like a provider key, under a binding no provider key can have. It works with any authenticator:
SHA-1, six digits and thirty seconds are what all of them understand (RFC 6238, 1.2 and 5.2, read 2026-11).
"""

from __future__ import annotations

import base64
import hashlib
import logging
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from sqlalchemy import delete, insert, select, update
from sqlmodel import Session

from tracker import vault
from tracker.db import upsert
from tracker.errors import BadConfiguration, BadInput, VaultError
from tracker.keyring import KeyRing
from tracker.models import RecoveryCode, SecondFactor, table_of
from tracker.product import Product
from tracker.redact import SecretKey
from tracker.vault import Binding, Sealed

log = logging.getLogger(__name__)

FACTORS, CODES = table_of(SecondFactor), table_of(RecoveryCode)

STEP_S, DIGITS, SECRET_BYTES = 30, 6, 20
DRIFT = (0, -1, 1)
"""Steps beside the present one that are taken, for a clock that is a little off."""

RECOVERY_CODES, CODE_BYTES = 10, 10
ISSUER = "LLM API Usage Tracker"
WRONG = "That is not the code of this moment. Wait for the next one and type it."


@dataclass(frozen=True)
class Enrolment:
    """What an authenticator is given once: the secret in base 32, and the same as an address for a QR code."""

    secret: str
    uri: str


def enrol(product: Product, user_id: int, email: str) -> Enrolment:
    """Make a new secret, which counts from its confirmation on. BadInput while a second factor is in use."""
    if is_on(product, user_id):
        raise BadInput("A second factor is in use already. Turn it off first.")
    secret = secrets.token_bytes(SECRET_BYTES)
    text = base64.b32encode(secret).decode()
    with product.database.exempt(write=True) as session:
        sealed = vault.seal(product.sealing_ring(session), _binding(user_id), SecretKey(text))
        values = {"fmt": sealed.fmt, "kek_id": sealed.kek_id, "wrapped_dek": sealed.wrapped_dek}
        values |= {"ciphertext": sealed.ciphertext, "confirmed_at": None, "last_step": 0}
        statement = upsert(session, FACTORS).values(user_id=user_id, **values)
        session.execute(statement.on_conflict_do_update(index_elements=["user_id"], set_=values))
    return Enrolment(text, _totp(secret).get_provisioning_uri(email, ISSUER))


def confirm(product: Product, user_id: int, code: str, *, now: datetime) -> list[str]:
    """Let the second factor count, proven by its first code; the recovery codes, shown this once. BadInput if wrong."""
    with product.database.exempt(write=True) as session:
        if not _take_code(session, product, user_id, code, now=now):
            raise BadInput(WRONG)
        session.execute(update(FACTORS).where(FACTORS.c.user_id == user_id).values(confirmed_at=now))
        return _fresh_codes(session, user_id)


def is_on(product: Product, user_id: int) -> bool:
    """Whether the account has a second factor in use."""
    confirmed = select(FACTORS.c.user_id).where(FACTORS.c.user_id == user_id, FACTORS.c.confirmed_at.is_not(None))
    with product.database.exempt() as session:
        return session.execute(confirmed).first() is not None


def check(product: Product, user_id: int, code: str, *, now: datetime) -> bool:
    """Whether this is the code of the moment, or a recovery code; either is used up by it."""
    with product.database.exempt(write=True) as session:
        return _take_code(session, product, user_id, code, now=now) or _take_recovery(session, user_id, code, now)


def turn_off(product: Product, user_id: int) -> None:
    """Forget the secret and the recovery codes."""
    with product.database.exempt(write=True) as session:
        session.execute(delete(CODES).where(CODES.c.user_id == user_id))
        session.execute(delete(FACTORS).where(FACTORS.c.user_id == user_id))


def rewrap(session: Session, ring: KeyRing, user_id: int) -> bool:
    """Put a secret's envelope under the active key; whether there was anything to do. VaultError if it cannot."""
    row = session.execute(select(FACTORS).where(FACTORS.c.user_id == user_id)).one()
    if row.kek_id == ring.active:
        return False
    sealed = vault.rewrap(ring, _binding(user_id), _sealed(row))
    moved = {"kek_id": sealed.kek_id, "wrapped_dek": sealed.wrapped_dek}
    session.execute(update(FACTORS).where(FACTORS.c.user_id == user_id).values(**moved))
    return True


def _take_code(session: Session, product: Product, user_id: int, code: str, *, now: datetime) -> bool:
    """Whether the code is that of a step that was not taken yet; it is taken now."""
    row = session.execute(select(FACTORS).where(FACTORS.c.user_id == user_id)).first()
    if row is None:
        return False
    secret = _opened(product, row)
    step = None if secret is None else _step_of(secret, code, now)
    if step is None or step <= row.last_step:
        return False
    newer = (FACTORS.c.user_id == user_id, FACTORS.c.last_step < step)
    taken = session.execute(update(FACTORS).where(*newer).values(last_step=step).returning(FACTORS.c.user_id))
    return taken.first() is not None


def _opened(product: Product, row: Any) -> bytes | None:
    """The secret, None when it does not open: then no code fits it, and the recovery codes count all the same."""
    try:
        text = vault.open_key(product.ring_with(row.kek_id), _binding(row.user_id), _sealed(row))
    except (VaultError, BadConfiguration):  # the ring's file may be gone as well
        log.warning("the second factor of user %s does not open; only recovery codes count", row.user_id)
        return None
    return base64.b32decode(text.reveal())


def _step_of(secret: bytes, code: str, now: datetime) -> int | None:
    """The time step whose code this is, None when it is none of about now."""
    typed = "".join(code.split()).encode(errors="replace")
    present = int(now.timestamp()) // STEP_S
    for step in (present + each for each in DRIFT):
        if secrets.compare_digest(_totp(secret).generate(step * STEP_S), typed):
            return step
    return None


def _take_recovery(session: Session, user_id: int, code: str, now: datetime) -> bool:
    unused = (CODES.c.user_id == user_id, CODES.c.code_hash == _hash(user_id, code), CODES.c.used_at.is_(None))
    taken = session.execute(update(CODES).where(*unused).values(used_at=now).returning(CODES.c.user_id))
    return taken.first() is not None


def _fresh_codes(session: Session, user_id: int) -> list[str]:
    """Ten codes of eighty random bits, of which only the hashes are kept."""
    session.execute(delete(CODES).where(CODES.c.user_id == user_id))
    codes = [base64.b32encode(secrets.token_bytes(CODE_BYTES)).decode().lower() for _ in range(RECOVERY_CODES)]
    session.execute(insert(CODES), [{"user_id": user_id, "code_hash": _hash(user_id, code)} for code in codes])
    return codes


def _totp(secret: bytes) -> TOTP:
    return TOTP(secret, DIGITS, SHA1(), STEP_S)  # noqa: S303 - the algorithm that every authenticator speaks


def _hash(user_id: int, code: str) -> bytes:
    plain = "".join(code.split()).replace("-", "").lower()
    return hashlib.sha256(f"{user_id}:{plain}".encode(errors="replace")).digest()


def _binding(user_id: int) -> Binding:
    return Binding(workspace_id=0, key_id=user_id, provider="totp", origin="account")


def _sealed(row: Any) -> Sealed:
    return Sealed(row.fmt, row.kek_id, row.wrapped_dek, row.ciphertext)
