"""What somebody's authenticator shows."""

from __future__ import annotations

import base64
from datetime import datetime

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP


def code_at(secret: str, at: datetime) -> str:
    """The six digits of that moment."""
    totp = TOTP(base64.b32decode(secret), 6, SHA1(), 30)  # noqa: S303 - what every authenticator takes
    return totp.generate(int(at.timestamp())).decode()
