"""What the dashboard says of itself: one line of truth, and a notice for each state in which something is to be known.

Every notice ends with the next step: a button, the time of the next try, or that nothing is to be done.
"""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from pages.ui import cards, headings, prospects, rates, text, ways
from pages.ui.ways import Way
from tracker.models import KeyStatus
from tracker.overview import Connection, Measure, Overview, Period, Prospect, Stage, holes
from tracker.overview.onboarding import Step

WITHOUT_FIGURES = (Stage.NO_KEY, Stage.NO_WORKING_KEY, Stage.WAITING, Stage.NOTHING_USED)

PROMISE = "We never read prompts or answers, send only GET requests on a fixed list, and never show a key again."

STEPS = (
    ("Connect a key", "Paste a read-only admin key of OpenAI. We show which page and which button."),
    (
        "We read your last 12 months",
        f"{text.IN_ORDER.capitalize()}: this month is there within a minute. You can leave; it goes on.",
    ),
    ("See what it costs", "By model and day, beside what the provider billed, every day known to be complete or not."),
)


def draw(seen: Overview) -> None:
    """The notices of this overview, the gravest first."""
    for connection in seen.connections:
        if connection.refused:
            _refused(connection, seen)
    if seen.stage in WITHOUT_FIGURES:  # else they stand among what needs somebody
        for connection in _unchecked_ones(seen):
            _unchecked(connection, seen)
    _steps(seen)
    _worker(seen)
    if notice := STAGES.get(seen.stage):
        notice(seen)
    _failure(seen)
    _set_aside(seen)
    _unpriced(seen)


def line_of_truth(seen: Overview) -> str:
    """How far the figures can be trusted, in one line of Markdown."""
    today = seen.cycle.today
    part = f" for {seen.reach.part}" if seen.reach.part else ""
    through = seen.billed_through
    gone = "".join(
        f", {text.quoted(each.label)} through **{text.day(each.through, today=today)}**"
        for each in seen.reach.ended.values()
    )
    lacking = _without_bill(seen)
    billed = (
        f"Billed through **{text.day(through, today=today)} UTC**{part}{gone}{lacking}" if through else "No bill yet"
    )
    read = f"read **{text.age(seen.now - seen.read_at)}**" if seen.read_at else "not read yet"
    worker = "" if seen.workers.alive or not seen.connections else "**no worker running**"
    return " · ".join(part for part in (billed, complete(seen), read, worker) if part)


def _without_bill(seen: Overview) -> str:
    """Of which of the days that the line is of there is no bill, though later ones have one."""
    cycle, whose = seen.cycle, seen.reach.known > 1
    found = holes.within(seen.reach.holes, cycle.finished[0], cycle.today)
    days = text.left_out(found, whose=whose, today=cycle.today)
    return f" (no complete bill for **{days}**)" if days else ""


def complete(seen: Overview) -> str:
    """How many of which days are complete, and of how many keys where others were never read."""
    last = seen.cycle.finished
    days = text.day_range(last[-seen.told_days] if seen.told_days else last[0], last[-1], today=seen.cycle.today)
    unread = len(seen.unread_keys)
    of = f" of {text.several(seen.in_figures, 'key')}" if unread else ""
    told = f"**{seen.complete_days} of {seen.told_days}** days{of} complete ({days})"
    return f"{told} · **{text.several(unread, 'key')} not read yet**" if unread else told


def unpriced_days(seen: Overview, period: Period, measure: Measure) -> str:
    """That unpriced usage of these days is in no bar of money; how much of the month it is stands under the cards."""
    days = set(seen.cycle.days_of(period))
    kinds = seen.kinds_of(days)
    if measure is not Measure.SPEND or not kinds:
        return ""
    much = f"; {cards.unpriced(seen.unpriced_of(days))}" if period is not Period.MONTH else ""
    return f"Without a price, and so in no bar: {rates.kinds(kinds)}{much}."


def _steps(seen: Overview) -> None:
    """The way from nothing to this month, until it is gone."""
    if seen.stage in {Stage.NOTHING_USED, Stage.READY} or Step.MONTH in seen.steps_done:
        return
    done = seen.steps_done
    ahead = [step for step in Step if step not in done]
    marks = [f":green[:material/check_circle:] {step.value}" for step in done]
    marks.append(f":primary[:material/arrow_circle_right:] **{ahead[0].value}**")
    marks += [f":gray[:material/radio_button_unchecked: {step.value}]" for step in ahead[1:]]
    with st.container(horizontal=True, gap="small"):  # each in a place of its own, so that none is parted from its mark
        for mark in marks:
            st.markdown(mark, width="content")


def _no_key(_seen: Overview) -> None:
    st.markdown("No provider is connected yet. Three steps, about a minute.")
    grid = st.grid(3, border=True, min_column_width=280)
    for number, (title, words) in enumerate(STEPS, start=1):
        with grid.cell():
            st.markdown(f":{'primary' if number == 1 else 'gray'}-badge[{number}] **{title}**")
            st.caption(words)
            if number == 1:
                to_settings("Connect a key", icon=":material/key:", main=True)
    st.caption(PROMISE)


def _waiting(seen: Overview) -> None:
    if seen.workers.alive:
        st.info(waiting(seen), icon="spinner", title="Waiting for the first read")


def waiting(seen: Overview) -> str:
    """When the first reading comes: at once with a key that works, else when the provider has accepted one."""
    doubtful = _unchecked_ones(seen)
    works = [text.quoted(each.label) for each in seen.connections if each.status is KeyStatus.VALID and not each.paused]
    if works or not doubtful:
        whose = ", ".join(works) if doubtful else "Your key"
        return f"{whose} is sealed. The worker picks it up within two seconds."
    later = [each.retry_at for each in doubtful if each.retry_at and each.retry_at > seen.now]
    when = text.instant(min(later), today=seen.cycle.today) if later else "now"
    return f"Your key is sealed. It is checked again {when}, and read as soon as the provider accepts it."


def _unchecked_ones(seen: Overview) -> list[Connection]:
    return [each for each in seen.connections if each.status is KeyStatus.UNCHECKED and each.reason]


def _reading(seen: Overview) -> None:
    progress = seen.progress
    now_at = f", now at {text.day(progress.reading, today=seen.cycle.today)}" if progress.reading else ""
    words = f"Reading {text.IN_ORDER}: **{progress.read:,} of {text.several(progress.total, 'day')}**{now_at}. "
    st.progress(
        progress.share, text=words + prospects.ON_THE_WAY.get(seen.prospect, prospects.ON_THE_WAY[Prospect.NO_WORKER])
    )


def _nothing_used(seen: Overview) -> None:
    with st.container(border=True):
        headings.draw("The provider reports no usage in the last 12 months")
        st.markdown(
            f"The key works and all {text.several(seen.progress.total, 'day')} were read: **verified zero**, not "
            "missing. Is it the right organisation? The usual reason is that your traffic runs in another one."
        )
        st.markdown(
            "1. Open **platform.openai.com** and look at the organisation's name at the top left.\n"
            "2. Switch to the one your applications use.\n"
            "3. Create the admin key there and replace this one."
        )
        to_settings("Replace the key", icon=":material/key:", main=True)
        st.caption(prospects.FIRST_USAGE.get(seen.prospect, prospects.DAYS[seen.prospect]))


STAGES: dict[Stage, Callable[[Overview], None]] = {
    Stage.NO_KEY: _no_key,
    Stage.WAITING: _waiting,
    Stage.READING: _reading,
    Stage.NOTHING_USED: _nothing_used,
}


def _refused(connection: Connection, seen: Overview) -> None:
    when = f" at {text.instant(connection.checked_at, today=seen.cycle.today)}" if connection.checked_at else ""
    reason = text.told(connection.reason) if connection.reason else "It can no longer be used."
    st.error(
        f"**{text.quoted(connection.label)}** ({connection.provider}, ends {text.quoted(connection.last4)}){when}: "
        f"{reason} What was read before is kept and shown; nothing newer arrives from this key.",
        icon=":material/key_off:",
        title=REFUSALS.get(connection.status, "A key was refused"),
    )
    with st.container(horizontal=True):
        to_settings(
            "Replace the key or check it again", icon=":material/key:", key=f"refused-{connection.provider_key_id}"
        )


def _unpriced(seen: Overview) -> None:
    """That there is usage and no sum, because nothing of it has a price."""
    if seen.month.spend is None and seen.month.unpriced_rows:
        st.info(
            f"{text.several(seen.month.unpriced_requests, 'request')} of this month are counted, but none has a price, "
            "so there is no estimate to show. What the provider bills is not affected.",
            icon=":material/sell:",
            title="Nothing used this month has a price",
        )
        ways.button("Set a price", Way.PRICES, icon=":material/sell:", key="all-unpriced")


REFUSALS = {
    KeyStatus.INSUFFICIENT: "A key may not read everything it needs",
    KeyStatus.UNREADABLE: "A stored key cannot be opened",
}


def _unchecked(connection: Connection, seen: Overview) -> None:
    reason = text.told(connection.reason or "")
    st.info(
        f"**{text.quoted(connection.label)}**: {reason} {prospects.of_unchecked(connection, seen)}",
        icon=":material/hourglass:",
        title="A key is not checked yet",
    )


def _worker(seen: Overview) -> None:
    """Stale figures, or nobody who could read newer ones."""
    if seen.stage is Stage.NO_KEY:
        return
    today = seen.cycle.today
    if seen.stale and seen.read_at and seen.connections:
        newer = "" if seen.workers.full else prospects.NEWER[seen.prospect]
        st.warning(
            f"Nothing was read since {text.instant(seen.read_at, today=today)}. The figures below are true "
            f"for what was read, and end there. {newer}",
            icon=":material/schedule:",
            title=f"These numbers are from {text.age(seen.now - seen.read_at)}",
        )
    if seen.prospect is Prospect.NO_WORKER and (seen.workers.full or not seen.stale):
        seen_at = text.instant(seen.workers.seen_at, today=today) if seen.workers.seen_at else None
        title, words = prospects.without_worker(seen_at, full=seen.workers.full)
        st.warning(words, icon=":material/pause_circle:", title=title)


def _failure(seen: Overview) -> None:
    failure = seen.failure
    if failure is None:
        return
    today = seen.cycle.today
    others = f" and {text.several(failure.days - 1, 'other day')}" if failure.days > 1 else ""
    what, reason = failure.endpoint.replace("_", " "), text.quoted(failure.reason or "")
    st.warning(
        f"The newest: {what}. {reason} {prospects.of_failure(seen)}",
        icon=":material/event_busy:",
        title=f"{text.day(failure.newest, today=today)}{others} could not be read",
    )


def _set_aside(seen: Overview) -> None:
    """That reading has been stopped on purpose."""
    if paused := [each for each in seen.connections if each.paused and not each.refused]:
        names = ", ".join(text.quoted(each.label) for each in paused)
        st.info(f"**{names}** is paused. Days missed meanwhile are read when you resume it.", icon=":material/pause:")
        to_settings("Resume", icon=":material/play_arrow:", key="paused")
    if not seen.connections and seen.stage is not Stage.NO_KEY:
        st.info(
            f"{prospects.since(seen)} What was read before is kept and shown, here and in every file.",
            icon=":material/key_off:",
            title="No key is connected any more",
        )
        to_settings("Connect a key", icon=":material/key:", key="none-left")


def to_settings(label: str, *, icon: str, key: str | None = None, main: bool = False) -> None:
    """A button to the settings page."""
    ways.button(label, Way.SETTINGS, icon=icon, key=key, main=main)
