"""`python -m jobs`: the worker as a process. `--once` does what is due and exits; `--engine`: who hands it out."""

from __future__ import annotations

import os
import signal
import sys

BEFORE_BEGUN = b"The worker was asked to stop before it had begun; nothing was done.\n"

if __name__ == "__main__":  # before the imports below, which take a second: until then nothing is held or open
    for _number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(_number, lambda *_: (os.write(2, BEFORE_BEGUN), os._exit(0)))

import argparse
import asyncio
import gc
import logging
import threading
from collections.abc import Callable, Sequence
from http.server import ThreadingHTTPServer
from typing import TYPE_CHECKING

from schedule import Scheduler
from sqlalchemy.exc import SQLAlchemyError

from jobs import health
from jobs.worker import Worker
from tracker import mail, metrics, migrations, product, reconcile
from tracker.clock import utc_now
from tracker.db import is_unable
from tracker.errors import BadConfiguration, TrackerError
from tracker.migrations import queue
from tracker.ping import Ping
from tracker.points import reached
from tracker.product import Product
from tracker.reconcile import Connection, Plan
from tracker.redact import fields, setup_logging

if TYPE_CHECKING:
    from jobs.queue import QueueWorker

log = logging.getLogger("jobs")

WAKE_S, LIFE_S, LOOK_EVERYWHERE_MIN = 1, 5, 10
"""Seconds between looks for due work (a new key is picked up within two), between signs of life, and
minutes between looks at every connection whatever its note says."""

POLL_S = 0.25
OWN, PROCRASTINATE = "own", "procrastinate"
CONFIGURATION_EXIT = 78  # EX_CONFIG of sysexits.h


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    setup_logging(logging.INFO)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    try:
        ready = product.start(os.environ, role="worker")
        worker, server = _begun(ready, options.engine, stopping)
    except TrackerError as error:
        print(error, file=sys.stderr)
        return CONFIGURATION_EXIT if isinstance(error, BadConfiguration) else 1
    gc.collect()
    gc.freeze()  # what was loaded stays: to look through it for garbage again and again costs 0.7 ms of CPU a unit
    log.info("worker %s started", worker.name, extra=fields(worker=worker.name))
    try:
        return once(worker) if options.once else forever(worker)
    finally:
        if server:
            server.shutdown()
        worker.stop()
        ready.close()
        log.info("worker %s stopped", worker.name, extra=fields(worker=worker.name))


def _begun(
    ready: Product, engine: str, stopping: threading.Event
) -> tuple[Worker | QueueWorker, ThreadingHTTPServer | None]:
    """The worker and its health; where one of them cannot be, nothing stays open."""
    try:
        worker = _worker(ready, engine, stopping)
        return worker, _serve(worker)
    except BaseException:
        ready.close()
        raise


def _worker(ready: Product, engine: str, stopping: threading.Event) -> Worker | QueueWorker:
    """The engine's worker. Only who asks for it loads Procrastinate: what that imports runs a program of the system."""
    if engine == OWN:
        return Worker(ready, stopping=stopping)
    from jobs.queue import QueueWorker  # noqa: PLC0415 - see above

    queue.check(ready.database.engine)
    return QueueWorker(ready, stopping=stopping)


def _serve(worker: Worker | QueueWorker) -> ThreadingHTTPServer | None:
    """The worker's health, where a port is set for it."""
    settings = worker.product.settings
    if settings.worker_port is None:
        return None
    return health.serve(settings.worker_host, settings.worker_port, worker.health, token=settings.metrics_token)


def forever(worker: Worker | QueueWorker) -> int:
    """Wake, work and sleep until asked to stop."""
    # A mail server or a monitor that hangs must not keep a reading waiting.
    threading.Thread(target=_deliver_until_stopped, args=(worker,), name="mail", daemon=True).start()
    threading.Thread(target=_ping_until_stopped, args=(worker,), name="ping", daemon=True).start()
    clock = Scheduler()
    if not isinstance(worker, Worker):
        from jobs.queue import run  # noqa: PLC0415 - see _worker

        clock.every(LIFE_S).seconds.do(_guarded("close_runs", worker.close_runs))
        threading.Thread(target=_keep_time, args=(_upkeep(clock, worker), worker), name="upkeep", daemon=True).start()
        asyncio.run(run(worker))
        return _code(worker)
    clock.every(WAKE_S).seconds.do(_guarded("wake", worker.wake))
    _upkeep(clock, worker)
    while not worker.stopping.is_set():
        clock.run_pending()
        _guarded("pump", lambda: worker.pump(POLL_S))()
    return _code(worker)


def _code(worker: Worker | QueueWorker) -> int:
    return CONFIGURATION_EXIT if worker.outdated else 0


def _upkeep(clock: Scheduler, worker: Worker | QueueWorker) -> Scheduler:
    """The clock with what every worker does now and then; done once at once."""
    clock.every(LIFE_S).seconds.do(_guarded("sign_of_life", worker.sign_of_life))
    clock.every(LIFE_S).seconds.do(_guarded("check_schema", lambda: _check_schema(worker)))
    clock.every(LOOK_EVERYWHERE_MIN).minutes.do(_guarded("look_everywhere", lambda: _look_everywhere(worker)))
    clock.run_all()
    return clock


def _check_schema(worker: Worker | QueueWorker) -> None:
    """End a worker that was forgotten at an upgrade: what the newer schema wants more of, it would not store."""
    try:
        migrations.check(worker.product.database.engine)
    except BadConfiguration as error:
        log.error("the worker ends: %s", error)  # noqa: TRY400 - the sentence is all there is to tell
        worker.outdated = True
        worker.stopping.set()


def _keep_time(clock: Scheduler, worker: QueueWorker) -> None:
    while not worker.stopping.wait(POLL_S):
        clock.run_pending()


def once(worker: Worker | QueueWorker) -> int:
    """Do everything due, waiting for other workers' leases; 1 when a key that works still owes something."""
    try:
        return _once(worker)
    except SQLAlchemyError as error:
        if not is_unable(error):
            raise
        log.exception("the run ends, for the database cannot do its part")
        return 1


def _once(worker: Worker | QueueWorker) -> int:
    worker.sign_of_life()
    reached("sign of life given")
    _guarded("mail", lambda: _deliver(worker))()
    held = _look_everywhere(worker)
    reached("every connection due for a look")
    if not isinstance(worker, Worker):
        from jobs.queue import run_once  # noqa: PLC0415 - see _worker

        asyncio.run(run_once(worker, owes=lambda: _owes(worker, held), poll_s=POLL_S))
    else:
        _to_the_end(worker, held)
    _guarded("ping", Ping(worker.product).look)()
    return 1 if any(plan.owed for plan in _plans(worker)) else 0


def _to_the_end(worker: Worker, held: list[Connection]) -> None:
    while not worker.stopping.is_set():
        worker.wake()
        worker.pump(POLL_S)
        if worker.rests or (worker.is_idle and not _owes(worker, held)):
            break


def _owes(worker: Worker | QueueWorker, held: list[Connection]) -> bool:
    """Whether anything is left that this run may do, or wait for. Those that were `held` before get their look now."""
    held[:] = reconcile.look_at(worker.product, held, now=utc_now())
    return any(plan.units or plan.leased or plan.needs_check for plan in _plans(worker))


def _deliver_until_stopped(worker: Worker | QueueWorker) -> None:
    while not worker.stopping.wait(WAKE_S):
        _guarded("mail", lambda: _deliver(worker))()


def _ping_until_stopped(worker: Worker | QueueWorker) -> None:
    ping = Ping(worker.product)
    while not worker.stopping.wait(LIFE_S):
        _guarded("ping", ping.look)()


def _deliver(worker: Worker | QueueWorker) -> None:
    mail.deliver(worker.product.database, worker.product.settings)


def _plans(worker: Worker | QueueWorker) -> list[Plan]:
    now = utc_now()
    return [reconcile.plan(worker.product, each, now=now) for each in reconcile.all_connections(worker.product)]


def _look_everywhere(worker: Worker | QueueWorker) -> list[Connection]:
    return reconcile.look_everywhere(worker.product, now=utc_now())


def _guarded(name: str, job: Callable[[], object]) -> Callable[[], None]:
    """The job, never raising: the `schedule` loop ends at the first exception it meets. What it raises is counted."""
    raised = metrics.LOOP_EXCEPTIONS.labels(name)

    def run() -> None:
        try:
            job()
        except Exception:
            raised.inc()
            log.exception("the worker's job %s failed; it is tried again", name)

    return run


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m jobs", description="Read every connection's usage, day by day.")
    parser.add_argument("--once", action="store_true", help="do everything due now, then exit")
    parser.add_argument(
        "--engine",
        choices=[OWN, PROCRASTINATE],
        default=OWN,
        help="who hands out the work: this process itself, or Procrastinate to many machines (PostgreSQL)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
