"""The chart and its table twin say the same, in colours that can be told from their background."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import altair as alt
import pytest

from pages import dashboard, explore
from pages.registry import PAGES
from pages.ui import axis_words, charts, explore_charts, explore_lines, rate_charts, tables, text, token_mix
from pages.ui.palette import Palette, palette
from pages.ui.ways import Way
from tracker import colours as colours_of
from tracker.explore.economics import Bill
from tracker.explore.picked import Picked
from tracker.explore.view import View
from tracker.overview import Split, stacks
from tracker.overview.cycle import Cycle
from tracker.overview.days import DayMark
from tracker.overview.figures import Cell, Measure

TODAY = date(2026, 11, 23)
WEEK = Cycle(TODAY).week
HOSTILE = "=cmd|'/c calc'!A1 <script>:material/x:"
CELLS = [
    Cell(WEEK[0], "gpt-5.4", Decimal("12.50"), 1_000, 3),
    Cell(WEEK[0], HOSTILE, Decimal("0.25"), 50, 1),
    Cell(WEEK[1], "gpt-5.4", None, 7, 1, 1, 1),
]
MARKS = dict(zip(WEEK, [DayMark.FINAL, DayMark.PROVISIONAL, *[DayMark.MISSING] * 4, DayMark.OPEN], strict=True))


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("measure", list(Measure))
def test_the_specification_is_one_that_altair_accepts_and_holds_every_amount(measure: Measure, dark: bool) -> None:
    bars = stacks.bars(CELLS, WEEK, measure)
    spec = charts.day_chart(bars, MARKS, dark=dark)

    alt.LayerChart.from_dict(spec)
    drawn = [row for row in spec["data"]["values"] if row["part"] in {"bar", "top"}]
    assert sum(row["y2"] - row["y"] for row in drawn) == pytest.approx(float(sum(s.amount for s in bars.segments)))


def test_unread_days_are_outlined_and_provisional_ones_striped() -> None:
    spec = charts.day_chart(stacks.bars(CELLS, WEEK, Measure.TOKENS), MARKS, dark=False)
    parts = [row["part"] for row in spec["data"]["values"]]

    assert parts.count("gap") == 4
    assert [row["middle"] for row in spec["data"]["values"] if row["part"] == "said"] == [4]
    assert "stripe" in parts
    assert {row["Day"] for row in spec["data"]["values"] if row["part"] == "gap"} == {
        f"{day:%a %-d %b}" for day in WEEK[2:6]
    }


def test_a_foreign_name_stays_data() -> None:
    spec = charts.day_chart(stacks.bars(CELLS, WEEK, Measure.SPEND), MARKS, dark=False)
    spec.pop("data")
    told = repr({**spec, "layer": [layer for layer in spec["layer"] if "color" not in layer["encoding"]]})

    assert HOSTILE not in told


def test_the_table_holds_what_the_chart_holds() -> None:
    bars = stacks.bars(CELLS, WEEK, Measure.SPEND)
    table = tables.day_table(bars, MARKS, today=TODAY)

    told = table.to_pydict()
    assert told["State"] == ["final", "provisional", *["not read"] * 4, "not over"]
    assert told["Total"] == [12.75, *[None] * 6] and told["gpt-5.4"][0] == 12.5
    assert [name for name in told if HOSTILE in name] == [f"\N{WORD JOINER}{HOSTILE}"]


def test_a_week_without_anything_still_has_its_days_and_no_amounts() -> None:
    bars = stacks.bars([], WEEK, Measure.SPEND)
    marks = dict.fromkeys(WEEK, DayMark.FINAL)

    spec = charts.day_chart(bars, marks, dark=False)

    encoding = spec["layer"][0]["encoding"]
    assert (charts.top_of(bars), spec["data"]["values"]) == (1.0, [])
    assert (len(encoding["x"]["axis"]["values"]), encoding["y"]["axis"]["values"]) == (7, [])
    priced = charts.day_chart(bars, marks, dark=False, pace=Decimal(3))
    assert priced["layer"][0]["encoding"]["y"]["axis"]["values"]


@pytest.mark.parametrize("colours", [palette(dark=False), palette(dark=True)])
def test_every_data_colour_stands_out_from_its_background(colours: Palette) -> None:
    assert len(set(colours.slots)) == colours_of.SLOTS + 1
    assert min(contrast(slot, colours.background) for slot in colours.slots) >= 3.0


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, 1.4.11: the ratio of the relative luminances."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    channels = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_the_themes_palette_is_the_charts() -> None:
    config = tomllib.loads((Path(__file__).parents[2] / ".streamlit" / "config.toml").read_text())
    for name, dark in (("light", False), ("dark", True)):
        theme, colours = config["theme"][name], palette(dark=dark)
        assert theme["chartCategoricalColors"] == list(colours.slots)
        assert (theme["backgroundColor"], theme["textColor"], theme["primaryColor"]) == (
            colours.background,
            colours.text,
            colours.accent,
        )


def test_the_pace_of_the_budget_and_unusual_days_are_drawn_within_the_chart() -> None:
    bars = stacks.bars(CELLS, WEEK, Measure.SPEND)
    spec = charts.day_chart(
        bars, MARKS, dark=False, pace=Decimal(200), unusual={WEEK[0]: Decimal("1.6"), WEEK[1]: Decimal(2)}
    )
    rows = {row["part"]: row for row in spec["data"]["values"] if row["part"] in {"pace", "unusual"}}

    alt.LayerChart.from_dict(spec)
    assert rows["pace"] == {"part": "pace", "x": 0, "x2": 7, "y": 200.0, "Pace": "$200", "Budget": "$200 a day"}
    assert rows["unusual"] == {
        "part": "unusual",
        "x": 0.5,
        "y": 12.75,
        "columns": 7,
        "Words": "unusual · 1.6×",
        "Short": "1.6×",
    }
    assert spec["layer"][0]["encoding"]["y"]["scale"]["domain"][1] > 200


@pytest.mark.parametrize("dark", [False, True])
def test_words_over_a_bar_stand_on_ground_of_their_own_before_the_line_of_the_budget(dark: bool) -> None:
    bars = stacks.bars(CELLS, WEEK, Measure.SPEND)
    layers = charts.day_chart(bars, MARKS, dark=dark)["layer"]
    of = [(n, layer["mark"]) for n, layer in enumerate(layers) if "'unusual'" in str(layer.get("transform"))]
    (ground, on), (words, said) = [each for each in of if each[1]["type"] == "text"]
    line = max(n for n, layer in enumerate(layers) if "'pace'" in str(layer.get("transform")))

    assert line < ground < words
    assert on["stroke"] == palette(dark=dark).background and said["color"] == palette(dark=dark).note
    assert {name: on[name] for name in ("dy", "fontSize", "fontWeight")} == {
        "dy": -17,
        "fontSize": 11,
        "fontWeight": 600,
    }


def test_each_amount_of_an_axis_stands_beside_its_line() -> None:
    spec = charts.day_chart(stacks.bars(CELLS, WEEK, Measure.SPEND), MARKS, dark=False)
    axes = spec["layer"][0]["encoding"]

    assert axes["y"]["axis"]["labelFlush"] is False
    assert axes["x"]["axis"]["zindex"] == 1


@pytest.mark.parametrize(
    "columns",
    [tables.event_columns(), dashboard.line_columns(Split.MODEL, "vs"), explore_lines.line_columns("Model", "vs")],
)
def test_no_column_of_a_wide_table_is_cut_at_1440_px(columns: Mapping[str, Mapping[str, object]]) -> None:
    widths = [column["width"] for column in columns.values()]

    assert sum(width for width in widths if isinstance(width, int)) <= tables.ROOM_PX
    assert all(isinstance(width, int) for width in widths)


def test_what_is_billed_of_fewer_days_than_are_estimated_says_of_which() -> None:
    span = SimpleNamespace(days=[date(2026, 11, n) for n in range(1, 24)])
    bill = SimpleNamespace(left_out=False)
    of = {"span": span, "is_billed_in_part": True, "bill": bill}
    part: Any = SimpleNamespace(**of, billed_days=(span.days[0], span.days[20]))
    whole: Any = SimpleNamespace(**of | {"is_billed_in_part": False}, billed_days=(span.days[0], span.days[-1]))
    holed: Any = SimpleNamespace(**of | {"bill": SimpleNamespace(left_out=True)}, billed_days=whole.billed_days)
    since = SimpleNamespace(days=[date(2026, 8, 26), TODAY])
    long: Any = SimpleNamespace(**of | {"span": since}, billed_days=(since.days[0], date(2026, 11, 21)))

    assert explore_lines.billed_label(part) == "Billed, 1–21 Nov"
    assert explore_lines.billed_label(long) == "Billed to 21 Nov"
    assert explore_lines.billed_label(whole) == "Billed"
    assert explore_lines.billed_label(holed) == "Billed, in part"


@pytest.mark.parametrize(
    ("axis", "told"),
    [
        (axis_words.amounts(Measure.SPEND, 23.4), "$0 $5 $10 $15 $20"),
        (axis_words.amounts(Measure.TOKENS, 4.6e6), "0 1M 2M 3M 4M"),
        (axis_words.money(4.2), "$0 $2 $4"),
        (axis_words.money(1.0), "$0 $0.50 $1.00"),
        (axis_words.money(0.106), "$0 $0.05 $0.10"),
        (axis_words.money(0.0045), "$0 $0.002 $0.004"),
        (axis_words.money(0.000_000_004_5), "$0 $0.000000002 $0.000000004"),
        (axis_words.money(12_800), "$0 $5k $10k"),
        (axis_words.money(3_200_000), "$0 $1M $2M $3M"),
        (axis_words.money(1_300_000), "$0 $0.5M $1.0M"),
        (axis_words.money(21.5, -3.0, most=3), "$0 $10 $20"),
        (axis_words.money(0.0, -0.9, most=3), "-$0.50 $0"),
        (axis_words.counts(1.0), "0 1"),
        (axis_words.counts(1_700), "0 500 1,000 1,500"),
        (axis_words.counts(18_500), "0 5k 10k 15k"),
        (axis_words.counts(7.2e9), "0 2B 4B 6B"),
        (axis_words.percent(0.199), "0% 5% 10% 15%"),
        (axis_words.percent(0.009), "0% 0.5%"),
    ],
)
def test_the_lines_of_an_axis_are_labelled_with_as_many_digits_each(axis: axis_words.Axis, told: str) -> None:
    said = [label(axis, value) for value in axis["values"]]

    assert axis["tickCount"] == len(said)
    assert " ".join(each.replace(" %", "%").replace(text.MINUS, "-") for each in said) == told


def label(axis: axis_words.Axis, value: float) -> Any:
    """What the browser makes of a label's expression, which is Python as well."""
    return eval(axis["labelExpr"], {"datum": SimpleNamespace(value=value), "round": round})  # noqa: S307 - our own


def test_the_mix_of_tokens_fits_a_phone() -> None:
    assert (
        token_mix.KIND_PX + token_mix.TOKENS_PX + token_mix.SHARE_PX <= 326
    )  # 390 px between the edges of page and block


def test_small_changes_keep_their_digits_and_none_is_less_than_nothing() -> None:
    small, large = Decimal("-0.0034"), Decimal("-12.83")

    assert tables.places([small, None]) == 4
    assert tables.places([small, large]) == tables.places([]) == tables.places([None, Decimal()]) == 2
    assert f"{tables.rounded(small, 2):+.2f}" == "+0.00"
    assert (tables.dollars([large]), tables.dollars([small])) == ("dollar", "$%,.4f")


def test_many_points_of_a_line_have_no_dots_but_those_that_no_line_reaches() -> None:
    days = [TODAY - timedelta(days=n) for n in range(60)][::-1]
    marks = {day: DayMark.PROVISIONAL if n == 58 else DayMark.FINAL for n, day in enumerate(days)}
    span = SimpleNamespace(days=days)
    seen: Any = SimpleNamespace(view=View(), columns=days, span=span, mark=marks.get, part=lambda _: None)
    bill = Bill(10, uncached=1_000, usd_uncached=Fraction(1))
    told = {day: bill if n not in {1, 3} else None for n, day in enumerate(days)}

    spec = rate_charts.line_chart(rate_charts.RATES[0], told, seen, dark=False)

    alt.LayerChart.from_dict(spec)
    rows = spec["data"]["values"]
    assert [n for n, row in enumerate(rows) if row.get("dot")] == [0, 2, 58]
    assert [n for n, row in enumerate(rows) if row["y"] is None] == [1, 3]
    assert [n for n, row in enumerate(rows) if row["firm"] is None] == [1, 3, 58]
    assert [n for n, row in enumerate(rows) if row["soft"] is not None] == [57, 58, 59]
    assert set(rate_charts.frame(told, seen)["State"][57:59]) == {"final", "provisional"}


def test_what_is_chosen_in_a_bar_is_outlined_and_the_browser_told_of_each_choice_as_a_new_one() -> None:
    bars = stacks.bars(CELLS, WEEK, Measure.SPEND)
    seen: Any = SimpleNamespace(view=View(), columns=WEEK, mark=MARKS.get, part=lambda _: None)
    found = [
        explore_charts.bar_chart(seen, bars, {}, chosen, turn=turn, dark=False)
        for turn, chosen in enumerate((None, Picked(WEEK[0], HOSTILE), Picked(WEEK[0]), Picked(WEEK[6])))
    ]

    alt.LayerChart.from_dict(found[1])
    outlines = [[row for row in spec["data"]["values"] if row["part"] == "outline"] for spec in found]
    assert [[(row.get("y"), row.get("y2")) for row in rows] for rows in outlines] == [
        [(None, None)],
        [(12.5, 12.75)],
        [(0, 12.75)],
        [(None, None)],
    ]
    turns = [{row["turn"] for row in spec["data"]["values"] if row["part"] == "bar"} for spec in found]
    assert turns == [{0}, {1}, {2}, {3}]
    assert len({repr({**spec, "data": None}) for spec in found}) == 1  # what differs would be drawn anew from nothing


def test_the_ground_under_what_the_provider_cannot_tell_is_one_and_no_gap() -> None:
    marks = dict(zip(WEEK, [*[DayMark.UNAVAILABLE] * 3, *[DayMark.MISSING] * 4], strict=True))
    seen: Any = SimpleNamespace(view=View(), columns=WEEK, mark=marks.get, part=lambda _: None)
    spec = explore_charts.bar_chart(seen, stacks.bars([], WEEK, Measure.SPEND), {}, dark=False)

    rows = [row for row in spec["data"]["values"] if row["part"] in {"untold", "gap"}]
    assert [(row["x"], row["x2"]) for row in rows if row["part"] == "untold"] == [(0, 3)]
    assert len([row for row in rows if row["part"] == "gap"]) == 4


def test_the_days_compared_are_those_complete_in_both_periods() -> None:
    days = [(TODAY - timedelta(days=n), date(2026, 10, 23) - timedelta(days=n)) for n in (9, 8, 6)]
    found: Any = SimpleNamespace(days=days, span=Cycle(TODAY))

    assert explore_charts.compared(found, TODAY) == ("14–17 Nov", "14–17 Oct", ", 1 day left out")
    assert explore_charts.nothing_compared(found, TODAY) == "nothing to compare with in 1–23 Nov"
    found.days = []
    assert explore_charts.nothing_compared(found, TODAY) == "nothing complete to compare with in 1–23 Nov"


@pytest.mark.parametrize(
    ("shown", "count", "told"),
    [
        (1, 1, "One row."),
        (3, 3, "All 3 rows, dearest first."),
        (200, 1_234, "The 200 dearest of 1,234 rows."),
    ],
)
def test_rows_are_counted_in_words_that_fit_their_number(shown: int, count: int, told: str) -> None:
    assert explore.how_many(shown, count) == told


def test_every_way_to_another_page_leads_to_one() -> None:
    assert {way.path for way in Way} <= {page.path for page in PAGES}
    assert (Way.BUDGET.path, Way.BUDGET.query) == ("settings", {"tab": "Budget"})
