"""Every kind of key meets at the sandbox what it was made to meet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from tracker.sandbox import SandboxServer, World

NOW = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)
START = datetime(2026, 11, 19, tzinfo=UTC)


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    with SandboxServer(World(days=10, now=lambda: NOW)) as running:
        yield running


REFUSALS = {
    "revoked": (401, "invalid_api_key"),
    "expired": (401, "invalid_api_key"),
    "project_key": (403, "Missing scopes: api.usage.read"),
    "missing_scope_401": (401, "Missing scopes: api.usage.read"),
    "missing_scope_403": (403, "Missing scopes: api.usage.read"),
    "missing_scope_flat": (403, '{"error": "You have insufficient permissions'),
    "rate_limited": (429, "rate_limit_exceeded"),
    "rate_limited_date": (429, "rate_limit_exceeded"),
    "rate_limited_untold": (429, "rate_limit_exceeded"),
    "down_500": (500, "server_error"),
    "down_502": (502, "server_error"),
    "down_503": (503, "server_error"),
    "not_found": (404, "error"),
    "redirecting": (302, ""),
    "html": (200, "<html>"),
    "blocked": (403, "<html>"),
    "truncated": (200, '{"object": "page"'),
    "empty_body": (200, ""),
    "error_200": (200, "something went wrong"),
    "wrong_schema": (200, '"data":{}'),
    "negative_counts": (200, '"num_model_requests": -1'),
    "null_counts": (200, '"num_model_requests": null'),
    "huge_counts": (200, '"num_model_requests": 9223372036854775808'),
    "repeated_cursor": (200, '"next_page": "page_again"'),
}
"""Status and a part of the body that each bad key meets when it asks for usage."""

GOOD = {"good", "good_second", "usage_only", "unrestricted", "globex", "empty_org"}


def raw(server: SandboxServer, path: str, kind: str) -> tuple[int, str]:
    """Status and body as they came over the wire; redirects are not followed."""
    connection = HTTPConnection("127.0.0.1", urlsplit(server.base_url).port or 0, timeout=10)
    with closing(connection):
        address = f"/v1{path}?start_time={int(START.timestamp())}"
        connection.request("GET", address, headers={"Authorization": f"Bearer {server.world.keys[kind]}"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


@pytest.mark.parametrize(("kind", "refusal"), REFUSALS.items())
def test_each_wrong_key_is_refused_in_its_own_way(server: SandboxServer, kind: str, refusal: tuple[int, str]) -> None:
    status, body = raw(server, "/organization/usage/completions", kind)

    assert status == refusal[0]
    assert refusal[1] in body
    assert server.world.keys[kind] not in body


def test_a_key_may_break_the_connection(server: SandboxServer) -> None:
    with pytest.raises(ConnectionError):
        raw(server, "/organization/costs", "connection_reset")


def test_no_kind_of_key_is_without_its_answer(server: SandboxServer) -> None:
    assert {*REFUSALS, *GOOD, "connection_reset"} == set(server.world.keys)
    for kind in GOOD:
        assert raw(server, "/organization/usage/completions", kind)[0] == 200


def test_a_key_for_usage_may_not_read_names(server: SandboxServer) -> None:
    status, body = raw(server, "/organization/projects", "usage_only")

    assert status == 403
    assert "Missing scopes: api.management.read" in body
