"""Rotating the key-encryption key: a new one in the ring, then every stored key's envelope under it.

Each batch is its own transaction, so a rotation cut short goes on where it stopped; both keys open until it is done.
"""

from __future__ import annotations

import fcntl
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path

from sqlalchemy import Select, select
from sqlalchemy.exc import NoResultFound
from sqlalchemy.orm import undefer_group
from sqlmodel import col

from tracker import connections, second_factor, vault
from tracker.errors import BadConfiguration, Conflict, VaultError
from tracker.keyring import KeyRing
from tracker.models import SEALED, KekCanary, ProviderKey, SecondFactor, table_of
from tracker.points import reached
from tracker.product import Product, plant_canaries

CANARIES, KEYS, FACTORS = table_of(KekCanary), table_of(ProviderKey), table_of(SecondFactor)

BATCH = 100
"""Rows of one workspace that are moved in one transaction: a commit costs more than all the rest."""


@dataclass
class Receipt:
    """What a rotation came to; each of the `stored` rows is counted in one of the fields below it.

    `new_key` is False when this run finished one that was cut short. `already` were under the active key before,
    `gone` were deleted meanwhile; `unreadable` are connections, `unreadable_factors` users, by their ids.
    """

    active: str
    new_key: bool = False
    stored: int = 0
    rewrapped: int = 0
    already: int = 0
    gone: int = 0
    unreadable: list[int] = field(default_factory=list)
    unreadable_factors: list[int] = field(default_factory=list)

    def fields(self) -> dict[str, object]:
        return asdict(self)


def rotate(product: Product) -> Receipt:
    """Seal every stored key's envelope under a new key, or finish a rotation that was cut short.

    It was cut short if there is anything to move to the key that is active now. Rows that do not open cannot tell:
    one of them would otherwise stand in the way of every rotation to come.
    """
    # An operator's work: on PostgreSQL neither of the lesser roles reads all that is sealed.
    product = replace(product, database=replace(product.database, role="owner"))
    path = product.settings.keyring_file
    with alone(path):
        receipt = _move_all(product, KeyRing.load(path))
        if receipt.rewrapped:
            return receipt
        ring = KeyRing.add_key(path, _used(product))
        reached("key added to the ring")
        plant_canaries(product.database, ring, {ring.active})
        reached("canary planted")
        receipt = _move_all(product, ring)
        receipt.new_key = True
        return receipt


@contextmanager
def alone(keyring_file: Path) -> Iterator[None]:
    """One change of the ring at a time: two would seal under two keys, of which each knows its own only."""
    path = keyring_file.resolve()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path.with_name(f".{path.name}.rotating"), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise BadConfiguration(f"The folder of the key ring {path} cannot be written: {error.strerror}.") from None
    try:
        _take(descriptor)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int) -> None:
    """The lock goes with the process, however that ends."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Conflict("The key ring is being changed already. Wait for that to end.") from None


def _move_all(product: Product, ring: KeyRing) -> Receipt:
    receipt = Receipt(ring.active)
    for workspace_id, key_ids in _behind(receipt, _stored(product)).items():
        for first in range(0, len(key_ids), BATCH):
            _move_keys(product, ring, receipt, workspace_id, key_ids[first : first + BATCH])
    for user_ids in _behind(receipt, _factors(product)).values():
        for user_id in user_ids:
            _move_factor(product, ring, receipt, user_id)
    return receipt


def _behind(receipt: Receipt, stored: Iterable[tuple[int, int, str]]) -> dict[int, list[int]]:
    """Count what is stored; the ids, by workspace, of what is not under the active key."""
    behind = defaultdict(list)
    for workspace_id, number, kek_id in stored:
        receipt.stored += 1
        if kek_id == receipt.active:
            receipt.already += 1
        else:
            behind[workspace_id].append(number)
    return behind


def _stored(product: Product) -> list[tuple[int, int, str]]:
    statement = select(KEYS.c.workspace_id, KEYS.c.id, KEYS.c.kek_id).where(KEYS.c.ciphertext.is_not(None))
    with product.database.crossing("claim") as session:
        return [tuple(row) for row in session.execute(statement.order_by(KEYS.c.workspace_id, KEYS.c.id))]


def _factors(product: Product) -> list[tuple[int, int, str]]:
    with product.database.exempt() as session:
        rows = session.execute(select(FACTORS.c.user_id, FACTORS.c.kek_id).order_by(FACTORS.c.user_id))
        return [(0, user_id, kek_id) for user_id, kek_id in rows]


def _used(product: Product) -> set[str]:
    """The ids under which anything is sealed, with a key of the ring or with one that was lost."""
    with product.database.exempt() as session:
        canaries = session.execute(select(CANARIES.c.kek_id)).scalars().all()
    return {*canaries, *(kek_id for _, _, kek_id in (*_stored(product), *_factors(product)))}


def _move_keys(product: Product, ring: KeyRing, receipt: Receipt, workspace_id: int, key_ids: list[int]) -> None:
    rewrap = partial(_rewrap, product, ring, workspace_id, key_ids)
    moved, unreadable = product.database.retrying(rewrap)
    receipt.rewrapped += moved
    receipt.unreadable += unreadable
    receipt.gone += len(key_ids) - moved - len(unreadable)


def _rewrap(product: Product, ring: KeyRing, workspace_id: int, key_ids: list[int]) -> tuple[int, list[int]]:
    """How many rows are under the active key now, and which cannot be."""
    moved, unreadable = 0, []
    with product.database.workspace(workspace_id, write=True) as session:
        for row in session.execute(_locked(workspace_id, key_ids)).scalars().all():
            place, sealed = connections.binding(row), connections.sealed_of(row)
            try:
                vault.open_key(ring, place, sealed)  # an envelope may be whole when the key in it is not
                sealed = vault.rewrap(ring, place, sealed)
            except VaultError:
                unreadable.append(connections.id_of(row))
                continue
            row.kek_id, row.wrapped_dek = sealed.kek_id, sealed.wrapped_dek
            reached("envelope sealed anew")
            moved += 1
    return moved, unreadable


def _locked(workspace_id: int, key_ids: list[int]) -> Select[ProviderKey]:
    """Rows that nobody replaces before their envelope is: another key's would not fit."""
    keys = (col(ProviderKey.workspace_id) == workspace_id, col(ProviderKey.id).in_(key_ids))
    sealed = select(ProviderKey).where(*keys, col(ProviderKey.ciphertext).is_not(None))
    return sealed.options(undefer_group(SEALED)).with_for_update()


def _move_factor(product: Product, ring: KeyRing, receipt: Receipt, user_id: int) -> None:
    try:
        receipt.rewrapped += product.database.retrying(partial(_rewrap_factor, product, ring, user_id))
    except VaultError:
        receipt.unreadable_factors.append(user_id)
    except NoResultFound:
        receipt.gone += 1


def _rewrap_factor(product: Product, ring: KeyRing, user_id: int) -> int:
    with product.database.exempt(write=True) as session:
        session.execute(select(FACTORS.c.user_id).where(FACTORS.c.user_id == user_id).with_for_update()).one()
        second_factor.rewrap(session, ring, user_id)
        reached("second factor sealed anew")
    return 1
