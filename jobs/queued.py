"""What is put into Procrastinate's queue: what a job names, when it is tried again, and how workers take it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from procrastinate import BaseRetryStrategy, RetryDecision, exceptions, jobs
from procrastinate.connector import BaseConnector
from procrastinate.manager import JobManager
from sqlalchemy.exc import DBAPIError

from tracker.db import is_retryable
from tracker.reconcile import Connection, Plan

log = logging.getLogger(__name__)

DEPTH = 16
"""Jobs of one connection that wait at most: what is due is looked at again before they are done.

Those of days before the history are found void one by one, when the provider has told where it begins.
"""

MOST_RETRIES = 5

CHECK, NAMES, PASSPORT = "check", "names", "passport"


@dataclass(frozen=True)
class Item:
    """What a job names: a connection, and a unit by its endpoint and first day, or one of the words above."""

    connection: Connection
    what: str
    start: str = ""

    @property
    def lock(self) -> str:
        """Jobs of one connection run one after the other, wherever."""
        return f"key:{self.connection.provider_key_id}"

    @property
    def arguments(self) -> dict[str, Any]:
        of = self.connection
        return {"workspace": of.workspace_id, "key": of.provider_key_id, "what": self.what, "start": self.start}

    @classmethod
    def of(cls, arguments: dict[str, Any]) -> Item:
        of = Connection(arguments["workspace"], arguments["key"])
        return cls(of, arguments["what"], arguments["start"])


def retry_in_s(exception: BaseException, attempts: int) -> int | None:
    """Seconds until a job is tried again that was tried so often before; None: not by the queue."""
    lost = isinstance(exception, DBAPIError) and is_retryable(exception)
    return 2**attempts if lost and attempts < MOST_RETRIES else None


class DatabaseRetry(BaseRetryStrategy):
    """A job that the database failed is tried again soon. What a provider fails is the ledger's to put off."""

    def get_retry_decision(self, *, exception: BaseException, job: jobs.Job) -> RetryDecision | None:
        seconds = retry_in_s(exception, job.attempts)
        return None if seconds is None else RetryDecision(retry_in={"seconds": seconds})


def items_of(connection: Connection, plan: Plan) -> list[Item]:
    """What a connection owes, as jobs, in order."""
    if plan.needs_check:
        return [Item(connection, CHECK)]
    passport = [Item(connection, PASSPORT)]
    first = passport if plan.passport_new else []
    if plan.units:
        return [*first, *(Item(connection, unit.endpoint, str(unit.start)) for unit in plan.units[:DEPTH])]
    if plan.names_due:
        return [*first, Item(connection, NAMES)]
    return passport if plan.passport_due else []


class Jobs(JobManager):
    """Procrastinate's, for many workers, and for connections that end.

    A job of ours whose last statement fails would stay `doing` for as long as its worker lives, and its lock would
    keep every other job of the key from being taken: it is dropped before another is reached for.
    """

    def __init__(self, connector: BaseConnector) -> None:
        super().__init__(connector)
        self._unended: list[int] = []

    async def fetch_job(self, queues: Iterable[str] | None, worker_id: int) -> jobs.Job | None:
        """Of two workers that reach for jobs of one connection at once, the second has none for now, and goes on.

        It is told so by an error, which, unheeded, would end it.
        """
        await self._drop_unended(worker_id)
        try:
            return await super().fetch_job(queues, worker_id)
        except exceptions.UniqueViolation:
            return None

    async def finish_job(self, job: jobs.Job, status: jobs.Status, delete_job: bool) -> None:  # noqa: FBT001 Procrastinate's
        with self._noting(job):
            await super().finish_job(job, status, delete_job)

    async def retry_job(self, job: jobs.Job, *args: Any, **more: Any) -> None:
        with self._noting(job):
            await super().retry_job(job, *args, **more)

    @contextmanager
    def _noting(self, job: jobs.Job) -> Iterator[None]:
        try:
            yield
        except Exception:
            if job.id is not None:
                self._unended.append(job.id)
            raise

    async def _drop_unended(self, worker_id: int) -> None:
        """What fails here ends the worker, which begins anew; its jobs are then those of a worker that is gone."""
        while self._unended:
            # Asked first: it may be that only the answer was lost.
            for job in await self.list_jobs_async(id=self._unended[-1], status="doing", worker_id=worker_id):
                log.warning("job %s could not be ended and is dropped", job.id)
                await super().finish_job(job, jobs.Status.FAILED, delete_job=True)
            self._unended.pop()
