"""The hash by which the ledger knows that a day is told as before."""

from __future__ import annotations

import hashlib
from decimal import Decimal

from tests.tracker.builders import DAY, record
from tracker import ingest
from tracker.usage import BilledCost


def test_a_days_hash_is_of_its_rows_as_they_are_spelled() -> None:
    usage = [record(hour, model=model) for hour in (0, 1) for model in ("b", "a", None)]
    costs = [BilledCost(DAY, Decimal("1.50"), "usd", line_item="x")]

    for rows in (usage, usage[::-1], costs, []):
        spelled = "\n".join(sorted(map(repr, rows)))
        assert ingest._digest(rows) == hashlib.sha256(spelled.encode()).digest()
