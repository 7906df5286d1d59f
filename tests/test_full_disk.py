"""A disk without space: the run fails, what is stored stays whole, and the worker goes on when there is space."""

from __future__ import annotations

import resource
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from tests.installation import NOW, Installation, held
from tests.small import Small, assert_true, small, true_rows
from tracker import clock, health, storage
from tracker.coverage import LEASE

START = clock.day_of(NOW) - timedelta(days=9)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, migrated_file: Path) -> Iterator[Small]:
    with small(tmp_path_factory.mktemp("kept"), None, migrated_file) as made:
        yield made


@pytest.fixture
def new(kept: Small, tmp_path: Path) -> Iterator[Installation]:
    """A key that was never used."""
    with kept.as_of("new", tmp_path / "data") as ready:
        yield ready


Limit = Callable[[Installation, Path], AbstractContextManager[None]]


@contextmanager
def full(ready: Installation, file: Path) -> Iterator[None]:
    """No page more than there is."""
    pages, engine = file.stat().st_size // 4096, ready.product.database.engine

    def no_more(connection: Any, _record: Any) -> None:
        connection.execute(f"PRAGMA max_page_count={pages}")

    event.listen(engine, "connect", no_more)
    engine.dispose()
    yield
    event.remove(engine, "connect", no_more)
    engine.dispose()


@contextmanager
def no_growth(_ready: Installation, file: Path) -> Iterator[None]:
    """The system refuses to let any file grow beyond the size that the database has."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file.stat().st_size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("limit", [full, no_growth])
def test_a_full_disk_fails_the_run_and_leaves_all_whole_until_there_is_space(
    new: Installation, tmp_path: Path, limit: Limit
) -> None:
    file = tmp_path / "data" / "tracker.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("vacuum")  # no page is free
    with limit(new, file):
        assert new.fetch() == 1
        assert told_well(new) == (503, "The disk of the database is full, or fails.", 1)
        told = held(new.csv(START, clock.day_of(NOW)))  # but today, which goes on
        assert told.items() <= true_rows(new.world, NOW).items()

    assert storage.damage(file) is None
    new.later(NOW + LEASE)
    assert new.fetch() == 0
    assert_true(new, NOW)
    assert told_well(new)[1:] == (None, 0)


def told_well(ready: Installation) -> tuple[int, object, float | None]:
    """What the worker's own probe says: its status, why it cannot write, and the figure of that."""
    told = health.of_worker(ready.product.database, now=clock.utc_now(), looks=True, own={})
    return told.status, told.told["writes_refused"], told.figures["writes_refused"]
