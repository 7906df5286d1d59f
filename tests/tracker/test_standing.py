"""What is told of all connections together: tables of connections and a time, and what a real worker leaves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.installation import NOW, TODAY, installed
from tracker import clock, coverage, standing
from tracker.coverage import LedgerDay
from tracker.models import DayState
from tracker.runs import WORKERS
from tracker.sandbox import Trouble, World
from tracker.standing import Standing


@dataclass(frozen=True)
class Row:
    """A connection that is up to date."""

    id: int = 1
    created_at: datetime = datetime(2026, 11, 1, 9, tzinfo=UTC)
    next_due_at: datetime = datetime(2026, 11, 23, 16, tzinfo=UTC)
    uncovered_day: date | None = None
    behind_since: datetime | None = None
    last_success_at: datetime | None = datetime(2026, 11, 23, 15, tzinfo=UTC)


FINE = Row()


def november(day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("what", "row", "uncovered", "since"),
    [
        ("up to date", FINE, None, None),
        (
            "a day left since it ended",
            replace(FINE, uncovered_day=date(2026, 11, 20)),
            date(2026, 11, 20),
            november(21),
        ),
        (
            "a day before the key was there waits since then",
            replace(FINE, uncovered_day=date(2026, 3, 1)),
            date(2026, 3, 1),
            november(1, 9),
        ),
        ("due, but no day has ended since", replace(FINE, next_due_at=november(23, 9)), None, november(23, 9)),
        (
            "not looked at since a day ended: that day is uncovered, whatever was noted before",
            replace(FINE, next_due_at=november(21)),
            date(2026, 11, 20),
            november(21),
        ),
        (
            "not looked at since the middle of a day",
            replace(FINE, next_due_at=november(20, 16)),
            date(2026, 11, 20),
            november(20, 16),
        ),
    ],
)
def test_the_oldest_uncovered_day_and_since_when_it_waits(
    what: str, row: Row, uncovered: date | None, since: datetime | None
) -> None:
    told = standing.of_connections([FINE, row], now=NOW)

    assert (told.uncovered_day, told.late_since) == (uncovered, since), what


@pytest.mark.parametrize(
    ("since", "late"),
    [(None, False), (NOW - timedelta(hours=26), False), (NOW - timedelta(hours=26, seconds=1), True)],
)
def test_what_waits_for_more_than_26_hours_is_late(since: datetime | None, late: bool) -> None:
    assert standing.is_late(Standing(late_since=since), now=NOW) is late


def test_a_full_success_has_a_name_that_only_another_reading_changes() -> None:
    other = replace(FINE, id=2)
    name = standing.of_connections([FINE, other], now=NOW).success_id

    assert name
    assert standing.of_connections([FINE, other], now=NOW + timedelta(minutes=9)).success_id == name
    later = replace(other, last_success_at=november(23, 15, 1))
    assert standing.of_connections([FINE, later], now=NOW).success_id not in {None, name}


@pytest.mark.parametrize(
    "left", [{"next_due_at": NOW}, {"behind_since": november(23, 9)}, {"last_success_at": None}], ids=str
)
def test_there_is_no_full_success_while_anything_is_left(left: dict[str, datetime | None]) -> None:
    assert standing.of_connections([FINE, replace(FINE, id=2, **left)], now=NOW).success_id is None  # type: ignore[arg-type]
    assert standing.of_connections([], now=NOW).success_id is None


@pytest.mark.parametrize(
    ("row", "uncovered"),
    [
        (LedgerDay(), True),
        (LedgerDay(DayState.FAILED), True),
        (LedgerDay(DayState.UNAVAILABLE), False),
        (LedgerDay(DayState.PROVISIONAL, fetched_at=november(22, 23, 59)), True),
        (LedgerDay(DayState.PROVISIONAL, fetched_at=november(23)), False),
        (LedgerDay(DayState.FAILED, fetched_at=november(23, 2)), False),
        (LedgerDay(DayState.FINAL, fetched_at=november(23, 2)), False),
    ],
)
def test_a_day_is_covered_once_it_was_read_after_its_end(row: LedgerDay, uncovered: bool) -> None:
    assert coverage.is_uncovered(date(2026, 11, 22), row, now=NOW) is uncovered
    assert coverage.is_uncovered(date(2026, 11, 22), row, now=november(22, 23, 59)) is False


def test_a_worker_leaves_what_it_saw_for_those_who_may_not_look(migrated_url: str, tmp_path: Path) -> None:
    clock.start_at(NOW)
    with installed(World(days=3, keeps=3), migrated_url, tmp_path) as installation:
        database = installation.product.database
        trouble = Trouble("html", path="/costs", times=999)
        installation.world.troubles.add(trouble)
        installation.fetch()
        assert standing.look(database, now=NOW).uncovered_day == TODAY - timedelta(days=3)
        assert standing.look(database, now=NOW).success_id is None
        trouble.times = 0

        installation.later(NOW + timedelta(hours=2))
        installation.fetch()

        seen = standing.look(database, now=clock.utc_now())
        assert (seen.connections, seen.due, seen.behind, seen.uncovered_day) == (1, 0, 0, None)
        assert seen.success_id and seen.last_success_at and seen.last_success_at > NOW
        with database.exempt() as session:
            told, at = standing.last_told(session)
            assert len(session.execute(select(WORKERS.c.id)).all()) == 2
        assert told == Standing(last_success_at=seen.last_success_at)
        assert at and at >= seen.last_success_at
