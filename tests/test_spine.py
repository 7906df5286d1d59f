"""The main job, whole: a key goes in, a year comes out, and every number is the provider's own, whatever happens."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.installation import (
    NOW,
    TODAY,
    TOMORROW,
    YEAR_AGO,
    Installation,
    assert_equal_until,
    count,
    expected,
    installed,
    stored,
    truth,
)
from tests.postgres import PostgresServer
from tests.quick import Process
from tracker import clock, money, queries
from tracker.models import Coverage, FetchRun, ProviderCall, Restatement, table_of
from tracker.queries import Question
from tracker.sandbox import World
from tracker.sandbox.families import FAMILIES


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def year(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A year of one key, every family by the hour, fetched once for the tests that only read it."""
    folder = tmp_path_factory.mktemp("year")
    clock.start_at(NOW)
    with database(request, folder) as url, installed(World(), url, folder) as installation:
        assert installation.fetch() == 0
        yield installation


@pytest.fixture
def month(migrated_url: str, tmp_path: Path) -> Iterator[Installation]:
    """Forty days of one key, not fetched yet."""
    clock.start_at(NOW)
    with installed(World(days=40, keeps=40), migrated_url, tmp_path) as installation:
        yield installation


@pytest.fixture(autouse=True)
def at_the_same_time() -> None:
    clock.start_at(NOW)


def database(request: pytest.FixtureRequest, folder: Path) -> AbstractContextManager[str]:
    if request.param == "sqlite":
        return nullcontext(f"sqlite:///{folder / 'tracker.db'}")
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return server.database("year")


def test_every_row_of_a_year_is_the_sandboxs_own(year: Installation) -> None:
    told = stored(year)

    assert len(told) > 40_000
    # Today runs on while the test does; every hour that was over when it was read is exact.
    until = f"{NOW:%Y-%m-%dT%H:00:00Z}"
    assert {k: v for k, v in told.items() if k[1] < until} == {k: v for k, v in truth(year).items() if k[1] < until}


@pytest.mark.parametrize("family", FAMILIES)
def test_usage_by_family_is_the_sum_of_its_rows(year: Installation, family: str) -> None:
    start, end = clock.day_start(YEAR_AGO), clock.day_start(TODAY)
    rows = list(expected(year.world, start, end, families=[family]).values())

    with year.product.database.workspace(year.workspace_id) as session:
        question = Question(YEAR_AGO, TODAY, ("usage_type",), {"usage_type": [family]})
        (told,) = queries.usage(session, year.workspace_id, question)

    for name in queries.MEASURES:
        known = [int(row[name]) for row in rows if row[name]]
        assert getattr(told, name) == (sum(known) if known else None), name
    costs = [Decimal(row["estimated_cost_usd"]) for row in rows if row["estimated_cost_usd"]]
    assert told.estimated_cost == (sum(costs, Decimal()) if costs else None)
    assert told.unpriced_rows == len([row for row in rows if row["cost_basis"] == "unpriced"])


def test_the_bill_is_the_sandboxs_own(year: Installation) -> None:
    lines = year.world.truth_bill("acme", YEAR_AGO, TOMORROW)

    rows = year.csv(YEAR_AGO, TOMORROW, "billed-csv")

    nanos = [money.to_nanos(line.amount) for line in lines]
    assert sorted(money.to_nanos(Decimal(row["billed_cost"])) for row in rows) == sorted(nanos)
    with year.product.database.workspace(year.workspace_id) as session:
        total = queries.totals(session, year.workspace_id, YEAR_AGO, TOMORROW)
    assert total.billed_cost == money.from_nanos(sum(nanos))


def test_every_finished_day_is_complete_and_today_is_not(year: Installation) -> None:
    ledger = table_of(Coverage)
    with year.product.database.workspace(year.workspace_id) as session:
        rows = session.execute(
            select(ledger.c.endpoint, ledger.c.day, ledger.c.state).where(ledger.c.workspace_id == year.workspace_id),
        ).all()

    states = {(endpoint, day): state for endpoint, day, state in rows}
    assert len(states) == 11 * 366
    old = TODAY - timedelta(days=40)
    assert {states["completions", YEAR_AGO + timedelta(days=n)] for n in range(300)} == {"final"}
    assert states["completions", TODAY] == "provisional"
    assert states["costs", TODAY] == "provisional"
    assert states["costs", old] == "final"
    assert states["audio_speeches", old] in {"final", "verified_zero"}


def test_fetching_again_changes_nothing(year: Installation) -> None:
    before = stored(year)

    assert year.fetch() == 0

    assert {k: v for k, v in stored(year).items() if k[1] < f"{NOW:%Y-%m-%dT%H}"} == {
        k: v for k, v in before.items() if k[1] < f"{NOW:%Y-%m-%dT%H}"
    }
    assert count(year, Restatement) == 0


def test_every_call_and_run_is_on_record(year: Installation) -> None:
    seen = [request for request in year.server.requests if request.key_kind == "good"]

    calls, runs = table_of(ProviderCall), table_of(FetchRun)
    with year.product.database.workspace(year.workspace_id) as session:
        recorded = session.execute(
            select(calls.c.path, calls.c.status).where(calls.c.workspace_id == year.workspace_id),
        ).all()
        outcomes = set(
            session.execute(select(runs.c.outcome).where(runs.c.workspace_id == year.workspace_id)).scalars(),
        )

    assert sorted(path for path, _ in recorded) == sorted(request.path for request in seen)
    # Of an archived project the names of keys cannot be read, and the audit log not at all; the rest was answered.
    refused = ("/proj_legacy/", "/audit_logs")
    assert {status for path, status in recorded if not any(part in path for part in refused)} == {200}
    assert outcomes == {"done"}


def test_restated_and_vanished_days_are_told_as_they_are_now(month: Installation) -> None:
    assert month.fetch() == 0
    up, gone, old = (TODAY - timedelta(days=n) for n in (1, 2, 20))
    month.world.restate("acme", up, 1.5)
    month.world.restate("acme", gone, 0)
    month.world.restate("acme", old, 2)

    month.later(NOW + timedelta(days=8))
    assert month.fetch() == 0

    assert_equal_until(month, NOW + timedelta(days=8))
    assert count(month, Restatement) > 0


def test_nine_days_without_a_worker_are_caught_up(month: Installation) -> None:
    assert month.fetch() == 0

    month.later(NOW + timedelta(days=9))
    assert month.fetch() == 0

    assert_equal_until(month, NOW + timedelta(days=9))


@pytest.mark.parametrize("after_requests", [4, 41])
def test_a_fetch_cut_by_sigkill_loses_and_doubles_nothing(month: Installation, after_requests: int) -> None:
    worker = month.process("jobs", "--once")
    await_requests(month, after_requests, worker)
    worker.send_signal(signal.SIGKILL)
    worker.communicate()

    month.later(NOW + timedelta(minutes=20))
    assert month.fetch() == 0

    assert_equal_until(month, NOW)


def await_requests(month: Installation, number: int, worker: Process) -> None:
    """Wait, without taking the time of those waited for, until so many requests were made."""
    while len(month.server.requests) < number:
        assert worker.poll() is None, "the worker ended before it came that far"
        time.sleep(0.002)


def test_two_workers_at_once_read_every_unit_once(month: Installation) -> None:
    workers = [month.process("jobs", "--once") for _ in range(2)]
    for worker in workers:
        worker.communicate(timeout=300)

    assert [worker.returncode for worker in workers] == [0, 0]
    assert_equal_until(month, NOW)
    told = [(request.path, request.query) for request in month.server.requests if "/usage/" in request.path]
    finished = [each for each in told if f"end_time={int(clock.day_start(TODAY).timestamp())}" in each[1]]
    assert len(finished) == len(set(finished))


def test_sigterm_ends_in_order_and_gives_every_lease_back(month: Installation) -> None:
    worker = month.process("jobs")
    await_requests(month, 20, worker)
    worker.send_signal(signal.SIGTERM)
    worker.communicate()

    assert worker.returncode == 0
    ledger = table_of(Coverage)
    with month.product.database.workspace(month.workspace_id) as session:
        held_days = session.execute(
            select(ledger.c.day).where(
                ledger.c.workspace_id == month.workspace_id,
                ledger.c.lease_owner.is_not(None),
            ),
        ).all()
    assert held_days == []
