"""The rows of one answer of OpenAI's, gathered over all its buckets and pages by their natural key."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import cast

from tracker import clock
from tracker.errors import PayloadChanged
from tracker.providers import openai_payload as payload
from tracker.providers.openai_payload import Family
from tracker.usage import BilledCost, RowSetAside, UsageRecord

MAX_SET_ASIDE = 100
"""Rows, or whole buckets, of one unit that may be set aside. More mean that the form has changed: all is refused."""

Key = tuple[object, ...]


@dataclass
class Gathered:
    """What was told of a family (None: of the bill). The same row twice is one row.

    Of two different rows with one key nobody knows which is true: neither is kept, and both are set aside as one.
    """

    family: Family | None
    _rows: dict[Key, UsageRecord | BilledCost] = field(default_factory=dict)
    _aside: list[RowSetAside] = field(default_factory=list)
    _contested: dict[Key, RowSetAside] = field(default_factory=dict)

    def add(self, rows: Iterable[UsageRecord | BilledCost | RowSetAside]) -> None:
        """PayloadChanged when too many of them are to be set aside: that refuses the whole answer."""
        for row in rows:
            if isinstance(row, RowSetAside):
                self._aside.append(row)
                self._check_number()
                continue
            key = _identity(row)
            known = self._rows.setdefault(key, row)
            if known is not row and known != row:
                self._contested.setdefault(key, _contested(self.family, row))
                self._check_number()

    def add_bucket(self, records: Sequence[UsageRecord]) -> None:
        """The same for sound rows, quicker where none of them was told before."""
        told: dict[Key, UsageRecord | BilledCost] = {(row.bucket_start, row.dimensions): row for row in records}
        if len(told) == len(records) and self._rows.keys().isdisjoint(told):
            self._rows.update(told)
        else:
            self.add(records)

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def usage(self) -> tuple[UsageRecord, ...]:
        """The sound rows of usage."""
        return tuple(cast("Iterable[UsageRecord]", self._kept())) if self.family else ()

    @property
    def costs(self) -> tuple[BilledCost, ...]:
        """The sound lines of the bill."""
        return () if self.family else tuple(cast("Iterable[BilledCost]", self._kept()))

    @property
    def aside(self) -> tuple[RowSetAside, ...]:
        return (*self._aside, *self._contested.values())

    def _kept(self) -> Iterable[UsageRecord | BilledCost]:
        if not self._contested:
            return self._rows.values()
        return (row for key, row in self._rows.items() if key not in self._contested)

    def _check_number(self) -> None:
        if len(self._aside) + len(self._contested) > MAX_SET_ASIDE:
            raise PayloadChanged(f"{self.aside[0].reason} More than {MAX_SET_ASIDE} of its rows cannot be read.")


def _identity(row: UsageRecord | BilledCost) -> Key:
    if isinstance(row, UsageRecord):
        return (row.bucket_start, row.dimensions)
    return (row.day, row.line_item, row.project_id, row.api_key_id, row.currency, row.quantity_unit)


def _contested(family: Family | None, row: UsageRecord | BilledCost) -> RowSetAside:
    of, start = (row.dimensions, row.bucket_start) if isinstance(row, UsageRecord) else (row, clock.day_start(row.day))
    names = family.dimensions if family else payload.BILL_DIMENSIONS
    told = {name: getattr(of, name) for name in names}
    return payload.row_aside(family, start, "it was told twice, with different figures", told)
