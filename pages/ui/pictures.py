"""What a chart says of itself, so that its saved picture can be understood alone. Pure: a spec in, the same out."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from datetime import date

from pages.ui import explore_charts, findings
from pages.ui.charts import Spec
from pages.ui.palette import palette
from pages.ui.rate_charts import Rate
from tracker.explore.facets import NOUNS
from tracker.explore.reading import Explored
from tracker.overview.calendar import Face, KeyCalendar
from tracker.overview.figures import Measure
from tracker.overview.stacks import Bars

MEASURES = {Measure.SPEND: "Estimated spend", Measure.TOKENS: "Tokens", Measure.REQUESTS: "Requests"}

LOOKS = {
    "stripe": "striped: provisional",
    "gap": "dashed: not read",
    "outlook": "pale: forecast",
    "unusual": "triangle: unusual day",
    "before": "grey line: the period before",
    "untold": "grey ground: before the provider's history",
}
"""Parts of a chart that nobody knows who does not see the page, in words."""

FACES = {
    Face.FINAL: "full: final",
    Face.RESTATED: "dot: restated",
    Face.PROVISIONAL: "half full: provisional",
    Face.ZERO: "line: verified zero",
    Face.FAILED: "stroke: failed",
    Face.MISSING: "empty: not read",
}
"""The looks of a calendar's cells, in words."""

LINE_LETTERS = 54
"""Letters of a line that fit on a phone."""
PART_LINES = 3
"""So many lines at most are of one thing that is said, such as a filter of many names."""
PADDING_PX, ABOVE_PX, LINE_PX = 6, 34, 14


def of_days(spec: Spec, bars: Bars, by: str, *, dark: bool) -> Spec:
    """The dashboard's chart of UTC days."""
    days = sorted(bars.totals)
    return titled(spec, f"{MEASURES[bars.measure]} per UTC day, {span(days)}", [f"by {by}", *looks(spec)], dark=dark)


def of_view(spec: Spec, seen: Explored, *, dark: bool) -> Spec:
    """Explore's chart."""
    title = f"{MEASURES[seen.view.measure]} per {seen.view.bars.value}, {span(seen.span.days)}"
    told = [explore_charts.clock(seen), f"by {NOUNS[seen.view.by]}"]
    return titled(spec, title, [*told, *_filters(seen), *looks(spec)], dark=dark)


def of_rate(spec: Spec, rate: Rate, seen: Explored, *, dark: bool) -> Spec:
    """A line of Unit economics; what is money there is an estimate."""
    title = f"{rate.title} per {explore_charts.day_unit(seen)}, {span(seen.span.days)}"
    told = [*(["estimate"] if rate.write is findings.usd else []), explore_charts.clock(seen)]
    soft = any(not row.get("final", True) for row in spec.get("data", {}).get("values", ()))
    return titled(spec, title, [*told, *_filters(seen), *(["dashed: provisional"] if soft else [])], dark=dark)


def of_calendar(spec: Spec, calendar: KeyCalendar, *, dark: bool) -> Spec:
    """A connection's calendar on Completeness, with the looks of what occurs in it."""
    faces = {cell.face for cell in calendar.cells}
    days = sorted({cell.day for cell in calendar.cells})
    title = f"What was read of {' '.join(calendar.label.split())}, {span(days)}"
    return titled(spec, title, [words for face, words in FACES.items() if face in faces], dark=dark)


def height(spec: Spec) -> int:
    """How much of a chart's height its title takes, in pixels."""
    return ABOVE_PX + LINE_PX * len(spec["title"]["subtitle"])


def _filters(seen: Explored) -> list[str]:
    """What is let through; names of somebody else's, as they are: a chart knows no markup."""
    return [
        f"only {NOUNS[by]} {' or '.join(' '.join(name.split()) for name in names)}"
        for by, names in seen.filters.items()
    ]


def titled(spec: Spec, title: str, told: Iterable[str] = (), *, dark: bool) -> Spec:
    """The spec with a title, lines under it, and an edge around all.

    As quiet as the axes, for on screen a heading stands above it: what is saved is what is drawn (Streamlit 1.67).
    """
    colours = palette(dark=dark)
    spec["padding"] = dict.fromkeys(("left", "right", "top", "bottom"), PADDING_PX)
    spec["title"] = {
        "text": title,
        "subtitle": wrapped(told),
        "anchor": "start",
        "color": colours.grey,
        "fontSize": 12,
        "fontWeight": 400,
        "subtitleColor": colours.grey,
        "subtitleFontSize": 12,
        "subtitlePadding": 4,
        "offset": 10,
        "limit": 1_000,  # without one of ours Streamlit cuts them short
    }
    return spec


def looks(spec: Spec) -> list[str]:
    """The words of all that is drawn in the chart in a way of its own."""
    rows = spec["data"]["values"]
    parts = {row.get("part") for row in rows}
    pale = "stripe" not in parts and any(row.get("solid") is False for row in rows)
    return [words for part, words in LOOKS.items() if part in parts] + (
        ["pale: provisional or in part"] if pale else []
    )


def span(days: Sequence[date]) -> str:
    """The days with their year: 1–28 Nov 2026, 30 Oct – 2 Nov 2026, 28 Nov 2026."""
    first, last = days[0], days[-1]
    if first == last:
        return f"{last:%-d %b %Y}"
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day}–{last:%-d %b %Y}"
    return f"{first:%-d %b}{'' if first.year == last.year else f' {first.year}'} – {last:%-d %b %Y}"


def wrapped(parts: Iterable[str]) -> list[str]:
    """The parts on as few lines as have room on a phone; one that is too long alone goes on, and is cut in the end."""
    lines: list[str] = []
    for part in parts:
        first, *more = textwrap.wrap(part, LINE_LETTERS, max_lines=PART_LINES, placeholder="…") or [""]
        if lines and len(lines[-1]) + len(part) + 3 <= LINE_LETTERS:
            lines[-1] += f" · {first}"
        else:
            lines += [first, *more]
    return lines
