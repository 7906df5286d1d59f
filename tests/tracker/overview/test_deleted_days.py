"""A connection whose key was deleted, day by day: it owes none, and those that it read are its own."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from tests.tracker.builders import ENDPOINTS, connection_of
from tracker.coverage import LedgerDay
from tracker.models import DayState, ProviderKey
from tracker.overview import days
from tracker.overview.days import DayMark, Keys

NOW = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)
READ_AT = datetime(2026, 11, 22, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("deleted", "other", "mark"),
    [
        (["read", "read"], None, DayMark.PROVISIONAL),
        (["read", "open"], None, DayMark.OPEN),
        (["read", "none"], None, DayMark.MISSING),
        (["none", "none"], None, DayMark.MISSING),
        (["none", "none"], ["read", "read"], DayMark.PROVISIONAL),
        (["read", "open"], ["read", "read"], DayMark.OPEN),  # half of the day is in its sum
        (["read", "none"], ["read", "read"], DayMark.MISSING),
        (["read", "read"], ["final", "final"], DayMark.PROVISIONAL),
        (["read", "read"], ["none", "none"], DayMark.MISSING),
    ],
)
def test_a_deleted_connection_takes_part_in_each_day_that_it_read_anything_of(
    deleted: list[str], other: list[str] | None, mark: DayMark
) -> None:
    states = {
        "read": LedgerDay(DayState.PROVISIONAL, 1, fetched_at=READ_AT),
        "open": LedgerDay(DayState.PROVISIONAL, 1, fetched_at=READ_AT - timedelta(days=1)),
        "final": LedgerDay(DayState.FINAL, 1, fetched_at=READ_AT),
        "none": LedgerDay(),
    }
    day = date(2026, 11, 21)
    names = [name for name, endpoint in ENDPOINTS.items() if not endpoint.bills]
    found = {
        number: {name: {day: states[told[name != names[0]]]} for name in names}
        for number, told in enumerate([deleted, other], 1)
        if told
    }
    connected = [numbered(1, deleted_at=NOW), *([numbered(2)] if other else [])]

    assert days.marks_with_history(found, connected, [day], now=NOW)[day] is mark


def test_a_day_of_which_a_deleted_connection_knew_the_bill_only_is_none_of_its_days() -> None:
    day, read = date(2026, 11, 21), LedgerDay(DayState.PROVISIONAL, 1, fetched_at=READ_AT)
    found = {
        1: {name: {day: read} for name, endpoint in ENDPOINTS.items() if endpoint.bills},
        2: {name: {day: read} for name in ENDPOINTS},
    }

    connected = [numbered(1, deleted_at=NOW), numbered(2)]
    assert days.marks_with_history(found, connected, [day], now=NOW) == {day: DayMark.PROVISIONAL}


def test_a_day_before_every_history_is_never_read_with_or_without_a_key() -> None:
    early = NOW.date() - timedelta(days=500)
    for connected in ([numbered(1)], [numbered(1, deleted_at=NOW)], [numbered(1, deleted_at=NOW), numbered(2)]):
        assert days.marks_with_history({}, connected, [early], now=NOW) == {early: DayMark.UNAVAILABLE}


def test_a_key_never_accepted_owes_nothing_beside_what_a_deleted_one_read() -> None:
    new, gone = numbered(2), numbered(1, deleted_at=NOW)

    beside, alone = Keys((new,), ended=(gone,)), Keys((new,))
    assert (beside.counted, beside.in_figures, beside.awaited) == ([], [gone], [new])
    assert (alone.counted, alone.in_figures, alone.awaited) == ([new], [new], [new])


def numbered(number: int, *, deleted_at: datetime | None = None) -> ProviderKey:
    row = connection_of(1, f"k{number}")
    row.id, row.deleted_at = number, deleted_at
    return row
