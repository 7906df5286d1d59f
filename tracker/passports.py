"""What was last found of what a key may do, and when it is to be asked for anew.

A passport is of the key that was in place when it was read: another key in its place has none yet.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update
from sqlmodel import Session

from tracker import clock
from tracker.db import plain
from tracker.models import KeyPassport, ProviderKey, table_of
from tracker.providers import provider as provider_named
from tracker.providers.base import KeyFacts, Permission

PASSPORTS, KEYS = table_of(KeyPassport), table_of(ProviderKey)

REFRESH = clock.DAY
TOLD = ("name", "created_at", "expires_at", "last_used_at")


@dataclass(frozen=True)
class Passport:
    """What was found of a connection's key: when it was last asked for, when last told (None: never yet), and what."""

    provider: str
    tried_at: datetime
    read_at: datetime | None
    facts: KeyFacts

    @property
    def excess(self) -> tuple[Permission, ...]:
        """The permissions that it holds and that nothing here needs."""
        return excess(self.provider, self.facts)


def excess(provider: str, facts: KeyFacts) -> tuple[Permission, ...]:
    """The permissions that a provider's key holds and that nothing here needs."""
    every = provider_named(provider).permissions
    return tuple(each for each in every if each.needed_for is None and facts.permissions.get(each.name))


EVERY = (
    select(
        PASSPORTS.c.provider_key_id,
        KEYS.c.provider,
        *(PASSPORTS.c[name] for name in ("tried_at", "read_at", "permissions")),
        *(PASSPORTS.c[f"told_{name}"] for name in TOLD),
    )
    .join_from(PASSPORTS, KEYS, PASSPORTS.c.provider_key_id == KEYS.c.id)
    .where(
        PASSPORTS.c.workspace_id == bindparam("of_workspace"),
        KEYS.c.workspace_id == bindparam("of_workspace"),
        PASSPORTS.c.fingerprint == KEYS.c.fingerprint,
    )
)
OF_KEY = EVERY.where(PASSPORTS.c.provider_key_id == bindparam("of_key"))


def every(session: Session, workspace_id: int) -> dict[int, Passport]:
    """The passports of the keys that stand in place, by connection."""
    return _passports(session.execute(EVERY, {"of_workspace": workspace_id}))


def of_key(session: Session, workspace_id: int, provider_key_id: int) -> Passport | None:
    """The passport of the key that stands in place; None when it has none yet."""
    found = plain.rows(session, OF_KEY, {"of_workspace": workspace_id, "of_key": provider_key_id})
    return _passports(found).get(provider_key_id)


def _passports(found: Iterable[Any]) -> dict[int, Passport]:
    return {
        key_id: Passport(provider, tried_at, read_at, KeyFacts(json.loads(permissions), *told))
        for key_id, provider, tried_at, read_at, permissions, *told in found
    }


def is_due(known: Passport | None, *, now: datetime) -> bool:
    """Whether a key of which this is known was never asked what it may do, or not for a day."""
    return known is None or known.tried_at + REFRESH <= now


def ask_anew(session: Session, row: ProviderKey) -> None:
    """Let the key be asked again at once; what was found before stays until it is."""
    plain.run(session, TRIED, {**_named(row), "tried_at": clock.utc_now() - REFRESH})


def note_try(session: Session, row: ProviderKey) -> None:
    """What was found of this very key before stays; what was found of another one goes."""
    now = clock.utc_now()
    if of_key(session, row.workspace_id, row.id or 0):
        plain.run(session, TRIED, {**_named(row), "tried_at": now})
        return
    session.execute(delete(PASSPORTS).where(*OF_ROW), _named(row))
    of = {"workspace_id": row.workspace_id, "provider_key_id": row.id, "fingerprint": row.fingerprint}
    session.execute(insert(PASSPORTS).values(**of, tried_at=now, permissions="{}"))


def keep(session: Session, row: ProviderKey, facts: KeyFacts) -> None:
    """Unless another key was put in place meanwhile."""
    told = {f"told_{name}": getattr(facts, name) for name in TOLD}
    found = {"read_at": clock.utc_now(), "permissions": json.dumps(dict(facts.permissions))}
    plain.run(session, FOUND, {**_named(row), "of_fingerprint": row.fingerprint, **found, **told})


OF_ROW = (
    PASSPORTS.c.workspace_id == bindparam("of_workspace"),
    PASSPORTS.c.provider_key_id == bindparam("of_key"),
)
TRIED = update(PASSPORTS).where(*OF_ROW).values(tried_at=bindparam("tried_at"))
FOUND = (
    update(PASSPORTS)
    .where(*OF_ROW, PASSPORTS.c.fingerprint == bindparam("of_fingerprint"))
    .values({name: bindparam(name) for name in ("read_at", "permissions", *(f"told_{name}" for name in TOLD))})
)


def _named(row: ProviderKey) -> dict[str, Any]:
    """What OF_ROW asks for."""
    return {"of_workspace": row.workspace_id, "of_key": row.id}
