"""Who decides how far the bill has come: those that owe one, but for one that is far behind the others."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, date, datetime, time
from decimal import Decimal

import pytest

from tests.tracker.builders import ENDPOINTS, connection_of
from tracker import clock
from tracker.coverage import LedgerDay
from tracker.limits import Limits
from tracker.models import DayState, ProviderKey
from tracker.overview import bills, holes
from tracker.overview.bills import Ended, Reach
from tracker.overview.days import Ledgers
from tracker.overview.holes import Costless, Hole
from tracker.queries import UsageRow, Value

FIRST, LAST = date(2026, 11, 1), date(2026, 11, 27)
READ_AT = datetime.combine(LAST + clock.DAY, time(3), UTC)

Told = tuple[Collection[int], Collection[int]] | None
"""The days of November with usage and those with a bill, all others read and empty; None where nothing was read."""

MAIN, IDLE = (range(1, 28), range(1, 27)), (range(0), range(0))


@pytest.mark.parametrize(
    ("told", "through", "part", "late"),
    [
        ([], None, "", ()),
        ([MAIN], 26, "", ()),
        ([IDLE], None, "", ()),
        ([MAIN, IDLE], 26, "", ()),  # what used nothing owes nothing
        ([MAIN, None], 26, "", ()),  # of what was never read nothing is known
        ([MAIN, (range(1, 28), range(1, 25))], 24, "", ()),  # a few days are waited for
        ([MAIN, (range(1, 11), range(1, 11))], 26, "", ()),  # used nothing since its last bill
        ([MAIN, (range(1, 28), range(0))], 26, "1 of 2 organisations", ("k2",)),
        ([MAIN, IDLE, (range(1, 28), range(1, 10))], 26, "1 of 2 organisations", ("k3",)),
        ([MAIN, (range(26, 28), range(0))], 25, "", ()),  # has just begun
        ([(range(1, 28), range(0)), IDLE], None, "", ("k1",)),
    ],
)
def test_who_owes_a_bill_decides_and_who_is_far_behind_is_named(
    told: list[Told], through: int | None, part: str, late: tuple[str, ...]
) -> None:
    ledgers: Ledgers = {number: ledger(each) for number, each in enumerate(told, 1)}
    found = bills.reach(ledgers, keys(len(told)))

    assert (found.through and found.through.day, found.part, found.late) == (through, part, late)


@pytest.mark.parametrize(
    ("first", "last", "through", "part"),
    [
        (1, 27, 26, "1 of 2 organisations"),
        (1, 20, 20, "1 of 2 organisations"),  # near its end, and no less far behind
        (1, 9, 9, ""),  # billed for all of these days
        (1, 10, 10, "1 of 2 organisations"),
        (26, 27, 26, "1 of 2 organisations"),
        (27, 27, None, ""),
    ],
)
def test_of_some_days_the_bill_has_come_as_far_as_of_all(first: int, last: int, through: int | None, part: str) -> None:
    ledgers: Ledgers = {1: ledger(MAIN), 2: ledger((range(1, 28), range(1, 10)))}

    found = bills.reach(ledgers, keys(2), start=FIRST.replace(day=first), last=FIRST.replace(day=last))

    assert (found.through and found.through.day, found.part) == (through, part)


GONE = (range(1, 13), range(1, 11))
"""Used until the 12th, billed until the 10th; then its key was deleted."""


@pytest.mark.parametrize(
    ("told", "through", "known", "ended", "late"),
    [
        ([GONE], 10, 1, {}, ()),  # the only one: as far as its bill came
        ([GONE, MAIN], 26, 2, {1: 10}, ()),  # it holds nobody back, and its last two days are in neither sum
        ([(range(1, 11), range(1, 11)), MAIN], 26, 2, {}, ()),  # all that it used is billed
        ([(range(1, 13), range(0)), MAIN], 26, 1, {}, ("k1",)),  # never billed
        ([GONE, (range(1, 13), range(1, 9))], 8, 2, {}, ()),  # the bill of the other has not come as far
        ([GONE, (range(26, 28), range(0))], 10, 2, {}, ()),  # a key that has just begun: no further than any bill
        ([GONE, IDLE], 10, 1, {}, ()),
        ([GONE, None], 10, 1, {}, ()),
    ],
)
def test_a_deleted_connection_is_in_as_far_as_it_was_billed_and_holds_nobody_back(
    told: list[Told], through: int, known: int, ended: dict[int, int], late: tuple[str, ...]
) -> None:
    connections = keys(len(told))
    connections[0].deleted_at = READ_AT

    found = bills.reach({number: ledger(each) for number, each in enumerate(told, 1)}, connections)

    assert found.through == FIRST.replace(day=through)
    assert ({key: each.through.day for key, each in found.ended.items()}, found.late) == (ended, late)
    assert found.known == known
    assert found.gone == ({1} if late else set())


def test_no_bill_reaches_further_than_any_was_read() -> None:
    gone, new = keys(2)
    gone.deleted_at = READ_AT
    whole = ledger((range(1, 11), range(1, 11)))
    ledgers: Ledgers = {
        1: {name: {day: row for day, row in of_day.items() if day.day <= 10} for name, of_day in whole.items()},
        2: ledger((range(25, 28), range(0))),
    }

    assert bills.reach(ledgers, [gone, new]).through == FIRST.replace(day=10)


def test_an_endpoint_that_is_no_longer_read_is_no_usage() -> None:
    read = {"completions": {FIRST: row(False)}, "of-another-time": {FIRST: row(True)}}

    assert bills.reach({1: read}, keys(1)) == Reach(behind={})
    assert bills.reach({1: read, 2: ledger(MAIN)}, keys(2)).through == FIRST.replace(day=26)


def test_what_was_never_billed_before_its_key_was_deleted_is_told_apart() -> None:
    gone, idle = keys(2)
    gone.deleted_at = READ_AT
    found = bills.reach({1: ledger((range(1, 5), range(0))), 2: ledger(IDLE)}, [gone, idle])

    assert (found.through, found.late, set(found.gone)) == (None, ("k1",), {1})


@pytest.mark.parametrize(
    ("beside", "owed"),
    [
        ([], False),
        ([IDLE], False),
        ([None], False),
        ([(range(21, 28), range(21, 26))], False),  # used nothing of these days
        ([(range(1, 28), range(1, 20))], True),
        ([(range(1, 28), range(0))], True),
        ([MAIN], False),
    ],
)
def test_days_after_the_bill_are_owed_by_whoever_is_connected_and_used_them(beside: list[Told], owed: bool) -> None:
    told = [GONE, *beside]
    connections = keys(len(told))
    ledgers: Ledgers = {number: ledger(each) for number, each in enumerate(told, 1)}

    assert bills.reach(ledgers, connections, start=FIRST, last=FIRST.replace(day=20)).is_owed
    connections[0].deleted_at = READ_AT
    assert bills.reach(ledgers, connections, start=FIRST, last=FIRST.replace(day=20)).is_owed is owed


def test_when_all_keys_are_deleted_the_bill_reaches_as_far_as_any_came() -> None:
    connections = keys(2)
    for key in connections:
        key.deleted_at = READ_AT
    ledgers: Ledgers = {1: ledger(GONE), 2: ledger(MAIN)}

    found = bills.reach(ledgers, connections)
    october = bills.reach(ledgers, connections, start=FIRST, last=FIRST.replace(day=9))

    assert (found.through, found.ended) == (FIRST.replace(day=26), {1: Ended("k1", FIRST.replace(day=10))})
    assert (october.through, october.limits) == (FIRST.replace(day=9), Limits())


def test_what_a_deleted_connection_used_after_its_last_bill_is_in_neither_sum() -> None:
    early = date(2026, 11, 10)
    rows = [used(1, Decimal(3), Decimal(4)), used(2, Decimal(5), Decimal(6), early), used(2, Decimal(50), None)]

    beside = bills.of_days(rows, Reach(LAST, 2, {}, {2: Ended("k2", early)}), FIRST)

    assert beside and (beside.amount, beside.estimate) == (Decimal(10), Decimal(8))


def test_a_connection_far_behind_is_neither_in_the_bill_nor_in_the_estimate_beside_it() -> None:
    rows = [used(1, Decimal(3), Decimal(4)), used(2, Decimal(50), None)]

    beside = bills.of_days(rows, Reach(LAST, 1, {2: "k2"}), FIRST)
    both = bills.of_days(rows, Reach(LAST, 2, {}), FIRST)

    assert beside and (beside.amount, beside.estimate) == (Decimal(4), Decimal(3))
    assert both and (both.amount, both.estimate) == (Decimal(4), Decimal(53))
    assert bills.of_days(rows, Reach(), FIRST) is None
    assert bills.of_days(rows, Reach(FIRST - clock.DAY, 1), FIRST) is None


WAYS = {
    "left out of the bill": LedgerDay(DayState.PROVISIONAL, 0, fetched_at=READ_AT),
    "a line set aside": LedgerDay(DayState.FAILED, 2, fetched_at=READ_AT, attempts=3),
    "never read": LedgerDay(),
    "a key that may not read it": LedgerDay(DayState.UNAVAILABLE),
    "read while it ran": LedgerDay(DayState.PROVISIONAL, 2, fetched_at=clock.day_end(FIRST)),
}
THIRD = FIRST.replace(day=3)


@pytest.mark.parametrize("way", WAYS)
def test_a_used_day_without_a_whole_bill_is_named_and_in_neither_sum(way: str) -> None:
    told = ledger(MAIN)
    told["costs"][THIRD] = WAYS[way]
    reached = bills.reach({1: told}, keys(1))
    rows = [
        used(1, Decimal(3), Decimal(4), FIRST),
        used(1, Decimal(50), Decimal(20) if "aside" in way else None, THIRD),
    ]

    beside = bills.of_days(rows, reached, FIRST)

    assert (reached.through, reached.holes) == (FIRST.replace(day=26), {1: Hole("k1", (THIRD,))})
    assert beside and (beside.amount, beside.estimate, beside.holes) == (Decimal(4), Decimal(3), reached.holes)
    after = bills.reach({1: told}, keys(1), start=FIRST.replace(day=4))
    before = bills.reach({1: told}, keys(1), last=FIRST.replace(day=2))
    assert (after.holes, before.holes, before.through) == ({}, {}, FIRST.replace(day=2))


@pytest.mark.parametrize(
    ("costless", "aside", "left_out"),
    [
        ({}, False, True),
        ({(1, THIRD): 0}, False, False),  # moderations and shared tokens: they cost nothing
        ({(1, THIRD): 2}, False, False),  # without a price of ours, and the provider told that it billed nothing
        ({(2, THIRD): 0}, False, True),
        ({(1, THIRD): 0}, True, True),  # a line was there, and could not be read
    ],
)
def test_a_day_that_cost_nothing_owes_no_bill(costless: Costless, aside: bool, left_out: bool) -> None:
    told = ledger(MAIN)
    told["costs"][THIRD] = WAYS["a line set aside" if aside else "left out of the bill"]
    found = bills.reach({1: told}, keys(1), costless=costless)
    told["costs"][THIRD] = WAYS["never read"]
    unread = bills.reach({1: told}, keys(1), costless={(1, THIRD): 2})

    assert (found.through, bool(found.holes)) == (FIRST.replace(day=26), left_out)
    assert unread.holes == {1: Hole("k1", (THIRD,))}


def test_what_is_settled_as_never_billed_is_billed_at_nothing() -> None:
    told = ledger(MAIN)
    told["costs"][THIRD] = LedgerDay(DayState.VERIFIED_ZERO, 0, fetched_at=READ_AT)

    assert bills.reach({1: told}, keys(1)).holes == {}


def test_each_has_its_own_holes_and_only_as_far_as_it_is_billed() -> None:
    known = keys(4)
    known[2].deleted_at = READ_AT
    gaps = ledger((range(1, 28), range(5, 26))), ledger((range(1, 28), [1, 2, 9])), ledger((range(1, 13), [1, 2, 10]))
    found = bills.reach({1: ledger(MAIN), 2: gaps[0], 3: gaps[2], 4: gaps[1]}, known)

    assert (found.through, found.late, found.ended) == (
        FIRST.replace(day=25),
        ("k4",),
        {3: Ended("k3", FIRST.replace(day=10))},
    )
    assert {key: [day.day for day in each.days] for key, each in found.holes.items()} == {
        2: [1, 2, 3, 4],
        3: [3, 4, 5, 6, 7, 8, 9],
    }
    assert not found.limits.let_in(2, FIRST) and found.limits.let_in(1, FIRST)


@pytest.mark.parametrize(
    ("days", "told"),
    [
        ([], ""),
        ([3], "3 of a"),
        ([3, 5, 6, 7], "3, 5–7 of a"),
        ([1, 3, 5, 7], "1, 3, 5 and 1 more day of a"),
        ([1, 3, 5, 7, 8, 20], "1, 3, 5 and 3 more days of a"),
    ],
)
def test_days_are_named_by_their_runs_and_many_are_counted(days: list[int], told: str) -> None:
    found = {1: Hole("a", tuple(FIRST.replace(day=day) for day in days))} if days else {}

    assert holes.named(found, lambda a, b: f"{a.day}" if a == b else f"{a.day}–{b.day}", whose=True) == told


def keys(count: int) -> list[ProviderKey]:
    found = []
    for number in range(1, count + 1):
        row = connection_of(1, f"k{number}")
        row.id = number
        found.append(row)
    return found


def ledger(told: Told) -> dict[str, dict[date, LedgerDay]]:
    if told is None:
        return {}
    usage, billed = told
    days = clock.days(FIRST, LAST + clock.DAY)
    return {
        name: {
            day: row(day.day in (billed if endpoint.bills else usage if name == "completions" else ())) for day in days
        }
        for name, endpoint in ENDPOINTS.items()
    }


def row(has_rows: bool) -> LedgerDay:
    return LedgerDay(DayState.PROVISIONAL, int(has_rows), fetched_at=READ_AT)


def used(key: int, estimated: Decimal, billed: Decimal | None, day: date = LAST - clock.DAY) -> UsageRow:
    named: dict[str, Value] = {"day": day, "model": "gpt-5.4", "provider_key": key}
    return UsageRow(named, 1, 1, 0, 0, 1, estimated, billed, 0, 0, 0)
