"""What becomes of a key: broken, late, disabled, deleted, replaced. None of it touches another key or what was read."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from jobs.__main__ import once
from jobs.worker import Worker
from tests.installation import NOW, TOMORROW, YEAR_AGO, Installation, assert_equal_until, installed, stored
from tracker import access, checking, clock, connections, opened, points, product, queries, rotation
from tracker.errors import KeyUnreadable, RingBehind
from tracker.models import Coverage, KeyStatus, ProviderKey, User, table_of
from tracker.overview import days
from tracker.reconcile import Connection
from tracker.sandbox import World


@pytest.fixture
def fortnight(migrated_url: str, tmp_path: Path) -> Iterator[Installation]:
    """Fourteen days of one key, not fetched yet."""
    clock.start_at(NOW)
    with installed(World(days=14, keeps=14), migrated_url, tmp_path) as installation:
        yield installation


@pytest.fixture(autouse=True)
def at_the_same_time() -> None:
    clock.start_at(NOW)


BROKEN = {
    "revoked": KeyStatus.INVALID,
    "expired": KeyStatus.INVALID,
    "project_key": KeyStatus.INSUFFICIENT,
    "missing_scope_401": KeyStatus.INSUFFICIENT,
    "missing_scope_403": KeyStatus.INSUFFICIENT,
    "missing_scope_flat": KeyStatus.INSUFFICIENT,
    **dict.fromkeys(
        (
            "rate_limited",
            "rate_limited_date",
            "rate_limited_untold",
            "down_500",
            "down_502",
            "down_503",
            "html",
            "blocked",
            "truncated",
            "empty_body",
            "error_200",
            "redirecting",
            "not_found",
            "wrong_schema",
            "negative_counts",
            "null_counts",
            "huge_counts",
            "repeated_cursor",
            "connection_reset",
        ),
        KeyStatus.VALID,
    ),
}


def test_broken_keys_of_every_kind_leave_the_good_one_alone(migrated_url: str, tmp_path: Path) -> None:
    with installed(World(days=5, keeps=5), migrated_url, tmp_path) as installation:
        places = {kind: add_broken(installation, kind) for kind in BROKEN}
        quick = installation.product

        assert installation.fetch(threads=12) == 1

        assert_equal_until(installation, NOW)
        for kind, (workspace_id, key_id) in places.items():
            row = connections.find(quick, workspace_id, key_id)
            assert row.status == BROKEN[kind], kind
        assert len(places) >= 20


def add_broken(installation: Installation, kind: str) -> tuple[int, int]:
    """A key in a workspace of its own that was good when it was added and is of this kind since.

    Those that are asked to wait are another organisation's: all keys of one wait together.
    """
    workspace_id = access.add_user(installation.product.database, f"{kind}@acme.example", "a long enough password")
    key = installation.world.another_key(kind, kind="globex" if "limited" in kind else "good")
    added = connections.add(installation.product, workspace_id, provider="openai", label=kind, text=key)
    installation.world.spoil(key, kind)
    return workspace_id, added.provider_key_id


def test_a_key_that_could_not_be_checked_is_checked_by_the_worker(migrated_url: str, tmp_path: Path) -> None:
    with installed(World(days=3, keeps=3), migrated_url, tmp_path) as installation:
        workspace_id = access.add_user(installation.product.database, "late@acme.example", "a long enough password")
        key = installation.world.another_key("late")
        installation.world.spoil(key, "down_503")
        added = connections.add(installation.product, workspace_id, provider="openai", label="late", text=key)
        assert added.status is KeyStatus.UNCHECKED
        installation.world.spoil(key, "good")

        assert installation.fetch() == 0

        assert connections.find(installation.product, workspace_id, added.provider_key_id).status == KeyStatus.VALID
        with installation.product.database.workspace(workspace_id) as session:
            assert queries.totals(session, workspace_id, YEAR_AGO, TOMORROW).requests


def test_a_disabled_owners_key_is_not_opened_until_he_is_back(migrated_url: str, tmp_path: Path) -> None:
    with installed(World(days=3, keeps=3), migrated_url, tmp_path) as installation:
        seen = len(installation.server.requests)
        disable(installation, clock.utc_now())

        assert installation.fetch() == 0
        assert len(installation.server.requests) == seen

        disable(installation, None)
        assert installation.fetch() == 0
        assert_equal_until(installation, NOW)


def disable(installation: Installation, at: datetime | None) -> None:
    users = table_of(User)
    with installation.product.database.exempt(write=True) as session:
        session.execute(update(users).values(disabled_at=at))


def test_a_deleted_key_is_destroyed_and_what_it_read_is_kept(fortnight: Installation) -> None:
    assert fortnight.fetch() == 0
    before = stored(fortnight)

    connections.delete(fortnight.product, fortnight.workspace_id, 1)
    fortnight.later(NOW + timedelta(days=2))

    assert fortnight.fetch() == 0
    assert stored(fortnight) == before
    keys = table_of(ProviderKey)
    with fortnight.product.database.workspace(fortnight.workspace_id) as session:
        sealed = session.execute(
            select(keys.c.ciphertext, keys.c.wrapped_dek, keys.c.fingerprint).where(
                keys.c.workspace_id == fortnight.workspace_id,
            ),
        ).one()
    assert tuple(sealed) == (None, None, None)


def test_a_key_added_again_goes_on_where_the_deleted_one_ended(fortnight: Installation) -> None:
    assert fortnight.fetch() == 0
    connections.delete(fortnight.product, fortnight.workspace_id, 1)
    key = fortnight.world.another_key("again")
    added = connections.add(fortnight.product, fortnight.workspace_id, provider="openai", label="again", text=key)

    assert fortnight.fetch() == 0

    assert added.provider_key_id == 1
    assert_equal_until(fortnight, NOW)
    assert {row["provider_key"] for row in fortnight.csv(YEAR_AGO, TOMORROW)} == {"again"}


def test_another_workspace_may_have_the_same_key_and_is_told_nothing_of_the_first(fortnight: Installation) -> None:
    bo = access.add_user(fortnight.product.database, "bo@example.com", "a long enough password")
    key = fortnight.world.keys["good"]

    added = connections.add(fortnight.product, bo, provider="openai", label="ours", text=key)

    assert (added.status, added.provider_key_id) == (KeyStatus.VALID, 2)
    assert "main" not in added.sentence and "already" not in added.sentence
    first, second = (connections.find(fortnight.product, *of) for of in ((fortnight.workspace_id, 1), (bo, 2)))
    assert first.fingerprint != second.fingerprint, "who reads the table cannot tell that they are one"


def test_a_replaced_key_goes_on_with_the_same_history(fortnight: Installation) -> None:
    assert fortnight.fetch() == 0
    fortnight.world.spoil(fortnight.world.keys["good"], "revoked")
    fortnight.later(NOW + timedelta(days=2))
    assert fortnight.fetch() == 0
    assert connections.find(fortnight.product, fortnight.workspace_id, 1).status == KeyStatus.INVALID

    connections.replace(fortnight.product, fortnight.workspace_id, 1, text=fortnight.world.keys["good_second"])

    assert fortnight.fetch() == 0
    assert_equal_until(fortnight, NOW + timedelta(days=2))


@pytest.mark.parametrize("how", ["replaced", "deleted"])
def test_what_a_key_told_while_another_took_its_place_is_thrown_away(fortnight: Installation, how: str) -> None:
    happened = list[str]()

    def take_its_place(label: str) -> None:
        if label == "answer complete" and not happened:
            happened.append(label)
            if how == "deleted":
                connections.delete(fortnight.product, fortnight.workspace_id, 1)
            else:
                connections.replace(
                    fortnight.product, fortnight.workspace_id, 1, text=fortnight.world.keys["good_second"]
                )

    with points.watch(take_its_place):
        worker = Worker(fortnight.product, threads=1)
        assert once(worker) == 0
        worker.stop()

    assert happened
    assert leased_days(fortnight) == 0
    if how == "deleted":
        assert stored(fortnight) == {}
    else:
        assert_equal_until(fortnight, NOW)


@pytest.mark.parametrize("pasted", ["good", "good_second"])
def test_a_key_that_did_not_open_is_not_set_aside_once_it_was_pasted_anew(fortnight: Installation, pasted: str) -> None:
    ready, keys, place = fortnight.product, table_of(ProviderKey), Connection(fortnight.workspace_id, 1)
    with ready.database.workspace(place.workspace_id, write=True) as session:
        session.execute(update(keys).where(keys.c.workspace_id == place.workspace_id).values(ciphertext=b"spoiled"))
    with pytest.raises(KeyUnreadable) as found, ready.database.workspace(place.workspace_id) as session:
        opened.open_key(ready, session, place, wait=clock_stands_still)
    connections.replace(ready, place.workspace_id, 1, text=fortnight.world.keys[pasted])

    opened.set_unreadable(ready, place, found.value)

    assert connections.find(ready, place.workspace_id, 1).status == KeyStatus.VALID


def clock_stands_still(_seconds: float) -> None:
    raise AssertionError("nothing is waited for")


def leased_days(installation: Installation) -> int:
    ledger = table_of(Coverage)
    with installation.product.database.workspace(installation.workspace_id) as session:
        of = (ledger.c.workspace_id == installation.workspace_id, ledger.c.lease_owner.is_not(None))
        return len(session.execute(select(ledger.c.day).where(*of)).all())


def test_a_new_key_is_read_within_two_seconds_of_being_saved(fortnight: Installation) -> None:
    with fortnight.product.database.workspace(fortnight.workspace_id) as session:
        row = connections.present(session, fortnight.workspace_id, 1)

    # Saving makes the work due at once; the worker looks every second.
    assert row.next_due_at is not None
    assert row.next_due_at <= clock.utc_now()


def test_a_worker_goes_on_with_its_keys_while_they_are_rotated(fortnight: Installation) -> None:
    worker = Worker(fortnight.product)
    owner = product.start(fortnight.environ, role="owner")
    rotation.rotate(owner)
    owner.close()

    assert once(worker) == 0
    worker.stop()

    assert connections.find(fortnight.product, fortnight.workspace_id, 1).status == KeyStatus.VALID
    assert_equal_until(fortnight, NOW)


def test_a_worker_whose_ring_is_a_copy_of_before_a_rotation_gives_up_no_key(
    fortnight: Installation, tmp_path: Path
) -> None:
    """As a service's is, or another machine's: the keys wait until it is given the ring of today."""
    ring, copy = fortnight.product.settings.keyring_file, tmp_path / "copy.json"
    shutil.copy(ring, copy)
    with worker_with(copy, fortnight) as worker:
        rotation.rotate(fortnight.product)

        assert once(worker) == 1
        with pytest.raises(RingBehind, match=r"lacks k2, .* rotated"):
            checking.check(worker.product, Connection(fortnight.workspace_id, 1), wait=clock_stands_still)
    assert connections.find(fortnight.product, fortnight.workspace_id, 1).status == KeyStatus.VALID
    assert stored(fortnight) == {}

    copy.unlink()
    shutil.copy(ring, copy)
    fortnight.later(NOW + timedelta(minutes=2))
    with worker_with(copy, fortnight) as worker:
        assert once(worker) == 0
    assert_equal_until(fortnight, NOW)


@contextmanager
def worker_with(ring: Path, installation: Installation) -> Iterator[Worker]:
    ready = product.start({**installation.environ, "TRACKER_KEYRING_FILE": str(ring)}, role="worker")
    worker = Worker(ready)
    yield worker
    worker.stop()
    ready.close()


@pytest.mark.parametrize("connected", [False, True])
def test_another_organisations_key_is_found_out_even_if_it_could_not_be_checked_at_first(
    fortnight: Installation, connected: bool
) -> None:
    """Connected already or not: what the key before it did not read is missing, not somebody else's."""
    assert fortnight.fetch() == 0
    if connected:
        other = fortnight.world.another_key("other", kind="globex")
        paused = connections.add(
            fortnight.product, fortnight.workspace_id, provider="openai", label="other", text=other
        )
        connections.pause(fortnight.product, fortnight.workspace_id, paused.provider_key_id, paused=True)
    before = stored(fortnight)
    foreign = fortnight.world.keys["globex"]
    fortnight.world.spoil(foreign, "down_503")
    connections.replace(fortnight.product, fortnight.workspace_id, 1, text=foreign)
    fortnight.world.spoil(foreign, "globex")
    fortnight.later(NOW + timedelta(days=1))

    fortnight.fetch()

    row = connections.find(fortnight.product, fortnight.workspace_id, 1)
    assert row.status == KeyStatus.INVALID and "another organisation" in (row.status_reason or "")
    assert ("connected already" in (row.status_reason or "")) == connected
    assert stored(fortnight) == before
    with fortnight.product.database.workspace(fortnight.workspace_id) as session:
        assert 1 in [key.id for key in days.read_keys(session, fortnight.workspace_id).in_figures]
