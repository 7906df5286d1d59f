"""PostgreSQL's roles: each may do what its process does, and is refused the rest by the server itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import ProgrammingError

from tests.conftest import fresh_name
from tests.postgres import PostgresServer
from tests.tracker.builders import record, store, two_workspaces
from tracker import product, report
from tracker.clock import utc_now
from tracker.db import open_database

REFUSED = {
    "web": (
        "select ciphertext from provider_keys",
        "select wrapped_dek from provider_keys",
        "delete from provider_keys",
        "update usage_events set input_tokens = 1",
        "insert into usage_events select * from usage_events",
        "delete from usage_events",
        "insert into billed_costs select * from billed_costs",
        "update coverage set fence = 1",
        "insert into coverage select * from coverage",
        "insert into fetch_runs select * from fetch_runs",
        "update provider_calls set status = 200",
        "update audit_events set action = ''",
        "delete from audit_events",
        "update workers set seen_at = null",
        "update alembic_version set version_num = ''",
        "create table mine (id int)",
        "set local role tracker_worker",
        "set local role tracker_operator",
    ),
    "worker": (
        "select password_hash from users",
        "update users set disabled_at = null",
        "select 1 from auth_sessions",
        "insert into auth_sessions select * from auth_sessions",
        "select ticket_hash from tickets",
        "update tickets set used_at = null",
        "select ciphertext from second_factors",
        "select 1 from recovery_codes",
        "select 1 from identities",
        "select 1 from throttles",
        "insert into members select * from members",
        "insert into provider_keys select * from provider_keys",
        "delete from provider_keys",
        "select 1 from audit_events",
        "update price_versions set rates = ''",
        "insert into workspace_prices select * from workspace_prices",
        "set local role tracker_web",
    ),
    "operator": (
        "select ciphertext from provider_keys",
        "select email from users",
        "select 1 from usage_events",
        "select 1 from auth_sessions",
        "update coverage set fence = 1",
        "insert into kek_canaries select * from kek_canaries",
        "set local role tracker_worker",
    ),
}


@pytest.fixture(scope="module")
def addresses(postgres_server: PostgresServer, migrated_template: str) -> Iterator[dict[str, str]]:
    """A database with usage in it, and the address at which each process would reach it: its own, which may sign in."""
    name = fresh_name()
    logins = {role: f"{name}_{role}" for role in REFUSED}
    with postgres_server.database(name, template=migrated_template) as url:
        with two_workspaces(url) as database:
            store(database, record())
        for role, login in logins.items():
            postgres_server.execute(f"create role {login} login in role tracker_{role}")
        yield {role: make_url(url).set(username=login).render_as_string() for role, login in logins.items()}
    for login in logins.values():
        postgres_server.execute(f"drop role {login}")


@pytest.fixture(params=sorted(REFUSED))
def role(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def connection(addresses: dict[str, str], role: str) -> Iterator[Connection]:
    engine = create_engine(addresses[role])
    with engine.connect() as opened:
        yield opened
    engine.dispose()


def test_a_role_is_refused_what_its_process_does_not_do(connection: Connection, role: str) -> None:
    for statement in REFUSED[role]:
        with connection.begin() as transaction:
            with pytest.raises(ProgrammingError, match="permission denied"):
                connection.execute(text(statement))
            transaction.rollback()


def test_no_role_can_reach_around_the_policies(connection: Connection) -> None:
    powers = "select rolsuper, rolbypassrls, rolcreaterole, rolcreatedb from pg_roles where rolname = current_user"

    assert connection.execute(text(powers)).one() == (False, False, False, False)


def test_the_worker_stores_at_its_own_address_and_the_web_reads_it_at_its_own(addresses: dict[str, str]) -> None:
    worker, web = (open_database(addresses[role], role=role) for role in ("worker", "web"))

    store(worker, record(5), key=2)

    with web.workspace(2) as session:
        assert session.execute(text("select count(*) from usage_events")).scalar_one() == 1
    worker.engine.dispose()
    web.engine.dispose()


@pytest.mark.parametrize("of", ["worker", "operator"])
def test_the_figures_of_an_installation_need_no_owner(
    addresses: dict[str, str], tmp_path_factory: pytest.TempPathFactory, of: str
) -> None:
    folder = tmp_path_factory.getbasetemp() / "figures"
    folder.mkdir(exist_ok=True)
    environ = {"TRACKER_DATA_DIR": str(folder), "TRACKER_DATABASE_URL": addresses[of].replace("+psycopg", "")}
    if of == "worker":
        product.start(environ, role="worker").close()  # makes the ring, which the operator may not

    ready = product.start(environ, role="operator")
    figures = report.status_fields(ready, now=utc_now())
    ready.close()

    assert figures["keys"] == 2
