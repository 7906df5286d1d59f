"""An organisation that asks to be left alone is left alone by every worker and with every key of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from jobs.__main__ import once
from jobs.worker import Worker
from tests.installation import NOW, Installation, assert_equal_until, installed
from tests.tracker.builders import AFTER, two_workspaces
from tracker import access, clock, connections, pauses
from tracker.db import Database
from tracker.sandbox import Trouble, World

MINUTE, HOUR, YEAR = timedelta(minutes=1), timedelta(hours=1), timedelta(days=365)
SCOPE, OTHER = b"s" * 32, b"o" * 32


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    with two_workspaces(migrated_url) as opened:
        yield opened


@pytest.mark.parametrize(
    ("asked", "ends"),
    [
        ([], None),
        ([HOUR], HOUR),
        ([HOUR, MINUTE], HOUR),
        ([MINUTE, HOUR], HOUR),
        ([-MINUTE], None),
        ([YEAR], None),
        ([YEAR, MINUTE], MINUTE),
    ],
    ids=["nothing", "once", "a shorter one", "a longer one", "over", "by a wrong clock", "after a wrong clock"],
)
def test_the_longest_pause_asked_for_holds_but_none_of_a_wrong_clock(
    database: Database, asked: list[timedelta], ends: timedelta | None
) -> None:
    for each in asked:
        pauses.ask(database, SCOPE, until=AFTER + each)

    with database.exempt() as session:
        assert pauses.ends_at(session, SCOPE, now=AFTER) == (AFTER + ends if ends else None)
        assert pauses.ends_at(session, OTHER, now=AFTER) is None


def add_neighbour(installation: Installation) -> None:
    """The same organisation, connected by another workspace with another key."""
    workspace_id = access.add_user(installation.product.database, "bo@acme.example", "a long enough password")
    key = installation.world.keys["good_second"]
    connections.add(installation.product, workspace_id, provider="openai", label="second", text=key)


def test_a_second_worker_leaves_alone_whom_the_first_was_asked_to(migrated_url: str, tmp_path: Path) -> None:
    clock.start_at(NOW)
    with installed(World(days=2, keeps=2), migrated_url, tmp_path) as installation:
        add_neighbour(installation)
        installation.world.troubles.add(Trouble("rate_limit", path="/organization/", times=1_000, option="3600"))
        first, second = Worker(installation.product, threads=1), Worker(installation.product, threads=1)
        assert once(first) == 1
        first.stop()
        asked = len(installation.server.requests)

        assert once(second) == 1
        second.stop()

        assert len(installation.server.requests) == asked
        assert asked < 2 * 5 + 4  # the checks of two keys, and hardly more
        recover(installation)


def recover(installation: Installation) -> None:
    """An hour and a bit later, both read everything."""
    installation.world.troubles._waiting.clear()
    installation.later(NOW + HOUR + 10 * MINUTE)
    assert installation.fetch() == 0
    assert_equal_until(installation, NOW + HOUR)
