"""The sentence that stands beside a total, and rows set aside among what needs somebody."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from tests.tracker.builders import AFTER, DAY, connection_of, record, store, two_workspaces
from tracker import clock, set_aside
from tracker.db import Database
from tracker.overview import days, truth
from tracker.overview.bills import Ended, Reach
from tracker.overview.truth import Truth
from tracker.usage import RowSetAside

NOW = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)
BILLED = Reach(date(2026, 11, 21), 1, {})
WHOLE = Truth(30, 29, BILLED, NOW - timedelta(hours=3), NOW)


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        (WHOLE, "29 of 30 days complete, billed through 21 Nov UTC, read 3 h ago"),
        (replace(WHOLE, finished=1, complete=0), "0 of 1 day complete, billed through 21 Nov UTC, read 3 h ago"),
        (replace(WHOLE, reach=Reach()), "29 of 30 days complete, not billed yet, read 3 h ago"),
        (
            replace(WHOLE, reach=Reach(date(2025, 12, 31), 1, {})),
            "29 of 30 days complete, billed through 31 Dec 2025 UTC, read 3 h ago",
        ),
        (
            replace(WHOLE, untold=2),
            "29 of 30 days complete (2 more before the provider's history), billed through 21 Nov UTC, read 3 h ago",
        ),
        (
            replace(WHOLE, reach=Reach(date(2026, 11, 21), 2, {3: "k3"}), unread_keys=1),
            (
                "29 of 30 days complete, without 1 key not read yet, "
                "billed through 21 Nov UTC for 2 of 3 organisations, read 3 h ago"
            ),
        ),
        (
            replace(WHOLE, reach=Reach(date(2026, 11, 21), 2, {}, {2: Ended("k2", date(2026, 11, 18))})),
            "29 of 30 days complete, billed through 21 Nov UTC (1 key no longer read, not as far), read 3 h ago",
        ),
        (Truth(0, 0, Reach(), None, NOW), "no day over yet, not billed yet, not read yet"),
    ],
)
def test_a_total_says_how_far_it_can_be_trusted(told: Truth, sentence: str) -> None:
    assert told.sentence == sentence


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    with two_workspaces(migrated_url) as opened:
        yield opened


def test_days_that_are_not_over_are_no_part_of_it(database: Database) -> None:
    end = DAY + timedelta(days=5)
    with database.workspace(1) as session:
        whole = truth.read(session, 1, DAY, end, now=NOW)
        running = truth.read(session, 1, DAY, end, now=clock.day_start(DAY + timedelta(days=2)))
        future = truth.read(session, 1, DAY, end, now=clock.day_start(DAY))
    assert [found.finished for found in (whole, running, future)] == [5, 2, 0]
    assert (whole.complete, whole.reach.through, whole.read_at) == (0, None, None)


def test_a_day_that_lacks_a_row_is_not_told_as_one_that_could_not_be_read(database: Database) -> None:
    store(database, record(0), RowSetAside(DAY, "A count is below zero.", "gpt-5.4"))
    key = connection_of(1)
    key.id = 1

    with database.workspace(1) as session:
        lacking = set_aside.days_lacking(session, 1)
        assert lacking == {(1, "completions", DAY)}
        assert days.failure(session, 1, [key]) is not None
        assert days.failure(session, 1, [key], lacking=lacking) is None

    store(database, record(0), now=AFTER + timedelta(hours=1))
    with database.workspace(1) as session:
        assert set_aside.days_lacking(session, 1) == set()
