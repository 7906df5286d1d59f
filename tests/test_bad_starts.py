"""A start that cannot be: one sentence that says what, where and what to do, no secret, and the code 78."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url

from tests.conftest import fresh_name
from tests.drill import PATIENCE_S
from tests.postgres import PostgresServer, swap_database
from tests.quick import Process
from tests.site import free_port
from tracker import product

MIGRATE, WORKER = ("tracker", "migrate"), ("jobs", "--once")
DASHBOARD = ("streamlit", "run", "app.py", "--server.headless", "true", "--server.address", "127.0.0.1")


def unmade(folder: str, why: str) -> str:
    return (
        f"The data folder {folder} cannot be made: {why}. Set TRACKER_DATA_DIR to a folder that this account may write."
    )


def closed(address: str, why: str) -> str:
    return (
        f"The database at {address} cannot be opened: {why}. See that it is there and open to this account, or correct "
        "TRACKER_DATABASE_URL, or TRACKER_DATA_DIR where that is not set."
    )


REFUSED = (
    "The database at {where} refuses this account: {why}. Set TRACKER_DATABASE_URL to the owner's address; that of a "
    "dashboard or a worker may be of a login in its own role."
)
RING = "The key ring {{here}}/file/ring.json {}. See to it, or correct TRACKER_KEYRING_FILE."
NO_FILE = "unable to open database file"
NO_SERVER = 'connection failed: connection to server at "127.0.0.1", port 1 failed: Connection refused'
LONG = f"{'a' * 64}.example"

UNMADE: dict[str, tuple[str, str, str]] = {
    "the data folder is a file": ("DATA_DIR", "{here}/file", unmade("{here}/file", "File exists")),
    "the data folder is below a file": ("DATA_DIR", "{here}/file/x", unmade("{here}/file/x", "Not a directory")),
    "the database is a folder": (
        "DATABASE_URL",
        "sqlite:///{here}/folder",
        closed("sqlite:///{here}/folder", NO_FILE),
    ),
    "the database is in no folder": (
        "DATABASE_URL",
        "sqlite:///{here}/none/tracker.db",
        closed("sqlite:///{here}/none/tracker.db", NO_FILE),
    ),
    "the database is another kind of file": (
        "DATABASE_URL",
        "sqlite:///{here}/file",
        closed("sqlite:///{here}/file", "file is not a database"),
    ),
    "the key ring is below a file": (
        "KEYRING_FILE",
        "{here}/file/ring.json",
        RING.format("cannot be written: Not a directory"),
    ),
    "no server answers": (
        "DATABASE_URL",
        "postgresql://ada:hunter22@127.0.0.1:1/usage",
        closed("postgresql+psycopg://ada@127.0.0.1:1/usage", NO_SERVER),
    ),
    "there is no such port": (
        "DATABASE_URL",
        "postgresql://ada:hunter22@127.0.0.1:99999/usage",
        closed("postgresql+psycopg://ada@127.0.0.1:99999/usage", 'connection is bad: invalid port number: "99999"'),
    ),
    "a secret stands where none is expected": (
        "DATABASE_URL",
        "postgresql://127.0.0.1:1/usage?sslmode=hunter22&password=hunter22",
        closed("postgresql+psycopg://127.0.0.1:1/usage", "OperationalError"),
    ),
    "no network can have such a host": (
        "DATABASE_URL",
        f"postgresql://ada:hunter22@{LONG}/usage",
        closed(f"postgresql+psycopg://ada@{LONG}/usage", "UnicodeError"),
    ),
}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory, migrated_file: Path) -> Path:
    """A folder with a file, a folder, and a whole installation."""
    folder = tmp_path_factory.mktemp("starts")
    (folder / "file").write_text("a few words, and no page of a database\n" * 100)
    (folder / "folder").mkdir()
    (folder / "whole").mkdir()
    shutil.copyfile(migrated_file, folder / "whole" / "tracker.db")
    product.prepare({"TRACKER_DATA_DIR": str(folder / "whole")})
    return folder


def started(here: Path, words: tuple[str, ...], **given: str) -> Process:
    """With the settings `given`, named less their TRACKER_, and otherwise those of the whole installation."""
    told = {f"TRACKER_{name}": text.replace("{here}", str(here)) for name, text in given.items()}
    return Process(words, {**os.environ, "TRACKER_DATA_DIR": str(here / "whole"), **told})


def refusal(process: Process) -> str:
    """What a process that may not start says last; before it a log may stand, but no trace."""
    _, err = process.communicate(timeout=PATIENCE_S)
    told = err.decode()
    assert (process.returncode, "Traceback" in told, "hunter22" in told) == (78, False, False), told
    return told.splitlines()[-1]


@pytest.mark.parametrize("kind", UNMADE)
def test_what_cannot_be_made_or_opened_ends_the_migration_with_a_sentence(kind: str, here: Path) -> None:
    name, text, sentence = UNMADE[kind]
    place = str(here / kind.replace(" ", "-"))

    process = started(here, MIGRATE, **{"DATA_DIR": place, name: text})

    assert refusal(process) == sentence.replace("{here}", str(here))


def test_a_dashboard_and_a_worker_say_the_same(here: Path) -> None:
    name, text, sentence = UNMADE["no server answers"]
    dashboard = (*DASHBOARD, "--server.port", str(free_port()))

    processes = [started(here, words, **{name: text}) for words in (WORKER, dashboard)]

    assert [refusal(process) for process in processes] == [sentence, sentence]


def test_a_dashboard_that_can_keep_no_secret_of_its_sign_in_does_not_start(here: Path) -> None:
    openid = {f"OIDC_{name}": "https://id.example/" for name in ("ISSUER", "CLIENT_ID", "CLIENT_SECRET", "NAME")}
    whole = {"DATABASE_URL": "sqlite:///{here}/whole/tracker.db", "KEYRING_FILE": "{here}/whole/keyring.json"}
    dashboard = (*DASHBOARD, "--server.port", str(free_port()))

    told = refusal(
        started(here, dashboard, **openid, **whole, DATA_DIR="{here}/file", PUBLIC_URL="https://usage.example")
    )

    assert told == (
        f"The secret that signs in by OpenID cannot be kept at {here}/file/cookie-secret: Not a directory. "
        "Set TRACKER_DATA_DIR to a folder that this account may write."
    )


@pytest.fixture(scope="module")
def account(postgres_server: PostgresServer, migrated_template: str) -> Iterator[tuple[PostgresServer, str, str]]:
    """An empty database, and who may sign in to it and nothing else; the roles that a migration makes are there."""
    assert migrated_template
    name, role = fresh_name(), fresh_name()
    with postgres_server.database(name):
        postgres_server.execute(f"create role {role} login")
        inside = PostgresServer(swap_database(postgres_server.admin_url, name))
        inside.execute("revoke create on schema public from public")
        yield inside, name, role


WIDER = {
    "permission denied for schema public": "select 1",
    "permission denied to create role": "grant create on schema public to {role}",
    "permission denied for database {name}": (
        "alter role {role} createrole;grant tracker_web, tracker_worker, tracker_operator to {role} with admin option"
    ),
}
"""What an account is refused when it may do this, too."""


def test_an_account_without_the_rights_to_migrate_is_told_so(
    account: tuple[PostgresServer, str, str], here: Path
) -> None:
    server, name, role = account
    url = str(make_url(server.url(name)).set(username=role).render_as_string())

    told = []
    for grant in WIDER.values():
        server.execute(grant.format(role=role))
        told.append(refusal(started(here, MIGRATE, DATABASE_URL=url)))

    where = make_url(url).set(query={}).render_as_string()
    assert told == [REFUSED.format(where=where, why=why.format(name=name)) for why in WIDER]


def test_a_worker_without_rights_on_the_tables_is_told_so(
    postgres_server: PostgresServer, migrated_template: str, here: Path
) -> None:
    name, role = fresh_name(), fresh_name()
    with postgres_server.database(name, template=migrated_template) as owners:
        postgres_server.execute(f"create role {role} login")
        url = make_url(owners).set(username=role)
        told = refusal(started(here, WORKER, DATABASE_URL=url.render_as_string()))

    why = "permission denied for table alembic_version"
    assert told == REFUSED.format(where=url.set(query={}).render_as_string(), why=why)


@pytest.mark.parametrize(
    ("host", "why"), [("127.0.0.1", "Address already in use"), ("192.0.2.1", "Cannot assign requested address")]
)
def test_a_worker_that_cannot_answer_probes_does_not_start(host: str, why: str, here: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = refusal(started(here, WORKER, WORKER_HOST=host, WORKER_PORT=str(port)))

    assert told == (
        f"The worker cannot answer on {host}:{port}: {why}. Set TRACKER_WORKER_HOST and TRACKER_WORKER_PORT to an "
        "address and a port of this machine that are free, or take TRACKER_WORKER_PORT out."
    )
