"""Headers of every answer, and the server's own addresses that are nobody's business.

The policy ran clean in Chromium on Streamlit 1.67. Inline components come as blob: modules; the one inline script
is the server's, allowed by the hash of what is installed.
"""

from __future__ import annotations

import base64
import hashlib
import re
from functools import lru_cache
from pathlib import Path

import streamlit
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pages.web import cookie
from tracker.config import Settings, is_loopback

INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
FOR_THIS_MACHINE = ("/metrics", "/_stcore/metrics")
CLOSED = ("/_stcore/agent", "/media", "/_stcore/upload_file")
"""The server's routes that check no session. The product neither uploads nor leaves files there."""


@lru_cache(maxsize=1)
def content_policy() -> str:
    """The Content-Security-Policy for the Streamlit that is installed."""
    page = (Path(streamlit.__file__).parent / "static" / "index.html").read_text(encoding="utf-8")
    hashes = (hashlib.sha256(script.encode()).digest() for script in INLINE_SCRIPT.findall(page))
    own = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in hashes)
    rules = (
        "default-src 'self'",
        f"script-src 'self' 'wasm-unsafe-eval' blob: {own}",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "worker-src 'self' blob:",
        "frame-src 'none'",
        "frame-ancestors 'none'",
        "base-uri 'self'",
        "object-src 'none'",
        "form-action 'self'",
    )
    return "; ".join(rules)


def headers(settings: Settings) -> dict[str, str]:
    """What every answer carries."""
    plain = {
        "Content-Security-Policy": content_policy(),
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    }
    return plain | ({"Strict-Transport-Security": "max-age=31536000"} if cookie.is_secure(settings) else {})


class Guard:
    """ASGI middleware: adds the headers, and answers 404 for what a visitor has no use for."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._headers = [(name.lower().encode(), text.encode()) for name, text in headers(settings).items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name for name, _ in self._headers}
                kept = [(name, text) for name, text in message.get("headers", []) if name.lower() not in own]
                message = {**message, "headers": [*kept, *self._headers]}
            await send(message)

        if scope["type"] == "http" and is_closed(scope["path"], _visitor(scope)):
            await PlainTextResponse("There is nothing here.\n", 404)(scope, receive, send_with_headers)
        else:
            await self._app(scope, receive, send_with_headers)


def is_closed(path: str, visitor: str) -> bool:
    """Whether this address is not for this visitor (an IP address, empty when unknown or behind a proxy)."""
    if any(path == closed or path.startswith(f"{closed}/") for closed in CLOSED):
        return True
    return path in FOR_THIS_MACHINE and not is_loopback(visitor)


def _visitor(scope: Scope) -> str:
    """The peer's address. A request that a proxy passed on has none: it did not come from this machine."""
    passed_on = any(name in {b"x-forwarded-for", b"forwarded", b"x-real-ip"} for name, _ in scope["headers"])
    client = scope.get("client")
    return "" if passed_on or not client else str(client[0])
