"""The session's cookie behind TLS and without."""

from __future__ import annotations

import pytest
from starlette.responses import Response

from pages.web import cookie
from pages.web.headers import headers, is_closed
from tracker.config import load


@pytest.mark.parametrize("url", ["https://usage.example", "HTTPS://usage.example/tracker"])
def test_behind_tls_the_cookie_is_bound_to_this_host_and_to_tls(url: str) -> None:
    settings, response = load({"TRACKER_PUBLIC_URL": url}), Response()
    cookie.give(response, "token", settings)

    told = response.headers["set-cookie"].lower()
    assert told.startswith("__host-sid=token;")
    assert all(part in told for part in ("; secure", "; httponly", "; samesite=lax", "; path=/"))
    assert "domain" not in told
    assert headers(settings)["Strict-Transport-Security"] == "max-age=31536000"


def test_on_this_machine_without_tls_it_is_one_the_browser_takes() -> None:
    settings, response = load({}), Response()
    cookie.give(response, "token", settings)

    told = response.headers["set-cookie"].lower()
    assert told.startswith("sid=token;") and "secure" not in told
    assert "Strict-Transport-Security" not in headers(settings)


@pytest.mark.parametrize(
    ("path", "visitor", "closed"),
    [
        ("/metrics", "127.0.0.1", False),
        ("/metrics", "::1", False),
        ("/metrics", "10.0.0.9", True),
        ("/metrics", "", True),
        ("/_stcore/metrics", "10.0.0.9", True),
        ("/media/a.csv", "127.0.0.1", True),
        ("/mediathek", "10.0.0.9", False),
        ("/", "10.0.0.9", False),
    ],
)
def test_some_addresses_are_not_for_visitors(path: str, visitor: str, closed: bool) -> None:
    assert is_closed(path, visitor) is closed
