"""Headers of every answer, and the server's own addresses that are nobody's business.

The policy ran clean in Chromium on Streamlit 1.67. Inline components come as blob: modules; the one inline script
is the server's, allowed by the hash of what is installed.
"""

from __future__ import annotations

import base64
import hashlib
import re
import time
from collections import Counter
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import streamlit
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pages.web import cookie, returning, social, visitor
from tracker import metrics
from tracker.config import Settings, is_loopback
from tracker.oidc import CALLBACK
from tracker.throttle import prefix_of

INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
FOR_THIS_MACHINE = ("/metrics", "/_stcore/metrics")
COUNTED = ("/auth/", CALLBACK, "/export/", "/healthz", "/metrics")
REQUESTS_A_MINUTE = 300

TLS_ONLY = {"Strict-Transport-Security": "max-age=31536000; includeSubDomains"}

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
    return plain | (TLS_ONLY if cookie.is_secure(settings) else {})


class Guard:
    """ASGI middleware: adds the headers, and turns away what does not belong here before anything else looks at it."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._settings, self._allowance = app, settings, Allowance()
        self._headers = [(name.lower().encode(), text.encode()) for name, text in headers(settings).items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name for name, _ in self._headers}
                secure = cookie.is_secure(self._settings)
                told = social.tamed(message.get("headers", []), secure=secure)
                if scope["type"] == "http":
                    told = returning.told(scope["path"], Headers(scope=scope), told, secure=secure)
                kept = [(name, text) for name, text in told if name.lower() not in own]
                message = {**message, "headers": [*kept, *self._headers]}
            await send(message)

        answer = self._refusal(scope)
        if answer is None:
            await self._app(scope, receive, send_with_headers)
        elif scope["type"] == "http":
            await answer(scope, receive, send_with_headers)
        else:
            await send({"type": "websocket.close", "code": 1008})

    def _refusal(self, scope: Scope) -> Response | None:
        """What to answer instead of what was asked for; None when it may be answered."""
        if scope["type"] not in {"http", "websocket"}:
            return None
        told = Headers(scope=scope)
        # Whoever holds the token is no page of another site, and may know this process by another name.
        trusted = scope["path"] == "/metrics" and metrics.holds(told.get("authorization"), self._settings.metrics_token)
        if not trusted and not is_own_host(told.get("host", ""), self._settings):
            return PlainTextResponse("This address is not served here.\n", 400)
        if scope["type"] != "http":
            return None
        unused = social.is_closed(scope["method"], scope["path"], offered=self._settings.oidc is not None)
        if not trusted and (unused or is_closed(scope["path"], _visitor(scope))):
            return PlainTextResponse("There is nothing here.\n", 404)
        peer = scope["client"][0] if scope.get("client") else None
        here = visitor.address(peer, told, hops=self._settings.proxy_hops)
        if scope["path"].startswith(COUNTED) and not self._allowance.take(prefix_of(here), time.monotonic()):
            return PlainTextResponse("Too many requests. Wait a minute.\n", 429, headers={"Retry-After": "60"})
        return None


class Allowance:
    """So many requests a network and minute to addresses that answer without a session."""

    def __init__(self) -> None:
        self._taken: Counter[str] = Counter()
        self._minute = 0

    def take(self, network: str, now_s: float) -> bool:
        """Whether one more is allowed at `now_s` (monotonic seconds); it is counted then."""
        minute = int(now_s // 60)
        if minute != self._minute:
            self._minute, self._taken = minute, Counter()
        self._taken[network] += 1
        return self._taken[network] <= REQUESTS_A_MINUTE


def is_own_host(host: str, settings: Settings) -> bool:
    """Whether a Host header names this site. A name that somebody else lets point here is none of ours.

    Addresses in numbers cannot be made to point elsewhere, so they are taken as they are.
    """
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    public = urlsplit(settings.public_url or "").hostname
    return bool(name) and (name in {"localhost", settings.bind_host, public} or _is_number(name))


def _is_number(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


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
