"""The dialog in which a price is agreed."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from tracker.own_prices import RATE_NAMES

PAGE = """
from datetime import date

import streamlit as st

from pages.ui import agreeing

with st.form("agree"):
    asked = agreeing.Asked(model=st.session_state["model"], rates=("input_tokens",))
    agreeing._fields(asked, agreeing.RATES, today=date(2026, 11, 23))
    st.form_submit_button("Add")
"""


def test_what_was_typed_for_one_model_is_in_no_field_of_another() -> None:
    """A browser keeps it by the identity of a field, though the form was closed in between."""
    app = AppTest.from_string(PAGE, default_timeout=30)
    fields = {}
    for model in ("gpt-5.4", "gpt-realtime"):
        app.session_state["model"] = model
        app.run()
        fields[model] = {each.proto.id for each in app.text_input if each.key}

    assert [len(each) for each in fields.values()] == [len(RATE_NAMES)] * 2
    assert not fields["gpt-5.4"] & fields["gpt-realtime"]
