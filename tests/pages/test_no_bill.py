"""A month without a bill says whose is waited for, and leads on."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from pages import reconciliation
from tracker.overview import Cycle, Reach

LOST = "What was used with **a** gets no bill any more: the key was deleted before these days were billed."


@pytest.mark.parametrize(
    ("reach", "told"),
    [
        (Reach(), "Nothing was used that a provider would bill."),
        (Reach(behind={1: "main"}), "What was used with **main** is not billed yet."),
        (Reach(behind={1: "main", 2: "other"}), "What was used with **main** and **other** is not billed yet."),
        (Reach(date(2026, 10, 30), 1, {}), "The bill is there through 30 Oct."),
    ],
)
def test_a_month_without_a_bill_says_whose_is_waited_for(reach: Reach, told: str) -> None:
    seen: Any = SimpleNamespace(
        cycle=Cycle(date(2026, 11, 1)), reach=reach, billed_through=reach.through, connections=("main",)
    )

    assert reconciliation.no_bill(seen).startswith(f"{told} A provider tells what a day cost")
    seen.connections = ()
    assert reconciliation.no_bill(seen) == f"{told} No key is connected any more, so no newer bill is read."


@pytest.mark.parametrize(
    ("behind", "told"),
    [
        ({1: "a"}, LOST),
        ({1: "a", 2: "b"}, f"What was used with **b** is not billed yet. {reconciliation.PROMISE} {LOST}"),
    ],
)
def test_no_bill_is_promised_of_what_a_deleted_key_used(behind: dict[int, str], told: str) -> None:
    reach = Reach(behind=behind, gone=frozenset({1}))
    seen: Any = SimpleNamespace(cycle=Cycle(date(2026, 11, 1)), reach=reach, billed_through=None, connections=("b",))

    assert reconciliation.no_bill(seen) == told


PAGE = """
from datetime import date
from types import SimpleNamespace

import streamlit as st

from pages import reconciliation
from tracker.overview import Cycle, Reach

seen = SimpleNamespace(cycle=Cycle(date(2026, 11, 28)), reach=Reach(), billed_through=None)
start, end = reconciliation._period(seen)
st.text(f"{start} to {end}")
st.button("Compare", on_click=reconciliation._choose_last)
"""


def test_the_button_beside_it_compares_the_month_before() -> None:
    app = AppTest.from_string(PAGE, default_timeout=30).run()
    assert app.text[0].value == "2026-11-01 to 2026-11-01"

    app.button[0].click().run()

    assert not app.exception
    assert app.text[0].value == "2026-10-01 to 2026-11-01"
