"""The worker's hands: a few threads, fair turns between connections, and a record of each run.

`wake` looks for connections with due work, `pump` keeps the threads busy and gathers what they did. The worker may
be killed between any two lines: the ledger's leases and fences make that safe, not anything in here.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from jobs.schedule import Turns
from tracker import checking, describing, fetching, health, metrics, reconcile, runs
from tracker.clock import utc_now
from tracker.coverage import Unit, next_daily
from tracker.db import is_unable
from tracker.fetching import Done, Outcome
from tracker.health import Health
from tracker.points import reached
from tracker.product import Product
from tracker.reconcile import Connection
from tracker.redact import fields
from tracker.runs import Run

log = logging.getLogger(__name__)

THREADS = 4
"""More would wait for SQLite's one writer; many machines scale by more workers."""

REST_S = 15
"""How long a worker does nothing after the database failed it."""

UNWELL_AFTER_S = 120
"""A worker looks for work every second; one that has not for so long is stuck."""


class Stopping(Exception):
    """The worker is ending and does not wait for a provider any longer."""


@dataclass(frozen=True)
class Task:
    """What a thread is busy with: a unit, or the check (None) that precedes a connection's units."""

    connection: Connection
    unit: Unit | None


@dataclass
class Worker:
    """One process's worker; `name` owns its leases. `outdated` once the schema is another version's."""

    product: Product
    threads: int = THREADS
    name: str = field(default_factory=lambda: f"w-{secrets.token_hex(6)}")
    started_at: datetime = field(default_factory=utc_now)
    stopping: threading.Event = field(default_factory=threading.Event)
    outdated: bool = False
    _turns: Turns = field(default_factory=Turns)
    _busy: dict[Future[Done], Task] = field(default_factory=dict)
    _runs: dict[Connection, Run] = field(default_factory=dict)
    _woke_at: float = field(default_factory=time.monotonic)
    _rests_until: float = 0

    def __post_init__(self) -> None:
        self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="unit")

    @property
    def is_idle(self) -> bool:
        return not self._busy and not self._runs

    @property
    def rests(self) -> bool:
        """Whether the worker begins nothing for a moment, because the database failed it."""
        return time.monotonic() < self._rests_until

    def wake(self) -> None:
        """Plan the connections whose time has come and that are not being worked on."""
        now, self._woke_at = utc_now(), time.monotonic()
        if self.rests:
            return
        with self._or_rest():
            for connection in reconcile.due_connections(self.product, now=now):
                # Also one whose run was left open because looking at it failed, say for want of the database.
                if not self._in_hand(connection):
                    self._plan(connection, now)

    def pump(self, timeout_s: float) -> None:
        """Fill free threads, then wait until one is done or the time is over, and gather what is done."""
        with self._or_rest():
            while len(self._busy) < self.threads and self._may_begin() and (task := self._turns.take()):
                self._submit(*task)
        if self._busy:
            done, _ = wait(self._busy, timeout=timeout_s, return_when=FIRST_COMPLETED)
            for future in done:
                with self._or_rest():
                    self._gather(future)
        else:
            self.stopping.wait(timeout_s)

    def stop(self) -> None:
        """End after the units in hand; waits for providers are cut short and their units given back."""
        self.stopping.set()
        self._pool.shutdown(wait=True, cancel_futures=True)
        for future in list(self._busy):
            with self._or_rest():
                self._gather(future)
        with self._or_rest():
            for run in self._runs.values():
                runs.close_run(self.product.database, run)
            self.sign_of_life(stopped=True)

    def health(self) -> Health:
        """How this worker is; it goes on looking while it has looked lately and is not ending."""
        seconds = time.monotonic() - self._woke_at
        own = {
            "seconds_since_look": round(seconds, 1),
            "units_in_hand": len(self._busy),
            "connections_in_work": len(self._runs),
            "rests": int(self.rests),
        }
        looks = seconds < UNWELL_AFTER_S and self._may_begin()
        return health.of_worker(self.product.database, now=utc_now(), looks=looks, own=own)

    def sign_of_life(self, *, stopped: bool = False) -> None:
        """Tell the database, and through it the pages, that this worker lives."""
        runs.sign_of_life(
            self.product.database,
            self.name,
            started_at=self.started_at,
            next_run_at=next_daily(utc_now(), self.product.settings.fetch_hour_utc),
            stopped=stopped,
        )

    def _may_begin(self) -> bool:
        return not self.stopping.is_set() and not self.rests

    @contextmanager
    def _or_rest(self) -> Iterator[None]:
        """Around what needs the database. While that cannot be written, nothing is asked of a provider either."""
        try:
            yield
        except Exception as error:
            if not is_unable(error):
                raise
            metrics.LOOP_EXCEPTIONS.labels("database").inc()
            log.exception("the worker rests for %d s, for nothing can be stored", REST_S)
            self._rests_until = time.monotonic() + REST_S

    def _plan(self, connection: Connection, now: datetime) -> None:
        """Look at what a connection owes; with nothing left, close its run and note when to look next."""
        plan = reconcile.plan(self.product, connection, now=now)
        reached("connection planned")
        if plan.needs_check:
            self._start(connection, lambda: self._check(connection), None)
        elif plan.passport_new:
            self._start(connection, lambda: self._passport(connection), None)
        elif plan.units:
            self._run_of(connection)
            self._turns.plan(connection, plan.units)
        elif plan.names_due:
            self._start(connection, lambda: self._names(connection), None)
        elif plan.passport_due:
            self._start(connection, lambda: self._passport(connection), None)
        else:
            reconcile.set_next_due(self.product, connection, plan, seen=now)
            reached("next look noted")
            if run := self._runs.pop(connection, None):
                runs.close_run(self.product.database, run)
                reached("run closed")

    def _submit(self, connection: Connection, unit: Unit) -> None:
        self._start(connection, lambda: self._work(connection, unit), unit)

    def _start(self, connection: Connection, work: Callable[[], Done], unit: Unit | None) -> None:
        self._run_of(connection)
        self._busy[self._pool.submit(work)] = Task(connection, unit)
        reached("unit handed to a thread")

    def _run_of(self, connection: Connection) -> Run:
        if connection not in self._runs:
            self._runs[connection] = runs.open_run(self.product.database, connection, worker=self.name)
            reached("run opened")
        return self._runs[connection]

    def _gather(self, future: Future[Done]) -> None:
        """Count what a thread did; when the connection has nothing left in hand, look at it again."""
        task = self._busy.pop(future)
        done = self._result(future, task)
        self._runs[task.connection].count(done)
        reached("end of a unit counted")
        if done.outcome is Outcome.FAILED:
            log.warning("%s of connection %d: %s", *_about(task), done.reason, extra=_fields(task))
        if done.outcome in {Outcome.FAILED, Outcome.EDGE, Outcome.PAUSED}:
            self._turns.drop(task.connection)  # what is due now has to be asked of the ledger anew
        if not self._in_hand(task.connection) and not self.stopping.is_set():
            self._plan(task.connection, utc_now())

    def _in_hand(self, connection: Connection) -> bool:
        return self._turns.has(connection) or any(task.connection == connection for task in self._busy.values())

    def _result(self, future: Future[Done], task: Task) -> Done:
        """The thread's result. The one broad catch: a defect in one unit must not stop the others."""
        try:
            return future.result()
        except (Stopping, CancelledError):
            return self._given_back(task)
        except Exception as error:
            log.exception("%s of connection %d raised", *_about(task), extra=_fields(task))
            return self._set_aside(task, error)

    def _given_back(self, task: Task) -> Done:
        if task.unit is None:
            return Done(Outcome.TAKEN)
        return fetching.give_back(self.product, task.connection, task.unit, owner=self.name)

    def _set_aside(self, task: Task, error: Exception) -> Done:
        if task.unit is None:
            checking.postpone(self.product, task.connection, error)
            return Done(Outcome.FAILED, reason=checking.reason_of(error))
        return fetching.put_aside(self.product, task.connection, task.unit, owner=self.name, error=error)

    def _work(self, connection: Connection, unit: Unit) -> Done:
        return fetching.work(self.product, connection, unit, owner=self.name, wait=self._wait)

    def _check(self, connection: Connection) -> Done:
        checking.check(self.product, connection, wait=self._wait)
        return Done(Outcome.TAKEN)

    def _names(self, connection: Connection) -> Done:
        checking.read_names(self.product, connection, wait=self._wait)
        return Done(Outcome.TAKEN)

    def _passport(self, connection: Connection) -> Done:
        describing.read(self.product, connection.workspace_id, connection.provider_key_id, wait=self._wait)
        return Done(Outcome.TAKEN)

    def _wait(self, seconds: float) -> None:
        if self.stopping.wait(seconds):
            raise Stopping


def _about(task: Task) -> tuple[str, int]:
    what = f"{task.unit.endpoint} of {task.unit.start}" if task.unit else "the check or the names"
    return what, task.connection.provider_key_id


def _fields(task: Task) -> dict[str, dict[str, str | float | None]]:
    return fields(
        workspace=task.connection.workspace_id,
        connection=task.connection.provider_key_id,
        endpoint=task.unit.endpoint if task.unit else None,
        day=str(task.unit.start) if task.unit else None,
    )
