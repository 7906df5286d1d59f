"""The calendar shows what the ledger holds, names what is open with its next reading, and keeps what changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import altair as alt
import pytest

from pages import completeness
from pages.ui import calendars, needs
from pages.ui.ways import Way
from tests.installation import NOW, PASSWORD, TODAY, Installation, installed
from tracker import access, clock, connections, coverage, overview
from tracker.coverage import LedgerDay
from tracker.explore.view import Grain, Preset, View
from tracker.models import DayState, ProviderKey
from tracker.overview import calendar
from tracker.overview.calendar import Calendar, DayCell, Face, KeyCalendar, face_of
from tracker.overview.prospects import Prospect
from tracker.overview.unusual import Unusual
from tracker.sandbox import World
from tracker.sandbox.trouble import Trouble

READ = datetime(2026, 11, 20, 4, tzinfo=UTC)


@pytest.fixture
def ready(migrated_url: str, tmp_path: Path) -> Iterator[Installation]:
    with installed(World(days=32, keeps=40, now=clock.utc_now), migrated_url, tmp_path) as installation:
        yield installation


def seen(ready: Installation, *, now: datetime = NOW, days: int = 32) -> Calendar:
    return calendar.read(ready.product, ready.workspace_id, days=days, now=now)


@pytest.mark.parametrize(
    ("row", "restated", "face"),
    [
        (LedgerDay(), False, Face.MISSING),
        (LedgerDay(DayState.FAILED, attempts=2), False, Face.FAILED),
        (LedgerDay(DayState.FINAL, 3, fetched_at=READ, attempts=1), False, Face.FAILED),
        (LedgerDay(DayState.PROVISIONAL, fetched_at=READ), True, Face.PROVISIONAL),
        (LedgerDay(DayState.FINAL, 3, fetched_at=READ), False, Face.FINAL),
        (LedgerDay(DayState.FINAL, 3, fetched_at=READ), True, Face.RESTATED),
        (LedgerDay(DayState.VERIFIED_ZERO, fetched_at=READ), False, Face.ZERO),
        (LedgerDay(DayState.UNAVAILABLE), False, Face.UNAVAILABLE),
    ],
)
def test_each_state_has_its_face(row: LedgerDay, restated: bool, face: Face) -> None:
    assert face_of(row, restated=restated) is face


def test_every_day_of_every_endpoint_is_there_and_what_is_open_says_when_it_is_read_next(ready: Installation) -> None:
    before = seen(ready)
    assert {cell.face for cell in before.keys[0].cells} == {Face.MISSING}

    ready.fetch()
    after = seen(ready)
    (of_key,) = after.keys
    today, *over = after.gaps

    assert len(of_key.cells) == 32 * len(of_key.endpoints) == 32 * 11
    assert {cell.face for cell in of_key.cells} >= {Face.FINAL, Face.ZERO, Face.PROVISIONAL}
    assert today.days == (TODAY,) and today.endpoints == of_key.endpoints and today.next_at is not None
    assert today.next_at <= clock.utc_now() + coverage.TODAY_REFRESH
    assert over and {gap.next_at for gap in over} == {coverage.next_daily(NOW, ready.product.settings.fetch_hour_utc)}
    assert all(gap.face is Face.PROVISIONAL and TODAY not in gap.days for gap in over)


PLAIN, NOON = Face.PROVISIONAL, datetime(2026, 11, 28, 12, tzinfo=UTC)
NIGHT, SOON = datetime(2026, 11, 29, 2, tzinfo=UTC), NOON + timedelta(minutes=45)


def of_november(endpoint: str, next_at: datetime, *days: int, face: Face = PLAIN) -> list[DayCell]:
    return [DayCell(endpoint, date(2026, 11, day), face, read_at=READ, next_at=next_at) for day in days]


def told_open(*cells: list[DayCell]) -> list[tuple[str, str]]:
    every = tuple(cell for each in cells for cell in each)
    endpoints = ("completions", "images", "audio_speeches", "costs")
    gaps = calendar.gaps_of(KeyCalendar(1, "main", "OpenAI", Prospect.READ, endpoints, every), now=NOON)
    return [(completeness.fact(gap, today=NOON.date()), completeness.fate(gap, now=NOON)) for gap in gaps]


def test_each_open_day_is_told_with_its_own_next_reading_and_endpoints_together_only_of_the_same_days() -> None:
    usage = [each for name in ("completions", "images", "audio_speeches") for each in of_november(name, NIGHT, 26, 27)]
    today = [
        each for name in ("completions", "images", "audio_speeches", "costs") for each in of_november(name, SOON, 28)
    ]
    bill = of_november("costs", NIGHT, 2, 3, 7)

    daily = "Read daily until nothing changes any more; next 29 Nov 02:00 UTC."
    assert told_open(usage, bill, today) == [
        ("26–27 Nov, all endpoints but costs of main: provisional", daily),
        ("2–7 Nov, 3 of these days, costs of main: provisional", daily),
        (
            "28 Nov, today, all 4 endpoints of main: provisional",
            "Read every hour until the day is over; next 12:45 UTC.",
        ),
    ]


def test_days_that_are_due_stand_apart_from_those_that_wait() -> None:
    due, later = of_november("images", READ, 25, 26), of_november("images", NIGHT, 27)

    assert told_open(due, later) == [
        ("25–26 Nov, images of main: provisional", "Read daily until nothing changes any more; due now."),
        ("27 Nov, images of main: provisional", "Read daily until nothing changes any more; next 29 Nov 02:00 UTC."),
    ]


def test_a_failed_day_comes_first_with_its_reason(ready: Installation) -> None:
    ready.world.troubles.add(Trouble("status_404", path="/organization/usage/images", times=10_000))
    ready.fetch()
    gap = seen(ready).gaps[0]

    assert (gap.face, gap.endpoints) == (Face.FAILED, ("images",))
    assert gap.reason and "404" in gap.reason and gap.next_at is not None


def test_days_not_divided_and_rows_set_aside_are_named(ready: Installation) -> None:
    ready.world.troubles.add(Trouble("not_grouped", path="/organization/costs", times=1, option="api_key_id"))
    ready.world.troubles.add(Trouble("null_count", path="/organization/usage/images", times=1))
    ready.fetch()
    found = seen(ready)
    facts = [need.fact for need in needs.needs(overview.read(ready.product, ready.workspace_id, now=NOW))]

    assert [(gap.endpoints, gap.reason) for gap in found.gaps if gap.lack] == [(("images",), None)]
    about_images = next(fact for fact in facts if "images of" in fact)
    assert about_images.startswith(f"{len(found.aside)} rows that cannot be true")
    (told,) = found.undivided
    billed = sorted({row["day"] for row in ready.csv(told.first, TODAY, "billed-csv") if not row["api_key_id"]})
    assert (told.label, told.dimensions, told.last) == ("main", ("api_key_id",), date.fromisoformat(billed[-1]))
    assert told.days == len(billed) > 20


def test_where_changes_came_late_days_are_waited_for_longer_and_that_is_said() -> None:
    key = ProviderKey(id=1, provider="openai", workspace_id=1, label="k", origin="", last4="", created_at=NOW)
    late = {
        (1, "images"): [timedelta(days=5, hours=2)],
        (1, "costs"): [timedelta(hours=9)],
        (2, "costs"): [clock.DAY * 9],
    }

    assert list(calendar._learned(key, late)) == [("images", 6)]


def test_a_day_told_differently_later_keeps_both_values(ready: Installation) -> None:
    ready.fetch()
    day = TODAY - timedelta(days=1)
    ready.later(NOW + timedelta(days=1))
    ready.world.restate("acme", day, 1.5)
    ready.fetch()
    told = seen(ready, now=NOW + timedelta(days=1))
    (change,) = [each for each in told.restated if (each.endpoint, each.day) == ("completions", day)]

    assert change.before is not None and change.after is not None and change.difference == change.after - change.before
    assert change.difference != 0 and change.label == "main"


def test_the_days_of_a_paused_key_wait_and_another_workspace_sees_nothing(ready: Installation) -> None:
    connections.pause(ready.product, ready.workspace_id, 1, paused=True)
    other = access.add_user(ready.product.database, "grace@acme.example", PASSWORD)

    assert {gap.prospect for gap in seen(ready).gaps} == {Prospect.PAUSED}
    assert calendar.read(ready.product, other, days=32, now=NOW).keys == ()


@pytest.mark.parametrize(
    ("days", "fine", "coarse", "dark"), [(32, 32, 6, False), (90, 90, 14, True), (365, 53, 13, False)]
)
def test_the_chart_is_one_that_altair_accepts_with_a_cell_for_each_column_wide_and_narrow(
    ready: Installation, days: int, fine: int, coarse: int, dark: bool
) -> None:
    (of_key,) = seen(ready, days=days).keys
    spec = calendars.calendar_chart(of_key, dark=dark)

    alt.LayerChart.from_dict(spec)
    counts = Counter((row["columns"], row["finer"]) for row in spec["data"]["values"])
    assert counts == {(fine, 0): fine * len(of_key.endpoints), (coarse, fine): coarse * len(of_key.endpoints)}
    assert {row["face"] for row in spec["data"]["values"]} == {Face.MISSING}
    names = spec["layer"][0]["encoding"]["y"]["axis"]
    assert (names["labelOverlap"], names["labelFlush"]) == (False, False)  # every row is named, at its height


def test_a_column_of_several_days_stands_as_the_gravest_of_them() -> None:
    faces = [Face.FINAL] * 9 + [Face.FAILED] + [Face.FINAL] * 4
    cells = tuple(DayCell("costs", date(2026, 11, 2) + timedelta(days=n), face) for n, face in enumerate(faces))
    spec = calendars.calendar_chart(KeyCalendar(1, "main", "OpenAI", Prospect.READ, ("costs",), cells), dark=False)

    weeks = [(row["Days"], row["face"]) for row in spec["data"]["values"] if row["finer"]]
    assert weeks == [("2 Nov to 8 Nov", Face.FINAL), ("9 Nov to 15 Nov", Face.FAILED)]
    assert "'2 Nov', '9 Nov'" in spec["layer"][0]["encoding"]["x"]["axis"]["labelExpr"]


def test_each_face_has_a_shape_of_its_own_however_narrow_its_cell() -> None:
    first = date(2026, 11, 1)
    cells = [DayCell("costs", first + timedelta(days=n), face) for n, face in enumerate(Face)]
    spec = calendars.calendar_chart(
        KeyCalendar(1, "main", "OpenAI", Prospect.READ, ("costs",), tuple(cells)), dark=False
    )
    shapes = {row["face"]: (row["full"], row["mark"]) for row in spec["data"]["values"] if not row["finer"]}

    assert Face.UNAVAILABLE not in shapes and len(shapes) == len(Face) - 1
    assert len(set(shapes.values())) == len(shapes)
    assert shapes[Face.PROVISIONAL] == (0.45, "") and shapes[Face.FAILED] == (1.0, "stroke")


def test_an_unusual_day_leads_to_its_hours(ready: Installation) -> None:
    odd = Unusual(date(2026, 11, 17), Decimal(30), Decimal(10), "gpt-5.4", Decimal(88), 4)
    told = replace(overview.read(ready.product, ready.workspace_id, now=NOW), unusual=(odd,))
    (need,) = [each for each in needs.needs(told) if each.step == "See the day"]

    assert (need.way, need.view) == (
        Way.EXPLORE,
        View(Preset.CUSTOM, odd.day, odd.day, compare=False, grain=Grain.HOUR),
    )
    assert need.fact == "Tue 17 Nov was unusual: $30.00, at most $10.00 on the 4 Tuesdays before."
    assert need.consequence.endswith("made 88 % of the rise.")
    (fewer,) = [each for each in needs.needs(replace(told, unusual=(replace(odd, like=3),))) if each.view]
    assert fewer.fact.endswith("at most $10.00 on 3 of the 4 Tuesdays before.")
