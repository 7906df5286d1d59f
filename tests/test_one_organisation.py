"""One organisation is read with one key: a second is refused or set aside, whenever it shows; nothing doubles."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import select, text

from tests.conftest import fresh_name
from tests.installation import NOW, TODAY, Installation, installed, stored
from tests.postgres import PostgresServer
from tests.small import TwoEndpoints
from tracker import access, checking, clock, connections, points
from tracker.errors import Conflict
from tracker.models import KeyStatus, ProviderKey, table_of
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
            while not watching.execute(text("select count(*) from pg_locks where not granted")).scalar_one():
                assert others[0].is_alive(), "the other did not wait"
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
