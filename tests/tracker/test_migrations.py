"""The schema: made from nothing, equal to the models, made by one of many, and refused when it does not fit."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from multiprocessing import get_context
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import event, inspect, text
from sqlalchemy.exc import OperationalError

from tests.installation import NOW
from tracker import clock, migrations, points, storage
from tracker.db import TRANSACTION_TRIES, open_database
from tracker.errors import BadConfiguration
from tracker.models import EXEMPT, TENANT_TABLES


def tables(url: str) -> set[str]:
    engine = open_database(url, role="owner").engine
    found = set(inspect(engine).get_table_names())
    engine.dispose()
    return found


def revision(url: str, value: str) -> None:
    engine = open_database(url, role="owner").engine
    with engine.begin() as connection:
        connection.execute(text("update alembic_version set version_num = :value"), {"value": value})
    engine.dispose()


def test_an_empty_database_gets_every_table_and_no_other(database_url: str) -> None:
    migrations.upgrade(database_url)
    migrations.upgrade(database_url)

    assert tables(database_url) == TENANT_TABLES | EXEMPT


def test_the_schema_is_that_of_the_models(migrated_url: str) -> None:
    config = migrations.config(migrated_url)

    command.check(config)

    assert tables(migrated_url) == TENANT_TABLES | EXEMPT


def test_the_copy_of_before_is_not_replaced_by_a_second_migrator(tmp_path: Path) -> None:
    """One has seen that the file is behind when the other comes and, unless it waits, migrates it."""
    url, others, waits = f"sqlite:///{tmp_path}/tracker.db", list[threading.Thread](), threading.Event()
    migrations.upgrade(url)
    command.downgrade(migrations.config(url), "0018")
    clock.start_at(NOW)

    def let_another_come(label: str) -> None:
        if label == "turn to migrate asked for" and others:
            waits.set()
        if label == "schema looked at" and not others:
            others.append(threading.Thread(target=migrations.upgrade, args=(url,)))
            others[0].start()
            assert waits.wait(30)
            others[0].join(1)  # time enough, were it not kept waiting

    with points.watch(let_another_come):
        migrations.upgrade(url)
        others[0].join(30)

    with closing(sqlite3.connect(tmp_path / "tracker.db.before-migration")) as kept:
        assert kept.execute("select version_num from alembic_version").fetchall() == [("0018",)]
    with closing(sqlite3.connect(tmp_path / "tracker.db")) as now:
        assert now.execute("select version_num from alembic_version").fetchall() == [(migrations.steps()[0],)]


def test_steps_can_be_taken_back_and_again(database_url: str) -> None:
    migrations.upgrade(database_url)
    command.downgrade(migrations.config(database_url), "base")
    assert tables(database_url) == {"alembic_version"}

    migrations.upgrade(database_url)

    assert tables(database_url) == TENANT_TABLES | EXEMPT


def test_of_several_migrators_at_once_all_succeed(database_url: str) -> None:
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        assert list(pool.map(migrations.upgrade, [database_url] * 4)) == [None] * 4

    assert tables(database_url) == TENANT_TABLES | EXEMPT


@pytest.mark.parametrize(("found", "told"), [("0001", "python -m tracker migrate"), ("9999", "newer")])
def test_a_schema_of_another_version_stops_the_start(migrated_url: str, found: str, told: str) -> None:
    revision(migrated_url, found)
    engine = open_database(migrated_url, role="owner").engine

    with pytest.raises(BadConfiguration, match=told):
        migrations.check(engine)

    engine.dispose()


LATER = {
    "budgets",
    "colours",
    "saved_views",
    "series_days",
    "tickets",
    "throttles",
    "audit_events",
    "mails",
    "second_factors",
    "recovery_codes",
    "identities",
    "workspace_prices",
    "repricings",
    "repriced_events",
    "set_aside",
    "pauses",
    "key_passports",
}
"""Tables that came after the first step."""


def test_a_file_is_copied_before_its_schema_changes(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'tracker.db'}"
    migrations.upgrade(url)
    command.downgrade(migrations.config(url), "0001")

    migrations.upgrade(url)

    copy = tmp_path / "tracker.db.before-migration"
    assert tables(f"sqlite:///{copy}") == (TENANT_TABLES | EXEMPT) - LATER
    assert copy.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("version", "mode"),
    [
        ((3, 40, 1), "delete"),
        ((3, 44, 6), "wal"),
        ((3, 50, 6), "delete"),
        ((3, 50, 7), "wal"),
        ((3, 51, 2), "delete"),
        ((3, 51, 3), "wal"),
    ],
)
def test_the_write_ahead_log_is_used_only_where_it_does_not_corrupt_and_else_the_reason_is_logged(
    version: tuple[int, int, int], mode: str, migrated_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")

    storage.check(f"sqlite:///{migrated_file}", version=version)

    assert storage.journal_mode(version) == mode
    told = [record.getMessage() for record in caplog.records if record.name == "tracker.storage"]
    assert [f"SQLite {'.'.join(map(str, version))} can corrupt" in each for each in told] == [True] * (mode == "delete")


def test_a_lock_is_waited_for_with_jitter_until_the_deadline(migrated_file: Path, tmp_path: Path) -> None:
    shutil.copyfile(migrated_file, tmp_path / "tracker.db")
    database, waits = open_database(f"sqlite:///{tmp_path / 'tracker.db'}", role="owner"), list[float]()
    event.listen(database.engine, "connect", lambda connection, _: connection.execute("pragma busy_timeout=1"))

    def work() -> None:
        with database.exempt(write=True) as session:
            session.execute(text("select 1"))
            waits.append(0)  # not come to while somebody else writes

    with closing(sqlite3.connect(tmp_path / "tracker.db", isolation_level=None)) as other:
        other.execute("begin immediate")
        with pytest.raises(OperationalError, match="locked"):
            database.retrying(work, wait=waits.append)
    told = list(waits)
    database.retrying(work, wait=waits.append)
    database.engine.dispose()

    assert len(told) == TRANSACTION_TRIES - 1
    assert all(0.02 * 2**n <= wait < 0.04 * 2**n for n, wait in enumerate(told, start=1))
    assert waits == [*told, 0]
