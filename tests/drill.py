"""An installation full of sealed keys that nobody uses, each with a text of its own, for the key ring's drills."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import func, insert, select, update

from tests.installation import NOW
from tests.quick import Process
from tracker import product, second_factor, vault
from tracker.keyring import KeyRing
from tracker.models import ProviderKey, SecondFactor, User, Workspace, table_of
from tracker.product import Product
from tracker.redact import SecretKey
from tracker.vault import Binding, Sealed

KEYS, FACTORS = table_of(ProviderKey), table_of(SecondFactor)
USERS = 5
ORIGIN = "https://api.openai.com:443"
PATIENCE_S = 60.0

Place = tuple[Binding, Sealed]


@dataclass(frozen=True)
class Drill:
    """`texts` are the keys by their rows' ids, `secrets` those of the second factors by user."""

    environ: dict[str, str]
    ready: Product
    texts: dict[int, str]
    secrets: dict[int, str]

    @property
    def stored(self) -> int:
        return len(self.texts) + len(self.secrets)

    @property
    def ring(self) -> KeyRing:
        """As the file has it now."""
        return KeyRing.load(self.ready.settings.keyring_file)

    def start(self, *arguments: str) -> Process:
        return Process(arguments, {**os.environ, **self.environ})

    def rotate(self) -> tuple[int, dict[str, Any]]:
        """The exit code and the receipt of a rotation that nobody disturbs."""
        process = self.start("tracker", "rotate-keys")
        out, err = process.communicate(timeout=PATIENCE_S)
        assert err == b""
        return process.returncode, json.loads(out)

    def rows(self) -> dict[int, Place]:
        with self.ready.database.crossing("operator") as session:
            rows = session.execute(select(KEYS)).all()
        return {row.id: (Binding(row.workspace_id, row.id, row.provider, row.origin), _sealed(row)) for row in rows}

    def factors(self) -> dict[int, Place]:
        with self.ready.database.exempt() as session:
            rows = session.execute(select(FACTORS)).all()
        return {row.user_id: (Binding(0, row.user_id, "totp", "account"), _sealed(row)) for row in rows}

    def under(self, kek_id: str) -> int:
        """How many rows are under that key-encryption key."""
        with self.ready.database.crossing("operator") as session:
            counts = (select(func.count()).where(table.c.kek_id == kek_id) for table in (KEYS, FACTORS))
            return sum(int(session.execute(count).scalar_one()) for count in counts)

    def edit(self, key_id: int, **values: object) -> None:
        """Change a row as somebody would who can write the database but has no ring."""
        workspace_id = workspace_of(key_id)
        with self.ready.database.workspace(workspace_id, write=True) as session:
            row = (KEYS.c.workspace_id == workspace_id, KEYS.c.id == key_id)
            session.execute(update(KEYS).where(*row).values(**values))


def _sealed(row: Any) -> Sealed:
    return Sealed(row.fmt, row.kek_id, row.wrapped_dek, row.ciphertext)


def opened(ring: KeyRing, places: dict[int, Place]) -> dict[int, str]:
    return {number: vault.open_key(ring, *place).reveal() for number, place in places.items()}


@contextmanager
def drilled(url: str, folder: Path, *, rows: int) -> Iterator[Drill]:
    """That many keys under k1, a hundred to a workspace, and some second factors."""
    environ = {
        "TRACKER_NOW": f"{NOW:%Y-%m-%dT%H:%M:%SZ}",
        "TRACKER_DATA_DIR": str(folder),
        "TRACKER_DATABASE_URL": url,
    }
    product.prepare(environ)
    ready = product.start(environ, role="owner")
    texts = {number: f"drill-key-{number:06d}" for number in range(1, rows + 1)}
    _fill(ready, texts)
    yield Drill(environ, ready, texts, {number: _enrolled(ready, number) for number in range(1, USERS + 1)})
    ready.close()


def workspace_of(key_id: int) -> int:
    return 1 + key_id // 100


def _fill(ready: Product, texts: dict[int, str]) -> None:
    """Past the doors of `tracker.db`: they would want a transaction for each workspace."""
    workspaces = sorted({workspace_of(number) for number in texts})
    with ready.database.engine.begin() as connection:
        named = [{"id": each, "name": "drill", "created_at": NOW} for each in workspaces]
        connection.execute(insert(table_of(Workspace)), named)
        connection.execute(insert(KEYS), [_row(ready.ring, number, text) for number, text in texts.items()])


def _row(ring: KeyRing, number: int, text: str) -> dict[str, Any]:
    workspace_id = workspace_of(number)
    sealed = vault.seal(ring, Binding(workspace_id, number, "openai", ORIGIN), SecretKey(text))
    return {
        "id": number,
        "workspace_id": workspace_id,
        "provider": "openai",
        "label": f"key {number}",
        "origin": ORIGIN,
        "last4": text[-4:],
        "fmt": sealed.fmt,
        "kek_id": sealed.kek_id,
        "wrapped_dek": sealed.wrapped_dek,
        "ciphertext": sealed.ciphertext,
        "created_at": NOW,
    }


def _enrolled(ready: Product, user_id: int) -> str:
    email = f"user{user_id}@example.com"
    with ready.database.exempt(write=True) as session:
        session.execute(insert(table_of(User)).values(id=user_id, email=email, password_hash="-", created_at=NOW))
    return second_factor.enrol(ready, user_id, email).secret
