"""The dashboard's cards: each number with what it is, which days it covers and what it leaves out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.ui import text
from pages.ui.kept import Explained
from tracker import clock
from tracker.overview import Billed, DayMark, Measure, Overview, Stage
from tracker.unpriced import NO_BOUND, Unpriced

ESTIMATE = "estimate"
"""In plain words: the label is also the name of the card's help, in which markup would be read out."""
CARD_PX = 230
MARK = "+ ?"
"""Behind an estimate that does not hold the cost of everything; told once in words, under the cards."""
BILLED = "Billed minus estimate"


def draw(seen: Overview) -> DeltaGenerator:
    """Four cards in a row, one below the other on a phone; the place for what explains the last one."""
    grid = st.grid(4, border=True, min_column_width=CARD_PX)
    for card in CARDS:
        with grid.cell():
            card(seen)
    with grid.cell():
        place = _billed(seen)
    if said := lacking(seen):
        st.caption(text.dollars(said))
    return place


def explain(place: DeltaGenerator, seen: Overview, told: Explained | None) -> None:
    """Put into the last card how much of the difference has a cause; None where that was not looked for."""
    if seen.billed is not None:
        place.caption(_lines([_of_bill(seen, seen.billed), *_causes(told)]))


def _causes(told: Explained | None) -> list[str]:
    if told is None:
        return ["Reconciliation says what makes it"]
    if told.share is None:
        return ["Every line agrees"]
    left = f", {text.money(abs(told.left))} left" if told.left else ""
    most = f", mostly {told.cause}" if told.cause and not left else ""
    return [f"**{told.share} %** explained{left}{most}"]


def _card(label: str, value: str, lines: Sequence[str], *, explained: str) -> None:
    st.metric(label, text.dollars(value), help=explained)
    st.caption(_lines(lines))


def _lines(lines: Sequence[str]) -> str:
    return "  \n".join(text.dollars(line) for line in lines if line)


def _not_yet(seen: Overview, label: str, why: str, *, explained: str) -> None:
    """A card without its number: still being read, or not to be had."""
    if seen.stage is not Stage.READING:
        _card(label, text.UNKNOWN, [why], explained=explained)
        return
    st.markdown(f":small[{label}]", help=explained)  # as large as it will be with its number, so that it stays in place
    st.skeleton(height=30)
    st.caption(why)


def _spend(seen: Overview) -> None:
    billed = seen.billed
    _card(
        f"{_days_so_far(seen)}, {ESTIMATE}",
        marked(text.money(seen.month.spend), seen.unpriced),
        [
            _as_of(seen),
            f"Billed **{text.money(billed.amount)}** through {billed_to(seen, billed)}" if billed else "",
            f"{text.count(seen.month.tokens)} tokens · {text.count(seen.month.requests)} requests",
            *unread(seen),
        ],
        explained="Tokens × price of every event of the calendar month so far, in UTC days. Not an invoice."
        + unpriced_rule(seen.unpriced),
    )


def _days_so_far(seen: Overview) -> str:
    """What the first card is of: while the first days are read, the days that are there."""
    read = [day for day in seen.cycle.days if seen.marks[day] is not DayMark.MISSING]
    if seen.stage is not Stage.READING or not read or len(read) == len(seen.cycle.days):
        return "Month to date"
    return f"{text.day_range(read[0], read[-1], today=seen.cycle.today)} so far"


def _forecast(seen: Overview) -> None:
    explained = (
        "Complete days as they are; every other day as such a weekday was in the four weeks before. The range is "
        "where eight in ten past stretches of this length ended, tried on your own days. Unpriced usage is not in it."
        + unpriced_rule(seen.unpriced)
    )
    label, found = f"{seen.cycle.start:%B} forecast, {ESTIMATE}", seen.forecast
    if found is None:
        _not_yet(seen, label, _lines([_no_forecast(seen), budget(seen)]), explained=explained)
        return
    chance = f"8 in 10 chance: **{text.whole_money(found.low)} – {text.whole_money(found.high)}**"
    lines = [chance, budget(seen)]
    if found.usual_error is not None:
        explained += f" On day {seen.cycle.today.day} of a month it was usually off by {found.usual_error} %."
    _card(label, marked(text.whole_money(found.middle), seen.unpriced), lines, explained=explained)


def budget(seen: Overview) -> str:
    """What part of the budget the month takes, as far as that is known."""
    found = seen.budget
    if found is None:
        return "No budget yet" if seen.stage is not Stage.READING else ""
    share = f"Budget {text.rate_money(found.monthly)}: "
    if found.billed_over:
        return f"{share}**over by {text.money(found.billed_over)}** as billed"
    if found.expected is not None:
        over = f", **over by {text.whole_money(found.over)}**" if found.over else ", not exceeded"
        return f"{share}**{found.expected} %** of it{over}"
    return f"{share}**{found.spent} %** of it spent" if found.spent is not None else share.rstrip(": ")


def _no_forecast(seen: Overview) -> str:
    return "After 56 days are read" if seen.stage is Stage.READING else "Too few complete days for a fair range"


def _billed(seen: Overview) -> DeltaGenerator:
    explained = (
        "What the provider charged, minus our estimate of the same days; one without a complete bill is in neither. "
        "The two are never added. "
        "Credits, taxes, contract prices and fees without a token count are only in what is billed."
    )
    billed = seen.billed
    if billed is None:
        why = "After costs are read" if seen.stage is Stage.READING else f"No bill for {seen.cycle.start:%B} yet"
        _not_yet(seen, BILLED, why, explained=explained)
        return st.empty()
    st.metric(BILLED, text.dollars(text.money_change(billed.shown_difference)), help=explained)
    place = st.empty()
    place.caption(_lines([_of_bill(seen, billed), "Looking for what makes it …"]))
    return place


def _of_bill(seen: Overview, billed: Billed) -> str:
    days = text.day_range(seen.cycle.start, billed.through, today=seen.cycle.today)
    foreign = f"; {', '.join(map(text.quoted, seen.foreign)).upper()} lines are in no figure" if seen.foreign else ""
    lacking = seen.unpriced_of(clock.days(seen.cycle.start, billed.through + clock.DAY))
    estimate, without = marked(text.money(billed.estimate), lacking), _without(seen, billed)
    return f"{text.percent_change(billed.percent)} of {estimate}, {days}{without}{foreign}"


def billed_to(seen: Overview, billed: Billed) -> str:
    """The last day of a bill, and those before it that it is without."""
    return _day(seen, billed.through) + _without(seen, billed)


def _without(seen: Overview, billed: Billed) -> str:
    days = text.left_out(billed.holes, whose=seen.reach.known > 1, today=seen.cycle.today)
    return f" without {days}" if days else ""


def _against(seen: Overview) -> None:
    before = f"{seen.cycle.previous_start:%B}"
    change = seen.change
    explained = (
        f"Estimated spend minus that of the same days of {before}. "
        "Only days count that are complete in both months; today is not. Unpriced usage is in neither sum."
        + unpriced_rule(seen.unpriced)
    )
    label = f"Against {before}, {ESTIMATE}"
    if not change.days:
        _not_yet(seen, label, _no_comparison(seen, before), explained=explained)
        return
    days = text.day_range(change.days[0], change.days[-1], today=seen.cycle.today)
    which = _left_out(seen) or days
    before_that = marked(text.money(change.before), seen.unpriced_of(change.twins))
    lines = [f"**{text.percent_change(change.percent[Measure.SPEND])}** on {before_that}, {which}"]
    if main := change.main:
        lines.append(f"Mostly **{text.quoted(main.model)}**, {text.money_change(main.difference)}")
    _card(label, text.money_change(change.difference), lines, explained=explained)


def _left_out(seen: Overview) -> str:
    """How many days are in neither sum, and of how many of them no provider ever told."""
    change = seen.change
    untold = f", {change.untold} of them before the provider's history" if change.untold else ""
    return f"{text.several(change.left_out, 'day')} left out{untold}" if change.left_out else ""


def _no_comparison(seen: Overview, before: str) -> str:
    if seen.change.untold and seen.change.untold == seen.change.left_out:
        return f"{before} lies before the provider's history"
    if seen.cycle.today == seen.cycle.start:
        return f"{seen.cycle.start:%B} began today"
    return f"After {before} is read" if seen.stage is Stage.READING else "No day is complete in both months"


CARDS: tuple[Callable[[Overview], None], ...] = (_spend, _forecast, _against)


def unread(seen: Overview) -> list[str]:
    """That days, or all that some keys would tell, are missing in the sum, when there are any."""
    missing = [day for day in seen.cycle.days if seen.marks[day] is DayMark.MISSING]
    days, keys = text.several(len(seen.cycle.days), "day"), len(seen.unread_keys)
    yet = " yet" if seen.connections else ""
    said = [f"**{len(missing)} of {days} not read{yet}**, so this is too low"] if missing else []
    return [*said, f"Without **{text.several(keys, 'key')} not read yet**"] if keys else said


def unpriced(part: Unpriced) -> str:
    """The part that an estimate lacks; empty where it lacks none."""
    if not part.rows:
        return ""
    tokens = f" ({text.count(part.tokens)} tokens)" if part.tokens else ""
    what = text.several(part.requests, "unpriced request") if part.requests else ""
    return f"{what or text.several(part.rows, 'unpriced row')}{tokens}{_bound(part)}"


def marked(amount: str, part: Unpriced) -> str:
    """An estimate, as Markdown; that it lacks something is marked behind it, and told once under the cards."""
    return f"{amount} :small[{MARK}]" if part.rows and amount != text.UNKNOWN else amount


def lacking(seen: Overview) -> str:
    """What the mark in the cards means, in a sentence; empty where every request has a price."""
    now, then = seen.unpriced, seen.unpriced_of(seen.change.twins)
    if not now.rows and not then.rows:
        return ""
    counted = [_counted(now, f"{seen.cycle.start:%B}")] if now.rows else []
    counted += [_counted(then, f"the days of {seen.cycle.previous_start:%B} compared with")] if then.rows else []
    fact = f"**{MARK}**: {' and '.join(counted)} have no price, so no estimate above holds what they cost."
    if now.at_most is None:
        return fact
    rest = NO_BOUND if now.tokenless_rows else ""
    tokens = f"The {text.count(now.tokens)} tokens of {seen.cycle.start:%B}"
    return f"{fact} {tokens} would cost at most {text.money(now.at_most)}.{rest}"


def _counted(part: Unpriced, of: str) -> str:
    what = text.several(part.requests, "request") if part.requests else text.several(part.rows, "row")
    return f"{what} of {of}"


def _bound(part: Unpriced) -> str:
    """What is not sold by the token has no bound, and the words must not give it one."""
    if part.at_most is None:
        return ""
    return f", {'the tokens ' if part.tokenless_rows else ''}{text.money(part.at_most)} at most"


def unpriced_rule(part: Unpriced) -> str:
    """How the bound of the unpriced part is found, and what has none."""
    rule = ""
    if part.dearest:
        (given, made), millions = part.dearest, "a million"
        rule = (
            f" Unpriced tokens are bounded by the dearest rates on the list: {text.money(given.dollars)} {millions} "
            f"read ({given.model}) and {text.money(made.dollars)} {millions} written ({made.model})."
        )
    if part.tokenless_rows:
        rule += NO_BOUND if part.dearest else " What is not counted in tokens has no bound."
    return rule


def _day(seen: Overview, day: date) -> str:
    return text.day(day, today=seen.cycle.today)


def _as_of(seen: Overview) -> str:
    """For figures that end in the past, on which day they do."""
    if not seen.stale or seen.read_at is None:
        return ""
    return f"**As of {text.day(seen.read_at.date(), today=seen.cycle.today)}**"
