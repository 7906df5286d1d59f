"""Which part of a bar is chosen, kept in step with the address: by a click, by the controls of its rows, or by a link.

Memory holds it, and no control: what a browser tells of a control may be older than what the page has just given it.
Where a run is cut short by the next one, that would take back the choice that it was asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import streamlit as st

from tracker.explore import picked as choice
from tracker.explore.picked import Picked
from tracker.explore.reading import Explored
from tracker.overview.stacks import Bars

CHOSEN, TURN, UNTOLD, TOLD, REFUSED = "picks.chosen", "picks.turn", "picks.untold", "picks.told", "picks.refused"
FIRST = "picks.first"


def turn() -> int:
    """How often something was chosen otherwise than by the controls of the rows, which are new ones each time."""
    return int(st.session_state.get(TURN, 0))


def controls(when: str, what: str, shown: tuple[date, str]) -> tuple[tuple[str, str], tuple[date, str]]:
    """The keys of two controls that show this bar and part, and what they begin with; new ones if the old show another.

    They begin with it and are never told of it: what a run tells a control is lost where the next one cuts it short.
    """
    number, first = st.session_state.get(FIRST, (None, shown))
    keys = f"{when}.{turn()}", f"{what}.{turn()}"
    if number != turn():
        first = shown
    elif tuple(st.session_state.get(key, value) for key, value in zip(keys, first, strict=True)) != shown:
        st.session_state[TURN], first = turn() + 1, shown
        keys = f"{when}.{turn()}", f"{what}.{turn()}"
    st.session_state[FIRST] = turn(), first
    return keys, first


def settle(seen: Explored, bars: Bars) -> Picked | None:
    """What is chosen in these bars: what was just chosen, what the address says if that is new, else as before."""
    state = st.session_state
    here = {name: st.query_params.get_all(name) for name in choice.NAMES if name in st.query_params}
    if not state.get(UNTOLD) and state.get(TOLD) != here:
        found, why_not = choice.read(here, seen, bars)
        _choose(found, turn() + 1)
        state[REFUSED] = (seen.view.query(), why_not)
    state[CHOSEN] = chosen = choice.fitting(state.get(CHOSEN), seen, bars)
    state[TOLD] = choice.parameters(chosen, seen)
    return chosen


def told() -> None:
    """To be called at the end of a run: the browser has all of it now."""
    st.session_state[UNTOLD] = False


def refused(seen: Explored) -> str | None:
    """Why what the address chose is not chosen, until something else is, or the view is another."""
    view, why_not = st.session_state.get(REFUSED, ("", None))
    return why_not if view == seen.view.query() else None


def click(found: Sequence[Mapping[str, str]], seen: Explored) -> None:
    """Somebody clicked on a part of a bar of this view, or beside them all."""
    places = {column.isoformat(): column for column in seen.columns}
    if found and found[0].get("place") in places:
        by_hand(Picked(places[found[0]["place"]], found[0].get("Name")), turn() + 1)


def by_control(picked: Picked, number: int) -> None:
    """The controls of that turn say so. Those that others took the place of are heard no more.

    The browser still tells of them where a run is cut short, and Streamlit takes what it tells for a change.
    """
    if number == turn():
        by_hand(picked)


def by_hand(picked: Picked | None, number: int | None = None) -> None:
    """Choose it now, whatever the address still says."""
    _choose(picked, turn() if number is None else number)
    st.session_state[UNTOLD], st.session_state[REFUSED] = True, ("", None)


def _choose(picked: Picked | None, number: int) -> None:
    st.session_state[CHOSEN], st.session_state[TURN] = picked, number
