"""A back-up of the last night is not lost to the next, and holds nothing of another program's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.conftest import fresh_name
from tests.postgres import PostgresServer
from tracker import backup, product, storage
from tracker.errors import BadInput


@pytest.fixture
def nightly(tmp_path: Path) -> tuple[str, Path]:
    """The address of an installation's database, and the back-up that is there of it."""
    product.prepare({"TRACKER_DATA_DIR": str(tmp_path / "data")})
    url, night = f"sqlite:///{tmp_path}/data/tracker.db", tmp_path / "night"
    backup.make(url, night, replace=False)
    return url, night


def test_a_damaged_database_does_not_take_the_place_of_the_last_good_back_up(nightly: tuple[str, Path]) -> None:
    url, night = nightly
    good, manifest = night.read_bytes(), backup.manifest_of(night).read_bytes()
    file = storage.file_of(url)
    assert file
    whole = file.read_bytes()
    file.write_bytes(whole[:8192] + bytes(4096) + whole[12288:])

    with pytest.raises(BadInput, match=r"is damaged .*What was at .* stays"):
        backup.make(url, night, replace=True)

    assert (night.read_bytes(), backup.manifest_of(night).read_bytes()) == (good, manifest)
    assert sorted(path.name for path in night.parent.iterdir()) == ["data", "night", "night.manifest.json"]
    backup.restore(url, night, replace=True)
    assert storage.damage(file) is None


def test_a_back_up_is_replaced_together_with_its_manifest(nightly: tuple[str, Path]) -> None:
    url, night = nightly
    backup.manifest_of(night).write_text("{}")

    made = backup.make(url, night, replace=True)

    assert json.loads(backup.manifest_of(night).read_text())["sha256"] == made.sha256
    assert backup.restore(url, night, replace=True) == made


@pytest.fixture
def shared(postgres_server: PostgresServer, migrated_template: str) -> Iterator[str]:
    """A database in which another program keeps a table, too."""
    with postgres_server.database(fresh_name(), template=migrated_template) as url:
        asked(
            url, "create table notes (id serial primary key, said text)", "insert into notes (said) values ('theirs')"
        )
        yield url


def asked(url: str, *statements: str) -> list[tuple[object, ...]]:
    """What the last of the statements finds, as the server's own account."""
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        *_, last = [connection.execute(statement.encode()) for statement in statements]
        return last.fetchall() if last.description else []


def test_another_programs_table_is_in_no_back_up_and_stays_at_a_restore(shared: str, tmp_path: Path) -> None:
    night = tmp_path / "night"
    made = backup.make(shared, night, replace=False)
    asked(shared, "insert into notes (said) values ('later')")

    assert backup.restore(shared, night, replace=True) == made

    assert asked(shared, "select id, said from notes order by id") == [(1, "theirs"), (2, "later")]
    assert asked(shared, "insert into notes (said) values ('last') returning id") == [(3,)]


def test_a_back_up_of_a_shared_database_can_be_restored_elsewhere(
    shared: str, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    night = tmp_path / "night"
    made = backup.make(shared, night, replace=False)
    with postgres_server.database(fresh_name()) as empty:
        assert backup.restore(empty, night, replace=False) == made
        assert asked(empty, "select to_regclass('notes')") == [(None,)]


def test_a_restore_breaks_nothing_that_leans_on_our_tables(shared: str, tmp_path: Path) -> None:
    night = tmp_path / "night"
    backup.make(shared, night, replace=False)
    asked(shared, "create view people as select email from users")

    with pytest.raises(BadInput, match="view people"):
        backup.restore(shared, night, replace=True)

    assert asked(shared, "select count(*) from people") == [(0,)]
