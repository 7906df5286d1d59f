"""What can be downloaded and for which days, and its text, streamed with flat memory.

A transaction lasts one day's rows, never as long as the reader takes: SQLite's writers would wait for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date

from sqlmodel import Session

from tracker import audit, calls, clock, export
from tracker.db import Database
from tracker.errors import BadInput

LAST: Mapping[str, Callable[[Session, int, int], Iterator[str]]] = {
    "usage.csv": export.last_csv,
    "audit.csv": lambda session, workspace_id, count: audit.trail_csv(session, workspace_id, count=count),
}
"""A file of the newest rows."""

CALLS = "calls.csv"
MOST_DAYS = 3_700
MOST_EVENTS = 10_000
MOST_KEYS = 2**31
"""Above any number that a connection has."""


@dataclass(frozen=True)
class Period:
    """The UTC days [start, end), or the `last` events whenever they were; of one connection `key`, or of all."""

    start: date
    end: date
    last: int | None = None
    key: int | None = None

    @property
    def text(self) -> str:
        """For a file's name: the days, both included."""
        if self.last is not None:
            return f"last-{self.last}"
        of_key = "" if self.key is None else f"key-{self.key}-"
        return f"{of_key}{self.start.isoformat()}-to-{(self.end - clock.DAY).isoformat()}"


FILES: Mapping[str, Callable[[Session, int, Period], Iterator[str]]] = {
    "usage.csv": lambda session, workspace_id, days: export.usage_csv(session, workspace_id, days.start, days.end),
    "billed.csv": lambda session, workspace_id, days: export.billed_csv(session, workspace_id, days.start, days.end),
    CALLS: lambda session, workspace_id, days: calls.made_csv(
        session, workspace_id, days.start, days.end, provider_key_id=days.key
    ),
}
"""A file over days."""


def period_of(query: Mapping[str, str], *, today: date) -> Period:
    """What a download's query asks for; BadInput says what is wrong with it."""
    if "last" in query:
        return Period(today, today, _count(query["last"], "last"))
    start, end = _day(query, "from"), _day(query, "to")
    if not start < end or (end - start).days > MOST_DAYS:
        raise BadInput(f"“to” must be a day after “from”, and at most {MOST_DAYS:,} days after it.")
    return Period(start, end, key=_count(query["key"], "key", most=MOST_KEYS) if "key" in query else None)


def check_file(name: str, period: Period) -> None:
    """BadInput unless there is such a file for such a period."""
    if name not in {*FILES, *LAST}:
        raise BadInput(f"There is no such file; there are {', '.join(dict.fromkeys((*FILES, *LAST)))}.")
    if period.last is not None and name not in LAST:
        raise BadInput(f"{name} is asked for by days, with “from” and “to”.")
    if period.key is not None and name != CALLS:
        raise BadInput(f"{name} is of every connection; only {CALLS} is of one “key”.")
    if period.last is None and name not in FILES:
        raise BadInput(f"{name} is asked for by its newest rows, with “last”.")


def chunks(database: Database, workspace_id: int, name: str, period: Period) -> Iterator[str]:
    """The file's text piece by piece, its header first."""
    if period.last is not None:
        with database.workspace(workspace_id) as session:
            text = "".join(LAST[name](session, workspace_id, period.last))
        yield text
        return
    for number, day in enumerate(clock.days(period.start, period.end)):
        text = _text(database, workspace_id, name, replace(period, start=day, end=day + clock.DAY))
        yield text if number == 0 else text.partition("\r\n")[2]


def _text(database: Database, workspace_id: int, name: str, days: Period) -> str:
    with database.workspace(workspace_id) as session:
        return "".join(FILES[name](session, workspace_id, days))


def _day(query: Mapping[str, str], name: str) -> date:
    try:
        return date.fromisoformat(query.get(name, ""))
    except ValueError:
        raise BadInput(f"“{name}” must be a day like 2026-11-01.") from None


def _count(text: str, name: str, *, most: int = MOST_EVENTS) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 11 and 0 < int(text) <= most):
        raise BadInput(f"“{name}” must be a whole number from 1 to {most:,}.")
    return int(text)
