"""Long and unlisted is enough; everything that guessers try first is refused."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from tracker import access, passwords
from tracker.errors import BadInput

LISTED = [password for password in FREQUENCY_LISTS["passwords"] if len(password) >= passwords.SHORTEST]


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "eine ganz eigene Parole",
        "  leading and trailing  ",
        "снег идёт над чёрной рекой",
        "雨の日は家で本を読みたいです猫",
        "🐙🌵🚲🎻🧭🪁🍋🦔🛶🧵🪕🌋🧊🥁🪺",
        "kq7vX2pLz9wRt4mB8nYc" * 6,
    ],
)
def test_any_long_password_may_be_used_whatever_it_is_made_of(password: str) -> None:
    passwords.check(password, "ada@acme.example")

    assert access.HASHER.verify(access.HASHER.hash(password), password)


@pytest.mark.parametrize("password", LISTED)
def test_a_leaked_password_is_refused(password: str) -> None:
    with pytest.raises(BadInput, match="lists of leaked passwords"):
        passwords.check(password)


@pytest.mark.parametrize(
    "password",
    [
        "passwordpassword",
        "Password1!Password1!",
        "aaaaaaaaaaaaaaaa",
        "123456789012345",
        "qwertyuiopasdfghjkl",
        "openaiopenaiopenai",
        "ada.lovelaceada.lovelace",
    ],
)
def test_patterns_and_words_of_the_context_are_refused(password: str) -> None:
    with pytest.raises(BadInput, match="Please choose another"):
        passwords.check(password, "ada.lovelace@acme.example")


@pytest.mark.parametrize(("length", "taken"), [(14, False), (15, True), (128, True), (129, False)])
def test_fifteen_to_128_characters_are_taken(length: int, taken: bool) -> None:
    password = ("kq7 vX2 pLz 9wR t4m B8n Yc! " * 5)[:length]
    if taken:
        passwords.check(password)
    else:
        with pytest.raises(BadInput, match=f"has {length} characters. Choose one of 15 to 128"):
            passwords.check(password)


def test_what_cannot_be_written_as_text_is_refused() -> None:
    with pytest.raises(BadInput, match="cannot be written as text"):
        passwords.check("\ud800" + "x" * 20)


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8"), min_size=15, max_size=128))
def test_the_check_holds_for_any_text(password: str) -> None:
    with suppress(BadInput):
        passwords.check(password, "ada@acme.example")

    assert passwords.is_common(password) in {True, False}


def test_the_beginning_of_a_long_password_does_not_open() -> None:
    password = "kq7 vX2 pLz 9wR t4m B8n Yc! " * 4
    hashed = access.HASHER.hash(password)

    assert not access._fits(hashed, password[:72])
    assert not access._fits(hashed, password.strip())
