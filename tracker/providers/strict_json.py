"""JSON as we accept it from a provider: exact numbers, no name twice, bounded depth and digits.

What cannot be stored is refused here, before any of it is used, without showing what it was. What is no number or too
long for one is read as NaN, which every field refuses, so that it costs its own row and not the whole answer.
"""

from __future__ import annotations

import hashlib
import json
import re
from decimal import Decimal
from typing import Any

from tracker.errors import PayloadChanged

Json = Any

MAX_DEPTH = 64
MAX_DIGITS = 30
"""Longest number read: 10³⁰ tokens are nonsense, and a 5,000-digit integer is an attack."""

NO_NUMBER = Decimal("NaN")
"""What NaN, Infinity and numbers beyond that are read as."""

# An object's brackets count as an array's: only how deep they nest is asked, and who mixes them is no valid JSON.
_AS_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NOT_STRUCTURE = bytes(set(range(256)) - set(b'"[]{}:'))
_DIGITS = bytes(ord("0") if byte in b"0123456789" else ord(" ") for byte in range(256))
_LONG_NUMBER = b"0" * (MAX_DIGITS + 1)
_ESCAPE = re.compile(rb"\\.", re.DOTALL)
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def loads(body: bytes) -> Json:
    """The value, fractions as Decimal; PayloadChanged with the body's hash, never its content."""
    try:
        return _parsed(body)
    except RecursionError:
        reason = f"it is nested deeper than {MAX_DEPTH} levels"
    except ValueError as error:
        reason = str(error) if type(error) is ValueError else "it is no valid JSON"
    # Raised out here, because the parser's error carries the whole body along as its context.
    sha256 = hashlib.sha256(body).hexdigest()
    raise PayloadChanged(f"The answer cannot be read: {reason} (SHA-256 {sha256[:16]}…).", body_sha256=sha256)


def _parsed(body: bytes) -> Json:
    """The parser's own hooks cost a call for each number and name, so what they would refuse is looked for before."""
    text = body.decode("utf-8")
    marks = structure(body)
    _check_depth(marks)
    names = 0

    def count(found: dict[str, Json]) -> dict[str, Json]:
        nonlocal names
        names += len(found)
        return found

    value = json.loads(
        text,
        parse_float=_decimal,
        parse_int=_integer if _LONG_NUMBER in body.translate(_DIGITS) else None,
        parse_constant=lambda _: NO_NUMBER,
        object_hook=count,
    )
    if names != marks.count(b":"):
        raise ValueError("a name stands twice in one object")
    if _SURROGATE.search(body):
        _check_text(value)
    return value


def structure(body: bytes) -> bytes:
    """The brackets and colons of the body outside its texts. Every step runs at C speed over the whole body."""
    unescaped = _ESCAPE.sub(b"", body) if b"\\" in body else body
    marks = unescaped.translate(_AS_BRACKETS, delete=_NOT_STRUCTURE).replace(b'""', b"")
    return b"".join(marks.split(b'"')[::2]) if b'"' in marks else marks


def _check_depth(structure: bytes) -> None:
    """Refuse deep nesting before the parser meets it: each round takes the innermost brackets away."""
    brackets = structure.replace(b":", b"")
    for _ in range(MAX_DEPTH):
        brackets = brackets.replace(b"[]", b"")
    if b"[]" in brackets or brackets.count(b"[") > MAX_DEPTH:  # fewer that are never closed are the parser's to refuse
        raise ValueError(f"it is nested deeper than {MAX_DEPTH} levels")


def _decimal(text: str) -> Decimal:
    _, _, exponent = text.lower().partition("e")
    if len(text) > 2 * MAX_DIGITS or len(exponent) > 4:  # Decimal itself stops at far larger ones, with another error
        return NO_NUMBER
    number = Decimal(text)
    return NO_NUMBER if abs(number.adjusted()) > MAX_DIGITS else number


def _integer(text: str) -> int | Decimal:
    return NO_NUMBER if len(text.removeprefix("-")) > MAX_DIGITS else int(text)


def _check_text(value: Json) -> None:
    r"""Half of an escaped character (`\ud83d` alone) is no text: no database takes it."""
    try:
        json.dumps(value, ensure_ascii=False, default=str).encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("a text holds half a character") from None
