"""What a key is told to be, and the names it may read: each kind of key at the sandbox, over real HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace

import pytest

from tests.tracker.providers.sandboxed import NOW, OPENAI, Sandboxed, sandboxed
from tests.tracker.providers.scripted import GOOD, ScriptedProvider, Step, answer
from tracker.calls import KeptCalls
from tracker.errors import Blocked, ScopeMissing
from tracker.providers.base import KnownName
from tracker.providers.http.refusal import refusal


@pytest.fixture
def openai() -> Iterator[Sandboxed]:
    with sandboxed() as running:
        yield running


@pytest.mark.parametrize(
    ("kind", "status", "told"),
    [
        ("good", "valid", "The key works."),
        ("usage_only", "valid", "may not read names"),
        ("empty_org", "valid", "Is it the right organisation?"),
        ("project_key", "insufficient", "This is a project key"),
        ("missing_scope_401", "insufficient", "This is a project key"),
        ("missing_scope_403", "insufficient", "lacks the permission Usage: Read (api.usage.read)."),
        ("missing_scope_flat", "insufficient", "or create another key under platform.openai.com/"),
        ("sk-none-of-those-they-gave-out", "invalid", "mistyped, revoked or expired"),
        ("no-key-of-theirs-0123456789", "invalid", "does not look like an OpenAI key"),
        ("revoked", "invalid", "mistyped, revoked or expired"),
        ("expired", "invalid", "mistyped, revoked or expired"),
        ("down_503", "unchecked", "not checked yet"),
        ("rate_limited", "unchecked", "not checked yet"),
        ("html", "unchecked", "not checked yet"),
        ("blocked", "unchecked", "not checked yet"),
        ("connection_reset", "unchecked", "not checked yet"),
    ],
)
def test_a_check_says_what_the_key_is_and_what_to_do(
    openai: Sandboxed,
    kind: str,
    status: str,
    told: str,
) -> None:
    asking = openai.client(kind)

    verdict = OPENAI.check(asking, asking.key, now=NOW)

    assert verdict.status == status
    assert told in verdict.sentence
    assert asking.key.reveal() not in verdict.sentence


SCOPE = "You have insufficient permissions for this operation. Missing scopes: api.usage.read. Check it."


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": SCOPE}},
        {"error": SCOPE},
        {"error": {"message": "You have insufficient permissions for this operation."}},
        {"error": {"message": "Missing scope: api.usage.read"}},
        {"error": {"message": "No.", "code": "missing_scope"}},
        {"error": {"message": "No.", "type": "insufficient_permissions"}},
    ],
    ids=str,
)
def test_a_refusal_that_names_what_the_key_lacks_says_so_whatever_its_status(status: int, body: object) -> None:
    reaction = OPENAI.explain(refusal(status, json.dumps(body).encode()))

    assert isinstance(reaction, ScopeMissing)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>Sorry, you have been blocked. You have insufficient permissions.</body></html>",
        b'{"error": {"message": "Country, region, or territory not supported", "code": "unsupported_country"}}',
        b'{"error": {"message": null}}',
        b'{"blocked": true}',
        b"[]",
    ],
)
def test_a_403_that_names_no_permission_says_nothing_of_the_key(body: bytes) -> None:
    reaction = OPENAI.explain(refusal(403, body))

    assert type(reaction) is Blocked
    assert "403" in str(reaction)


@pytest.mark.parametrize("status", [400, 401, 422])
@pytest.mark.parametrize(
    ("body", "blames"),
    [(b"<html>Sign in</html>", False), (b'{"error": "No."}', True), (b'{"code": "invalid_api_key"}', True)],
)
def test_a_refusal_without_a_word_of_the_providers_blames_neither_key_nor_question(
    status: int, body: bytes, *, blames: bool
) -> None:
    assert isinstance(OPENAI.explain(refusal(status, body)), Blocked) is not blames


@pytest.mark.parametrize(
    ("prefix", "told"),
    [
        ("sk-ant-admin01-", "This is an Anthropic key"),
        ("sk-ant-api03-", "This is an Anthropic key"),
        ("sk-or-v1-", "This is an OpenRouter key"),
        ("AIza", "This is a Google key"),
        ("xai-", "This is an xAI key"),
    ],
)
def test_a_key_of_another_provider_is_known_by_its_beginning_and_never_sent(
    openai: Sandboxed, prefix: str, told: str
) -> None:
    calls = KeptCalls()
    asking = replace(openai.client(f"{prefix}0123456789abcdef"), calls=calls)

    verdict = OPENAI.check(asking, asking.key, now=NOW)

    assert verdict.status == "invalid"
    assert verdict.sentence.startswith(told)
    assert calls.rows == []


@pytest.mark.parametrize(
    ("kind", "names_readable", "shows_usage"),
    [("good", True, True), ("usage_only", False, True), ("empty_org", True, False), ("revoked", None, None)],
)
def test_a_check_says_what_the_key_shows(
    openai: Sandboxed,
    kind: str,
    names_readable: bool | None,
    shows_usage: bool | None,
) -> None:
    asking = openai.client(kind)

    verdict = OPENAI.check(asking, asking.key, now=NOW)

    assert (verdict.names_readable, verdict.shows_usage) == (names_readable, shows_usage)


def test_an_organisation_is_recognised_by_its_projects_with_or_without_names(
    openai: Sandboxed,
) -> None:
    named, nameless, other = (openai.client(kind) for kind in ("good", "usage_only", "globex"))
    found = [OPENAI.check(each, each.key, now=NOW).organisation for each in (named, nameless, other)]

    assert found[0] & found[1]
    assert not found[0] & found[2]


def test_an_organisation_that_uses_no_completions_is_known_by_its_bill(openai: Sandboxed) -> None:
    line = {
        "object": "organization.costs.result",
        "project_id": "proj_embeds",
        "amount": {"value": 1, "currency": "usd"},
    }
    billed = {"data": [{"start_time": 1, "end_time": 2, "results": [line]}], "has_more": False}
    scope = {"error": {"message": "Missing scopes: api.management.read"}}
    script: list[Step] = [
        answer(json.dumps(billed).encode()),
        GOOD,
        answer(json.dumps(scope).encode(), "403 Forbidden"),
    ]
    provider = ScriptedProvider(script)
    asking = replace(openai.client(), base_url=provider.base_url)

    verdict = OPENAI.check(asking, asking.key, now=NOW)
    provider.stop()

    assert (verdict.shows_usage, verdict.organisation) == (True, frozenset({"proj_embeds"}))


def test_names_are_read_also_of_archived_projects(openai: Sandboxed) -> None:
    names = {(name.kind, name.ref): name.name for name in OPENAI.names(openai.client())}

    assert names["project", "proj_legacy"] == "Legacy <2024>"
    assert names["project", "proj_search"] == '=1+1 Search & "Ranking"'
    assert names["api_key", "key_night"] == "night batch"
    assert names["user", "user-lin"] == "lin@acme.example"
    assert names["user", "svc_ranker"] == "ranker"


def test_names_that_may_not_be_read_say_so(openai: Sandboxed) -> None:
    with pytest.raises(ScopeMissing) as told:
        OPENAI.names(openai.client("usage_only"))

    assert told.value.scope == "api.management.read"


@pytest.mark.parametrize(("status", "told"), [("archived", True), ("active", False)])
def test_an_archived_project_that_refuses_loses_only_its_names(openai: Sandboxed, status: str, told: bool) -> None:
    project = {"id": "proj_old", "name": "Old", "status": status}
    provider = ScriptedProvider([GOOD, answer(json.dumps({"data": [project]}).encode()), answer(b"{}", "403 No")])
    asking = replace(openai.client(), base_url=provider.base_url)

    with nullcontext() if told else pytest.raises(Blocked):
        assert KnownName("project", "proj_old", "Old") in OPENAI.names(asking)
    provider.stop()
