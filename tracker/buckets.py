"""Rows of usage by the bucket they lie in: held in memory, or, when they are too many, in a spool."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime

from tracker.errors import PayloadChanged
from tracker.spool import Spool
from tracker.usage import Dimensions, UsageRecord


class Buckets:
    """Rows by the start of their bucket (UTC), and within it by what they are about.

    However many there are, `held` rows and one bucket are in memory. There are no more than `most`.
    """

    def __init__(self, held: int = 30_000, most: int = 5_000_000) -> None:
        self.most_held, self._most = held, most
        self._held: dict[datetime, Mapping[Dimensions, UsageRecord]] = {}
        self._counts: dict[datetime, int] = {}
        self.held_rows = self._taken = 0
        self._spool: Spool | None = None

    @classmethod
    def of(cls, rows: Iterable[UsageRecord], **bounds: int) -> Buckets:
        """These rows, no two of which are alike in bucket and dimensions."""
        buckets: dict[datetime, dict[Dimensions, UsageRecord]] = {}
        for row in rows:
            buckets.setdefault(row.bucket_start, {})[row.dimensions] = row
        made = cls(**bounds)
        for start, told in buckets.items():
            made.put(start, told)
        return made

    def put(self, start: datetime, rows: Mapping[Dimensions, UsageRecord]) -> None:
        """Let these be the bucket's rows; PayloadChanged when more were ever put than can be true."""
        self._taken += len(rows)
        if self._taken > self._most:
            raise PayloadChanged(f"More than {self._most:,} rows were told at once. None of them is stored.")
        self.held_rows += len(rows) - len(self._held.pop(start, ()))
        if not rows:
            self._counts.pop(start, None)
            return
        self._counts[start], self._held[start] = len(rows), rows
        if self.held_rows > self.most_held:
            self._spill()

    def at(self, start: datetime) -> Collection[UsageRecord]:
        """The rows of the bucket that begins then; none where there is none."""
        if (held := self._held.get(start)) is not None:
            return held.values()
        return self._spool.read(start) if self._spool and start in self._counts else ()

    def count(self, start: datetime) -> int:
        """How many those are."""
        return self._counts.get(start, 0)

    @property
    def starts(self) -> list[datetime]:
        """Where the buckets begin, in order."""
        return sorted(self._counts)

    def __len__(self) -> int:
        return sum(self._counts.values())

    def __iter__(self) -> Iterator[UsageRecord]:
        """Every row, bucket by bucket."""
        for start in self.starts:
            yield from self.at(start)

    def _spill(self) -> None:
        spool = self._spool = self._spool or Spool()
        for start, rows in self._held.items():
            spool.write(start, rows.values())
        self._held.clear()
        self.held_rows = 0
