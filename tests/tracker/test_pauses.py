"""An organisation that asks to be left alone is left alone by every worker and with every key of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from jobs.worker import THREADS
from tests.installation import NOW, Installation, assert_equal_until, installed
from tests.tracker.builders import AFTER, two_workspaces
from tracker import access, clock, connections, fetching, pauses, points, reconcile
from tracker.db import Database
from tracker.fetching import Outcome
from tracker.reconcile import Connection
from tracker.sandbox import Trouble, World

SECOND, MINUTE, HOUR, YEAR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=365)
SCOPE, OTHER = b"s" * 32, b"o" * 32


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    with two_workspaces(migrated_url) as opened:
        yield opened


@pytest.mark.parametrize(
    ("asked", "ends"),
    [
        ([], None),
        ([MINUTE], MINUTE),
        ([MINUTE, SECOND], MINUTE),
        ([SECOND, MINUTE], MINUTE),
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


def add_neighbour(installation: Installation) -> Connection:
    """The same organisation, connected by another workspace with another key."""
    workspace_id = access.add_user(installation.product.database, "bo@acme.example", "a long enough password")
    key = installation.world.keys["good_second"]
    added = connections.add(installation.product, workspace_id, provider="openai", label="second", text=key)
    return Connection(workspace_id, added.provider_key_id)


def test_while_one_waits_out_a_limit_nobody_asks_the_same_organisation(migrated_url: str, tmp_path: Path) -> None:
    clock.start_at(NOW)
    with installed(World(days=9, keeps=9), migrated_url, tmp_path) as installation:
        ready, ours = installation.product, Connection(installation.workspace_id, 1)
        neighbour = add_neighbour(installation)
        (unit, *_), (other, *_) = (reconcile.plan(ready, each, now=NOW).units for each in (ours, neighbour))
        installation.world.troubles.add(Trouble("rate_limit", times=1, option="7"))
        outcomes, asked, passed = list[Outcome](), list[int](), list[str]()

        def wait(seconds: float) -> None:
            assert 7 <= seconds <= 7.7
            outcomes.append(fetching.work(ready, neighbour, other, owner="second", wait=wait).outcome)
            asked.append(len(installation.server.requests))
            assert reconcile.plan(ready, neighbour, now=clock.utc_now()).leased
            clock.start_at(clock.utc_now() + timedelta(seconds=seconds))

        before = len(installation.server.requests)
        outcomes.append(fetching.work(ready, ours, unit, owner="first", wait=wait).outcome)
        outcomes.append(fetching.work(ready, neighbour, other, owner="second", wait=wait).outcome)
        with points.watch(passed.append):  # a plan that another worker has overtaken
            outcomes.append(fetching.work(ready, ours, unit, owner="second", wait=wait).outcome)

    assert outcomes == [Outcome.PAUSED, Outcome.STORED, Outcome.STORED, Outcome.TAKEN]
    assert passed == ["unit begun"], "a unit that is taken needs no key"
    assert asked == [before + 1]
    assert len(installation.server.requests) == before + 3


def test_a_limit_of_an_hour_is_the_keys_own_and_no_worker_asks_with_it_again(migrated_url: str, tmp_path: Path) -> None:
    clock.start_at(NOW)
    with installed(World(days=2, keeps=2), migrated_url, tmp_path) as installation:
        neighbour = add_neighbour(installation)
        installation.world.spoil(installation.world.keys["good_second"], "rate_limited")
        assert installation.fetch() == 1
        limited = asked_with_limited(installation)
        assert installation.fetch() == 1

        assert 1 <= limited <= THREADS  # each of them may have been on its way
        assert asked_with_limited(installation) == limited
        assert_equal_until(installation, NOW)
        row = connections.find(installation.product, neighbour.workspace_id, neighbour.provider_key_id)
        assert row.retry_at and NOW + HOUR <= row.retry_at <= NOW + HOUR + MINUTE


def asked_with_limited(installation: Installation) -> int:
    return len([each for each in installation.server.requests if each.status == 429])
