"""A worker that was forgotten at an upgrade: it would store what the newer schema wants more of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.installation import NOW, Installation, installed
from tracker import clock
from tracker.sandbox import World


@pytest.fixture
def day(migrated_url: str, tmp_path: Path) -> Iterator[Installation]:
    """A day of one key, all of it read."""
    clock.start_at(NOW)
    with installed(World(days=1, keeps=1), migrated_url, tmp_path) as installation:
        assert installation.fetch() == 0
        yield installation


def test_a_worker_ends_when_the_schema_goes_on_without_it(day: Installation) -> None:
    assert_ended(day, "jobs")


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
def test_so_does_one_of_the_other_engine(day: Installation) -> None:
    assert_ended(day, "jobs", "--engine", "procrastinate")


def assert_ended(day: Installation, *arguments: str) -> None:
    with day.process(*arguments) as worker:
        assert any(b" started" in line for line in worker.stderr)
        with day.product.database.engine.begin() as connection:
            connection.execute(text("update alembic_version set version_num = '9999'"))
        said = worker.stderr.read().decode()

    assert worker.returncode == 78
    assert "is newer than this version. Update the program." in said
    assert "Traceback" not in said
