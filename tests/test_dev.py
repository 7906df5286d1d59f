"""The tools around the product: dev.py's decisions and its services, and the throw-away databases of the tests."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

import dev
from tests import postgres
from tests.postgres import PostgresServer

HOME = Path(__file__).resolve().parents[1]
PATIENCE_S = 30.0


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)


# --- the environment -------------------------------------------------------------------------------------------------

MADE_FROM = {"lock": b"a==1", "project": b"[project]", "python": "3.11.7", "home": "/srv/tracker"}


@pytest.mark.parametrize(
    "change",
    [{"lock": b"a==2"}, {"project": b"[tool]"}, {"python": "3.12.1"}, {"home": "/srv/moved"}],
    ids=lambda c: next(iter(c)),
)
def test_whatever_an_environment_is_made_from_changes_its_stamp(change: dict[str, str]) -> None:
    assert dev.stamp_of(**MADE_FROM | change) != dev.stamp_of(**MADE_FROM)  # type: ignore[arg-type]


def test_text_moved_from_one_part_to_the_next_changes_the_stamp() -> None:
    one = dev.stamp_of(lock=b"ab", project=b"c", python="", home="")
    other = dev.stamp_of(lock=b"a", project=b"bc", python="", home="")

    assert one != other


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 11, 7), (3, 14, 0), (4, 0, 0)])
def test_python_from_3_11_on_will_do(version: tuple[int, ...]) -> None:
    assert dev.refusal_of(version) is None


@pytest.mark.parametrize(("version", "told"), [((3, 10, 99), "3.10.99"), ((2, 7, 18), "2.7.18")])
def test_an_older_python_is_refused_with_a_sentence(version: tuple[int, ...], told: str) -> None:
    assert dev.refusal_of(version) == f"This needs Python 3.11 or newer; this one is {told}."


# --- the command line ------------------------------------------------------------------------------------------------


def call_dev(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(HOME / "dev.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)


def test_the_tasks_are_those_the_contract_names() -> None:
    assert list(dev.TASKS) == ["setup", "up", "demo", "test", "soak", "bench"]


@pytest.mark.parametrize("arguments", [[], ["dance"], ["up", "--loud"], ["setup", "now"], ["demo", "-x"]])
def test_wrong_use_exits_2_and_shows_the_usage(arguments: list[str]) -> None:
    done = call_dev(*arguments)

    assert done.returncode == 2
    assert done.stderr.startswith("usage: dev.py")


@pytest.mark.parametrize("task", dev.TASKS)
def test_every_task_explains_itself(task: str) -> None:
    done = call_dev(task, "--help")

    assert done.returncode == 0
    assert dev.TASKS[task][0][:30] in " ".join(done.stdout.split())


# --- settings handed on ----------------------------------------------------------------------------------------------


def test_tests_see_none_of_the_callers_settings() -> None:
    caller = {"PATH": "/bin", "TRACKER_DATABASE_URL": "x", "TRACKER_TEST_BROWSER": "required", "TEST_PG_BINDIR": "/p"}

    given = dev.clean_environment(caller, TRACKER_TEST_SEEDS="large")

    assert given == {
        "PATH": "/bin",
        "TRACKER_TEST_BROWSER": "required",
        "TEST_PG_BINDIR": "/p",
        "TRACKER_TEST_SEEDS": "large",
    }


def test_the_demo_keeps_away_from_the_real_data() -> None:
    real = {"TRACKER_DATABASE_URL": "postgresql://real", "TRACKER_KEYRING_FILE": "/real", "TRACKER_PORT": "9000"}

    assert dev.demo_environment(real) == {
        "TRACKER_DATA_DIR": str(HOME / "data" / "demo"),
        "TRACKER_OPENAI_BASE_URL": "http://127.0.0.1:8765/v1",
        "TRACKER_DEMO_ACCOUNT": "demo@example.com",
        "TRACKER_PORT": "9000",
    }


@pytest.mark.parametrize(("text", "port"), [("1", 1), ("8501", 8501), ("65535", 65_535)])
def test_a_port_is_a_number_in_its_range(text: str, port: int) -> None:
    assert dev.port_of({"TRACKER_PORT": text}) == port


@pytest.mark.parametrize("text", ["", "0", "65536", "-1", "80a", "8 0"])
def test_another_port_is_bad_configuration(text: str) -> None:
    with pytest.raises(dev.Refused, match="TRACKER_PORT is") as refusal:
        dev.port_of({"TRACKER_PORT": text})

    assert refusal.value.code == 78


@pytest.mark.parametrize(
    ("fast", "chromium", "loud"),
    [(False, "/usr/bin/chromium", False), (False, None, True), (True, "/usr/bin/chromium", True), (True, None, True)],
)
def test_browser_tests_left_out_are_said_aloud(fast: bool, chromium: str | None, loud: bool) -> None:
    note = dev.browser_note(fast=fast, chromium=chromium)

    assert (note is not None and note.startswith("BROWSER TESTS DID NOT RUN: ")) == loud


# --- services --------------------------------------------------------------------------------------------------------

WORKER = """
import pathlib, signal, sys, time
def stop(*_):
    pathlib.Path("stopped").touch()
    sys.exit()
signal.signal(signal.SIGTERM, stop)
pathlib.Path("running").touch()
time.sleep(60)
"""

DASHBOARD = """
import http.server, sys
port = int(sys.argv[sys.argv.index("--server.port") + 1])
http.server.HTTPServer(("127.0.0.1", port), http.server.SimpleHTTPRequestHandler).serve_forever()
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A made-up checkout: this environment, a database that needs nothing, a worker that leaves files as traces."""
    for name in ("dev.py", "pyproject.toml", "requirements.lock"):
        (tmp_path / name).write_bytes((HOME / name).read_bytes())
    (tmp_path / "tracker.py").touch()
    (tmp_path / "jobs.py").write_text(WORKER)
    (tmp_path / "streamlit.py").write_text(DASHBOARD)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to(sys.executable)
    lock, project = (tmp_path / "requirements.lock").read_bytes(), (tmp_path / "pyproject.toml").read_bytes()
    stamp = dev.stamp_of(lock=lock, project=project, python=sys.version, home=str(tmp_path.resolve()))
    (tmp_path / ".venv" / "made-from").write_text(stamp)
    return tmp_path


@contextmanager
def up(checkout: Path, **settings: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(checkout / "dev.py"), "up"]
    env = os.environ | {"TRACKER_PORT": str(free_port())} | settings
    with subprocess.Popen(command, env=env, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("interruption", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_told_to_stop_up_stops_the_worker_and_is_content(interruption: signal.Signals, checkout: Path) -> None:
    with up(checkout) as process:
        wait_until((checkout / "running").exists)

        process.send_signal(interruption)

        assert process.wait(PATIENCE_S) == 0
        assert (checkout / "stopped").exists()


def test_killed_outright_up_still_leaves_no_worker(checkout: Path) -> None:
    with up(checkout) as process:
        wait_until((checkout / "running").exists)

        process.kill()

        wait_until((checkout / "stopped").exists)


def test_a_worker_that_ends_by_itself_ends_up_with_a_sentence(checkout: Path) -> None:
    (checkout / "jobs.py").write_text("raise SystemExit(3)")

    with up(checkout) as process:
        _, words = process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 1
    assert words.endswith("The worker ended by itself (exit code 3).\n")


def test_a_dashboard_that_ends_by_itself_stops_the_worker(checkout: Path) -> None:
    (checkout / "streamlit.py").write_text(
        "import os, time\nwhile not os.path.exists('running'): time.sleep(0.05)\nraise SystemExit(4)"
    )

    with up(checkout) as process:
        _, words = process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 1
    assert words.endswith("The dashboard ended by itself (exit code 4).\n")
    assert (checkout / "stopped").exists()


def test_the_address_is_printed_once_the_dashboard_answers(checkout: Path) -> None:
    port = free_port()

    with up(checkout, TRACKER_PORT=str(port)) as process:
        assert process.stderr
        words = process.stderr.readline()
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S).close()
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE_S)

    assert words == f"Open http://127.0.0.1:{port}\n"


def test_a_busy_port_is_refused_before_anything_starts(checkout: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with up(checkout, TRACKER_PORT=str(port)) as process:
            _, words = process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 1
    assert words == f"Port {port} is in use: stop what runs there or choose another with TRACKER_PORT.\n"
    assert not (checkout / "running").exists()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


# --- the databases of the tests --------------------------------------------------------------------------------------


def test_every_test_gets_an_empty_database(database_url: str) -> None:
    engine = sa.create_engine(database_url)

    tables = sa.inspect(engine).get_table_names()

    engine.dispose()
    assert tables == []


def test_a_migrated_database_has_the_three_tables_of_the_mission(migrated_url: str) -> None:
    engine = sa.create_engine(migrated_url)

    tables = sa.inspect(engine).get_table_names()

    engine.dispose()
    assert {"users", "provider_keys", "usage_events"} <= set(tables)


def test_a_database_goes_away_even_with_a_connection_left_open(postgres_server: PostgresServer) -> None:
    with postgres_server.database("left_open"):
        connection = psycopg.connect(postgres.swap_database(postgres_server.admin_url, "left_open"))

    with pytest.raises(psycopg.OperationalError):
        connection.execute("select 1")
    connection.close()


@pytest.mark.parametrize(
    ("url", "swapped"),
    [
        ("postgresql://postgres@/postgres?host=/tmp/x", "postgresql://postgres@/mine?host=/tmp/x"),
        ("postgresql://me:pw@db.example:5432/app", "postgresql://me:pw@db.example:5432/mine"),
    ],
)
def test_another_database_of_the_same_server_keeps_the_rest_of_the_address(url: str, swapped: str) -> None:
    assert postgres.swap_database(url, "mine") == swapped


def test_no_postgresql_is_a_failure_that_says_where_was_looked() -> None:
    with pytest.raises(LookupError, match="TEST_PG_BINDIR"):
        postgres.first_usable([Path("/nowhere")])


HOLD_A_SERVER = """
import time
from tests import postgres
postgres.SETTINGS["work_mem"] = "32MB"
with postgres.running({}) as server:
    print(server.admin_url, flush=True)
    time.sleep(60)
"""


def test_a_killed_test_run_leaves_no_server_behind_and_its_settings_held() -> None:
    command = [sys.executable, "-c", HOLD_A_SERVER]
    with subprocess.Popen(command, cwd=HOME, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout
        folder = Path(run.stdout.readline().strip().split("host=")[1])
        assert (folder / "data" / "postmaster.pid").exists()
        assert "--work_mem=32MB" in (folder / "data" / "postmaster.opts").read_text()

        run.kill()

    wait_until(lambda: not folder.exists())
