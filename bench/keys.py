"""Many connections at once, each with a sealed key that works, as if people had added them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import insert

from tracker import access, vault
from tracker.models import KeyStatus, Member, ProviderKey, Workspace, table_of
from tracker.product import Product
from tracker.reconcile import Connection
from tracker.redact import SecretKey
from tracker.vault import Binding

KEYS_EACH = 100
"""Connections of one workspace."""


def add(product: Product, count: int, *, now: datetime) -> list[Connection]:
    """So many connections, a hundred to a workspace; one person is a member of each."""
    access.add_user(product.database, "bench@example.com", "a long enough password")
    connections: list[Connection] = []
    for number in range(-(-count // KEYS_EACH)):
        workspace_id = _workspace(product, number, now)
        wanted = range(number * KEYS_EACH + 1, min(count, (number + 1) * KEYS_EACH) + 1)
        rows = [_row(product, workspace_id, key_id, now) for key_id in wanted]
        with product.database.workspace(workspace_id, write=True) as session:
            session.execute(insert(table_of(ProviderKey)), rows)
        connections += [Connection(workspace_id, key_id) for key_id in wanted]
    return connections


def _workspace(product: Product, number: int, now: datetime) -> int:
    with product.database.exempt(write=True) as session:
        made = Workspace(name=f"bench {number}", created_at=now)
        session.add(made)
        session.flush()
        workspace_id = made.id or 0
    with product.database.workspace(workspace_id, write=True) as session:
        session.add(Member(workspace_id=workspace_id, user_id=1, role="owner"))
    return workspace_id


def _row(product: Product, workspace_id: int, key_id: int, now: datetime) -> dict[str, object]:
    origin = product.origin("openai")
    key = SecretKey("-".join(("sk", "admin", f"bench{key_id:06}" + "x" * 40)))
    sealed = vault.seal(product.ring, Binding(workspace_id, key_id, "openai", origin), key)
    return {
        "id": key_id,
        "workspace_id": workspace_id,
        "provider": "openai",
        "label": f"key {key_id}",
        "origin": origin,
        "last4": "xxxx",
        "fingerprint": vault.fingerprint(product.ring, workspace_id, key),
        "fmt": sealed.fmt,
        "kek_id": sealed.kek_id,
        "wrapped_dek": sealed.wrapped_dek,
        "ciphertext": sealed.ciphertext,
        "status": KeyStatus.VALID,
        "names_readable": False,
        "created_at": now,
        "failures": 0,
    }
