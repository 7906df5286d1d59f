"""Which unit next? Pure: fair turns between connections, so that a long history never keeps a new key waiting."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from tracker.coverage import Unit
from tracker.reconcile import Connection


@dataclass
class Turns:
    """Planned units by connection; `take` goes round the connections, each unit in its connection's own order."""

    _queues: dict[Connection, deque[Unit]] = field(default_factory=dict)

    def plan(self, connection: Connection, units: Iterable[Unit]) -> None:
        """Replace what is planned for a connection; it goes to the end of the round."""
        self._queues.pop(connection, None)
        if queue := deque(units):
            self._queues[connection] = queue

    def take(self) -> tuple[Connection, Unit] | None:
        """The next unit of the connection whose turn it is; None when nothing is planned."""
        if not self._queues:
            return None
        connection = next(iter(self._queues))
        queue = self._queues.pop(connection)
        unit = queue.popleft()
        if queue:
            self._queues[connection] = queue
        return connection, unit

    def drop(self, connection: Connection) -> None:
        """Forget what is planned for a connection."""
        self._queues.pop(connection, None)

    def has(self, connection: Connection) -> bool:
        """Whether anything is planned for a connection."""
        return connection in self._queues
