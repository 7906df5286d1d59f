"""A key ring that is gone for good: the keys are given up, the numbers stay; what was cut short the next run ends."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from tests.drill import PATIENCE_S, Drill, drilled, opened
from tests.installation import NOW
from tests.places import killed_at
from tests.test_wrong_rings import spoilt
from tracker import audit, lost_ring, product, rotation, runs
from tracker.errors import BadConfiguration, BadInput, Conflict
from tracker.keyring import KeyRing
from tracker.models import KekCanary, KeyStatus, ProviderKey, SecondFactor, table_of

KEYS, CANARIES, FACTORS = table_of(ProviderKey), table_of(KekCanary), table_of(SecondFactor)
SEALED = ("wrapped_dek", "ciphertext", "fingerprint", "kek_id", "fmt")
MOVE = "move this file away"

KILLS = (
    ("change of a key noted", 1),
    ("about to commit", 1),
    ("committed", 1),  # the keys of one workspace are gone
    ("committed", 1),  # and of the other
    ("about to commit", 1),
    ("committed", 1),  # a canary of a ring that is never written
    ("about to commit", 2),  # the next ring is written, and the canaries of those before are still there
    ("committed", 1),  # and that was all
)


def forget(drill: Drill, *words: str) -> tuple[int, str, str]:
    process = drill.start("tracker", "forget-keys", *words)
    out, err = process.communicate(timeout=PATIENCE_S)
    return process.returncode, out.decode(), err.decode()


def stored(drill: Drill) -> list[Any]:
    with drill.ready.database.crossing("operator") as session:
        return list(session.execute(select(KEYS).order_by(KEYS.c.id)))


def canaries(drill: Drill) -> list[str]:
    with drill.ready.database.exempt() as session:
        return list(session.execute(select(CANARIES.c.kek_id)).scalars())


def told_in(drill: Drill, workspace_id: int) -> list[tuple[str | None, str, str]]:
    with drill.ready.database.workspace(workspace_id) as session:
        return [(entry.who, entry.action, entry.subject) for entry in audit.trail(session, workspace_id, count=500)]


def test_killed_anywhere_it_is_finished_by_the_next_run(migrated_url: str, tmp_path: Path) -> None:
    with drilled(migrated_url, tmp_path, rows=101) as drill:
        drill.ready.settings.keyring_file.unlink()
        drill.edit(7, status=KeyStatus.DUPLICATE)
        for label, occurrence in KILLS:
            drill.ready.database.engine.dispose()  # a child shall not share its connections
            assert killed_at(lambda: lost_ring.forget(*product.checked(drill.environ, role="owner")), label, occurrence)
            if canaries(drill) != ["k3"]:
                with pytest.raises(BadConfiguration, match="python -m tracker forget-keys"):
                    product.start(drill.environ, role="worker")

        assert canaries(drill) == list(drill.ring.keys) == ["k3"]
        assert all(getattr(row, name) is None for row in stored(drill) for name in SEALED)
        doubled = {row.id for row in stored(drill) if row.status != KeyStatus.UNREADABLE}
        assert doubled == {7}, "which nobody waits for: another one reads its organisation"
        assert [len(told_in(drill, each)) for each in (1, 2)] == [99, 2], "each is told of once"
        product.start(drill.environ, role="worker").close()
        assert forget(drill, "--yes")[0] == 1, "and a ring that is there is left alone"


@pytest.fixture(scope="module")
def lost(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drill]:
    """An installation whose ring is put elsewhere for a test."""
    folder = tmp_path_factory.mktemp("lost")
    with drilled(f"sqlite:///{folder / 'tracker.db'}", folder, rows=3) as drill:
        with drill.ready.database.exempt(write=True) as session:  # those of two are in use, of three never confirmed
            session.execute(update(FACTORS).where(FACTORS.c.user_id <= 2).values(confirmed_at=NOW))
        yield drill


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("the right one", "opens every stored key"),
        ("another installation's", MOVE),
        ("malformed", MOVE),
        ("without the key that sealed", MOVE),
    ],
)
def test_while_a_ring_is_there_nothing_is_given_up(kind: str, sentence: str, lost: Drill) -> None:
    ring = lost.ready.settings.keyring_file
    whole, before = ring.read_bytes(), stored(lost)
    ring.unlink()
    ring.write_bytes(whole if kind == "the right one" else spoilt(kind, whole))
    ring.chmod(0o400)

    code, out, err = forget(lost, "--yes")

    ring.unlink()
    ring.write_bytes(whole)
    ring.chmod(0o400)
    assert (code, out, sentence in err) == (1, "", True), err
    assert (stored(lost), canaries(lost)) == (before, ["k1"])


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        ("link", "which is not there: mount it"),
        ("not mounted/ring.json", "There is no folder"),
        ("r" * 240, "cannot be written"),  # its lock's name is short enough, that of a file written beside it is not
    ],
)
def test_where_no_ring_can_lie_nothing_is_given_up(place: str, sentence: str, lost: Drill, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "not mounted" / "ring.json")
    before = stored(lost)
    settings, database = product.checked(lost.environ | {"TRACKER_KEYRING_FILE": str(tmp_path / place)}, role="owner")

    with pytest.raises((BadInput, BadConfiguration), match=sentence):
        lost_ring.forget(settings, database)

    database.engine.dispose()
    assert (stored(lost), canaries(lost)) == (before, ["k1"])
    assert not (tmp_path / "not mounted").exists()


def test_a_key_that_was_replaced_since_the_survey_is_kept(tmp_path: Path) -> None:
    with drilled(f"sqlite:///{tmp_path / 'tracker.db'}", tmp_path, rows=3) as drill:
        loss = lost_ring.Loss({1: [1, 2]}, 0, frozenset(), drill.ring, frozenset())
        drill.edit(2, kek_id="k2")  # 1 was under a lost key as well, until its owner pasted it again

        given_up = lost_ring._give_up(drill.ready.database, loss)

        assert given_up == 1
        assert [row.kek_id for row in stored(drill)] == ["k1", None, "k1"]
        assert len(told_in(drill, 1)) == 1


def test_where_nothing_was_ever_sealed_nothing_is_lost(migrated_file: Path, tmp_path: Path) -> None:
    shutil.copyfile(migrated_file, tmp_path / "tracker.db")
    environ = {"TRACKER_DATABASE_URL": f"sqlite:///{tmp_path / 'tracker.db'}", "TRACKER_DATA_DIR": str(tmp_path)}
    settings, database = product.checked(environ, role="owner")

    for act in (lost_ring.survey, lost_ring.forget):
        with pytest.raises(Conflict, match="python -m tracker migrate"):
            act(settings, database)

    database.engine.dispose()
    assert not settings.keyring_file.exists()


@pytest.mark.parametrize(
    ("began_with", "file", "seals"),
    [
        ("right", "missing", True),
        ("other", "right", True),
        ("k9", "right", True),
        ("other", "copy of the other", False),  # as systemd copies a credential when a service starts
        ("other", "missing", False),
        ("k9", "malformed", False),
    ],
)
def test_nothing_is_sealed_with_a_ring_that_is_not_the_databases(
    began_with: str, file: str, seals: bool, lost: Drill, tmp_path: Path
) -> None:
    right = lost.ready.ring
    rings = {"right": right, "other": KeyRing.fresh("k1"), "k9": KeyRing.fresh("k9")}
    path = tmp_path / "ring.json"
    if file == "malformed":
        path.touch(mode=0o400)
    elif file != "missing":
        (right if file == "right" else rings["other"]).write(path)
    dashboard = replace(lost.ready, ring=rings[began_with], settings=replace(lost.ready.settings, keyring_file=path))

    with lost.ready.database.exempt() as session:
        if seals:
            assert dashboard.sealing_ring(session) == right
        else:
            with pytest.raises(Conflict, match="restart the dashboard"):
                dashboard.sealing_ring(session)


def test_neither_without_consent_nor_under_a_living_worker(lost: Drill) -> None:
    ring, before = lost.ready.settings.keyring_file, stored(lost)
    away = ring.rename(ring.with_name("found again"))
    unsaid = forget(lost)
    runs.sign_of_life(lost.ready.database, "w-1", started_at=NOW, next_run_at=NOW)
    used = forget(lost, "--yes")
    runs.sign_of_life(lost.ready.database, "w-1", started_at=NOW, next_run_at=NOW, stopped=True)
    left = ring.exists()
    away.rename(ring)

    assert (unsaid[0], used[0], left) == (1, 1, False)
    for words in ("3 stored keys", "2 second factors", "accounts and prices stay", str(ring), "forget-keys --yes"):
        assert words in unsaid[2]
    assert "A worker is running" in used[2] and "the dashboards as well" in used[2]
    assert (stored(lost), canaries(lost)) == (before, ["k1"])


def test_of_a_ring_that_lost_one_key_only_what_that_key_sealed_is_given_up(tmp_path: Path) -> None:
    with drilled(f"sqlite:///{tmp_path / 'tracker.db'}", tmp_path, rows=3) as drill:
        drill.rotate()
        drill.edit(1, kek_id="k1")
        ring = drill.ready.settings.keyring_file
        fields = json.loads(ring.read_bytes())
        del fields["keys"]["k1"]
        ring.unlink()
        ring.write_text(json.dumps(fields))
        ring.chmod(0o400)

        code, out, _ = forget(drill, "--yes")

        assert (code, json.loads(out)) == (0, {"active": "k2", "keys": 1, "second_factors": 0})
        assert list(drill.ring.keys) == ["k2"]
        assert canaries(drill) == ["k2"]
        assert [row.kek_id for row in stored(drill)] == [None, "k2", "k2"]
        assert opened(drill.ring, {each: place for each, place in drill.rows().items() if each > 1})


def test_the_number_of_a_key_that_was_lost_is_never_used_again(tmp_path: Path) -> None:
    with drilled(f"sqlite:///{tmp_path / 'tracker.db'}", tmp_path, rows=3) as drill:
        ring = drill.ready.settings.keyring_file
        older = ring.read_bytes()
        first = drill.rows()[1][1]
        drill.rotate()
        drill.edit(1, kek_id="k1", wrapped_dek=first.wrapped_dek)  # as a rotation leaves it that was cut short
        ring.unlink()
        ring.write_bytes(older)
        ring.chmod(0o400)

        code, out, _ = forget(drill, "--yes")

        assert (code, json.loads(out)) == (0, {"active": "k3", "keys": 2, "second_factors": 0})
        assert (list(drill.ring.keys), canaries(drill)) == (["k1", "k3"], ["k1", "k3"])
        code, receipt = drill.rotate()
        assert (code, receipt["active"], receipt["unreadable_factors"]) == (1, "k3", list(drill.factors()))
        assert [row.kek_id for row in stored(drill)] == ["k3", None, None]


def test_a_rotation_passes_over_numbers_that_are_in_use(tmp_path: Path) -> None:
    with drilled(f"sqlite:///{tmp_path / 'tracker.db'}", tmp_path, rows=3) as drill:
        with drill.ready.database.exempt(write=True) as session:  # of a key that was lost
            session.execute(update(FACTORS).where(FACTORS.c.user_id == 1).values(kek_id="k5"))

        receipt = rotation.rotate(drill.ready)

        assert (receipt.active, receipt.unreadable_factors) == ("k6", [1])
