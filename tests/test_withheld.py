"""What a key may not read, or once was not let to: never told as days on which nothing was used."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.installation import NOW, Installation, Key, Told, assert_equal_until, installed, stored, truth
from tracker import clock, connections, overview
from tracker.models import Coverage, DayState, KeyStatus, Name, table_of
from tracker.overview import days
from tracker.overview.days import DayMark
from tracker.sandbox import Trouble, World

EMBEDDINGS, NEXT_DAY = "/organization/usage/embeddings", NOW + timedelta(hours=12)


@pytest.fixture
def fortnight(migrated_url: str, tmp_path: Path) -> Iterator[Installation]:
    """Fourteen days of one key, not fetched yet."""
    clock.start_at(NOW)
    with installed(World(days=14, keeps=14), migrated_url, tmp_path) as installation:
        yield installation


def states_of(installation: Installation, endpoint: str) -> dict[date, str]:
    ledger = table_of(Coverage)
    with installation.product.database.workspace(installation.workspace_id) as session:
        of = (ledger.c.workspace_id == installation.workspace_id, ledger.c.endpoint == endpoint)
        found = session.execute(select(ledger.c.day, ledger.c.state).where(*of))
        return {row.day: row.state for row in found}


def marks_of(installation: Installation, *wanted: date) -> list[days.DayMark]:
    workspace_id = installation.workspace_id
    with installation.product.database.workspace(workspace_id) as session:
        ledgers = days.read_ledgers(session, workspace_id, min(wanted), max(wanted) + clock.DAY)
        connected = days.read_keys(session, workspace_id).in_figures
    found = days.marks_with_history(ledgers, connected, wanted, now=clock.utc_now())
    return [found[day] for day in wanted]


@pytest.mark.parametrize("kind", ["gateway_403", "missing_scope"])
def test_days_that_one_403_stopped_count_as_not_read_until_they_are(fortnight: Installation, kind: str) -> None:
    assert fortnight.fetch() == 0
    fortnight.later(NEXT_DAY)
    fortnight.world.troubles.add(Trouble(kind, path=EMBEDDINGS, times=1))
    yesterday, today = clock.day_of(NOW), clock.day_of(NEXT_DAY)

    assert fortnight.fetch() == 1

    assert marks_of(fortnight, yesterday, today) == [DayMark.OPEN, DayMark.MISSING]
    told = overview.read(fortnight.product, fortnight.workspace_id, now=clock.utc_now()).failure
    assert told and ("the key" in (told.reason or "")), "whatever it was, it is told"
    assert connections.find(fortnight.product, fortnight.workspace_id, 1).status == KeyStatus.VALID

    fortnight.later(NEXT_DAY + timedelta(minutes=2))

    assert fortnight.fetch() == 0
    assert_equal_until(fortnight, NEXT_DAY)
    assert marks_of(fortnight, yesterday, today) == [DayMark.PROVISIONAL, DayMark.OPEN]


def test_an_endpoint_that_was_never_readable_is_not_waited_for_and_made_good_once_it_is(
    fortnight: Installation,
) -> None:
    fortnight.world.troubles.add(Trouble("missing_scope", path=EMBEDDINGS, times=100))
    yesterday = clock.day_of(NOW) - clock.DAY

    assert fortnight.fetch() == 0

    assert set(states_of(fortnight, "embeddings").values()) == {DayState.UNAVAILABLE}
    assert marks_of(fortnight, yesterday) == [DayMark.PROVISIONAL]

    fortnight.world.troubles._waiting.clear()
    fortnight.later(NEXT_DAY)

    assert fortnight.fetch() == 0
    begins = connections.find(fortnight.product, fortnight.workspace_id, 1).history_from
    assert begins and begins > clock.day_of(fortnight.world.start), "the history has moved on meanwhile"
    states = states_of(fortnight, "embeddings")
    assert [day for day, state in states.items() if state == DayState.UNAVAILABLE] == [begins - clock.DAY]
    since = (f"{begins}T", f"{NEXT_DAY:%Y-%m-%dT%H}")
    assert in_time(stored(fortnight), *since) == in_time(truth(fortnight), *since)


def in_time(rows: dict[Key, Told], first: str, until: str) -> dict[Key, Told]:
    return {key: row for key, row in rows.items() if first <= key[1] < until}


def test_names_that_a_gateway_kept_back_are_asked_for_again_within_the_hour(fortnight: Installation) -> None:
    fortnight.world.troubles.add(Trouble("gateway_403", path="/organization/users", times=1))
    assert fortnight.fetch() == 0
    assert names_of(fortnight) == set()

    fortnight.later(NOW + timedelta(minutes=59))
    assert fortnight.fetch() == 0
    assert names_of(fortnight) == set(), "nor at every look"

    fortnight.later(NOW + timedelta(minutes=61))
    assert fortnight.fetch() == 0
    assert "lin@acme.example" in names_of(fortnight)


def names_of(installation: Installation) -> set[str]:
    names = table_of(Name)
    with installation.product.database.workspace(installation.workspace_id) as session:
        of = (names.c.workspace_id == installation.workspace_id, names.c.name.is_not(None))
        return set(session.execute(select(names.c.name).where(*of)).scalars())
