"""The hash by which the ledger knows that a day is told as before."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.seeds import examples
from tests.tracker.builders import DAY, record
from tracker import clock, day_hash
from tracker.buckets import Buckets
from tracker.usage import BilledCost, Measures, UsageRecord

# Starts whose texts are of any length, and in another order than the times.
STARTS = st.timedeltas(timedelta(), clock.DAY - timedelta(seconds=1)).map(lambda since: clock.day_start(DAY) + since)
ROWS = st.builds(
    UsageRecord,
    STARTS.flatmap(lambda start: st.sampled_from([start, start.replace(minute=0, second=0, microsecond=0)])),
    st.sampled_from([record(model=model).dimensions for model in ("b", "a", "ab", None, "'", "\n", "é")]),
    st.builds(Measures, requests=st.none() | st.integers(0, 12)),
)


def hash_of(rows: Iterable[UsageRecord | BilledCost]) -> bytes:
    """As every ledger holds it."""
    return hashlib.sha256("\n".join(sorted(map(repr, rows))).encode()).digest()


@settings(max_examples=examples(60), deadline=None)
@given(
    rows=st.lists(ROWS, max_size=30, unique_by=lambda row: (row.bucket_start, row.dimensions)), held=st.integers(0, 9)
)
def test_bucket_by_bucket_a_days_hash_is_of_all_its_rows_as_they_are_spelled(
    rows: list[UsageRecord], held: int
) -> None:
    buckets = Buckets.of(rows, held=held)

    assert day_hash.of_usage(buckets, buckets.starts) == hash_of(rows)


def test_a_bills_hash_is_of_its_lines_as_they_are_spelled() -> None:
    lines = [BilledCost(DAY, Decimal("1.50"), "usd", line_item=item) for item in ("x", "a", None)]

    for bill in (lines, lines[::-1], []):
        assert day_hash.of_bill(bill) == hash_of(bill)
