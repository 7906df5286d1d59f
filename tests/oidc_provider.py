"""An OpenID provider on this machine: discovery, keys, the code flow with PKCE, RS256 ID tokens.

Written after OpenID Connect Core 1.0, sections 2 and 3.1, Discovery 1.0, section 4, and RFC 7636 (read 2026-11). What
it says of people is set by a test; `trouble` changes the claims of the tokens that it issues, `forged` the signed text.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT_ID, CLIENT_SECRET = "usage-tracker", "a secret shared with the provider"
Claims = dict[str, Any]


@dataclass(frozen=True)
class Person:
    """Somebody with an account at the provider."""

    subject: str
    email: str
    verified: bool = True
    name: str = "Grace"


@dataclass
class Provider:
    """`person` is who types their password there next; `asked` holds what each sign-in was asked for with."""

    person: Person = field(default_factory=lambda: Person("none", "none@example.com"))
    trouble: Callable[[Claims], Claims] = lambda claims: claims
    forged: Callable[[str], str] = lambda token: token
    asked: list[dict[str, str]] = field(default_factory=list)
    issuer: str = ""
    _codes: dict[str, tuple[dict[str, str], Person]] = field(default_factory=dict)
    _key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"use": "sig"}, auto_kid=True))

    def __enter__(self) -> Self:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                _get(provider, self)

            def do_POST(self) -> None:
                _post(provider, self)

            def log_message(self, *_args: object) -> None:
                """Say nothing: the test says what matters."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def metadata(self) -> Claims:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        }

    def keys(self) -> Claims:
        return {"keys": [self._key.as_dict(private=False)]}

    def authorize(self, asked: dict[str, str]) -> str:
        """Where a browser goes after the person typed their password."""
        assert asked["client_id"] == CLIENT_ID and asked["response_type"] == "code" and "openid" in asked["scope"]
        code = secrets.token_urlsafe(16)
        self.asked.append(asked)
        self._codes[code] = (asked, self.person)
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def token(self, sent: dict[str, str], authorization: str) -> Claims | None:
        """The tokens for a code, once; None for anything that is not right."""
        pair = base64.b64decode(authorization.removeprefix("Basic ")).decode()
        client, _, secret = pair.partition(":")
        asked, person = self._codes.pop(sent.get("code", ""), ({}, self.person))
        proof = hashlib.sha256(sent.get("code_verifier", "").encode()).digest()
        right = (
            (client, unquote(secret.replace("+", " "))) == (CLIENT_ID, CLIENT_SECRET)
            and asked.get("redirect_uri") == sent.get("redirect_uri")
            and asked.get("code_challenge") == base64.urlsafe_b64encode(proof).decode().rstrip("=")
        )
        if not asked or not right:
            return None
        claims = self.trouble(self._claims(asked, person))
        token = self.forged(jwt.encode({"alg": "RS256", "kid": self._key.kid}, claims, self._key))
        return {"access_token": secrets.token_urlsafe(), "token_type": "Bearer", "expires_in": 300, "id_token": token}

    def _claims(self, asked: dict[str, str], person: Person) -> Claims:
        now = int(time.time())
        about = {"sub": person.subject, "email": person.email, "email_verified": person.verified, "name": person.name}
        times = {"iat": now, "exp": now + 300, "auth_time": now}
        return {"iss": self.issuer, "aud": CLIENT_ID, "nonce": asked["nonce"], **times, **about}


def unsigned(token: str) -> str:
    """The same claims under `alg: none`."""
    head = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    return f"{head}.{token.split('.')[1]}."


def signed_by_another(token: str) -> str:
    """The same claims, naming the provider's key but signed with another."""
    head, claims, _ = token.split(".")
    kid = json.loads(base64.urlsafe_b64decode(head + "==="))["kid"]
    told = json.loads(base64.urlsafe_b64decode(claims + "==="))
    return jwt.encode({"alg": "RS256", "kid": kid}, told, RSAKey.generate_key(2048))


def _get(provider: Provider, request: BaseHTTPRequestHandler) -> None:
    parts = urlsplit(request.path)
    if parts.path == "/authorize":
        request.send_response(302)
        request.send_header("Location", provider.authorize(_pairs(parts.query)))
        request.end_headers()
        return
    pages = {"/.well-known/openid-configuration": provider.metadata, "/keys": provider.keys}
    _answer(request, pages[parts.path]() if parts.path in pages else None)


def _post(provider: Provider, request: BaseHTTPRequestHandler) -> None:
    body = request.rfile.read(int(request.headers.get("Content-Length", "0"))).decode()
    _answer(request, provider.token(_pairs(body), request.headers.get("Authorization", "")))


def _answer(request: BaseHTTPRequestHandler, told: Claims | None) -> None:
    body = json.dumps({"error": "invalid_grant"} if told is None else told).encode()
    request.send_response(400 if told is None else 200)
    request.send_header("Content-Type", "application/json")
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


def _pairs(text: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(text).items()}
