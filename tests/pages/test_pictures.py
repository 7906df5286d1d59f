"""A chart's saved picture says what it shows, of which days and year, and what its looks mean."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import altair as alt
import pytest

from pages.ui import calendars, charts, explore_charts, pictures, rate_charts, waterfall
from tracker.explore.view import View
from tracker.overview import stacks
from tracker.overview.calendar import DayCell, Face, KeyCalendar
from tracker.overview.days import DayMark
from tracker.overview.figures import Cell, Measure
from tracker.overview.prospects import Prospect
from tracker.reconciliation.causes import Cause

DAYS = [date(2026, 11, 22) + timedelta(days=n) for n in range(3)]
CELLS = [Cell(day, "gpt-5.4", Decimal("12.50"), 1_000, 3) for day in DAYS[:2]]
STATES = dict(zip(DAYS, (DayMark.FINAL, DayMark.PROVISIONAL, DayMark.MISSING), strict=True))


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize(
    ("measure", "title"),
    [
        (Measure.SPEND, "Estimated spend per UTC day, 22–24 Nov 2026"),
        (Measure.TOKENS, "Tokens per UTC day, 22–24 Nov 2026"),
        (Measure.REQUESTS, "Requests per UTC day, 22–24 Nov 2026"),
    ],
)
def test_the_chart_of_days_names_itself_its_year_and_its_looks(measure: Measure, title: str, dark: bool) -> None:
    bars = stacks.bars(CELLS, DAYS, measure)
    spec = charts.day_chart(bars, STATES, dark=dark, unusual={DAYS[0]: Decimal(2)})
    pictures.of_days(spec, bars, "model", dark=dark)

    alt.LayerChart.from_dict(spec)
    assert spec["title"]["text"] == title
    assert spec["title"]["subtitle"] == ["by model · striped: provisional · dashed: not read", "triangle: unusual day"]
    assert min(spec["padding"].values()) > 0


def test_a_final_day_needs_no_words_on_looks() -> None:
    bars = stacks.bars(CELLS[:1], DAYS[:1], Measure.SPEND)
    spec = pictures.of_days(charts.day_chart(bars, STATES, dark=False), bars, "project", dark=False)

    assert (spec["title"]["text"], spec["title"]["subtitle"]) == (
        "Estimated spend per UTC day, 22 Nov 2026",
        ["by project"],
    )


def test_explores_charts_name_the_clock_the_filters_and_a_figure_as_an_estimate() -> None:
    span = SimpleNamespace(days=DAYS, zone="UTC")
    filters = {"model": ["<b>gpt-5.4", "o3  mini"]}
    seen: Any = SimpleNamespace(
        view=View(),
        columns=DAYS,
        span=span,
        mark=STATES.get,
        part=lambda _: None,
        filters=filters,
        is_approximate=False,
    )
    bars = stacks.bars(CELLS, DAYS, Measure.SPEND)
    drawn = pictures.of_view(explore_charts.bar_chart(seen, bars, {}, dark=False), seen, dark=False)
    lines = [pictures.of_rate({}, rate, seen, dark=False)["title"] for rate in rate_charts.RATES]

    alt.LayerChart.from_dict(drawn)
    assert drawn["title"]["text"] == "Estimated spend per day, 22–24 Nov 2026"
    assert drawn["title"]["subtitle"] == [
        "UTC billing days · by model",
        "only model <b>gpt-5.4 or o3 mini",
        "striped: provisional · dashed: not read",
    ]
    assert lines[0]["text"] == "Cost of a request per day, 22–24 Nov 2026"
    assert [line["subtitle"][0].startswith("estimate") for line in lines] == [True, True, False, False]


@pytest.mark.parametrize(
    ("causes", "told"),
    [
        ([(Cause.FEE, Decimal(3))], ["billed more", "difference"]),
        ([(Cause.FEE, Decimal(3)), (Cause.CREDIT, Decimal(-1))], ["billed more", "billed less", "difference"]),
        ([(Cause.UNEXPLAINED, Decimal(-1))], ["unexplained", "difference"]),
    ],
)
def test_the_key_of_causes_names_only_those_that_occur(causes: list[tuple[Cause, Decimal]], told: list[str]) -> None:
    spec = waterfall.waterfall(causes, Decimal(2), dark=False)

    alt.LayerChart.from_dict(spec)
    assert spec["layer"][0]["encoding"]["color"]["scale"]["domain"] == told


def test_a_calendars_picture_names_whose_it_is_and_the_looks_that_occur() -> None:
    faces = [Face.FINAL, Face.ZERO, Face.PROVISIONAL]
    cells = tuple(DayCell("costs", day, face) for day, face in zip(DAYS, faces, strict=True))
    of_key = KeyCalendar(1, "<b>main", "OpenAI", Prospect.READ, ("costs",), cells)
    spec = pictures.of_calendar(calendars.calendar_chart(of_key, dark=False), of_key, dark=False)

    alt.LayerChart.from_dict(spec)
    assert spec["title"]["text"] == "What was read of <b>main, 22–24 Nov 2026"
    assert spec["title"]["subtitle"] == ["full: final · half full: provisional", "line: verified zero"]
    assert pictures.height(spec) > 0


@pytest.mark.parametrize(
    ("days", "told"),
    [
        ([date(2026, 11, 1), date(2026, 11, 28)], "1–28 Nov 2026"),
        ([date(2026, 10, 30), date(2026, 11, 2)], "30 Oct – 2 Nov 2026"),
        ([date(2025, 12, 30), date(2026, 1, 2)], "30 Dec 2025 – 2 Jan 2026"),
        ([date(2024, 2, 29)], "29 Feb 2024"),
    ],
)
def test_days_are_told_with_their_year(days: list[date], told: str) -> None:
    assert pictures.span(days) == told


def test_no_line_under_the_title_is_wider_than_a_phone() -> None:
    assert pictures.wrapped([]) == []
    assert pictures.wrapped(["a" * 25, "b" * 26, "c"]) == [f"{'a' * 25} · {'b' * 26}", "c"]
    assert [len(line) for line in pictures.wrapped(["d" * 55, "e" * 54])] == [54, 1, 54]
    long = "days of Asia/Kolkata, approximate: UTC hours lie across its days"
    assert pictures.wrapped([long]) == ["days of Asia/Kolkata, approximate: UTC hours lie", "across its days"]
    assert pictures.wrapped(["only model " + "gpt " * 50])[2].endswith("gpt…")
