"""What probes are told: well or not by written rules, how late the work is, and nothing of any tenant."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from schedule import Scheduler

from jobs import health as served
from jobs.__main__ import _guarded
from jobs.queue import QueueWorker
from jobs.worker import Worker
from tests.installation import EMAIL, NOW, Installation, installed
from tests.tracker.test_migrations import revision
from tracker import clock, health, metrics, product
from tracker.db import Refusal, Writes, open_database
from tracker.health import Health
from tracker.redact import SecretKey
from tracker.sandbox import Trouble, World

OWN = {"seconds_since_look": 0.1, "units_in_hand": 0, "connections_in_work": 0, "rests": 0}
LATER = NOW + timedelta(hours=9)


@pytest.fixture
def read(migrated_url: str, tmp_path: Path) -> Iterator[Installation]:
    """Three days of one key, read at NOW."""
    clock.start_at(NOW)
    with installed(World(days=3, keeps=3), migrated_url, tmp_path) as installation:
        installation.world.troubles.add(Trouble("extra_fields", path="/usage/completions"))
        assert installation.fetch() == 0
        yield installation


def figures(text: bytes) -> dict[str, float]:
    """Every sample by name and labels."""
    families = text_string_to_metric_families(text.decode())
    return {f"{s.name}{dict(s.labels) or ''}": s.value for family in families for s in family.samples}


def test_both_processes_tell_the_work_until_it_is_late(read: Installation, migrated_url: str) -> None:
    web = product.start(read.environ, role="web")
    worker = read.product.database

    fine = [health.of_web(web.database, now=LATER), health.of_worker(worker, now=LATER, looks=True, own=OWN)]
    late_at = NOW + timedelta(hours=28)  # due again an hour after NOW, and late 26 hours after that
    late = [health.of_web(web.database, now=late_at), health.of_worker(worker, now=late_at, looks=True, own=OWN)]
    stuck = health.of_worker(worker, now=LATER, looks=False, own=OWN)

    assert [(each.status, each.told["late"]) for each in fine] == [(200, False)] * 2
    assert [(each.status, each.told["late"]) for each in late] == [(200, True), (503, True)]
    assert stuck.status == 503
    assert str(late[1].told["uncovered_day"]) == "2026-11-23"
    told = "".join(each.json for each in (*fine, *late, stuck))
    assert not any(word in told for word in (EMAIL, "acme", "main", read.world.keys["good"], "workspace"))
    assert set(json.loads(fine[0].json)) == {
        *("well", "database", "schema", "writes_refused", "workers", "told_at", "late"),
        *("uncovered_day", "uncovered_day_age_s", "waiting_since", "last_success_at"),
    }
    revision(migrated_url, "0001")
    for behind in (health.of_web(web.database, now=NOW), health.of_worker(worker, now=NOW, looks=True, own=OWN)):
        assert (behind.status, behind.told["schema"]) == (503, "behind")
    web.close()


def test_a_database_that_does_not_answer_is_told(tmp_path: Path) -> None:
    gone = open_database(f"sqlite:///{tmp_path / 'no' / 'folder' / 'tracker.db'}", role="web")

    told = health.of_web(gone, now=NOW)

    assert (told.status, told.told) == (503, {"database": "does not answer", "schema": None, "writes_refused": None})
    assert figures(metrics.text("web", told.figures))["tracker_web_database_answers"] == 0


def test_the_figures_count_units_calls_runs_and_fields_nobody_reads(read: Installation) -> None:
    told = health.of_worker(read.product.database, now=LATER, looks=True, own=OWN)

    found = figures(metrics.text("worker", told.figures))

    assert found["tracker_worker_connections"] == 1
    assert found["tracker_worker_last_success_timestamp_seconds"] >= NOW.timestamp()
    assert found["tracker_units_total{'outcome': 'stored'}"] >= 11
    assert found["tracker_provider_calls_total{'status': '200'}"] >= 11
    assert found["tracker_unknown_fields_total{'endpoint': 'completions'}"] >= 1
    assert found["tracker_run_seconds_count"] >= 1
    assert "main" not in str(found) and "acme" not in str(found)


@pytest.mark.parametrize("kind", [Worker, QueueWorker])
def test_every_figure_of_either_engines_worker_is_told(read: Installation, kind: type[Worker | QueueWorker]) -> None:
    told = kind(read.product).health()

    found = figures(metrics.text("worker", told.figures))

    known = {f"tracker_worker_{name}" for name, value in told.figures.items() if value is not None}
    assert {"tracker_worker_units_in_hand", "tracker_worker_connections", "tracker_worker_late_seconds"} <= known
    assert known <= found.keys()


@pytest.mark.parametrize(("minutes", "told"), [(0, True), (1, True), (3, False), (-3, False)])
def test_a_refusal_is_told_for_two_minutes_also_by_a_clock_that_was_set_back(minutes: int, told: bool) -> None:
    writes = Writes(last=(Refusal.FULL, NOW))

    assert (writes.lately(NOW + timedelta(minutes=minutes)) is Refusal.FULL) is told


def test_a_probe_that_cannot_be_answered_is_one_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    nameless = Health(well=True, told={}, figures={"no such figure": 1})
    with served.serve("127.0.0.1", 0, lambda: nameless) as server:
        assert httpx.get(f"http://127.0.0.1:{server.server_port}/metrics").status_code == 500
        server.shutdown()

    assert [record.getMessage() for record in caplog.records if record.name == "jobs.health"] == [
        "a probe could not be answered"
    ]


def test_a_job_that_raises_is_counted_and_the_loop_lives() -> None:
    turns: list[int] = []

    def broken() -> None:
        turns.append(1)
        raise ValueError("a defect")

    loop = Scheduler()
    loop.every(1).seconds.do(_guarded("broken", broken))
    before = figures(metrics.text("worker", {})).get("tracker_loop_exceptions_total{'job': 'broken'}", 0)

    loop.run_all()
    loop.run_all()

    assert len(turns) == 2
    assert figures(metrics.text("worker", {}))["tracker_loop_exceptions_total{'job': 'broken'}"] == before + 2


def test_the_worker_answers_probes_and_keeps_its_figures_to_this_machine_or_a_token() -> None:
    states = [Health(well=True, told={"looks": True}, figures=OWN), Health(well=False, told={}, figures={})]
    server = served.serve("127.0.0.1", 0, lambda: states[0], token=SecretKey("a-token-for-prometheus"))
    address, passed_on = f"http://127.0.0.1:{server.server_port}", {"X-Forwarded-For": "192.0.2.7"}

    assert httpx.get(f"{address}/healthz", headers=passed_on).json() == {"well": True, "looks": True}
    assert "tracker_worker_units_in_hand 0.0" in httpx.get(f"{address}/metrics").text
    assert httpx.get(f"{address}/metrics", headers=passed_on).status_code == 404
    token = {**passed_on, "Authorization": "Bearer a-token-for-prometheus"}
    assert httpx.get(f"{address}/metrics", headers=token).status_code == 200
    assert httpx.get(f"{address}/").status_code == 404
    states.pop(0)
    assert httpx.get(f"{address}/healthz").status_code == 503
    server.shutdown()
    server.server_close()
