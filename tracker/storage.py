"""The SQLite file as a file: where it lies, whether it is whole, and how it is copied while it is used."""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy.engine import make_url

from tracker.errors import BadConfiguration

log = logging.getLogger(__name__)

# The WAL-reset corruption bug lives in every version before these (sqlite.org/changes.html, read 2026-11).
WAL_SAFE_FROM = (3, 51, 3)
WAL_SAFE_BACKPORTS = frozenset({(3, 44, 6), (3, 50, 7)})

MOUNTS = Path("/proc/self/mountinfo")
NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "lustre", "gpfs", "ocfs2", "fuse.sshfs", "fuse.glusterfs"}
)
"""File systems of other machines: their locks do not keep two writers apart (sqlite.org/faq.html, 5, read 2026-11)."""

LEAST_FREE = 4 * 1024 * 1024
"""Bytes. SQLite needs room for what a day adds, and as much again for its journal."""

SIDE_FILES = ("-journal", "-wal", "-shm")
PRIVATE = 0o600
DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def file_of(url: str) -> Path | None:
    """The SQLite file at a SQLAlchemy address; None for another database or one in memory."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or parsed.database in {None, "", ":memory:"}:
        return None
    return Path(str(parsed.database))


def journal_mode(version: tuple[int, int, int]) -> str:
    """WAL only where the library is free of the WAL-reset bug; otherwise the rollback journal."""
    return "wal" if version >= WAL_SAFE_FROM or version in WAL_SAFE_BACKPORTS else "delete"


def is_full(url: str) -> bool:
    """Whether the disk of a SQLite file has no room for an ordinary day. Of a server's disk nothing is known here."""
    path = file_of(url)
    if path is None:
        return False
    try:
        disk = os.statvfs(path.parent)
    except OSError:
        return False
    return disk.f_bavail * disk.f_frsize < LEAST_FREE


def check(
    url: str, *, mountinfo: Path = MOUNTS, version: tuple[int, int, int] = sqlite3.sqlite_version_info[:3]
) -> None:
    """Raise BadConfiguration when the SQLite file is damaged or lies on a network share; other databases pass."""
    path = file_of(url)
    if path is None or not path.exists():
        return
    if journal_mode(version) != "wal":
        told = ".".join(map(str, version))
        log.info("the rollback journal is used: SQLite %s can corrupt a database in its write-ahead log", told)
    if kind := network_share(path.resolve(), _mounts(mountinfo)):
        raise BadConfiguration(
            f"The database {path} lies on a network share ({kind}), where SQLite loses data when two processes write. "
            "Put TRACKER_DATA_DIR on a disk of this machine, or use PostgreSQL."
        )
    if complaint := damage(path):
        raise BadConfiguration(
            f"The database {path} is damaged ({complaint}). Stop every process, then put a back-up in its place: "
            "python -m tracker restore FILE --replace"
        )


def damage(path: Path) -> str | None:
    """What SQLite's own check of every page and index finds first; None when the file is whole.

    Opened for writing, since what a killed process left half-written is rolled back by whoever opens it next.
    """
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True, timeout=10)) as connection:
            (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        return str(error) if error.sqlite_errorcode & 0xFF in DAMAGED else None
    return None if found == "ok" else str(found).splitlines()[-1]


def network_share(path: Path, mounts: Iterable[str]) -> str | None:
    """The network file system on which an absolute path lies, by the lines of mountinfo (proc(5)); None for a disk."""
    best, kind = -1, ""
    for line in mounts:
        place, _, source = line.partition(" - ")
        fields = place.split()
        if len(fields) > 4 and source and len(fields[4]) >= best and path.is_relative_to(_unescaped(fields[4])):
            best, kind = len(fields[4]), source.split()[0]
    return kind if kind in NETWORK else None


def copy(source: Path, target: Path) -> None:
    """A whole copy of a SQLite file that others may be using."""
    with private(target) as part:
        copy_into(part, source)


def copy_into(empty: Path, source: Path) -> None:
    """The same into a file that is there, and empty."""
    with closing(sqlite3.connect(source, timeout=10)) as old, closing(sqlite3.connect(empty)) as new:
        old.backup(new)
        new.execute("PRAGMA journal_mode=delete")


@contextmanager
def private(target: Path) -> Iterator[Path]:
    """A new file for this account only, which is at `target` when the block has ended, or not at all."""
    part = target.with_name(f"{target.name}.part")
    part.unlink(missing_ok=True)
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE))
    try:
        yield part
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    with part.open("rb") as written:
        os.fsync(written.fileno())
    part.replace(target)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One process at a time changes what lies in the folder; a second waits. The lock goes with the process."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def put_in_place(fresh: Path, path: Path, suffix: str) -> None:
    """Put a whole new file where a database lies, in one step: killed at any moment, the one is there or the other.

    The old one is beside it then, under that suffix, and is given up only after what SQLite keeps beside it: a new file
    beside an old journal would be "rolled back" into damage. The old one does without: whoever looked whether it is
    whole has ended what a killed process left in there.
    """
    _own(fresh, of=path)
    aside = path.with_name(path.name + suffix)
    for end in ("", *SIDE_FILES):
        Path(f"{aside}{end}").unlink(missing_ok=True)
    for end in (*SIDE_FILES, ""):
        _keep(Path(f"{path}{end}"), Path(f"{aside}{end}"))
    drop_side_files(path)
    fresh.replace(path)


def drop_side_files(path: Path) -> None:
    """Remove what SQLite keeps beside a file that is replaced or made anew."""
    for end in SIDE_FILES:
        Path(f"{path}{end}").unlink(missing_ok=True)


def _own(fresh: Path, *, of: Path) -> None:
    """Give a new file to the owner of the one it replaces, or of its folder: root may run the command for another."""
    owner = (of if of.exists() else of.parent).stat()
    if os.geteuid() == 0:  # nobody else may
        os.chown(fresh, owner.st_uid, owner.st_gid)


def _keep(path: Path, aside: Path) -> None:
    """The file, if there is one, under another name, too; where the file system has no links, a copy."""
    if not path.exists():
        return
    try:
        aside.hardlink_to(path)
    except OSError:
        with private(aside) as part:
            shutil.copyfile(path, part)
            _own(part, of=path)


def _unescaped(place: str) -> str:
    return place.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")


def _mounts(mountinfo: Path) -> list[str]:
    return mountinfo.read_text(encoding="utf-8", errors="replace").splitlines() if mountinfo.exists() else []
