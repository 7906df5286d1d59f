"""Who may say which part of a bar is chosen."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import streamlit as st

from pages.ui import picks
from tests.installation import TODAY
from tracker.explore.picked import Picked

BY_CLICK, BY_CONTROL = Picked(TODAY, "completions"), Picked(TODAY, "embeddings")


@pytest.fixture(autouse=True)
def own_memory() -> Iterator[None]:
    yield
    st.session_state.clear()


def test_controls_that_others_took_the_place_of_are_heard_no_more() -> None:
    before = picks.turn()
    picks.by_hand(BY_CLICK, before + 1)

    picks.by_control(BY_CONTROL, before)

    assert st.session_state[picks.CHOSEN] == BY_CLICK
    picks.by_control(BY_CONTROL, picks.turn())
    assert st.session_state[picks.CHOSEN] == BY_CONTROL


def test_controls_begin_with_what_is_chosen_and_stay_while_they_show_it() -> None:
    keys, first = picks.controls("when", "what", (TODAY, "completions"))
    assert first == (TODAY, "completions")

    st.session_state[keys[1]] = "embeddings"  # somebody chose it there
    assert picks.controls("when", "what", (TODAY, "embeddings")) == (keys, first)
    others, begins = picks.controls("when", "what", (TODAY, "images"))

    assert others != keys
    assert begins == (TODAY, "images")
