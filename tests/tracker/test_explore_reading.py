"""What Explore shows of a view: the comparison, the bill, the names, and the rows behind a bar."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import insert

from pages import economics, explore
from pages.ui import empty
from tests.tracker.builders import AFTER, DAY, ENDPOINTS, connection_of, owned, record, store, two_workspaces
from tracker import clock, workspace_prices
from tracker.audit import OPERATOR
from tracker.db import Database
from tracker.explore import lacking, reading, rows, unit_costs
from tracker.explore.economics import together
from tracker.explore.reading import Explored
from tracker.explore.view import By, Grain, Preset, View
from tracker.memory import Memory
from tracker.models import Coverage, DayState, Name, table_of
from tracker.overview import truth
from tracker.overview.days import DayMark, weakest
from tracker.overview.figures import Measure
from tracker.own_prices import OwnPrice
from tracker.unpriced import Unpriced
from tracker.usage import BilledCost, Dimensions, Measures, UsageRecord

NOW = datetime(2026, 11, 20, tzinfo=UTC)
ONE = Decimal("0.00265")
NEXT = DAY + timedelta(days=1)
LATER = clock.day_start(DAY + timedelta(days=20))
TWO_DAYS = View(Preset.CUSTOM, DAY + timedelta(days=2), DAY + timedelta(days=3))


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    with two_workspaces(migrated_url, role="owner") as opened:
        used = [(0, "p1"), (24, "p1"), (49, "p1"), (49, "p2"), (72, None)]
        store(opened, *(record(hour, project_id=project, model="gpt-5.4") for hour, project in used), days=4, now=NOW)
        store(opened, record(5, model="nobody-knows", requests=7), key=2)
        bill = BilledCost(DAY + timedelta(days=2), Decimal("0.5"), "usd", "gpt-5.4, input", "gpt-5.4", "p1")
        store(opened, bill, endpoint="costs", days=4, now=NOW)
        yield opened


def all_read(database: Database, *days: date) -> None:
    """Every usage endpoint of the connection was read after these days had ended."""
    coverage = table_of(Coverage)
    with database.workspace(1, write=True) as session:
        for name, endpoint in ENDPOINTS.items():
            for day in days if not endpoint.bills and name != "completions" else ():
                row = {"workspace_id": 1, "provider_key_id": 1, "endpoint": name, "day": day, "rows": 0}
                session.execute(insert(coverage).values(**row, state=DayState.VERIFIED_ZERO, fetched_at=AFTER))


def seen(database: Database, view: View, workspace: int = 1) -> Explored:
    product: Any = SimpleNamespace(database=database)
    return reading.read(product, workspace, view, reading.read_facets(product, workspace), now=NOW)


def test_only_days_complete_in_both_periods_are_compared(database: Database) -> None:
    all_read(database, DAY, DAY + timedelta(days=2), DAY + timedelta(days=3))

    found = seen(database, TWO_DAYS)

    assert found.comparison is not None
    assert found.comparison.days == ((DAY + timedelta(days=2), DAY),)
    assert found.comparison.left_out == 1
    assert (found.comparison.now.estimate, found.comparison.before.estimate) == (2 * ONE, ONE)
    assert found.comparison.percent(found.view) == 100
    assert found.comparison.changes == {"gpt-5.4": ONE}
    assert found.total.estimate == 3 * ONE
    assert {bar: (twin.days, twin.amount, twin.lacking) for bar, twin in found.before().items()} == {
        DAY + timedelta(days=2): ((DAY,), ONE, 0),
        DAY + timedelta(days=3): ((NEXT,), ONE, 1),
    }
    in_weeks = View(**{**vars(TWO_DAYS), "grain": Grain.WEEK})
    assert seen(database, in_weeks).before() == {}
    all_read(database, NEXT)
    (twin,) = seen(database, in_weeks).before().values()
    assert (twin.days, twin.amount, twin.lacking) == ((DAY, NEXT), 2 * ONE, 0)
    assert seen(database, View(**{**vars(TWO_DAYS), "grain": Grain.HOUR})).before() == {}
    assert [found.mark(day) is DayMark.MISSING for day in found.span.days] == [False, False]
    assert seen(database, View(**{**vars(TWO_DAYS), "compare": False})).comparison is None


def test_a_local_day_is_as_incomplete_as_the_worst_utc_day_it_touches(database: Database) -> None:
    all_read(database, DAY + timedelta(days=2))

    found = seen(database, View(**{**vars(TWO_DAYS), "zone": "America/New_York"}))

    assert {found.mark(day) for day in found.span.days} == {DayMark.MISSING}
    assert found.bill is None
    assert sum(cell.figures.requests or 0 for cell in found.cells) == 1  # 49:00 is still the day before there


def test_the_part_of_a_local_day_that_is_still_to_come_is_not_missing(database: Database) -> None:
    all_read(database, DAY + timedelta(days=3))
    product: Any = SimpleNamespace(database=database)
    evening = datetime(2026, 11, 13, 22, tzinfo=UTC)  # it is five in New York, whose day ends tomorrow in UTC

    found = reading.read(
        product,
        1,
        View(Preset.CUSTOM, DAY + timedelta(days=3), DAY + timedelta(days=3), zone="America/New_York"),
        reading.read_facets(product, 1),
        now=evening,
    )

    assert [found.mark(day) is DayMark.MISSING for day in found.span.days] == [False]


@pytest.mark.parametrize(
    ("by", "only", "billed"),
    [
        (By.MODEL, {}, {"gpt-5.4": Decimal("0.5")}),
        (By.PROJECT, {By.MODEL: ("gpt-5.4",)}, {"p1": Decimal("0.5")}),
        (By.TYPE, {}, None),
        (By.MODEL, {By.USER: (None,)}, None),
    ],
)
def test_the_bill_is_told_only_by_what_it_knows(database: Database, by: By, only: Any, billed: Any) -> None:
    found = seen(database, View(**{**vars(TWO_DAYS), "by": by, "only": only}))

    assert (found.bill and found.bill.by_value) == billed
    assert (found.billed_days, found.is_billed_in_part) == (((TWO_DAYS.first,) * 2, True) if billed else (None, False))
    assert (found.bill and found.bill.estimate) == (2 * ONE if billed else None)


def test_a_connection_far_behind_with_its_bill_is_left_out_of_both_as_on_the_dashboard(database: Database) -> None:
    with owned(database).workspace(1, write=True) as session:
        session.add(connection_of(1, "late"))
    store(database, *(record(24 * day, model="gpt-5.4") for day in range(20)), days=20, key=3, now=LATER)
    days = [DAY + timedelta(days=n) for n in range(18)]
    store(
        database,
        *(BilledCost(day, Decimal(1), "usd", "gpt-5.4, input", "gpt-5.4", "p1") for day in days),
        endpoint="costs",
        days=18,
        now=LATER,
    )

    product: Any = SimpleNamespace(database=database, memory=Memory(), settings=None)
    choices = reading.read_facets(product, 1)
    month = View(Preset.CUSTOM, DAY, DAY + timedelta(days=19))
    found, late = (
        reading.read(product, 1, View(**{**vars(month), "only": only}), choices, now=LATER)
        for only in ({}, {By.KEY: (3,)})
    )
    with database.workspace(1) as session:
        told = truth.read(session, 1, DAY, DAY + timedelta(days=20), now=LATER)

    assert found.bill and late.bill
    assert (found.bill.total, found.bill.days, found.bill.part) == (
        Decimal(18),
        (DAY, days[-1]),
        "1 of 2 organisations",
    )
    assert found.bill.estimate == 5 * ONE
    assert (told.reach.through, told.reach.part) == (days[-1], found.bill.part)
    assert (late.bill.total, late.billed_days) == (None, None)


def test_choices_and_names_come_from_the_series(database: Database) -> None:
    with database.workspace(1, write=True) as session:
        for ref, name in (("p1", "Search"), ("p2", "Search"), ("gone", "Never used")):
            row = {"workspace_id": 1, "provider_key_id": 1, "kind": "project", "ref": ref, "name": name}
            session.execute(insert(table_of(Name)).values(**row))

    found = seen(database, View(**{**vars(TWO_DAYS), "by": By.PROJECT}))

    assert found.facets.names[By.PROJECT] == {"p1": "Search (p1)", "p2": "Search (p2)", None: "(no project)"}
    assert [line.name for line in found.lines()] == ["(no project)", "Search (p1)", "Search (p2)"]
    assert found.facets.names[By.MODEL] == {"gpt-5.4": "gpt-5.4"}
    assert found.facets.name(By.USER, "somebody") == "somebody"
    assert [found.facets.name(By.PROJECT, value) for value in ("gone", "")] == ["Never used", "(unnamed project)"]


def test_requests_that_say_nothing_of_a_cost_are_counted_by_why_as_everywhere_else(database: Database) -> None:
    used = [(1, "gpt-5.4", None, 3), (2, "gpt-5.4", "incentivized-tier", 5), (3, "nobody-knows", None, 7)]
    store(database, *(record(h, model=m, service_tier=t, requests=n) for h, m, t, n in used), days=4, now=NOW)
    product: Any = SimpleNamespace(database=database)
    found = seen(database, View(Preset.CUSTOM, DAY, DAY, compare=False))

    costs = unit_costs.read(product, 1, found)

    assert (costs.unpriced, costs.free, costs.unrated) == (7, 5, 0)
    without = lacking.read(product, 1, found)
    assert costs.unpriced == without.requests == found.total.unpriced_requests
    assert without.kinds == (("completions", "nobody-knows"),)
    assert costs.total and costs.total.requests == 3


def test_calls_with_an_agreed_price_are_no_requests_in_what_a_request_costs(database: Database) -> None:
    """A search is made inside a model's request, which is counted already: its cost is told apart."""
    agreed = OwnPrice(0, "openai", "*", DAY, rates={"web_search_calls": Decimal("0.01"), "sessions": Decimal("0.03")})
    with database.workspace(1, write=True) as session:
        workspace_prices.add(session, 1, agreed, by=OPERATOR)
    product: Any = SimpleNamespace(database=database)
    view = View(Preset.CUSTOM, DAY, DAY, compare=False)
    before = unit_costs.read(product, 1, seen(database, view))
    store(database, record(2, usage_type="web_search_calls", requests=40), endpoint="web_search_calls", now=NOW)
    sessions = UsageRecord(clock.day_start(DAY), Dimensions("code_interpreter_sessions", 3_600), Measures(sessions=2))
    store(database, sessions, endpoint="code_interpreter_sessions", now=NOW)
    found = seen(database, view)
    costs = unit_costs.read(product, 1, found)

    assert before.total and (before.total.requests, before.by_unit) == (1, None)
    assert (costs.total, costs.of_days, costs.after) == (before.total, before.of_days, before.after)
    assert (costs.unpriced, costs.free, costs.unrated) == (0, 0, 0)
    assert costs.by_unit == Decimal("0.46") and found.total.estimate == ONE + costs.by_unit
    assert "with a price · $0.46 (estimate) not priced by tokens, in no figure here" in economics._headline(
        found, costs, Unpriced(), NOW.date()
    )


def test_the_bars_of_hours_and_days_hold_the_same(database: Database) -> None:
    view = View(**{**vars(TWO_DAYS), "measure": Measure.REQUESTS})
    by_day, by_hour = seen(database, view), seen(database, View(**{**vars(view), "grain": Grain.HOUR}))

    assert (len(by_day.columns), len(by_hour.columns)) == (2, 48)
    for found in (by_day, by_hour):
        assert sum(total or 0 for total in found.bars().totals.values()) == 3
        assert found.total == by_day.total


def test_a_week_holds_what_its_days_do_and_is_as_sure_as_the_weakest(database: Database) -> None:
    view = View(Preset.CUSTOM, DAY, DAY + timedelta(days=6), compare=False, measure=Measure.REQUESTS)
    by_day, by_week = seen(database, view), seen(database, View(**{**vars(view), "grain": Grain.WEEK}))
    monday = DAY + timedelta(days=7 - DAY.weekday())

    assert list(by_week.columns) == [DAY, monday]
    assert [by_week.part(bar) for bar in by_week.columns] == [(7 - DAY.weekday(), 7), (DAY.weekday(), 7)]
    assert by_week.total == by_day.total
    assert {len(line.by_day) for line in by_week.lines()} == {2}  # of parts alone, all are shown
    totals = by_day.bars().totals
    for bar, total in by_week.bars().totals.items():
        assert total == sum(totals[day] or 0 for day in by_week.days_in(bar)) or total is None
        assert by_week.mark(bar) is weakest([by_day.mark(day) for day in by_week.days_in(bar)])
    product: Any = SimpleNamespace(database=database)
    costs, of_days = (unit_costs.read(product, 1, found).bars for found in (by_week, by_day))
    for bar, bill in costs.items():
        assert bill == together([each for day in by_week.days_in(bar) if (each := of_days[day])])
    assert costs[DAY] is not None
    running = replace(by_day, marks=dict(by_day.marks) | {DAY: DayMark.OPEN})
    without = unit_costs.read(product, 1, running)
    before = replace(running, marks={**running.marks, DAY - timedelta(days=1): DayMark.FINAL})  # as a comparison has
    assert unit_costs.read(product, 1, before).days == without.days
    assert (without.not_over, without.bars) == ([DAY], {**of_days, DAY: None})
    assert without.total == together(bill for bill in of_days.values() if bill)
    days = len(by_week.days_in(DAY))
    assert rows.behind(product, 1, by_week.view, DAY, None, days=days).count == sum(
        rows.behind(product, 1, view, day, None).count for day in by_week.days_in(DAY)
    )


def test_the_rows_behind_a_bar_are_those_of_its_part_alone(database: Database) -> None:
    product: Any = SimpleNamespace(database=database)
    view, day = View(**{**vars(TWO_DAYS), "by": By.PROJECT}), DAY + timedelta(days=2)

    everything = rows.behind(product, 1, view, day, None)
    part = rows.behind(product, 1, view, day, ("p2",))
    hour = rows.behind(product, 1, view, clock.day_start(day), None)
    filtered = rows.behind(product, 1, View(**{**vars(view), "only": {By.PROJECT: ("p1",)}}), day, ("p2",))

    assert ({event.project for event in everything.events}, everything.count) == ({"p1", "p2"}, 2)
    assert [(event.project, event.estimate) for event in part.events] == [("p2", ONE)]
    assert (hour.count, filtered.count) == (0, 0)
    assert rows.behind(product, 2, view, DAY, None).count == 1


def test_a_day_before_the_history_is_told_as_such_unless_it_was_read_in_its_time(database: Database) -> None:
    product: Any = SimpleNamespace(database=database)
    view = View(Preset.CUSTOM, DAY - timedelta(days=1), DAY + timedelta(days=1), compare=False)
    later = NOW + timedelta(days=365)
    all_read(database, DAY)

    found = reading.read(product, 1, view, reading.read_facets(product, 1), now=later)

    assert [found.mark(day) for day in found.columns] == [DayMark.UNAVAILABLE, DayMark.FINAL, DayMark.MISSING]
    assert [len(days) for days in found.unread] == [1, 1]


def test_days_before_the_providers_history_are_told_from_days_that_wait(database: Database) -> None:
    long_ago = seen(database, View(Preset.CUSTOM, date(2024, 1, 1), date(2024, 1, 31)))
    around = seen(database, View(Preset.CUSTOM, date(2025, 11, 19), date(2025, 11, 21)))
    lately = seen(database, View(Preset.CUSTOM, NEXT + timedelta(days=6), NEXT + timedelta(days=7)))

    assert [tuple(map(len, each.unread)) for each in (long_ago, around, lately)] == [(31, 0), (1, 2), (0, 2)]
    assert [around.mark(day) for day in around.columns] == [DayMark.UNAVAILABLE, DayMark.MISSING, DayMark.MISSING]
    in_weeks = seen(database, View(Preset.CUSTOM, date(2025, 11, 3), date(2025, 11, 30), grain=Grain.WEEK))
    told = [(in_weeks.mark(bar), in_weeks.part(bar)) for bar in in_weeks.columns]
    assert told == [(DayMark.UNAVAILABLE, None)] * 2 + [(DayMark.MISSING, (4, 7)), (DayMark.MISSING, None)]
    captions = [explore.chart_caption(each, "day", NOW.date()) for each in (in_weeks, around, lately)]
    assert ["begins on 20 Nov 2025: what was before (grey ground) is" in each for each in captions] == [1, 1, 0]
    assert ["Dashed: not read." in each for each in captions] == [1, 1, 1]
    assert ["Striped" in each for each in captions] == [0, 0, 0]
    begins, other, reads_on = (
        "before the provider's history, which begins on 20 Nov 2025: never to be read.",
        "Choose other days.",
        "The dashboard says how far the reading has come.",
    )
    words = [empty.of_view(each, NOW.date()) for each in (long_ago, around, lately)]
    assert words == [
        f"No usage is stored in 1–31 Jan 2024. 31 days of them lie {begins} {other}",
        f"No usage is stored in 19–21 Nov 2025. 1 day of them lies {begins} 2 days of them were not read yet. {other}",
        f"No usage is stored in 17–18 Nov. 2 days of them were not read yet. {reads_on}",
    ]


def test_an_hour_is_as_final_as_its_utc_day_in_any_zone(database: Database) -> None:
    all_read(database, DAY, DAY + timedelta(days=2))

    found = seen(database, View(Preset.CUSTOM, DAY, DAY, grain=Grain.HOUR, zone="America/Los_Angeles"))

    assert not found.utc_marks[NEXT].complete
    assert found.utc_marks[DAY].complete
    hours = [hour for hour in found.columns if isinstance(hour, datetime) and clock.day_of(hour) == DAY]
    assert {found.mark(hour) for hour in hours} == {found.utc_marks[DAY]}
