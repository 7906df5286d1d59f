"""The session's cookie: out of reach of scripts, and on this site only.

Behind TLS it carries `__Host-` and Secure (OWASP ASVS 5.0, 3.3.1, read 2026-11); over plain HTTP on this machine
a browser would refuse both.
"""

from __future__ import annotations

from starlette.responses import Response

from tracker.config import Settings
from tracker.sessions import ABSOLUTE


def is_secure(settings: Settings) -> bool:
    """Whether people reach the pages over TLS."""
    return (settings.public_url or "").lower().startswith("https://")


def name(settings: Settings) -> str:
    return "__Host-sid" if is_secure(settings) else "sid"


def give(response: Response, token: str, settings: Settings) -> None:
    """Put a session's token into the answer."""
    response.set_cookie(
        name(settings),
        token,
        max_age=int(ABSOLUTE.total_seconds()),
        path="/",
        secure=is_secure(settings),
        httponly=True,
        samesite="lax",
    )


def take_back(response: Response, settings: Settings) -> None:
    response.delete_cookie(name(settings), path="/", secure=is_secure(settings), httponly=True, samesite="lax")
