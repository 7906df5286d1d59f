"""What a unit of work costs at the very least: the straightest code for each of its steps, none of our layers between.

In it: the key's envelope is opened; both transactions are committed on the disk through the bare driver, with the
statements and values that the product sent for that key; the answer is got with a pooled client of the HTTP library
and decoded by type; every count is checked, every row priced exactly, hashed and made as the database takes it.
Not in it: whether a statement stays in its workspace, deadlines and tries, what an answer's head tells, answers and
rows that are not just so, days read before, names' colours, errors, records of what is set aside, metrics.
"""

from __future__ import annotations

import hashlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from operator import attrgetter
from typing import Any

import httpx
import psycopg
from sqlalchemy import event

from bench.measure import of_runs, spread
from bench.payload import COMPLETIONS, DAY, HOURS, OF, ROWS
from tracker import connections, db, opened, vault
from tracker.db import Database, plain
from tracker.keyring import KeyRing
from tracker.product import Product
from tracker.providers import openai_typed
from tracker.ratecards import RateCard, rate_card
from tracker.reconcile import Connection
from tracker.series import digest
from tracker.usage import Dimensions
from tracker.vault import Binding, Sealed

Statement = tuple[str, Any, bool]
"""Text, parameters, and whether they are many."""


@contextmanager
def heard(database: Database) -> Iterator[list[Statement]]:
    """Every statement that the block sends to the database."""
    found: list[Statement] = []

    def hear(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:  # noqa: FBT001 the library's way
        found.append((statement, parameters, many))

    taken: Any = plain.Taken
    send = taken.send

    def sent(self: Any, text: str, values: Any, *, many: bool = False, fetch: bool = False) -> Any:
        found.append((text, values, many))
        return send(self, text, values, many=many, fetch=fetch)

    event.listen(database.engine, "before_cursor_execute", hear)
    taken.send = sent  # the same, heard; what is sent as plain text passes by the library's events
    try:
        yield found
    finally:
        taken.send = send
        event.remove(database.engine, "before_cursor_execute", hear)


def bare_ms(database: Database, statements: list[Statement]) -> dict[str, float]:
    """Milliseconds of a transaction's statements through the bare driver; they are taken back each time."""
    url = database.engine.url
    if url.get_backend_name() == "sqlite":
        with closing(sqlite3.connect(str(url.database), isolation_level=None)) as raw:
            return spread(lambda: _again(raw, statements, "BEGIN IMMEDIATE"), times=25)
    address = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address, autocommit=True) as connection:
        return spread(lambda: _again(connection, statements, "BEGIN"), times=25)


def _again(connection: Any, statements: list[Statement], begin: str) -> None:
    with closing(connection.cursor()) as cursor:
        cursor.execute(begin)
        for statement, parameters, many in statements:
            if not statement.startswith("BEGIN"):
                (cursor.executemany if many else cursor.execute)(statement, parameters)
                if cursor.description:
                    cursor.fetchall()
        cursor.execute("ROLLBACK")


@dataclass(frozen=True)
class Unit:
    """A unit that the product did: its sealed key, and the statements of its two transactions."""

    of: Binding
    sealed: Sealed
    claim: list[Statement]
    store: list[Statement]


def noted(ready: Product, of: Connection, work: Callable[[], object]) -> Unit:
    """What `work`, which does a unit of the connection, sends."""
    with ready.database.workspace(of.workspace_id) as session:
        row = opened.present(session, of)
        binding, sealed = connections.binding(row), connections.sealed_of(row)
    with heard(ready.database) as sent:
        work()
    first, second = (number for number, (text, *_) in enumerate(sent) if text.startswith("BEGIN"))
    return Unit(binding, sealed, sent[first + 1 : second], sent[second + 1 :])


@contextmanager
def copied(database: Database) -> Iterator[sqlite3.Connection]:
    """The file as it is now once more, on the same disk and set up as the product's; at the end both hold the same."""
    file = str(database.engine.url.database)
    with (
        closing(sqlite3.connect(f"{file}-floor", check_same_thread=False)) as kept,
        closing(sqlite3.connect(file)) as products,
    ):
        products.backup(kept)
        db._set_up_sqlite(kept, db.CACHE_KIB["worker"])  # noqa: SLF001 - the same
        yield kept
        assert kept.execute(SUMS).fetchall() == products.execute(SUMS).fetchall()


SUMS = "select count(*), sum(rows), sum(requests), sum(output_tokens), sum(estimated_cost) from daily_usage"


PARTS = ("open_key", "claim", "get", "decode", "price", "hash", "store")
COUNTS = attrgetter(
    *("num_model_requests", "input_tokens", "input_cached_tokens", "output_tokens"),
    *("input_audio_tokens", "output_audio_tokens"),
)


@dataclass(frozen=True)
class Floor:
    """Does units the straightest way, from any thread: one writer at a time, several small pools in turn."""

    kept: sqlite3.Connection
    ring: KeyRing
    address: str
    clients: Iterator[httpx.Client]
    turn: threading.Lock = field(default_factory=threading.Lock)

    def work(self, unit: Unit) -> list[float]:
        """Do one: milliseconds of this thread's CPU for each of PARTS."""
        at = [time.thread_time()]
        key = vault.open_key(self.ring, unit.of, unit.sealed)
        at.append(time.thread_time())
        ((call,),) = self._written(unit.claim)
        at.append(time.thread_time())
        headers = {"Authorization": f"Bearer {key.reveal()}"}
        body = next(self.clients).get(self.address + COMPLETIONS.path, headers=headers).content
        at.append(time.thread_time())
        buckets = decoded(body)
        at.append(time.thread_time())
        rows = priced(unit.of.key_id, buckets)
        at.append(time.thread_time())
        hashlib.sha256("\n".join(sorted([repr(row[:-2]) for row in rows])).encode()).digest()
        at.append(time.thread_time())
        self._written(unit.store, rows=rows, workspace_id=unit.of.workspace_id, call=call)
        at.append(time.thread_time())
        return [(after - before) * 1_000 for before, after in pairwise(at)]

    def _written(
        self, statements: list[Statement], *, rows: Sequence[Any] = (), workspace_id: int = 0, call: int = 0
    ) -> list[Any]:
        """A committed transaction with these rows and the number of this call; what its last statement finds."""
        found, ids = [], dict[bytes, int]()
        with self.turn, closing(self.kept.cursor()) as cursor:
            cursor.execute("BEGIN IMMEDIATE")
            for text, told, many in statements:
                values = told
                if text.startswith("INSERT INTO usage_events"):
                    values = [
                        (workspace_id, at, ids[series], *counts, cost, 0, version)
                        for at, series, *counts, cost, version in rows
                    ]
                elif text.startswith("UPDATE provider_calls"):
                    values = (*told[:-1], call)
                (cursor.executemany if many else cursor.execute)(text, values)
                found = cursor.fetchall() if cursor.description else []
                if text.startswith("SELECT usage_series.digest"):
                    ids = dict(found)
            cursor.execute("COMMIT")
        return found


def decoded(body: bytes) -> list[Any]:
    """The buckets of an answer; each count is within bounds by its type, and no name stands twice."""
    names = tuple(openai_typed.NAME.findall(openai_typed.FIRST_ROW.search(body)[1]))  # type: ignore[index]
    buckets = openai_typed._form(COMPLETIONS.name, names).decoder.decode(body).data  # noqa: SLF001 - the same
    if body.count(b":") != len(names) * ROWS + 4 * HOURS + 4:
        raise ValueError("a name stands twice")
    return buckets


def priced(key_id: int, buckets: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Each row: its bucket, series and counts, which nest, its exact cost in nano-dollars, and which rates it has."""
    alike: dict[Any, tuple[RateCard, bytes]] = {}
    rows = []
    for bucket in buckets:
        for row in bucket.results:
            of, counts = OF(row), COUNTS(row)
            if of not in alike:
                alike[of] = _alike(key_id, row)
            card, series = alike[of]
            requests, tokens, cached, *_, audio, spoken = counts
            if cached > tokens or audio or spoken:
                raise ValueError("a part that is more than its whole, or audio, which this data has not")
            number = card.region_number(tokens, requests=requests)
            cost = card.regions[number].charge.nanos(row)
            rows.append((bucket.start_time, series, *counts, cost, number + 1))
    return rows


def _alike(key_id: int, row: Any) -> tuple[RateCard, bytes]:
    """What rows of the same dimensions share: their rates and the name of their series."""
    card = rate_card("openai", row.model, "standard", DAY)
    assert isinstance(card, RateCard)
    of = Dimensions(
        *(COMPLETIONS.name, COMPLETIONS.width_s, row.model, row.project_id, row.api_key_id),
        *(row.user_id, row.service_tier, row.batch),
    )
    return card, digest(key_id, of)


def figures(done: Sequence[Sequence[float]]) -> dict[str, object]:
    """CPU milliseconds of units: all of each, and the median of each part."""
    parts = zip(PARTS, zip(*done, strict=True), strict=True)
    return {
        "cpu_ms": of_runs([sum(each) for each in done]),
        "parts_ms": {name: of_runs(list(part))["median"] for name, part in parts},
    }
