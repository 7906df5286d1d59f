"""The part of Prices that tells what usage is priced at: what lacks a price, agreed prices, and the list's in use."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import streamlit as st

from pages.ui import agreeing, anew, empty, headings, rates, tables, text, toolbars
from pages.ui.agreeing import Asked
from pages.ui.context import Context
from tracker import clock, price_book, unpriced
from tracker.explaining import PRICED_NOW
from tracker.price_book import Agreed, Book, Lacking, Listed

DAYS = 32
MOST, MODEL_PX = 8, 148
WIDTHS = {"Tier": 152, "In force since": 94, "For": 150, "Source": 122, "SHA-256": 104}
"""Of the list's columns, in pixels: with the others they fit a screen of 1440."""

COLOURS = {"in force": "green", "to come": "blue", "ended": "gray", "taken back": "gray"}


def draw(ctx: Context) -> None:
    """What lacks a price first, because there is something to do."""
    today = clock.day_of(ctx.now)
    with ctx.product.database.workspace(ctx.workspace_id) as session:
        book = price_book.read(session, ctx.workspace_id, today - timedelta(days=DAYS - 1), today + clock.DAY)
    nothing = not (book.listed or book.lacking or book.agreed)
    if nothing and empty.nothing_connected(ctx, "prices"):
        return
    st.markdown(_headline(book))
    if book.lacking:
        with st.container(border=True, gap="small"):
            _lacking(ctx, book)
    with st.container(border=True, gap="small"):
        _agreed(ctx, book, today)
    with st.container(border=True, gap="small"):
        _listed(book, today)


def _headline(book: Book) -> str:
    used = {model for each in book.listed for model in each.models}
    lacking = len({(each.usage_type, each.model) for each in book.lacking})
    has = "has" if len(used) == 1 else "have"
    priced = f"**{text.several(len(used), 'model')}** used in the last {DAYS} days {has} a list price"
    kinds = text.several(lacking, "kind")
    return f"{priced} · **{kinds}** of usage without a price" if lacking else f"{priced} · nothing is without a price"


def _lacking(ctx: Context, book: Book) -> None:
    headings.draw("Without a price")
    st.caption(text.dollars(f"{unpriced.in_words(book.unpriced)} Set a price, and a repricing brings it in."))
    for number, each in enumerate(book.lacking[:MOST]):
        _lack(ctx, book, each, number)
    if len(book.lacking) > MOST:
        with st.expander(f"{len(book.lacking) - MOST} more", icon=":material/sell:"):
            for number, each in enumerate(book.lacking[MOST:], MOST):
                _lack(ctx, book, each, number)


def _lack(ctx: Context, book: Book, each: Lacking, number: int) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(f"**{_name(each)}** :gray[{_amount(each)}]  \n:gray[{_reason(each)}]", width="stretch")
        if each.reason == PRICED_NOW:
            anew.button_to("Reprice", book.start, key=f"lacking-{number}")
        elif each.rates and st.button("Set a price", icon=":material/sell:", key=f"lacking-{number}"):
            agreeing.ask(ctx, Asked(each.provider, each.model or "*", each.rates, book.start, listed=False))
        elif not each.rates:
            st.caption("No rate fits what is told of it", width="content")


def _name(each: Lacking) -> str:
    return rates.kind(each.usage_type, each.model)


def _reason(each: Lacking) -> str:
    return text.quoted(each.reason.replace(each.usage_type, rates.family(each.usage_type)))


def _amount(each: Lacking) -> str:
    tokens = f", {text.count(each.tokens)} tokens" if each.tokens else ""
    what = text.several(each.requests, "request") if each.requests else text.several(each.rows, "row")
    return f"{what}{tokens} in {DAYS} days"


def _agreed(ctx: Context, book: Book, today: date) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.header("Your prices", anchor=False)
        if st.button("Add a price", icon=":material/add:", key="add-price"):
            agreeing.ask(ctx, Asked(first=today.replace(day=1)))
    alive = [each for each in book.agreed if each.standing(today) in {"in force", "to come"}]
    over = [each for each in book.agreed if each not in alive]
    if not alive:
        what = "what has a price has it from" if book.lacking else "everything is priced by"
        st.markdown(f"None: {what} the public list. Agreed discounts or rates of your own go here.")
    for each in alive:
        _row(ctx, each, today)
    if over:
        with st.expander(f"No longer in force: {len(over)}", icon=":material/history:"):
            rows = [_over(each, today) for each in over]
            toolbars.room()
            st.dataframe(rows, hide_index=True, height="content", row_height=34, alt="Prices that have ended.")


def _row(ctx: Context, each: Agreed, today: date) -> None:
    price, standing = each.price, each.standing(today)
    tier = f", {price.variant} tier" if price.variant else ""
    note = f"  \n“{text.quoted(price.note)}”" if price.note else ""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(
            text.dollars(
                f"**{text.quoted(rates.model(price))}**{tier} · {text.quoted(rates.said(price))}, "
                f"{rates.days(price, today=today)}{note}  \n:gray[No. {price.id}, {_who(each, today)}]"
            ),
            width="stretch",
        )
        st.badge(standing, color=COLOURS[standing])  # type: ignore[arg-type]
        if st.button("End", icon=":material/event_busy:", key=f"end-{price.id}", disabled=price.ends_on is not None):
            agreeing.ask_end(ctx, price)


def _who(each: Agreed, today: date) -> str:
    return f"added by {text.quoted(each.who or 'an operator')}, {text.instant(each.at, today=today)}"


def _over(each: Agreed, today: date) -> dict[str, str]:
    return {
        "No.": str(each.price.id),
        "Model": text.in_cell(rates.model(each.price)),
        "Price": rates.said(each.price),
        "Days": rates.days(each.price, today=today),
        "Standing": each.standing(today),
        "Note": text.in_cell(each.price.note),
        "Added by": text.in_cell(each.who or "operator"),
    }


def _listed(book: Book, today: date) -> None:
    headings.draw("List prices in use")
    if not book.listed:
        st.caption(f"Nothing of the last {DAYS} days was priced by the list.")
        return
    cut = tables.cut((name for each in book.listed for name in (each.model, ", ".join(each.models))), width=MODEL_PX)
    toolbars.room()
    st.dataframe(
        [_version(each, today) for each in book.listed],
        hide_index=True,
        height="content" if len(book.listed) <= 12 else 430,
        row_height=tables.row_px(cut),
        placeholder=text.UNKNOWN,
        column_config={
            "Model on the list": st.column_config.TextColumn(pinned=True, width=MODEL_PX),
            **{name: st.column_config.TextColumn(width=px) for name, px in WIDTHS.items()},
            **{
                name: st.column_config.TextColumn(width=62, alignment="right") for name in ("Input", "Cached", "Output")
            },
            "Rows": st.column_config.NumberColumn(width=58, format="localized"),
        },
        alt="The versions of the price list that priced usage of the last days, one row each.",
    )
    st.caption(
        text.dollars(
            "$ a million tokens. A version is kept as it was when it priced a row, with a hash of its content (its "
            "first digits); an update of the list changes no stored number by itself."
        )
    )
    if whole := tables.in_full(cut):
        st.caption(text.dollars(whole))
    for rates_told, of in _others(book.listed).items():
        st.caption(text.dollars(f"{'; '.join(of)}: {rates_told}."))
    for note in dict.fromkeys(each.note for each in book.listed if each.note):
        of = [_named(each) for each in book.listed if each.note == note]
        st.caption(text.dollars(f"{'; '.join(of)}: {text.quoted(note)}"))


def _others(listed: Sequence[Listed]) -> dict[str, list[str]]:
    """What has no column: rates of audio, images and writing to a cache, and the versions of which each is told."""
    found: dict[str, list[str]] = {}
    for each in listed:
        if each.others:
            found.setdefault(rates.listed(each.others), []).append(_named(each))
    return found


def _named(each: Listed) -> str:
    return f"{text.quoted(each.model)}, {each.variant}"


def _version(each: Listed, today: date) -> dict[str, object]:
    return {
        "Model on the list": each.model,
        "Tier": each.variant,
        "Input": rates.exact(each.input),
        "Cached": rates.exact(each.cached),
        "Output": rates.exact(each.output),
        "In force since": text.day(each.effective_from, today=today) if each.effective_from else "first listed",
        "For": text.in_cell(", ".join(each.models)),
        "Rows": each.rows,
        "Source": each.source,
        "SHA-256": each.content_sha256[:12],
    }
