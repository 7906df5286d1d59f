"""What may be told of a database's address, and of why it cannot be opened, to whoever reads a log."""

from __future__ import annotations

import re

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError

NO_RIGHT = "42501"  # postgresql.org/docs/18/errcodes-appendix.html, read 2026-11

REFUSED = (
    "The database at {where} refuses this account: {why}. Set TRACKER_DATABASE_URL to the owner's address; that of a "
    "dashboard or a worker may be of a login in its own role."
)

HARMLESS = frozenset({"host", "port"})
"""What of an address's query a driver may repeat. Of the rest, `password` say, nobody knows what was put there."""


def where(url: URL) -> str:
    """The address without its password and its query."""
    return str(URL.create(url.drivername, url.username, host=url.host, port=url.port, database=url.database))


def refused(url: URL, error: Exception) -> str | None:
    """What to say when the account lacks a right; None for any other error. It may be the driver's own."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if getattr(cause, "sqlstate", None) != NO_RIGHT:
        return None
    return REFUSED.format(where=where(url), why=why(url, error))


def why(url: URL, error: Exception) -> str:
    """The first line of what the driver says, or only its error's name where that repeats what may be a secret.

    Of a ValueError, which tells of a host's name, never more than its name.
    """
    cause = error.orig if isinstance(error, DBAPIError) else error
    told = (str(cause).splitlines() or [""])[0].rstrip(".")
    given = [url.password, *(value for name, value in url.normalized_query.items() if name not in HARMLESS)]
    secrets = [text for each in given if each for text in ([each] if isinstance(each, str) else each)]
    is_safe = not isinstance(error, ValueError) and not any(_repeats(told, text) for text in secrets)
    return told if told and is_safe else type(cause).__name__


def _repeats(told: str, text: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(text)}(?!\w)", told) is not None
