"""Secrets do not show: in reprs, in messages, in log lines, in traces."""

from __future__ import annotations

import base64
import copy
import gc
import json
import pickle
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.errors import BadInput
from tracker.redact import SecretKey, clean_key, redact

TEXT = "unusual/key+of=no~known^pattern_0123456789"
ROOT = Path(__file__).parents[2]


# --- the wrapper


@pytest.mark.parametrize(
    "shown",
    [
        repr,
        str,
        lambda key: f"{key}",
        lambda key: f"{key!s:>60}",
        lambda key: format(key, "10"),
        lambda key: f"{[key]} { ({'key': key}) }",
        lambda key: "%s %r" % (key, key),  # noqa: UP031
        lambda key: str(ValueError(key)),
    ],
)
def test_a_secret_shows_in_no_text_made_of_it(shown: Any) -> None:
    text = shown(SecretKey(TEXT))

    assert "<secret>" in text
    assert TEXT not in text


def test_a_secret_is_revealed_on_demand_only() -> None:
    assert SecretKey(TEXT).reveal() == TEXT


@pytest.mark.parametrize(
    ("text", "last4"), [("a" * 16 + "wxyz", "wxyz"), ("a" * 15 + "wxyz", "????"), ("wxyz", "????")]
)
def test_the_last_four_characters_are_shown_only_of_a_long_secret(text: str, last4: str) -> None:
    assert SecretKey(text).last4 == last4


def test_secrets_are_compared_by_their_text() -> None:
    assert SecretKey(TEXT) == SecretKey(TEXT)
    assert SecretKey(TEXT) != SecretKey(TEXT + "x")
    assert SecretKey(TEXT) != TEXT


@pytest.mark.parametrize("copied", [pickle.dumps, copy.copy, copy.deepcopy, hash, vars])
def test_a_secret_is_neither_pickled_nor_copied_nor_hashed(copied: Any) -> None:
    with pytest.raises(TypeError):
        copied(SecretKey(TEXT))


def test_a_secret_does_not_change() -> None:
    key = SecretKey(TEXT)

    with pytest.raises(AttributeError):
        key._text = "other"
    with pytest.raises(AttributeError):
        del key._text
    with pytest.raises(AttributeError):
        key.note = "x"
    assert key.reveal() == TEXT


@pytest.mark.parametrize("text", ["", "kéy" * 10])
def test_a_secret_is_ascii_and_not_empty(text: str) -> None:
    with pytest.raises(ValueError, match="ASCII text and not empty"):
        SecretKey(text)


# --- entry


@pytest.mark.parametrize(
    "pasted",
    [
        TEXT,
        f"  {TEXT}\r\n",
        f"\u00a0{TEXT}\u00a0",
        f"\ufeff\u200b{TEXT}\u200d\u2060",
        f'"{TEXT}"',
        f"'{TEXT}' ",
        f"`{TEXT}`",
        f"“{TEXT}”",
    ],
)
def test_blanks_and_quotes_around_a_pasted_key_are_trimmed(pasted: str) -> None:
    assert clean_key(pasted).reveal() == TEXT


@pytest.mark.parametrize(
    ("pasted", "told"),
    [
        ("", "No key was given"),
        (" \u200b\u00a0\n", "No key was given"),
        ("canary-key-0123 456789abcdef", "a blank or a line break"),
        ("canary-key-0123\n456789abcdef", "a blank or a line break"),
        ("canary-key-0123\x00456789abcdef", "a blank or a line break"),
        ("canary-key-0123\x7f456789abcdef", "a blank or a line break"),
        ("canary-key-0123\u00a0456789abcdef", "not plain ASCII"),
        ("canary-key-0123’456789abcdef", "not plain ASCII"),
        ("canary-key-0123\u200b456789abcdef", "not plain ASCII"),
        ("canary-kéy-0123456789abcdef", "not plain ASCII"),
        ("canary-key-012345678", None),
        ("canary-key-01234567", "has 19 characters; 20 to 512"),
        ("canary-" + "k" * 505, None),
        ("canary-" + "k" * 506, "has 513 characters; 20 to 512"),
    ],
)
def test_what_cannot_be_a_key_is_refused_without_being_repeated(pasted: str, told: str | None) -> None:
    if told is None:
        assert clean_key(pasted).reveal() == pasted
        return

    with pytest.raises(BadInput) as refused:
        clean_key(pasted)
    assert told in str(refused.value)
    assert "canary" not in str(refused.value)


# --- redaction


@pytest.mark.parametrize(
    "form",
    [
        TEXT,
        quote(TEXT, safe=""),
        TEXT.encode().hex(),
        TEXT.encode().hex().upper(),
        base64.b64encode(TEXT.encode()).decode().rstrip("="),
        base64.urlsafe_b64encode(TEXT.encode()).decode().rstrip("="),
    ],
)
def test_a_living_secret_is_replaced_in_every_form(form: str) -> None:
    key = SecretKey(TEXT)

    cleaned = redact(f"before {form} after")

    assert cleaned.startswith("before <secret>")
    assert cleaned.endswith(" after")
    assert form[:-1] not in cleaned
    assert key.last4 == TEXT[-4:]


@given(before=st.binary(max_size=9), after=st.binary(max_size=9))
def test_a_living_secret_is_found_at_any_place_within_base64(before: bytes, after: bytes) -> None:
    key = SecretKey(TEXT)

    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        cleaned = redact(encode(before + TEXT.encode() + after).decode())
        assert "<secret>" in cleaned
        # What is left belongs to the neighbours and at most a character on either side.
        assert len(cleaned.replace("<secret>", "")) <= (len(before + after) * 4) / 3 + 8
    assert key.reveal() == TEXT


def test_a_secret_with_quotes_is_found_in_a_repr_and_in_json() -> None:
    text = "it's\\a\"key-0123456789"
    key = SecretKey(text)

    assert redact(repr([text])) == "['<secret>']"
    assert redact(json.dumps([text])) == '["<secret>"]'
    assert key.reveal() == text


def test_a_secret_that_is_gone_is_no_longer_looked_for() -> None:
    key = SecretKey("a-key-of-a-moment-only")
    assert redact("a-key-of-a-moment-only") == "<secret>"

    del key
    gc.collect()

    assert redact("a-key-of-a-moment-only") == "a-key-of-a-moment-only"


@pytest.mark.parametrize("gone", [0, 1])
def test_of_two_equal_secrets_one_stays_hidden_when_the_other_is_gone(gone: int) -> None:
    keys = [SecretKey("one-key-pasted-twice"), SecretKey("one-key-pasted-twice")]

    del keys[gone]
    gc.collect()

    assert redact("one-key-pasted-twice") == "<secret>"


def test_a_secret_within_a_longer_one_leaves_no_rest_of_it() -> None:
    long, short = SecretKey("part-of-a-secret-and-more"), SecretKey("part-of-a-secret")

    assert redact(f"{long.reveal()} {short.reveal()}") == "<secret> <secret>"


def test_a_very_short_secret_does_not_tear_holes_into_sentences() -> None:
    key = SecretKey("the")

    assert redact("the other") == "the other"
    assert key.last4 == "????"


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("key sk-abcdefghijklmnop, sent", "key <secret>, sent"),
        ("key sk-abcdefghijklmno, sent", "key sk-abcdefghijklmno, sent"),
        ("sk-ant-admin01-abc_DEF-0123456789", "<secret>"),
        ("b'\\nsk-proj-abcdefghijklmnop'", "b'\\n<secret>'"),
        ("AIzaSyA-0123456789_abcdefghijklmnopqrst", "<secret>"),
        ("Authorization: Bearer abc.def-123", "Authorization: Bearer <secret>"),
        ("bearer%20abcdefgh", "bearer%20<secret>"),
        ("the bearer of it", "the bearer of it"),
        ("X-Api-Key: a1b2", "X-Api-Key: <secret>"),
        ("{'x-api-key': 'a1b2', 'n': 1}", "{'x-api-key': '<secret>', 'n': 1}"),
        ('{"x-goog-api-key":"a1b2"}', '{"x-goog-api-key":"<secret>"}'),
        ('"{\\"x-api-key\\": \\"a1b2\\"}"', '"{\\"x-api-key\\": \\"<secret>\\"}"'),
        ("[(b'x-api-key', b'a1b2')]", "[(b'x-api-key', b'<secret>')]"),
        ("?api-key=a1b2", "?api-key=<secret>"),
        ("postgresql://user:p@ss@db/usage", "postgresql://user:<secret>@db/usage"),
        ("https://host:8501/users/a@b.example", "https://host:8501/users/a@b.example"),
        ("refused\nDETAIL:  Failing row contains (3, b@a.example).\n", "refused\nDETAIL:  <secret>\n"),
        (r"refused\nDETAIL:  Key (email)=(b@a.example)\nCONTEXT: x", r"refused\nDETAIL:  <secret>\nCONTEXT: x"),
        ("nothing to hide", "nothing to hide"),
        ("", ""),
    ],
)
def test_what_looks_like_a_key_is_replaced(text: str, cleaned: str) -> None:
    assert redact(text) == cleaned


@pytest.mark.parametrize(
    "piece",
    [
        "sk-",
        "sk-aaaaaaaaaaaaaaa ",
        "AIza",
        "bearer ",
        "bearer",
        " ",
        "bearer%20",
        "x-api-key:",
        "api-key ",
        "://",
        "://a:",
        "://a:b",
        "a@",
    ],
)
def test_a_megabyte_made_to_stall_the_search_is_cleaned_too(piece: str) -> None:
    hostile = (piece * (1_000_000 // len(piece)))[:1_000_000]

    assert redact(hostile + "\nsk-canary-0123456789abcdef").endswith("<secret>")
