"""Far more rows than fit into one answer or into memory: asked for in smaller parts, stored by whole days."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from sqlalchemy import update

from tests.installation import NOW, Installation, expected, held, installed
from tracker import asking, clock, connections, fetching, ingest, ledger, opened, points, reconcile
from tracker.calls import KeptCalls
from tracker.coverage import OURS_AFTER, Unit
from tracker.errors import AnswerTooLarge, NoRoom
from tracker.fetching import Outcome
from tracker.providers.base import Fetched
from tracker.providers.http import Limits
from tracker.reconcile import Connection
from tracker.sandbox import World

DAYS = 4
HOUR = NOW.replace(minute=0)
FIRST = clock.day_of(NOW) - DAYS * clock.DAY


@pytest.mark.parametrize("limits", [Limits(max_bytes=60_000, rows=100), Limits(max_bytes=25_000, rows=1, held_rows=20)])
def test_days_of_more_rows_than_fit_are_read_in_parts_and_stored_whole(
    migrated_url: str, tmp_path: Path, limits: Limits
) -> None:
    with flooded(migrated_url, tmp_path) as installation:
        parts = list[Fetched]()
        while units := due(installation):
            parts.append(read(installation, units[0], limits))
        stored = held(installation.csv(FIRST, clock.day_of(NOW) + clock.DAY))
        truth = expected(installation.world, clock.day_start(FIRST), HOUR)

    told = {key: row for key, row in truth.items() if key[0] == "completions"}
    assert {key: row for key, row in stored.items() if key[1] < f"{HOUR:%Y-%m-%dT%H}"} == told
    of_day = Counter(start[:10] for _, start, *_ in told)
    assert len(parts) > 1
    assert all(len(part.usage) < limits.rows + max(of_day.values()) for part in parts)
    asked = [parse_qs(each.query)["limit"] for each in installation.server.requests if "completions" in each.path]
    assert ["28"] in asked
    assert all(part.usage.held_rows <= limits.held_rows for part in parts)


def test_an_hour_that_is_too_large_by_itself_is_told(migrated_file: Path, tmp_path: Path) -> None:
    (tmp_path / "tracker.db").write_bytes(migrated_file.read_bytes())
    url = f"sqlite:///{tmp_path / 'tracker.db'}"
    with flooded(url, tmp_path) as installation, pytest.raises(AnswerTooLarge, match="more than 99 bytes"):
        read(installation, due(installation)[0], Limits(max_bytes=99))


def test_days_that_find_no_room_are_put_off_and_told_and_their_key_is_not_blamed(
    migrated_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "tracker.db").write_bytes(migrated_file.read_bytes())

    def no_room(label: str) -> None:
        if label == "page read":
            raise NoRoom

    with flooded(f"sqlite:///{tmp_path / 'tracker.db'}", tmp_path) as installation:
        ready, connection = installation.product, Connection(installation.workspace_id, 1)
        (unit,) = due(installation)
        with points.watch(no_room):
            done = fetching.work(ready, connection, unit, owner="test", wait=lambda _: None)
        waiting = due(installation)
        installation.later(NOW + 2 * OURS_AFTER)
        again = due(installation)
        blamed = connections.find(ready, installation.workspace_id, 1).failures

    assert (done.outcome, done.reason) == (Outcome.FAILED, str(NoRoom()))
    assert (waiting, [each.days for each in again], blamed) == ([], [unit.days], 0)


@contextmanager
def flooded(url: str, folder: Path) -> Iterator[Installation]:
    clock.start_at(NOW)
    with installed(World(days=DAYS, keeps=DAYS), url, folder) as installation:
        of = (reconcile.KEYS.c.workspace_id == installation.workspace_id, reconcile.KEYS.c.id == 1)
        with installation.product.database.workspace(installation.workspace_id, write=True) as session:
            session.execute(update(reconcile.KEYS).where(*of).values(history_from=FIRST))
        yield installation


def due(installation: Installation) -> list[Unit]:
    planned = reconcile.plan(installation.product, Connection(installation.workspace_id, 1), now=clock.utc_now())
    return [unit for unit in planned.units if unit.endpoint == "completions"]


def read(installation: Installation, unit: Unit, limits: Limits) -> Fetched:
    """A unit as the worker does it, within other limits."""
    ready, connection = installation.product, Connection(installation.workspace_id, 1)
    with ready.database.workspace(installation.workspace_id, write=True) as session:
        key = opened.open_key(ready, session, connection, wait=lambda _: None)
        claimed = ledger.claim(session, installation.workspace_id, 1, unit, owner="test", now=NOW)
    endpoint = fetching.endpoint_of(key.row, unit)
    client = asking.client(ready, "openai", key.key, calls=KeptCalls(), limits=limits)
    fetched = key.provider.fetch(client, endpoint, unit.start, unit.end, now=NOW)
    with ready.database.workspace(installation.workspace_id, write=True) as session:
        ingest.store(session, claimed, fetched, endpoint=endpoint, provider="openai", now=NOW)
    return fetched
