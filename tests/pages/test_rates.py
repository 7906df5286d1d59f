"""Rates and agreed prices in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from pages.ui import rates
from pages.ui.arithmetic import address, notes
from tracker.explaining import Group, Part
from tracker.own_prices import RATE_NAMES, OwnPrice
from tracker.usage import CostBasis

DAY = date(2026, 11, 1)
PRICE = OwnPrice(1, "openai", "gpt-5.4", DAY)


@pytest.mark.parametrize(
    ("usd", "told"),
    [
        (None, "–"),
        ("0", "$0.00"),
        ("2.5", "$2.50"),
        ("0.0125", "$0.0125"),
        ("1234.5", "$1,234.50"),
        ("-0.000000001", "−$0.000000001"),
        ("1E-9", "$0.000000001"),
    ],
)
def test_an_amount_keeps_every_digit_and_cents_at_least(usd: str | None, told: str) -> None:
    assert rates.exact(Decimal(usd) if usd else None) == told


@pytest.mark.parametrize(
    ("price", "told"),
    [
        (replace(PRICE, factor=Decimal("0.850")), "0.85 × list price, 15 % off"),
        (replace(PRICE, factor=Decimal("1.1")), "1.1 × list price, 10 % on top"),
        (replace(PRICE, factor=Decimal(1)), "1 × list price"),
        (
            replace(
                PRICE, rates={"output_tokens": Decimal(12), "input_tokens": Decimal("2.5"), "images": Decimal("0.04")}
            ),
            "input $2.50, output $12.00 a million tokens; $0.04 an image",
        ),
        (replace(PRICE, rates={"web_search_calls": Decimal("0.01")}), "$0.01 a web search"),
    ],
)
def test_a_price_says_what_it_does(price: OwnPrice, told: str) -> None:
    assert rates.said(price) == told


@pytest.mark.parametrize(("model", "told"), [("*", "every model"), ("gpt-5*", "gpt-5…"), ("gpt-5.4", "gpt-5.4")])
def test_a_star_is_told_in_words(model: str, told: str) -> None:
    assert rates.model(replace(PRICE, model=model)) == told


def test_every_rate_that_can_be_agreed_has_words() -> None:
    assert all(rates.label(name) and rates.rate(name, Decimal(1)) for name in RATE_NAMES)
    assert rates.label("input_tokens") == "Input, $ a million tokens"
    assert rates.label("seconds") == "$ a second"


def test_days_name_the_first_on_which_it_does_not_hold() -> None:
    assert rates.days(PRICE, today=DAY) == "from 1 Nov"
    assert rates.days(replace(PRICE, ends_on=date(2027, 1, 1)), today=DAY) == "1 Nov up to 1 Jan 2027"


def test_a_line_of_the_arithmetic_has_its_rate_by_the_million_tokens_or_for_one() -> None:
    assert rates.each(Part("input_tokens", 3, Decimal("0.0000025"))) == "$2.50 a million tokens"
    assert rates.each(Part("images", 3, Decimal("0.04"))) == "$0.04 each"


def test_the_arithmetic_of_a_number_has_an_address() -> None:
    assert address(DAY, DAY, "a/b&c") == "/prices?view=Why+this+number%3F&day=2026-11-01&day=2026-11-01&model=a%2Fb%26c"
    assert address(DAY, DAY, None).endswith("model=%28no+model%29")


def test_a_price_read_off_a_bill_tells_what_of_it_was_only_kept() -> None:
    price = replace(PRICE, rates={"output_tokens": Decimal(9), "images": Decimal("0.04"), "input_tokens": Decimal(2)})

    assert rates.read_off(price, {}) == rates.said(price)
    assert rates.read_off(price, {"input_tokens": Decimal(2)}) == (
        "output $9.00 a million tokens; $0.04 an image, read off the bill; "
        "kept as agreed before: input $2.00 a million tokens"
    )
    assert rates.names(price.rates) == "output, an image, input"


def test_a_note_of_the_arithmetic_is_words_whatever_it_names() -> None:
    said = ("No rates for web_search_calls.", "No model [a](//b).")
    group = Group("web_search_calls", CostBasis.UNPRICED, 1, None, None, None, 0, said)

    assert notes(group) == [r"No rates for web search calls\.", r"No model \[a\]\(\/\/b\)\."]
