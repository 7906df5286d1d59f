"""What every address of the web process answers, over real HTTP; no address is open that is not written here."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from pages.web.headers import headers
from pages.web.routes import ROUTES
from tests.site import Site
from tracker.config import load

OPEN = {"/healthz": "whether it is well", "/metrics": "figures, for this machine or a token"}
GUARDED = {
    "/auth/session": "a one-shot ticket",
    "/auth/forget": "a page of ours",
    "/auth/logout": "a page of ours",
    "/export/{file}": "a session",
}
ADDRESSES = [
    "/",
    "/settings",
    "/healthz",
    "/metrics",
    "/export/usage.csv",
    "/media/x",
    "/_stcore/health",
    "/nothing/at/all",
]


@pytest.fixture
def stranger(own_site: Site) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=own_site.base_url, timeout=30) as client:
        yield client


def test_every_address_of_ours_is_known_with_what_guards_it() -> None:
    assert {route.path for route in ROUTES} == OPEN.keys() | GUARDED.keys()
    assert {method for route in ROUTES for method in route.methods or ()} <= {"GET", "HEAD", "POST"}
    assert [route.path for route in ROUTES if route.methods == {"POST"}] == [
        path for path in GUARDED if path.startswith("/auth/")
    ]


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_answer_says_what_it_is_and_is_for_this_site_alone(stranger: httpx.Client, address: str) -> None:
    told = stranger.get(address, headers={"Origin": "https://evil.example"}).headers

    assert told["content-type"].split(";")[0] in {"text/html", "text/plain", "application/json"}
    assert "charset=utf-8" in told["content-type"]
    assert told.get("access-control-allow-origin") in {None, "null"}
    assert told["cross-origin-opener-policy"] == "same-origin"
    assert told["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("method", ["TRACE", "TRACK", "PUT", "DELETE", "PROPFIND"])
@pytest.mark.parametrize("address", ["/", "/healthz", "/export/usage.csv", "/_stcore/health"])
def test_no_other_method_is_answered(stranger: httpx.Client, method: str, address: str) -> None:
    answer = stranger.request(method, address, headers={"X-Marker": "come back"})

    assert answer.status_code in {404, 405}
    assert "come back" not in answer.text


@pytest.mark.parametrize("address", ["/static/", "/static", "/.git/config", "/tracker/config.py", "/.env", "/pages/"])
def test_no_folder_and_no_source_is_served(stranger: httpx.Client, address: str) -> None:
    text = stranger.get(address, follow_redirects=True).text

    assert "Index of" not in text and "import annotations" not in text and "[core]" not in text


def test_tls_is_asked_for_a_year_and_for_every_host_below() -> None:
    secure = headers(load({"TRACKER_PUBLIC_URL": "https://tracker.example"}))

    assert secure["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    assert "Strict-Transport-Security" not in headers(load({}))
