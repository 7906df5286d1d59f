"""Three tenants in one installation, everything of theirs marked with a word of their own, and who may call what.

Ada's workspace is the one looked for; Bo is a member of another; Cy has one too but was disabled.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import insert, select, update
from sqlmodel import Session, SQLModel

from tests.installation import EMAIL, NOW, PASSWORD, Installation, installed
from tests.tracker.builders import AFTER, DAY, record, store
from tracker import access, audit, clock, connections, product, saved_views, sessions, workspace_prices
from tracker.audit import OPERATOR, Action, Actor
from tracker.db import Database, ProcessRole
from tracker.explore.view import View
from tracker.models import (
    Budget,
    FetchRun,
    KeyPassport,
    Name,
    ProviderKey,
    RepricedEvent,
    Repricing,
    Restatement,
    SetAside,
    User,
    table_of,
)
from tracker.own_prices import OwnPrice
from tracker.product import Product
from tracker.sandbox import World
from tracker.usage import BilledCost, CostBasis

KEYS, NAMES, RUNS, USERS = table_of(ProviderKey), table_of(Name), table_of(FetchRun), table_of(User)
RESTATEMENTS, SET_ASIDE, PASSPORTS = table_of(Restatement), table_of(SetAside), table_of(KeyPassport)
REPRICINGS, REPRICED = table_of(Repricing), table_of(RepricedEvent)
BUDGETS = table_of(Budget)

NOBODY = 999_999
"""An id that no row has."""

PrincipalName = Literal["owner", "member", "anonymous", "disabled", "operator"]
FOREIGN: tuple[PrincipalName, ...] = ("member", "anonymous", "disabled", "operator")


@dataclass(frozen=True)
class Tenant:
    """A user, their workspace and its connection. `word` is in every text of theirs, `tokens` in every sum."""

    word: str
    email: str
    last4: str
    address: str
    tokens: int
    user_id: int
    workspace_id: int
    key_id: int
    secrets: tuple[str, ...]

    @property
    def marks(self) -> tuple[str, ...]:
        """What nobody else may be shown."""
        own_ids = (tagged("user", self.user_id), tagged("workspace", self.workspace_id))
        return (self.word, self.email, self.last4, self.address, str(self.tokens), *own_ids, *self.secrets)

    def marks_in(self, text: str) -> list[str]:
        return [mark for mark in self.marks if mark.casefold() in text.casefold()]


@dataclass(frozen=True)
class Caller:
    """Somebody who asks, with the ids that their own session gives them."""

    name: PrincipalName
    product: Product
    workspace_id: int
    user_id: int
    session_id: int
    token: str
    email: str
    by: Actor

    @property
    def database(self) -> Database:
        return self.product.database

    @contextmanager
    def inside(self) -> Iterator[Session]:
        """A writing transaction on their own workspace."""
        with self.database.workspace(self.workspace_id, write=True) as session:
            yield session


@dataclass
class Stage:
    """`ada` is the tenant at whom every operation is aimed."""

    installation: Installation
    ada: Tenant
    bo: Tenant
    cy: Tenant
    rest: ExitStack
    begun: int = 0
    _products: dict[str, Product] = field(default_factory=dict)
    _callers: dict[tuple[str, str], Caller] = field(default_factory=dict)

    def product(self, role: ProcessRole) -> Product:
        if role not in self._products:
            self._products[role] = product.start(self.installation.environ, role=role)
            self.rest.callback(self._products[role].close)
        return self._products[role]

    def caller(self, name: PrincipalName, role: ProcessRole = "web", *, fresh: bool = False) -> Caller:
        """With a living session; `fresh` for what may end it. The operator owns the database and works in Bo's."""
        if fresh or (name, role) not in self._callers:
            ready = self.product("owner" if name == "operator" else role)
            self._callers[name, role] = _anonymous(ready) if name == "anonymous" else self._enter(name, ready)
        return self._callers[name, role]

    def _enter(self, name: PrincipalName, ready: Product) -> Caller:
        tenant = {"owner": self.ada, "disabled": self.cy}.get(name, self.bo)
        self.begun += 1  # no two sessions begin at once: the oldest of too many is ended
        now = NOW + timedelta(milliseconds=self.begun)
        agent = f"{tenant.word} browser"
        database = self.product("owner").database
        begun = sessions.begin(database, tenant.user_id, now=now, address=tenant.address, agent=agent)
        token = sessions.redeem(database, begun.ticket, now=now) or ""
        by = OPERATOR if name == "operator" else Actor(tenant.user_id, tenant.address, proven=True)
        return Caller(name, ready, tenant.workspace_id, tenant.user_id, begun.session_id, token, tenant.email, by)

    def row_of(self, tenant: Tenant) -> ProviderKey:
        """The tenant's connection, read in its own workspace and held on to."""
        with self.product("owner").database.workspace(tenant.workspace_id) as session:
            return connections.present(session, tenant.workspace_id, tenant.key_id, sealed=True)

    def rows_of(self, tenant: Tenant) -> dict[str, str]:
        """A hash of every row of the tenant's, by table."""
        found = {}
        with self.product("owner").database.workspace(tenant.workspace_id) as session:
            for name, table in SQLModel.metadata.tables.items():
                if (its := _its_rows(table, tenant)) is not None:
                    rows = sorted(repr(tuple(row)) for row in session.execute(select(table).where(its)))
                    found[name] = hashlib.sha256("\n".join(rows).encode()).hexdigest()
        return found

    def enlarge(self, tenant: Tenant) -> None:
        """Let a tenant have used, been billed and named much more."""
        database = self.product("owner").database
        more = [record(hour, model=f"{tenant.word}-model", tokens=5_000_000 + hour) for hour in range(2, 9)]
        store(database, *_used(tenant), *more, key=tenant.key_id)
        store(database, BilledCost(DAY, Decimal(999), "usd", model="gpt-5.4"), endpoint="costs", key=tenant.key_id)
        with database.workspace(tenant.workspace_id, write=True) as session:
            session.execute(_own(update(KEYS), KEYS, tenant).values(label=f"{tenant.word} renamed"))


def _anonymous(ready: Product) -> Caller:
    by = Actor(NOBODY, "192.0.2.9", proven=True)
    return Caller("anonymous", ready, NOBODY, NOBODY, NOBODY, "no token", "nobody@none.example", by)


def tagged(kind: str, number: object) -> str:
    """An id that can be told from any other number in a text."""
    return f"<{kind} {number}>"


def _its_rows(table: Any, tenant: Tenant) -> Any:
    if "workspace_id" in table.c:
        return table.c.workspace_id == tenant.workspace_id
    if "user_id" in table.c:
        return table.c.user_id == tenant.user_id
    own = {"users": tenant.user_id, "workspaces": tenant.workspace_id}.get(table.name)
    return None if own is None else table.c.id == own


def _own(statement: Any, table: Any, tenant: Tenant) -> Any:
    return statement.where(table.c.workspace_id == tenant.workspace_id)


@contextmanager
def staged(url: str, folder: Path) -> Iterator[Stage]:
    """The installation with its three tenants, Cy disabled at the end."""
    world = World(days=3)
    with installed(world, url, folder) as installation, ExitStack() as rest:
        ready = installation.product
        ada = _marked(ready, EMAIL, 1, world.keys["good"])
        bo = _settled(ready, "bo@qzxbeta.example", world.another_key("bo"))
        cy = _settled(ready, "cy@qzxgamma.example", world.another_key("cy"))
        for tenant in (ada, bo):
            store(ready.database, *_used(tenant), key=tenant.key_id)
            store(ready.database, _billed(tenant), endpoint="costs", key=tenant.key_id)
        stage = Stage(installation, ada, bo, cy, rest)
        for tenant in (ada, bo, cy):
            with stage.product("owner").database.workspace(tenant.workspace_id, write=True) as session:
                _agree(session, tenant)
        with ready.database.exempt(write=True) as session:
            session.execute(update(USERS).where(USERS.c.id == cy.user_id).values(disabled_at=NOW))
        yield stage


def _settled(ready: Product, email: str, key: str) -> Tenant:
    workspace_id = access.add_user(ready.database, email, PASSWORD)
    connections.add(ready, workspace_id, provider="openai", label="main", text=key)
    return _marked(ready, email, workspace_id, key)


def _marked(ready: Product, email: str, number: int, key: str) -> Tenant:
    """The account's tenant, with its word in every text that a tenant has; connection and workspace are alike."""
    word = {1: "qzxalpha", 2: "qzxbeta", 3: "qzxgamma"}[number]
    with ready.database.workspace(number) as session:
        row = connections.present(session, number, number, sealed=True)
    tenant = Tenant(
        word=word,
        email=email,
        last4=f"ZqX{number}",
        address=f"203.0.113.{70 + number}",
        tokens=7_654_320 + number,
        user_id=access.user_of(ready.database, email),
        workspace_id=number,
        key_id=number,
        secrets=(repr(row.ciphertext), repr(row.wrapped_dek), repr(row.fingerprint), digest(key)),
    )
    with ready.database.workspace(number, write=True) as session:
        _mark(session, tenant)
    return tenant


def _mark(session: Session, tenant: Tenant) -> None:
    of_key = {"workspace_id": tenant.workspace_id, "provider_key_id": tenant.key_id}
    session.execute(_own(update(KEYS), KEYS, tenant).values(label=f"{tenant.word} label", last4=tenant.last4))
    for kind in ("project", "api_key"):
        ref, name = f"{kind}_{tenant.word}", f"{tenant.word} {kind}"
        session.execute(insert(NAMES).values(**of_key, kind=kind, ref=ref, name=name))
    ran = {"started_at": AFTER, "finished_at": AFTER, "outcome": "failed", "reason": f"{tenant.word} failed"}
    session.execute(insert(RUNS).values(**of_key, worker="w", **ran))
    told = {"endpoint": tenant.word, "day": DAY, "seen_at": AFTER, "rows_before": 1, "rows_after": 2}
    session.execute(insert(RESTATEMENTS).values(**of_key, **told))
    lacks = {"endpoint": tenant.word, "day": DAY, "seen_at": AFTER, "reason": f"{tenant.word} row", "about": ""}
    session.execute(insert(SET_ASIDE).values(**of_key, **lacks))
    found = {"tried_at": AFTER, "told_name": f"{tenant.word} admin"}
    session.execute(_own(update(PASSPORTS), PASSPORTS, tenant).values(**found))
    session.execute(insert(BUDGETS).values(workspace_id=tenant.workspace_id, monthly=Decimal(5), set_at=AFTER))
    for name in (f"{tenant.word} view", f"{tenant.word} other view"):
        saved_views.save(session, tenant.workspace_id, name, View(), user_id=tenant.user_id)
    by = Actor(tenant.user_id, tenant.address)
    audit.record(session, tenant.workspace_id, Action.EXPORTED, by, subject=f"{tenant.word} file")


def _agree(session: Session, tenant: Tenant) -> None:
    """A price of nothing they use and a repricing of a row that is gone: both get the workspace's number."""
    agreed = OwnPrice(0, "openai", f"{tenant.word}-other", DAY, factor=Decimal("0.9"), note=f"{tenant.word} agreed")
    workspace_prices.add(session, tenant.workspace_id, agreed, by=Actor(tenant.user_id, tenant.address))
    past = {"start": DAY, "end": DAY, "rows": 0, "days": 0, "created_at": AFTER}
    session.execute(insert(REPRICINGS).values(workspace_id=tenant.workspace_id, **past))
    gone = {"repricing_id": tenant.workspace_id, "bucket_start": clock.day_start(DAY), "series_id": NOBODY}
    was = {"measures_digest": b"", "old_basis": CostBasis.UNPRICED, "new_basis": CostBasis.UNPRICED}
    session.execute(insert(REPRICED).values(workspace_id=tenant.workspace_id, **gone, **was))


def _used(tenant: Tenant) -> list[Any]:
    ids: dict[str, Any] = {"project_id": f"project_{tenant.word}", "api_key_id": f"api_key_{tenant.word}"}
    return [record(1, model=f"{tenant.word}-model", tokens=tenant.tokens, **ids)]


def _billed(tenant: Tenant) -> BilledCost:
    ids: dict[str, Any] = {"project_id": f"project_{tenant.word}", "api_key_id": f"api_key_{tenant.word}"}
    return BilledCost(DAY, Decimal("1.5"), "usd", f"{tenant.word} line", f"{tenant.word}-model", **ids)


def digest(key: str) -> str:
    """Stands for a key in the clear, which no test's output may show."""
    return hashlib.sha256(key.encode()).hexdigest()
