"""JSON as we accept it from a provider: exact numbers, no NaN, no name twice, bounded depth and digits.

What cannot be stored or counted is refused here, before any of it is used, without showing what it was.
"""

from __future__ import annotations

import hashlib
import json
import re
from decimal import Decimal
from itertools import accumulate
from typing import Any, NoReturn

from tracker.errors import PayloadChanged

Json = Any

MAX_DEPTH = 64
MAX_DIGITS = 30
"""Longest number read: 10³⁰ tokens are nonsense, and a 5,000-digit integer is an attack."""

_NOT_STRUCTURE = bytes(set(range(256)) - set(b'"[]{}'))
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
    text = body.decode("utf-8")
    _check_depth(body)
    value = json.loads(
        text,
        parse_float=_decimal,
        parse_int=_integer,
        parse_constant=_refuse,
        object_pairs_hook=_unique,
    )
    if _SURROGATE.search(body):
        _check_text(value)
    return value


def _decimal(text: str) -> Decimal:
    _, _, exponent = text.lower().partition("e")
    if len(text) > 2 * MAX_DIGITS or len(exponent) > 4:  # Decimal itself stops at far larger ones, with another error
        raise ValueError("a number is out of range")
    number = Decimal(text)
    if abs(number.adjusted()) > MAX_DIGITS:
        raise ValueError("a number is out of range")
    return number


def _integer(text: str) -> int:
    if len(text.removeprefix("-")) > MAX_DIGITS:
        raise ValueError("a number is out of range")
    return int(text)


def _refuse(_text: str) -> NoReturn:
    raise ValueError("it holds NaN or Infinity")


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def _check_depth(body: bytes) -> None:
    """Refuse deep nesting before the parser meets it. All but the last step runs at C speed over the whole body."""
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return
    unescaped = _ESCAPE.sub(b"", body) if b"\\" in body else body
    outside_texts = unescaped.translate(None, delete=_NOT_STRUCTURE).split(b'"')[::2]
    steps = (1 if byte in b"[{" else -1 for byte in b"".join(outside_texts))
    if any(depth > MAX_DEPTH for depth in accumulate(steps)):
        raise ValueError(f"it is nested deeper than {MAX_DEPTH} levels")


def _check_text(value: Json) -> None:
    r"""Half of an escaped character (`\ud83d` alone) is no text: no database takes it."""
    try:
        json.dumps(value, ensure_ascii=False, default=str).encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("a text holds half a character") from None
