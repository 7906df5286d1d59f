"""The hash of a day's rows, whatever their order: equal hashes mean that nothing has to be written.

It is over the rows' texts, sorted. As the text of a row of usage begins with its bucket, buckets in the order of their
own texts, each with its rows sorted, give the same: no more than one bucket's texts are held at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from tracker.buckets import Buckets
from tracker.usage import BilledCost, UsageRecord

MOST_TEXTS = 50_000
"""Values whose text is remembered at a time: a flood has no end of them."""


class _Texts(dict[Any, str]):
    """The text of each value, made once: hours and dimensions repeat."""

    def __missing__(self, value: object) -> str:
        if len(self) >= MOST_TEXTS:
            self.clear()
        made = self[value] = repr(value)
        return made


def of_usage(usage: Buckets, starts: Iterable[datetime]) -> bytes:
    """The hash of a day's usage: of its buckets that begin then."""
    texts, found = _Texts(), hashlib.sha256()
    for number, start in enumerate(sorted(starts, key=repr)):
        text = "\n".join(sorted(_usage_texts(usage.at(start), texts)))
        found.update(f"\n{text}".encode() if number else text.encode())
    return found.digest()


def of_bill(lines: Iterable[BilledCost]) -> bytes:
    """The hash of a day's bill."""
    return hashlib.sha256("\n".join(sorted(map(repr, lines))).encode()).digest()


def _usage_texts(rows: Iterable[UsageRecord], of: _Texts) -> Iterator[str]:
    """The rows as `repr` spells them, which the hashes of every ledger were made of."""
    for row in rows:
        start, dimensions, measures = of[row.bucket_start], of[row.dimensions], row.measures
        yield f"UsageRecord(bucket_start={start}, dimensions={dimensions}, measures={measures!r})"


EMPTY = of_bill(())
