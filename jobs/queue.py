"""The same units of work handed out by Procrastinate, to any number of workers on any number of machines.

The ledger stays the truth. A job only names a unit; whoever takes it asks the ledger anew and works under its lease, so
a job that is lost, doubled or late changes nothing, and workers of both engines may run at once. No unit's job has a
queueing lock and no job of a dead worker is put back: either would wedge a key for good (a retry that meets a second
job of the same queueing lock stays `doing` under a live worker). Its job is dropped instead, and deferred again from
the ledger; so is one that a live worker has done and could not end (`jobs/queued.py`).
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from procrastinate import App, PsycopgConnector, exceptions, jobs
from sqlalchemy.exc import DBAPIError

from jobs.queued import CHECK, NAMES, DatabaseRetry, Item, Jobs, items_of
from jobs.worker import THREADS, UNWELL_AFTER_S, Stopping
from tracker import checking, describing, fetching, health, reconcile, runs
from tracker.clock import utc_now
from tracker.coverage import Unit, next_daily
from tracker.db import is_retryable
from tracker.fetching import Done, Outcome
from tracker.health import Health
from tracker.migrations.queue import SCHEMA
from tracker.product import Product
from tracker.reconcile import Connection
from tracker.runs import Run

log = logging.getLogger(__name__)

UNITS, UPKEEP = "units", "upkeep"

LOOK, RECOVER, PRUNE = "* * * * * */2", "* * * * * */15", "17 3 * * *"
"""When the ledger is looked at, when jobs of dead workers are dropped, and when old ones go. Seconds stand last."""

BEAT_S, DEAD_AFTER_S = 5, 20
KEPT_HOURS = 72
TICK_S, RESTART_S = 0.25, 2.0

FETCH_S = 0.25
"""Between looks for jobs. A connection's next job waits for its lock, and nobody is told when that is free."""

QUIET_S = 10
"""A connection that was not worked on for so long has come to the end of a run."""


@dataclass
class QueueWorker:
    """One process's worker of this engine; `name` owns its leases, `taken` counts the jobs it took.

    `outdated` once the schema is another version's.
    """

    product: Product
    threads: int = THREADS
    name: str = field(default_factory=lambda: f"q-{secrets.token_hex(6)}")
    started_at: datetime = field(default_factory=utc_now)
    stopping: threading.Event = field(default_factory=threading.Event)
    outdated: bool = False
    taken: int = 0
    _busy: int = 0
    _runs: dict[Connection, tuple[Run, float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _seen_at: float = field(default_factory=time.monotonic)

    def owed(self) -> list[Item]:
        """What is due, one of each connection first, so that a long history keeps nobody waiting."""
        now = utc_now()
        ranks: dict[int, list[Item]] = defaultdict(list)
        for connection in reconcile.due_connections(self.product, now=now):
            plan = reconcile.plan(self.product, connection, now=now)
            items = items_of(connection, plan)
            for rank, item in enumerate(items):
                ranks[rank].append(item)
            if not items:
                reconcile.set_next_due(self.product, connection, plan, seen=now)
        return [item for rank in sorted(ranks) for item in ranks[rank]]

    def do(self, item: Item) -> None:
        """Do what a job names, if it is still owed. Raises only what `DatabaseRetry` may want to try again."""
        with self._lock:
            self._busy += 1
            self.taken += 1
        try:
            done = self._done(item)
        finally:
            with self._lock:
                self._busy -= 1
        if done is None:
            return
        if done.outcome is Outcome.FAILED:
            log.warning(
                "%s %s of connection %d: %s", item.what, item.start, item.connection.provider_key_id, done.reason
            )
        self._count(item.connection, done)

    def _done(self, item: Item) -> Done | None:
        plan = reconcile.plan(self.product, item.connection, now=utc_now())
        if item not in items_of(item.connection, plan):
            return None  # done meanwhile, or another worker's
        unit = next((each for each in plan.units if (each.endpoint, str(each.start)) == (item.what, item.start)), None)
        try:
            return self._work(item.connection, unit) if unit else self._attend(item)
        except Stopping:
            return fetching.give_back(self.product, item.connection, unit, owner=self.name) if unit else None
        except Exception as error:
            if isinstance(error, DBAPIError) and is_retryable(error):
                raise
            log.exception("%s %s of connection %d raised", item.what, item.start, item.connection.provider_key_id)
            return self._set_aside(item.connection, unit, error)

    def _work(self, connection: Connection, unit: Unit) -> Done:
        return fetching.work(self.product, connection, unit, owner=self.name, wait=self._wait)

    def _attend(self, item: Item) -> Done:
        if item.what == CHECK:
            checking.check(self.product, item.connection, wait=self._wait)
        elif item.what == NAMES:
            checking.read_names(self.product, item.connection, wait=self._wait)
        else:
            of = item.connection
            describing.read(self.product, of.workspace_id, of.provider_key_id, wait=self._wait)
        return Done(Outcome.TAKEN)

    def _set_aside(self, connection: Connection, unit: Unit | None, error: Exception) -> Done:
        if unit is None:
            checking.postpone(self.product, connection, error)
            return Done(Outcome.FAILED, reason=checking.reason_of(error))
        return fetching.put_aside(self.product, connection, unit, owner=self.name, error=error)

    def _wait(self, seconds: float) -> None:
        if self.stopping.wait(seconds):
            raise Stopping

    def _count(self, connection: Connection, done: Done) -> None:
        with self._lock:
            run, _ = self._runs.get(connection) or (None, 0)
            run = run or runs.open_run(self.product.database, connection, worker=self.name)
            run.count(done)
            self._runs[connection] = (run, time.monotonic())

    def close_runs(self, *, quiet_s: float = QUIET_S) -> None:
        """End the runs on connections that were not worked on for so long."""
        with self._lock:
            over = [of for of, (_, at) in self._runs.items() if time.monotonic() - at >= quiet_s]
            ended = [self._runs.pop(of)[0] for of in over]
        for run in ended:
            runs.close_run(self.product.database, run)

    def sign_of_life(self, *, stopped: bool = False) -> None:
        """Tell the database, and through it the pages, that this worker lives."""
        next_run_at = next_daily(utc_now(), self.product.settings.fetch_hour_utc)
        runs.sign_of_life(
            self.product.database, self.name, started_at=self.started_at, next_run_at=next_run_at, stopped=stopped
        )

    def stop(self) -> None:
        """End the runs and say so."""
        self.stopping.set()
        self.close_runs(quiet_s=0)
        self.sign_of_life(stopped=True)

    def health(self) -> Health:
        """How this worker is; of many, one at a time looks at the ledger for all."""
        own = {"units_in_hand": self._busy, "connections_in_work": len(self._runs)}
        looks = not self.stopping.is_set() and time.monotonic() - self._seen_at < UNWELL_AFTER_S
        return health.of_worker(self.product.database, now=utc_now(), looks=looks, own=own)

    def seen(self) -> None:
        """Note that the loop which takes jobs goes round."""
        self._seen_at = time.monotonic()


def app_of(worker: QueueWorker) -> App:
    """Procrastinate with our tasks, in its own schema and as the worker's role."""
    logging.getLogger("procrastinate").setLevel(logging.WARNING)  # else two lines a job
    url = worker.product.database.engine.url.set(drivername="postgresql")
    options = f"-c search_path={SCHEMA} -c role=tracker_worker"
    connector = PsycopgConnector(
        conninfo=url.render_as_string(hide_password=False),
        kwargs={"options": options},
        min_size=1,
        max_size=worker.threads + 3,
    )
    app = App(connector=connector)
    app.job_manager = Jobs(app.connector)

    @app.task(name="unit", queue=UNITS, retry=DatabaseRetry())
    def _unit(**arguments: Any) -> None:
        worker.do(Item.of(arguments))

    @app.periodic(cron=LOOK)
    @app.task(name="look", queue=UPKEEP, lock="look", queueing_lock="look", priority=100)
    async def _look(timestamp: int) -> None:  # noqa: ARG001 Procrastinate's
        await look(app, worker)

    @app.periodic(cron=RECOVER)
    @app.task(name="recover", queue=UPKEEP, queueing_lock="recover", priority=100)
    async def _recover(timestamp: int) -> None:  # noqa: ARG001 Procrastinate's
        await drop_stalled(app)

    @app.periodic(cron=PRUNE)
    @app.task(name="prune", queue=UPKEEP, queueing_lock="prune")
    async def _prune(timestamp: int) -> None:  # noqa: ARG001 Procrastinate's
        await app.job_manager.delete_old_jobs(nb_hours=KEPT_HOURS, include_failed=True, include_aborted=True)

    return app


async def look(app: App, worker: QueueWorker) -> int:
    """Defer what the ledger says is due and no job names yet; how many jobs that made."""
    # In this order: what is done in between is neither owed nor deferred a second time.
    named = {Item.of(dict(job.task_kwargs)) for job in await _open_jobs(app)}
    owed = await asyncio.to_thread(worker.owed)
    missing = [item for item in owed if item not in named]
    if missing:
        # At once: each by itself wakes every worker, and the last connection's jobs come seconds after the first's.
        await app.job_manager.batch_defer_jobs_async(_jobs(app, missing))
    return len(missing)


def _jobs(app: App, items: Iterable[Item]) -> list[jobs.Job]:
    """A job for each; the first of a connection goes before the second of any other."""
    ranks, made = Counter[str](), list[jobs.Job]()
    for item in items:
        task = app.configure_task("unit", lock=item.lock, queue=UNITS, priority=-ranks[item.lock])
        made.append(task.make_new_job(**item.arguments))
        ranks[item.lock] += 1
    return made


async def _open_jobs(app: App) -> list[jobs.Job]:
    listed = [await app.job_manager.list_jobs_async(task="unit", status=status) for status in ("todo", "doing")]
    return [job for some in listed for job in some]


async def drop_stalled(app: App, *, dead_after_s: float = DEAD_AFTER_S) -> int:
    """Drop the jobs of workers that are gone; how many. The ledger has their units done by others, under new leases."""
    stalled = list(await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=dead_after_s))
    for job in stalled:
        log.warning("job %s of a worker that is gone is dropped", job.id)
        with suppress(exceptions.ConnectorException):  # another saw it, too, and was first
            await app.job_manager.finish_job(job=job, status=jobs.Status.FAILED, delete_job=True)
    return len(stalled)


async def work(app: App, worker: QueueWorker, *, forever: bool = True) -> None:
    """Take jobs until asked to stop, or until there are none."""
    await app.run_worker_async(
        name=worker.name,
        concurrency=worker.threads,
        wait=forever,
        fetch_job_polling_interval=FETCH_S,
        install_signal_handlers=False,
        delete_jobs="successful",
        update_heartbeat_interval=BEAT_S,
        stalled_worker_timeout=DEAD_AFTER_S,
        shutdown_graceful_timeout=20,
    )


async def run(worker: QueueWorker) -> None:
    """Work until `stopping`, and begin anew whenever the database went away."""
    while not worker.stopping.is_set():
        try:
            await _run(worker)
        except Exception:
            log.exception("the queue does not answer; it is tried again")
            await asyncio.to_thread(worker.stopping.wait, RESTART_S)


async def _run(worker: QueueWorker) -> None:
    """Work until `stopping`, then let the units in hand end or be given back."""
    app = app_of(worker)
    async with app.open_async():
        working = asyncio.create_task(work(app, worker))
        while not worker.stopping.is_set() and not working.done():
            worker.seen()
            await asyncio.wait({working}, timeout=TICK_S)
        working.cancel()
        ended = (await asyncio.gather(working, return_exceptions=True))[0]
    if isinstance(ended, Exception):
        raise ended


async def run_once(worker: QueueWorker, *, owes: Callable[[], bool], poll_s: float) -> None:
    """Do everything due; `owes` tells whether anything is left that this run is to wait for."""
    app = app_of(worker)
    async with app.open_async():
        while not worker.stopping.is_set():
            await drop_stalled(app)
            made, before = await look(app, worker), worker.taken
            await work(app, worker, forever=False)
            if made or worker.taken > before:  # the queue tells of no job whose connection has another in work
                continue
            if not await asyncio.to_thread(owes):
                return
            await asyncio.sleep(poll_s)
