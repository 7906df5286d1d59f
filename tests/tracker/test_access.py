"""Accounts: one form of an address, one account for it, passwords within bounds, and who is disabled is nobody."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import event, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col

from tests.tracker.builders import AFTER
from tracker import access, clock, passwords
from tracker.db import Database, open_database
from tracker.db.session import TenantSession
from tracker.errors import BadInput, Conflict, NotFound
from tracker.models import Member, Role, User, table_of
from tracker.redact import redact

PASSWORD = "a long enough password"


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    opened = open_database(migrated_url, role="web")
    yield opened
    opened.engine.dispose()


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("ada@example.com", "ada@example.com"),
        ("  Ada@Example.COM\n", "ada@example.com"),
        ("ada+costs@example.co.uk", "ada+costs@example.co.uk"),
        ("ａｄａ＠example.com", "ada@example.com"),
        ("ÉMILE@example.com", "émile@example.com"),
        ("a@उदाहरण.परीक्षा", "a@उदाहरण.परीक्षा"),
        ("a@ตัวอย่าง.ไทย", "a@ตัวอย่าง.ไทย"),
        ("a..b@docomo.ne.jp", "a..b@docomo.ne.jp"),
        ("e\N{COMBINING ACUTE ACCENT}mile@example.com", "émile@example.com"),
        ("a" * 242 + "@example.com", "a" * 242 + "@example.com"),
    ],
)
def test_an_address_has_one_form(typed: str, kept: str) -> None:
    assert access.canonical_email(typed) == kept
    assert access.canonical_email(kept) == kept


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "ada",
        "@example.com",
        "ada@",
        "ada@localhost",
        "a@b@example.com",
        "ada lovelace@example.com",
        "ada\x00@example.com",
        "ada\r\nBcc: all@example.com",
        "ada\N{ZERO WIDTH SPACE}@example.com",
        "a" * 243 + "@example.com",
        '():@"{.c',  # what follows makes Python's own e-mail package raise something or name somebody else
        "=?*-:;@+{.c",
        "{|@.!,<",
        "a,b@example.com",
        "ada@exam(ple.com",
        "ada@[127.0.0.1]",
        "friends:ada@example.com",
        "<ada@example.com>",
        "=?utf-8?q?eve=40example.com?=@example.com",
    ],
)
def test_what_is_no_address_is_refused(typed: str) -> None:
    with pytest.raises(BadInput, match="not an e-mail address"):
        access.canonical_email(typed)


@pytest.mark.parametrize("password", ["correct horse battery staple", " 秘密の長い合言葉、誰も知らない "])
def test_a_password_is_kept_as_its_argon2id_hash_only(database: Database, password: str) -> None:
    access.add_user(database, "ada@example.com", password)

    with database.exempt() as session:
        (kept,) = session.execute(select(col(User.password_hash))).scalars()
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert password not in kept
    assert access.HASHER.verify(kept, password)


@pytest.mark.parametrize("password", ["", "x" * 14, "x" * 129, "x" * 20 + "\ud800"])
def test_another_password_is_refused_and_no_account_is_made(database: Database, password: str) -> None:
    with pytest.raises(BadInput):
        access.add_user(database, "ada@example.com", password)

    with database.exempt() as session:
        assert session.execute(select(User)).all() == []


def test_the_sentence_on_a_short_password_tells_its_length_and_not_the_password() -> None:
    with pytest.raises(BadInput) as refused:
        passwords.check("too short")

    assert str(refused.value) == "The password has 9 characters. Choose one of 15 to 128."


@pytest.mark.parametrize("again", ["ada@example.com", " ADA@EXAMPLE.COM", "ａｄａ@example.com"])
def test_an_address_has_one_account_however_it_is_typed(database: Database, again: str) -> None:
    first = access.add_user(database, "ada@example.com", PASSWORD)

    with pytest.raises(Conflict, match=r"an account for ada@example\.com already"):
        access.add_user(database, again, PASSWORD)

    assert access.workspace_of(database, again) == first


def test_of_two_who_take_an_address_at_once_one_is_told_so(database: Database) -> None:
    """The other one's row is not to be seen yet while it is looked for, and there when it is written."""
    row = {"email": "ada@example.com", "password_hash": "-", "created_at": clock.utc_now()}
    with ThreadPoolExecutor(1) as pool:
        with database.engine.begin() as other:
            other.execute(insert(table_of(User)).values(**row))
            second = pool.submit(access.add_user, database, "ada@example.com", PASSWORD)
            while database.engine.dialect.name == "postgresql" and not _waits(database):
                assert not second.done(), "it did not wait"
                time.sleep(0.01)
        with pytest.raises(Conflict, match=r"an account for ada@example\.com already"):
            second.result()


def _waits(database: Database) -> bool:
    """Whether anybody waits for another's transaction."""
    with database.engine.connect() as connection:
        return bool(
            connection.exec_driver_sql(
                "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
            ).scalar()
        )


def test_a_sign_up_that_was_cut_short_can_be_made_again(database: Database) -> None:
    """Whatever the second of its transactions meets, the first leaves no account that nobody could use."""

    def cut(session: Session, *_: object) -> None:
        if any(isinstance(row, Member) for row in session.new):
            raise KeyboardInterrupt

    event.listen(TenantSession, "before_flush", cut)
    try:
        with pytest.raises(KeyboardInterrupt):
            access.add_user(database, "ada@example.com", PASSWORD)
    finally:
        event.remove(TenantSession, "before_flush", cut)

    assert access.find_user(database, "ada@example.com") is None
    assert access.add_user(database, "ada@example.com", PASSWORD) == access.workspace_of(database, "ada@example.com")


@pytest.mark.parametrize("wrong", [{"email": "ada@example.com"}, {"created_at": None}], ids=["doubled", "lacking"])
def test_an_error_of_the_database_brings_no_value_into_a_log(database: Database, wrong: dict[str, object]) -> None:
    access.add_user(database, "ada@example.com", PASSWORD)
    row = {"email": "bo@example.com", "password_hash": "$argon2id$a-hash", "created_at": clock.utc_now(), **wrong}

    with pytest.raises(IntegrityError) as refused, database.exempt(write=True) as session:
        session.execute(insert(table_of(User)).values(**row))

    logged = redact(str(refused.value))
    assert "argon2id" not in logged and "@example.com" not in logged


def test_a_new_installation_lets_nobody_in_and_asks_no_question_of_anybody(migrated_url: str) -> None:
    database = open_database(migrated_url, role="web")
    with database.exempt() as session:
        assert session.execute(select(User)).all() == []
    database.engine.dispose()

    assert set(table_of(User).c.keys()) == {
        *("id", "email", "name", "password_hash", "created_at", "disabled_at", "email_verified_at")
    }


def test_each_account_owns_a_workspace_of_its_own(database: Database) -> None:
    ada = access.add_user(database, "ada@example.com", PASSWORD)
    bo = access.add_user(database, "bo@example.com", PASSWORD)

    assert ada != bo
    with database.workspace(ada) as session:
        members = session.execute(select(Member).where(col(Member.workspace_id) == ada)).scalars().all()
    assert [(member.workspace_id, member.role) for member in members] == [(ada, Role.OWNER)]
    assert access.workspaces_of(database, members[0].user_id) == [ada]


def test_an_address_without_an_account_is_told_how_to_make_one(database: Database) -> None:
    with pytest.raises(NotFound, match=r"There is no account for bo@example\.com.*add-user bo@example\.com"):
        access.workspace_of(database, "bo@example.com")


def test_a_workspace_whose_only_member_is_disabled_has_nobody_left(database: Database) -> None:
    ada = access.add_user(database, "ada@example.com", PASSWORD)
    bo = access.add_user(database, "bo@example.com", PASSWORD)

    with database.exempt(write=True) as session:
        session.execute(update(User).where(col(User.email) == "ada@example.com").values(disabled_at=AFTER))

    assert not enabled(database, ada)
    assert enabled(database, bo)


def enabled(database: Database, workspace: int) -> bool:
    with database.workspace(workspace) as session:
        return access.has_enabled_member(session, workspace)
