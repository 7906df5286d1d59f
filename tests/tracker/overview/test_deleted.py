"""A key that was deleted: what was read with it stays in every figure, it owes no day, and nobody promises another."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from pages import explore, reconciliation
from pages.ui import cards, needs, notices
from pages.ui.ways import Way
from tests.tracker.builders import AFTER, DAY, ENDPOINTS, connection_of, owned, record, store, two_workspaces
from tracker import clock, connections, overview
from tracker.commands import base
from tracker.db import Database
from tracker.explore import files, reading
from tracker.explore.reading import Explored
from tracker.explore.view import By, Preset, View
from tracker.memory import Memory
from tracker.models import Coverage, DayState, KeyStatus
from tracker.overview import Overview, Stage, calendar, days, history, keys, truth
from tracker.overview.cycle import Cycle
from tracker.overview.days import DayMark
from tracker.unpriced import Unpriced
from tracker.usage import BilledCost

NOW = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)
NEXT, LAST = DAY + timedelta(days=1), DAY + timedelta(days=4)
NOON = datetime(2026, 11, 11, 12, tzinfo=UTC)
LATER = datetime(2026, 11, 16, 3, tzinfo=UTC)
ONE, CENT = Decimal("0.00265"), Decimal("0.01")


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    """Workspace 1 with a key that was accepted, and a day read and billed with it."""
    with two_workspaces(migrated_url, role="owner") as opened:
        with opened.workspace(1, write=True) as session:
            connections.present(session, 1, 1).status = KeyStatus.VALID
        read_whole(opened, billed=(DAY,))
        yield opened


def test_deleting_the_only_key_changes_no_figure(database: Database) -> None:
    before = seen(database), explored(database), told(database), shown(database)
    delete(database, 1)
    after = seen(database), explored(database), told(database), shown(database)

    for name in ("marks", "reach", "billed", "month", "change", "forecast", "read_at", "cells"):
        assert getattr(after[0], name) == getattr(before[0], name), name
    assert after[0].stage is Stage.READY and after[0].billed_through == DAY
    assert after[1:3] == before[1:3]
    assert notices.complete(after[0]) == notices.complete(before[0])
    (gone,) = after[3].keys
    assert ([cell.face for cell in gone.cells], gone.ended_at) == (
        [cell.face for cell in before[3].keys[0].cells],
        NOW,
    )
    assert {cell.next_at for cell in gone.cells} == {None} and after[3].gaps == ()
    assert "no key to read with" in after[3].next_reading


def test_that_nothing_is_read_any_more_needs_somebody_first(database: Database) -> None:
    delete(database, 1)
    found = seen(database)
    first, *others = needs.needs(found)

    assert (first.fact, first.step, first.way, first.mends) == (
        "No key is connected any more.",
        "Connect a key",
        Way.SETTINGS,
        False,
    )
    assert "the last reading was at 11 Nov 03:00 UTC" in first.consequence.replace(",", "")
    assert not [need for need in others if need.mends or "not read" in need.fact]
    assert cards.unread(found) == ["**22 of 23 days not read**, so this is too low"]
    assert not keys.is_blank(product_of(database), 1)


def test_a_key_deleted_before_it_read_anything_leaves_the_workspace_as_new(database: Database) -> None:
    with owned(database).workspace(2, write=True) as session:
        connections.present(session, 2, 2).deleted_at = NOW
    found = overview.read(product_of(database), 2, now=NOW)

    assert (found.stage, found.connections, needs.needs(found)) == (Stage.NO_KEY, (), [])
    assert keys.is_blank(product_of(database), 2)


def test_history_without_usage_is_history_too(database: Database) -> None:
    for name in ENDPOINTS:
        store(database, endpoint=name, now=AFTER, key=2)
    with owned(database).workspace(2, write=True) as session:
        connections.present(session, 2, 2).deleted_at = NOW
    found = overview.read(product_of(database), 2, now=NOW)

    assert (found.stage, found.marks[DAY], found.marks[NEXT]) == (
        Stage.READY,
        DayMark.PROVISIONAL,
        DayMark.MISSING,
    )


def test_beside_another_key_a_deleted_one_owes_nothing_and_is_in_both_sums_as_far_as_billed(database: Database) -> None:
    add_second(database)
    read_whole(database, number=3, days=5, billed=tuple(clock.days(DAY, LAST + timedelta(days=1))))
    half = [
        BilledCost(day, cents, "usd", "gpt-5.4, input", "gpt-5.4") for day, cents in ((DAY, CENT), (NEXT, CENT / 2))
    ]
    store(database, *half, endpoint="costs", days=2, now=NOON)  # the second of its days was never billed whole
    read_whole(database, days=2, bills=False)
    alone = seen(database)
    delete(database, 1)
    found, view, both = seen(database), explored(database), told(database)

    assert alone.billed_through == DAY
    assert [found.marks[day].complete for day in (DAY, NEXT, LAST)] == [True, True, True]
    assert found.reach == both.reach and (both.reach.through, both.reach.part) == (LAST, "")
    assert {number: each.through for number, each in both.reach.ended.items()} == {1: DAY}
    assert notices.line_of_truth(found).startswith("Billed through **14 Nov UTC**, k through **10 Nov** · **5 of 30**")
    assert found.billed and (found.billed.amount, found.billed.estimate) == (6 * CENT, 6 * ONE)
    assert view.bill and (view.bill.total, view.bill.estimate) == (6 * CENT, 6 * ONE)
    assert view.billed_by_name() == {"gpt-5.4": 6 * CENT} and billed_in_file(database) == 6 * CENT
    assert column_of("table.csv", "billed_of", database) == ["k through 2026-11-10 only"]
    told_there = explore._headline(view, Unpriced(), NOW.date())
    assert "billed **$0.06** for these days, k through 10 Nov only, estimated there $0.02" in told_there
    with database.workspace(1) as session:
        sums = truth.both(session, 1, both.reach, DAY)
        assert (sums.billed, sums.estimated, sums.difference) == (6 * CENT, 6 * ONE, 6 * CENT - 6 * ONE)
    only = explored(database, {By.KEY: (1,)})
    assert only.bill and (only.bill.total, only.bill.estimate, only.bill.days) == (CENT, ONE, (DAY, DAY))
    assert [(each.label, bool(each.ended_at)) for each in shown(database).keys] == [("other", False), ("k", True)]
    assert {gap.label for gap in shown(database).gaps} == {"other"}


def test_days_that_no_bill_will_ever_reach_are_not_compared(database: Database) -> None:
    store(database, record(0), record(24), days=2, now=LATER)  # the second day was never billed
    connected = compared(database)
    delete(database, 1)
    words, found, end = compared(database)

    assert (connected[0], connected[2]) == (" Not compared: 11–14 Nov, not billed yet.", NEXT)
    assert (found.finished, found.complete, found.reach.through, end) == (1, 1, DAY, NEXT)
    assert words == " Not compared: 11–14 Nov, for no key is connected that would get a bill of them."


def test_a_key_not_yet_accepted_is_waited_for_beside_a_deleted_one(database: Database) -> None:
    delete(database, 1)
    add_second(database, KeyStatus.UNCHECKED)
    found = seen(database)

    assert (found.stage, found.progress.pending > 0, found.unread_keys) == (Stage.READING, True, ["other"])
    assert notices.complete(found) == ("**1 of 30** days of 1 key complete (24 Oct – 22 Nov) · **1 key not read yet**")
    change_status(database, KeyStatus.INVALID)
    assert seen(database).stage is Stage.READY


def test_a_key_not_yet_accepted_is_waited_for_where_the_deleted_one_used_nothing(database: Database) -> None:
    for name in ENDPOINTS:
        store(database, endpoint=name, now=AFTER + timedelta(days=1))
    delete(database, 1)
    add_second(database, KeyStatus.UNCHECKED)

    assert seen(database).stage is Stage.WAITING
    change_status(database, KeyStatus.INVALID)
    assert seen(database).stage is Stage.NO_WORKING_KEY


def test_the_terminal_names_a_deleted_key_and_how_far_both_sums_hold_it(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    add_second(database)
    read_whole(database, number=3, days=5, billed=tuple(clock.days(DAY, LAST + timedelta(days=1))))
    read_whole(database, days=2, bills=False)
    delete(database, 1)
    with database.workspace(1) as session:
        base.tell_truth(session, 1, DAY, LAST + timedelta(days=1))

    assert "billed 0.06 USD and estimated 0.0159 USD, k through 2026-11-10 only, difference" in capsys.readouterr().err


def test_a_deleted_key_that_read_nothing_of_the_days_shown_is_named(database: Database) -> None:
    delete(database, 1)
    found = calendar.read(product_of(database), 1, days=2, now=NOW)

    assert (found.keys, found.gone) == ((), ("k",))


def test_what_was_settled_before_is_known_to_the_forecast(database: Database) -> None:
    store(database, record(0), now=AFTER + timedelta(days=90))
    before = known(database)
    delete(database, 1)

    assert known(database) == before == {DAY}
    add_second(database)
    assert known(database) == set()  # the days that another owes are known when it has read them


def test_a_day_left_half_read_by_a_deleted_key_is_explained_and_needs_nobody(database: Database) -> None:
    store(database, record(24), days=2, now=NOON)
    delete(database, 1)
    add_second(database)
    history_whole(database, number=3)
    found = seen(database)

    assert [day for day in found.cycle.finished if not found.marks[day].complete] == [NEXT]
    assert not [need for need in needs.needs(found) if "not read" in need.fact]
    assert needs.nothing(found).startswith("29 of the last 30 days are complete. The key of the others was deleted")


def read_whole(
    database: Database, *, number: int = 1, days: int = 1, billed: tuple[date, ...] = (), bills: bool = True
) -> None:
    """So many days were read with a key after they had ended, each with a request, and those `billed` have a bill."""
    now = AFTER if days == 1 else LATER
    for name, endpoint in ENDPOINTS.items():
        if endpoint.bills and not bills:
            continue
        costs = [BilledCost(day, CENT, "usd", "gpt-5.4, input", "gpt-5.4", "p1") for day in billed]
        used = [record(24 * day) for day in range(days)] if name == "completions" else []
        store(database, *(costs if endpoint.bills else used), endpoint=name, now=now, days=days, key=number)


def history_whole(database: Database, *, number: int) -> None:
    """Every day of the dashboard was read with a key, without any usage."""
    first = NOW.date() - timedelta(days=40)
    rows = [
        Coverage(
            workspace_id=1, provider_key_id=number, endpoint=name, day=day, state=DayState.PROVISIONAL, fetched_at=NOW
        )
        for name in ENDPOINTS
        for day in clock.days(first, NOW.date())
    ]
    with owned(database).workspace(1, write=True) as session:
        session.add_all(rows)


def change_status(database: Database, status: KeyStatus) -> None:
    """Of the connection that was added."""
    with owned(database).workspace(1, write=True) as session:
        connections.present(session, 1, 3).status = status


def add_second(database: Database, status: KeyStatus = KeyStatus.VALID) -> None:
    """Connection 3, of workspace 1."""
    with owned(database).workspace(1, write=True) as session:
        row = connection_of(1, "other")
        row.status = status
        session.add(row)


def delete(database: Database, number: int) -> None:
    with owned(database).workspace(1, write=True) as session:
        connections.present(session, 1, number).deleted_at = NOW


def product_of(database: Database) -> Any:
    return SimpleNamespace(database=database, memory=Memory(), settings=SimpleNamespace(fetch_hour_utc=4))


def seen(database: Database) -> Overview:
    return overview.read(product_of(database), 1, now=NOW)


def explored(database: Database, only: Any = None) -> Explored:
    view, product = View(Preset.CUSTOM, DAY, LAST, only=only or {}), product_of(database)
    return reading.read(product, 1, view, reading.read_facets(product, 1), now=NOW)


def billed_in_file(database: Database) -> Decimal:
    return sum((Decimal(amount or 0) for amount in column_of("view.csv", "billed_cost_usd", database)), Decimal())


def column_of(file: str, column: str, database: Database) -> list[str]:
    found = files.file_of(product_of(database), 1, file, View(Preset.CUSTOM, DAY, LAST).parameters(), now=NOW)
    return [row[column] for row in csv.DictReader(io.StringIO("".join(str(chunk) for chunk in found.chunks)))]


def told(database: Database) -> truth.Truth:
    with database.workspace(1) as session:
        return truth.read(session, 1, DAY, LAST + timedelta(days=1), now=NOW)


def compared(database: Database) -> tuple[str, truth.Truth, date]:
    ctx: Any = SimpleNamespace(product=product_of(database), workspace_id=1, now=NOW)
    found, end, awaited = reconciliation.compared(ctx, DAY, LAST + timedelta(days=1))
    return reconciliation.not_compared(end, LAST + timedelta(days=1), NOW.date(), awaited=awaited), found, end


def shown(database: Database) -> calendar.Calendar:
    return calendar.read(product_of(database), 1, days=30, now=NOW)


def known(database: Database) -> set[date]:
    with database.workspace(1) as session:
        connected = days.read_keys(session, 1).in_figures
        return set(history.read(session, 1, connected, Cycle(NEXT + timedelta(days=60)), {}).known)
