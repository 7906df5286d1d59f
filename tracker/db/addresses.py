"""What may be told of a database's address, and of why it cannot be opened, to whoever reads a log."""

from __future__ import annotations

import re

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError

HARMLESS = frozenset({"host", "port"})
"""What of an address's query a driver may repeat. Of the rest, `password` say, nobody knows what was put there."""


def where(url: URL) -> str:
    """The address without its password and its query."""
    return str(URL.create(url.drivername, url.username, host=url.host, port=url.port, database=url.database))


def why(url: URL, error: DBAPIError | ValueError) -> str:
    """The first line of what the driver says, or only its error's name where that repeats what may be a secret."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    told = (str(cause).splitlines() or [""])[0].rstrip(".")
    given = [url.password, *(value for name, value in url.normalized_query.items() if name not in HARMLESS)]
    secrets = [text for each in given if each for text in ([each] if isinstance(each, str) else each)]
    is_safe = isinstance(error, DBAPIError) and not any(_repeats(told, text) for text in secrets)
    return told if told and is_safe else type(cause).__name__


def _repeats(told: str, text: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(text)}(?!\w)", told) is not None
