"""What a provider's 4xx answer says, whatever its shape. Some echo the key in it, whole or masked: neither is kept."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tracker.errors import PayloadChanged
from tracker.providers import strict_json
from tracker.providers.strict_json import Json
from tracker.redact import SHOWN, one_line, redact

MAX_BODY = 64 * 1024
"""Bytes read of a refusal; its reason is a sentence."""

MAX_MESSAGE = 500
MAX_WORD = 100
NO_REASON = "no reason given"

# "Incorrect API key provided: sk-admin*fake." Source: answers of OpenAI's live service, recorded in public, 2026-11.
_MASKED_KEY = re.compile(r"\bsk-[\w*.…-]*[\w*…]")


@dataclass(frozen=True)
class Refusal:
    """A 4xx answer other than 429. `message` is one line of at most 500 characters without any key."""

    status: int
    message: str
    code: str | None = None
    type: str | None = None


def refusal(status: int, body: bytes) -> Refusal:
    """The refusal in a body: an object with `error` (an object or a text), a flat object, a text, or no JSON at all."""
    try:
        told = strict_json.loads(body)
    except PayloadChanged:
        return Refusal(status, NO_REASON)
    error = told.get("error", told) if isinstance(told, dict) else told
    if not isinstance(error, dict):
        return Refusal(status, _shown(error, MAX_MESSAGE) or NO_REASON)
    return Refusal(
        status,
        _shown(error.get("message"), MAX_MESSAGE) or NO_REASON,
        code=_shown(error.get("code"), MAX_WORD),
        type=_shown(error.get("type"), MAX_WORD),
    )


def _shown(told: Json, longest: int) -> str | None:
    """The text or number on one line, without keys; cut only afterwards, since half a key is not recognised."""
    if isinstance(told, bool) or not isinstance(told, str | int):
        return None
    return one_line(_MASKED_KEY.sub(SHOWN, redact(" ".join(str(told).split()))))[:longest] or None
