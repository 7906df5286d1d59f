"""No statement leaves its workspace: refused by the session on both databases, and by PostgreSQL itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Executable, bindparam, delete, func, insert, select, text, union_all, update
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, SQLModel, col

from tracker import access, tenancy
from tracker.db import Database, open_database
from tracker.db.plain import insert_columns
from tracker.errors import Conflict, TenancyError
from tracker.models import EXEMPT, TENANT_TABLES, Name, ProviderKey, UsageEvent, UsageSeries, Workspace, table_of
from tracker.tenancy import check_statement
from tracker.usage import MEASURES, CostBasis

NAMES, EVENTS, SERIES, KEYS = table_of(Name), table_of(UsageEvent), table_of(UsageSeries), table_of(ProviderKey)
AT = datetime(2026, 11, 10, tzinfo=UTC)


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    """Workspaces 1 and 2, each with a connection and a name, used as the web process."""
    opened = open_database(migrated_url, role="web")
    for number in (1, 2):
        with opened.exempt(write=True) as session:
            session.add(Workspace(name=str(number), created_at=AT))
        with opened.workspace(number, write=True) as session:
            key = ProviderKey(
                workspace_id=number, provider="openai", label="k", origin="o", last4="1234", created_at=AT
            )
            session.add(key)
            session.flush()
            session.execute(insert(NAMES).values(**name_of(number)))
    yield opened
    opened.engine.dispose()


def name_of(workspace: int, ref: str = "p") -> dict[str, Any]:
    return {
        "workspace_id": workspace,
        "provider_key_id": workspace,
        "kind": "project",
        "ref": ref,
        "name": f"of {workspace}",
    }


JOINED = select(EVENTS.c.requests).join_from(EVENTS, SERIES, EVENTS.c.series_id == SERIES.c.id)

REFUSED: dict[str, Executable] = {
    "a select without a workspace": select(NAMES.c.name),
    "a count": select(func.count()).select_from(NAMES),
    "an entity": select(ProviderKey),
    "another workspace": select(NAMES.c.name).where(NAMES.c.workspace_id == 2),
    "a join tied on one side": JOINED.where(EVENTS.c.workspace_id == 1),
    "a subquery": select(func.count()).select_from(select(NAMES.c.ref).subquery()),
    "a scalar subquery beside a tied table": select(select(func.count()).select_from(KEYS).scalar_subquery()).where(
        NAMES.c.workspace_id == 1,
    ),
    "half of a union": union_all(
        select(NAMES.c.name).where(NAMES.c.workspace_id == 1),
        select(KEYS.c.label),
    ),
    "an alias beside a tied table": select(NAMES.alias("other").c.name).where(NAMES.c.workspace_id == 1),
    "an update": update(NAMES).values(name="x"),
    "a delete": delete(NAMES),
    "a delete of another's": delete(NAMES).where(NAMES.c.workspace_id == 2),
    "an insert for another": insert(NAMES).values(**name_of(2, "q")),
    "an insert without one": insert(NAMES).values(provider_key_id=1, kind="project", ref="q"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_statement_that_is_not_tied_to_the_workspace_is_refused(database: Database, what: str) -> None:
    with pytest.raises(TenancyError), database.workspace(1, write=True) as session:
        session.execute(REFUSED[what])


OF = NAMES.c.workspace_id == bindparam("of_workspace")
ROW = insert(NAMES).values({name: bindparam(name) for name in name_of(1)})


@pytest.mark.parametrize(
    ("statement", "names"),
    [
        (select(NAMES.c.name).where(OF), ("of_workspace",)),
        (update(NAMES).where(OF).values(name=bindparam("name")), ("of_workspace",)),
        (ROW, ("workspace_id",)),
        (insert(NAMES), ("workspace_id",)),
        (insert(NAMES).from_select(["name"], select(NAMES.c.name).where(OF)), ("of_workspace",)),
        (select(col(Workspace.name)), ()),
        (JOINED.where(EVENTS.c.workspace_id == bindparam("a"), SERIES.c.workspace_id == bindparam("b")), ("a", "b")),
        (JOINED.where(EVENTS.c.workspace_id == bindparam("a")), None),
        (select(NAMES.c.name).where(NAMES.c.workspace_id == 1), None),
        (select(NAMES.c.name), None),
        (insert(NAMES).values(**name_of(2)), None),
        (insert(NAMES).values([name_of(1), name_of(2)]), None),
        (insert(NAMES).values({**{n: bindparam(n) for n in name_of(1)}, "workspace_id": bindparam("other")}), None),
    ],
)
def test_the_values_that_alone_decide_are_those_that_name_the_workspace(
    statement: Executable, names: tuple[str, ...] | None
) -> None:
    assert tenancy.deciding(statement) == names
    if names:
        check_statement(statement, dict.fromkeys(names, 1), 1)
        for foreign in names:
            with pytest.raises(TenancyError):
                check_statement(statement, {**dict.fromkeys(names, 1), foreign: 2}, 1)


def test_many_rows_with_one_foreign_one_are_refused(database: Database) -> None:
    with pytest.raises(TenancyError), database.workspace(1, write=True) as session:
        session.execute(insert(NAMES), [name_of(1, "q"), name_of(2, "q")])


def test_an_object_of_another_workspace_is_refused(database: Database) -> None:
    with database.workspace(1, write=True) as session:
        session.add(Name(**name_of(2, "q")))
        with pytest.raises(TenancyError):
            session.flush()
        session.rollback()


def test_a_tenant_table_is_refused_outside_any_workspace(database: Database) -> None:
    with pytest.raises(TenancyError), database.exempt() as session:
        session.execute(select(NAMES.c.name).where(NAMES.c.workspace_id == 1))


def test_its_own_rows_are_read_written_and_joined(database: Database) -> None:
    tied = JOINED.where(EVENTS.c.workspace_id == 1, SERIES.c.workspace_id == EVENTS.c.workspace_id)
    with database.workspace(1, write=True) as session:
        session.execute(update(NAMES).where(NAMES.c.workspace_id == 1).values(name="mine"))
        names = session.execute(select(NAMES.c.name).where(NAMES.c.workspace_id == 1)).scalars().all()
        keys = session.execute(select(ProviderKey).where(col(ProviderKey.workspace_id) == 1)).scalars().all()
        assert session.execute(tied).all() == []

    assert names == ["mine"]
    assert [key.id for key in keys] == [1]


def test_tables_that_belong_to_no_workspace_are_free_with_and_without_one(database: Database) -> None:
    names = select(col(Workspace.name)).order_by(col(Workspace.id))

    with database.workspace(1) as session:
        within = session.execute(names).scalars().all()
    with database.exempt() as session:
        outside = session.execute(names).scalars().all()

    assert within == outside == ["1", "2"]


def test_every_table_is_a_tenants_or_on_the_list_of_exempt_ones() -> None:
    assert set(SQLModel.metadata.tables) | {"alembic_version"} == TENANT_TABLES | EXEMPT
    assert not TENANT_TABLES & EXEMPT


def test_the_crossing_for_membership_finds_a_users_workspaces(database: Database) -> None:
    first = access.add_user(database, "ada@example.com", "a long enough password")
    access.add_user(database, "bo@example.com", "a long enough password")

    assert access.workspace_of(database, " ADA@example.com ") == first
    with pytest.raises(Conflict):
        access.add_user(database, "Ada@Example.com", "a long enough password")


ADD_KEY = text(
    "insert into provider_keys (workspace_id, provider, label, origin, last4, status, created_at, failures)"
    " values (:workspace, 'openai', 'k', 'o', '1234', 'valid', now(), 0)",
)
ADD_NAME = text(
    "insert into names (workspace_id, provider_key_id, kind, ref, name)"
    " values (:workspace, :workspace, 'project', 'p', 'n')"
)
ADD_WORKSPACE = text("insert into workspaces (name, created_at) values ('w', now())")


@pytest.fixture
def postgres(postgres_server: Any, migrated_template: str) -> Iterator[Database]:
    with postgres_server.database("locked", template=migrated_template) as url:
        opened = open_database(url, role="owner")
        yield opened
        opened.engine.dispose()


def test_postgresql_locks_every_tenant_table_by_itself(postgres: Database) -> None:
    with postgres.engine.connect() as connection:
        locked = connection.execute(
            text("select relname from pg_class where relrowsecurity and relforcerowsecurity and relkind = 'r'"),
        ).scalars()
        policies = connection.execute(
            text("select tablename from pg_policies where qual is not null and with_check is not null"),
        ).scalars()
        assert set(locked) == set(policies) == set(TENANT_TABLES)


def test_postgresql_asks_for_the_workspace_once_a_statement_and_not_once_a_row(postgres: Database) -> None:
    with postgres.engine.connect() as connection:
        told = connection.execute(
            text("select policyname, count(*) from pg_policies where qual like '%( SELECT %' group by policyname"),
        )
        assert dict(tuple(row) for row in told) == {"own_rows": len(TENANT_TABLES), "operator": len(TENANT_TABLES)}


@pytest.mark.parametrize("role", ["tracker_web", "tracker_worker"])
def test_postgresql_shows_a_role_its_workspace_and_nothing_without_one(postgres: Database, role: str) -> None:
    with postgres.engine.begin() as connection:
        for number in (1, 2):
            connection.execute(ADD_WORKSPACE)
            connection.execute(ADD_KEY, {"workspace": number})

    with postgres.engine.begin() as connection:
        connection.execute(text("select set_config('role', :role, true)"), {"role": role})
        assert connection.execute(text("select count(*) from provider_keys")).scalar() == 0
        connection.execute(text("select set_config('app.workspace_id', '1', true)"))
        assert connection.execute(text("select workspace_id from provider_keys")).scalars().all() == [1]
        assert connection.execute(text("update provider_keys set label = 'x'")).rowcount == 1
        with pytest.raises(DBAPIError, match="row-level security"):
            connection.execute(ADD_NAME, {"workspace": 2})


@pytest.mark.parametrize(
    ("role", "crossing", "seen"),
    [
        ("tracker_web", "membership", 0),
        ("tracker_worker", "membership", 0),
        ("tracker_web", "claim", 0),
        ("tracker_web", "operator", 0),
        ("tracker_worker", "operator", 0),
        ("tracker_worker", "claim", 1),
    ],
)
def test_postgresql_lets_a_role_cross_only_as_its_policy_says(
    postgres: Database,
    role: str,
    crossing: str,
    seen: int,
) -> None:
    with postgres.engine.begin() as connection:
        connection.execute(ADD_WORKSPACE)
        connection.execute(ADD_KEY, {"workspace": 1})

    with postgres.engine.begin() as connection:
        settings = {"role": role, "crossing": crossing}
        connection.execute(
            text("select set_config('role', :role, true), set_config('app.crossing', :crossing, true)"),
            settings,
        )
        assert connection.execute(text("select count(*) from provider_keys")).scalar() == seen


def test_rows_inserted_at_full_speed_are_those_of_their_workspace(database: Database, migrated_url: str) -> None:
    worker = open_database(migrated_url, role="worker")

    def row(workspace: int, series: int) -> tuple[Any, ...]:
        return (workspace, AT, series, *(None,) * len(MEASURES), None, CostBasis.FREE, None, None)

    with worker.workspace(1, write=True) as session:
        insert_columns(session, EVENTS, [*zip(row(1, 1), row(1, 2), strict=True)])
        with pytest.raises(TenancyError, match="for workspace 2 in another's session"):
            insert_columns(session, EVENTS, [*zip(row(1, 3), row(2, 4), strict=True)])

    worker.engine.dispose()
    with database.workspace(1) as session:
        kept = session.execute(
            select(EVENTS.c.bucket_start, EVENTS.c.series_id, EVENTS.c.cost_basis).where(EVENTS.c.workspace_id == 1)
        )
        assert [tuple(each) for each in kept] == [(AT, 1, CostBasis.FREE), (AT, 2, CostBasis.FREE)]


def refs(session: Session) -> set[str]:
    return set(session.execute(select(NAMES.c.ref).where(NAMES.c.workspace_id == 1)).scalars())


class GivenUpError(Exception):
    """Ends a transaction that is not to be kept."""


def test_the_orm_joins_the_transaction_of_what_is_sent_beside_it(database: Database) -> None:
    with suppress(GivenUpError), database.workspace(1, write=True) as session:
        session.execute(insert(NAMES), [name_of(1, "core")])
        session.add(Name(**name_of(1, "orm")))
        session.flush()
        seen = refs(session)
        raise GivenUpError

    assert seen == {"p", "core", "orm"}
    with database.workspace(1) as session:
        assert refs(session) == {"p"}


def test_what_follows_a_rollback_is_in_a_transaction_too(database: Database) -> None:
    with suppress(GivenUpError), database.workspace(1, write=True) as session:
        session.add(Name(**name_of(1, "orm")))
        session.flush()
        session.rollback()
        session.execute(insert(NAMES), [name_of(1, "core")])
        raise GivenUpError

    with database.workspace(1) as session:
        assert refs(session) == {"p"}


def test_a_session_takes_one_connection_and_only_when_it_asks(database: Database) -> None:
    pool: Any = database.engine.pool
    with database.workspace(1, write=True) as session:
        before = pool.checkedout()
        session.add(Name(**name_of(1, "orm")))
        session.flush()
        refs(session)
        taken = pool.checkedout()

    assert (before, taken, pool.checkedout()) == (0, 1, 0)
