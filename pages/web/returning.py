"""Where somebody was when they went to an OpenID provider: a shared address is there again after that sign-in.

Streamlit sends everybody to the site's root. The way back is kept in a cookie of the one address that reads it, and
names a page of this site or nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote, unquote, urlsplit

from starlette.datastructures import Headers
from starlette.requests import cookie_parser

from tracker.oidc import CALLBACK

LOGIN = "/auth/login"
COOKIE, LIVES_S, LONGEST = "back_to", 600, 2_000

_PAGE = re.compile(r"/[a-z_]*(\?[\x21-\x7e]*)?")

Lines = list[tuple[bytes, bytes]]


def told(path: str, asked: Headers, answer: Iterable[tuple[bytes, bytes]], *, secure: bool) -> Lines:
    """The answer's headers: the way back is noted on the way out, and taken on the way in."""
    lines = list(answer)
    if path == LOGIN and (back := page_of(asked.get("referer", ""), asked.get("host", ""))):
        return [*lines, _cookie(quote(back, safe=""), LIVES_S, secure=secure)]
    if path == CALLBACK and (kept := cookie_parser(asked.get("cookie", "")).get(COOKIE)):
        back = _whole(unquote(kept))
        found = [(name, back.encode() if back and name.lower() == b"location" else text) for name, text in lines]
        return [*found, _cookie("", 0, secure=secure)]
    return lines


def page_of(referer: str, host: str) -> str:
    """The address below this site's root; nothing for another site's, or for one that no page has."""
    try:
        parts = urlsplit(referer)
    except ValueError:
        return ""
    whole = parts.path + (f"?{parts.query}" if parts.query else "")
    return _whole(whole) if parts.netloc == host else ""


def _whole(address: str) -> str:
    return address if len(address) <= LONGEST and _PAGE.fullmatch(address) else ""


def _cookie(text: str, lives_s: int, *, secure: bool) -> tuple[bytes, bytes]:
    line = f"{COOKIE}={text}; Path={CALLBACK}; Max-Age={lives_s}; HttpOnly; SameSite=Lax{'; Secure' if secure else ''}"
    return b"set-cookie", line.encode("ascii")
