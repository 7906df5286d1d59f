"""What is put into Procrastinate's queue: what a job names, when it is tried again, and how workers take it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from procrastinate import BaseRetryStrategy, RetryDecision, exceptions, jobs
from procrastinate.manager import JobManager
from sqlalchemy.exc import DBAPIError

from tracker.db import is_retryable
from tracker.reconcile import Connection, Plan

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
    """Procrastinate's, for many workers: two that reach for jobs of one connection at once are told of it by an error.

    The one that came second has no job for now, and goes on; unheeded, the error would end its worker.
    """

    async def fetch_job(self, queues: Iterable[str] | None, worker_id: int) -> jobs.Job | None:
        try:
            return await super().fetch_job(queues, worker_id)
        except exceptions.UniqueViolation:
            return None
