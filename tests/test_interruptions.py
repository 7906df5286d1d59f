"""What comes between a worker and its work: a stop beyond its lease, wrong clocks, missed months, a poisoned key."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, update
from sqlalchemy.exc import OperationalError

import tracker.ledger
from jobs.__main__ import once
from jobs.worker import Worker
from tests.installation import NOW, Installation, expected, held
from tests.places import ended, killed_at, started
from tests.small import Small, assert_true, small
from tracker import access, clock, connections, fetching, points, reconcile
from tracker.coverage import LEASE, LedgerDay
from tracker.fetching import Outcome
from tracker.models import KeyStatus
from tracker.overview import keys
from tracker.providers.http import ClientPool
from tracker.reconcile import Connection
from tracker.sandbox.server import Seen

START = clock.day_of(NOW) - timedelta(days=9)
STOPPED_FOR = timedelta(minutes=10)
YEAR, DAY, MINUTE = timedelta(days=365), timedelta(days=1), timedelta(minutes=1)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def kept(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    on_postgres = request.param == "postgresql"
    server = request.getfixturevalue("postgres_server") if on_postgres else None
    template = request.getfixturevalue("migrated_template" if on_postgres else "migrated_file")
    with small(tmp_path_factory.mktemp("kept"), server, template) as made:
        yield made


@pytest.fixture
def new(kept: Small, tmp_path: Path) -> Iterator[Installation]:
    """A key that was never used."""
    with kept.as_of("new", tmp_path / "data") as ready:
        yield ready


@pytest.fixture
def read(kept: Small, tmp_path: Path) -> Iterator[Installation]:
    """All of nine days was read once."""
    with kept.as_of("read", tmp_path / "data") as ready:
        yield ready


def test_a_worker_stopped_beyond_its_lease_stores_nothing_when_it_goes_on(kept: Small, new: Installation) -> None:
    child = started(lambda: stopped_with_an_answer_in_hand(kept, new.environ))
    assert os.WIFSTOPPED(os.waitpid(child, os.WUNTRACED)[1])
    taken = leased(new)
    new.later(NOW + STOPPED_FOR)
    assert new.fetch() == 0
    before = ledger(new)

    os.kill(child, signal.SIGCONT)

    assert ended(child) == 0
    assert_true(new, NOW + STOPPED_FOR)
    assert {before[day].fence for day in taken} == {2}, "nothing was taken over"
    assert {day: ledger(new)[day] for day in taken} == {day: before[day] for day in taken}


def stopped_with_an_answer_in_hand(kept: Small, environ: dict[str, str]) -> None:
    """A worker that stops itself with its first answer, and goes on when others are ten minutes further."""
    stops = ["answer complete"]

    def stop(label: str) -> None:
        if label in stops:
            stops.clear()
            signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)  # this thread at once, between two statements
            clock.start_at(NOW + STOPPED_FOR)

    with points.watch(stop), kept.installed(environ) as ready:
        worker = Worker(ready.product, threads=1)
        once(worker)
        worker.stop()


CHANGING_ZONES = {
    "an hour back": "XST8XDT,J60/2,J324/2",
    "an hour on": "XST-10XDT,J324/2,J60/3",
    "half an hour on": "XST-10:30XDT-11,J324/2,J60/2",
}
"""Zones of a machine that change on 20 November, within the days that are read (POSIX, IEEE 1003.1-2017, 8.3)."""


@pytest.fixture(params=CHANGING_ZONES)
def changing_zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", CHANGING_ZONES[request.param])
    time.tzset()
    offsets = {day.astimezone().utcoffset() for day in (NOW - 9 * DAY, NOW)}
    assert len(offsets) == 2, "the zone does not change"
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("changing_zone")
def test_a_machine_whose_clocks_change_reads_the_same_days(kept: Small, new: Installation) -> None:
    """Killed with the first rows written, it goes on; days of billing are UTC's wherever the machine stands."""

    def work() -> None:
        with kept.installed(new.environ) as ready:
            ready.fetch()

    assert killed_at(work, "new rows inserted")
    new.later(NOW + LEASE)

    assert new.fetch() == 0
    assert_true(new, NOW)


def ledger(ready: Installation) -> dict[tuple[str, date], LedgerDay]:
    with ready.product.database.workspace(1) as session:
        found = tracker.ledger.read(session, 1, 1)
    return {(endpoint, day): row for endpoint, days in found.items() for day, row in days.items()}


def leased(ready: Installation) -> list[tuple[str, date]]:
    return [day for day, row in ledger(ready).items() if row.lease_until]


@pytest.mark.parametrize("jump", [YEAR, -YEAR])
def test_a_clock_that_jumps_by_a_year_and_back_costs_nothing(new: Installation, jump: timedelta) -> None:
    """The provider keeps the right time; ours is judged by its answers, as it is without TRACKER_NOW."""
    world, own = new.world, replace(new.product, clients=ClientPool())
    moved, clock_of_world = Installation(new.environ, new.server, own, 1), world.now
    jumped = timedelta()
    world.now = lambda: clock.utc_now() - jumped
    try:
        jumped = jump
        clock.start_at(NOW + jump)
        moved.fetch()
        jumped = timedelta()
        clock.start_at(NOW + 20 * MINUTE)

        assert moved.fetch() == 0
    finally:
        world.now = clock_of_world
        own.clients.close()

    assert_true(new, NOW)


def test_a_clock_set_right_in_the_middle_of_a_unit_leaves_no_day_as_read_in_the_future(new: Installation) -> None:
    """A machine that woke with a clock a year ahead begins a unit, and is then told the time."""
    begun, steps = list[str](), iter([lambda: clock.start_at(NOW)])

    def set_right(label: str) -> None:
        if label == "claim committed":
            begun.append(label)
        elif label == "call on record" and begun:
            next(steps, lambda: None)()

    clock.start_at(NOW + YEAR)
    with points.watch(set_right):
        new.fetch()

    assert begun and next(steps, None) is None
    assert [day for day, row in ledger(new).items() if row.fetched_at and row.fetched_at > NOW + DAY] == []
    new.later(NOW + 20 * MINUTE)
    assert new.fetch() == 0
    assert_true(new, NOW)


@pytest.mark.parametrize("off", [2 * DAY, -2 * DAY], ids=["ahead", "behind"])
def test_what_was_asked_for_with_a_wrong_clock_is_not_stored_by_a_right_one(new: Installation, off: timedelta) -> None:
    of = Connection(new.workspace_id, 1)
    clock.start_at(NOW + off)
    unit = reconcile.plan(new.product, of, now=clock.utc_now()).units[0]
    with points.watch(lambda label: clock.start_at(NOW) if label == "answer complete" else None):
        done = fetching.work(new.product, of, unit, owner="test", wait=lambda _: None)

    assert done.outcome is Outcome.FAILED
    assert "clock was set while the days were read" in (done.reason or "")
    assert [row for row in ledger(new).values() if row.fetched_at] == []


def test_over_the_turns_of_the_calendar_and_ninety_missed_days_every_day_is_read_once(read: Installation) -> None:
    read.world.keeps = 400
    for year, month, day in ((2026, 12, 31), (2027, 1, 1), (2027, 2, 28), (2027, 3, 1), (2027, 5, 31)):
        now = datetime(year, month, day, 0, 30, tzinfo=UTC)
        read.later(now)
        assert read.fetch() == 0
        assert_true(read, now)

    days = sorted(day for name, day in ledger(read) if name == "costs")
    assert days[-190:] == clock.days(date(2026, 11, 23), date(2027, 6, 1))
    read.world.keeps = 9


def test_a_leap_day_is_read_like_any_other_and_once(read: Installation) -> None:
    for day in (date(2028, 2, 29), date(2028, 3, 1)):
        read.later(clock.day_start(day) + 30 * MINUTE)
        assert read.fetch() == 0

    start, end = date(2028, 2, 27), date(2028, 3, 1)
    truth = expected(read.world, clock.day_start(start), clock.day_start(end), "globex")
    assert held(read.csv(start, end)) == {key: row for key, row in truth.items() if key[0] == "completions"}
    assert {key[1][:10] for key in held(read.csv(start, end))} >= {"2028-02-28", "2028-02-29"}
    assert [day for name, day in ledger(read) if name == "costs" and start <= day < end] == clock.days(start, end)


def of_bill(seen: Seen) -> bool:
    return seen.path.endswith("/costs")


@contextmanager
def poisoned(ready: Installation, is_poison: Callable[[Seen], bool]) -> Iterator[None]:
    """Something that nobody foresaw is in the answers to these requests. For one thread."""

    def raise_(label: str) -> None:
        if label == "answer complete" and is_poison(ready.server.requests[-1]):
            raise RuntimeError("nobody foresaw this")

    with points.watch(raise_):
        yield


def test_what_nobody_foresaw_is_set_aside_for_ever_longer_and_blocks_nothing(new: Installation) -> None:
    waits = list[timedelta]()
    with poisoned(new, of_bill):
        for _ in range(4):
            assert new.fetch(threads=1) == 1
            at = max(row.retry_at for (name, _), row in ledger(new).items() if name == "costs" and row.retry_at)
            waits.append(at - clock.utc_now())
            new.later(at + MINUTE)

    assert all(longer > shorter for shorter, longer in pairwise(waits)) and waits[-1] > 10 * waits[0]
    assert new.csv(START, clock.day_of(NOW))
    assert connections.find(new.product, 1, 1).status == KeyStatus.VALID
    assert new.fetch() == 0
    assert_true(new, NOW)


def test_a_key_with_which_all_fails_is_set_aside_whole_with_its_reason_and_blocks_no_other(new: Installation) -> None:
    owner = new.as_("owner")
    other = access.add_user(owner.database, "bo@acme.example", "a long enough password")
    connections.add(owner, other, provider="openai", label="healthy", text=new.world.keys["empty_org"])
    waits, asked = list[timedelta](), list[int]()
    with poisoned(new, lambda seen: seen.key_kind == "globex"):
        for _ in range(4):
            before = calls_of(new, "globex")
            assert new.fetch(threads=1) == 1
            asked.append(calls_of(new, "globex") - before)
            (card,) = keys.read(new.product, 1, now=clock.utc_now()).keys
            assert card.retry_at and "RuntimeError" in (card.reason or "")
            assert not reconcile.plan(new.product, Connection(other, 2), now=clock.utc_now()).owed
            waits.append(card.retry_at - clock.utc_now())
            new.later(card.retry_at + MINUTE)

    assert all(longer > shorter for shorter, longer in pairwise(waits)) and waits[-1] > 50 * waits[0]
    assert asked[0] > 1 and asked[1:] == [1] * 3
    assert new.fetch() == 0
    assert_true(new, NOW)
    row = connections.find(new.product, 1, 1)
    assert (row.status, row.failures, row.retry_at) == (KeyStatus.VALID, 0, None)


def calls_of(ready: Installation, kind: str) -> int:
    return len([each for each in ready.server.requests if each.key_kind == kind])


@pytest.mark.parametrize(("ahead", "asks"), [(DAY, False), (DAY + MINUTE, True)])
def test_a_key_waits_a_day_at_most_whatever_a_wrong_clock_wrote(
    new: Installation, ahead: timedelta, asks: bool
) -> None:
    """No Retry-After is believed for longer, and nothing of ours is put off for longer."""
    with new.product.database.workspace(1, write=True) as session:
        session.execute(update(reconcile.KEYS).where(reconcile.KEYS.c.workspace_id == 1).values(retry_at=NOW + ahead))

    planned = reconcile.plan(new.product, Connection(1, 1), now=NOW)

    assert bool(planned.units) is asks


def test_a_commit_whose_answer_is_lost_is_done_once(new: Installation) -> None:
    """The transaction is repeated, as for any lost connection, and finds its work done."""
    storing, lost = set[str](), list[str]()

    def lose(label: str) -> None:
        thread = threading.current_thread().name  # another's commit at that moment is no unit's
        if label == "unit stored":
            storing.add(thread)
        elif label == "committed" and thread in storing:
            storing.remove(thread)
            lost.append(label)
            raise OperationalError("commit", None, sqlite3.OperationalError("database is locked"))

    with points.watch(lose):
        assert new.fetch() == 0

    assert len(lost) > 1
    assert_true(new, NOW)


def refuse_writes(ready: Installation, kept: Small, *, on: bool) -> None:
    """Make the database one that can only be read, as a standby is, or a file on a disk mounted so; or put it back."""
    engine = ready.product.database.engine
    if kept.postgres:
        value = "on" if on else "off"
        kept.postgres.execute(f'alter database "{engine.url.database}" set default_transaction_read_only = {value}')
    elif on:
        event.listen(engine, "connect", query_only)
    else:
        event.remove(engine, "connect", query_only)
    engine.dispose()


def query_only(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA query_only=ON")


def test_where_nothing_can_be_written_the_worker_asks_nothing_and_goes_on_later(kept: Small, new: Installation) -> None:
    asked = len(new.server.requests)
    new.later(NOW + MINUTE)
    refuse_writes(new, kept, on=True)
    try:
        worker = Worker(new.product)
        worker.wake()
        worker.pump(0)
        assert new.fetch() == 1
        assert worker.rests and worker.health().status == 503
    finally:
        refuse_writes(new, kept, on=False)
        worker.stop()
    assert len(new.server.requests) == asked

    assert new.fetch() == 0
    assert_true(new, NOW)
