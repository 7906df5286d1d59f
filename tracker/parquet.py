"""Rows as a Parquet file, a row group at a time: memory stays flat whatever the length of the file.

Money is decimal128 with nine digits behind the point, exactly as stored; instants are UTC.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import pyarrow as pa
from pyarrow import parquet

ROWS_A_GROUP = 20_000

TEXT, COUNT, FLAG = pa.string(), pa.int64(), pa.bool_()
MONEY, INSTANT, DAY = pa.decimal128(38, 9), pa.timestamp("us", tz="UTC"), pa.date32()

Columns = Sequence[tuple[str, pa.DataType]]


class _Outbox(io.RawIOBase):
    """Takes what the writer writes, and hands it on."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, part: Any, /) -> int:
        data = bytes(part)
        self._parts.append(data)
        return len(data)

    def taken(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)


def chunks(columns: Columns, rows: Iterable[Sequence[object]]) -> Iterator[bytes]:
    """The file piece by piece; a row has a value for each column, None for unknown."""
    schema, outbox, left = pa.schema(list(columns)), _Outbox(), iter(rows)
    with parquet.ParquetWriter(outbox, schema, compression="zstd") as writer:
        while group := list(islice(left, ROWS_A_GROUP)):
            values = zip(*group, strict=True)
            arrays = [pa.array(each, kind) for each, (_, kind) in zip(values, columns, strict=True)]
            writer.write_table(pa.table(arrays, schema=schema))
            yield outbox.taken()
    yield outbox.taken()
