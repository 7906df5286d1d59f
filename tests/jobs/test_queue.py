"""Procrastinate hands out what the ledger says is due, and nothing is lost with its tables, its workers or itself."""

from __future__ import annotations

import asyncio
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from procrastinate import exceptions, jobs
from sqlalchemy import delete
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlmodel import col, select

from jobs import queue
from jobs.__main__ import once
from jobs.queue import QueueWorker
from jobs.queued import Item, retry_in_s
from tests.conftest import fresh_name
from tests.installation import NOW, TODAY, Installation, assert_equal_until, installed
from tests.postgres import PostgresServer
from tests.quick import Process
from tracker import access, clock, connections, reconcile, runs
from tracker.clock import utc_now
from tracker.models import KeyPassport, ProviderKey, table_of
from tracker.reconcile import Connection
from tracker.sandbox import World

PATIENCE_S = 60.0
PROCRASTINATE = ("--engine", "procrastinate")
OF_IT = col(ProviderKey.workspace_id) == 1


@pytest.fixture
def installation(postgres_server: PostgresServer, migrated_template: str, tmp_path: Path) -> Iterator[Installation]:
    """Four days of one key, on PostgreSQL, not read yet."""
    with (
        postgres_server.database(fresh_name(), template=migrated_template) as url,
        installed(World(days=4, keeps=4), url, tmp_path) as made,
    ):
        yield made


@pytest.fixture
def short(installation: Installation) -> Installation:
    """One of which the provider has told already how far its history goes: no job is put off at that edge."""
    with installation.product.database.workspace(installation.workspace_id, write=True) as session:
        session.exec(select(ProviderKey).where(OF_IT)).one().history_from = TODAY - 3 * clock.DAY
    return installation


def libpq(installation: Installation) -> str:
    return installation.environ["TRACKER_DATABASE_URL"].replace("+psycopg", "")


def living(installation: Installation) -> int:
    with installation.product.database.exempt() as session:
        return runs.living_workers(session, now=utc_now())


def worker_of(installation: Installation) -> QueueWorker:
    return QueueWorker(installation.as_("worker"))


def read_by_queue(installation: Installation) -> int:
    worker = worker_of(installation)
    code = once(worker)
    worker.stop()
    return code


def tell_queue(installation: Installation, statement: str) -> None:
    """Do something to the queue's tables, as their owner."""
    with psycopg.connect(libpq(installation), options="-c search_path=procrastinate") as connection:
        connection.execute(statement.encode())


def ask_queue(installation: Installation) -> tuple[int, list[int]]:
    """In how many transactions its jobs were put in, and what rank each has, in their order."""
    statement = b"select count(distinct xmin::text), array_agg(-priority order by id) from procrastinate_jobs"
    with psycopg.connect(libpq(installation), options="-c search_path=procrastinate") as connection:
        transactions, ranks = connection.execute(statement).fetchall()[0]
    return transactions, ranks


def until(process: Process, seen: Callable[[], bool]) -> None:
    """Wait until `seen` is true while the process runs."""
    deadline = time.monotonic() + PATIENCE_S
    while not seen():
        assert process.poll() is None, process.communicate()[1].decode()[-2_000:]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_everything_due_is_read_once(installation: Installation) -> None:
    passports = table_of(KeyPassport)
    with installation.product.database.workspace(1, write=True) as session:
        session.execute(delete(passports).where(passports.c.workspace_id == 1))  # as of a key stored unasked
    seen = len(installation.server.requests)

    assert read_by_queue(installation) == 0

    paths = [request.path for request in list(installation.server.requests)[seen:]]
    assert paths[2:4] == ["/organization/audit_logs", "/organization/admin_api_keys"]
    assert paths.count("/organization/audit_logs") == 1
    assert_equal_until(installation, NOW)
    told = [(request.path, request.query) for request in installation.server.requests if "/usage/" in request.path]
    assert len(told) == len(set(told))


def test_jobs_that_are_lost_doubled_or_late_change_nothing(short: Installation) -> None:
    worker = worker_of(short)
    reconcile.look_everywhere(short.product, now=utc_now())

    async def twice_and_lost() -> int:
        app = queue.app_of(worker)
        async with app.open_async():
            made = await queue.look(app, worker)
            assert await queue.look(app, worker) == 0  # each has its job already
            assert ask_queue(short) == (1, list(range(made)))
            for item in worker.owed()[:3]:
                await app.configure_task("unit", queue=queue.UNITS).defer_async(**item.arguments)
            tell_queue(short, "delete from procrastinate_jobs where id % 2 = 0")
            return made

    assert asyncio.run(twice_and_lost()) > 10
    worker.stop()

    assert read_by_queue(short) == 0
    assert_equal_until(short, NOW)


def test_without_its_tables_the_worker_does_not_start_and_migrate_makes_them_again(short: Installation) -> None:
    tell_queue(short, "drop schema procrastinate cascade")
    process = short.process("jobs", "--once", "--engine", "procrastinate")
    _, told = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, b"python -m tracker migrate" in told) == (78, True)

    migrated = short.process("tracker", "migrate")
    migrated.communicate(timeout=PATIENCE_S)

    assert migrated.returncode == 0
    assert read_by_queue(short) == 0
    assert_equal_until(short, NOW)


def test_of_workers_apart_one_killed_the_queue_emptied_and_the_engine_switched_back_nothing_is_lost(
    installation: Installation, tmp_path: Path
) -> None:
    """Workers as on machines of their own: nothing is shared but the database and a copy of the key ring."""
    killed, second = (apart(installation, tmp_path / name).process("jobs", *PROCRASTINATE) for name in ("one", "two"))
    until(killed, lambda: len(installation.server.requests) >= 14)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    tell_queue(installation, "delete from procrastinate_jobs where status = 'todo'")
    other = apart(installation, tmp_path / "three").process("jobs")
    until(other, lambda: living(installation) == 3)  # the dead one is not missed yet
    for worker in (second, other):
        worker.send_signal(signal.SIGTERM)
        _, told = worker.communicate(timeout=PATIENCE_S)
        assert worker.returncode == 0, told.decode()[-2_000:]

    installation.later(NOW + timedelta(minutes=6))  # the leases of the dead are over
    assert installation.fetch() == 0

    assert_equal_until(installation, NOW)


def apart(installation: Installation, folder: Path) -> Installation:
    """The same installation as another machine knows it."""
    folder.mkdir()
    shutil.copy(Path(installation.environ["TRACKER_DATA_DIR"]) / "keyring.json", folder)
    return replace(installation, environ={**installation.environ, "TRACKER_DATA_DIR": str(folder)})


def test_the_jobs_of_a_worker_that_is_gone_are_dropped_and_done_by_another(short: Installation) -> None:
    worker = worker_of(short)
    reconcile.look_everywhere(short.product, now=utc_now())

    async def taken_by_the_dead() -> tuple[int, int]:
        app = queue.app_of(worker)
        async with app.open_async():
            await queue.look(app, worker)
            dead = await app.job_manager.register_worker()
            taken = await app.job_manager.fetch_job(queues=[queue.UNITS], worker_id=dead)
            assert taken is not None
            # Its lock keeps every other job of the key from being taken, for as long as nobody drops it.
            assert await app.job_manager.fetch_job(queues=[queue.UNITS], worker_id=dead) is None
            alive = await queue.drop_stalled(app, dead_after_s=60)
            tell_queue(
                short,
                "update procrastinate_workers set last_heartbeat = now() - interval '2 minutes'",
            )
            return alive, await queue.drop_stalled(app, dead_after_s=60)

    assert asyncio.run(taken_by_the_dead()) == (0, 1)
    worker.stop()

    assert read_by_queue(short) == 0
    assert_equal_until(short, NOW)


END_FAILS_ONCE = """
create sequence ended;
create function end_fails_once() returns trigger language plpgsql security definer as $$ begin
    if old.task_name = 'unit' and nextval('procrastinate.ended') = 1 then
        perform pg_terminate_backend(pg_backend_pid());
    end if;
    return old;
end $$;
create trigger end_fails_once before delete on procrastinate_jobs for each row execute function end_fails_once();
"""


def test_a_job_that_could_not_be_ended_is_dropped_before_its_worker_takes_another(
    installation: Installation,
) -> None:
    tell_queue(installation, END_FAILS_ONCE)
    seen = len(installation.server.requests)
    process = installation.process("jobs", *PROCRASTINATE)

    until(process, lambda: len(installation.server.requests) >= seen + 12)
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 0
    assert b"could not be ended and is dropped" in told
    assert b"the queue does not answer" not in told  # the same worker all along


def test_of_two_workers_that_reach_for_one_connection_at_once_the_second_has_no_job(installation: Installation) -> None:
    """One is taking a job; before it is done, a job that comes first is deferred, and the other reaches for that."""
    worker = worker_of(installation)
    of = Connection(1, 1)

    async def both() -> jobs.Job | None:
        app = queue.app_of(worker)
        other = await psycopg.AsyncConnection.connect(libpq(installation), options="-c search_path=procrastinate")
        async with app.open_async(), other:
            one, two = [await app.job_manager.register_worker() for _ in range(2)]
            later, first = (app.configure_task("unit", lock="key:1", queue=queue.UNITS, priority=n) for n in (0, 1))
            await later.defer_async(**Item(of, "completions", "2026-11-16").arguments)
            await other.execute("select procrastinate_fetch_job_v2(array['units'], %s)", [one])
            await first.defer_async(**Item(of, "completions", "2026-11-23").arguments)
            reaching = asyncio.create_task(app.job_manager.fetch_job(queues=[queue.UNITS], worker_id=two))
            waiting = "select from pg_locks where not granted"
            while await (await other.execute(waiting)).fetchone() is None:
                assert not reaching.done()
            await other.commit()
            return await reaching

    assert asyncio.run(both()) is None
    worker.stop()


def test_sigterm_ends_the_worker_in_order(installation: Installation) -> None:
    before = len(installation.server.requests)
    process = installation.process("jobs", *PROCRASTINATE)
    until(process, lambda: len(installation.server.requests) >= before + 2)
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 0, told.decode()[-2_000:]
    leased = "select count(*) from coverage where lease_owner is not null"
    with psycopg.connect(libpq(installation)) as connection:
        assert connection.execute(leased.encode()).fetchone() == (0,)


def test_on_sqlite_the_engine_is_refused_with_a_sentence(tmp_path: Path, migrated_file: Path) -> None:
    shutil.copyfile(migrated_file, tmp_path / "tracker.db")
    with installed(World(days=1, keeps=1), f"sqlite:///{tmp_path / 'tracker.db'}", tmp_path) as made:
        process = made.process("jobs", "--once", "--engine", "procrastinate")
        _, told = process.communicate(timeout=PATIENCE_S)

    # Before it stands the log's line on the journal, where this machine's SQLite gets no write-ahead log.
    assert (process.returncode, told.splitlines()[-1]) == (
        78,
        b"The engine procrastinate needs PostgreSQL. Run the worker without --engine: it does the same work.",
    )


def test_first_units_of_every_connection_come_before_the_second_of_any(installation: Installation) -> None:
    workspace_id = access.add_user(installation.product.database, "bo@acme.example", "a long enough password")
    key = installation.world.another_key("bo")
    connections.add(installation.product, workspace_id, provider="openai", label="bo", text=key)
    reconcile.look_everywhere(installation.product, now=utc_now())

    owed = worker_of(installation).owed()

    assert {item.connection for item in owed[:2]} == {Connection(1, 1), Connection(2, 2)}
    assert len(owed) == len(set(owed))


class Lost(psycopg.OperationalError):
    sqlstate = "57P01"


@pytest.mark.parametrize(
    ("raised", "attempts", "again_in"),
    [
        (OperationalError("", {}, Lost()), 0, 1),
        (OperationalError("", {}, Lost()), 4, 16),
        (OperationalError("", {}, Lost()), 5, None),
        (OperationalError("", {}, psycopg.errors.UndefinedTable()), 0, None),
        (ValueError("a defect"), 0, None),
        (exceptions.TaskNotFound(), 0, None),
    ],
)
def test_only_what_the_database_failed_is_tried_again_and_not_for_ever(
    raised: Exception, attempts: int, again_in: int | None
) -> None:
    assert retry_in_s(raised, attempts) == again_in


def test_a_worker_outlives_a_server_that_throws_everybody_out_for_a_while(
    installation: Installation, postgres_server: PostgresServer
) -> None:
    """As a restart looks from here: every connection ends, no other is let in, and then the server is back."""
    name = make_url(installation.environ["TRACKER_DATABASE_URL"]).database
    process = installation.process("jobs", *PROCRASTINATE)
    until(process, lambda: len(installation.server.requests) >= 10)
    postgres_server.execute(f'alter database "{name}" allow_connections false')
    everybody = f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'"  # noqa: S608 our name
    postgres_server.execute(everybody)
    time.sleep(1)  # the server's own time
    postgres_server.execute(f'alter database "{name}" allow_connections true')

    seen = len(installation.server.requests)
    until(process, lambda: len(installation.server.requests) >= seen + 4)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 0
    installation.later(NOW + timedelta(minutes=6))
    assert installation.fetch() == 0
    assert_equal_until(installation, NOW)
