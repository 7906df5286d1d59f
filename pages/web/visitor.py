"""From where somebody comes: the connection's own address, or what a trusted proxy says of it."""

from __future__ import annotations

HERE = "127.0.0.1"


def address(peer: str | None, forwarded_for: str | None, *, hops: int) -> str:
    """The visitor's IP address behind `hops` trusted proxies.

    Each proxy adds the address it saw at the end; whatever stands before the trusted ones' was written by the visitor.
    """
    if hops and forwarded_for:
        passed = [part.strip() for part in forwarded_for.split(",")]
        if len(passed) >= hops:
            return passed[-hops]
    return peer or HERE
