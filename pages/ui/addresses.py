"""What the address of a page says: the page's own words, and others, which are left out of it.

A tab that begins with an address it does not wholly understand says so once, because somebody came by a link. Later,
words of another page are there only because the browser's Back crossed from one page to the other: Streamlit (1.67)
writes the words of the page that a button leads to while the address is still that of the page before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from urllib.parse import parse_qs

import streamlit as st
from streamlit.errors import StreamlitAPIException
from streamlit.runtime.scriptrunner import get_script_run_ctx

from pages.ui import text
from tracker.explore.view import short
from tracker.tickets import Purpose

BEGUN, NOTICE = "addresses.begun", "addresses.notice"
TICKETS = frozenset(Purpose)
"""Words of no page: they are good for whoever is not signed in, and are never put on a screen."""

MOST = 4
"""So many words are named; somebody who pastes nonsense need not read all of it."""

Told = Mapping[str, Sequence[str]]
Shown = Mapping[str, tuple[Sequence[str] | None, object]]


def value_of(told: Told, name: str) -> str:
    """What the address says by a name; a control takes the last of several. Nothing where it does not say it."""
    return told.get(name, ("",))[-1]


@dataclass(frozen=True)
class Word:
    """A name that a page reads from its address.

    `values` are all it can be, the first of them if the address does not say; `takes` decides by the whole address
    where that is more than a list. Without both the page itself tells what it did not understand.
    """

    name: str
    values: tuple[str, ...] = ()
    takes: Callable[[Told], bool] | None = None

    def fits(self, told: Told) -> bool:
        """Whether the address says something by it that the page can show."""
        if self.values and value_of(told, self.name) not in self.values:
            return False
        return self.takes is None or self.takes(told)

    def value(self, told: Told) -> str | None:
        """What the page shows by it, None where that is no matter of a list."""
        if not self.values:
            return None
        return value_of(told, self.name) if self.name in told and self.fits(told) else self.values[0]


def is_day(written: str) -> bool:
    """Whether it is a day as an address writes it."""
    try:
        date.fromisoformat(written)
    except ValueError:
        return False
    return True


def misfits(words: Sequence[Word], told: Told) -> list[str]:
    """The names of what a page with these words cannot show, in the order of the address."""
    known = {word.name: word for word in words}
    return [name for name in told if name not in TICKETS and not (name in known and known[name].fits(told))]


def sentence(words: Sequence[Word], told: Told) -> str:
    """What was not understood, what is shown instead, and what to do; nothing where all was understood."""
    wrong = misfits(words, told)
    if not wrong:
        return ""
    named = [f"“{short(f'{name}={value}')}”" for name in wrong for value in told[name]]
    more = f" and {len(named) - MOST} more" if len(named) > MOST else ""
    instead = " and ".join(f"“{value}”" for value in _instead(words, told, wrong))
    opens = f"The page opens on {instead} instead. " if instead else ""
    return (
        f"Not understood in this address, so left out of it: {', '.join(named[:MOST])}{more}. {opens}"
        "Choose below what you want to see."
    )


def _instead(words: Sequence[Word], told: Told, wrong: Sequence[str]) -> Iterable[str]:
    """What is shown for each word that says something wrong; where all are foreign, by the page's first one."""
    own = [word for word in words if word.name in wrong] or list(words[:1])
    return filter(None, (word.value(told) for word in own))


def begin(path: str, words: Sequence[Word]) -> None:
    """To be called before a page is drawn: leave out what the page does not understand, and say so to a new tab."""
    _step_back(words)
    told = _told()
    if BEGUN not in st.session_state:
        st.session_state[BEGUN] = True
        st.session_state[NOTICE] = path, None, sentence(words, told)
        if wrong := misfits(words, told):  # no control has begun to keep a word of it yet: one step back for all
            st.query_params.from_dict({name: values for name, values in told.items() if name not in wrong})
    else:
        _leave_out(name for name in told if name not in TICKETS and name not in {word.name for word in words})
    _say(path, _shown(words))


def end(words: Sequence[Word]) -> None:
    """To be called after a page was drawn: what it has made of its address is what the notice goes with."""
    page, own, words_said = st.session_state.get(NOTICE, ("", None, ""))
    if words_said and own is None:
        st.session_state[NOTICE] = page, _shown(words), words_said


def _say(path: str, shown: Shown) -> None:
    """The notice, as long as the page shows what came of the address that it is about."""
    page, made, words_said = st.session_state.get(NOTICE, ("", None, ""))
    if page != path or made not in (None, shown):
        st.session_state[NOTICE] = "", None, ""
    elif words_said:
        st.warning(text.quoted(words_said), icon=":material/link_off:")


def _shown(words: Sequence[Word]) -> Shown:
    """What the page goes by: the address, and the controls of its name, whose choice may not stand there yet."""
    told = _told()
    return {word.name: (told.get(word.name), st.session_state.get(word.name)) for word in words}


def _told() -> dict[str, list[str]]:
    return {name: st.query_params.get_all(name) for name in st.query_params}


def _leave_out(names: Iterable[str]) -> None:
    for name in names:
        with suppress(StreamlitAPIException):  # a control of the page before keeps it, and takes it along
            del st.query_params[name]


def _step_back(words: Sequence[Word]) -> None:
    """On the browser's Back or Forward: the address alone is right.

    Streamlit (1.67) takes words for those of the page before which has the same, and a control for what it was left at
    where a page then names no default.
    """
    run = get_script_run_ctx()
    if run is None or not run.is_history_navigation:
        return
    asked, here = parse_qs(run.query_string, keep_blank_values=True), _told()
    lost = {word.name: asked[word.name] for word in words if word.name in asked and word.name not in here}
    if lost:
        st.query_params.update(lost)
    for word in words:
        if word.values or word.takes:
            st.session_state.pop(word.name, None)
