"""What a person should know or do, the gravest first, or that there is nothing. One row each: a fact, what follows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import streamlit as st

from pages.ui import cards, headings, prospects, rates, text, ways
from pages.ui.ways import Way
from tracker.explore.view import Grain, Preset, View
from tracker.models import KeyStatus
from tracker.overview import DayMark, Overview, Stage
from tracker.overview.cycle import LIKE_WEEKS
from tracker.overview.prospects import Prospect
from tracker.overview.unusual import Unusual

MOST = 5
THEIRS = frozenset({Prospect.READ, Prospect.CHECKED})
"""Where a worker goes on by itself, so that nobody has to."""


@dataclass(frozen=True)
class Need:
    """A bold fact, what follows from it, and where to go on: the words on the button, the way, the view there.

    What `mends` itself is to be known and needs nobody.
    """

    icon: str
    fact: str
    consequence: str
    step: str
    way: Way
    view: View | None = None
    mends: bool = False


def draw(seen: Overview) -> None:
    """Two lists: what needs a person, and what is under way without one."""
    found = needs(seen)
    yours, theirs = [need for need in found if not need.mends], [need for need in found if need.mends]
    if yours or not theirs:
        with st.container(border=True, gap="small"):
            headings.draw(HEADING)
            _rows(yours, "orange", "need")
            if not yours:
                st.markdown(nothing(seen))
    if theirs:
        with st.container(border=True, gap="small"):
            headings.draw("Mends itself")
            st.caption(f"{'Nothing needs you. ' if not yours else ''}To be known; nothing to do.")
            _rows(theirs, "gray", "mends")


def _rows(found: Sequence[Need], colour: str, name: str) -> None:
    """The first few, and all others behind one touch."""
    for place, need in enumerate(found[:MOST]):
        _row(need, colour, f"{name}-{place}")
    if len(found) > MOST:
        with st.expander(f"{len(found) - MOST} more", icon=":material/expand_more:"):
            for place, need in enumerate(found[MOST:], MOST):
                _row(need, colour, f"{name}-{place}")


def _row(need: Need, colour: str, key: str) -> None:
    said, done = st.columns([5, 1], vertical_alignment="center")
    with said:
        words = f":{colour}[:material/{need.icon}:] **{need.fact}**  \n:gray[{need.consequence}]"
        st.markdown(text.dollars(words))
    with done, st.container(horizontal_alignment="right"):
        ways.button(need.step, need.way, key=key, view=need.view)


def nothing(seen: Overview) -> str:
    """That all is well, in words that hold; while days are incomplete, who reads them."""
    if seen.complete_days < seen.told_days:
        return f"{seen.complete_days} of the last {seen.told_days} days are complete. {prospects.of_days(seen)}"
    price = "every request has a price" if seen.month.spend is not None else "nothing was used yet"
    return f"Nothing needs you. All of the last {seen.told_days} days are complete and {price}."


def count(seen: Overview) -> str:
    """How many things need a person, for the line of truth."""
    number = sum(not need.mends for need in needs(seen))
    return f"**{text.several(number, 'thing')}** below {'needs' if number == 1 else 'need'} you" if number else ""


def needs(seen: Overview) -> list[Need]:
    """Everything to be known, what needs a person most first."""
    return [need for each in KINDS for need in each(seen)]


def _none_connected(seen: Overview) -> Iterator[Need]:
    if not seen.connections and seen.stage is not Stage.NO_KEY:
        fact = "No key is connected any more."
        consequence = f"{prospects.since(seen)} A key of the same organisation goes on from there."
        yield Need("key_off", fact, consequence, "Connect a key", Way.SETTINGS)


def _refused(seen: Overview) -> Iterator[Need]:
    for connection in seen.connections:
        if connection.refused:
            label = text.quoted(connection.label)
            fact = f"The key of {label} is not used."
            yield Need("key_off", fact, text.told(connection.reason or ""), "Replace the key", Way.SETTINGS)


def _doubled(seen: Overview) -> Iterator[Need]:
    for label, reason in seen.doubled:
        fact = f"The key of {text.quoted(label)} is set aside: nothing is read with it."
        yield Need("content_copy", fact, text.told(reason or ""), *CHECK)


def _unchecked(seen: Overview) -> Iterator[Need]:
    for connection in seen.connections:
        if connection.status is KeyStatus.UNCHECKED and not connection.paused:
            fact = f"The key of {text.quoted(connection.label)} is not checked yet, so nothing is read with it."
            why = f"{text.quoted(connection.reason or '')} {prospects.of_unchecked(connection, seen)}".strip()
            mends = connection.prospect(seen.workers.alive) in THEIRS and not connection.foreign
            yield Need("hourglass", fact, why, *CHECK, mends=mends)


def _too_powerful(seen: Overview) -> Iterator[Need]:
    for connection in seen.connections:
        if connection.excess and connection.read_with:
            fact = f"The key of {text.quoted(connection.label)} can do more than it needs."
            also = f"It can also read {' and '.join(connection.excess)}."
            consequence = f"{also} Its passport in Settings says how to narrow it."
            yield Need("shield", fact, consequence, "How to narrow it", Way.SETTINGS)


def _failed(seen: Overview) -> Iterator[Need]:
    failure, today = seen.failure, seen.cycle.today
    if failure is None:
        return
    what = failure.endpoint.replace("_", " ")
    others = f" and {text.several(failure.days - 1, 'other day')}" if failure.days > 1 else ""
    fact = f"{text.day(failure.newest, today=today)}{others} could not be read: {what}."
    consequence = f"{text.quoted(failure.reason or '')} {prospects.of_failure(seen)}"
    mends = prospects.prospect_of_failure(seen) in THEIRS
    yield Need("event_busy", fact, consequence, "See the days", Way.COMPLETENESS, mends=mends)


def _set_aside(seen: Overview) -> Iterator[Need]:
    if not seen.aside:
        return
    newest, today = seen.aside[0], seen.cycle.today
    what = f"{newest.endpoint.replace('_', ' ')} of {text.day(newest.day, today=today)}"
    lacking = len({(each.label, each.endpoint, each.day) for each in seen.aside})
    others = f" and {text.several(lacking - 1, 'other day')}" if lacking > 1 else ""
    rows = text.several(len(seen.aside), "row")
    fact = f"{rows} that cannot be true {'is' if len(seen.aside) == 1 else 'are'} in no figure: {what}{others}."
    rest = f"The rest of the day counts. Completeness names every row. {prospects.AGAIN[seen.prospect]}"
    consequence, mends = f"{text.quoted(newest.reason)} {rest}", seen.prospect in THEIRS
    yield Need("rule", fact, consequence, "See the rows", Way.COMPLETENESS, mends=mends)


def _missing(seen: Overview) -> Iterator[Need]:
    missing = [day for day in seen.cycle.finished if seen.marks[day] is DayMark.MISSING]
    if not missing or seen.failure or seen.stage is Stage.READING or not any(each.lacking for each in seen.connections):
        return
    days = text.several(len(missing), "day")
    fact = f"{days} of the last {seen.told_days} are not read."
    mends = all(each.prospect(seen.workers.alive) in THEIRS for each in seen.connections if each.lacking)
    yield Need("event_busy", fact, prospects.of_days(seen), "See the days", Way.COMPLETENESS, mends=mends)


def _unpriced(seen: Overview) -> Iterator[Need]:
    if not seen.month.unpriced_rows:
        return
    kinds = seen.kinds_of(seen.cycle.days)
    fact = f"{rates.kinds(kinds)} {'has' if len(kinds) == 1 else 'have'} no price."
    consequence = "What that costs is in no estimate; how much it is stands under the cards."
    yield Need("sell", fact, consequence, "Set a price", Way.PRICES)


def _unusual(seen: Overview) -> Iterator[Need]:
    for found in seen.unusual:
        day = f"{found.day:%a} {text.day(found.day, today=seen.cycle.today)}"
        fact = f"{day} was unusual: {text.money(found.spend)}, at most {text.money(found.dearest)} {_like(found)}."
        rise = f"{text.quoted(found.model)} made {found.part} % of the rise."
        # The day before is no such weekday, and would tell another story than the one it is compared with here.
        hours = View(Preset.CUSTOM, found.day, found.day, compare=False, grain=Grain.HOUR)
        yield Need("trending_up", fact, rise, "See the day", Way.EXPLORE, hours)


def _like(found: Unusual) -> str:
    """The days that it was compared with: "on the four Thursdays before"; those that are not complete are left out."""
    some = "" if found.like == LIKE_WEEKS else f"{found.like} of "
    return f"on {some}the {LIKE_WEEKS} {found.day:%A}s before"


def of_budget(seen: Overview) -> Iterator[Need]:
    budget, billed = seen.budget, seen.billed
    if budget is None or not (budget.is_used_up or budget.over):
        return
    limit = text.rate_money(budget.monthly)
    spent = f"By the estimate {budget.spent} % of {limit} is spent." if budget.spent is not None else ""
    if budget.billed_over and billed:
        through = cards.billed_to(seen, billed)
        spent = f"{text.money(billed.amount)} of {limit} was billed through {through}. {spent}".strip()
    if budget.is_used_up:
        yield Need("savings", f"The budget of {seen.cycle.start:%B} is used up.", spent, *CHANGE)
    elif budget.over is not None:
        fact = f"{seen.cycle.start:%B} is expected to go {text.whole_money(budget.over)} over its budget."
        yield Need("savings", fact, spent, *CHANGE)


HEADING = "Needs you"
CHANGE, CHECK = ("Change the budget", Way.BUDGET), ("See the key", Way.SETTINGS)
KINDS: tuple[Callable[[Overview], Iterator[Need]], ...] = (
    _none_connected,
    _refused,
    _doubled,
    _unchecked,
    _failed,
    _missing,
    _set_aside,
    _too_powerful,
    of_budget,
    _unusual,
    _unpriced,
)
