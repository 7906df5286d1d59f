"""What a probe is told: whether this process is well, and nothing of any tenant.

The web process is well while it can serve: the database answers and the schema is this version's. A worker is well
while, besides, it looks for work, none of its writes was refused lately, and nothing has waited for longer than
`standing.LATE_AFTER`. Only a process itself knows that its own writes are refused: a quota may meet one of them alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.exc import SQLAlchemyError

from tracker import clock, migrations, runs, sessions, standing
from tracker.db import Database
from tracker.metrics import Figures
from tracker.standing import Standing

SILENT = "does not answer"


@dataclass(frozen=True)
class Health:
    """`told` is what /healthz says, `figures` what /metrics says beside what was counted."""

    well: bool
    told: Mapping[str, object]
    figures: Figures

    @property
    def status(self) -> int:
        return 200 if self.well else 503

    @property
    def json(self) -> str:
        return json.dumps({"well": self.well, **self.told}) + "\n"


def of_web(database: Database, *, now: datetime) -> Health:
    """A web process's, with what a worker told last of the work."""
    schema = schema_state(database)
    answers = schema != SILENT
    told: dict[str, object] = {"database": "answers" if answers else SILENT, "schema": schema if answers else None}
    told["writes_refused"] = refused = database.writes.lately(now)
    figures: dict[str, float | None] = {"database_answers": answers, "schema_current": schema == "current"}
    figures["writes_refused"] = bool(refused)
    if schema == "current":
        with database.exempt() as session:
            seen, at = standing.last_told(session)
            workers = runs.living_workers(session, now=now)
        told |= {"workers": workers, "told_at": _text(at), **words(seen, now=now)}
        told["late"] = standing.is_late(seen, now=now) or (at is not None and now - at > standing.LATE_AFTER)
        figures |= {"workers": workers, "sessions": sessions.count(database, now=now), **_figures(seen, now=now)}
    return Health(schema == "current", told, figures)


def of_worker(database: Database, *, now: datetime, looks: bool, own: Mapping[str, float]) -> Health:
    """A worker's: `looks` tells whether it goes on looking for work, `own` are its figures."""
    schema = schema_state(database)
    answers = schema != SILENT
    told: dict[str, object] = {"looks": looks, "database": "answers" if answers else SILENT, **own}
    told["schema"] = schema if answers else None
    told["writes_refused"] = refused = database.writes.lately(now)
    figures: dict[str, float | None] = {"database_answers": answers, "schema_current": schema == "current", **own}
    figures["writes_refused"] = bool(refused)
    if schema != "current":
        return Health(well=False, told=told, figures=figures)
    seen = standing.look(database, now=now)
    counts = {"connections": seen.connections, "connections_due": seen.due, "connections_behind": seen.behind}
    told |= {**counts, **words(seen, now=now)}
    figures |= {**counts, **_figures(seen, now=now)}
    well = looks and not refused and not standing.is_late(seen, now=now)
    return Health(well, told, figures)


def schema_state(database: Database) -> str:
    """`current`, `behind`, `ahead`, or that the database does not answer."""
    try:
        return migrations.state(database.engine)
    except SQLAlchemyError:
        return SILENT


def words(seen: Standing, *, now: datetime) -> dict[str, object]:
    """The standing for JSON: days as YYYY-MM-DD, instants in UTC, seconds whole; None where there is none."""
    figures = _figures(seen, now=now)
    return {
        "uncovered_day": seen.uncovered_day.isoformat() if seen.uncovered_day else None,
        "uncovered_day_age_s": figures["uncovered_day_age_seconds"] if seen.uncovered_day else None,
        "late": standing.is_late(seen, now=now),
        "waiting_since": _text(seen.late_since),
        "last_success_at": _text(seen.last_success_at),
    }


def _figures(seen: Standing, *, now: datetime) -> dict[str, float | None]:
    ended = clock.day_end(seen.uncovered_day) if seen.uncovered_day else now
    return {
        "uncovered_day_age_seconds": int((now - ended).total_seconds()),
        "late_seconds": int((now - (seen.late_since or now)).total_seconds()),
        "last_success_timestamp_seconds": seen.last_success_at.timestamp() if seen.last_success_at else None,
    }


def _text(at: datetime | None) -> str | None:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}" if at else None
