"""The part of Prices that answers "why this number?": count × rate of every token class of a model's day."""

from __future__ import annotations

from datetime import date
from urllib.parse import urlencode

import streamlit as st

from pages.ui import rates, text, toolbars
from pages.ui.context import Context
from tracker import clock, explaining
from tracker.explaining import Group

VIEW = "Why this number?"
NO_MODEL = "(no model)"


def address(day: date, model: str | None) -> str:
    """Where the arithmetic of a model's day stands."""
    return f"/prices?{urlencode({'view': VIEW, 'day': day.isoformat(), 'model': model or NO_MODEL})}"


def draw(ctx: Context) -> None:
    """Ask for the day and the model, and show each sum behind its estimate."""
    today = clock.day_of(ctx.now)
    with st.container(border=True, horizontal=True, vertical_alignment="bottom"):
        day = st.date_input(
            "UTC day",
            today - clock.DAY,
            max_value=today,
            format="YYYY-MM-DD",
            key="day",
            bind="query-params",
            width=180,
        )
        with ctx.product.database.workspace(ctx.workspace_id) as session:
            models = explaining.models_of(session, ctx.workspace_id, day)
        if not models:
            st.markdown(f"No usage of {text.day(day, today=today)} is stored.")
            return
        options = [NO_MODEL if each is None else each for each in models]
        model = st.selectbox("Model", options, key="model", bind="query-params", width=340)
    with ctx.product.database.workspace(ctx.workspace_id) as session:
        groups = explaining.explain(session, ctx.workspace_id, day, None if model == NO_MODEL else str(model))
    st.markdown(text.dollars(_headline(str(model), day, groups, today=today)))
    for number, group in enumerate(groups):
        with st.container(border=True, gap="small"):
            _group(group, number, today=today)


def _headline(model: str, day: date, groups: list[Group], *, today: date) -> str:
    rows, lacking = sum(group.rows for group in groups), sum(group.rows for group in groups if group.stored is None)
    fact = f"**{text.quoted(model)} on {text.day(day, today=today)}: {rates.exact(explaining.total(groups))}**"
    told = f"the estimate of {text.several(rows, 'row')}, each priced by itself and added up"
    out = f" **{text.several(lacking, 'row')} without a price {'is' if lacking == 1 else 'are'} not in it.**"
    return f"{fact}, {told}." + (out if lacking else "")


def _group(group: Group, number: int, *, today: date) -> None:
    st.header(text.dollars(_title(group)), anchor=False)
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
    st.caption("  \n".join(text.dollars(words) for words in (*_source(group, today=today), *group.notes)))


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
