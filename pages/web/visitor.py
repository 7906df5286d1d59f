"""From where somebody comes: the connection's own address, or what a trusted proxy says of it."""

from __future__ import annotations

from starlette.datastructures import Headers
from streamlit.runtime.context import StreamlitHeaders

HERE, PASSED_ON = "127.0.0.1", "X-Forwarded-For"


def address(peer: str | None, told: Headers | StreamlitHeaders, *, hops: int) -> str:
    """The visitor's IP address behind `hops` trusted proxies.

    Each proxy adds the address it saw at the end; whatever stands before the trusted ones' was written by the visitor.
    Some add it in a line of their own: all lines are one list, in their order (RFC 9110, 5.3 and 5.6.1, read 2026-11).
    """
    lines = told.getlist(PASSED_ON) if isinstance(told, Headers) else told.get_all(PASSED_ON)
    passed = [part.strip() for part in ",".join(lines).split(",") if part.strip()]
    return passed[-hops] if 0 < hops <= len(passed) else peer or HERE
