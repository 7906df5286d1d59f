"""Days of another zone are the sums of their events, whatever lies at their edges, by anything, on both databases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert

from tests.seeds import examples
from tests.tracker.builders import connection_of, owned, two_workspaces
from tracker import clock, rollup, workspace_prices
from tracker.audit import OPERATOR
from tracker.db import Database
from tracker.explore import usage
from tracker.explore.figures import Cell, Figures, money, total
from tracker.explore.span import Span
from tracker.explore.usage import DAILY, EVENTS, SERIES, SERIES_DAYS, Only
from tracker.explore.view import By, Chosen, Grain
from tracker.own_prices import OwnPrice
from tracker.queries import MEASURES
from tracker.usage import CostBasis

DAYS = 10
QUARTERS = 96 * (DAYS + 3)

ZONES = {
    "Asia/Kolkata": date(2026, 11, 5),
    "Asia/Kathmandu": date(2026, 11, 5),
    "America/New_York": date(2026, 10, 28),
    "Europe/Berlin": date(2026, 3, 25),
    "Australia/Lord_Howe": date(2026, 9, 30),
    "Pacific/Chatham": date(2026, 4, 1),
    "Pacific/Auckland": date(2026, 9, 22),
    "Pacific/Kiritimati": date(2026, 11, 5),
    "Pacific/Apia": date(2011, 12, 26),
    "Etc/GMT+12": date(2026, 11, 5),
}
"""With the first day of a span in which the clocks change, where they do."""

NAMES = ("model", "project_id", "user_id", "provider_key_id")
SERIES_TOLD: tuple[tuple[Chosen, ...], ...] = (
    ("gpt-5.4", "p1", "ada", 1),
    ("gpt-5.4", "p2", None, 1),
    ("o3", "p1", None, 3),
    (None, None, "ada", 3),
    ("", "p2", "bob", 1),
)
WAYS: list[tuple[By, dict[By, tuple[Chosen, ...]]]] = [
    (By.MODEL, {}),
    (By.KEY, {}),
    (By.MODEL, {By.MODEL: ("gpt-5.4", None)}),
    (By.KEY, {By.MODEL: ("o3", "")}),
    (By.PROJECT, {}),
    (By.USER, {By.KEY: (1,)}),
    (By.MODEL, {By.PROJECT: ("p1",), By.USER: ("ada", None)}),
    (By.MODEL, {By.TIER: ("nothing-like-it",)}),
]

Event = dict[str, Any]


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    with two_workspaces(migrated_url, role="worker") as opened:
        with owned(opened).workspace(1, write=True) as session:
            session.add(connection_of(1, "third"))
        with opened.workspace(1, write=True) as session:
            rows = [series(number, told) for number, told in enumerate(SERIES_TOLD, 1)]
            session.execute(insert(SERIES), rows)
        with opened.workspace(2, write=True) as session:
            session.execute(insert(SERIES), [series(9, ("gpt-5.4", "p1", "ada", 2)) | {"workspace_id": 2}])
        yield opened


def series(number: int, told: Sequence[Chosen]) -> dict[str, Any]:
    named = dict(zip(NAMES, told, strict=True))
    of = {"provider": "openai", "usage_type": "completions", "width_s": 900, "digest": bytes([number]) * 16}
    return {"id": number, "workspace_id": 1, **of, **named}


def kept(database: Database, events: Sequence[Event], *, workspace: int = 1) -> None:
    """These events and no others, rolled up."""
    days = [clock.day_of(event["bucket_start"]) for event in events]
    with database.workspace(workspace, write=True) as session:
        for table in (EVENTS, SERIES_DAYS, DAILY):
            session.execute(delete(table).where(table.c.workspace_id == workspace))
        for event in events:
            session.execute(insert(EVENTS).values(workspace_id=workspace, **event))
        for key in (1, 3) if workspace == 1 else (2,):
            rollup.recompute(session, workspace, key, min(days), max(days) + clock.DAY)


START = datetime(2026, 11, 5, tzinfo=UTC)


def read(database: Database, span: Span, by: By, only: Only) -> dict[Any, Figures]:
    with database.workspace(1) as session:
        cells: list[Cell] = usage.cells(session, 1, span, by, grain=Grain.DAY, only=only)
    found = {(cell.at, cell.value): cell.figures for cell in cells}
    assert len(found) == len(cells), "a place is told twice"
    return found


def added_up(events: Sequence[Event], span: Span, by: By, only: Only) -> dict[Any, Figures]:
    """The same in plain Python."""
    places: dict[Any, list[Event]] = {}
    for event in events:
        named = dict(zip(NAMES, SERIES_TOLD[event["series_id"] - 1], strict=True))
        day = event["bucket_start"].astimezone(ZoneInfo(span.zone)).date()
        if span.first <= day < span.end and all(named.get(each.column) in values for each, values in only.items()):
            places.setdefault((day, named[by.column]), []).append(event)
    return {place: figures(rows) for place, rows in places.items()}


def figures(events: Sequence[Event]) -> Figures:
    lacking = [event for event in events if event["cost_basis"] is CostBasis.UNPRICED]
    counts: Any = {name: total(event[name] for event in events) for name in MEASURES}
    return Figures(
        **counts,
        estimate=money(event["estimated_cost"] for event in events),
        unpriced_requests=sum(event["requests"] or 0 for event in lacking),
        unpriced_rows=len(lacking),
        unpriced_tokens=sum((event["input_tokens"] or 0) + (event["output_tokens"] or 0) for event in lacking),
    )


COSTS = [
    (CostBasis.ESTIMATED, Decimal("0.001234567")),
    (CostBasis.FREE, Decimal(0)),
    (CostBasis.UNPRICED, None),
]
EVENTS_OF_SOME_DAYS = st.lists(
    st.tuples(
        st.integers(-96, QUARTERS),
        st.integers(1, len(SERIES_TOLD)),
        st.fixed_dictionaries({name: st.sampled_from([None, 0, 5]) for name in MEASURES}),
        st.sampled_from(COSTS),
    ),
    min_size=1,
    max_size=25,
    unique_by=lambda each: each[:2],
)


def event(at: datetime, series: int, counts: dict[str, int | None], cost: tuple[CostBasis, Decimal | None]) -> Event:
    basis, usd = cost
    every = dict.fromkeys(MEASURES) | counts
    return {"bucket_start": at, "series_id": series, "cost_basis": basis, "estimated_cost": usd, **every}


@pytest.mark.soak
@settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(zone=st.sampled_from(list(ZONES)), told=EVENTS_OF_SOME_DAYS, days=st.sampled_from([3, DAYS]))
def test_days_of_any_zone_are_what_plain_python_makes_of_their_events(
    database: Database, zone: str, told: list[Any], days: int
) -> None:
    span = Span(ZONES[zone], ZONES[zone] + timedelta(days=days), zone)
    events = [event(clock.day_start(span.first) + timedelta(minutes=15 * at), *rest) for at, *rest in told]
    kept(database, events)

    for by, only in WAYS:
        assert read(database, span, by, only) == added_up(events, span, by, only), (by, only)


def test_a_full_week_and_more_of_every_zone_is_what_plain_python_makes_of_its_events(database: Database) -> None:
    for zone, first in ZONES.items():
        span = Span(first, first + timedelta(days=DAYS), zone)
        events = list(every_hour(clock.day_start(first - clock.DAY)))
        kept(database, events)
        for by, only in WAYS[::3]:
            assert read(database, span, by, only) == added_up(events, span, by, only), (zone, by, only)


def every_hour(start: datetime) -> Iterator[Event]:
    """A row an hour and then some, repeatable; the last series is silent for half of its days."""
    for hour in range(24 * (DAYS + 2)):
        number = hour % 5 + 1
        if number < 5 or hour // 24 % 2:
            counts = {"requests": hour, "input_tokens": None if number == 2 else hour % 3, "input_cached_tokens": 0}
            yield event(start + timedelta(hours=hour), number, counts, COSTS[hour % 3])


def test_what_the_edges_leave_in_doubt_is_read_from_the_events(database: Database) -> None:
    """In Kolkata's evening of the 6th by UTC, which is the 7th there, zeros are told; in its noon they are not."""
    span = Span(date(2026, 11, 5), date(2026, 11, 15), "Asia/Kolkata")
    noon, evening = START + timedelta(days=1, hours=6), START + timedelta(days=1, hours=20)
    for cached in (None, 0):
        events = [
            event(noon, 1, {"requests": 5, "input_cached_tokens": cached}, COSTS[0]),
            event(evening, 1, {"requests": 7, "input_cached_tokens": 0}, COSTS[1]),
        ]
        kept(database, events)

        found = read(database, span, By.MODEL, {})

        assert found == added_up(events, span, By.MODEL, {})
        assert found[date(2026, 11, 6), "gpt-5.4"].input_cached_tokens == cached
        assert found[date(2026, 11, 7), "gpt-5.4"].input_cached_tokens == 0


def test_a_day_with_nothing_but_what_belongs_to_the_next_is_not_told(database: Database) -> None:
    span = Span(date(2026, 11, 5), date(2026, 11, 15), "Asia/Kolkata")
    kept(database, [event(START + timedelta(hours=20), 1, {"requests": 5}, COSTS[0])])

    assert list(read(database, span, By.MODEL, {})) == [(date(2026, 11, 6), "gpt-5.4")]


def test_anothers_usage_at_the_edges_of_the_same_days_is_in_no_sum(database: Database) -> None:
    span = Span(date(2026, 11, 5), date(2026, 11, 15), "Asia/Kolkata")
    evening = START + timedelta(hours=20)
    kept(database, [event(evening, 9, {"requests": 1_000}, COSTS[0])], workspace=2)
    kept(database, [event(evening, 1, {"requests": 5}, COSTS[0])])

    assert [each.requests for each in read(database, span, By.PROJECT, {}).values()] == [5]


def test_what_is_priced_by_the_unit_is_told_beside_the_estimate(database: Database) -> None:
    span = Span(date(2026, 11, 5), date(2026, 11, 15), "Asia/Kolkata")
    calls = series(7, ("gpt-5.4", "p1", "ada", 1)) | {"usage_type": "web_search_calls"}
    agreed = OwnPrice(0, "openai", "*", span.first, rates={"web_search_calls": Decimal("0.5")})
    with database.workspace(1, write=True) as session:
        session.execute(insert(SERIES), [calls])
    with owned(database).workspace(1, write=True) as session:
        workspace_prices.add(session, 1, agreed, by=OPERATOR)
    noon, evening, dollar = START + timedelta(hours=6), START + timedelta(hours=20), (CostBasis.ESTIMATED, Decimal(1))
    kept(
        database,
        [event(at, each, {}, dollar) for at in (noon, evening) for each in (1, 7)]
        + [event(noon + clock.DAY, 7, {}, dollar), event(noon + clock.DAY * 3, 1, {}, dollar)],
    )

    for by, value in ((By.MODEL, "gpt-5.4"), (By.PROJECT, "p1")):
        found = {at.day: each for (at, told), each in read(database, span, by, {}).items() if told == value}
        expected: dict[int, tuple[Decimal | None, Decimal | None]] = {
            5: (Decimal(2), Decimal(1)),
            6: (Decimal(3), Decimal(2)),
            8: (Decimal(1), None),
        }
        assert {at: (each.estimate, each.by_unit) for at, each in found.items()} == expected
