"""Which unit next? Pure: fair turns between connections, so that a long history never keeps a new key waiting."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from tracker.coverage import Unit
from tracker.reconcile import Connection


@dataclass
class Turns:
    """Planned units. `take` goes round the workspaces, within each round its connections, each in its own order.

    So who has a hundred keys waits no longer than who has one, and makes nobody else wait longer.
    """

    _workspaces: dict[int, dict[Connection, deque[Unit]]] = field(default_factory=dict)

    def plan(self, connection: Connection, units: Iterable[Unit]) -> None:
        """Replace what is planned for a connection; it goes to the end of its workspace's round."""
        self.drop(connection)
        if queue := deque(units):
            self._workspaces.setdefault(connection.workspace_id, {})[connection] = queue

    def take(self) -> tuple[Connection, Unit] | None:
        """The next unit of the connection whose turn it is; None when nothing is planned."""
        if not self._workspaces:
            return None
        workspace_id = next(iter(self._workspaces))
        queues = self._workspaces.pop(workspace_id)
        connection = next(iter(queues))
        queue = queues.pop(connection)
        unit = queue.popleft()
        if queue:
            queues[connection] = queue
        if queues:
            self._workspaces[workspace_id] = queues
        return connection, unit

    def drop(self, connection: Connection) -> None:
        """Forget what is planned for a connection."""
        queues = self._workspaces.get(connection.workspace_id, {})
        queues.pop(connection, None)
        if not queues:
            self._workspaces.pop(connection.workspace_id, None)

    def has(self, connection: Connection) -> bool:
        """Whether anything is planned for a connection."""
        return connection in self._workspaces.get(connection.workspace_id, {})
