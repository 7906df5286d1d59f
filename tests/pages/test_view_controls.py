"""The controls of a view and the address: whichever changed last is right."""

from __future__ import annotations

from typing import Any

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
known = Facets({by: {} for by in By} | {By.MODEL: {"gpt-5": "gpt-5", "o3": "o3"}})
view = view_controls.draw(known, now=datetime(2026, 11, 23, 15, 30, tzinfo=UTC))
view_controls.write(view)
st.caption(view.query())
view_controls.told()
"""


@pytest.fixture
def app() -> AppTest:
    return AppTest.from_string(PAGE, default_timeout=30)


def control(app: AppTest, label: str) -> Any:
    return next(each for each in app.selectbox if each.label == label)


def begins(app: AppTest) -> dict[str, object]:
    """What the controls show in a browser that hears of them for the first time, from this run."""
    told = {each.label: each.proto.options[each.proto.default] for each in app.selectbox}
    return told | {each.label: each.proto.default for each in app.checkbox}


@pytest.mark.parametrize("come_by", ["address", "opened"])
def test_controls_begin_with_the_view_in_every_run(app: AppTest, come_by: str) -> None:
    """The browser may hear of none but the second: where the first was cut short, as it is after signing in."""
    if come_by == "address":
        app.query_params.update({"range": "7d", "by": "project", "m": "requests", "grain": "hour", "vs": "no"})
    app.run()
    if come_by == "opened":
        app.button(key="open").click().run()

    app.run()

    of_address = {"Measure": "Requests", "Bars": "Hours", "Compare": False}
    of_opened = {"Measure": "Spend", "Bars": "Days", "Compare": True}
    own = of_address if come_by == "address" else of_opened
    assert begins(app) == {"Days": "Last 7 days", "Grouped by": "Project", **own}


def test_filters_that_were_cleared_are_clear_in_every_run(app: AppTest) -> None:
    app.query_params.update({"model": ["gpt-5", "o3"]})
    app.run()
    assert (app.multiselect[0].proto.default, app.caption[0].value) == ([0, 1], "model=gpt-5&model=o3")

    app.button(key="view.clear").click().run()
    app.run()

    assert (app.multiselect[0].proto.default, app.caption[0].value) == ([], "")


def test_what_an_address_was_not_understood_for_goes_with_the_view_that_came_of_it(app: AppTest) -> None:
    app.query_params["range"] = "365d"
    app.run()
    assert [told.value.partition("\\,")[0] for told in app.warning] == ["“365d” is not a value of “range”"]

    control(app, "Days").set_value(Preset.WEEK).run()

    assert (app.warning.len, app.caption[0].value) == (0, "range=7d")


def test_a_choice_stands_though_the_browser_still_tells_the_address_of_before(app: AppTest) -> None:
    app.run()
    control(app, "Days").set_value(Preset.WEEK).run()
    app.query_params.clear()  # so it is where the next click comes before the browser has heard of the new address

    control(app, "Grouped by").set_value(By.PROJECT).run()

    assert app.caption[0].value == "range=7d&by=project"
    assert dict(app.query_params) == {"range": "7d", "by": "project"}


def test_the_address_is_right_where_nothing_was_chosen(app: AppTest) -> None:
    app.run()
    control(app, "Days").set_value(Preset.WEEK).run()
    app.query_params.clear()  # the browser's Back

    app.run()

    assert (app.caption[0].value, control(app, "Days").value) == ("", Preset.MONTH)


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
