"""The rows of one answer of OpenAI's, gathered over all its buckets and pages by their natural key."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain

from tracker import clock
from tracker.buckets import Buckets
from tracker.errors import PayloadChanged
from tracker.providers import openai_payload as payload
from tracker.providers.openai_payload import Family
from tracker.providers.retry import Limits
from tracker.usage import BilledCost, Dimensions, RowSetAside, UsageRecord

MAX_SET_ASIDE = 100
"""Rows, or whole buckets, of one unit that may be set aside. More mean that the form has changed: all is refused."""

Key = tuple[object, ...]
"""What tells a row or a line of the bill from all others."""


@dataclass
class Gathered:
    """What was told of a family (None: of the bill). The same row twice is one row.

    Of two different rows with one key nobody knows which is true: neither is kept, and both are set aside as one.
    """

    family: Family | None
    limits: Limits
    _lines: dict[Key, BilledCost] = field(default_factory=dict)
    _aside: list[RowSetAside] = field(default_factory=list)
    _contested: dict[Key, RowSetAside] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._usage = Buckets(self.limits.held_rows, self.limits.most_rows)

    def __len__(self) -> int:
        return len(self._usage) + len(self._lines)

    def add_bucket(self, start: datetime, records: Sequence[UsageRecord]) -> None:
        """Sound rows of a bucket of usage. PayloadChanged, as below, when too many rows are to be set aside."""
        told, known = {row.dimensions: row for row in records}, self._usage.count(start)
        if len(told) < len(records) or known:
            told = self._united(chain(self._usage.at(start), records))
        if len(told) > known:
            self._usage.put(start, told)

    def add_rows(self, start: datetime, rows: Iterable[UsageRecord | RowSetAside]) -> None:
        """Rows of a bucket of usage, sound ones and others."""
        sound = []
        for row in rows:
            if isinstance(row, UsageRecord):
                sound.append(row)
            else:
                self.set_aside([row])
        self.add_bucket(start, sound)

    def add_lines(self, lines: Iterable[BilledCost | RowSetAside]) -> None:
        """Lines of the bill."""
        for line in lines:
            if isinstance(line, RowSetAside):
                self.set_aside([line])
            elif self._lines.setdefault(key := _key(line), line) != line:
                self._contest(key, clock.day_start(line.day), line)

    def set_aside(self, rows: Iterable[RowSetAside]) -> None:
        """Rows that cannot be true."""
        for row in rows:
            self._aside.append(row)
            self._check_number()

    @property
    def usage(self) -> Buckets:
        """The sound rows of usage."""
        for start in self._usage.starts if self._contested else ():
            sound = {row.dimensions: row for row in self._usage.at(start) if _key(row) not in self._contested}
            if len(sound) < self._usage.count(start):
                self._usage.put(start, sound)
        return self._usage

    @property
    def costs(self) -> tuple[BilledCost, ...]:
        """The sound lines of the bill."""
        return tuple(line for key, line in self._lines.items() if key not in self._contested)

    @property
    def aside(self) -> tuple[RowSetAside, ...]:
        return (*self._aside, *self._contested.values())

    def _united(self, rows: Iterable[UsageRecord]) -> dict[Dimensions, UsageRecord]:
        """The rows of a bucket, each once: the first that was told of it."""
        found: dict[Dimensions, UsageRecord] = {}
        for row in rows:
            if found.setdefault(row.dimensions, row) != row:
                self._contest(_key(row), row.bucket_start, row.dimensions)
        return found

    def _contest(self, key: Key, start: datetime, of: Dimensions | BilledCost) -> None:
        names = self.family.dimensions if self.family else payload.BILL_DIMENSIONS
        told = {name: getattr(of, name) for name in names}
        wrong = "it was told twice, with different figures"
        self._contested.setdefault(key, payload.row_aside(self.family, start, wrong, told))
        self._check_number()

    def _check_number(self) -> None:
        if len(self._aside) + len(self._contested) > MAX_SET_ASIDE:
            raise PayloadChanged(f"{self.aside[0].reason} More than {MAX_SET_ASIDE} of its rows cannot be read.")


def _key(row: UsageRecord | BilledCost) -> Key:
    if isinstance(row, UsageRecord):
        return (row.bucket_start, row.dimensions)
    return (row.day, row.line_item, row.project_id, row.api_key_id, row.currency, row.quantity_unit)
