"""Streamlit's own sign-in by an OpenID provider, kept to its one use: to tell a page once who somebody is.

Its cookie would stay for thirty days and work after every sign-out. Here it lives for two minutes, is taken back as
soon as a page has looked at it, and what it says counts once (tracker/identities.py).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from tracker.config import Settings
from tracker.errors import BadConfiguration
from tracker.oidc import CALLBACK, Oidc

IN, AGAIN = "in", "again"
"""The provider as Streamlit knows it: to sign in by, and to have somebody prove again who they are."""

COOKIES = ("_streamlit_user", "_streamlit_user_tokens")
LIVES_S = 120
SECRET_FILE, SECRET_BYTES = "cookie-secret", 32
UNKEPT = (
    "The secret that signs in by OpenID cannot be kept at {path}: {why}. Set TRACKER_DATA_DIR to a folder that this "
    "account may write."
)

_LIFE = re.compile(rb"(?i)(max-age=)([0-9]+)")


def secrets_of(settings: Settings) -> dict[str, Any]:
    """What Streamlit is told of the provider; nothing of it lies in the checkout, nor in a file of Streamlit's."""
    if settings.oidc is None:
        return {}
    own: dict[str, Any] = {
        "redirect_uri": f"{settings.public_url}{CALLBACK}",
        "cookie_secret": cookie_secret(settings.data_dir / SECRET_FILE),
        IN: _provider(settings.oidc),
        AGAIN: {**_provider(settings.oidc), "authorize_params": {"max_age": "0"}},
    }
    return {"auth": own}


def cookie_secret(path: Path) -> str:
    """The secret that signs Streamlit's cookies: made once, random, for all web processes of the installation.

    BadConfiguration where it cannot be made or read.
    """
    try:
        return _kept_secret(path)
    except OSError as error:
        raise BadConfiguration(UNKEPT.format(path=path, why=error.strerror)) from None


def _kept_secret(path: Path) -> str:
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    draft.touch(mode=0o600, exist_ok=False)
    draft.write_text(secrets.token_urlsafe(SECRET_BYTES), encoding="ascii")
    with suppress(FileExistsError):
        path.hardlink_to(draft)  # whole or not at all, and the first of several wins
    draft.unlink()
    return path.read_text(encoding="ascii")


def is_closed(method: str, path: str, *, offered: bool) -> bool:
    """Whether this is an address of Streamlit's sign-in that has no use here.

    Its sign-out is none of ours: ours ends the session, and the provider's own is the person's business.
    """
    if path == "/auth/logout":
        return method != "POST"
    return path in {"/auth/login", CALLBACK} and not offered


def tamed(headers: Iterable[tuple[bytes, bytes]], *, secure: bool) -> list[tuple[bytes, bytes]]:
    """An answer's headers, with Streamlit's cookies living shortly, and over TLS only where there is TLS."""
    return [(name, _tame(text, secure) if _is_streamlits(name, text) else text) for name, text in headers]


def take_back(request: Request, response: Response) -> None:
    """Have the browser drop what the provider said, in all its pieces."""
    for name in request.cookies:
        if name.startswith(COOKIES):
            response.delete_cookie(name, path="/", httponly=True, samesite="lax")


def _provider(oidc: Oidc) -> dict[str, Any]:
    """Without a `prompt`, by an empty list: Streamlit would send select_account, which not every provider takes.

    Every provider takes `max_age` (OpenID Connect Core 1.0, 15.1, read 2026-11).
    """
    return {
        "client_id": oidc.client_id,
        "client_secret": oidc.client_secret.reveal(),
        "server_metadata_url": oidc.discovery_url,
        "client_kwargs": {"scope": "openid email profile", "prompt": []},
    }


def _is_streamlits(name: bytes, text: bytes) -> bool:
    return name.lower() == b"set-cookie" and text.startswith(b"_streamlit")


def _tame(text: bytes, secure: bool) -> bytes:  # noqa: FBT001 - of this module only
    short = _LIFE.sub(lambda found: found[1] + b"%d" % min(int(found[2]), LIVES_S), text)
    return short + b"; Secure" if secure and b"; secure" not in short.lower() else short
