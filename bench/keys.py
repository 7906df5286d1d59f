"""Many connections at once, each with a sealed key that works, as if people had added them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import insert
from sqlmodel import SQLModel

from tracker import access, vault
from tracker.models import KeyStatus, Member, ProviderKey, Workspace, table_of
from tracker.product import Product
from tracker.reconcile import Connection
from tracker.redact import SecretKey
from tracker.vault import Binding


def add(product: Product, count: int, *, now: datetime) -> list[Connection]:
    """So many connections, each in a workspace of its own; one person is a member of all."""
    access.add_user(product.database, "bench@example.com", "a long enough password")
    numbers = range(2, count + 2)  # the person's own workspace is the first
    rows: dict[type[SQLModel], list[dict[str, object]]] = {
        Workspace: [{"id": number, "name": f"bench {number}", "created_at": now} for number in numbers],
        Member: [{"workspace_id": number, "user_id": 1, "role": "owner"} for number in numbers],
        ProviderKey: [_row(product, number, number, now) for number in numbers],
    }
    with product.database.engine.begin() as connection:
        for model, of_model in rows.items():
            connection.execute(insert(table_of(model)), of_model)
    return [Connection(number, number) for number in numbers]


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
