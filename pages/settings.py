"""The workspace's provider keys and the worker that reads with them. A stored key is never opened here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.ui import account, badges, brand, budget, gate, guides, live, passports, proof, prospects, said, text, trail
from pages.ui.addresses import Word
from pages.ui.context import Context
from pages.ui.ways import Tab
from tracker import clock, connections
from tracker.errors import BadInput
from tracker.models import KeyStatus
from tracker.overview import keys
from tracker.overview.keys import KeyCard, LastRun, Standing
from tracker.overview.prospects import prospect
from tracker.providers import PROVIDERS

TITLE = "Settings"
ICON = ":material/settings:"
WORDS = (Word("tab", tuple(tab.value for tab in Tab)),)

ROUND, TRIES, ASKING = "settings.round", "settings.tries", "settings.asking"
MOST_KEY = 600
REPLACE, CHECK, PAUSE, RESUME, DELETE = "Replace the key", "Check again", "Pause", "Resume", "Delete"
PASSPORT = "Key passport"


def render(ctx: Context) -> None:
    """Draw the page for one person's workspace."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.title(TITLE, anchor=False)
        tab = _tab()
    standing = keys.read(ctx.product, ctx.workspace_id, now=ctx.now)
    with st.container():  # always there, so that a word appearing in it moves nothing about
        _worker(standing)
        said.draw(workers=standing.workers)
    drawn = {
        Tab.KEYS: lambda: _keys(ctx, standing),
        Tab.BUDGET: lambda: budget.draw(ctx),
        Tab.ACCOUNT: lambda: account.draw(ctx),
        Tab.TRAIL: lambda: trail.draw(ctx),
    }
    drawn[tab]()


def _tab() -> Tab:
    """The chosen part. Not st.tabs: while it is drawn anew it is out of order for a moment, and loses a click."""
    chosen = st.segmented_control(
        "Part of the settings",
        [tab.value for tab in Tab],
        # What a button of another place has chosen is there already, and Streamlit warns of a default beside it.
        default=None if "tab" in st.session_state else Tab.KEYS.value,
        required=True,
        label_visibility="collapsed",
        key="tab",
        bind="query-params",
    )
    return Tab(chosen) if chosen in list(Tab) else Tab.KEYS


def _keys(ctx: Context, standing: Standing) -> None:
    if not standing.keys:
        soon = (
            "its figures are on the dashboard within a minute" if standing.workers else "it is read once a worker runs"
        )
        none = "None any more; what was read stays. A key of the same organisation goes on from there"
        st.caption(f"{none}: {soon}." if standing.ended else f"None yet. Paste the first one below; {soon}.")
    for card in standing.keys:
        _card(ctx, card, standing)
    _add(ctx, first=not standing.keys)
    if standing.workers and any(map(_under_way, standing.keys)) and not st.session_state.get(ASKING):
        live.keep_fresh("settings")


def _under_way(card: KeyCard) -> bool:
    waits = card.status is KeyStatus.UNCHECKED and card.retry_at is None
    return not card.paused and (waits or (card.status is KeyStatus.VALID and card.progress.pending > 0))


def _worker(standing: Standing) -> None:
    """The worker in one line, and a clear word when there is none."""
    if standing.keys:  # without one there is nothing to be said of runs, and the form is what matters
        st.markdown(" · ".join([last_run(standing.last_run, standing), _life(standing)]))
        st.caption(standing.next_reading)
    if not standing.workers:
        seen_at = _instant(standing.seen_at, standing) if standing.seen_at else None
        title, words = prospects.without_worker(seen_at, full=standing.full)
        st.warning(words, icon=":material/pause_circle:", title=title)


def last_run(run: LastRun | None, standing: Standing) -> str:
    """What the newest run that read anything came to, and with which of several keys; or that the first goes on."""
    if run is None or not run.units_done + run.units_failed:  # then no run ever had anything to read
        return "First run under way" if standing.workers and any(map(_under_way, standing.keys)) else "Nothing read yet"
    of = [card.label for card in standing.keys if card.provider_key_id == run.key_id and len(standing.keys) > 1]
    when = f"Last run **{_instant(run.finished_at, standing)}**" + "".join(f" with {text.quoted(key)}" for key in of)
    if run.units_failed:
        reason = text.quoted(run.reason or "no reason told")
        return f"{when}, **{run.units_failed:,} of {run.units_done + run.units_failed:,} reads failed**: {reason}"
    return f"{when}, {text.several(run.units_done, 'read')}, none failed"


def _life(standing: Standing) -> str:
    return "worker **running**" if standing.workers else "worker **not running**"


def _instant(at: datetime | None, standing: Standing) -> str:
    return text.instant(at, today=clock.day_of(standing.now)) if at else text.UNKNOWN


def _card(ctx: Context, card: KeyCard, standing: Standing) -> None:
    with st.container(border=True, gap="small"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(f"**{text.quoted(card.label)}**  \n:gray[{card.provider} · ends] `{card.last4}`", width=210)
            with st.container(width=190, gap="xsmall"):
                badges.draw(card, standing)
            st.markdown(f":gray[Last read]  \n{_instant(card.read_at, standing)}", width=130)
            _progress(card)
            _menu(ctx, card)
        if words := _words(card, standing):
            st.markdown(words)


def _progress(card: KeyCard) -> None:
    done = card.progress
    st.progress(done.share, text=f"{done.read:,} of {text.several(done.total, 'day')}", width=180)


def _words(card: KeyCard, standing: Standing) -> str:
    """What is to be known or done beyond the badge."""
    if card.paused:
        return ":gray[Nothing is read. Days missed meanwhile are read when you resume.]"
    retry = f" {_tried(card, standing)}" if card.retry_at or card.status is KeyStatus.UNCHECKED else ""
    if card.reason:
        return text.told(card.reason) + retry
    if card.status is KeyStatus.VALID and not card.used and not card.progress.pending:
        return "The organisation shows no usage in the last 12 months. Is it the right organisation?"
    if card.status is KeyStatus.VALID and card.too_powerful:
        return f":orange[:material/shield:] It can do more than it needs: see **{PASSPORT}** under Manage.{retry}"
    return retry.strip()


def _tried(card: KeyCard, standing: Standing) -> str:
    """When a key that waits is tried again, while somebody is there to do it."""
    found = prospect(card.status, paused=card.paused, workers=standing.workers)
    told = prospects.checked if card.status is KeyStatus.UNCHECKED else prospects.tried
    return told(found, card.retry_at, now=standing.now, today=clock.day_of(standing.now))


def _menu(ctx: Context, card: KeyCard) -> None:
    options = [PASSPORT, REPLACE, CHECK, RESUME if card.paused else PAUSE, DELETE]
    chosen = st.menu_button("Manage", options, key=f"manage-{card.provider_key_id}")
    if chosen not in ACTIONS:
        chosen = next((each for each in (REPLACE, DELETE) if proof.just_proven(_asks(each, card))), None)
    if chosen in ACTIONS:
        ACTIONS[chosen](ctx, card)


def _asks(action: str, card: KeyCard) -> str:
    """What a proof was asked for, so that the same question is put again after it."""
    return f"{action} {card.provider_key_id}"


def _check(ctx: Context, card: KeyCard) -> None:
    connections.ask_check(ctx.product, ctx.workspace_id, card.provider_key_id, by=ctx.actor)
    _say(f"“{card.label}” is checked again by the worker, within two seconds while one runs.")


def _pause(ctx: Context, card: KeyCard) -> None:
    connections.pause(ctx.product, ctx.workspace_id, card.provider_key_id, paused=True, by=ctx.actor)
    _say(f"“{card.label}” is paused. What was read stays.")


def _resume(ctx: Context, card: KeyCard) -> None:
    connections.pause(ctx.product, ctx.workspace_id, card.provider_key_id, paused=False, by=ctx.actor)
    _say(f"“{card.label}” is read again, the days missed meanwhile included.")


def _replace(ctx: Context, card: KeyCard) -> None:
    @st.dialog(f"Replace the key of “{text.quoted(card.label)}”", on_dismiss=_stop_asking)
    def ask() -> None:
        gate.recheck(ctx)
        if not proof.stands(ctx, _asks(REPLACE, card)):
            return
        st.markdown("The new key must belong to the same organisation. History is kept.")
        with st.form("replace", border=False):
            place = st.empty()
            typed = _key_field(place, "New admin key")
            sent = st.form_submit_button("Check and replace", type=brand.main_button())
        st.caption("Checked with read-only requests before anything is stored.")
        if sent and _stored(
            lambda: connections.replace(ctx.product, ctx.workspace_id, card.provider_key_id, text=typed, by=ctx.actor),
            empty=lambda: _key_field(place, "New admin key"),
        ):
            _stop_asking()
            st.rerun()

    st.session_state[ASKING] = True
    ask()


def _delete(ctx: Context, card: KeyCard) -> None:
    @st.dialog(f"Delete “{text.quoted(card.label)}”?", on_dismiss=_stop_asking)
    def ask() -> None:
        gate.recheck(ctx)
        if not proof.stands(ctx, _asks(DELETE, card)):
            return
        st.markdown(
            f"The key is destroyed at once and cannot be brought back. **The {text.several(card.read_days, 'day')} "
            "already read stay** in every figure and download, and no newer ones arrive."
        )
        st.caption("The key itself goes on working at the provider: revoke it there if nobody else uses it.")
        if st.button("Delete the key", icon=":material/delete:", type=brand.main_button()):
            connections.delete(ctx.product, ctx.workspace_id, card.provider_key_id, by=ctx.actor)
            _stop_asking()
            _say(f"The key of “{card.label}” is destroyed. Its history stays.")

    st.session_state[ASKING] = True
    ask()


def _stop_asking() -> None:
    """A page that keeps itself fresh would close an open question."""
    st.session_state[ASKING] = False
    proof.forget()


def _passport(ctx: Context, card: KeyCard) -> None:
    @st.dialog(f"Passport of “{text.quoted(card.label)}”", width="large", on_dismiss=_stop_asking)
    def show() -> None:
        gate.recheck(ctx)
        passports.draw(ctx, card.provider_key_id)

    st.session_state[ASKING] = True
    show()


ACTIONS: dict[str, Callable[[Context, KeyCard], None]] = {
    PASSPORT: _passport,
    REPLACE: _replace,
    CHECK: _check,
    PAUSE: _pause,
    RESUME: _resume,
    DELETE: _delete,
}


def _add(ctx: Context, *, first: bool) -> None:
    st.header("Add a provider key", anchor=False)
    with st.container(border=True):
        grid = st.grid(2, min_column_width=320, gap="large")
        with grid.cell():
            provider = _provider()
            if proof.stands(ctx, "add"):
                _form(ctx, provider, first=first)
        with grid.cell():
            guides.draw(provider)


def _provider() -> str:
    """The chosen provider's name; not asked while there is only one."""
    if len(PROVIDERS) == 1:
        return next(iter(PROVIDERS))
    chosen = st.segmented_control(
        "Provider", list(PROVIDERS), format_func=lambda name: PROVIDERS[name].title, default="openai", required=True
    )
    return str(chosen)


def _form(ctx: Context, provider: str, *, first: bool) -> None:
    """The fields are new ones after each key that was stored, so that none stays in the browser.

    Its button is the page's main one as long as no key is stored.
    """
    number = st.session_state.get(ROUND, 0)
    title = PROVIDERS[provider].title
    with st.form(f"add-{number}", border=False):
        label = st.text_input("Label", placeholder="for example: Acme production", max_chars=80, autocomplete="off")
        place = st.empty()
        typed = _key_field(place, f"{title} admin key")
        kind = brand.main_button() if first else "secondary"
        sent = st.form_submit_button("Check and save", type=kind, icon=":material/key:")
    st.caption("Checked with read-only requests before anything is stored.")
    name = label.strip() or title
    if sent and _stored(
        lambda: connections.add(ctx.product, ctx.workspace_id, provider=provider, label=name, text=typed, by=ctx.actor),
        empty=lambda: _key_field(place, f"{title} admin key"),
    ):
        st.session_state[ROUND] = number + 1
        st.rerun()


def _key_field(place: DeltaGenerator, label: str) -> str:
    """The field for a key: another one, and so an empty one, after each key that was tried."""
    return place.text_input(
        label,
        type="password",
        placeholder="sk-admin-…",
        max_chars=MOST_KEY,
        autocomplete="off",
        key=f"settings.key-{st.session_state.get(TRIES, 0)}-{label}",
    )


def _stored(store: Callable[[], connections.Added], *, empty: Callable[[], object]) -> bool:
    """Whether the key was stored; if not, the reason stands below the field, which is emptied."""
    try:
        with st.spinner("Asking the provider …"):
            added = store()
    except BadInput as error:
        _count_try()
        empty()
        st.error(text.told(str(error)), icon=":material/key_off:")
        return False
    _count_try()
    said.say(f"{added.sentence} The key is sealed.", added)
    return True


def _count_try() -> None:
    st.session_state[TRIES] = st.session_state.get(TRIES, 0) + 1


def _say(words: str) -> None:
    said.say(words)
    st.rerun()
