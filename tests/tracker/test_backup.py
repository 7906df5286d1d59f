"""A back-up of the last night is not lost to the next, and holds nothing of another program's."""

from __future__ import annotations

import itertools
import json
import os
import signal
import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tests.conftest import fresh_name
from tests.places import in_child
from tests.postgres import PostgresServer
from tracker import access, backup, product, storage
from tracker.db import open_database
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


def counted(url: str) -> dict[str, list[int]]:
    database = open_database(url, role="owner")
    with database.engine.connect() as connection:
        found = backup.counts(connection)
    database.engine.dispose()
    return found


def leave_half_written(file: Path) -> None:
    """As a process does that is killed while it writes: some pages are new, and the journal has the old ones."""

    def write() -> None:
        connection = sqlite3.connect(file)
        connection.execute("PRAGMA cache_size=1")
        connection.execute("delete from users")
        connection.execute("create table filling as select randomblob(300000) as it")
        os.kill(os.getpid(), signal.SIGKILL)

    assert in_child(write) == -signal.SIGKILL
    assert file.with_name("tracker.db-journal").read_bytes()[:1] != b"\0"


def killed_before(step: int, work: Callable[[], object]) -> bool:
    """Do it in a child that kills itself before that step on the way; whether it came so far."""
    left = step

    def kill(event: str, _arguments: object) -> None:
        nonlocal left
        if event in {"os.link", "os.remove", "os.rename", "sqlite3.connect"}:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def watched() -> None:
        sys.addaudithook(kill)
        work()

    code = in_child(watched)
    assert code in {0, -signal.SIGKILL}
    return code != 0


@pytest.mark.parametrize("lost", [False, True], ids=["half-written", "all but its journal lost"])
def test_a_restore_killed_at_any_step_leaves_the_old_database_or_the_new(nightly: tuple[str, Path], lost: bool) -> None:
    url, night = nightly
    new, file = counted(url), Path(str(storage.file_of(url)))
    database = open_database(url, role="owner")
    access.add_user(database, "ada@acme.example", "a long enough password")
    database.engine.dispose()
    old = counted(url)
    leave_half_written(file)
    if lost:
        file.unlink()
    left = {path: path.read_bytes() for path in file.parent.glob("tracker.db*")}

    for step in itertools.count(1):
        for path in file.parent.glob("tracker.db*"):
            path.unlink()
        for path, content in left.items():
            path.write_bytes(content)
        killed = killed_before(step, lambda: backup.restore(url, night, replace=True))
        if file.exists() or not lost:
            assert (step, storage.damage(file)) == (step, None)
            assert counted(url) in ([new] if lost or not killed else [old, new]), step
        backup.restore(url, night, replace=True)
        assert (step, storage.damage(file), counted(url)) == (step, None, new)
        if not killed:
            break

    assert step > 10


@pytest.mark.parametrize("there", [True, False])
def test_a_database_restored_by_root_belongs_to_whom_the_old_one_or_else_its_folder_did(
    nightly: tuple[str, Path], there: bool
) -> None:
    url, night = nightly
    file = Path(str(storage.file_of(url)))
    of_file, of_folder = (12_345, 12_346) if os.geteuid() == 0 else (os.geteuid(),) * 2
    os.chown(file, of_file, -1)
    os.chown(file.parent, of_folder, -1)
    if not there:
        file.unlink()

    backup.restore(url, night, replace=True)

    assert (file.stat().st_uid, file.stat().st_mode & 0o777) == (of_file if there else of_folder, 0o600)


def test_where_files_have_one_name_only_the_old_database_is_copied(
    nightly: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, night = nightly
    file = Path(str(storage.file_of(url)))
    before = file.read_bytes()

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError("Operation not permitted")  # as FAT and some network file systems answer

    monkeypatch.setattr(os, "link", refuse)
    backup.restore(url, night, replace=True)

    assert file.with_name("tracker.db.before-restore").read_bytes() == before
    assert sorted(path.name for path in file.parent.glob("tracker.db*")) == ["tracker.db", "tracker.db.before-restore"]


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
