"""Last night's back-up, put in place of what was lost: equal to its manifest, and caught up to the truth: D14."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.installation import NOW, Installation, assert_equal_until, installed
from tracker import backup, clock, product, runs
from tracker.db import open_database
from tracker.errors import BadInput
from tracker.sandbox import World

MORNING = NOW + timedelta(days=1)


@pytest.fixture
def living(tmp_path: Path) -> Iterator[Installation]:
    """Three days of one key, read at NOW."""
    clock.start_at(NOW)
    with installed(World(days=3, keeps=3), f"sqlite:///{tmp_path}/tracker.db", tmp_path) as installation:
        assert installation.fetch() == 0
        yield installation


def run(installation: Installation, *arguments: str) -> tuple[int, str, str]:
    process = installation.process("tracker", *arguments)
    out, err = process.communicate(timeout=120)
    return process.returncode, out.decode(), err.decode()


def counted(url: str) -> dict[str, list[int]]:
    """Rows and sums by table."""
    database = open_database(url, role="owner")
    found = backup.counts(database)
    database.engine.dispose()
    return found


def test_a_back_up_is_restored_equals_its_manifest_and_the_worker_fills_the_gap(
    living: Installation, tmp_path: Path
) -> None:
    file = tmp_path / "night.backup"
    code, out, err = run(living, "backup", str(file))
    assert (code, "keyring.json" in err) == (0, True)
    manifest = json.loads(out)
    assert manifest["tables"]["usage_events"][0] > 0 and manifest["kek_ids"] == ["k1"]
    assert [path.stat().st_mode & 0o777 for path in (file, backup.manifest_of(file))] == [0o600, 0o600]
    ring = json.loads((tmp_path / "keyring.json").read_text())["keys"]["k1"]
    assert ring.encode() not in file.read_bytes()

    living.later(MORNING)
    living.fetch()  # what happens after the back-up is lost with the disk
    assert counted(living.environ["TRACKER_DATABASE_URL"]) != manifest["tables"]
    living.product.close()

    refused = [run(living, "backup", str(file)), run(living, "restore", str(file))]
    assert [(code, "--replace" in err) for code, _, err in refused] == [(1, True)] * 2
    code, _, err = run(living, "restore", str(file), "--replace")
    assert (code, "equals its manifest" in err, "Its keys open with k1" in err) == (0, True, True)
    assert run(living, "migrate")[0] == 0

    again = product.start(living.environ, role="worker")
    restored = Installation(living.environ, living.server, again, living.workspace_id)
    assert counted(living.environ["TRACKER_DATABASE_URL"])["usage_events"] == manifest["tables"]["usage_events"]
    assert restored.fetch() == 0
    assert_equal_until(restored, MORNING)
    again.close()


@pytest.fixture
def kept(migrated_file: Path, tmp_path: Path) -> dict[str, str]:
    """An installation on SQLite without a key, and a back-up of it beside."""
    environ = {"TRACKER_DATA_DIR": str(tmp_path / "data"), "TRACKER_NOW": f"{NOW:%Y-%m-%dT%H:%M:%SZ}"}
    product.prepare(environ)
    backup.make(f"sqlite:///{tmp_path}/data/tracker.db", tmp_path / "backup", replace=False)
    return environ


def spoil(kind: str, file: Path) -> None:
    whole = file.read_bytes()
    match kind:
        case "cut":
            file.write_bytes(whole[: len(whole) // 2])
        case "changed":
            file.write_bytes(whole[:-1] + b"x")
        case "damaged, without a manifest":
            file.write_bytes(whole[:4096] + os.urandom(4096) + whole[8192:])
            backup.manifest_of(file).unlink()
        case "manifest of more rows":
            told = json.loads(backup.manifest_of(file).read_text())
            told["tables"]["users"] = [7, 7]
            backup.manifest_of(file).write_text(json.dumps(told))
        case "missing":
            file.unlink()


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("cut", "was changed or cut"),
        ("changed", "was changed or cut"),
        ("damaged, without a manifest", "is damaged"),
        ("manifest of more rows", "differs from its manifest in: users"),
        ("missing", "There is no back-up"),
    ],
)
def test_a_back_up_that_is_not_whole_changes_nothing(
    kept: dict[str, str], tmp_path: Path, kind: str, sentence: str
) -> None:
    file, target = tmp_path / "backup", tmp_path / "data" / "tracker.db"
    before = target.read_bytes()
    spoil(kind, file)

    with pytest.raises(BadInput, match=sentence):
        backup.restore(f"sqlite:///{target}", file, replace=True)

    assert target.read_bytes() == before


def test_nothing_is_replaced_under_a_living_worker_and_what_was_there_is_kept(
    kept: dict[str, str], tmp_path: Path
) -> None:
    file, target = tmp_path / "backup", tmp_path / "data" / "tracker.db"
    clock.start_at(NOW)
    ready = product.start(kept, role="worker")
    runs_of(ready, stopped=False)
    with pytest.raises(BadInput, match="A worker is running"):
        backup.restore(f"sqlite:///{target}", file, replace=True)
    runs_of(ready, stopped=True)
    ready.close()
    before = target.read_bytes()

    backup.restore(f"sqlite:///{target}", file, replace=True)

    assert target.with_name("tracker.db.before-restore").read_bytes() == before
    assert target.stat().st_mode & 0o777 == 0o600


def runs_of(ready: product.Product, *, stopped: bool) -> None:
    runs.sign_of_life(ready.database, "w-1", started_at=NOW, next_run_at=NOW, stopped=stopped)


def test_for_postgresql_a_sentence_names_its_own_tools(tmp_path: Path) -> None:
    for act in (backup.make, backup.restore):
        with pytest.raises(BadInput, match="Use pg_dump and pg_restore"):
            act("postgresql+psycopg:///usage", tmp_path / "backup", replace=False)
