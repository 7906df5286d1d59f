"""A session lives until it is ended, unused for an hour or a day old, and no copy of its cookie outlives it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from tests.installation import EMAIL, PASSWORD
from tracker import access, sessions
from tracker.db import Database, open_database
from tracker.models import AuthSession, Ticket, User, table_of

NOW = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)
SESSIONS, TICKETS, USERS = table_of(AuthSession), table_of(Ticket), table_of(User)


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    opened = open_database(migrated_url, role="web")
    yield opened
    opened.engine.dispose()


@pytest.fixture
def user_id(database: Database) -> int:
    access.add_user(database, EMAIL, PASSWORD)
    found = access.authenticate(database, EMAIL, PASSWORD)
    assert found is not None
    return found


def cookie(database: Database, user_id: int, now: datetime = NOW) -> tuple[int, str]:
    """A new session's id and its cookie's token."""
    begun = sessions.begin(database, user_id, now=now)
    token = sessions.redeem(database, begun.ticket, now=now)
    assert token is not None
    return begun.session_id, token


def lives(database: Database, session_id: int, token: str, now: datetime) -> bool:
    found = sessions.check(database, session_id, now=now), sessions.recognise(database, token, now=now)
    assert (found[0] is None) == (found[1] is None)
    return found[0] is not None


def test_a_cookie_is_recognised_as_its_users(database: Database, user_id: int) -> None:
    session_id, token = cookie(database, user_id)

    assert sessions.recognise(database, token, now=NOW) == sessions.SignedIn(session_id, user_id, EMAIL, NOW)
    assert sessions.recognise(database, token[:-1], now=NOW) is None


def test_a_ticket_is_good_once_and_for_thirty_seconds(database: Database, user_id: int) -> None:
    used = sessions.begin(database, user_id, now=NOW).ticket
    late = sessions.begin(database, user_id, now=NOW).ticket

    assert sessions.redeem(database, used, now=NOW + timedelta(seconds=29)) is not None
    assert sessions.redeem(database, used, now=NOW + timedelta(seconds=29)) is None
    assert sessions.redeem(database, late, now=NOW + timedelta(seconds=30)) is None
    assert sessions.redeem(database, "never given", now=NOW) is None


def test_a_ticket_of_an_ended_session_gives_nothing(database: Database, user_id: int) -> None:
    begun = sessions.begin(database, user_id, now=NOW)
    sessions.end(database, begun.session_id, now=NOW)

    assert sessions.redeem(database, begun.ticket, now=NOW) is None


@pytest.mark.parametrize(
    ("unused", "alive"),
    [(timedelta(minutes=59, seconds=59), True), (timedelta(hours=1), False)],
)
def test_an_unused_session_ends_after_an_hour(database: Database, user_id: int, unused: timedelta, alive: bool) -> None:
    session_id, token = cookie(database, user_id)

    assert lives(database, session_id, token, NOW + unused) is alive


def test_a_session_in_use_ends_after_a_day(database: Database, user_id: int) -> None:
    session_id, token = cookie(database, user_id)
    for minutes in range(0, 24 * 60, 30):
        assert lives(database, session_id, token, NOW + timedelta(minutes=minutes))

    assert not lives(database, session_id, token, NOW + timedelta(hours=24))


def test_signing_out_ends_this_session_and_no_other(database: Database, user_id: int) -> None:
    first, second = cookie(database, user_id), cookie(database, user_id)
    sessions.end(database, first[0], now=NOW)

    assert not lives(database, *first, NOW)
    assert lives(database, *second, NOW)


def test_all_sessions_of_a_user_end_at_once(database: Database, user_id: int) -> None:
    access.add_user(database, "grace@acme.example", PASSWORD)
    other = cookie(database, access.authenticate(database, "grace@acme.example", PASSWORD) or 0)
    mine = [cookie(database, user_id) for _ in range(3)]
    sessions.end_all(database, user_id, now=NOW)

    assert [lives(database, *each, NOW) for each in (*mine, other)] == [False, False, False, True]


def test_a_disabled_users_sessions_are_worth_nothing(database: Database, user_id: int) -> None:
    mine = cookie(database, user_id)
    with database.exempt(write=True) as session:
        session.execute(update(USERS).where(USERS.c.id == user_id).values(disabled_at=NOW))

    assert not lives(database, *mine, NOW)


def test_the_eleventh_session_ends_the_one_longest_unused(database: Database, user_id: int) -> None:
    begun = [cookie(database, user_id, NOW + timedelta(seconds=n)) for n in range(11)]

    assert [lives(database, *each, NOW + timedelta(seconds=11)) for each in begun] == [False] + [True] * 10


def test_no_token_and_no_ticket_lies_in_the_database(database: Database, user_id: int) -> None:
    begun = sessions.begin(database, user_id, now=NOW)
    token = sessions.redeem(database, begun.ticket, now=NOW) or ""
    with database.exempt() as session:
        kept = [*session.execute(select(SESSIONS)).all(), *session.execute(select(TICKETS)).all()]

    assert len(kept) == 2
    assert all(secret not in repr(row) for row in kept for secret in (token, begun.ticket))


def test_only_the_right_password_of_an_enabled_account_opens(database: Database, user_id: int) -> None:
    assert access.authenticate(database, EMAIL.upper(), PASSWORD) == user_id
    wrong = [(EMAIL, PASSWORD + " "), (EMAIL, ""), ("nobody@acme.example", PASSWORD), ("", ""), (EMAIL, "x" * 200)]
    assert [access.authenticate(database, *pair) for pair in wrong] == [None] * 5

    with database.exempt(write=True) as session:
        session.execute(update(USERS).where(USERS.c.id == user_id).values(disabled_at=NOW))
    assert access.authenticate(database, EMAIL, PASSWORD) is None


def test_a_hash_of_weaker_parameters_is_renewed_at_sign_in(database: Database, user_id: int) -> None:
    weak = type(access.HASHER)(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    with database.exempt(write=True) as session:
        session.execute(update(USERS).where(USERS.c.id == user_id).values(password_hash=weak))

    assert access.authenticate(database, EMAIL, PASSWORD) == user_id
    with database.exempt() as session:
        kept = session.execute(select(USERS.c.password_hash)).scalar_one()
    assert not access.HASHER.check_needs_rehash(kept)
    assert access.authenticate(database, EMAIL, PASSWORD) == user_id
