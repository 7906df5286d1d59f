"""Rotating the key-encryption key: a new one in the ring, then every stored key's envelope under it, row by row.

Each row is its own transaction, so a rotation cut short goes on where it stopped; both keys open until it is done.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from sqlalchemy import select
from sqlmodel import col

from tracker import connections, vault
from tracker.errors import VaultError
from tracker.keyring import KeyRing
from tracker.models import ProviderKey, table_of
from tracker.product import Product, plant_canaries
from tracker.reconcile import Connection

KEYS = table_of(ProviderKey)


@dataclass
class Receipt:
    """What a rotation came to: the active key's id, rows moved to it, rows already there, unreadable rows."""

    active: str
    rewrapped: int = 0
    already: int = 0
    unreadable: list[int] = field(default_factory=list)

    def fields(self) -> dict[str, object]:
        return asdict(self)


def rotate(product: Product) -> Receipt:
    """Seal every stored key's envelope under a new key, or go on with a rotation that was cut short."""
    stored = _stored(product)
    ring = product.ring
    if all(kek_id == ring.active for _, kek_id in stored):
        ring = KeyRing.add_key(product.settings.keyring_file)
        plant_canaries(product.database, ring, {ring.active})
    receipt = Receipt(ring.active)
    for connection, _ in stored:
        _rewrap(product, ring, connection, receipt)
    return receipt


def _stored(product: Product) -> list[tuple[Connection, str]]:
    statement = select(KEYS.c.workspace_id, KEYS.c.id, KEYS.c.kek_id).where(KEYS.c.ciphertext.is_not(None))
    with product.database.crossing("claim") as session:
        return [
            (Connection(workspace_id, key_id), kek_id) for workspace_id, key_id, kek_id in session.execute(statement)
        ]


def _rewrap(product: Product, ring: KeyRing, connection: Connection, receipt: Receipt) -> None:
    with product.database.workspace(connection.workspace_id, write=True) as session:
        statement = select(ProviderKey).where(
            col(ProviderKey.workspace_id) == connection.workspace_id,
            col(ProviderKey.id) == connection.provider_key_id,
        )
        row = session.execute(statement).scalar_one()
        if row.kek_id == ring.active or not row.ciphertext:
            receipt.already += 1
            return
        try:
            sealed = vault.rewrap(ring, connections.binding(row), connections.sealed_of(row))
        except VaultError:
            receipt.unreadable.append(connection.provider_key_id)
            return
        row.kek_id, row.wrapped_dek = sealed.kek_id, sealed.wrapped_dek
        receipt.rewrapped += 1
