"""What becomes of a SQLite file that is damaged, full, on a network share, or left by a migration that was killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command

from tests.installation import ROOT
from tests.tracker.test_migrations import revision, tables
from tracker import backup, migrations, product, storage
from tracker.db import open_database
from tracker.errors import BadConfiguration

MOUNTINFO = """22 1 8:1 / / rw - ext4 /dev/sda1 rw
40 22 0:40 / /srv rw - nfs4 files:/srv rw
41 40 8:2 / /srv/disk rw - xfs /dev/sdb1 rw
42 22 0:42 / /mnt/with\\040blank rw shared:1 - cifs //files/share rw
43 22 0:43 / /run rw - tmpfs tmpfs rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib/tracker/tracker.db", None),
        ("/srv/tracker.db", "nfs4"),
        ("/srv/disk/tracker.db", None),
        ("/srvx/tracker.db", None),
        ("/mnt/with blank/tracker.db", "cifs"),
        ("/run/tracker.db", None),
    ],
)
def test_a_network_share_is_told_from_a_disk(path: str, kind: str | None) -> None:
    assert storage.network_share(Path(path), MOUNTINFO.splitlines()) == kind


def test_a_disk_without_room_is_known_and_a_servers_is_not_asked_about(tmp_path: Path) -> None:
    assert storage.is_full("sqlite:////proc/tracker.db"), "a file system that never has a byte free"
    assert not storage.is_full(f"sqlite:///{tmp_path / 'tracker.db'}")
    assert not storage.is_full(f"sqlite:///{tmp_path / 'gone' / 'tracker.db'}")
    assert not storage.is_full("postgresql+psycopg://somebody@db.example/tracker")


def test_a_file_on_a_network_share_stops_the_start(migrated_file: Path, tmp_path: Path) -> None:
    (tmp_path / "mountinfo").write_text(f"9 1 0:9 / {migrated_file.parent} rw - nfs4 files:/srv rw\n")

    with pytest.raises(BadConfiguration, match=r"network share \(nfs4\).*or use PostgreSQL"):
        storage.check(f"sqlite:///{migrated_file}", mountinfo=tmp_path / "mountinfo")

    storage.check(f"sqlite:///{migrated_file}", mountinfo=tmp_path / "none")
    storage.check("postgresql+psycopg:///usage", mountinfo=tmp_path / "mountinfo")


@pytest.mark.parametrize("kind", ["a page", "the head", "the end"])
def test_a_damaged_file_stops_the_start_and_the_way_back_is_shown(tmp_path: Path, kind: str) -> None:
    environ = {"TRACKER_DATA_DIR": str(tmp_path)}
    product.prepare(environ)
    url, file = f"sqlite:///{tmp_path}/tracker.db", tmp_path / "tracker.db"
    backup.make(url, tmp_path / "night", replace=False)
    whole = file.read_bytes()
    spoilt = {"a page": whole[:8192] + bytes(4096) + whole[12288:], "the head": b"x" * 100 + whole[100:]}
    file.write_bytes(spoilt.get(kind, whole[: len(whole) // 2]))

    with pytest.raises(BadConfiguration, match=r"is damaged .*python -m tracker restore FILE --replace"):
        product.start(environ, role="worker")

    backup.restore(url, tmp_path / "night", replace=True)
    product.start(environ, role="worker").close()


KILLED = """
import os, signal, sys
from sqlalchemy import Engine, event
from tracker import migrations

left = int(sys.argv[2])

@event.listens_for(Engine, "after_cursor_execute")
def count(_connection, _cursor, statement, *_):
    global left
    left -= statement.lstrip().upper().startswith(("CREATE", "ALTER"))
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

migrations.upgrade(sys.argv[1])
"""


@pytest.mark.parametrize("steps", [1, 12])
def test_a_migration_killed_half_way_leaves_the_former_schema_and_a_copy(database_url: str, steps: int) -> None:
    migrations.upgrade(database_url)
    command.downgrade(migrations.config(database_url), "0001")
    before = tables(database_url)

    killed = subprocess.run([sys.executable, "-c", KILLED, database_url, str(steps)], cwd=ROOT, check=False)

    assert killed.returncode == -signal.SIGKILL
    engine = open_database(database_url, role="owner").engine
    assert (migrations.state(engine), tables(database_url)) == ("behind", before)
    engine.dispose()
    if (file := storage.file_of(database_url)) is not None:
        copy = file.with_name("tracker.db.before-migration")
        assert storage.damage(file) is None
        revision(database_url, "9999")  # as if the kill had left anything at all
        backup.restore(database_url, copy, replace=True)
        assert tables(database_url) == before
    migrations.upgrade(database_url)
    engine = open_database(database_url, role="owner").engine
    assert migrations.state(engine) == "current"
    engine.dispose()
