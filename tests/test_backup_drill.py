"""Last night's back-up, put in place of what was lost: equal to its manifest, and caught up to the truth: D14."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from zipfile import ZipFile

import pytest
from sqlalchemy.engine import make_url

from tests.conftest import fresh_name
from tests.installation import EMAIL, NOW, Installation, assert_equal_until, installed
from tests.postgres import PostgresServer
from tracker import access, audit, backup, clock, connections, lost_ring, product, runs, second_factor
from tracker.__main__ import main
from tracker.db import open_database
from tracker.errors import BadInput, Conflict
from tracker.migrations.whole import INDEX
from tracker.models import KeyStatus
from tracker.sandbox import World

MORNING = NOW + timedelta(days=1)

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def url(database_kind: str, database_url: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty database. On PostgreSQL its owner is no superuser: the policies of every table bind it too."""
    if database_kind == "sqlite":
        yield database_url
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    request.getfixturevalue("migrated_template")  # has made the roles
    name, owner = make_url(database_url).database, fresh_name()
    server.execute(f"create role {owner} login createrole")
    server.execute(f"grant tracker_web, tracker_worker, tracker_operator to {owner} with admin option")
    server.execute(f'alter database "{name}" owner to {owner}')
    yield make_url(database_url).set(username=owner).render_as_string()


@pytest.fixture
def living(url: str, tmp_path: Path) -> Iterator[Installation]:
    """A day of one key, read at NOW."""
    clock.start_at(NOW)
    with installed(World(days=1, keeps=2), url, tmp_path) as installation:
        assert installation.fetch() == 0
        yield installation


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], living: Installation) -> Run:
    """`python -m tracker …` of the installation: exit code, standard output, standard error."""

    def run(*arguments: str) -> tuple[int, str, str]:
        for name, value in living.environ.items():
            monkeypatch.setenv(name, value)
        capsys.readouterr()
        code = main(arguments)
        return code, *capsys.readouterr()

    return run


def counted(url: str) -> dict[str, list[int]]:
    """Rows and sums by table, as who sees everything."""
    database = open_database(url, role="owner")
    with database.crossing("operator") as session:
        found = backup.counts(session.connection())
    database.engine.dispose()
    return found


def test_a_back_up_is_restored_equals_its_manifest_and_the_worker_fills_the_gap(
    living: Installation, run: Run, url: str, tmp_path: Path
) -> None:
    file = tmp_path / "night.backup"
    code, out, err = run("backup", str(file))
    assert (code, "keyring.json" in err) == (0, True)
    manifest = json.loads(out)
    assert manifest["tables"] == counted(url)
    assert manifest["tables"]["usage_events"][0] > 0 and manifest["kek_ids"] == ["k1"]
    assert [path.stat().st_mode & 0o777 for path in (file, backup.manifest_of(file))] == [0o600, 0o600]

    living.later(MORNING)
    living.fetch()  # what happens after the back-up is lost with the disk
    assert counted(url) != manifest["tables"]
    living.product.close()

    refused = [run("backup", str(file)), run("restore", str(file))]
    assert [(code, "--replace" in err) for code, _, err in refused] == [(1, True)] * 2
    ring = living.product.settings.keyring_file
    ring.rename(tmp_path / "ring kept elsewhere")
    code, _, err = run("restore", str(file), "--replace")
    assert (code, "equals its manifest" in err, "Its keys open with k1" in err) == (0, True, True)
    assert f"put it at {ring} first" in err
    (tmp_path / "ring kept elsewhere").rename(ring)
    assert run("migrate")[0] == 0

    assert counted(url) == manifest["tables"]
    again = product.start(living.environ, role="owner")
    restored = Installation(living.environ, living.server, again, living.workspace_id)
    assert restored.fetch() == 0
    assert_equal_until(restored, MORNING)
    again.close()


def test_without_its_ring_for_good_all_goes_on_but_the_keys(living: Installation, run: Run, url: str) -> None:
    dashboard = living.as_("web")  # which nobody stops, and whose ring is the lost one to the end
    ring, workspace_id = living.product.settings.keyring_file, living.workspace_id
    user_id = access.user_of(living.product.database, EMAIL)
    codes = with_second_factor(living.product, user_id)
    before = counted(url)
    assert run("forget-keys", "--yes")[0] == 1, "while the ring is there"
    ring.unlink()
    living.later(NOW + timedelta(hours=1))
    assert run("status")[0] == 78
    assert run("forget-keys")[0] == 1
    assert counted(url) == before

    code, out, err = run("forget-keys", "--yes")

    assert (code, json.loads(out)) == (0, {"active": "k2", "keys": 1, "second_factors": 1})
    assert str(ring) in err and "recovery code" in err
    after = counted(url)
    changed = {name for name in before if after[name] != before[name]}
    assert changed == {"audit_events", "mails", "provider_keys"}, "a row's format was summed, too"
    assert [after[name][0] - before[name][0] for name in sorted(changed)] == [1, 1, 0]

    living.later(MORNING)
    again = product.start(living.environ, role="owner")
    assert_given_up(again, workspace_id)
    assert second_factor.check(again, user_id, codes[0], now=MORNING)
    second_factor.turn_off(again, user_id)
    assert with_second_factor(dashboard, user_id)
    on = Installation(living.environ, living.server, again, workspace_id)
    assert on.fetch() == 0, "nothing is due"
    with pytest.raises(Conflict, match="belongs to another organisation"):
        connections.replace(dashboard, workspace_id, 1, text=living.world.keys["globex"])
    connections.replace(dashboard, workspace_id, 1, text=living.world.keys["good"])
    assert on.fetch() == 0
    assert_equal_until(on, MORNING)
    again.close()
    assert (run("forget-keys", "--yes")[0], run("rotate-keys")[0]) == (1, 0)


def with_second_factor(ready: product.Product, user_id: int) -> list[str]:
    """Set up and in use; the recovery codes."""
    now = clock.utc_now()
    secret = base64.b32decode(second_factor.enrol(ready, user_id, EMAIL).secret)
    code = second_factor._totp(secret).generate(int(now.timestamp())).decode()
    return second_factor.confirm(ready, user_id, code, now=now)


def assert_given_up(ready: product.Product, workspace_id: int) -> None:
    """The connection is there, says what to do, and holds nothing of its key; whoever asks is told why."""
    with ready.database.workspace(workspace_id) as session:
        row = connections.present(session, workspace_id, 1, sealed=True)
        newest = audit.trail(session, workspace_id)[0]
    assert (row.status, row.label, row.next_due_at) == (KeyStatus.UNREADABLE, "main", None)
    assert "Paste the key again" in (row.status_reason or "")
    assert not any((row.wrapped_dek, row.ciphertext, row.fingerprint, row.kek_id, row.fmt))
    assert (newest.who, newest.action, newest.subject) == (None, audit.Action.KEY_LOST, f"main (ends {row.last4})")


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


def repacked(file: Path, **changed: object) -> None:
    """The back-up with another index, and without a manifest that would tell."""
    with ZipFile(file) as kept:
        members = {name: kept.read(name) for name in kept.namelist()}
    members[INDEX] = json.dumps({**json.loads(members[INDEX]), **changed}).encode()
    with ZipFile(file, "w") as made:
        for name, content in members.items():
            made.writestr(name, content)
    backup.manifest_of(file).unlink(missing_ok=True)


def test_on_postgresql_what_is_not_whole_changes_nothing_either(
    postgres_server: PostgresServer, migrated_template: str, kept: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "night"
    with postgres_server.database(fresh_name(), template=migrated_template) as url:
        database = open_database(url, role="owner")
        access.add_user(database, "ada@acme.example", "a long enough password")
        database.engine.dispose()
        before = counted(url)

        workers = at_the_workers_address(url, postgres_server)
        with pytest.raises(BadInput, match="Set TRACKER_DATABASE_URL to the owner's address"):
            backup.make(workers, file, replace=False)
        assert not file.exists()
        settings, lesser = product.checked({**kept, "TRACKER_DATABASE_URL": workers}, role="owner")
        with pytest.raises(BadInput, match="Set TRACKER_DATABASE_URL to the owner's address"):
            lost_ring.forget(settings, lesser)
        lesser.engine.dispose()
        backup.make(url, file, replace=False)
        spoil("manifest of more rows", file)
        refused(url, file, "differs from its manifest in: users")
        repacked(file, columns={"users": ["id", "colour"]})
        refused(url, file, "is not a whole back-up of a PostgreSQL database")
        repacked(file, schema="9999")
        refused(url, file, "is of a newer version")
        refused(url, tmp_path / "backup", "is of SQLite")

        assert counted(url) == before


def refused(url: str, file: Path, sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        backup.restore(url, file, replace=True)


def at_the_workers_address(url: str, server: PostgresServer) -> str:
    login = fresh_name()
    server.execute(f"create role {login} login in role tracker_worker")
    return make_url(url).set(username=login).render_as_string()
