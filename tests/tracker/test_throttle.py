"""Guesses are stopped before they cost a hash, and nobody is locked out by somebody else's guesses."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from tests.installation import EMAIL, PASSWORD
from tests.seeds import examples
from tracker import access, sessions, sign_in, throttle
from tracker.db import Database, open_database
from tracker.sign_in import Refused
from tracker.throttle import ACCOUNT, OVERALL, PAIR, PREFIX, THROTTLES, Count, after_failure, prefix_of

NOW = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)
HERE, ELSEWHERE = "198.51.100.7", "203.0.113.9"


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    opened = open_database(migrated_url, role="web")
    access.add_user(opened, EMAIL, PASSWORD)
    yield opened
    opened.engine.dispose()


def guess(database: Database, *, email: str = EMAIL, address: str = ELSEWHERE, now: datetime = NOW) -> Refused:
    found = sign_in.sign_in(database, email, "not the password", address=address, now=now)
    assert isinstance(found, Refused)
    return found


def enters(database: Database, *, address: str = HERE, now: datetime = NOW) -> bool:
    return not isinstance(sign_in.sign_in(database, EMAIL, PASSWORD, address=address, now=now), Refused)


@pytest.mark.parametrize(
    ("failures", "delay_s"), [(1, 0), (5, 0), (6, 1), (7, 2), (8, 4), (15, 512), (16, 900), (1_000, 900)]
)
def test_the_delay_of_a_pair_doubles_up_to_fifteen_minutes(failures: int, delay_s: int) -> None:
    count: Count | None = None
    for _ in range(failures):
        count = after_failure(count, PAIR, NOW)

    assert count == Count(failures, NOW, NOW + timedelta(seconds=delay_s))


def test_a_window_that_is_over_starts_anew() -> None:
    old = Count(1_000, NOW - timedelta(hours=1), NOW - timedelta(minutes=1))

    assert after_failure(old, PAIR, NOW) == Count(1, NOW, NOW)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("198.51.100.7", "198.51.100.0/24"),
        ("::ffff:198.51.100.7", "198.51.100.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("not an address", "not an address"),
    ],
)
def test_neighbours_are_one_subject(address: str, network: str) -> None:
    assert prefix_of(address) == network


def test_the_sixth_wrong_guess_makes_everybody_there_wait(database: Database) -> None:
    assert [guess(database).wait for _ in range(6)] == [None] * 6

    assert guess(database).wait == timedelta(seconds=1)
    assert not enters(database, address=ELSEWHERE)
    assert enters(database, address=ELSEWHERE, now=NOW + timedelta(seconds=1))


def test_whoever_must_wait_leaves_nothing_and_what_is_long_over_goes(database: Database) -> None:
    for _ in range(7):
        guess(database)
    kept = rows(database)
    for n in range(5):
        guess(database, email=f"somebody-{n}@example.com", now=NOW)
    assert rows(database) == kept + 10, "a pair and an account each"

    wait = max(guess(database, email=f"somebody-{n}@example.com").wait or timedelta() for n in range(40))
    full = rows(database)
    assert wait
    assert guess(database, email="another@example.com").wait and rows(database) == full

    assert enters(database, now=NOW + timedelta(days=31))
    assert rows(database) == 3, "of this address's network, of the account, and of all"


def rows(database: Database) -> int:
    with database.exempt() as session:
        return int(session.execute(select(func.count()).select_from(THROTTLES)).scalar_one())


def test_a_try_that_must_wait_does_not_make_the_wait_longer(database: Database) -> None:
    for _ in range(6):
        guess(database)
    for _ in range(50):
        assert guess(database).wait == timedelta(seconds=1)

    assert enters(database, address=ELSEWHERE, now=NOW + timedelta(seconds=1))


def test_an_unknown_account_is_slowed_like_a_known_one(database: Database) -> None:
    known = [guess(database).wait for _ in range(8)]
    unknown = [guess(database, email="nobody@acme.example", address="192.0.2.1").wait for _ in range(8)]

    assert known == unknown


def test_a_right_password_starts_the_pair_anew(database: Database) -> None:
    for _ in range(5):
        guess(database)
    assert enters(database, address=ELSEWHERE)

    assert [guess(database).wait for _ in range(6)] == [None] * 6


def test_many_accounts_tried_from_one_network_are_one_attack(database: Database) -> None:
    waits = [
        guess(database, email=f"user{n}@acme.example", address=f"203.0.113.{n % 250}").wait
        for n in range(PREFIX.free + 2)
    ]

    assert waits[: PREFIX.free + 1] == [None] * (PREFIX.free + 1)
    assert waits[-1] == PREFIX.first
    assert enters(database, address=HERE)


def test_an_attack_from_everywhere_leaves_the_owner_a_way_in(database: Database) -> None:
    user_id = access.user_of(database, EMAIL)
    sessions.begin(database, user_id, now=NOW - timedelta(days=2), address=HERE)
    for n in range(ACCOUNT.free + 1):
        guess(database, address=f"203.{n % 200}.{n // 200}.1")

    assert guess(database, address="192.0.2.1").wait == ACCOUNT.first
    assert enters(database, address="198.51.100.200")


def test_guesses_made_at_the_same_moment_are_counted_one_by_one(database: Database) -> None:
    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(lambda _: guess(database).wait, range(24)))

    assert waits.count(None) == PAIR.free + 1


@pytest.mark.soak
def test_of_very_many_guesses_few_reach_the_hash(database: Database) -> None:
    """One guess a second on one account from one network, as long as the attacker likes."""
    tried = examples(100)
    reached = sum(guess(database, now=NOW + timedelta(seconds=n)).wait is None for n in range(tried))
    sys.stdout.write(f"guesses tried {tried}, reached the hash {reached}\n")

    hours = tried / 3_600 + 1
    assert reached <= 16 + 5 * hours + 4 * hours


def test_sign_ups_from_one_network_are_limited(database: Database) -> None:
    waits = [sign_in.may_sign_up(database, address=HERE, now=NOW) for _ in range(throttle.SIGN_UPS.free + 2)]

    assert waits[:-1] == [None] * (throttle.SIGN_UPS.free + 1)
    assert waits[-1] == throttle.SIGN_UPS.first
    assert sign_in.may_sign_up(database, address=ELSEWHERE, now=NOW) is None


def test_the_limits_are_the_documented_ones() -> None:
    assert (PAIR.free, PREFIX.free, ACCOUNT.free, OVERALL.free) == (5, 30, 100, 1_000)
    assert max(policy.longest for policy in (PAIR, PREFIX, ACCOUNT, OVERALL)) == timedelta(hours=1)
