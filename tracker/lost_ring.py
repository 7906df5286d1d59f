"""Going on without a key ring that is gone for good: what only it opened is given up, and nothing else.

First the sealed keys go, each workspace's in a transaction. Then a new ring is made, its canary before its file: so a
ring that is there is known by a canary to be ours. The canaries of the lost one go last, and until then no process
starts. Cut short anywhere it is run again, and goes on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from pathlib import Path

from sqlalchemy import delete, or_, select
from sqlalchemy.exc import DBAPIError
from sqlmodel import col

from tracker import notices, product, runs, vault
from tracker.audit import OPERATOR, Action
from tracker.clock import utc_now
from tracker.config import Settings
from tracker.db import Database
from tracker.db.addresses import NO_RIGHT
from tracker.errors import BadConfiguration, BadInput, Conflict
from tracker.keyring import KeyRing, next_id
from tracker.models import KekCanary, KeyStatus, ProviderKey, SecondFactor, table_of
from tracker.rotation import alone

CANARIES, KEYS, FACTORS = table_of(KekCanary), table_of(ProviderKey), table_of(SecondFactor)

REASON = (
    "The key ring that opened this key was lost, and nothing else opens it. Paste the key again: in "
    "Settings, under Manage, choose Replace the key. An operator can do it by the command replace-key, too."
)
MIGRATE = "python -m tracker migrate"
MOVE = "If the right one is gone for good, move this file away and run this again."


@dataclass(frozen=True)
class Loss:
    """What nothing opens any more: connections' ids by workspace, how many second factors in use, canaries' ids.

    `ring` is the one that is there and opens the rest, None when there is none; `used` are all ids of what is sealed.
    """

    keys: Mapping[int, list[int]]
    second_factors: int
    canaries: frozenset[str]
    ring: KeyRing | None
    used: frozenset[str]

    @property
    def count(self) -> int:
        """How many stored keys there are among it."""
        return sum(map(len, self.keys.values()))


@dataclass(frozen=True)
class Receipt:
    """The key that seals from now on, how many keys this run gave up, and how many second factors do not open."""

    active: str
    keys: int
    second_factors: int


def survey(settings: Settings, database: Database) -> Loss:
    """What was lost. BadInput when nothing was, when the ring that is there is not ours, or for another's address."""
    with _as_owner(), database.exempt() as session:
        canaries = {row.kek_id: row.sealed for row in session.execute(select(CANARIES))}
        factors = session.execute(select(FACTORS.c.kek_id, FACTORS.c.confirmed_at)).all()
    with _as_owner(), database.crossing("claim") as session:
        columns = (KEYS.c.workspace_id, KEYS.c.id, KEYS.c.kek_id)
        sealed = select(*columns).where(KEYS.c.ciphertext.is_not(None)).order_by(KEYS.c.workspace_id, KEYS.c.id)
        rows = session.execute(sealed).all()
    ring = _ring_there(settings.keyring_file, canaries)
    known = ring.keys if ring else {}
    lost = ((workspace_id, number) for workspace_id, number, kek_id in rows if kek_id not in known)
    loss = Loss(
        {workspace_id: [number for _, number in each] for workspace_id, each in groupby(lost, lambda row: row[0])},
        sum(kek_id not in known and confirmed_at is not None for kek_id, confirmed_at in factors),
        frozenset(canaries.keys() - known),
        ring,
        frozenset(kek_id for kek_id in (*canaries, *(row.kek_id for row in (*rows, *factors))) if kek_id),
    )
    if not ring and not loss.used:
        raise Conflict(f"Nothing is sealed here yet. To make the key ring {settings.keyring_file}, run: {MIGRATE}")
    if ring and not loss.keys and not loss.canaries:
        raise Conflict(f"The key ring {settings.keyring_file} opens every stored key: nothing to give up.")
    return loss


def forget(settings: Settings, database: Database) -> Receipt:
    """Give up what was lost, and make a ring to go on with. BadInput as `survey` says, and while a worker is alive."""
    _refuse_not_mounted(settings.keyring_file)  # before the lock's folder is made
    with alone(settings.keyring_file):
        loss = survey(settings, database)
        _refuse_while_used(database)
        if loss.ring is None:
            KeyRing.prove_place(settings.keyring_file)
        else:
            loss = replace(loss, ring=_above_lost(settings.keyring_file, database, loss.ring, loss.used))
        given_up = _give_up(database, loss)
        ring = loss.ring or _new_ring(settings.keyring_file, database, next_id((), loss.used))
        database.retrying(partial(_drop_canaries, database, loss.canaries))
    return Receipt(ring.active, given_up, loss.second_factors)


@contextmanager
def _as_owner() -> Iterator[None]:
    """On PostgreSQL none of the lesser roles reads all that is sealed."""
    try:
        yield
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != NO_RIGHT:
            raise
        raise BadInput(
            "This account may not do that in PostgreSQL. Set TRACKER_DATABASE_URL to the owner's address."
        ) from None


def _refuse_not_mounted(path: Path) -> None:
    """A ring on a disk that is away is not lost."""
    if not path.parent.is_dir():
        raise BadInput(
            f"There is no folder {path.parent} for the key ring. Mount the disk it is on, or set TRACKER_KEYRING_FILE "
            "to where the ring lies. If the ring is gone for good, make the folder and run this again."
        )
    if path.is_symlink() and not path.exists():
        raise BadInput(
            f"The key ring {path} leads to {path.readlink()}, which is not there: mount it and run this again. If the "
            "ring is gone for good, delete that link first."
        )


def _ring_there(path: Path, canaries: Mapping[str, bytes]) -> KeyRing | None:
    """The ring in the file, None without a file. BadInput unless a canary says that it is ours, and none denies it."""
    _refuse_not_mounted(path)
    if not path.exists():
        return None
    try:
        ring = KeyRing.load(path)
    except BadConfiguration as error:
        raise BadInput(f"{error} {MOVE}") from None
    shared = ring.keys.keys() & canaries
    if not shared or not all(vault.check_canary(ring, kek_id, canaries[kek_id]) for kek_id in shared):
        raise BadInput(f"The key ring {path} did not seal what is stored, and only that one opens it. {MOVE}")
    return ring


def _refuse_while_used(database: Database) -> None:
    with database.exempt() as session:
        if runs.living_workers(session, now=utc_now()):
            raise BadInput(
                "A worker is running, and holds the ring. Stop the workers, and the dashboards as well: whether one of "
                "those runs cannot be seen from here."
            )


def _give_up(database: Database, loss: Loss) -> int:
    """Empty the lost keys, each workspace's in a transaction; how many. One that was pasted again since is kept."""
    known = frozenset(loss.ring.keys if loss.ring else ())
    return sum(
        database.retrying(partial(_empty, database, workspace_id, key_ids, known))
        for workspace_id, key_ids in loss.keys.items()
    )


def _empty(database: Database, workspace_id: int, key_ids: list[int], known: frozenset[str]) -> int:
    with database.workspace(workspace_id, write=True) as session:
        lost = select(ProviderKey).where(
            col(ProviderKey.workspace_id) == workspace_id,
            col(ProviderKey.id).in_(key_ids),
            col(ProviderKey.ciphertext).is_not(None),
            or_(col(ProviderKey.kek_id).is_(None), col(ProviderKey.kek_id).not_in(known)),
        )
        rows = session.execute(lost.with_for_update()).scalars().all()
        for row in rows:
            row.wrapped_dek = row.ciphertext = row.fingerprint = row.kek_id = row.fmt = None
            row.failures, row.retry_at, row.next_due_at = 0, None, None
            if row.status != KeyStatus.DUPLICATE:  # that one is not waited for: another reads its organisation
                row.status, row.status_reason = KeyStatus.UNREADABLE, REASON
            notices.of_key(session, row, Action.KEY_LOST, OPERATOR)
        return len(rows)


def _above_lost(path: Path, database: Database, ring: KeyRing, used: frozenset[str]) -> KeyRing:
    """The ring, with a new key if one that was lost had a greater number: no later rotation takes that one again."""
    if next_id(ring.keys, ()) != next_id(ring.keys, used):
        ring = KeyRing.add_key(path, used)
    product.plant_canaries(database, ring, set(ring.keys) - used)
    return ring


def _new_ring(path: Path, database: Database, kek_id: str) -> KeyRing:
    ring = KeyRing.fresh(kek_id)
    product.plant_canaries(database, ring, {kek_id})
    try:
        ring.write(path)
    except FileExistsError:
        raise Conflict(
            f"Something was put at {path} just now. Make sure that it is right, and run this again."
        ) from None
    return ring


def _drop_canaries(database: Database, kek_ids: frozenset[str]) -> None:
    with database.exempt(write=True) as session:
        session.execute(delete(CANARIES).where(CANARIES.c.kek_id.in_(sorted(kek_ids))))
