"""The part of Prices that answers "why this number?": a model's days, and count × rate of every token class of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from urllib.parse import urlencode

import streamlit as st

from pages.ui import headings, rates, text, toolbars
from pages.ui.addresses import Told, Word, is_day, value_of
from pages.ui.context import Context
from tracker import clock, explaining
from tracker.explaining import DaySum, Group
from tracker.explore.view import short

VIEW = "Why this number?"
NO_MODEL = "(no model)"
MISSING = "arithmetic.missing"

MOST_ROWS = 20_000
"""So many rows are added up while somebody waits; the days of more than that are explained one by one."""


def _is_here(told: Told) -> bool:
    return value_of(told, "view") == VIEW


def _are_over(told: Told) -> bool:
    """Whether its days are such, and none is to come; a day of which nothing can be known is not explained."""
    today = clock.day_of(clock.utc_now())
    return _is_here(told) and all(is_day(day) and date.fromisoformat(day) <= today for day in told["day"])


WORDS = Word("day", takes=_are_over), Word("model", takes=_is_here)
"""What this part of the page reads from its address, beside the page's `view`."""


def address(first: date, last: date, model: str | None) -> str:
    """Where the arithmetic of a model's days stands, both included."""
    days = [("day", each.isoformat()) for each in (first, last)]
    return f"/prices?{urlencode([('view', VIEW), *days, ('model', model or NO_MODEL)])}"


def draw(ctx: Context) -> None:
    """Ask for the days and the model, and show each sum behind their estimate."""
    today = clock.day_of(ctx.now)
    with st.container(border=True, horizontal=True, vertical_alignment="bottom"):
        first, last = _days(today)
        end = last + clock.DAY
        with ctx.product.database.workspace(ctx.workspace_id) as session:
            models = explaining.models_of(session, ctx.workspace_id, first, end)
        if not models:
            st.markdown(f"No usage of {text.day_range(first, last, today=today)} is stored.")
            return
        options = [NO_MODEL if each is None else each for each in models]
        asked = st.query_params.get("model")
        chosen = str(st.selectbox("Model", options, key="model", bind="query-params", width=340))
    _say_missing(asked, chosen, options, text.day_range(first, last, today=today))
    model = None if chosen == NO_MODEL else chosen
    with ctx.product.database.workspace(ctx.workspace_id) as session:
        days = explaining.days_of(session, ctx.workspace_id, first, end, model)
        few = sum(day.rows for day in days) <= MOST_ROWS
        groups = explaining.explain(session, ctx.workspace_id, first, end, model) if few else []
    st.markdown(text.dollars(headline(chosen, text.day_range(first, last, today=today), days)))
    if first != last:
        _each_day(days, model, today=today)
    if not few:
        st.caption(f"That are more than {MOST_ROWS:,} rows: open a day for its arithmetic.")
    for number, group in enumerate(groups):
        with st.container(border=True, gap="small"):
            _group(group, number, today=today)


def _say_missing(asked: str | None, chosen: str, options: Sequence[str], days: str) -> None:
    """That the days have nothing of the model that the address names, while the one in its place is shown."""
    if asked is not None and asked not in options:
        st.session_state[MISSING] = asked, chosen
    missing, instead = st.session_state.get(MISSING, (None, None))
    if missing is None or missing in options or instead != chosen:
        st.session_state.pop(MISSING, None)
        return
    said = f"No usage of “{short(missing)}” is stored for {days}, so this is “{chosen}”."
    st.warning(text.quoted(f"{said} Choose another model or other days."), icon=":material/link_off:")


def _days(today: date) -> tuple[date, date]:
    """The first and the last day, both included; until the last one is chosen, the first alone."""
    yesterday = today - clock.DAY
    chosen = st.date_input(
        "UTC days",
        (yesterday, yesterday),
        max_value=today,
        format="YYYY-MM-DD",
        key="day",
        bind="query-params",
        width=260,
    )
    return (chosen[0], chosen[-1]) if chosen else (yesterday, yesterday)


def headline(model: str, days: str, found: Sequence[DaySum]) -> str:
    """The sum, of how many rows it is the estimate, and how many are not in it."""
    lacking = sum(day.unpriced for day in found)
    priced = sum(day.rows for day in found) - lacking
    fact = f"**{text.quoted(model)}, {days}: {rates.exact(explaining.total(found))}**"
    told = f", the estimate of {text.several(priced, 'row')}, each priced by itself and added up" if priced else ""
    out = f" **{text.several(lacking, 'row')} without a price {'is' if lacking == 1 else 'are'} not in it.**"
    return f"{fact}{told}." + (out if lacking else "")


def _each_day(days: Sequence[DaySum], model: str | None, *, today: date) -> None:
    """The days of the sum, each leading to its own arithmetic."""
    with st.container(border=True, gap="small"):
        headings.draw("Each day")
        toolbars.room()
        st.dataframe(
            day_rows(days, model, today=today),
            hide_index=True,
            height=420 if len(days) > 10 else "content",
            row_height=34,
            column_config={
                "Day": st.column_config.TextColumn(pinned=True, width=130),
                "Estimate": st.column_config.TextColumn(alignment="right", width=150),
                "Rows priced": st.column_config.TextColumn(alignment="right", width=110),
                "Without a price": st.column_config.TextColumn(alignment="right", width=130),
                "Why?": st.column_config.LinkColumn(
                    width=150, help="Why this number? The arithmetic of this day.", display_text="its arithmetic"
                ),
            },
            key="days-of-sum",
            alt="The days of the sum: the estimate of each, its rows with and without a price, and their sum.",
        )


def day_rows(days: Sequence[DaySum], model: str | None, *, today: date) -> list[dict[str, str | None]]:
    """A row a day, and the sum of them."""
    whole = DaySum(today, explaining.total(days), sum(day.rows for day in days), sum(day.unpriced for day in days))
    return [
        {
            "Day": named,
            "Estimate": rates.exact(each.cost),
            "Rows priced": f"{each.rows - each.unpriced:,}",
            "Without a price": f"{each.unpriced:,}" if each.unpriced else "",
            "Why?": why,
        }
        for named, each, why in (
            *(
                (f"{day.day:%a} {text.day(day.day, today=today)}", day, address(day.day, day.day, model))
                for day in days
            ),
            ("sum", whole, None),
        )
    ]


def _group(group: Group, number: int, *, today: date) -> None:
    headings.draw(text.dollars(_title(group)))
    if group.parts:
        toolbars.room()
        st.dataframe(
            _lines(group),
            hide_index=True,
            height="content",
            row_height=34,
            column_config={
                "What": st.column_config.TextColumn(pinned=True, width=190),
                **{name: st.column_config.TextColumn(alignment="right") for name in ("Count", "Rate", "Amount")},
            },
            key=f"sum-{number}",
            alt="Each line of the sum: what was counted, how much of it, its rate and the amount.",
        )
    st.caption("  \n".join(text.dollars(words) for words in (*_source(group, today=today), *notes(group))))


def notes(group: Group) -> list[str]:
    """What is to be known of its price, in Markdown: a note may name a model, and names a family as the table does."""
    return [text.quoted(note.replace(group.usage_type, rates.family(group.usage_type))) for note in group.notes]


def _title(group: Group) -> str:
    tier = group.source.variant if group.source else group.basis.value
    family = rates.family(group.usage_type).capitalize()
    return f"{family}, {tier}, {text.several(group.rows, 'row')}: {rates.exact(group.stored)}"


def _lines(group: Group) -> list[dict[str, str]]:
    lines = [
        {
            "What": rates.counted(part.name),
            "Count": f"{part.count:,}",
            "Rate": rates.each(part),
            "Amount": rates.exact(part.amount),
        }
        for part in group.parts or ()
    ]
    if group.rounding:
        words = f"rounding of {text.several(group.rows, 'row')}"
        lines.append({"What": words, "Count": "", "Rate": "to nano-dollars", "Amount": rates.exact(group.rounding)})
    return [*lines, {"What": "sum", "Count": "", "Rate": "", "Amount": rates.exact(group.stored)}]


def _source(group: Group, *, today: date) -> list[str]:
    """Where the rates come from, in a line each."""
    source = group.source
    if source is None:
        return []
    since = f" from {text.day(source.effective_from, today=today)}" if source.effective_from else ""
    words = [_checked(group)]
    if source.name != "workspace":
        named = f"{source.name}, model {text.quoted(source.model)}, {source.variant}{since}"
        words.append(f"List price: {named}, content {source.content_sha256[:12]}.")
    if source.own:
        noted = f", “{text.quoted(source.own.note)}”" if source.own.note else ""
        own = f"{text.quoted(rates.said(source.own))}, {rates.days(source.own, today=today)}"
        words.append(f"Agreed price {source.own.id}: {own}{noted}.")
    return words


def _checked(group: Group) -> str:
    """How many of the stored costs are what the arithmetic gives."""
    if group.follows == group.rows:
        return (
            f"{text.several(group.rows, 'row')}, each checked: its stored cost is this arithmetic to the nano-dollar."
        )
    return (
        f"Of {text.several(group.rows, 'row')}, {group.follows:,} cost to the nano-dollar what this arithmetic gives."
    )
