"""Looking for the sandbox's keys in bytes, in every form in which one could slip out."""

from __future__ import annotations

import base64
import re

MARK = b"sandbox-"
"""Every key of the sandbox holds this, followed by forty hexadecimal digits."""


def _base64_core(skip: int) -> bytes:
    """What any base64 text holds when the mark stands in it `skip` bytes into a group of three."""
    padded = base64.b64encode(b"\x00" * skip + MARK + b"\x00" * 3)
    first, last = -(-skip * 4 // 3), (skip + len(MARK)) * 4 // 3
    return padded[first + 1 : last]


FORMS = {
    "raw or URL-encoded": re.compile(MARK + rb"[0-9a-f]{40}"),
    "hex": re.compile(MARK.hex().encode(), re.IGNORECASE),
    "UTF-16": re.compile(re.escape(MARK.decode().encode("utf-16-le"))),
    **{f"base64, shifted by {skip}": re.compile(re.escape(_base64_core(skip))) for skip in range(3)},
}


def keys_in(text: bytes) -> list[str]:
    """The forms in which a key of the sandbox stands in the text."""
    return [form for form, pattern in FORMS.items() if pattern.search(text)]
