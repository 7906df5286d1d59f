"""What the provider told differently later is kept with both values, and every use of a key can be listed."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from tests.installation import NOW, installed
from tests.tracker.builders import AFTER, DAY, record, store, two_workspaces
from tracker import calls, clock, restatements
from tracker.db import Database
from tracker.sandbox import World


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    with two_workspaces(migrated_url) as opened:
        yield opened


def test_a_restated_day_keeps_both_values_and_the_difference(database: Database) -> None:
    store(database, record(1, tokens=1_000))
    store(database, record(1, tokens=2_000), record(2), now=AFTER + clock.DAY)
    store(database, record(1, model="unheard-of"), now=AFTER + 2 * clock.DAY)

    with database.workspace(1) as session:
        unpriced, dearer = restatements.read(session, 1, DAY, DAY + clock.DAY)
        assert restatements.read(session, 1, DAY, DAY + clock.DAY, most=1) == [unpriced]
        assert restatements.read(session, 1, DAY + clock.DAY, DAY + 2 * clock.DAY) == []
    assert (dearer.before, dearer.after) == (Decimal("0.00265"), Decimal("0.0078"))
    assert dearer.difference == Decimal("0.00515")
    assert (dearer.rows_before, dearer.rows_after, dearer.seen_at) == (1, 2, AFTER + clock.DAY)
    assert unpriced.after is None and unpriced.difference is None
    with database.workspace(2) as session:
        assert restatements.read(session, 2, DAY, DAY + clock.DAY) == []


def test_the_list_of_calls_is_the_list_of_requests_the_provider_saw(migrated_url: str, tmp_path: Path) -> None:
    clock.start_at(NOW)
    with installed(World(days=3, keeps=3), migrated_url, tmp_path) as ready:
        assert ready.fetch() == 0
        with ready.product.database.workspace(ready.workspace_id) as session:
            made = list(calls.made(session, ready.workspace_id))
            assert list(calls.made(session, ready.workspace_id, provider_key_id=99)) == []
        seen = [(request.method, request.path) for request in ready.server.requests]

    assert {call.method for call in made} == {"GET"}
    assert sorted((call.method, httpx.URL(call.path).path) for call in made) == sorted(seen)
    assert all(call.status and call.received_bytes and call.duration_ms is not None for call in made)
    assert [call.at for call in made] == sorted(call.at for call in made)
