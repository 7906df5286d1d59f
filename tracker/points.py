"""Named places in the code at which a test may watch, fail or end the process. In production nobody listens.

A label says what has just been done; each stands in one place. `watch` is refused unless the clock was moved
(TRACKER_NOW), and then only this machine is called anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tracker import clock

Watcher = Callable[[str], None]

_watcher: Watcher | None = None


def reached(label: str) -> None:
    """Say that the process has come to this place."""
    if _watcher is not None:
        _watcher(label)


@contextmanager
def watch(watcher: Watcher) -> Iterator[None]:
    """Let the watcher hear of every label, in whatever thread, and do what it likes there. For tests only."""
    global _watcher
    if not clock.is_moved():
        raise RuntimeError("Only a process whose clock was moved for a test may be watched.")
    _watcher, before = watcher, _watcher
    try:
        yield
    finally:
        _watcher = before
