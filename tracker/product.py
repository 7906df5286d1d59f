"""A running process of the product: its settings, database, key ring and ways out, put together and checked once.

A wrong setting, schema or key ring stops the start with BadConfiguration before anything is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from tracker import clock, migrations, storage, vault
from tracker.config import Settings, load
from tracker.db import Database, ProcessRole, check_reachable, open_database, sentence_for
from tracker.db.addresses import refused
from tracker.errors import BadConfiguration, Conflict, TrackerError
from tracker.keyring import KeyRing
from tracker.memory import Memory
from tracker.models import KekCanary, ProviderKey, SecondFactor, table_of
from tracker.new_rows import insert_new
from tracker.providers.http import ClientPool

CANARIES, KEYS, FACTORS = table_of(KekCanary), table_of(ProviderKey), table_of(SecondFactor)


@dataclass(frozen=True)
class Product:
    """What commands, pages and the worker work with."""

    settings: Settings
    database: Database
    ring: KeyRing
    clients: ClientPool
    memory: Memory = field(default_factory=Memory, repr=False, compare=False)

    def base_url(self, provider: str) -> str:
        """Where the provider's calls go in this installation."""
        return self.settings.base_urls[provider]

    def origin(self, provider: str) -> str:
        """The part of that address that is bound into a sealed key."""
        return vault.origin_of(self.base_url(provider))

    def ring_with(self, kek_id: str | None) -> KeyRing:
        """The ring with that key in it, if there is any: the keys may have been rotated since this process began."""
        return self.ring if kek_id in self.ring.keys else KeyRing.load(self.settings.keyring_file)

    def sealing_ring(self, session: Session) -> KeyRing:
        """The ring to seal with, which opens the canary of its active key: this process's, or else the file's.

        Conflict when neither does: the operator gave the ring up as lost, and this process can reach no newer one.
        """
        if _is_current(session, self.ring):
            return self.ring
        with suppress(BadConfiguration):
            ring = KeyRing.load(self.settings.keyring_file)
            if _is_current(session, ring):
                return ring
        raise Conflict(RING_CHANGED)

    def close(self) -> None:
        self.clients.close()
        self.memory.close()
        self.database.engine.dispose()


def prepare(environ: Mapping[str, str]) -> Settings:
    """Make what a first start lacks: data folder, schema, key ring. Safe to repeat and to run at once."""
    settings = load(environ)
    clock.start_at(settings.now)
    _make_folder(settings.data_dir)
    database = open_database(settings.database_url, role="owner")
    with _told_in_words(database):
        migrations.upgrade(settings.database_url)
        _ring(settings.keyring_file, database)
    database.engine.dispose()
    return settings


def start(environ: Mapping[str, str], *, role: ProcessRole) -> Product:
    """The product, ready for work in that role; BadConfiguration when anything does not fit."""
    settings, database = checked(environ, role=role)
    with _told_in_words(database):
        ring = _ring(settings.keyring_file, database)
    return Product(settings, database, ring, ClientPool(loopback_only=settings.now is not None))


def checked(environ: Mapping[str, str], *, role: ProcessRole) -> tuple[Settings, Database]:
    """Settings and a database that is there, whole and of this version: all of a start but the key ring."""
    vault.harden_process()
    settings = load(environ)
    clock.start_at(settings.now)
    database = open_database(settings.database_url, role=role)
    if not _exists(settings):
        raise BadConfiguration(f"There is no database at {settings.data_dir}. Run: python -m tracker migrate")
    storage.check(settings.database_url)
    with _told_in_words(database):
        check_reachable(database)
        migrations.check(database.engine)
    return settings, database


@contextmanager
def _told_in_words(database: Database) -> Iterator[None]:
    """Who is refused is told why, without a trace where the database is what fails, and keeps no connection open."""
    with _disposed_on_error(database):
        try:
            yield
        except (SQLAlchemyError, OSError, ValueError, database.engine.dialect.loaded_dbapi.Error) as error:
            check_reachable(database)
            if sentence := refused(database.engine.url, error):
                raise BadConfiguration(sentence) from None
            storage.check(str(database.engine.url))
            if sentence := sentence_for(error):
                raise TrackerError(sentence) from error
            raise


@contextmanager
def _disposed_on_error(database: Database) -> Iterator[None]:
    try:
        yield
    except BaseException:
        database.engine.dispose()
        raise


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise BadConfiguration(
            f"The data folder {path} cannot be made: {error.strerror}. "
            "Set TRACKER_DATA_DIR to a folder that this account may write."
        ) from None


RING_CHANGED = (
    "The key ring was changed. The operator has to restart the dashboard; then paste the key, or set up the second "
    "factor, again."
)
MISSING = (
    "The key ring {path} is missing, and with it the only way to open the provider keys that are stored here. "
    "Mount the disk it is on, put it back from its own back-up, which is kept apart from the database's, or set "
    "TRACKER_KEYRING_FILE to where it lies. No new ring is made over sealed keys. {last}"
)
LAST_RESORT = (
    "If it is gone for good, python -m tracker forget-keys tells how to go on with the numbers and without the keys."
)


def _is_current(session: Session, ring: KeyRing) -> bool:
    canary = session.get(KekCanary, ring.active)
    return canary is not None and vault.check_canary(ring, ring.active, canary.sealed)


def _exists(settings: Settings) -> bool:
    """Whether there is anything to open; SQLite would silently make an empty file."""
    path = storage.file_of(settings.database_url)
    return path is None or path.exists()


def _ring(path: Path, database: Database) -> KeyRing:
    """The key ring, proven against the canaries; made only while the database holds nothing sealed."""
    with database.exempt() as session:
        canaries = {row.kek_id: row.sealed for row in session.execute(select(CANARIES))}
    if not canaries and not path.exists() and not _holds_sealed_keys(database):
        with suppress(FileExistsError):  # another process was first
            KeyRing.create(path)
    if not path.exists():
        raise BadConfiguration(MISSING.format(path=path, last=LAST_RESORT))
    ring = KeyRing.load(path)
    for kek_id, sealed in canaries.items():
        if kek_id not in ring.keys:
            raise BadConfiguration(
                f"The key ring {path} lacks the key {kek_id}, which sealed what is stored. {LAST_RESORT}"
            )
        if not vault.check_canary(ring, kek_id, sealed):
            raise BadConfiguration(
                f"The key ring {path} holds another key {kek_id} than the one that sealed what is stored."
            )
    plant_canaries(database, ring, set(ring.keys) - set(canaries))
    return ring


def _holds_sealed_keys(database: Database) -> bool:
    with database.exempt() as session:
        if session.execute(select(FACTORS.c.user_id).limit(1)).first():
            return True
    with database.crossing("claim") as session:
        return session.execute(select(KEYS.c.id).where(KEYS.c.kek_id.is_not(None)).limit(1)).first() is not None


def plant_canaries(database: Database, ring: KeyRing, kek_ids: set[str]) -> None:
    if not kek_ids or database.role == "operator":  # who only reads
        return
    rows = [{"kek_id": kek_id, "sealed": vault.seal_canary(ring, kek_id)} for kek_id in sorted(kek_ids)]
    with database.exempt(write=True) as session:
        insert_new(session, CANARIES, rows)
        planted = [session.get_one(KekCanary, kek_id).sealed for kek_id in sorted(kek_ids)]
    for kek_id, sealed in zip(sorted(kek_ids), planted, strict=True):
        if not vault.check_canary(ring, kek_id, sealed):  # another process was first, with a ring of its own
            raise BadConfiguration(
                f"Another process has just begun with another key ring, and holds another key {kek_id}. "
                "Give both the same ring."
            )
