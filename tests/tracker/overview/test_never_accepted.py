"""A key that the provider never accepted owes no day: beside one that works it changes no figure, and is told of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from pages.ui import cards, needs, notices
from tests.tracker.builders import AFTER, DAY, ENDPOINTS, connection_of, record, store, two_workspaces
from tracker import connections, overview
from tracker.db import Database
from tracker.explore import reading
from tracker.explore.view import Preset, View
from tracker.memory import Memory
from tracker.models import KeyStatus, ProviderKey
from tracker.overview import Connection, Overview, Stage, Workers, calendar, truth
from tracker.overview.days import DayMark, Keys
from tracker.usage import BilledCost

NOW = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)
PAGE = "answered with text/html instead of JSON"
"""As the client words it (test_http_answers)."""

NEXT = DAY + timedelta(days=1)
VALID, UNCHECKED, INVALID = KeyStatus.VALID, KeyStatus.UNCHECKED, KeyStatus.INVALID


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    """Workspace 1 with a key of which nothing is known yet."""
    with two_workspaces(migrated_url, role="owner") as opened:
        yield opened


@pytest.mark.parametrize(
    ("statuses", "read_before", "counted"),
    [
        ([], [], []),
        ([UNCHECKED], [], [1]),
        ([UNCHECKED, INVALID], [], [1, 2]),
        ([UNCHECKED, VALID, INVALID], [], [2]),
        ([UNCHECKED, VALID, INVALID], [1, 3], [1, 2, 3]),
        ([UNCHECKED, INVALID], [2], [2]),
    ],
)
def test_only_keys_that_were_accepted_count_where_any_was(
    statuses: list[KeyStatus], read_before: list[int], counted: list[int]
) -> None:
    keys = Keys(tuple(with_status(status, number) for number, status in enumerate(statuses, 1)), frozenset(read_before))

    assert [key.id for key in keys.counted] == counted


def test_keys_never_accepted_change_no_figure_and_each_says_what_it_needs(database: Database) -> None:
    read_whole(database)
    accept(database)
    alone = seen(database)
    add(database, UNCHECKED, INVALID, UNCHECKED)
    beside = seen(database)

    assert (notices.complete(alone), cards.unread(alone)[1:]) == ("**1 of 30** days complete (24 Oct – 22 Nov)", [])
    assert notices.complete(beside) == (
        "**1 of 30** days of 1 key complete (24 Oct – 22 Nov) · **3 keys not read yet**"
    )
    assert cards.unread(beside)[1:] == ["Without **3 keys not read yet**"]
    assert (alone.marks[DAY], alone.billed_through) == (DayMark.PROVISIONAL, DAY)
    assert (beside.marks, beside.billed_through, beside.progress) == (alone.marks, DAY, alone.progress)
    steps = [need.step for need in needs.needs(beside) if need.fact.startswith("The key of other")]
    assert steps == ["Replace the key", "See the key", "See the key"]
    with database.workspace(1) as session:
        told = truth.read(session, 1, DAY, NEXT, now=NOW)
    assert (told.finished, told.complete, told.reach.through, told.unread_keys) == (1, 1, DAY, 3)
    view = View(Preset.CUSTOM, DAY, DAY)
    explored = reading.read(product_of(database), 1, view, reading.read_facets(product_of(database), 1), now=NOW)
    assert explored.mark(DAY) is DayMark.PROVISIONAL
    shown = calendar.read(product_of(database), 1, days=30, now=NOW)
    assert ([key.label for key in shown.keys], shown.left_out) == (["k"], ("other 3", "other 4", "other 5"))


def test_a_key_that_was_accepted_once_stays_in_when_it_is_refused(database: Database) -> None:
    accept(database)
    add(database, INVALID)
    before = seen(database)
    store(database, record(0), key=3)
    after = seen(database)

    assert [each.counted for each in before.connections] == [True, False]
    assert [each.counted for each in after.connections] == [True, True]
    assert after.progress.total == 2 * before.progress.total


def test_while_the_provider_asks_to_wait_nothing_is_promised_within_seconds(database: Database) -> None:
    told = replace(seen(database), workers=Workers(1, NOW))
    (key,) = told.connections
    later = replace(key, reason="OpenAI asks us to wait.", retry_at=NOW + timedelta(minutes=5))

    assert told.stage is Stage.WAITING
    assert "within two seconds" in notices.waiting(told)
    assert notices.waiting(beside(told, later)) == (
        "Your key is sealed. It is checked again 15:35 UTC, and read as soon as the provider accepts it."
    )
    assert notices.waiting(beside(told, replace(key, label="works", status=VALID), later)) == (
        "works is sealed. The worker picks it up within two seconds."
    )


def test_nothing_needs_nobody_while_days_are_incomplete(database: Database) -> None:
    told = seen(database)

    for alive in (0, 1):
        words = needs.nothing(replace(told, workers=Workers(alive, NOW)))
        assert words.startswith("0 of the last 30 days are complete.") and "Nothing needs you" not in words
    whole = replace(told, marks=dict.fromkeys(told.marks, DayMark.FINAL))
    assert needs.nothing(whole).startswith("Nothing needs you. All of the last 30 days are complete")


def test_what_mends_itself_stands_apart_and_is_counted_for_nobody(database: Database) -> None:
    read_whole(database)
    accept(database)
    add(database, UNCHECKED, INVALID, KeyStatus.DUPLICATE)
    idle = seen(database)
    told = replace(idle, workers=Workers(1, NOW))

    assert [(need.fact, need.mends) for need in needs.needs(told)] == [
        ("The key of other 4 is not used.", False),
        ("The key of other 5 is set aside: nothing is read with it.", False),
        ("The key of other 3 is not checked yet, so nothing is read with it.", True),
    ]
    assert needs.count(told) == "**2 things** below need you"
    assert [need.mends for need in needs.needs(idle)] == [False] * 3


def test_a_page_in_the_place_of_the_provider_needs_a_person_after_a_few_tries(database: Database) -> None:
    told = replace(seen(database), workers=Workers(1, NOW))
    (key,) = told.connections
    page = replace(key, reason=f"OpenAI {PAGE}.", retry_at=NOW + timedelta(minutes=15))

    found = []
    for each in (replace(page, failures=2), replace(page, failures=3), replace(page, failures=9, reason="502")):
        (need,) = [need for need in needs.needs(beside(told, each)) if "not checked yet" in need.fact]
        found.append((need.mends, "nothing to do" in need.consequence, "base address" in need.consequence))

    assert found == [(True, True, False), (False, False, True), (True, True, False)]


def read_whole(database: Database) -> None:
    """Everything of DAY was read with the first key, with a bill."""
    bill = BilledCost(DAY, Decimal(1), "usd", "gpt-5.4, input", "gpt-5.4", "p1")
    for name, endpoint in ENDPOINTS.items():
        rows = (bill,) if endpoint.bills else (record(0),) if name == "completions" else ()
        store(database, *rows, endpoint=name, now=AFTER)


def with_status(status: KeyStatus, number: int | None = None) -> ProviderKey:
    row = connection_of(1, f"other {number}")
    row.id, row.status = number, status
    return row


def accept(database: Database) -> None:
    with database.workspace(1, write=True) as session:
        connections.present(session, 1, 1).status = VALID


def add(database: Database, *statuses: KeyStatus) -> None:
    """Further keys of workspace 1, from number 3 on."""
    for number, status in enumerate(statuses, 3):
        with database.workspace(1, write=True) as session:
            row = with_status(status)
            row.label = f"other {number}"
            session.add(row)


def product_of(database: Database) -> Any:
    return SimpleNamespace(database=database, memory=Memory(), settings=SimpleNamespace(fetch_hour_utc=4))


def seen(database: Database) -> Overview:
    return overview.read(product_of(database), 1, now=NOW)


def beside(told: Overview, *connections: Connection) -> Overview:
    return replace(told, connections=connections)
