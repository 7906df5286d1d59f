"""Rows of usage in a file without a name, a piece for each bucket: what a flood tells is not held in memory.

The file is gone with the process, however that ends, or with the last who holds the spool. Only this user could read
it, and no secret is in it.
"""

from __future__ import annotations

import os
import tempfile
import weakref
import zlib
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec
from msgspec.structs import astuple

from tracker.errors import NoRoom
from tracker.usage import Dimensions, Measures, UsageRecord

QUICK = 1
"""How hard `zlib` tries: what rows are about repeats so much that this makes a tenth of it."""

ENCODER = msgspec.msgpack.Encoder()
DECODER = msgspec.msgpack.Decoder(list[tuple[tuple[Any, ...], tuple[int | None, ...]]])


class Spool:
    """A place for each bucket's rows; a bucket that is written again has a new one."""

    def __init__(self) -> None:
        """NoRoom, here as below, where the folder for temporary files is full or cannot be written."""
        try:
            self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 open as long as the spool is
        except OSError as error:
            raise NoRoom from error
        weakref.finalize(self, self._file.close)
        self._places: dict[datetime, tuple[int, int]] = {}
        self._end = 0

    def write(self, start: datetime, rows: Iterable[UsageRecord]) -> None:
        """Keep the rows of the bucket that begins then."""
        told = [(astuple(row.dimensions), astuple(row.measures)) for row in rows]
        piece = zlib.compress(ENCODER.encode(told), QUICK)
        try:
            self._append(piece)
        except OSError as error:
            raise NoRoom from error
        self._places[start] = self._end - len(piece), len(piece)

    def read(self, start: datetime) -> list[UsageRecord]:
        """The rows of the bucket, as they were written."""
        offset, length = self._places[start]
        told = DECODER.decode(zlib.decompress(os.pread(self._file.fileno(), length, offset)))
        return [UsageRecord(start, _dimensions(dimensions), Measures(*counts)) for dimensions, counts in told]

    def _append(self, piece: bytes) -> None:
        left = memoryview(piece)
        while left:
            written = os.pwrite(self._file.fileno(), left, self._end)
            self._end, left = self._end + written, left[written:]


@lru_cache(maxsize=50_000)  # rows are about the same from bucket to bucket
def _dimensions(told: tuple[Any, ...]) -> Dimensions:
    return Dimensions(*told)
