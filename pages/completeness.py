"""What was read of every day, what is not final yet and when it will be read again, and what changed later."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

import streamlit as st

from pages.ui import calendars, empty, headings, notices, pictures, prospects, tables, text, toolbars
from pages.ui.addresses import Word
from pages.ui.context import Context
from tracker import clock, overview
from tracker.overview import Overview, Prospect, Stage, calendar
from tracker.overview.calendar import Calendar, Face, Gap, KeyCalendar, Undivided
from tracker.restatements import Restated
from tracker.set_aside import Aside

TITLE = "Completeness"
ICON = ":material/calendar_view_month:"

RANGES = {"32 days": 32, "90 days": 90, "A year": 365}
WORDS = (Word("range", tuple(RANGES)),)

CAPTION = (
    "Full: final · **•**, a dot: restated, changed later by the provider, both values kept · half full, **~**: "
    "provisional, read again until it stops changing · a line, **0**: verified zero, the provider says nothing was "
    "used · **!**, a stroke: failed · empty, **–**: not read yet · no cell: before the provider's history"
)
GRAVEST = "and stands as the gravest of its days"
DAYS = f" · On a narrow screen a cell is a week, {GRAVEST}"
WEEKS = f" · A cell is a week, on a narrow screen a month, {GRAVEST}"
ICONS = {Face.FAILED: ":red[:material/error:]", Face.MISSING: ":orange[:material/hourglass_empty:]"}
NOUNS = {"api_key_id": "API key", "project_id": "project"}
MOST, MOST_OPEN, REASON_PX = 8, 12, 400


def render(ctx: Context) -> None:
    """Draw the page for one person's workspace."""
    seen = overview.read(ctx.product, ctx.workspace_id, now=ctx.now)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.title(TITLE, anchor=False)
        days = _range() if seen.stage is not Stage.NO_KEY else 0
    if seen.stage is Stage.NO_KEY:
        empty.draw(ctx, "completeness")
        return
    found = calendar.read(ctx.product, ctx.workspace_id, days=days, now=ctx.now)
    st.markdown(notices.line_of_truth(seen))
    st.caption(found.next_reading)
    if found.keys:
        st.caption(f"{CAPTION}{WEEKS if days > calendars.MOST_DAYS else DAYS}")
    for of_key in found.keys:
        _calendar(of_key, _alt(found), today=seen.cycle.today)
    if found.gone:
        named = ", ".join(text.quoted(label) for label in found.gone)
        st.caption(f"Not shown, for its key was deleted before these days: {named}.")
    if found.left_out:
        named = ", ".join(text.quoted(label) for label in found.left_out)
        st.caption(f"Not shown, for nothing was ever read with it: {named}. The dashboard says what it waits for.")
    for each in found.undivided:
        st.caption(_undivided(each, seen))
    grid = st.grid(2, border=True, min_column_width=340)
    with grid.cell():
        _open(found, seen)
    with grid.cell():
        _restated(found, seen)
    if found.aside:
        with st.container(border=True, gap="small"):
            _aside(found, seen)


def _calendar(of_key: KeyCalendar, alt: str, *, today: date) -> None:
    """One connection's days as a chart, and as a table."""
    with st.container(border=True, gap="small"):
        headings.draw(f"{text.quoted(of_key.label)}: what was read, by endpoint and day")
        if of_key.ended_at:
            at = text.instant(of_key.ended_at, today=today)
            kept = "What was read stays as it is; a day read only in part stays so."
            what = "set aside for the other key of its organisation" if of_key.set_aside else "deleted"
            st.caption(f"Its key was {what} at {at}: no day is owed. {kept}")
        toolbars.room()
        dark = st.context.theme.type == "dark"
        spec = pictures.of_calendar(calendars.calendar_chart(of_key, dark=dark), of_key, dark=dark)
        height = calendars.height(of_key) + pictures.height(spec)
        st.vega_lite_chart(spec, height=height, width="stretch", alt=alt)
        if of_key.settles:
            st.caption(_learned(of_key))
        with st.expander("The same days as a table", icon=":material/table:"):
            toolbars.room()
            st.dataframe(
                calendars.day_frame(of_key),
                hide_index=True,
                height=320,
                row_height=34,
                column_config={"Day": st.column_config.TextColumn(pinned=True)},
                alt="The state of each endpoint, one row a UTC day.",
            )


def _range() -> int:
    chosen = st.segmented_control(
        "Range",
        list(RANGES),
        default=next(iter(RANGES)),
        required=True,
        label_visibility="collapsed",
        key="range",
        bind="query-params",
    )
    return RANGES.get(str(chosen), 32)


def _alt(found: Calendar) -> str:
    return (
        f"One row an endpoint, one cell a UTC day from {found.start:%-d %B}. What is not final is named below, "
        "with the time of its next reading."
    )


def _learned(of_key: KeyCalendar) -> str:
    """Which endpoints are waited for longer, because they were seen to change late."""
    named = ", ".join(f"{name.replace('_', ' ')} {text.several(days, 'day')}" for name, days in of_key.settles)
    return f"Final later than usual, because changes came late: {named} after the day's end."


def _undivided(each: Undivided, seen: Overview) -> str:
    days = text.day_range(each.first, each.last, today=seen.cycle.today)
    some = "" if (each.last - each.first).days + 1 == each.days else f" ({each.days} of them)"
    by = " and ".join(NOUNS.get(name, name) for name in each.dimensions)
    return (
        f":orange[:material/call_split:] The bill of {days}{some} of {text.quoted(each.label)} is not divided by {by}: "
        f"the provider refused that. Billed figures by {by} lack these days; every total holds them."
    )


def _open(found: Calendar, seen: Overview) -> None:
    headings.draw("Not final")
    if not seen.connections:
        st.markdown(f"{prospects.NO_KEY} What is not final stays as it is.")
    elif not found.gaps:
        st.markdown("Nothing is open: every day shown is final.")
    for gap in found.gaps[:MOST_OPEN]:
        icon = ICONS.get(gap.face, ":gray[:material/schedule:]")
        st.markdown(f"{icon} **{fact(gap, today=seen.cycle.today)}**  \n:gray[{fate(gap, now=seen.now)}]")
    if len(found.gaps) > MOST_OPEN:
        st.caption(f"{len(found.gaps) - MOST_OPEN} more; the calendars above and their tables show all.")


def fact(gap: Gap, *, today: date) -> str:
    """Which days of which endpoints, and what is known of them, as Markdown."""
    days = text.day_range(gap.days[0], gap.days[-1], today=today)
    some = "" if (gap.days[-1] - gap.days[0]).days + 1 == len(gap.days) else f", {len(gap.days)} of these days"
    runs = ", today" if gap.days == (today,) else ""
    what = "rows set aside" if gap.lack else gap.face.value
    return f"{days}{some}{runs}, {_which(gap)} of {text.quoted(gap.label)}: {what}"


def _which(gap: Gap) -> str:
    """The endpoints by name, or by the name of those that are not meant."""
    named, others = ([name.replace("_", " ") for name in names] for names in (gap.endpoints, gap.others))
    if len(named) <= 2:
        return " and ".join(named)
    if len(others) <= 2:
        return f"all endpoints but {' and '.join(others)}" if others else f"all {len(named)} endpoints"
    return text.several(len(named), "endpoint")


def fate(gap: Gap, *, now: datetime) -> str:
    """What becomes of these days, and when, as Markdown."""
    today = clock.day_of(now)
    if gap.lack or gap.face is Face.FAILED:
        named = "Named below, with what is wrong; the rest of these days counts."
        again = prospects.tried(gap.prospect, gap.next_at, now=now, today=today)
        return f"{named if gap.lack else text.quoted(gap.reason or '')} {again}"
    due = gap.next_at if gap.prospect is Prospect.READ else None
    when = f"next {text.instant(due, today=today)}" if due and due > now else "due now"
    if gap.face is Face.MISSING:
        order = f" {text.IN_ORDER.capitalize()}; {when}." if due else ""
        return f"{prospects.DAYS[gap.prospect]}{order}"
    if not due:
        return f"It may still change. {prospects.AGAIN[gap.prospect]}"
    often = "every hour until the day is over" if gap.days == (today,) else "daily until nothing changes any more"
    return f"Read {often}; {when}."


def _restated(found: Calendar, seen: Overview) -> None:
    headings.draw("Changed later by the provider")
    if not found.restated:
        st.markdown("No finished day of this range was told differently later.")
        return
    rows = [_restated_row(each, seen) for each in found.restated]
    toolbars.room()
    st.dataframe(rows, hide_index=True, height="content" if len(rows) <= MOST else 320, row_height=34, alt="Changes.")


def _aside(found: Calendar, seen: Overview) -> None:
    headings.draw("Rows set aside")
    st.caption(
        "The provider told these rows in a form that cannot be true. They are in no figure; the rest of their day is. "
        f"{prospects.AGAIN[seen.prospect]} If one stays for days, tell the provider's support what stands here."
    )
    rows = [_aside_row(each, seen) for each in found.aside]
    height: Literal["content"] | int = "content" if len(rows) <= MOST else 320
    toolbars.room()
    st.dataframe(
        rows,
        hide_index=True,
        height=height,
        row_height=tables.row_px(tables.cut((each.reason for each in found.aside), width=REASON_PX), few=0),
        column_config={
            "Day": st.column_config.TextColumn(width=64),
            "What is wrong": st.column_config.TextColumn(width=REASON_PX),
        },
        alt="Rows set aside.",
    )


def _aside_row(each: Aside, seen: Overview) -> dict[str, str]:
    today = seen.cycle.today
    return {
        "Day": text.day(each.day, today=today),
        "What is wrong": text.in_cell(each.reason),
        "Row": text.in_cell(each.about),
        "Endpoint": each.endpoint.replace("_", " "),
        "Key": text.in_cell(each.label),
        "Seen": text.instant(each.seen_at, today=today),
    }


def _restated_row(each: Restated, seen: Overview) -> dict[str, str]:
    today = seen.cycle.today
    return {
        "Day": text.day(each.day, today=today),
        "Endpoint": each.endpoint.replace("_", " "),
        "Before": _value(each.rows_before, text.money(each.before)),
        "After": _value(each.rows_after, text.money(each.after)),
        "Difference": text.money_change(each.difference),
        "Seen": text.instant(each.seen_at, today=today),
    }


def _value(rows: int, money: str) -> str:
    return f"{money} ({text.several(rows, 'row')})"
