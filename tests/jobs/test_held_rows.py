"""PostgreSQL: while one stores a long day, its connection's row is held, and all others are served all the same."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import update
from sqlalchemy.exc import OperationalError

from jobs import queue
from jobs.__main__ import once
from jobs.queue import QueueWorker
from jobs.worker import Worker
from tests.conftest import fresh_name
from tests.installation import NOW, Installation, installed
from tests.postgres import PostgresServer, await_waiting
from tracker import access, checking, clock, connections, fetching, ledger, points, reconcile
from tracker.clock import utc_now
from tracker.coverage import OURS_AFTER
from tracker.fetching import Outcome
from tracker.models import ProviderKey, table_of
from tracker.reconcile import Connection
from tracker.sandbox import World

ADA, BO = Connection(1, 1), Connection(2, 2)
KEYS = table_of(ProviderKey)
WAITED_IN_VAIN = OperationalError("", {}, psycopg.errors.LockNotAvailable())


@pytest.fixture
def installation(postgres_server: PostgresServer, migrated_template: str, tmp_path: Path) -> Iterator[Installation]:
    """Two days of Ada's key and of Bo's, in a workspace each; nothing is read yet."""
    clock.start_at(NOW)
    with (
        postgres_server.database(fresh_name(), template=migrated_template) as url,
        installed(World(days=2, keeps=2), url, tmp_path) as made,
    ):
        workspace_id = access.add_user(made.product.database, "bo@acme.example", "a long enough password")
        key = made.world.another_key("bo")
        connections.add(made.product, workspace_id, provider="openai", label="bo", text=key)
        yield made


@pytest.fixture(params=[Worker, QueueWorker])
def worker(request: pytest.FixtureRequest, installation: Installation) -> Iterator[Worker | QueueWorker]:
    made: Worker | QueueWorker = request.param(installation.as_("worker"))
    yield made
    made.stop()


@contextmanager
def held(installation: Installation) -> Iterator[psycopg.Connection]:
    """Ada's row, as whoever stores with her key holds it."""
    url = installation.environ["TRACKER_DATABASE_URL"].replace("+psycopg", "")
    with psycopg.connect(url) as other:
        other.execute("select from provider_keys where id = 1 for no key update")
        yield other
        other.rollback()


def claim_all_of_ada(installation: Installation) -> None:
    """Another worker's, all that is due."""
    for unit in reconcile.plan(installation.product, ADA, now=utc_now()).units:
        with installation.product.database.workspace(1, write=True) as session:
            ledger.claim(session, 1, 1, unit, owner="other", now=utc_now())


def owes(installation: Installation, connection: Connection) -> bool:
    return reconcile.plan(installation.product, connection, now=utc_now()).owed


def is_due(installation: Installation, connection: Connection) -> bool:
    return connection in reconcile.due_connections(installation.product, now=utc_now())


def test_a_worker_that_meets_a_row_another_holds_works_for_everybody_else(installation: Installation) -> None:
    claim_all_of_ada(installation)
    worker = Worker(installation.as_("worker"))

    with held(installation):
        while owes(installation, BO):
            worker.wake()
            worker.pump(0.05)
            assert not worker.rests
        assert is_due(installation, ADA), "she is looked at again"

    worker.wake()
    assert not is_due(installation, ADA), "until the leases end"
    worker.stop()


def test_a_run_goes_on_with_those_after_a_row_that_another_holds(
    installation: Installation, worker: Worker | QueueWorker
) -> None:
    assert installation.fetch() == 0
    with installation.product.database.workspace(2, write=True) as session:
        session.execute(update(ledger.COVERAGE).where(ledger.COVERAGE.c.workspace_id == 2).values(fetched_at=None))
    assert owes(installation, BO)

    with held(installation):
        assert once(worker) == 0

    assert not owes(installation, BO)


def test_a_run_looks_later_at_the_connection_whose_row_another_held(
    installation: Installation, worker: Worker | QueueWorker
) -> None:
    with installation.product.database.workspace(1, write=True) as session:
        session.execute(update(KEYS).where(KEYS.c.workspace_id == 1).values(next_due_at=NOW + 300 * clock.DAY))

    with held(installation) as other:

        def release(label: str) -> None:
            if label == "unit committed":
                other.rollback()

        with points.watch(release):
            assert once(worker) == 0

    assert not owes(installation, ADA)


def test_names_are_left_to_whoever_reads_the_last_days(installation: Installation) -> None:
    claim_all_of_ada(installation)
    assert not reconcile.plan(installation.product, ADA, now=utc_now()).names_due

    clock.start_at(NOW + clock.DAY / 24)  # the other is gone
    assert installation.fetch() == 0
    row = connections.find(installation.product, 1, 1)
    assert row.names_read_at is not None


def test_a_unit_that_waited_for_the_row_in_vain_is_put_off_without_it(installation: Installation) -> None:
    unit = reconcile.plan(installation.product, ADA, now=utc_now()).units[0]
    with installation.product.database.workspace(1, write=True) as session:
        ledger.claim(session, 1, 1, unit, owner="w", now=utc_now())

    with held(installation):
        done = fetching.put_aside(installation.product, ADA, unit, owner="w", error=WAITED_IN_VAIN)

    assert done.outcome is Outcome.FAILED
    with installation.product.database.workspace(1) as session:
        row = ledger.read(session, 1, 1)[unit.endpoint][unit.start]
    assert row.retry_at is not None and row.retry_at <= utc_now() + OURS_AFTER


def test_a_key_that_cannot_be_put_off_for_its_row_is_held_ends_no_work(
    installation: Installation, postgres_server: PostgresServer
) -> None:
    busy = "create function busy() returns trigger language plpgsql as 'begin raise lock_not_available; end'"
    with psycopg.connect(installation.environ["TRACKER_DATABASE_URL"].replace("+psycopg", "")) as owner:
        owner.execute(busy.encode())  # what a worker is told that has waited its ten seconds
        owner.execute("create trigger busy before update on provider_keys for each row execute function busy()")

    checking.postpone(installation.product, ADA, ValueError("a defect"))

    assert connections.find(installation.product, 1, 1).retry_at is None


def test_of_two_that_drop_the_jobs_of_a_worker_that_is_gone_both_go_on(installation: Installation) -> None:
    worker = QueueWorker(installation.as_("worker"))
    reconcile.look_everywhere(installation.product, now=utc_now())
    url = installation.environ["TRACKER_DATABASE_URL"].replace("+psycopg", "")

    async def dropped_by_both() -> list[int]:
        app = queue.app_of(worker)
        async with app.open_async():
            await queue.look(app, worker)
            dead = await app.job_manager.register_worker()
            assert await app.job_manager.fetch_job(queues=[queue.UNITS], worker_id=dead)
            with psycopg.connect(url, options="-c search_path=procrastinate") as other:
                other.execute("update procrastinate_workers set last_heartbeat = now() - interval '2 minutes'")
                other.commit()
                other.execute("select from procrastinate_jobs where status = 'doing' for update")
                both = asyncio.gather(queue.drop_stalled(app), queue.drop_stalled(app))
                await asyncio.to_thread(await_waiting, url, 2)
            return list(await both)

    assert asyncio.run(dropped_by_both()) == [1, 1]
    worker.stop()
