"""A session lives until it is ended, unused for an hour or a day old, and no copy of its cookie outlives it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from tests.installation import EMAIL, PASSWORD
from tests.seeds import examples
from tracker import access, closing, sessions
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


def test_what_a_page_looks_up_by_itself_is_no_use_of_a_session(database: Database, user_id: int) -> None:
    session_id, token = cookie(database, user_id)
    for minutes in range(0, 60, 10):
        assert sessions.check(database, session_id, now=NOW + timedelta(minutes=minutes), is_use=False)

    assert not lives(database, session_id, token, NOW + timedelta(hours=1))


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


def _age(_database: Database, _user_id: int, _session_id: int) -> datetime:
    return NOW + sessions.ABSOLUTE


def _idle(_database: Database, _user_id: int, _session_id: int) -> datetime:
    return NOW + sessions.IDLE


def _sign_out(database: Database, _user_id: int, session_id: int) -> datetime:
    sessions.end(database, session_id, now=NOW)
    return NOW


def _everywhere(database: Database, user_id: int, _session_id: int) -> datetime:
    sessions.end_all(database, user_id, now=NOW)
    return NOW


def _another_password(database: Database, user_id: int, _session_id: int) -> datetime:
    access.change_password(database, user_id, PASSWORD)
    return NOW


def _closed(database: Database, user_id: int, _session_id: int) -> datetime:
    closing.close(database, user_id, now=NOW)
    closing.reopen(database, user_id)
    return NOW


def _too_many(database: Database, user_id: int, _session_id: int) -> datetime:
    for number in range(sessions.MOST):
        cookie(database, user_id, NOW + timedelta(milliseconds=number + 1))
    return NOW + timedelta(seconds=1)


ENDINGS = (_age, _idle, _sign_out, _everywhere, _another_password, _closed, _too_many)


@pytest.mark.soak
@pytest.mark.parametrize("ending", ENDINGS, ids=lambda ending: ending.__name__.strip("_"))
def test_after_no_ending_is_a_session_taken_again(
    database: Database, user_id: int, ending: Callable[[Database, int, int], datetime]
) -> None:
    replayed = accepted = 0
    for _ in range(examples(3)):
        session_id, token = cookie(database, user_id)
        ended_at = ending(database, user_id, session_id)
        for later in (timedelta(), timedelta(seconds=1), timedelta(days=30)):
            replayed += 1
            accepted += lives(database, session_id, token, ended_at + later)
        sessions.end_all(database, user_id, now=NOW)
    sys.stdout.write(f"sessions replayed after {ending.__name__.strip('_')}: {replayed}, accepted: {accepted}\n")
    assert accepted == 0
