"""What of an address a page does not understand, when that is said, and what is left of the address."""

from __future__ import annotations

from urllib.parse import parse_qs

import pytest
from streamlit.testing.v1 import AppTest

from pages.registry import PAGES
from pages.ui import addresses
from tests.installation import NOW
from tracker import clock

WORDS = {page.path: page.words for page in PAGES}

UNDERSTOOD = (
    "dashboard?days=Last+7+days&m=Requests&by=API+key",
    "dashboard?by=Token+class",
    "explore?range=custom&from=2026-11-01&to=2026-11-05&vs=no&by=project&m=tokens&grain=hour&tz=Europe/Rome&bar=x&part=y",
    "economics?range=7d&vs=no&model=gpt-5.4&model=~",
    "reconciliation?period=Last+12+months&rows=Each+day",
    "completeness?range=A+year",
    "prices?view=Why+this+number?&day=2026-11-18&day=2026-11-23&model=gpt-5.4",
    "prices?view=Reprice&from=2026-10-01&to=2026-11-01",
    "settings?tab=Audit+trail",
    "dashboard?reset=a-ticket&confirm=a-ticket",
    "settings",
)

NOT_UNDERSTOOD = {
    "reconciliation?range=12m": ["range"],
    "completeness?range=1y": ["range"],
    "completeness?range=": ["range"],
    "explore?days=Last+7+days&range=7d": ["days"],
    "economics?by=project&grain=hour&range=7d": ["by", "grain"],
    "dashboard?range=custom&from=2026-11-01&m=Tokens": ["range", "from"],
    "dashboard?by=Token+class&m=Requests": ["by"],
    "settings?tab=Keys": ["tab"],
    "prices?day=2026-11-18&model=gpt-5.4": ["day", "model"],
    "prices?view=Why+this+number?&day=2026-11-31": ["day"],
    "prices?view=Why+this+number?&day=2026-11-24": ["day"],
    "prices?view=Why+this+number?&from=2026-11-24": ["from"],
    "prices?view=Reprice&from=yesterday": ["from"],
}


def told(address: str) -> tuple[str, dict[str, list[str]]]:
    path, _, query = address.partition("?")
    return path, parse_qs(query, keep_blank_values=True)


@pytest.mark.parametrize(("address", "names"), [*((each, []) for each in UNDERSTOOD), *NOT_UNDERSTOOD.items()])
def test_a_page_understands_its_own_words_and_no_others(address: str, names: list[str]) -> None:
    clock.start_at(NOW)
    path, words_said = told(address)

    assert addresses.misfits(WORDS[path], words_said) == names
    assert bool(addresses.sentence(WORDS[path], words_said)) is bool(names)


CHOOSE = "Choose below what you want to see."


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("reconciliation?range=12m", "“range=12m”. The page opens on “This month” instead. "),
        (
            "reconciliation?rows=x&period=y",
            "“rows=x”, “period=y”. The page opens on “This month” and “The period” instead. ",
        ),
        ("completeness?range=A+year&m=Tokens", "“m=Tokens”. The page opens on “A year” instead. "),
        ("explore?days=Last+7+days", "“days=Last 7 days”. "),
        (
            "settings?a=1&b=2&c=3&d=4&e=5",
            "“a=1”, “b=2”, “c=3”, “d=4” and 1 more. The page opens on “Provider keys” instead. ",
        ),
    ],
)
def test_the_notice_says_what_is_shown_instead_and_what_to_do(address: str, said: str) -> None:
    path, words_said = told(address)

    assert (
        addresses.sentence(WORDS[path], words_said)
        == f"Not understood in this address, so left out of it: {said}{CHOOSE}"
    )


PAGE = """
import streamlit as st

from pages.ui import addresses
from pages.ui.addresses import Word

path = st.session_state.get("path", "one")
words = (Word("period", ("This", "Last")),)
addresses.begin(path, words)
st.segmented_control("Period", ["This", "Last"], default="This", required=True, key="period", bind="query-params")
addresses.end(words)
"""


@pytest.fixture
def app() -> AppTest:
    return AppTest.from_string(PAGE, default_timeout=30)


def notices(app: AppTest) -> int:
    assert not app.exception
    return app.warning.len


def test_the_notice_stays_until_something_is_chosen(app: AppTest) -> None:
    app.query_params.update(range="12m", period="Lost")
    app.run()
    assert (notices(app), dict(app.query_params)) == (1, {})

    assert notices(app.run()) == 1

    app.query_params["period"] = "Last"  # the browser writes it before it tells of the choice
    app.segmented_control(key="period").set_value("Last").run()
    assert (notices(app), dict(app.query_params)) == (0, {"period": "Last"})


def test_another_page_and_every_later_one_is_without_the_notice(app: AppTest) -> None:
    app.query_params["range"] = "12m"
    assert notices(app.run()) == 1

    app.session_state["path"] = "two"
    app.query_params.update(range="7d", vs="no", reset="a-ticket")  # as the browser's Back has it
    assert notices(app.run()) == 0
    assert dict(app.query_params) == {"reset": "a-ticket"}
    app.session_state["path"] = "one"
    assert notices(app.run()) == 0
