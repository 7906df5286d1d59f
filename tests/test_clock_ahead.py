"""A clock that is ahead of the provider's, by hours or by minutes, makes no day that runs one that was read whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.installation import NOW, TODAY, Installation, assert_equal_until, installed
from tracker import clock, overview
from tracker.overview import days
from tracker.overview.days import DayMark
from tracker.providers.http import ClientPool
from tracker.sandbox import World

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
MIDNIGHT = clock.day_end(TODAY)


@dataclass
class Ahead:
    """An installation whose clock is judged by the answers, as it is without TRACKER_NOW, and is ahead by `off`."""

    ready: Installation
    off: timedelta = timedelta()

    def fetch(self, true: datetime, *, off: timedelta = timedelta()) -> int:
        self.off = off
        clock.start_at(true + off)
        return self.ready.fetch()

    def mark(self) -> DayMark:
        """Of the day that runs, as it is told by our clock."""
        workspace_id = self.ready.workspace_id
        with self.ready.product.database.workspace(workspace_id) as session:
            ledgers = days.read_ledgers(session, workspace_id, TODAY, TODAY + clock.DAY)
            connected = days.read_keys(session, workspace_id).in_figures
        return days.marks_with_history(ledgers, connected, [TODAY], now=clock.utc_now())[TODAY]


@pytest.fixture
def ahead(migrated_url: str, tmp_path: Path) -> Iterator[Ahead]:
    """All of three days was read by a right clock."""
    clock.start_at(NOW)
    world = World(days=3, keeps=3)
    with installed(world, migrated_url, tmp_path) as ready:
        own = replace(ready.product, clients=ClientPool())
        found = Ahead(replace(ready, product=own))
        world.now = lambda: clock.utc_now() - found.off
        assert found.fetch(NOW) == 0
        yield found
        own.clients.close()


def test_nothing_is_stored_by_a_clock_that_is_hours_ahead(ahead: Ahead) -> None:
    assert ahead.fetch(NOW + HOUR, off=9 * HOUR) == 1

    assert ahead.mark() is DayMark.OPEN
    told = overview.read(ahead.ready.product, ahead.ready.workspace_id, now=clock.utc_now()).failure
    assert told and "clock is 9 hours ahead of OpenAI's" in (told.reason or "")

    assert ahead.fetch(MIDNIGHT + 2 * HOUR) == 0
    assert ahead.mark() is DayMark.PROVISIONAL
    assert_equal_until(ahead.ready, MIDNIGHT)


def test_what_was_given_before_midnight_tells_no_whole_day_though_our_clock_has_passed_it(ahead: Ahead) -> None:
    assert ahead.fetch(MIDNIGHT - 3 * MINUTE, off=4 * MINUTE) == 0

    assert ahead.mark() is DayMark.OPEN

    assert ahead.fetch(MIDNIGHT + HOUR) == 0
    assert ahead.mark() is DayMark.PROVISIONAL
    assert_equal_until(ahead.ready, MIDNIGHT)
