"""What can be downloaded and for which days, and its text, streamed with flat memory.

A transaction lasts one day's rows, never as long as the reader takes: SQLite's writers would wait for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from sqlmodel import Session

from tracker import audit, clock, export
from tracker.db import Database
from tracker.errors import BadInput

FILES: Mapping[str, str] = {"usage.csv": "csv", "billed.csv": "billed-csv"}
"""A file over days, and its form in `export.FORMATS`."""

LAST: Mapping[str, Callable[[Session, int, int], Iterator[str]]] = {
    "usage.csv": export.last_csv,
    "audit.csv": lambda session, workspace_id, count: audit.trail_csv(session, workspace_id, count=count),
}
"""A file of the newest rows."""

MOST_DAYS = 3_700
MOST_EVENTS = 10_000


@dataclass(frozen=True)
class Period:
    """The UTC days [start, end), or the `last` events whenever they were."""

    start: date
    end: date
    last: int | None = None

    @property
    def text(self) -> str:
        """For a file's name: the days, both included."""
        if self.last is not None:
            return f"last-{self.last}"
        return f"{self.start.isoformat()}-to-{(self.end - clock.DAY).isoformat()}"


def period_of(query: Mapping[str, str], *, today: date) -> Period:
    """What a download's query asks for; BadInput says what is wrong with it."""
    if "last" in query:
        return Period(today, today, _count(query["last"]))
    start, end = _day(query, "from"), _day(query, "to")
    if not start < end or (end - start).days > MOST_DAYS:
        raise BadInput(f"“to” must be a day after “from”, and at most {MOST_DAYS:,} days after it.")
    return Period(start, end)


def check_file(name: str, period: Period) -> None:
    """BadInput unless there is such a file for such a period."""
    if name not in {*FILES, *LAST}:
        raise BadInput(f"There is no such file; there are {', '.join(dict.fromkeys((*FILES, *LAST)))}.")
    if period.last is not None and name not in LAST:
        raise BadInput(f"{name} is asked for by days, with “from” and “to”.")
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
        text = _day_text(database, workspace_id, FILES[name], day)
        yield text if number == 0 else text.partition("\r\n")[2]


def _day_text(database: Database, workspace_id: int, form: str, day: date) -> str:
    with database.workspace(workspace_id) as session:
        return "".join(export.FORMATS[form](session, workspace_id, day, day + timedelta(days=1)))


def _day(query: Mapping[str, str], name: str) -> date:
    try:
        return date.fromisoformat(query.get(name, ""))
    except ValueError:
        raise BadInput(f"“{name}” must be a day like 2026-11-01.") from None


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 9 and 0 < int(text) <= MOST_EVENTS):
        raise BadInput(f"“last” must be a whole number from 1 to {MOST_EVENTS:,}.")
    return int(text)
