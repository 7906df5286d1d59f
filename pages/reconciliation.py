"""Where the bill differs from the estimate, by how much, and why: causes that add up, and what is left, named."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import streamlit as st

from pages.ui import (
    arithmetic,
    empty,
    headings,
    implied,
    notices,
    pictures,
    rates,
    tables,
    text,
    toolbars,
    waterfall,
    ways,
)
from pages.ui.addresses import Word
from pages.ui.context import Context
from pages.ui.tables import number
from pages.ui.ways import Way
from tracker import clock, overview, unpriced
from tracker.overview import Overview, Reach, Stage, truth
from tracker.overview.truth import Truth
from tracker.reconciliation.causes import Cause
from tracker.reconciliation.shown import Shown, shown
from tracker.reconciliation.statement import Statement, statement

TITLE = "Reconciliation"
ICON = ":material/balance:"

EQUAL, LEAST = Decimal("0.01"), Decimal("0.0001")
"""What the rows are told in, in US dollars: those of the period and, smaller sums, those of a day."""

WHOLE, DAILY = "The period", "Each day"
MOST = 16
PROMISE = "A provider tells what a day cost a day or two after it; each day stands here as soon as it does."
NO_NEWER = "No key is connected any more, so no newer bill is read."
LOST = "gets no bill any more: the key was deleted before these days were billed."
THIS, LAST, ALL = "This month", "Last month", "Last 12 months"
WORDS = Word("period", (THIS, LAST, ALL)), Word("rows", (WHOLE, DAILY))
CARD_PX, NAME_PX = 230, 230


def render(ctx: Context) -> None:
    """Draw the page for one person's workspace."""
    seen = overview.read(ctx.product, ctx.workspace_id, now=ctx.now)
    nothing = seen.stage is Stage.NO_KEY
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.title(TITLE, anchor=False)
        start, end = (seen.cycle.start, seen.cycle.start) if nothing else _period(seen)
    if nothing:
        empty.draw(ctx, "reconciliation")
        return
    if start >= end:
        _nothing_billed(seen, start)
        return
    asked = end
    found, end, awaited = compared(ctx, start, asked)
    told = statement(ctx.product, ctx.workspace_id, start, end, limited=found.reach.limits)
    st.markdown(text.dollars(_headline(told, seen)))
    today = seen.cycle.today
    but = f"{_without(found.reach)}{_ended(found.reach, today)}{_holes(found.reach, today)}"
    but += not_compared(end, asked, today, awaited=awaited)
    st.caption(f"Of these days: {found.sentence}.{but}")
    _cards(told, seen)
    if told.causes:
        _causes(told)
    implied.draw(ctx, told.end)
    _rows(told, seen.cycle.today)
    st.caption(text.DISCLAIMER)


def _period(seen: Overview) -> tuple[date, date]:
    """Only days up to which there is a bill: what is not billed yet is no difference."""
    chosen = st.segmented_control(
        "Period",
        [THIS, LAST, ALL],
        default=THIS,
        required=True,
        label_visibility="collapsed",
        key="period",
        bind="query-params",
    )
    cycle, through = seen.cycle, seen.billed_through
    if chosen == LAST:
        return cycle.previous_start, cycle.start
    end = through + clock.DAY if through else cycle.start
    return (cycle.start, end) if chosen != ALL else (min(end, cycle.today - clock.DAY * 364), end)


def compared(ctx: Context, start: date, end: date) -> tuple[Truth, date, bool]:
    """The truth about the UTC days [start, end) as far as they are billed, where that ends, and if more is awaited."""
    with ctx.product.database.workspace(ctx.workspace_id) as session:
        found = truth.read(session, ctx.workspace_id, start, end, now=ctx.now)
        last = found.reach.through
        if last is None or last + clock.DAY >= end:
            return found, end, found.reach.is_owed
        billed = truth.read(session, ctx.workspace_id, start, last + clock.DAY, now=ctx.now)
        return billed, last + clock.DAY, found.reach.is_owed


def not_compared(end: date, asked: date, today: date, *, awaited: bool) -> str:
    """Which days are left out at the end, because their bill has not come, or will never come."""
    days = text.day_range(end, asked - clock.DAY, today=today)
    why = "not billed yet" if awaited else "for no key is connected that would get a bill of them"
    return f" Not compared: {days}, {why}." if end < asked else ""


def _without(reach: Reach) -> str:
    """Whose usage is not compared, because the bill for it is far behind that of the others."""
    if not reach.part:
        return ""
    named = " and ".join(text.quoted(label) for label in reach.late)
    return f" Without {named}: the provider has not billed what was used there, so it is in neither sum."


def _ended(reach: Reach, today: date) -> str:
    """Whose usage is compared no further than to a day, because nobody asks for its bill any more."""
    named = (f"{text.quoted(each.label)} after {text.day(each.through, today=today)}" for each in reach.ended.values())
    told = " and ".join(named)
    why = "the key was deleted before these days were billed, so they are in neither sum"
    return f" Without {told}: {why}." if told else ""


def _holes(reach: Reach, today: date) -> str:
    """Which days are not compared, because they have no bill though later ones do."""
    days = text.left_out(reach.holes, whose=reach.known > 1, today=today)
    return f" Without {days}: what was used then has no complete bill, so it is in neither sum." if days else ""


def _nothing_billed(seen: Overview, start: date) -> None:
    """Why there is nothing to compare yet, and a way to what there is."""
    st.markdown(notices.line_of_truth(seen))
    st.info(text.dollars(no_bill(seen)), icon=":material/hourglass:", title=f"No day of {start:%B} has a bill yet")
    with st.container(horizontal=True):
        st.button(f"Compare {seen.cycle.previous_start:%B}", icon=":material/history:", on_click=_choose_last)
        ways.button("See what was read", Way.COMPLETENESS, icon=":material/calendar_view_month:")


def _choose_last() -> None:
    st.session_state["period"] = LAST


def no_bill(seen: Overview) -> str:
    """Whose bill is waited for, as Markdown; without any usage, that none is owed."""
    reach, through = seen.reach, seen.billed_through
    then = PROMISE if seen.connections else NO_NEWER
    if through:
        return f"The bill is there through {text.day(through, today=seen.cycle.today)}. {then}"
    behind = reach.behind or {}
    if not behind:
        return f"Nothing was used that a provider would bill. {then}"
    late = [label for number, label in behind.items() if number not in reach.gone]
    lost = [label for number, label in behind.items() if number in reach.gone]
    told = [f"What was used with {_named(late)} is not billed yet. {then}"] if late else []
    told += [f"What was used with {_named(lost)} {LOST}"] if lost else []
    return " ".join(told)


def _named(labels: Sequence[str]) -> str:
    return " and ".join(f"**{text.quoted(label)}**" for label in labels)


def _headline(told: Statement, seen: Overview) -> str:
    days = text.day_range(told.start, told.end - clock.DAY, today=seen.cycle.today)
    if abs(told.difference) < EQUAL and not told.headline.unexplained:
        return f"**Billed and estimate of {days} are equal.**"
    if told.headline.explained is None:
        return f"Nothing differs in {days}."
    share = (told.headline.explained * 100).quantize(Decimal("0.1"))
    fact = f"**{share} % of the difference in {days} is explained.**"
    largest = told.headline.largest
    if largest is None:
        return fact
    left = f"{text.money_change(told.headline.unexplained)} is left, most of it in {text.quoted(largest.line_item)}"
    return f"{fact} {left} of {text.day(largest.day, today=seen.cycle.today)}."


def _cards(told: Statement, seen: Overview) -> None:
    grid = st.grid(4, border=True, min_column_width=CARD_PX)
    left = dict(told.shown_causes).get(Cause.UNEXPLAINED) or dict(told.causes).get(Cause.UNEXPLAINED, Decimal())
    days = text.day_range(told.start, told.end - clock.DAY, today=seen.cycle.today)
    foreign = f"{', '.join(told.foreign).upper()} lines are not in it" if told.foreign else f"{days} UTC"
    cards = (
        ("Billed :gray-badge[from the provider]", text.money(told.billed), foreign),
        ("Estimate :gray-badge[tokens × price]", text.money(told.estimated), _lacking(told)),
        ("Difference", text.money_change(told.shown_difference), _difference(told)),
        (
            "Unexplained",
            text.money_change(left) if left else text.money(left),
            "No cause of the list fits" if left else "Every difference has its cause",
        ),
    )
    for label, value, line in cards:
        with grid.cell():
            st.metric(label, text.dollars(value))
            st.caption(text.dollars(line))


def _lacking(told: Statement) -> str:
    """What the estimate lacks, in short; the sentence below the causes tells its bound and the rule of it."""
    part = told.unpriced
    if not part.rows:
        return "Every request has a price"
    what = text.several(part.requests, "request") if part.requests else text.several(part.rows, "row")
    bound = f", {text.money(part.at_most)} at most by their tokens" if part.at_most is not None else ""
    return f"{what} without a price {'is' if what.startswith('1 ') else 'are'} not in it{bound}"


def _difference(told: Statement) -> str:
    return "Billed minus estimate" + (", so with what has no price" if told.unpriced.rows else "")


def _causes(told: Statement) -> None:
    with st.container(border=True, gap="small"):
        headings.draw(text.dollars(f"What makes the {text.money_change(told.shown_difference)}"))
        drawn = told.shown_causes
        dark = st.context.theme.type == "dark"
        spec = waterfall.waterfall(drawn, told.shown_difference, dark=dark)
        days = pictures.span([told.start, told.end - clock.DAY])
        pictures.titled(spec, f"Billed minus estimate by cause, {days}", dark=dark)
        words = ", ".join(f"{cause.value} {text.money_change(amount)}" for cause, amount in drawn)
        st.vega_lite_chart(spec, height=waterfall.height(drawn), width="stretch", alt=f"Causes: {words}.")
        words = "The causes add up to the difference; those that come to less than a cent are not drawn."
        st.caption(text.dollars(f"{words} {_without_price(told)}".strip()))


def _without_price(told: Statement) -> str:
    """What is in no estimate, by kind, with its bound."""
    said = unpriced.in_words(told.unpriced)
    return f"{said} It is {rates.kinds(told.unpriced.kinds)}." if said else ""


def _rows(told: Statement, today: date) -> None:
    with st.container(border=True, gap="small"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.header("By model and service line", anchor=False, width="content")
            daily = _each_day()
        if not told.rows:
            st.caption("Nothing was used or billed in these days.")
            return
        given, unit, places = (told.daily, LEAST, 4) if daily else (told.rows, EQUAL, 2)
        rows = [_fields(each, today, places) for each in shown(given, unit)]
        names = tables.cut((str(row["Model or line"]) for row in rows), width=NAME_PX)
        causes = tables.cut((str(row["Cause"]) for row in rows), width=NAME_PX)
        toolbars.room()
        st.dataframe(
            rows,
            hide_index=True,
            height=560 if daily and len(rows) > MOST else "content",
            row_height=max(tables.row_px(names), tables.row_px(causes, few=0)),
            placeholder=text.UNKNOWN,
            column_config={
                "Model or line": st.column_config.TextColumn(pinned=True, width=NAME_PX),
                "Estimate": st.column_config.NumberColumn(format=f"$%,.{places}f"),
                "Billed": st.column_config.NumberColumn(format=f"$%,.{places}f"),
                "Difference, $": st.column_config.NumberColumn(format=f"%+.{places}f"),
                "Of estimate": st.column_config.NumberColumn(format="%+.1f %%"),
                "Cause": st.column_config.TextColumn(width=NAME_PX),
                "State": st.column_config.TextColumn(width=150),
                tables.WHY: tables.why_column("Why this number? How the estimate of its dearest day is made."),
            },
            alt="One row a model or service line: estimate, billed, difference and its causes.",
        )
        if whole := tables.in_full(names):
            st.caption(text.dollars(whole))


def _each_day() -> bool:
    """Whether the rows are told day by day; kept in the address."""
    chosen = st.segmented_control(
        "Rows",
        [WHOLE, DAILY],
        default=WHOLE,
        required=True,
        label_visibility="collapsed",
        key="rows",
        bind="query-params",
    )
    return chosen == DAILY


def _fields(each: Shown, today: date, places: int) -> dict[str, object]:
    row = each.row
    causes = [f"{cause.value} {text.signed(amount, places)}" for cause, amount in each.causes]
    return {
        **({"Day": text.day(row.day, today=today)} if row.day else {}),
        "Model or line": text.in_cell(row.name),
        "Estimate": number(each.estimated),
        "Billed": number(each.billed),
        "Difference, $": number(each.difference),
        "Of estimate": number(row.percent),
        "Cause": ", ".join(causes) or text.UNKNOWN,
        "State": _state(each),
        tables.WHY: arithmetic.address(row.dearest, row.dearest, row.model) if row.model and row.dearest else None,
    }


def _state(each: Shown) -> str:
    """How it ends; and that part of its usage has no price, where the estimate does not say so by itself."""
    partly = ", partly unpriced" if each.row.unpriced and each.estimated is not None else ""
    return _ending(each) + partly


def _ending(each: Shown) -> str:
    """In the digits shown: what comes to nothing in them is equal."""
    if Cause.UNEXPLAINED in dict(each.causes):
        return "unexplained"
    if each.estimated is None and each.billed is None:
        return "unpriced, not billed"
    if each.difference is None:
        return "billed without an amount"
    return "explained" if each.difference else "equal"
