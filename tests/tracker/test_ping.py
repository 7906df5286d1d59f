"""The monitor is called after every committed full success, one id a success, and its failure fails nothing."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.installation import NOW, Installation, installed
from tracker import clock
from tracker.ping import Ping
from tracker.product import Product
from tracker.redact import SecretKey
from tracker.sandbox import Trouble, World

SECRET = "a-capability-of-the-monitor"


@dataclass
class Monitor:
    """What was asked of it, and the status it answers with (0: none at all)."""

    url: str
    status: int = 200
    asked: list[tuple[str, str]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)


@contextmanager
def monitor() -> Iterator[Monitor]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append((self.path, self.headers["Idempotency-Key"]))
            if not made.status:
                made.released.wait(30)
            self.send_response(made.status or 500)
            self.send_header("Location", made.url)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = Monitor(f"http://127.0.0.1:{server.server_port}/{SECRET}?tag=1")
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield made
    made.released.set()
    server.shutdown()
    server.server_close()


def with_url(ready: Product, url: str) -> Product:
    return replace(ready, settings=replace(ready.settings, ping_url=SecretKey(url)))


@pytest.fixture(scope="module")
def read(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("ping")
    clock.start_at(NOW)
    with installed(World(days=3, keeps=3), f"sqlite:///{folder / 'tracker.db'}", folder) as installation:
        assert installation.fetch() == 0
        yield installation


@pytest.fixture(autouse=True)
def at_now(read: Installation) -> None:
    clock.start_at(NOW + timedelta(minutes=10))


def test_a_success_is_told_once_and_again_with_the_same_id_by_whoever_follows(read: Installation) -> None:
    with monitor() as told:
        ready = with_url(read.product, told.url)
        first, second = Ping(ready), Ping(ready)

        assert [first.look(), first.look(), second.look()] == [True, False, True]

    (path, number), again = told.asked
    assert again == (path, number)
    assert path == f"/{SECRET}?tag=1&rid={number}"


@pytest.mark.parametrize("status", [500, 404, 302])
def test_a_monitor_that_does_not_take_it_is_told_again_later_and_its_address_is_not_logged(
    read: Installation, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    with monitor() as told, caplog.at_level(logging.DEBUG, logger="tracker"):
        told.status = status
        ping = Ping(with_url(read.product, told.url))

        assert [ping.look(), ping.look()] == [False, False]
        assert len(told.asked) == 1
        told.status = 204
        clock.start_at(NOW + timedelta(minutes=12))
        assert ping.look()

    assert told.asked[0] == told.asked[1]
    assert f"it answered with status {status}" in caplog.text
    assert SECRET not in caplog.text


def test_a_monitor_that_hangs_or_is_gone_is_left_at_the_deadline(
    read: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    with monitor() as told:
        told.status = 0
        ready = with_url(read.product, told.url)
        assert not Ping(ready, within_s=0.3).look()
        assert told.asked
    assert not Ping(ready).look()

    assert caplog.text.count("no answer") == 2
    assert SECRET not in caplog.text


def test_while_the_clock_is_set_no_other_machine_is_called(
    read: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    assert not Ping(with_url(read.product, f"https://192.0.2.7/{SECRET}")).look()

    assert "only this machine is called" in caplog.text
    assert not Ping(read.product).look()


def test_nothing_is_told_while_anything_is_owed_and_the_run_succeeds_without_a_monitor(
    read: Installation, tmp_path: Path
) -> None:
    with monitor() as told:
        read.environ["TRACKER_PING_URL"] = told.url
        trouble = Trouble("html", path="/costs", times=999)
        read.world.troubles.add(trouble)
        read.later(NOW + timedelta(days=1))
        failed = read.process("jobs", "--once")
        failed.communicate(timeout=60)
        assert (failed.returncode, told.asked) == (1, [])

        trouble.times = 0
        read.later(NOW + timedelta(days=1, hours=5))
        done = read.process("jobs", "--once")
        done.communicate(timeout=60)
        assert (done.returncode, len(told.asked)) == (0, 1)
    read.later(NOW + timedelta(days=1, hours=3))
    alone = read.process("jobs", "--once")
    _, err = alone.communicate(timeout=60)
    assert alone.returncode == 0
    assert b"the monitor could not be told" in err
    assert SECRET.encode() not in err
