"""What reading finds of a key: the permissions it holds and what the provider tells of it, and nothing guessed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.tracker.providers.sandboxed import NOW, OPENAI, Sandboxed, sandboxed
from tests.tracker.providers.scripted import GOOD, ScriptedProvider, Step, answer
from tracker.errors import KeyRejected, RateLimited
from tracker.providers import openai_passport as passport
from tracker.providers.base import KeyFacts
from tracker.redact import SecretKey

KEY = "sk-admin-some-key-of-acme-0abc"
REFUSED = answer(b'{"error": {"message": "Missing scopes: api.some.read. Check it."}}', "403 Forbidden")
DOWN = answer(b"", "503 Down")
UNKNOWN_KEY = answer(b'{"error": {"message": "Incorrect API key provided."}}', "401 Unauthorized")


@pytest.fixture(scope="module")
def openai() -> Iterator[Sandboxed]:
    with sandboxed() as running:
        yield running


def described(openai: Sandboxed, *script: Step) -> KeyFacts:
    """What is found of KEY when the provider answers with these, one after the other."""
    provider = ScriptedProvider(list(script))
    asking = replace(openai.client(KEY), base_url=provider.base_url)
    try:
        return OPENAI.describe(asking, asking.key, now=NOW)
    finally:
        provider.stop()


def listing(*rows: Mapping[str, Any]) -> Step:
    numbered = [{"id": f"key_{n}", **row} for n, row in enumerate(rows)]
    return answer(json.dumps({"data": numbered, "has_more": False}).encode())


@pytest.mark.parametrize(
    ("kind", "permissions"),
    [
        ("good", {"Usage": True, "Management": True, "Audit logs": False}),
        ("usage_only", {"Usage": True, "Management": False, "Audit logs": False}),
        ("unrestricted", {"Usage": True, "Management": True, "Audit logs": True}),
        ("project_key", {"Usage": False, "Management": False, "Audit logs": False}),
    ],
)
def test_the_permissions_of_a_key_are_found_by_reading(
    openai: Sandboxed, kind: str, permissions: dict[str, bool]
) -> None:
    asking, before = openai.client(kind), len(openai.server.requests)

    facts = OPENAI.describe(asking, asking.key, now=NOW)

    assert facts.permissions == permissions
    assert {request.method for request in list(openai.server.requests)[before:]} == {"GET"}


def test_a_key_finds_itself_in_the_list_and_its_age_and_last_use(openai: Sandboxed) -> None:
    asking, blind = openai.client(), openai.client("usage_only")

    facts = OPENAI.describe(asking, asking.key, now=NOW)

    assert (facts.name, facts.created_at) == ("admin good", datetime(2025, 1, 1, tzinfo=UTC))
    assert (facts.expires_at, facts.last_used_at) == (None, datetime(2026, 11, 23, tzinfo=UTC))
    assert OPENAI.describe(blind, blind.key, now=NOW).created_at is None


@pytest.mark.parametrize(
    "rows",
    [
        (),
        ({"redacted_value": "sk-admin...zzzz"},),
        ({"redacted_value": "sk-admin...0abc"}, {"redacted_value": "sk-***abc"}),
        ({"redacted_value": "sk-admin...bc"}, {"redacted_value": None}, {}),
        ({"redacted_value": KEY},),
    ],
)
def test_a_key_that_is_not_shown_or_not_for_certain_is_not_guessed(
    openai: Sandboxed, rows: tuple[Mapping[str, Any], ...]
) -> None:
    facts = described(openai, GOOD, GOOD, REFUSED, listing(*rows))

    assert (facts.name, facts.created_at, facts.last_used_at) == (None, None, None)


@pytest.mark.parametrize(("told", "known"), [(True, False), ("1", False), (-1, False), (10**12, False), (0, True)])
def test_a_time_that_is_none_is_left_out(openai: Sandboxed, told: object, known: bool) -> None:
    facts = described(openai, GOOD, GOOD, REFUSED, listing({"redacted_value": "sk-ad...0abc", "created_at": told}))

    assert (facts.created_at is not None) is known


def test_what_the_provider_does_not_answer_is_not_known(openai: Sandboxed) -> None:
    assert described(openai, GOOD, DOWN, REFUSED).permissions == {
        "Usage": True,
        "Management": None,
        "Audit logs": False,
    }
    assert described(openai, GOOD, GOOD, DOWN, DOWN) == KeyFacts(
        {"Usage": True, "Management": True, "Audit logs": None}
    )


@pytest.mark.parametrize("before", [(), (GOOD, GOOD, GOOD)])
def test_a_key_that_is_not_known_any_more_is_not_described(openai: Sandboxed, before: tuple[Step, ...]) -> None:
    with pytest.raises(KeyRejected):
        described(openai, *before, UNKNOWN_KEY)
    with pytest.raises(RateLimited):
        described(openai, *before, answer(b"", "429 Slow"))


def test_of_the_audit_log_nothing_is_asked_for_but_whether_it_can_be_read(openai: Sandboxed) -> None:
    asking = openai.client("unrestricted")

    OPENAI.describe(asking, SecretKey(KEY), now=NOW)

    (asked,) = [request for request in openai.server.requests if request.path == passport.AUDIT_LOGS][-1:]
    assert asked.query == "limit=1&effective_at%5Bgt%5D=4102444800"
