"""Tables as columns. Pure: values in, table out; amounts become floats only here and in charts.

A cell that a spreadsheet would take for a formula is made harmless, because a table on screen can be copied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import lru_cache
from urllib.parse import quote

import pyarrow as pa
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from pages.ui import arithmetic, arrow, text
from tracker.overview import provenance
from tracker.overview.days import DayMark
from tracker.overview.events import Event
from tracker.overview.figures import Amount, Measure
from tracker.overview.lines import Line
from tracker.overview.provenance import Source
from tracker.overview.stacks import Bars
from tracker.usage import CostBasis

STATES = {
    DayMark.FINAL: "final",
    DayMark.PROVISIONAL: "provisional",
    DayMark.OPEN: "not over",
    DayMark.MISSING: "not read",
    DayMark.UNAVAILABLE: "before history",
}

WHY, SHARE, EACH = "Why?", "Share", "Each day"
MEASURED = {Measure.TOKENS: "Tokens (M)", Measure.REQUESTS: "Requests"}
EVENT_HOUR_PX = 92
EVENT_PLACES = 4

ROOM_PX = 1_016
"""What a table has on a screen of 1440 px: columns wider than this in all are cut, the last one first."""


ROW_PX, TALL_PX = 34, 62
"""How high a row is with one line and with three; Streamlit (1.67) breaks a text only in rows higher than 4 rem."""

LONG, FEW = 30, 3
"""Characters from which a name is long in any table, and how many cut ones are better told in full below it."""

LETTER_PX, EDGE_PX = 6, 16


def cut(texts: Iterable[str | None], *, width: int = 0) -> list[str]:
    """The texts that a cell has no room for: it cuts them, and says nothing. Each once, in the order given.

    `width` (pixels) is of the column that a row is known by; without one, those longer than any column.
    """
    room = (width - EDGE_PX) // LETTER_PX if width else LONG
    return list(dict.fromkeys(each for each in texts if each and len(each) > room))


def row_px(cut_texts: Sequence[str], *, few: int = FEW) -> int:
    """How high rows are: where more texts are cut than can be told in full below, each is broken into lines."""
    return TALL_PX if len(cut_texts) > few else ROW_PX


def in_full(cut_texts: Sequence[str]) -> str:
    """Markdown for below the table: the few texts that it cuts."""
    return f"In full: {' · '.join(map(text.quoted, cut_texts))}" if 0 < len(cut_texts) <= FEW else ""


def lines_table(
    lines: Sequence[Line],
    colours: Mapping[str, str],
    prices: Mapping[str, str],
    *,
    what: str,
    change: str,
    measure: Measure = Measure.SPEND,
    why: Callable[[Line], str | None] | None = None,
) -> pa.Table:
    """The chart's names as rows: the measure with its share of all, what each costs, unit price and price source.

    `why` is where the arithmetic of a line stands; without it there is no such column.
    """
    digits = places(line.change for line in lines)
    table = arrow.of_rows(
        [
            {
                "": swatch(colours.get(line.name, "")),
                what: text.in_cell(line.name),
                "Estimate": number(line.estimate),
                **({WHY: why(line)} if why else {}),
                SHARE: number(line.share),
                change: rounded(line.change, digits),
                "Tokens (M)": None if line.tokens is None else line.tokens / 1e6,
                "Requests": line.requests,
                "$ per M tokens": number(line.per_million),
                "Cached input": number(line.cached),
                "Price source": prices[line.name],
                EACH: None if line.amount(measure) is None else [float(amount) for amount in line.by_day],
            }
            for line in lines
        ]
    )
    return table if measure is Measure.SPEND else table.select(_beside(table.column_names, MEASURED[measure]))


def places(amounts: Iterable[Decimal | None]) -> int:
    """Decimals for a column of US dollars: cents, or two digits of the largest where that is only some cents."""
    largest = max((abs(amount) for amount in amounts if amount), default=Decimal(1))
    return max(2, min(1 - largest.adjusted(), text.NANO_PLACES))


def rounded(amount: Decimal | None, digits: int) -> float | None:
    """For a column with so many decimals: nothing comes out as less than nothing, -0.00."""
    return None if amount is None else float(round(amount, digits)) + 0.0


def dollars(amounts: Iterable[Decimal | None]) -> str:
    """How a column of these US dollars is written."""
    digits = places(amounts)
    return "dollar" if digits == 2 else f"$%,.{digits}f"


def changes(lines: Sequence[Line]) -> str:
    """How the column of what changed is written."""
    return f"%+.{places(line.change for line in lines)}f"


def _beside(names: list[str], measured: str) -> list[str]:
    """The columns with what was measured first, and its share after it."""
    moved = [measured, SHARE]
    return [*names[:2], *moved, *(name for name in names[2:] if name not in moved)]


def order(measure: Measure) -> str:
    """How the lines follow each other, in words."""
    return "dearest first" if measure is Measure.SPEND else f"most {measure.value} first"


def swatch(colour: str) -> str:
    """A small square of this colour, as an address that an image can be read from; nothing for no colour."""
    square = f"<rect x='10' y='10' width='14' height='14' rx='4' fill='{colour}'/>"
    picture = f"<svg xmlns='http://www.w3.org/2000/svg' width='34' height='34'>{square}</svg>"
    return f"data:image/svg+xml,{quote(picture)}" if colour else ""


def day_table(bars: Bars, marks: Mapping[date, DayMark], *, today: date) -> pa.Table:
    """The chart's twin: one row a UTC day, a column for its state, the total and each model in the chart's order."""
    amounts = {(segment.day, segment.name): segment.amount for segment in bars.segments}
    return arrow.of_rows(
        [
            {
                "Day": f"{day:%a} {text.day(day, today=today)}",
                "State": STATES[marks[day]],
                "Total": number(bars.totals[day]),
                **{text.in_cell(name): number(amounts.get((day, name))) for name, _ in bars.names},
            }
            for day in sorted(bars.totals)
        ]
    )


def column_table(bars: Bars, names: Mapping[date, str], unit: str, state: Callable[[date], str]) -> pa.Table:
    """The twin of a chart: one row a bar, in the order of `names`, which say what day, week or other `unit` it is."""
    amounts = {(segment.day, segment.name): segment.amount for segment in bars.segments}
    return arrow.of_rows(
        [
            {
                unit: told,
                "State": state(column),
                "Total": number(bars.totals[column]),
                **{text.in_cell(name): number(amounts.get((column, name))) for name, _ in bars.names},
            }
            for column, told in names.items()
        ]
    )


@lru_cache(maxsize=64)
def events_table(events: tuple[Event, ...], zone: str = "UTC") -> pa.Table:
    """One row an event, in the order given; `Estimate` in US dollars, None where it is unpriced or not told.

    Kept for who looks at the same events next: mostly they are the same.
    """
    return arrow.of_rows(
        [
            {
                hour_column(zone): event.at,
                "Model": text.in_cell(event.model),
                "Estimate": number(event.estimate),
                WHY: arithmetic.address(event.at.date(), event.at.date(), event.model),
                "Price": "" if event.basis is CostBasis.ESTIMATED else event.basis.value,
                "Requests": event.requests,
                "Tokens in": event.input_tokens,
                "cached": event.cached_tokens,
                "Tokens out": event.output_tokens,
                "Type": event.usage_type,
                "Project": text.in_cell(event.project),
                "API key": text.in_cell(event.api_key),
            }
            for event in events
        ]
    )


def hour_column(zone: str) -> str:
    """A header that the column has room for: most zones have longer names."""
    return "Hour (UTC)" if zone == "UTC" else "Hour (local)"


def event_places(events: Iterable[Event]) -> int:
    """Decimals for what events cost: four, and as many as the cheapest needs not to look as if it cost nothing."""
    cheapest = min((event.estimate for event in events if event.estimate), default=Decimal(1))
    return max(EVENT_PLACES, min(-cheapest.adjusted(), text.NANO_PLACES))


def event_columns(zone: str = "UTC", events: Iterable[Event] = ()) -> dict[str, ColumnConfig]:
    """How the columns of `events_table` are drawn."""
    words, number = st.column_config.TextColumn, st.column_config.NumberColumn
    counts = {"Requests": 70, "Tokens in": 76, "cached": 62, "Tokens out": 78}
    return {
        hour_column(zone): st.column_config.DatetimeColumn(
            format="D MMM, HH:mm", timezone=zone, pinned=True, width=EVENT_HOUR_PX, help=f"In {zone}."
        ),
        "Model": words(width=134),
        "Estimate": number(format=f"$%.{event_places(events)}f", width=74, help="Tokens × list price."),
        WHY: why_column("The arithmetic of the model's whole day, which this is a part of."),
        "Price": words(width=88, help="Why an event has no estimate, or costs nothing."),
        **{name: number(format="localized", width=width) for name, width in counts.items()},
        "Type": words(width=82),
        "Project": words(width=110),
        "API key": words(width=102),
    }


def why_column(explained: str) -> ColumnConfig:
    """A column of links to the arithmetic behind an estimate."""
    return st.column_config.LinkColumn(width=46, help=explained, display_text=":material/calculate:")


def share_column(measure: Measure, *, width: int) -> ColumnConfig:
    """The share that a line has of all lines."""
    of = "estimate" if measure is Measure.SPEND else measure.value
    help_of = f"Of the {of} of all these lines, as far as known."
    return st.column_config.ProgressColumn(
        format="%.1f %%", min_value=0, max_value=100, width=width, color="gray", help=help_of
    )


def price_source(line: Line, source: Source | None, *, today: date) -> str:
    """Where the price is from and since when: "list, 2 Nov"; of a part without one: "list, partly unpriced"."""
    told = provenance.words(line, source)
    return (
        f"{told}, {text.day(source.since, today=today)}" if source and source.since and not line.unpriced_rows else told
    )


def mix_table(mix: Mapping[str, int]) -> pa.Table:
    """Tokens by kind, and the share of each in percent."""
    whole = sum(mix.values())
    return arrow.of_rows(
        [{"Kind": kind.capitalize(), "Tokens": count, "Share": 100 * count / whole} for kind, count in mix.items()]
    )


def number(amount: Amount | None) -> float | None:
    """An amount for a column of a table; None stays unknown."""
    return None if amount is None else float(amount)
