"""What PostgreSQL does to a transaction, and that the whole of it is repeated, or told (D rows of tests/faults.md)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from alembic import command
from sqlalchemy import bindparam, event, insert, select, text, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, PendingRollbackError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlmodel import Session

from tests.conftest import fresh_name
from tests.installation import EMAIL, NOW, PASSWORD, ROOT
from tests.postgres import PostgresServer
from tests.tracker.builders import DAY, owned, two_workspaces
from tracker import access, clock, migrations, queries, sessions
from tracker.db import Database, Refusal, open_database, plain, refusal_of, sentence_for
from tracker.models import Name, table_of
from tracker.overview import events

NAMES = table_of(Name)
REPEATABLE_READ = psycopg.IsolationLevel.REPEATABLE_READ
OF_ONE = {"workspace_id": 1, "provider_key_id": 1, "kind": "project"}


@pytest.fixture
def url(postgres_server: PostgresServer, migrated_template: str) -> Iterator[str]:
    with postgres_server.database(fresh_name(), template=migrated_template) as made:
        yield made


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """As the worker uses it, with two names to fight over."""
    with two_workspaces(url) as opened:
        with opened.workspace(1, write=True) as session:
            session.execute(insert(NAMES), [{**OF_ONE, "ref": ref, "name": "0"} for ref in ("a", "b")])
        yield opened


def rename(session: Session, ref: str, name: str) -> None:
    session.execute(update(NAMES).where(NAMES.c.workspace_id == 1, NAMES.c.ref == ref).values(name=name))


RENAMED = (
    update(NAMES)
    .where(NAMES.c.workspace_id == bindparam("of_workspace"), NAMES.c.ref == bindparam("of_ref"))
    .values(name=bindparam("name"))
)


def names(database: Database) -> dict[str, str]:
    with database.workspace(1) as session:
        found = session.execute(select(NAMES.c.ref, NAMES.c.name).where(NAMES.c.workspace_id == 1))
        return {row.ref: row.name for row in found}


def refused(database: Database) -> Refusal | None:
    """Read anew each time, which a type checker cannot know of an attribute."""
    return database.writes.refused


def kill(database: Database, session: Session) -> None:
    """End the session's connection from the server's side."""
    end(database, session.execute(text("select pg_backend_pid()")).scalar_one())


def end(database: Database, pid: int) -> None:
    with database.engine.connect() as other:
        other.execute(text("select pg_terminate_backend(:pid, 5000)"), {"pid": pid})


def idle_too_long(_database: Database, session: Session) -> None:
    session.execute(text("set local idle_in_transaction_session_timeout = '1ms'"))
    time.sleep(0.05)  # the server's clock, which nobody can set


@pytest.mark.parametrize("lose", [kill, idle_too_long])
def test_a_connection_lost_in_the_middle_is_rolled_back_and_all_of_it_done_again_once(
    database: Database, lose: object
) -> None:
    tries: list[Any] = []

    def work() -> None:
        with database.workspace(1, write=True) as session:
            rename(session, "a", f"try {len(tries)}")
            tries.append(1)
            if len(tries) == 1:
                lose(database, session)  # type: ignore[operator]
            plain.run(session, RENAMED, {"of_workspace": 1, "of_ref": "b", "name": f"try {len(tries)}"})

    database.retrying(work)

    assert len(tries) == 2
    assert names(database) == {"a": "try 1", "b": "try 2"}


def test_a_connection_that_was_lost_is_asked_for_nothing_more(database: Database) -> None:
    values = {"of_workspace": 1, "of_ref": "a", "name": "1"}

    def work() -> None:
        with database.workspace(1, write=True) as session:
            plain.run(session, RENAMED, values)
            end(database, session.taken().pooled.driver_connection.info.backend_pid)  # type: ignore[attr-defined]
            with pytest.raises(DBAPIError) as lost:
                plain.run(session, RENAMED, values)
            assert lost.value.connection_invalidated
            with pytest.raises(PendingRollbackError):
                session.execute(text("select 1"))

    with pytest.raises(PendingRollbackError):
        work()

    assert names(database)["a"] == "0"


def test_a_lock_that_is_held_too_long_is_tried_again(database: Database) -> None:
    held, tries = threading.Event(), list[int]()
    free = threading.Event()

    def hold() -> None:
        with database.workspace(1, write=True) as session:
            rename(session, "a", "held")
            held.set()
            free.wait(10)

    def work() -> None:
        tries.append(1)
        if len(tries) == 2:
            free.set()
            holder.join()
        with database.workspace(1, write=True) as session:
            session.execute(text("set local lock_timeout = '20ms'"))
            rename(session, "a", "ours")

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(10)

    database.retrying(work)

    assert len(tries) == 2
    assert names(database)["a"] == "ours"


def test_nobody_waits_for_a_lock_for_ever(database: Database) -> None:
    with database.workspace(1) as session:
        assert session.execute(text("show lock_timeout")).scalar_one() == "10s"


def test_of_two_in_a_deadlock_both_get_their_way(database: Database) -> None:
    both, tries = threading.Barrier(2), []

    def cross(first: str, second: str) -> None:
        def work() -> None:
            tries.append(first)
            with owned(database).workspace(1, write=True) as session:
                session.execute(text("set local deadlock_timeout = '20ms'"))
                rename(session, first, first)
                if tries.count(first) == 1:
                    both.wait(10)
                rename(session, second, first)

        database.retrying(work)

    others = [threading.Thread(target=cross, args=pair) for pair in (("a", "b"), ("b", "a"))]
    for other in others:
        other.start()
    for other in others:
        other.join()

    assert sorted(tries) in (["a", "a", "b"], ["a", "b", "b"])
    assert len(set(names(database).values())) == 1  # whoever came last wrote both


def test_a_serialization_failure_is_tried_again_from_the_start(database: Database, url: str) -> None:
    strict = open_database(url, role=database.role)
    event.listen(strict.engine, "connect", lambda connection, _: connection.set_isolation_level(REPEATABLE_READ))
    tries: list[Any] = []

    def work() -> None:
        with strict.workspace(1, write=True) as session:
            found = session.execute(select(NAMES.c.name).where(NAMES.c.workspace_id == 1, NAMES.c.ref == "a"))
            seen = found.scalar_one()
            tries.append(seen)
            if len(tries) == 1:
                with database.workspace(1, write=True) as other:
                    rename(other, "a", "1")
            rename(session, "a", seen + "+")

    strict.retrying(work)
    strict.engine.dispose()

    assert tries == ["0", "1"]
    assert names(database)["a"] == "1+"


def test_what_a_defect_causes_is_not_tried_again(database: Database) -> None:
    tries: list[Any] = []

    def work() -> None:
        tries.append(1)
        with database.workspace(1, write=True) as session:
            session.execute(text("select nonsense"))

    with pytest.raises(DBAPIError, match="nonsense"):
        database.retrying(work)

    assert len(tries) == 1


def test_a_setting_left_in_a_pooled_connection_shows_nobody_elses_rows(url: str) -> None:
    with two_workspaces(url, role="web") as filled:
        filled.engine.dispose()
    database = open_database(url, role="web", pool_size=1)
    with database.engine.connect() as connection:
        connection.execute(text("set app.workspace_id = '2'"))
        connection.execute(text("set app.crossing = 'operator'"))
        connection.commit()
        pid = connection.execute(text("select pg_backend_pid()")).scalar_one()

    with database.workspace(1) as session:
        assert session.execute(text("select pg_backend_pid()")).scalar_one() == pid
        assert session.execute(text("select workspace_id from provider_keys")).scalars().all() == [1]
    with database.exempt() as session:
        assert session.execute(text("select count(*) from provider_keys")).scalar_one() == 0
    database.engine.dispose()


def test_a_migration_killed_half_way_is_rolled_back_and_can_be_run_again(
    postgres_server: PostgresServer, migrated_template: str
) -> None:
    with postgres_server.database(fresh_name(), template=migrated_template) as url:
        command.downgrade(migrations.config(url), "0008")
        engine = open_database(url, role="owner").engine
        with engine.connect() as holder:  # the step that adds to this table waits, with others done before it
            holder.execute(text("lock table usage_events in access share mode"))
            code = f"from tracker import migrations; migrations.upgrade({url!r})"
            migrator = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env={**os.environ})
            waiting = text("select count(*) from pg_locks where not granted")
            with engine.connect() as other:
                while not other.execute(waiting).scalar_one():
                    assert migrator.poll() is None
                    time.sleep(0.02)
            migrator.send_signal(signal.SIGKILL)
            migrator.wait()
        with engine.connect() as connection:
            found = connection.execute(text("select version_num from alembic_version")).scalar_one()
            left = connection.execute(text("select to_regclass('workspace_prices')")).scalar_one()
        assert (found, left) == ("0008", None)

        migrations.upgrade(url)

        migrations.check(engine)
        engine.dispose()


def test_what_is_joined_to_the_series_is_planned_anew_and_never_compiled(database: Database) -> None:
    by_model, by_project = (queries.Question(DAY, DAY + clock.DAY, (name,)) for name in ("model", "project_id"))
    with database.workspace(1) as session:
        for _ in range(6):  # one more than it takes to have a statement prepared
            queries.usage(session, 1, by_project)
            queries.usage(session, 1, by_model)
            events.last_events(session, 1)
        kept = session.execute(text("select statement from pg_prepared_statements")).scalars().all()
        assert session.execute(text("show jit")).scalar_one() == "off"

    assert any("daily_usage" in statement for statement in kept)
    assert not [statement for statement in kept if "usage_series" in statement]


def test_with_every_connection_in_use_one_waits_a_little_and_is_told_and_then_served(url: str) -> None:
    database = open_database(url, role="web", pool_size=1, pool_wait_s=0.05)
    held = [database.engine.connect() for _ in range(6)]

    with pytest.raises(PoolTimeout) as told, database.exempt() as session:
        session.execute(text("select 1"))

    assert "busy" in (sentence_for(told.value) or "")
    for connection in held:
        connection.close()
    with database.exempt() as session:
        assert session.execute(text("select 1")).scalar_one() == 1
    database.engine.dispose()


def test_where_nothing_can_be_written_people_read_on_and_are_told(url: str, postgres_server: PostgresServer) -> None:
    database = open_database(url, role="web")
    access.add_user(database, EMAIL, PASSWORD)
    begun = sessions.begin(database, 1, now=NOW)
    postgres_server.execute(f'alter database "{make_url(url).database}" set default_transaction_read_only = on')
    database.engine.dispose()

    signed = sessions.check(database, begun.session_id, now=NOW + timedelta(minutes=5))

    assert signed is not None
    assert refused(database) is Refusal.READ_ONLY, "what the pages' notice is drawn from"
    with pytest.raises(DBAPIError) as told:
        access.change_password(database, 1, PASSWORD + " of another kind")
    assert "only be read" in (sentence_for(told.value) or "")

    postgres_server.execute(f'alter database "{make_url(url).database}" set default_transaction_read_only = off')
    assert sessions.check(database, begun.session_id, now=NOW + timedelta(minutes=5))
    assert refused(database) is None
    database.engine.dispose()


def test_a_disk_without_space_is_known_by_the_servers_own_code() -> None:
    full = DBAPIError("update", None, psycopg.errors.DiskFull("could not extend file"))

    assert refusal_of(full) is Refusal.FULL
    assert (sentence_for(full) or "").startswith("The disk of the database is full")


def test_a_connection_that_cannot_be_made_is_told_without_an_address(url: str) -> None:
    database = open_database(make_url(url).set(database="gone").render_as_string(), role="web")

    with pytest.raises(DBAPIError) as told, database.exempt() as session:
        session.execute(text("select 1"))

    assert (sentence_for(told.value) or "").startswith("The database does not answer")
    assert sentence_for(ValueError("a defect")) is None
    database.engine.dispose()
