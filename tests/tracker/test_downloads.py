"""Downloads: the same rows however they are cut into transactions, and a clear word for a senseless request."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from tests.tracker.builders import DAY, record, store, two_workspaces
from tracker import clock, downloads, export
from tracker.calls import RecordedCalls
from tracker.db import Database
from tracker.downloads import Period
from tracker.errors import BadInput
from tracker.usage import BilledCost

NEXT = DAY + timedelta(days=1)


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    with two_workspaces(migrated_url, role="worker") as opened:
        yield opened


def rows(database: Database, name: str, period: Period, workspace: int = 1) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO("".join(downloads.chunks(database, workspace, name, period)))))


def test_a_file_over_days_equals_the_file_read_at_once(database: Database) -> None:
    later = [record(hour, day=NEXT, model="o3") for hour in (0, 23)]
    store(database, record(0), record(23), *later, days=2)
    period = Period(DAY - timedelta(days=1), NEXT + timedelta(days=2))

    with database.workspace(1) as session:
        at_once = "".join(export.usage_csv(session, 1, period.start, period.end))
    assert "".join(downloads.chunks(database, 1, "usage.csv", period)) == at_once
    assert len(rows(database, "usage.csv", period)) == 4


def test_the_bill_is_a_file_of_its_own(database: Database) -> None:
    store(database, BilledCost(DAY, Decimal("1.5"), "usd", line_item="o3, input"), endpoint="costs")

    assert [row["billed_cost"] for row in rows(database, "billed.csv", Period(DAY, NEXT))] == ["1.5"]


def test_the_last_events_come_newest_first(database: Database) -> None:
    store(database, *[record(hour) for hour in range(5)])

    told = rows(database, "usage.csv", Period(DAY, DAY, last=3))

    assert [row["bucket_start"][11:13] for row in told] == ["04", "03", "02"]


def test_no_row_of_another_workspace_is_in_a_file(database: Database) -> None:
    store(database, record(0), key=1)

    assert rows(database, "usage.csv", Period(DAY, NEXT), workspace=2) == []
    assert rows(database, "usage.csv", Period(DAY, DAY, last=10), workspace=2) == []


def test_the_calls_of_a_key_are_a_file_whole_and_by_day(database: Database) -> None:
    log = RecordedCalls(database, 1, 1)
    clock.start_at(clock.day_start(DAY))
    number = log.started("GET", "/organization/costs")
    log.finished(number, status=200, received_bytes=512, duration_ms=7)
    clock.start_at(clock.day_start(NEXT))
    log.started("GET", "/organization/projects")
    period = Period(DAY, NEXT + clock.DAY, key=1)

    told = rows(database, "calls.csv", period)

    assert list(told[0].values()) == ["k", f"{DAY}T00:00:00Z", "GET", "/organization/costs", "200", "512", "7"]
    assert [(row["path"], row["status"]) for row in told[1:]] == [("/organization/projects", "")]
    assert (
        rows(database, "calls.csv", replace(period, key=99)) == rows(database, "calls.csv", period, workspace=2) == []
    )
    assert period.text == f"key-1-{DAY}-to-{NEXT}"


def test_a_period_is_read_from_the_address() -> None:
    today = date(2026, 11, 23)

    assert downloads.period_of({"from": "2026-11-01", "to": "2026-11-24"}, today=today) == Period(
        date(2026, 11, 1), date(2026, 11, 24)
    )
    assert Period(date(2026, 11, 1), date(2026, 11, 24)).text == "2026-11-01-to-2026-11-23"
    assert downloads.period_of({"last": "100"}, today=today).text == "last-100"
    assert downloads.period_of({"from": "2026-11-01", "to": "2026-11-02", "key": "7"}, today=today).key == 7


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({}, "“from” must be a day"),
        ({"from": "2026-11-01"}, "“to” must be a day"),
        ({"from": "1 Nov", "to": "2026-11-02"}, "“from” must be a day"),
        ({"from": "2026-11-02", "to": "2026-11-02"}, "must be a day after"),
        ({"from": "1990-01-01", "to": "2026-11-02"}, "at most 3,700 days"),
        ({"from": "2026-11-01", "to": "2026-11-02", "key": "0"}, "“key” must be a whole number"),
        ({"last": "0"}, "from 1 to 10,000"),
        ({"last": "10001"}, "from 1 to 10,000"),
        ({"last": "٣"}, "from 1 to 10,000"),
        ({"last": "9" * 5_000}, "from 1 to 10,000"),
    ],
)
def test_an_address_that_makes_no_sense_is_refused_in_words(query: dict[str, str], told: str) -> None:
    with pytest.raises(BadInput, match=told):
        downloads.period_of(query, today=DAY)


@pytest.mark.parametrize(
    ("name", "period"),
    [
        ("users.csv", Period(DAY, NEXT)),
        ("billed.csv", Period(DAY, DAY, last=3)),
        ("usage.csv", Period(DAY, NEXT, key=1)),
        ("calls.csv", Period(DAY, DAY, last=3)),
    ],
)
def test_there_is_no_other_file(name: str, period: Period) -> None:
    with pytest.raises(BadInput):
        downloads.check_file(name, period)
