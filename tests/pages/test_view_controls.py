"""The controls of a view and the address: whichever changed last is right."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from tracker.explore.view import By, Preset

PAGE = """
from datetime import UTC, datetime

import streamlit as st

from pages.ui import view_controls
from tracker.explore.facets import Facets
from tracker.explore.view import By, Preset, View

opened = View(Preset.WEEK, by=By.PROJECT)
st.button("Open", key="open", on_click=view_controls.go, args=(opened,))
if st.session_state.pop("cut", False):
    st.stop()
view = view_controls.draw(Facets({by: {} for by in By}), now=datetime(2026, 11, 23, 15, 30, tzinfo=UTC))
view_controls.write(view)
st.caption(view.query())
view_controls.told()
"""


@pytest.fixture
def app() -> AppTest:
    return AppTest.from_string(PAGE, default_timeout=30)


def test_what_an_address_was_not_understood_for_goes_with_the_view_that_came_of_it(app: AppTest) -> None:
    app.query_params["range"] = "365d"
    app.run()
    assert [told.value.partition("\\,")[0] for told in app.warning] == ["“365d” is not a value of “range”"]

    app.selectbox(key="view.range").set_value(Preset.WEEK).run()

    assert (app.warning.len, app.caption[0].value) == (0, "range=7d")


def test_a_choice_stands_though_the_browser_still_tells_the_address_of_before(app: AppTest) -> None:
    app.run()
    app.selectbox(key="view.range").set_value(Preset.WEEK).run()
    app.query_params.clear()  # so it is where the next click comes before the browser has heard of the new address

    app.selectbox(key="view.by").set_value(By.PROJECT).run()

    assert app.caption[0].value == "range=7d&by=project"
    assert dict(app.query_params) == {"range": "7d", "by": "project"}


def test_the_address_is_right_where_nothing_was_chosen(app: AppTest) -> None:
    app.run()
    app.selectbox(key="view.range").set_value(Preset.WEEK).run()
    app.query_params.clear()  # the browser's Back

    app.run()

    assert (app.caption[0].value, app.selectbox(key="view.range").value) == ("", Preset.MONTH)


def test_a_view_that_is_opened_stands_though_the_run_that_opens_it_is_cut_short(app: AppTest) -> None:
    app.run()
    app.session_state["cut"] = True
    app.button(key="open").click().run()
    app.query_params.clear()  # the browser has not heard of the address of the view

    app.run()
    assert app.caption[0].value == "range=7d&by=project"

    app.query_params["range"] = "30d"
    app.run()
    assert app.caption[0].value == "range=30d&by=project", "once it was shown, the address is right again"
