"""Turns: a connection with a long history never keeps another waiting."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import islice

from jobs.schedule import Turns
from tracker.coverage import Unit
from tracker.reconcile import Connection

ADA, BO, CY = Connection(1, 1), Connection(2, 2), Connection(2, 3)


def units(count: int, endpoint: str = "completions") -> list[Unit]:
    first = date(2026, 11, 1)
    days = [first + timedelta(days=n) for n in range(count)]
    return [Unit(endpoint, day, day + timedelta(days=1), (0,)) for day in days]


def taken(turns: Turns) -> Iterator[tuple[Connection, int]]:
    """Whose turn, and the day of November, until nothing is planned."""
    while turn := turns.take():
        yield turn[0], turn[1].start.day


def test_connections_take_turns_each_in_its_own_order() -> None:
    turns = Turns()
    turns.plan(ADA, units(4))
    turns.plan(BO, units(1))
    turns.plan(CY, units(2))

    assert list(taken(turns)) == [(ADA, 1), (BO, 1), (ADA, 2), (CY, 1), (ADA, 3), (CY, 2), (ADA, 4)]


def test_a_workspace_with_a_hundred_keys_makes_one_with_a_single_key_wait_one_turn() -> None:
    turns, many = Turns(), [Connection(1, number) for number in range(100, 200)]
    for connection in many:
        turns.plan(connection, units(50))
    turns.plan(BO, units(3))

    order = [connection for connection, _ in taken(turns)]

    assert [order.index(BO), len(order) - order[::-1].index(BO)] == [1, 6]
    assert order[6:106] == many[3:] + many[:3]


def test_of_ten_thousand_keys_every_workspace_has_had_a_turn_before_any_has_a_third() -> None:
    turns = Turns()
    for number in range(10_000):
        turns.plan(Connection(number % 100, number), units(2))

    first = [connection.workspace_id for connection, _ in islice(taken(turns), 200)]

    assert sorted(Counter(first).values()) == [2] * 100


def test_a_newcomer_waits_one_turn_of_the_others_however_much_they_owe() -> None:
    turns = Turns()
    turns.plan(ADA, units(365))
    turns.plan(BO, units(365))
    turns.take()
    turns.plan(CY, units(1))

    assert [connection for connection, _ in list(taken(turns))[:3]] == [BO, ADA, CY]


def test_a_new_plan_replaces_the_old_one_and_goes_to_the_end() -> None:
    turns = Turns()
    turns.plan(ADA, units(3))
    turns.plan(BO, units(1))
    turns.plan(ADA, units(1, "embeddings"))

    assert turns.take() == (BO, units(1)[0])
    assert turns.take() == (ADA, units(1, "embeddings")[0])
    assert turns.take() is None


def test_an_empty_plan_is_no_plan() -> None:
    turns = Turns()
    turns.plan(ADA, units(2))
    turns.plan(ADA, [])

    assert not turns.has(ADA)
    assert turns.take() is None


def test_what_is_dropped_is_forgotten_and_the_others_go_on() -> None:
    turns = Turns()
    turns.plan(ADA, units(2))
    turns.plan(BO, units(2))
    turns.drop(ADA)
    turns.drop(CY)

    assert turns.has(BO) and not turns.has(ADA)
    assert list(taken(turns)) == [(BO, 1), (BO, 2)]
    assert not turns.has(BO)
