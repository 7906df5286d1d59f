"""What every test stands on: no settings of the caller, the clock put back afterwards, and both databases.

A test that takes `database_url` or `migrated_url` runs twice, and its id names the database.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests import postgres, ran
from tests.postgres import PostgresServer
from tests.secrets_scan import keys_in
from tracker import clock, migrations

MEMORY, ENOUGH = Path("/dev/shm"), 4 * 2**30
"""Where the tests' files and databases lie if there is so much room: each is made anew for hundreds of tests, which a
disk takes thirty times as long for.

A killed process loses nothing there either; only a machine without power would.
"""


def in_memory() -> Path | None:
    """The folder for files that take no disk, if there is one with room, where programs may lie as well."""
    fits = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= ENOUGH
    return MEMORY if fits and not os.statvfs(MEMORY).f_flag & os.ST_NOEXEC else None


def pytest_configure(config: pytest.Config) -> None:
    ran.watch(config)
    if memory := in_memory():
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(memory))


@pytest.fixture(scope="module", autouse=True)
def own_clock_of_a_module() -> Iterator[None]:
    """What a module's fixtures set the clock to holds for the whole module: the sandbox they start follows it."""
    yield
    clock.start_at(None)


@pytest.fixture(autouse=True)
def own_settings_and_clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in os.environ:
        if name.startswith("TRACKER_") and not name.startswith("TRACKER_TEST_"):
            monkeypatch.delenv(name)
    ahead = clock.utc_now() - clock.real_now()
    yield
    clock.start_at(clock.real_now() + ahead)


@pytest.fixture(autouse=True)
def own_main() -> Iterator[None]:
    """Streamlit's AppTest leaves its page in place of the main module, and each process started later would run it."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL for this test run. None to be found is a failure, never a skip."""
    with postgres.running(os.environ, place=in_memory() or Path("/tmp")) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def database_url(database_kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The SQLAlchemy URL of an empty database of this test's own."""
    if database_kind == "sqlite":
        yield f"sqlite:///{tmp_path / 'tracker.db'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    with server.database(fresh_name()) as url:
        yield url


@pytest.fixture
def migrated_url(database_kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The SQLAlchemy URL of a database of this test's own with every table and no row of ours."""
    if database_kind == "sqlite":
        shutil.copyfile(request.getfixturevalue("migrated_file"), tmp_path / "tracker.db")
        yield f"sqlite:///{tmp_path / 'tracker.db'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    with server.database(fresh_name(), template=request.getfixturevalue("migrated_template")) as url:
        yield url


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrated once; a test gets a copy. Whoever starts very many runs hands them one that is migrated already."""
    if ready := os.environ.get("TRACKER_TEST_MIGRATED"):
        return Path(ready)
    file = tmp_path_factory.mktemp("template") / "tracker.db"
    migrations.upgrade(f"sqlite:///{file}")
    with closing(sqlite3.connect(file)) as connection:  # what a write-ahead log still holds would not be copied
        connection.execute("pragma wal_checkpoint(truncate)")
    return file


@pytest.fixture(scope="session")
def migrated_template(postgres_server: PostgresServer) -> Iterator[str]:
    """The name of a database that was migrated once; a test gets a copy."""
    name = fresh_name()
    with postgres_server.database(name) as url:
        migrations.upgrade(url)
        yield name


def fresh_name() -> str:
    return f"test_{secrets.token_hex(8)}"


@pytest.fixture(scope="session", autouse=True)
def no_key_is_left_behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """After the whole run: no file that any test left holds a provider key in any form."""
    yield
    files = [file for file in tmp_path_factory.getbasetemp().rglob("*") if file.is_file() and not file.is_symlink()]
    found = {str(file): forms for file in files if (forms := keys_in(file.read_bytes()))}
    assert found == {}, found
