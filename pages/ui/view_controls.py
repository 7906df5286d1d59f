"""The controls of a view, kept in step with the address: whichever changed last is right.

The address is the truth when somebody comes by a link, a saved view or the browser's Back; else the controls are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import partial
from typing import Any, Literal

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
BARS = {Grain.DAY: "Days", Grain.HOUR: "Hours", Grain.WEEK: "Weeks", Grain.MONTH: "Months"}
OURS = (*NAMES, *choice.NAMES)
WORDS = tuple(map(Word, OURS))
WORDS_OF_DAYS = tuple(Word(name) for name in NAMES if name not in {"by", "m", "grain"})
"""Those of a page without grouping, measure and grain. What their values are worth is said under the controls."""

ADDRESS, COMPLAINTS, SEEDED, WHOLE = "view.address", "view.complaints", "view.seeded", "view.whole"
SUITS = "view.suits"
UNTOLD, OPENED = "view.untold", "view.opened"


def draw(facets: Facets, *, now: datetime, whole: bool = True) -> View:
    """The controls, and the view that they make, to be written; what of the address was not understood is said first.

    Without `whole` the view has no grouping, measure and grain to choose.
    """
    _follow_address(facets, now, whole=whole)
    _leave_out_days_to_come(now)
    complaints = st.container()
    with _row():
        # Groups side by side, or one below the other where they find no room: no control is left alone in a row. All of
        # one kind, because the labels of a list and of a row of buttons stand at two heights.
        with _row("content"):
            preset = st.selectbox(
                "Days", list(PRESETS), format_func=PRESETS.__getitem__, key="view.range", on_change=_by_hand, width=170
            )
            first, last = _range(preset)
            grain = _grain(View(preset=preset, first=first, last=last)) if whole else None
            zone = _one_of("Days of", _zones(), "view.tz", width=170)
        if whole:
            with _row("content"):
                by, measure = _grouping(), _one_of("Measure", MEASURES, "view.m", width=120)
        else:
            by, measure = By.MODEL, Measure.SPEND
        with _row("content"):
            compare = st.checkbox("Compare", key="view.vs", on_change=_by_hand)
            chosen = sum(bool(st.session_state.get(f"view.only.{by}")) for by in By)
            with st.popover(f"Filters ({chosen})" if chosen else "Filters", icon=":material/filter_alt:"):
                only = _filters(facets)
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
    same_page = st.session_state.get(WHOLE) is whole and "view.range" in st.session_state
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
    _seed(view, facets, now)


def _leave_out_days_to_come(now: datetime) -> None:
    """Of the range just chosen: the controls and the figures are of the same days."""
    state = st.session_state
    days = state.get("view.days", ())
    if state["view.range"] is Preset.CUSTOM and len(days) == 2:
        chosen = View(Preset.CUSTOM, days[0], days[1], zone=state.get("view.tz", UTC))
        view = up_to_today(chosen, now=now)
        if view != chosen:
            state["view.days"] = (view.first, view.last)
            state[COMPLAINTS] = None, (_cut(chosen, view),)


def _cut(asked: View, shown: View) -> str:
    assert asked.first is not None
    assert asked.last is not None
    assert shown.last is not None
    days = text.day_range(asked.first, asked.last, today=shown.last)
    today = text.day(shown.last, today=shown.last)
    if asked.first > shown.last:
        return f"{days}: nothing can be known of days to come, so this is today, {today}."
    return f"{days} reaches into the future, of which nothing can be known yet, so it ends today, {today}."


def _seed(view: View, facets: Facets, now: datetime) -> None:
    state = st.session_state
    span = span_of(view, now=now)
    state["view.range"], state["view.by"], state["view.m"] = view.preset, view.by, view.measure
    state[SEEDED] = (view.first or span.days[0], view.last or span.days[-1])
    state["view.days"] = state[SEEDED]
    state["view.grain"], state[SUITS] = view.bars, view.suits
    state["view.tz"], state["view.vs"] = view.zone, view.compare
    state["view.zone"] = view.zone
    for by in By:
        state[f"view.only.{by}"] = list(view.only.get(by, ()))
        state[f"view.known.{by}"] = [
            *facets.names[by],
            *(x for x in view.only.get(by, ()) if x not in facets.names[by]),
        ]


def _grain(view: View) -> Grain | None:
    """What a bar holds, None where that suits the days anyway: as chosen, until other days call for something else."""
    options = {each: BARS[each] for each in offered(view)}
    if st.session_state.get(SUITS) is not view.suits:
        st.session_state["view.grain"] = view.suits
    st.session_state[SUITS] = view.suits
    if len(options) == 1:
        return None
    grain: Grain = _one_of("Bars", options, "view.grain", width=120)
    return None if grain is view.suits else grain


def _grouping() -> By:
    chosen: Any = st.selectbox("Grouped by", list(By), format_func=noun, key="view.by", on_change=_by_hand, width=150)
    return chosen if isinstance(chosen, By) else By.MODEL


def _range(preset: Preset) -> tuple[date | None, date | None]:
    """The first and the last day of a range of one's own, both included; none while only one was chosen."""
    if preset is not Preset.CUSTOM:
        return None, None
    if "view.days" not in st.session_state:
        st.session_state["view.days"] = st.session_state[SEEDED]
    chosen: Sequence[date] | date | None = st.date_input(
        "From and to, both included", key="view.days", on_change=_by_hand, format="YYYY-MM-DD", width=230
    )
    if isinstance(chosen, Sequence) and len(chosen) == 2 and (chosen[1] - chosen[0]).days < MOST_DAYS:
        return chosen[0], chosen[1]
    return None, None


def _zones() -> dict[str, str]:
    """The billing's days, one's own, and those of the address if they are neither."""
    own = st.context.timezone
    named = [UTC, *([zones.canonical(own)] if own else []), str(st.session_state.get("view.zone", UTC))]
    return {zone: "Billing (UTC)" if zone == UTC else zone.replace("_", " ") for zone in dict.fromkeys(named)}


def _filters(facets: Facets) -> dict[By, tuple[Chosen, ...]]:
    only: dict[By, tuple[Chosen, ...]] = {}
    for by in By:
        known: Sequence[Chosen] = st.session_state.get(f"view.known.{by}", list(facets.names[by]))
        if len(known) < 2 and not st.session_state.get(f"view.only.{by}"):
            continue  # there is nothing to choose between
        chosen = st.multiselect(
            noun(by),
            known,
            format_func=partial(facets.name, by),
            key=f"view.only.{by}",
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
    for by in By:
        st.session_state[f"view.only.{by}"] = []


def noun(by: By) -> str:
    """As the name of a control or a column."""
    return NOUNS[by][0].upper() + NOUNS[by][1:]


def _one_of(label: str, options: Mapping[Any, str], key: str, *, width: int) -> Any:
    """One of a few; of a single one nobody is asked."""
    if st.session_state.get(key) not in options:
        st.session_state[key] = next(iter(options))
    if len(options) == 1:
        return next(iter(options))
    chosen = st.selectbox(
        label, list(options), format_func=options.__getitem__, key=key, on_change=_by_hand, width=width
    )
    return chosen if chosen in options else next(iter(options))


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
