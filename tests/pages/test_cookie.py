"""The session's cookie behind TLS and without, and what is turned away at the door."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send
from streamlit.runtime.context import StreamlitHeaders

from pages.web import cookie, visitor
from pages.web.headers import REQUESTS_A_MINUTE, Allowance, Guard, headers, is_closed, is_own_host
from tracker.config import load


@pytest.mark.parametrize("url", ["https://usage.example", "HTTPS://usage.example/tracker"])
def test_behind_tls_the_cookie_is_bound_to_this_host_and_to_tls(url: str) -> None:
    settings, response = load({"TRACKER_PUBLIC_URL": url}), Response()
    cookie.give(response, "token", settings)

    told = response.headers["set-cookie"].lower()
    assert told.startswith("__host-sid=token;")
    assert all(part in told for part in ("; secure", "; httponly", "; samesite=lax", "; path=/"))
    assert "domain" not in told
    assert headers(settings)["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"


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


TOKEN = "a-token-for-prometheus"


@pytest.mark.parametrize(
    ("path", "authorization", "status"),
    [
        ("/metrics", f"Bearer {TOKEN}", 200),
        ("/metrics", f"bearer {TOKEN}", 200),
        ("/metrics", f"Bearer {TOKEN}x", 404),
        ("/metrics", f"Basic {TOKEN}", 404),
        ("/metrics", "Bearer ", 404),
        ("/metrics", "", 404),
        ("/_stcore/metrics", f"Bearer {TOKEN}", 404),
        ("/media/a.csv", f"Bearer {TOKEN}", 404),
    ],
)
def test_a_token_opens_the_figures_from_elsewhere_and_nothing_else(path: str, authorization: str, status: int) -> None:
    async def ok(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("here")(scope, receive, send)

    guarded = Guard(ok, load({"TRACKER_METRICS_TOKEN": TOKEN}))
    transport = httpx.ASGITransport(guarded, client=("192.0.2.7", 1))

    async def ask() -> int:
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return (await client.get(path, headers={"Authorization": authorization})).status_code

    # In a thread of its own: a browser's tests in this process may keep a loop in this one.
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(lambda: asyncio.run(ask())).result() == status


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("usage.example", True),
        ("USAGE.example:443", True),
        ("localhost:8501", True),
        ("127.0.0.1:8501", True),
        ("[::1]:8501", True),
        ("192.0.2.7", True),
        ("evil.example", False),
        ("usage.example.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("", False),
        ("[", False),
    ],
)
def test_a_name_that_somebody_lets_point_here_is_turned_away(host: str, own: bool) -> None:
    assert is_own_host(host, load({"TRACKER_PUBLIC_URL": "https://usage.example"})) is own


def test_a_network_has_so_many_requests_a_minute() -> None:
    allowance = Allowance()

    assert all(allowance.take("192.0.2.0/24", 60.0) for _ in range(REQUESTS_A_MINUTE))
    assert not allowance.take("192.0.2.0/24", 119.9)
    assert allowance.take("198.51.100.0/24", 119.9)
    assert allowance.take("192.0.2.0/24", 120.0)


@pytest.mark.parametrize(
    ("forwarded", "hops", "address"),
    [
        ([], 0, "10.0.0.1"),
        (["192.0.2.7"], 0, "10.0.0.1"),
        (["192.0.2.7"], 1, "192.0.2.7"),
        (["forged, 192.0.2.7"], 1, "192.0.2.7"),
        (["forged, 192.0.2.7, 10.0.0.2"], 2, "192.0.2.7"),
        (["192.0.2.7"], 2, "10.0.0.1"),
        ([], 1, "10.0.0.1"),
        # A proxy that adds a line of its own: HAProxy.
        (["forged", "192.0.2.7"], 1, "192.0.2.7"),
        (["forged, forged", "forged", "192.0.2.7"], 1, "192.0.2.7"),
        (["forged", "192.0.2.7, 10.0.0.2"], 2, "192.0.2.7"),
        (["forged", "192.0.2.7", "10.0.0.2"], 2, "192.0.2.7"),
        (["", "192.0.2.7"], 1, "192.0.2.7"),
        (["", "192.0.2.7"], 2, "10.0.0.1"),
        ([""], 1, "10.0.0.1"),
    ],
)
def test_only_trusted_proxies_are_believed(forwarded: list[str], hops: int, address: str) -> None:
    sent = [("x-forwarded-for", line) for line in forwarded]
    ours = Headers(raw=[(name.encode(), line.encode()) for name, line in sent])
    for told in (ours, StreamlitHeaders(sent)):
        assert visitor.address("10.0.0.1", told, hops=hops) == address
