"""The dashboard's cards: each number with what it is, which days it covers and what it leaves out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

import streamlit as st

from pages.ui import text
from tracker.overview import DayMark, Measure, Overview, Stage
from tracker.unpriced import Unpriced

ESTIMATE = ":gray-badge[estimate]"
CARD_PX = 230
BILLED = "Billed minus estimate"


def draw(seen: Overview) -> None:
    """Four cards in a row, one below the other on a phone."""
    grid = st.grid(4, border=True, min_column_width=CARD_PX)
    for card in CARDS:
        with grid.cell():
            card(seen)


def _card(label: str, value: str, lines: Sequence[str], *, explained: str) -> None:
    st.metric(label, text.dollars(value), help=explained)
    st.caption("  \n".join(text.dollars(line) for line in lines if line))


def _spend(seen: Overview) -> None:
    billed = seen.billed
    _card(
        f"Month to date {ESTIMATE}",
        text.money(seen.month.spend),
        [
            _counts(seen),
            _as_of(seen),
            *unread(seen),
            f"Billed so far {text.money(billed.amount)}, through {_day(seen, billed.through)}" if billed else "",
            unpriced(seen),
        ],
        explained="Tokens × list price of every event of the calendar month so far, in UTC days. Not an invoice."
        + unpriced_rule(seen),
    )


def _counts(seen: Overview) -> str:
    days = text.day_range(seen.cycle.start, seen.cycle.today, today=seen.cycle.today)
    tokens, requests = text.count(seen.month.tokens), text.count(seen.month.requests)
    return f"{days} UTC · {tokens} tokens · {requests} requests"


def _forecast(seen: Overview) -> None:
    explained = (
        "Complete days as they are; every other day as such a weekday was in the four weeks before. The range is "
        "where eight in ten past stretches of this length ended, tried on your own days. Unpriced usage is not in it."
    )
    label, found = f"{seen.cycle.start:%B} forecast {ESTIMATE}", seen.forecast
    if found is None:
        _card(label, text.UNKNOWN, [_no_forecast(seen)], explained=explained)
        return
    lines = [f"8 in 10 chance: {text.whole_money(found.low)} – {text.whole_money(found.high)}"]
    if found.usual_error is not None:
        months = text.several(found.months_tried, "month")
        lines.append(f"On day {seen.cycle.today.day} usually off by {found.usual_error} %, in {months}")
    _card(label, text.whole_money(found.middle), lines, explained=explained)


def _no_forecast(seen: Overview) -> str:
    return "After 56 days are read" if seen.stage is Stage.READING else "Too few complete days for a fair range"


def _billed(seen: Overview) -> None:
    explained = (
        "What the provider charged, minus our estimate of the same days. The two are never added. "
        "Credits, taxes, contract prices and fees without a token count are only in what is billed."
    )
    billed = seen.billed
    if billed is None:
        _card(BILLED, text.UNKNOWN, [f"No bill for {seen.cycle.start:%B} yet"], explained=explained)
        return
    days = text.day_range(seen.cycle.start, billed.through, today=seen.cycle.today)
    lines = [
        f"Billed {text.money(billed.amount)}, {days}",
        f"Estimate of these days {text.money(billed.estimate)}",
        "Unpriced usage is in the bill only" if seen.month.unpriced_rows else "",
    ]
    _card(BILLED, text.money_change(billed.difference), lines, explained=explained)


def _against(seen: Overview) -> None:
    before = f"{seen.cycle.previous_start:%B}"
    change = seen.change
    explained = (
        f"Estimated spend minus that of the same days of {before}. "
        "Only days count that are complete in both months; today is not."
    )
    label = f"Against {before} {ESTIMATE}"
    if not change.days:
        _card(label, text.UNKNOWN, [_no_comparison(seen, before)], explained=explained)
        return
    days = text.day_range(change.days[0], change.days[-1], today=seen.cycle.today)
    left_out = f", {text.several(change.left_out, 'day')} left out" if change.left_out else ""
    lines = [f"{text.percent_change(change.percent[Measure.SPEND])} on {text.money(change.before)}", days + left_out]
    if change.movers:
        mover = change.movers[0]
        lines.append(f"Largest mover: {text.quoted(mover.model)}, {text.money_change(mover.difference)}")
    _card(label, text.money_change(change.difference), lines, explained=explained)


def _no_comparison(seen: Overview, before: str) -> str:
    if seen.cycle.today == seen.cycle.start:
        return f"{seen.cycle.start:%B} began today"
    return f"After {before} is read" if seen.stage is Stage.READING else "No day is complete in both months"


CARDS: tuple[Callable[[Overview], None], ...] = (_spend, _forecast, _against, _billed)


def unread(seen: Overview) -> list[str]:
    """That days are missing in the sum, when there are any."""
    missing = [day for day in seen.cycle.days if seen.marks[day] is DayMark.MISSING]
    if not missing:
        return []
    days = text.several(len(seen.cycle.days), "day")
    return [f"**{len(missing)} of {days} not read yet**, so this is too low"]


def unpriced(seen: Overview) -> str:
    """The part that the estimate lacks, or that it lacks none."""
    month = seen.month
    if not month.unpriced_rows:
        return "Every request has a price" if month.spend is not None else ""
    models = text.several(len(month.unpriced_models), "model")
    what = text.several(month.unpriced_requests, "request") if month.unpriced_requests else ""
    what = what or text.several(month.unpriced_rows, "event")
    return f"{what} of {models} are unpriced and not in it{_at_most(seen.unpriced)}"


def _at_most(part: Unpriced) -> str:
    if part.at_most is None:
        return ""
    return f": {text.count(part.tokens)} tokens, {text.money(part.at_most)} at most"


def unpriced_rule(seen: Overview) -> str:
    """How the bound of the unpriced part is found, and what has none."""
    part, rule = seen.unpriced, ""
    if part.dearest:
        (given, made), millions = part.dearest, "a million"
        rule = (
            f" Unpriced tokens are bounded by the dearest rates on the list: {text.money(given.dollars)} {millions} "
            f"read ({given.model}) and {text.money(made.dollars)} {millions} written ({made.model})."
        )
    if part.tokenless_rows:
        rule += f" {text.several(part.tokenless_rows, 'event')} of images, audio and tools have no such bound."
    return rule


def _day(seen: Overview, day: date) -> str:
    return text.day(day, today=seen.cycle.today)


def _as_of(seen: Overview) -> str:
    if not seen.stale or seen.read_at is None:
        return ""
    return f"**As of {text.day(seen.read_at.date(), today=seen.cycle.today)}**"
