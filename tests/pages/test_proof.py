"""What a proof of who they are opens again, and for how long."""

from __future__ import annotations

from datetime import timedelta

import pytest
from streamlit.testing.v1 import AppTest

from pages.ui import proof
from tracker.clock import utc_now

PAGE = """
import streamlit as st

from pages.ui import proof

st.text(f"{proof.just_proven('delete 1')}, {proof.just_proven('replace 1')}")
"""


@pytest.mark.parametrize(("left", "told"), [(10, "True, False"), (-1, "False, False")])
def test_what_was_asked_for_is_opened_again_only_just_after(left: int, told: str) -> None:
    app = AppTest.from_string(PAGE, default_timeout=30)
    app.session_state[proof.ASKED] = "delete 1", utc_now() + timedelta(seconds=left)

    assert app.run().text[0].value == told
    assert not app.exception
