"""What Settings shows of one key: since when it is there, what it may do, what the provider tells of it, its use."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tracker import calls, connections, passports
from tracker.calls import Call, Tally
from tracker.passports import Passport
from tracker.product import Product
from tracker.providers import provider as provider_named
from tracker.providers.base import Permission

PAGE = 20
"""Calls shown at once."""


@dataclass(frozen=True)
class Finding:
    """A permission, and whether the key holds it; None while that is not known."""

    permission: Permission
    held: bool | None

    @property
    def too_much(self) -> bool:
        return bool(self.held) and self.permission.needed_for is None


@dataclass(frozen=True)
class KeyView:
    """A connection's key. Instants are UTC; `since` is when this key was put in place here.

    `passport` is None while the key was never asked for; `narrowing` says how a key that may do too much is put right.
    `refused` says why nothing is read with it, None while something is or may be.
    """

    provider_key_id: int
    label: str
    provider: str
    since: datetime
    refused: str | None
    passport: Passport | None
    findings: tuple[Finding, ...]
    narrowing: str
    tally: Tally

    @property
    def too_much(self) -> tuple[Permission, ...]:
        return tuple(each.permission for each in self.findings if each.too_much)

    @property
    def pages(self) -> int:
        """How many pages of calls there are, at least one."""
        return max(1, -(-self.tally.count // PAGE))


def read(product: Product, workspace_id: int, provider_key_id: int) -> KeyView:
    """The key of a connection; NotFound when the workspace has no such connection or its key was deleted."""
    with product.database.workspace(workspace_id) as session:
        row = connections.present(session, workspace_id, provider_key_id)
        passport = passports.of_key(session, workspace_id, provider_key_id)
        tally = calls.tally(session, workspace_id, provider_key_id)
    provider = provider_named(row.provider)
    held = passport.facts.permissions if passport else {}
    return KeyView(
        provider_key_id=provider_key_id,
        label=row.label,
        provider=provider.title,
        since=row.replaced_at or row.created_at,
        refused=None if row.status in connections.USABLE else row.status_reason or "Nothing is read with it.",
        passport=passport,
        findings=tuple(Finding(each, held.get(each.name)) for each in provider.permissions),
        narrowing=provider.narrowing,
        tally=tally,
    )


def page_of_calls(product: Product, workspace_id: int, provider_key_id: int, *, page: int) -> list[Call]:
    """One page of the key's calls, newest first; the first page is 1."""
    with product.database.workspace(workspace_id) as session:
        return calls.newest(session, workspace_id, provider_key_id, count=PAGE, skip=PAGE * (page - 1))
