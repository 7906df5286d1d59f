"""Several processes of a new installation begin at once, as containers do."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from tests.conftest import fresh_name
from tests.postgres import PostgresServer, await_waiting
from tracker import product, vault
from tracker.db import open_database
from tracker.errors import BadConfiguration
from tracker.keyring import KeyRing


def test_two_processes_that_begin_at_once_both_begin(
    postgres_server: PostgresServer, migrated_template: str, tmp_path: Path
) -> None:
    """The second finds no canary of the ring until the first has committed its own."""
    ring = KeyRing.create(tmp_path / "keyring.json")
    with postgres_server.database(fresh_name(), template=migrated_template) as url:
        database = open_database(url, role="owner")
        with psycopg.connect(url.replace("+psycopg", "")) as first, ThreadPoolExecutor(1) as second:
            first.execute("insert into kek_canaries values ('k1', %s)", (vault.seal_canary(ring, "k1"),))
            begun = second.submit(product.plant_canaries, database, ring, {"k1"})
            await_waiting(url, 1)
            first.commit()
            begun.result()
        with pytest.raises(BadConfiguration, match=r"another key k1\. Give both the same ring"):
            product.plant_canaries(database, KeyRing.fresh("k1"), {"k1"})
        database.engine.dispose()
