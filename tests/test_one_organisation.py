"""One organisation is read with one key: a second is refused or set aside, whenever it shows; nothing doubles."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text, update

from tests.conftest import fresh_name
from tests.installation import NOW, TODAY, Installation, expected, held, installed, stored
from tests.postgres import PostgresServer
from tests.small import BILLED, DAILY, EVENTS, SERIES_DAYS, TwoEndpoints, sum_of
from tracker import access, checking, clock, connections, money, points
from tracker.errors import Conflict
from tracker.models import KeyStatus, ProviderKey, table_of
from tracker.overview import calendar, truth
from tracker.overview.prospects import Prospect
from tracker.providers import PROVIDERS
from tracker.reconcile import Connection
from tracker.sandbox import World

KEYS = table_of(ProviderKey)


@pytest.fixture
def on_postgres(postgres_server: PostgresServer, migrated_template: str, tmp_path: Path) -> Iterator[Installation]:
    """A workspace without a key, where transactions do not queue by themselves."""
    clock.start_at(NOW)
    with (
        postgres_server.database(fresh_name(), template=migrated_template) as url,
        installed(World(days=2), url, tmp_path) as ready,
    ):
        ready.workspace_id = access.add_user(ready.product.database, "bo@acme.example", "a long enough password")
        yield ready


@pytest.fixture
def ready(migrated_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    """A workspace without a key, at an organisation of four days of which two endpoints are read."""
    clock.start_at(NOW)
    monkeypatch.setitem(PROVIDERS, "openai", TwoEndpoints())
    with installed(World(days=4, keeps=4), migrated_url, tmp_path) as made:
        made.workspace_id = access.add_user(made.product.database, "bo@acme.example", "a long enough password")
        yield made


def use(ready: Installation, factor: float) -> None:
    """Let the organisation have used so much of everything, so far and in the next days."""
    for number in range(-5, 5):
        ready.world.restate("acme", TODAY + number * clock.DAY, factor)


@pytest.mark.parametrize("checked", [True, False])
def test_a_key_that_shows_nothing_takes_no_place_of_one_that_read_something(ready: Installation, checked: bool) -> None:
    added = add(ready, "good")
    assert ready.fetch() == 0
    before = stored(ready)
    use(ready, 0)  # as another organisation that idles
    idle = ready.world.keys["usage_only"]
    if checked:
        with pytest.raises(Conflict, match="shows no usage"):
            connections.replace(ready.product, ready.workspace_id, added.provider_key_id, text=idle)
    else:
        ready.world.spoil(idle, "down_503")
        connections.replace(ready.product, ready.workspace_id, added.provider_key_id, text=idle)
        ready.world.spoil(idle, "usage_only")
        ready.fetch()
        assert statuses(ready) == {"good": KeyStatus.INVALID}

    assert before
    assert stored(ready) == before


def test_where_nothing_was_read_a_key_that_shows_nothing_may_take_the_place(ready: Installation) -> None:
    use(ready, 0)
    added = add(ready, "good")
    assert ready.fetch() == 0

    connections.replace(ready.product, ready.workspace_id, added.provider_key_id, text=ready.world.keys["usage_only"])

    assert statuses(ready) == {"good": KeyStatus.VALID}


def add(ready: Installation, kind: str) -> connections.Added:
    key = ready.world.keys[kind]
    return connections.add(ready.product, ready.workspace_id, provider="openai", label=kind, text=key)


def statuses(ready: Installation) -> dict[str, str]:
    with ready.product.database.workspace(ready.workspace_id) as session:
        found = session.execute(select(KEYS.c.label, KEYS.c.status).where(KEYS.c.workspace_id == ready.workspace_id))
        return {row.label: row.status for row in found}


WAITING = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"


@contextmanager
def another_comes(ready: Installation, label: str, work: Callable[[], object]) -> Iterator[list[Exception]]:
    """While the transaction inside is at a labelled place, another begins this work, and has to wait for its end."""
    refused, others = list[Exception](), list[threading.Thread]()

    def run() -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 told to whoever waits for the thread
            refused.append(error)

    def begin(reached: str) -> None:
        if reached != label or others:
            return
        others.append(threading.Thread(target=run))
        others[0].start()
        with ready.product.database.engine.connect() as watching:
            while not watching.execute(text(WAITING)).scalar_one():
                assert others[0].is_alive(), "the other did not wait"
                watching.rollback()  # a transaction sees the same activity all along
                time.sleep(0.01)

    with points.watch(begin):
        yield refused
        others[0].join()


def test_of_two_keys_of_one_organisation_added_at_once_the_later_is_refused(on_postgres: Installation) -> None:
    with another_comes(on_postgres, "change of a key noted", lambda: add(on_postgres, "good_second")) as refused:
        add(on_postgres, "good")

    assert [type(each) for each in refused] == [Conflict]
    assert statuses(on_postgres) == {"good": KeyStatus.VALID}


def test_of_two_keys_of_one_organisation_checked_at_once_the_younger_is_set_aside(on_postgres: Installation) -> None:
    for kind in ("good", "good_second"):
        on_postgres.world.spoil(on_postgres.world.keys[kind], "down_503")
        assert add(on_postgres, kind).status is KeyStatus.UNCHECKED
        on_postgres.world.spoil(on_postgres.world.keys[kind], "good")
    older, younger = (Connection(on_postgres.workspace_id, number) for number in sorted(ids_of(on_postgres)))

    with another_comes(on_postgres, "verdict written", lambda: check(on_postgres, younger)) as refused:
        check(on_postgres, older)

    assert refused == []
    assert statuses(on_postgres) == {"good": KeyStatus.VALID, "good_second": KeyStatus.DUPLICATE}


def ids_of(ready: Installation) -> list[int]:
    with ready.product.database.workspace(ready.workspace_id) as session:
        return list(session.execute(select(KEYS.c.id).where(KEYS.c.workspace_id == ready.workspace_id)).scalars())


def check(ready: Installation, connection: Connection) -> None:
    checking.check(ready.as_("worker"), connection, wait=lambda _: None)


@pytest.fixture
def doubled(ready: Installation) -> Installation:
    """Two keys of one organisation that was unknown when they were added, for it had used nothing then."""
    use(ready, 0)
    for kind in ("usage_only", "good"):
        assert add(ready, kind).status is KeyStatus.VALID
    use(ready, 1)
    return ready


def test_the_younger_of_two_keys_is_set_aside_as_soon_as_their_organisation_shows(doubled: Installation) -> None:
    for number in range(3):
        now = NOW + number * clock.DAY
        doubled.later(now)
        assert doubled.fetch() == 0

        assert statuses(doubled) == {"usage_only": KeyStatus.VALID, "good": KeyStatus.DUPLICATE}
        assert_once(doubled, now)
    assert truth_of(doubled, TODAY, TODAY + 2 * clock.DAY) == "2 of 2 days complete"


def test_what_only_the_younger_key_read_stays_in_sums_and_marks(doubled: Installation) -> None:
    elder, younger = sorted(ids_of(doubled))
    change(doubled, elder, paused_at=NOW, next_due_at=None)
    assert doubled.fetch() == 0
    doubled.later(later := NOW + 2 * clock.DAY)
    assert doubled.fetch() == 0
    assert_once(doubled, later)
    change(doubled, elder, paused_at=None, history_from=TODAY + clock.DAY, next_due_at=NOW)

    assert doubled.fetch() == 0

    assert statuses(doubled) == {"usage_only": KeyStatus.VALID, "good": KeyStatus.DUPLICATE}
    assert_once(doubled, later)
    assert read_days(doubled, elder) == {TODAY + clock.DAY, TODAY + 2 * clock.DAY}
    assert max(read_days(doubled, younger)) == TODAY
    shown = {each.label: each for each in calendar.read(doubled.product, doubled.workspace_id, days=5, now=later).keys}
    assert shown["good"].set_aside and shown["good"].prospect is Prospect.NONE
    assert truth_of(doubled, TODAY - clock.DAY, TODAY + 2 * clock.DAY) == "3 of 3 days complete"

    connections.delete(doubled.product, doubled.workspace_id, younger)

    assert truth_of(doubled, TODAY - clock.DAY, TODAY + 2 * clock.DAY) == "3 of 3 days complete"
    assert_once(doubled, later)


def test_a_day_that_the_elder_key_read_in_part_is_the_youngers_until_the_elder_read_it_whole(
    doubled: Installation,
) -> None:
    elder, younger = sorted(ids_of(doubled))
    assert doubled.fetch() == 0
    change(doubled, elder, paused_at=NOW)
    change(doubled, younger, status=KeyStatus.VALID, next_due_at=NOW)  # as if nobody had noticed
    doubled.later(later := NOW + clock.DAY + timedelta(hours=1))  # when names are read anew

    assert doubled.fetch() == 0

    assert statuses(doubled) == {"usage_only": KeyStatus.VALID, "good": KeyStatus.DUPLICATE}
    assert_once(doubled, later)
    assert read_days(doubled, younger) == {TODAY, TODAY + clock.DAY}

    change(doubled, elder, paused_at=None, next_due_at=NOW)
    assert doubled.fetch() == 0

    assert_once(doubled, later)
    assert read_days(doubled, younger) == set()


def change(ready: Installation, number: int, **values: object) -> None:
    with ready.product.database.workspace(ready.workspace_id, write=True) as session:
        of_it = (KEYS.c.workspace_id == ready.workspace_id, KEYS.c.id == number)
        session.execute(update(KEYS).where(*of_it).values(**values))


def assert_once(ready: Installation, now: datetime) -> None:
    """Usage, rollups and bill of what was over at `now` hold everything once, whoever read it."""
    first, end, until = TODAY - 4 * clock.DAY, clock.day_of(now) + clock.DAY, f"{now:%Y-%m-%dT%H:00:00Z}"
    told = {key: row for key, row in held(ready.csv(first, end)).items() if key[1] < until}
    whole = expected(ready.world, clock.day_start(first), now, families=["completions"])
    assert told == {key: row for key, row in whole.items() if key[1] < until}
    assert told
    of = ready.workspace_id
    with ready.product.database.workspace(of) as session:
        sums = {sum_of(session, table, of) for table in (DAILY, SERIES_DAYS, EVENTS)}
        assert len(sums) == 1
        amounts = session.execute(select(BILLED.c.amount).where(BILLED.c.workspace_id == of)).scalars()
        bill = ready.world.truth_bill("acme", first, end)
        assert sorted(map(money.to_nanos, amounts)) == sorted(money.to_nanos(line.amount) for line in bill)


def read_days(ready: Installation, number: int) -> set[date]:
    """The days of which a connection holds usage."""
    with ready.product.database.workspace(ready.workspace_id) as session:
        of_it = (DAILY.c.workspace_id == ready.workspace_id, DAILY.c.provider_key_id == number)
        return set(session.execute(select(DAILY.c.day).where(*of_it)).scalars())


def truth_of(ready: Installation, start: date, end: date) -> str:
    with ready.product.database.workspace(ready.workspace_id) as session:
        return truth.read(session, ready.workspace_id, start, end, now=clock.utc_now()).sentence.partition(",")[0]
