"""Two tenants at once on the connections of one pool, in any order: nobody is ever given a row of the other's.

Then PostgreSQL by itself: what its locks leave to raw SQL that names no workspace, role by role and crossing by
crossing.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from threading import Lock

import pytest
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from tests.seeds import examples
from tests.tenant_attempts import Attempt
from tests.tenant_recipes import RECIPES
from tests.tenants import Caller, Stage, Tenant, staged
from tests.tracker.builders import record, store
from tracker.errors import BadInput, TenancyError
from tracker.models import TENANT_TABLES

THREADS = 8
SLOW = {"access.authenticate", "sign_in.sign_in"}
"""Made slow on purpose, and asked by nobody's id."""

READING = [
    key
    for key, recipe in RECIPES.items()
    if recipe.effect in {"shows", "counts"} and recipe.role == "web" and key not in SLOW
]
"""By the rights of a page. What only the worker may do is tried by everybody in `test_tenant_matrix.py`."""

CHANGING = ["connections.pause", "connections.remember_names", "audit.record", "sessions.prove"]
FIGURES = ("queries.totals", "queries.count_events", "queries.billed_cost")
"""The same after every operation, unless rows of two tenants are mixed."""


@pytest.fixture
def stage(migrated_url: str, tmp_path: Path) -> Iterator[Stage]:
    with staged(migrated_url, tmp_path) as made:
        yield made


class BrokenOffError(Exception):
    """What ends a transaction in the middle."""


@dataclass
class Side:
    """One of the two tenants: who asks for it, and what its figures are."""

    tenant: Tenant
    other: Tenant
    caller: Caller
    figures: dict[str, str] = field(default_factory=dict)
    writing: Lock = field(default_factory=Lock)


@dataclass
class Traffic:
    """Random operations of both sides."""

    stage: Stage
    sides: tuple[Side, Side]

    def once(self, random: Random) -> list[str]:
        """One operation; what was wrong with it."""
        side = random.choice(self.sides)
        kinds = (self.read, self.change, self.store_anew, self.break_off, self.look_bare)
        kind: Callable[[Side, Random], list[str]] = random.choices(kinds, weights=(75, 12, 3, 5, 5))[0]
        return kind(side, random)

    def read(self, side: Side, random: Random) -> list[str]:
        return self._call(random.choice(READING), side, random)

    def change(self, side: Side, random: Random) -> list[str]:
        with side.writing:
            return self._call(random.choice(CHANGING), side, random)

    def store_anew(self, side: Side, random: Random) -> list[str]:
        """The worker's part: the tenant's one row moves to another hour of its day."""
        ids = {name: f"{name}_{side.tenant.word}" for name in ("project", "api_key")}
        row = record(
            random.randrange(24),
            model=f"{side.tenant.word}-model",
            tokens=side.tenant.tokens,
            project_id=ids["project"],
            api_key_id=ids["api_key"],
        )
        with side.writing:
            stored = store(side.caller.database, row, key=side.tenant.key_id)
        return [f"storing told of {found}" for found in side.other.marks_in(repr(stored))]

    def break_off(self, side: Side, random: Random) -> list[str]:
        """A transaction that dies, by our error or by the database's, gives its connection back to the pool."""
        last = "select 1" if random.random() < 0.5 else "select * from no_such_table"
        with suppress(BrokenOffError, DBAPIError), side.caller.inside() as session:
            RECIPES["queries.key_labels"].run(Attempt(self.stage, side.caller, side.tenant))
            session.execute(text(last))
            raise BrokenOffError
        return []

    def look_bare(self, side: Side, _: Random) -> list[str]:
        """A connection from the pool brings no workspace and no crossing of whoever had it before."""
        if side.caller.database.engine.dialect.name != "postgresql":
            return []
        asked = "select current_setting('app.workspace_id', true), current_setting('app.crossing', true), current_user"
        with side.caller.database.engine.connect() as connection:
            workspace, crossing, user = connection.execute(text(asked)).one()
        kept = [workspace, crossing, user if user.startswith("tracker_") else ""]
        return [f"a pooled connection kept {kept}"] if any(kept) else []

    def _call(self, name: str, side: Side, random: Random) -> list[str]:
        recipe, victim = RECIPES[name], random.choice((side.tenant, side.other))
        tried = Attempt(self.stage, side.caller, victim)
        try:
            result = recipe.run(tried)
        except (BadInput, TenancyError) as refusal:
            foreign = recipe.aimed and victim is side.other
            return [f"{name}: {found}" for found in side.other.marks_in(str(refusal))] if foreign else [f"{refusal!r}"]
        return [f"{name} of {side.tenant.word}: {fault}" for fault in faults(name, side, victim, result)]


def faults(name: str, side: Side, victim: Tenant, result: object) -> Iterator[str]:
    """What is wrong with what a side was given."""
    recipe, shown = RECIPES[name], repr(result)
    yield from (f"shows {found}" for found in side.other.marks_in(shown))
    if recipe.aimed and victim is side.other and result:
        yield "is not refused"
    elif recipe.effect == "shows" and not (recipe.aimed and victim is side.other) and not side.tenant.marks_in(shown):
        yield f"shows nothing of its own: {shown[:200]}"
    if name in side.figures and shown != side.figures[name]:
        yield f"gives {shown} for {side.figures[name]}"


def side_of(stage: Stage, caller: Caller, tenant: Tenant, other: Tenant) -> Side:
    side = Side(tenant, other, caller)
    tried = Attempt(stage, caller, tenant)
    side.figures.update({name: repr(RECIPES[name].run(tried)) for name in FIGURES})
    return side


@pytest.mark.soak
def test_of_very_many_interleaved_operations_none_shows_a_row_of_the_other_tenant(stage: Stage) -> None:
    ada, bo = stage.caller("owner"), stage.caller("member")
    assert ada.database is bo.database
    traffic = Traffic(stage, (side_of(stage, ada, stage.ada, stage.bo), side_of(stage, bo, stage.bo, stage.ada)))
    seed = int(os.environ.get("TRACKER_TEST_SEED", secrets.randbits(32)))
    each = examples(1_000) // THREADS

    def work(thread: int) -> list[str]:
        random = Random(f"{seed}-{thread}")  # noqa: S311 - cases, not secrets
        return [fault for _ in range(each) for fault in traffic.once(random)]

    with ThreadPoolExecutor(THREADS) as pool:
        found = [fault for part in pool.map(work, range(THREADS)) for fault in part]
    assert found == [], f"{len(found)} faults in {each * THREADS} operations, TRACKER_TEST_SEED={seed}"


@pytest.fixture
def locked(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stage]:
    """The three tenants on PostgreSQL, with rows of Ada's and Bo's in every tenant table."""
    server, template = request.getfixturevalue("postgres_server"), request.getfixturevalue("migrated_template")
    with server.database("locked_tenants", template=template) as url, staged(url, tmp_path) as made:
        with made.product("owner").database.engine.connect() as connection:
            owned = {table: workspaces(connection, table) for table in TENANT_TABLES}
        assert all({1, 2} <= of_table for of_table in owned.values()), owned
        yield made


@contextmanager
def as_role(stage: Stage, role: str) -> Iterator[Connection]:
    """A transaction of a login that is this role and nothing more; undone in the end."""
    with stage.product("owner").database.engine.connect() as connection:
        connection.execute(text(f"set local session authorization {role}"))
        yield connection
        connection.rollback()


def workspaces(connection: Connection, table: str) -> set[int]:
    """Whose rows raw SQL sees in a table."""
    return set(connection.execute(text(f"select workspace_id from {table}")).scalars())  # noqa: S608


def test_raw_sql_of_a_page_that_names_no_workspace_sees_no_row_of_any_tenant(locked: Stage) -> None:
    with locked.product("web").database.exempt() as session:
        assert session.execute(text("select current_user")).scalar() == "tracker_web"
        seen = {table: workspaces(session.connection(), table) for table in TENANT_TABLES}
    assert seen == {table: set() for table in TENANT_TABLES}


def test_raw_sql_of_a_page_sees_its_own_workspace_alone_in_every_table(locked: Stage) -> None:
    with locked.product("web").database.workspace(2) as session:
        seen = {table: workspaces(session.connection(), table) for table in TENANT_TABLES}
    assert seen == {table: {2} for table in TENANT_TABLES}


DENIED = "42501"  # insufficient_privilege
ADDED_ONLY = {"audit_events"}
"""Neither role may change it at all."""

MAY_CROSS = {
    ("tracker_web", "membership"): {"members"},
    ("tracker_worker", "membership"): {"members"},
    ("tracker_worker", "claim"): {"provider_keys"},
}


def test_a_crossing_opens_its_one_table_to_its_role_and_only_for_reading(locked: Stage) -> None:
    seen, changed = {}, {}
    for role in ("tracker_web", "tracker_worker"):
        for crossing in ("", "membership", "claim", "operator", "everything"):
            with as_role(locked, role) as connection:
                connection.execute(text("select set_config('app.crossing', :crossing, true)"), {"crossing": crossing})
                seen[role, crossing] = {table for table in TENANT_TABLES if sees(connection, table)}
                changed[role, crossing] = sum(touched(connection, table) for table in TENANT_TABLES - ADDED_ONLY)

    assert {which: tables for which, tables in seen.items() if tables} == MAY_CROSS
    assert set(changed.values()) == {0}


def sees(connection: Connection, table: str) -> bool:
    """Whether raw SQL sees any row; not where the role may not even look."""
    try:
        with connection.begin_nested():
            return bool(workspaces(connection, table))
    except ProgrammingError as error:
        if not isinstance(error.orig, InsufficientPrivilege):
            raise
        return False


def touched(connection: Connection, table: str) -> int:
    """How many rows an update and a deletion of everything reach."""
    return sum(
        reached(connection, statement)
        for statement in (f"update {table} set workspace_id = workspace_id", f"delete from {table}")  # noqa: S608
    )


def reached(connection: Connection, statement: str) -> int:
    """How many rows; none where the role may not even try."""
    try:
        with connection.begin_nested():
            return connection.execute(text(statement)).rowcount
    except ProgrammingError as error:
        if not isinstance(error.orig, InsufficientPrivilege):
            raise
        return 0


LIFTING = (
    "set role tracker_worker",
    "set role pg_read_all_data",
    "set local role pg_database_owner",
    "alter table provider_keys disable row level security",
    "alter table provider_keys no force row level security",
    "drop policy own_rows on provider_keys",
    "create policy mine on provider_keys using (true)",
    "alter role tracker_web bypassrls",
    "grant tracker_worker to tracker_web",
    "update audit_events set subject = ''",
    "delete from audit_events",
    "select * from provider_keys",
)
"""The last is tried with `row_security` off, which asks for an error instead of a filter."""


def test_the_role_of_a_page_cannot_become_another_or_lift_the_lock(locked: Stage) -> None:
    assert {statement: refused_with(locked, statement) for statement in LIFTING} == dict.fromkeys(LIFTING, DENIED)


def refused_with(stage: Stage, statement: str) -> str | None:
    """PostgreSQL's code for why a page's role may not do this."""
    with as_role(stage, "tracker_web") as connection:
        connection.execute(text("set local row_security = off"))
        try:
            connection.execute(text(statement))
        except DBAPIError as refused:
            return getattr(refused.orig, "sqlstate", None)
    return None
