"""The key-encryption keys (KEKs) and the private file that holds them.

The file is made whole or not at all, never overwritten, and refused when anyone else can read it. It travels apart
from database backups: whoever has both has the provider keys. No message and no repr holds a byte of a key.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import stat
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Self

from tracker import storage
from tracker.errors import BadConfiguration

KEY_BYTES = 32

_MAX_FILE_BYTES = 65_536
_KEK_ID = re.compile(r"k[1-9][0-9]{0,5}")
_PLAUSIBLE_ID = re.compile(r"k[1-9][0-9]{0,4}")  # one digit less: no damaged row can leave a ring without a next id


@dataclass(frozen=True, repr=False)
class KeyRing:
    """The KEKs by id (k1, k2, …), the id that seals new keys, and the key of the fingerprints; 32 bytes each."""

    active: str
    keys: Mapping[str, bytes]
    fingerprint_key: bytes

    def __post_init__(self) -> None:
        if problem := _ring_problem(self):
            raise BadConfiguration(f"The key ring cannot be used: {problem}.")
        object.__setattr__(self, "keys", MappingProxyType(dict(self.keys)))

    def __repr__(self) -> str:
        return f"<key ring, active {self.active}>"

    @classmethod
    def create(cls, path: Path) -> Self:
        """A new ring with one KEK, written as `write` does."""
        ring = cls.fresh("k1")
        ring.write(path)
        return ring

    @classmethod
    def fresh(cls, kek_id: str) -> Self:
        """A new ring with one KEK, in memory alone."""
        return cls(kek_id, {kek_id: secrets.token_bytes(KEY_BYTES)}, secrets.token_bytes(KEY_BYTES))

    def write(self, path: Path) -> None:
        """Put the ring there whole, with mode 0400; FileExistsError when there is one, so load that."""
        with _refusing_os_errors(path, "written"):
            if not path.parent.exists():  # a file there is told as such below
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with _written_beside(path, _ring_text(self)) as new:
                os.link(new, path)

    @classmethod
    def prove_place(cls, path: Path) -> None:
        """BadConfiguration unless `write` could put a ring there: one is put beside, and taken away again."""
        beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        cls.fresh("k1").write(beside)
        with _refusing_os_errors(beside, "taken away"):
            beside.unlink()

    @classmethod
    def load(cls, path: Path) -> Self:
        """The ring in the file; BadConfiguration, with no byte of a key, unless it is whole and ours alone."""
        fields = _parsed(_read_private(path))
        if fields is None:
            raise BadConfiguration(f"The key ring {path} is not JSON with each name once. Restore it from its backup.")
        try:
            return cls(*_ring_fields(fields))
        except BadConfiguration as error:
            raise BadConfiguration(f"{error} File: {path}. Restore it from its backup.") from None

    @classmethod
    def add_key(cls, path: Path, used: Iterable[str | None] = ()) -> Self:
        """The ring with one KEK more, which is active from now on; the old ones stay until every row has left them.

        Its id is none of the ring's and none of those `used` elsewhere.
        """
        path = path.resolve()
        with _refusing_os_errors(path, "replaced"), storage.locked(path.parent):
            ring = cls.load(path)
            kek_id = next_id(ring.keys, used)
            ring = replace(ring, active=kek_id, keys={**ring.keys, kek_id: secrets.token_bytes(KEY_BYTES)})
            with _written_beside(path, _ring_text(ring), owner=path.stat()) as new:
                new.replace(path)
        return ring


def next_id(own: Iterable[str], used: Iterable[str | None]) -> str:
    """Greater than all: what a lost key sealed, here or in a back-up, is never taken for a new one's.

    `own` are a ring's; of those `used` in a database, which anybody may have damaged, only plausible ones count.
    """
    plausible = (kek_id for kek_id in used if kek_id and _PLAUSIBLE_ID.fullmatch(kek_id))
    return f"k{1 + max((int(kek_id[1:]) for kek_id in (*own, *plausible)), default=0)}"


# --- the ring's file


def _ring_problem(ring: KeyRing) -> str | None:
    if not all(_KEK_ID.fullmatch(kek_id) for kek_id in ring.keys):
        return "a key's id is not of the form k1, k2, …"
    if ring.active not in ring.keys:
        return "its active id is not among its keys"
    if not all(len(key) == KEY_BYTES for key in (*ring.keys.values(), ring.fingerprint_key)):
        return f"a key is not the base64 of {KEY_BYTES} bytes"
    return None


def _ring_text(ring: KeyRing) -> bytes:
    keys = {kek_id: b64encode(key).decode() for kek_id, key in ring.keys.items()}
    fields = {"active": ring.active, "keys": keys, "fingerprint": b64encode(ring.fingerprint_key).decode()}
    return json.dumps(fields).encode()


def _ring_fields(fields: object) -> tuple[str, dict[str, bytes], bytes]:
    match fields:
        case {"active": str(active), "keys": dict(keys), "fingerprint": text, **rest} if not rest:
            return active, {kek_id: _key_bytes(key) for kek_id, key in keys.items()}, _key_bytes(text)
    raise BadConfiguration("The key ring does not consist of active, keys and fingerprint.")


def _key_bytes(text: object) -> bytes:
    """The bytes of a base64 text; empty, and so of the wrong length, if it is none."""
    with suppress(ValueError):
        return b64decode(text, validate=True) if isinstance(text, str) else b""
    return b""


def _parsed(raw: bytes) -> object | None:
    """The JSON value, None if it is none: the parser's own error would carry the text along."""
    with suppress(ValueError, RecursionError):
        value: object = json.loads(raw, object_pairs_hook=_without_duplicates)
        return value
    return None


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a name stands twice")
    return dict(pairs)


def _read_private(path: Path) -> bytes:
    with _refusing_os_errors(path, "read"), open(path, "rb", opener=_without_waiting) as file:
        if problem := _privacy_problem(os.fstat(file.fileno()), os.geteuid(), credential=_is_credential(path)):
            raise BadConfiguration(f"The key ring {path} {problem}.")
        return file.read(_MAX_FILE_BYTES)


def _without_waiting(name: str, flags: int) -> int:
    """A pipe in the ring's place must be refused, not hang the start."""
    return os.open(name, flags | os.O_NONBLOCK)


def _is_credential(path: Path) -> bool:
    """Whether systemd handed the file to this service alone, in a folder that nobody else enters.

    From version 254 on it lets the service in by an access list, whose mask `stat` shows as the group's bits: 0440
    (github.com/systemd/systemd/issues/29435, read on 2026-11-28).
    """
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return folder is not None and path.parent == Path(folder)


def _privacy_problem(status: os.stat_result, our_uid: int, *, credential: bool = False) -> str | None:
    if not stat.S_ISREG(status.st_mode):
        return "is not a regular file"
    if status.st_mode & (0o037 if credential else 0o077):
        return "can be read by others than its owner. Set its mode to 0400, and think of its keys as read"
    if our_uid not in {0, status.st_uid} and status.st_uid != 0:
        return "belongs to another user. Give it to the user who runs this process"
    return None


@contextmanager
def _written_beside(path: Path, content: bytes, *, owner: os.stat_result | None = None) -> Iterator[Path]:
    """A complete, private file in the same folder, to be moved into place within the block; then all is on the disk."""
    new = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if owner and owner.st_uid != os.geteuid():
                os.fchown(descriptor, owner.st_uid, owner.st_gid)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        yield new
    finally:
        new.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _refusing_os_errors(path: Path, done: str) -> Iterator[None]:
    try:
        yield
    except FileExistsError:
        raise
    except OSError as error:
        raise BadConfiguration(
            f"The key ring {path} cannot be {done}: {error.strerror}. See to it, or correct TRACKER_KEYRING_FILE."
        ) from None
