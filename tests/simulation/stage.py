"""Workers that take turns: real ones, of which one runs at a time, switched and struck at the labelled places."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.exc import OperationalError

from jobs.worker import REST_S, Worker
from tests.simulation.story import Story
from tracker import reconcile
from tracker.clock import utc_now
from tracker.product import Product

SWITCHES = frozenset(
    {"unit begun", "claim committed", "call on record", "answer received", "page read", "answer complete"}
    | {"unit committed", "failure committed", "verdict committed", "run opened", "connection planned", "run closed"}
)
"""Places at which no transaction is open, so that another worker can go on."""

SWITCHED = 0.05
HELD_UP = timedelta(minutes=10)
MOST_ROUNDS = 2_000
PUMPED = 8
"""So often a worker looks for what is done before it looks again for what is due."""

FAILING = {"about to commit": "database fault", "committed": "commit's answer lost"}
DATABASE_FAULTS = ("database is locked", "disk I/O error", "database or disk is full")


class Killed(BaseException):
    """The worker ends here, as if by SIGKILL."""


class AtOnce(ThreadPoolExecutor):
    """Does what it is given before it answers."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done = Future[Any]()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 a pool's thread hands it on, too
            done.set_exception(error)
        return done


@dataclass
class OneThread(Worker):
    """The worker with all its work on its own thread, and with the story's time to wait in."""

    threads: int = 1
    story: Story | None = None

    def __post_init__(self) -> None:
        self._pool = AtOnce()

    def _wait(self, seconds: float) -> None:
        assert self.story
        self.story.pass_time(timedelta(seconds=seconds))

    def work_until_idle(self) -> None:
        for _ in range(MOST_ROUNDS):
            self.wake()
            for _ in range(PUMPED):
                self.pump(0)
            if self.rests:
                self._wait(REST_S)
            elif not self._has_work() and not reconcile.due_connections(self.product, now=utc_now()):
                return
        raise AssertionError("a worker goes round in circles")

    def _has_work(self) -> bool:
        """Also without any a run may be open: the one that the database let nobody close."""
        return any(self._in_hand(connection) for connection in self._runs)


class Stage:
    """The workers of a story, of which one runs at a time."""

    def __init__(self, story: Story, product: Product) -> None:
        self.story, self.product = story, product
        self.failures: list[BaseException] = []
        self._control = _taken()
        self._turns: dict[str, threading.Lock] = {}
        self._held_until: dict[str, datetime] = {}
        self._made = 0

    def run(self, workers: int) -> None:
        """Until nothing is due; who was killed is followed by another, who was held up goes on later."""
        while len(self._turns) < workers:
            self._start()
        while not self.failures and (ready := [name for name in sorted(self._turns) if not self._is_held(name)]):
            self._turns[self.story.chance.choice(ready)].release()
            self._control.acquire()

    def end(self) -> None:
        """Let those who were held up come to their end."""
        self.story.pass_time(2 * HELD_UP)
        self.run(0)

    def reached(self, label: str) -> None:
        """The watcher of the labelled places: here fate strikes."""
        name, story = threading.current_thread().name, self.story
        if name not in self._turns:
            return
        story.note(label, who=name)
        if story.strikes(story.weather.kill):
            raise Killed
        if label in FAILING and story.strikes(story.weather.fault):
            story.happens(FAILING[label], who=name)
            raise OperationalError("commit", None, sqlite3.OperationalError(story.chance.choice(DATABASE_FAULTS)))
        if label in SWITCHES:
            story.jump(name)
            if story.strikes(SWITCHED):
                self._hand_over(name)

    def _hand_over(self, name: str) -> None:
        if self.story.strikes(self.story.weather.hold):
            self.story.happens("held up", who=name)
            self._held_until[name] = self.story.now + HELD_UP
        self._control.release()
        self._turns[name].acquire()

    def _is_held(self, name: str) -> bool:
        return self._held_until.get(name, self.story.now) > self.story.now

    def _start(self) -> None:
        self._made += 1
        name = f"w-{self._made:04}"
        self._turns[name] = _taken()
        threading.Thread(target=self._live, args=(name,), name=name, daemon=True).start()

    def _live(self, name: str) -> None:
        self._turns[name].acquire()
        killed = False
        try:
            OneThread(self.product, name=name, story=self.story).work_until_idle()
        except Killed:
            self.story.happens("killed", who=name)
            killed = True
        except BaseException as error:  # noqa: BLE001 told by the thread that judges
            self.failures.append(error)
        del self._turns[name]
        if killed:
            self._start()
        self._control.release()


def _taken() -> threading.Lock:
    """A lock that somebody else gives back: a turn, for a tenth of what a semaphore takes."""
    lock = threading.Lock()
    lock.acquire()
    return lock
