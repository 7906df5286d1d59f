"""Only what can be counted and stored is read; everything else is refused without showing it."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.errors import PayloadChanged
from tracker.providers import strict_json
from tracker.providers.strict_json import Json

DEEP = "it is nested deeper than 64 levels"
INVALID = "it is no valid JSON"
TWICE = "a name stands twice in one object"


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a": [1, -2, true, null, "x"]}', {"a": [1, -2, True, None, "x"]}),
        (b'{"a": {"b": 1}, "c": {"b": 2}}', {"a": {"b": 1}, "c": {"b": 2}}),
        (b"0.1", Decimal("0.1")),
        (b"1.0", Decimal("1.0")),
        (b"12.50", Decimal("12.50")),
        (b"1.2e-7", Decimal("0.00000012")),
        (b"1E+30", Decimal(10) ** 30),
        (b"1e-30", Decimal("1e-30")),
        (b"9" * 30, 10**30 - 1),
        (b"-" + b"9" * 30, 1 - 10**30),
        ('"Zoë \u202e \\u0000 \\ud83d\\ude00"'.encode(), "Zoë \u202e \x00 \U0001f600"),
        (b'"\\\\ud83d"', "\\ud83d"),
        (b'{"a:": "b:\\":", "c": {"::": ":"}}', {"a:": 'b:":', "c": {"::": ":"}}),
        (b'["' + b"9" * 40 + b'", 7]', ["9" * 40, 7]),
        (b"[]", []),
    ],
)
def test_a_sound_answer_is_read_exactly(body: bytes, value: Json) -> None:
    read = strict_json.loads(body)

    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", INVALID),
        (b" ", INVALID),
        (b"{", INVALID),
        (b'{"a": 1', INVALID),
        (b"[1,]", INVALID),
        (b"01", INVALID),
        (b"1.", INVALID),
        (b"{} {}", INVALID),
        (b"<html>", INVALID),
        (b"{'a': 1}", INVALID),
        (b'"a\nb"', INVALID),
        (b"\xef\xbb\xbf{}", INVALID),
        (b'"\xff"', INVALID),
        (b'"\xed\xa0\xbd"', INVALID),
        ("{}".encode("utf-16"), INVALID),
        (b'{"a": 1, "a": 1}', TWICE),
        (b'{"a:": ":", "a:": 1, "b": {":": 1}}', TWICE),
        (b'{"x": [{"a": 1, "\\u0061": 2}]}', TWICE),
        (b'"\\ud83d"', "a text holds half a character"),
        (b'{"\\uDE00": 1}', "a text holds half a character"),
    ],
)
def test_what_cannot_be_counted_or_stored_is_refused(body: bytes, reason: str) -> None:
    with pytest.raises(PayloadChanged) as refused:
        strict_json.loads(body)

    sha256 = hashlib.sha256(body).hexdigest()
    assert str(refused.value) == f"The answer cannot be read: {reason} (SHA-256 {sha256[:16]}…)."
    assert refused.value.body_sha256 == sha256


@pytest.mark.parametrize(
    "number",
    [
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"1e999",
        b"1e31",
        b"1e-31",
        b"-1e9999999999999999999999",
        b"1e-9999999999999999999999",
        b"0." + b"1" * 59,
        b"1" + b"0" * 30,
        b"-1" + b"0" * 30,
        b"7" * 5_000,
    ],
)
def test_what_is_no_number_leaves_the_rest_to_be_read(number: bytes) -> None:
    read = strict_json.loads(b'{"a": [' + number + b', 7], "b": "NaN"}')

    assert [str(each) for each in read["a"]] == ["NaN", "7"]
    assert read["b"] == "NaN"


@pytest.mark.parametrize(
    "body",
    [
        nested(64),
        b'{"a":' * 63 + b"[]" + b"}" * 63,
        b"[" + b",".join([nested(63)] * 3) + b"]",
        b'"' + b"[{" * 500 + b'"',
        b'["\\"' + b"[" * 500 + b'\\\\", "\\\\\\"' + b"{" * 500 + b'"]',
        b"[" + b"[],{}," * 5_000 + b"1]",
    ],
    ids=["lists", "objects", "beside each other", "brackets in a text", "brackets between escapes", "wide"],
)
def test_as_many_levels_as_any_answer_has_are_read(body: bytes) -> None:
    assert strict_json.loads(body) == json.loads(body)


@pytest.mark.parametrize(
    "body",
    [
        nested(65),
        b'{"a":' * 65 + b"1" + b"}" * 65,
        nested(100_000),
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'["' + b"]" * 500 + b'", ' + nested(65) + b"]",
        b'["\\"' + b"]" * 500 + b'", ' + nested(65) + b"]",
    ],
    ids=[
        "lists",
        "objects",
        "far too deep",
        "never closed",
        "objects never closed",
        "behind a text",
        "behind an escape",
    ],
)
def test_deeper_nesting_is_refused_and_the_process_lives(body: bytes) -> None:
    with pytest.raises(PayloadChanged, match=DEEP):
        strict_json.loads(body)


def test_a_refusal_carries_nothing_of_the_body() -> None:
    body = b'{"owner": "Ada Lovelace", "cut": '

    with pytest.raises(PayloadChanged) as refused:
        strict_json.loads(body)

    assert "Ada" not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**29), 10**29) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
)


@given(values, st.booleans())
def test_every_storable_value_comes_back_as_it_was_written(value: Json, ascii_only: bool) -> None:
    assert strict_json.loads(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@given(st.binary(max_size=200) | st.text('{}[]",:\\u0dE1e-.NaInfty ').map(str.encode))
def test_any_bytes_are_read_or_refused_in_one_way(body: bytes) -> None:
    try:
        value = strict_json.loads(body)
    except PayloadChanged as refused:
        value, sha256 = None, refused.body_sha256
    else:
        sha256 = None

    if sha256 is None:
        same = json.loads(
            body,
            parse_float=strict_json._decimal,
            parse_int=strict_json._integer,
            parse_constant=lambda _: strict_json.NO_NUMBER,
        )
        assert repr(value) == repr(same)
    else:
        assert sha256 == hashlib.sha256(body).hexdigest()
