"""The controls of a view, kept in step with the address: whichever changed last is right.

The address is the truth when somebody comes by a link, a saved view or the browser's Back; else the controls are.
For each such view there are new controls that begin with it. None is ever told of it: what a run tells a control is
lost where the next one cuts it short, and the browser would then go on with a control's first option instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from typing import Literal, TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.ui import text
from pages.ui.addresses import Word
from tracker import zones
from tracker.explore import picked as choice
from tracker.explore.facets import NOUNS, Facets
from tracker.explore.span import span_of, up_to_today
from tracker.explore.view import MOST_DAYS, NAMES, UTC, By, Chosen, Grain, Preset, View, offered, parse
from tracker.overview.figures import Measure

T = TypeVar("T")

PRESETS = {
    Preset.MONTH: "Month to date",
    Preset.LAST_MONTH: "Last month",
    Preset.WEEK: "Last 7 days",
    Preset.THIRTY: "Last 30 days",
    Preset.NINETY: "Last 90 days",
    Preset.YEAR: "Last 365 days",
    Preset.CUSTOM: "From … to …",
}
MEASURES = {Measure.SPEND: "Spend", Measure.TOKENS: "Tokens", Measure.REQUESTS: "Requests"}
GROUPINGS = {by: NOUNS[by][0].upper() + NOUNS[by][1:] for by in By}
BARS = {Grain.DAY: "Days", Grain.HOUR: "Hours", Grain.WEEK: "Weeks", Grain.MONTH: "Months"}
OURS = (*NAMES, *choice.NAMES)
WORDS = tuple(map(Word, OURS))
WORDS_OF_DAYS = tuple(Word(name) for name in NAMES if name not in {"by", "m", "grain"})
"""Those of a page without grouping, measure and grain. What their values are worth is said under the controls."""

ADDRESS, COMPLAINTS, BEGUN, WHOLE = "view.address", "view.complaints", "view.begun", "view.whole"
TURN, UNTOLD, OPENED = "view.turn", "view.untold", "view.opened"


@dataclass(frozen=True)
class Begun:
    """What the controls of a turn begin with: a view, its first and last day, and what its filters let choose from.

    The days and the filters have turns of their own, for they may begin anew alone.
    """

    view: View
    days: tuple[date, date]
    known: Mapping[By, tuple[Chosen, ...]]
    turn: int
    days_turn: int
    filters_turn: int

    def key(self, name: str) -> str:
        """Of a control."""
        return f"view.{name}.{self.turn}"

    @property
    def days_key(self) -> str:
        return f"view.days.{self.days_turn}"

    def filter_key(self, by: By) -> str:
        return f"view.only.{by}.{self.filters_turn}"

    def only(self, by: By) -> tuple[Chosen, ...]:
        """What a filter lets through now."""
        return tuple(st.session_state.get(self.filter_key(by), self.view.only.get(by, ())))


def draw(facets: Facets, *, now: datetime, whole: bool = True) -> View:
    """The controls, and the view that they make, to be written; what of the address was not understood is said first.

    Without `whole` the view has no grouping, measure and grain to choose.
    """
    _follow_address(facets, now, whole=whole)
    _leave_out_days_to_come(now)
    begun = _begun()
    complaints = st.container()
    with _row():
        # Groups side by side, or one below the other where they find no room: no control is left alone in a row. All of
        # one kind, because the labels of a list and of a row of buttons stand at two heights.
        with _row("content"):
            preset = _one_of("Days", PRESETS, begun.key("range"), begun.view.preset, width=170)
            first, last = _range(preset, begun)
            grain = _grain(View(preset=preset, first=first, last=last), begun) if whole else None
            zone = _one_of("Days of", _zones(begun), begun.key("tz"), begun.view.zone, width=170)
        if whole:
            with _row("content"):
                by = _one_of("Grouped by", GROUPINGS, begun.key("by"), begun.view.by, width=150)
                measure = _one_of("Measure", MEASURES, begun.key("m"), begun.view.measure, width=120)
        else:
            by, measure = By.MODEL, Measure.SPEND
        with _row("content"):
            compare = st.checkbox("Compare", begun.view.compare, key=begun.key("vs"), on_change=_by_hand)
            chosen = sum(map(bool, map(begun.only, By)))
            with st.popover(f"Filters ({chosen})" if chosen else "Filters", icon=":material/filter_alt:"):
                only = _filters(facets, begun)
    if (first is None) is (preset is Preset.CUSTOM):
        preset = Preset.MONTH
    view = View(preset, first, last, compare, by, measure, grain, only, zone)
    with complaints:
        _complain(view)
    return view


def _complain(view: View) -> None:
    """What was not understood, while the view that came of it is on screen; the first that does is remembered."""
    shown, sentences = st.session_state.get(COMPLAINTS, (None, ()))
    if shown is None:
        st.session_state[COMPLAINTS] = view.parameters(), sentences
    elif shown != view.parameters():
        return
    for sentence in sentences:
        st.warning(text.quoted(sentence), icon=":material/link_off:")


def _row(width: Literal["stretch", "content"] = "stretch") -> DeltaGenerator:
    return st.container(horizontal=True, vertical_alignment="bottom", gap="small", width=width)


def _by_hand() -> None:
    """Somebody chose: that stands, whatever the address still says, until a run came to its end with it.

    The browser may send its next choice before it has heard of the address that belongs to the last one.
    """
    st.session_state[UNTOLD] = True
    st.session_state.pop(OPENED, None)


def told() -> None:
    """To be called at the end of a run: the browser has all of it now."""
    st.session_state[UNTOLD] = False
    st.session_state.pop(OPENED, None)


def go(view: View) -> None:
    """Show this view; to be called before the controls are drawn, or in a callback.

    It stands until a run came to its end with it: one that is cut short may never have told the browser its address.
    """
    _put(view.parameters())
    told()
    st.session_state[OPENED] = view.parameters()


def _follow_address(facets: Facets, now: datetime, *, whole: bool) -> None:
    here = {name: st.query_params.get_all(name) for name in NAMES if name in st.query_params}
    # Controls are forgotten where another page was drawn meanwhile, and are another page's where it has the same.
    same_page = st.session_state.get(WHOLE) is whole and _begun().key("range") in st.session_state
    opened = st.session_state.get(OPENED) if same_page else None
    if opened is not None:
        here = opened
    elif same_page and (st.session_state.get(UNTOLD) or st.session_state.get(ADDRESS) == here):
        return
    st.session_state[WHOLE] = whole
    read = parse(here)
    view = up_to_today(read.view, now=now)
    st.session_state[COMPLAINTS] = None, (*read.complaints, *([_cut(read.view, view)] if view != read.view else []))
    st.session_state[ADDRESS] = view.parameters()
    _begin(view, facets, now)


def _leave_out_days_to_come(now: datetime) -> None:
    """Of the range just chosen: the controls and the figures are of the same days."""
    begun = _begun()
    days = st.session_state.get(begun.days_key, ())
    if st.session_state.get(begun.key("range")) is Preset.CUSTOM and len(days) == 2:
        chosen = View(Preset.CUSTOM, days[0], days[1], zone=st.session_state.get(begun.key("tz"), UTC))
        view = up_to_today(chosen, now=now)
        if view != chosen and view.first and view.last:
            st.session_state[BEGUN] = replace(begun, days=(view.first, view.last), days_turn=_next_turn())
            st.session_state[COMPLAINTS] = None, (_cut(chosen, view),)


def _cut(asked: View, shown: View) -> str:
    assert asked.first is not None
    assert asked.last is not None
    assert shown.last is not None
    days = text.day_range(asked.first, asked.last, today=shown.last)
    today = text.day(shown.last, today=shown.last)
    if asked.first > shown.last:
        return f"{days}: nothing can be known of days to come, so this is today, {today}."
    return f"{days} reaches into the future, of which nothing can be known yet, so it ends today, {today}."


def _begin(view: View, facets: Facets, now: datetime) -> None:
    span, turn = span_of(view, now=now), _next_turn()
    known = {
        by: (*facets.names[by], *(each for each in view.only.get(by, ()) if each not in facets.names[by])) for by in By
    }
    days = view.first or span.days[0], view.last or span.days[-1]
    st.session_state[BEGUN] = Begun(view, days, known, turn, days_turn=turn, filters_turn=turn)


def _begun() -> Begun:
    begun: Begun = st.session_state[BEGUN]
    return begun


def _next_turn() -> int:
    turn: int = st.session_state.get(TURN, 0) + 1
    st.session_state[TURN] = turn
    return turn


def _grain(view: View, begun: Begun) -> Grain | None:
    """What a bar holds, None where that suits the days anyway; other days that call for something else ask anew."""
    options = {each: BARS[each] for each in offered(view)}
    if len(options) == 1:
        return None
    first = begun.view.bars if begun.view.suits is view.suits else view.suits
    grain: Grain = _one_of("Bars", options, f"{begun.key('grain')}.{'.'.join(options)}", first, width=120)
    return None if grain is view.suits else grain


def _range(preset: Preset, begun: Begun) -> tuple[date | None, date | None]:
    """The first and the last day of a range of one's own, both included; none while only one was chosen."""
    if preset is not Preset.CUSTOM:
        return None, None
    chosen: Sequence[date] | date | None = st.date_input(
        "From and to, both included",
        begun.days,
        key=begun.days_key,
        on_change=_by_hand,
        format="YYYY-MM-DD",
        width=230,
    )
    if isinstance(chosen, Sequence) and len(chosen) == 2 and (chosen[1] - chosen[0]).days < MOST_DAYS:
        return chosen[0], chosen[1]
    return None, None


def _zones(begun: Begun) -> dict[str, str]:
    """The billing's days, one's own, and those of the address if they are neither."""
    own = st.context.timezone
    named = [UTC, *([zones.canonical(own)] if own else []), begun.view.zone]
    return {zone: "Billing (UTC)" if zone == UTC else zone.replace("_", " ") for zone in dict.fromkeys(named)}


def _filters(facets: Facets, begun: Begun) -> dict[By, tuple[Chosen, ...]]:
    only: dict[By, tuple[Chosen, ...]] = {}
    for by in By:
        if len(begun.known[by]) < 2 and not begun.only(by):
            continue  # there is nothing to choose between
        chosen = st.multiselect(
            noun(by),
            begun.known[by],
            begun.view.only.get(by, ()),
            format_func=partial(facets.name, by),
            key=begun.filter_key(by),
            on_change=_by_hand,
            placeholder="All",
        )
        if chosen:
            only[by] = tuple(chosen)
    draw_clear("view.clear", disabled=not only)
    return only


def draw_clear(key: str, *, disabled: bool = False) -> None:
    """The button that lets everything through again."""
    st.button("Clear the filters", key=key, on_click=_clear, disabled=disabled, icon=":material/filter_alt_off:")


def _clear() -> None:
    _by_hand()
    begun = _begun()
    view = replace(begun.view, only={})
    st.session_state[BEGUN] = replace(begun, view=view, filters_turn=_next_turn())


def noun(by: By) -> str:
    """As the name of a control or a column."""
    return GROUPINGS[by]


def _one_of(label: str, options: Mapping[T, str], key: str, first: T, *, width: int) -> T:
    """One of a few, at the beginning `first`; of a single one nobody is asked."""
    among = list(options)
    begins = among.index(first) if first in options else 0
    if len(among) == 1:
        return among[0]
    chosen = st.selectbox(label, among, begins, options.__getitem__, key=key, on_change=_by_hand, width=width)
    return chosen if chosen in options else among[begins]


def write(view: View, picked: dict[str, list[str]] | None = None) -> None:
    """Let the address be that of this view, and of the part of a bar that is picked (`picked.parameters`)."""
    _put(view.parameters() | (picked or {}))
    st.session_state[ADDRESS] = view.parameters()


def _put(wanted: dict[str, list[str]]) -> None:
    """In one step, so that the browser's Back takes back one choice, and no part of one."""
    told = {name: st.query_params.get_all(name) for name in st.query_params}
    rest = {name: values for name, values in told.items() if name not in OURS}
    if rest | wanted != told:
        st.query_params.from_dict(rest | wanted)
