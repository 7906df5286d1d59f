"""Agreed prices as values: what is refused, and which of several is in force."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from tracker.errors import BadInput
from tracker.own_prices import OwnPrice, OwnPrices, checked_factor, checked_rate

DAY = date(2026, 11, 10)


def own(number: int = 1, *, model: str = "gpt-5", since: date = DAY, ends: date | None = None) -> OwnPrice:
    return OwnPrice(number, "openai", model, since, ends, factor=Decimal("0.85"))


@pytest.mark.parametrize(
    "text", ["NaN", "sNaN", "Infinity", "-1", "-0", "1e999", "1e-13", "free", "", "1" * 41, "1000001"]
)
def test_what_is_no_rate_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(BadInput, match="The rate of input_tokens is a number from 0"):
        checked_rate("input_tokens", text)


@pytest.mark.parametrize("text", ["NaN", "-0.1", "101", "1e9999999999"])
def test_what_is_no_factor_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(BadInput, match="The factor is a number from 0 to 100"):
        checked_factor(text)


def test_a_rate_is_kept_as_written() -> None:
    assert checked_rate("input_tokens", "1.10") == Decimal("1.10")
    assert checked_factor("0.85") == Decimal("0.85")


def test_the_largest_and_the_longest_that_are_taken() -> None:
    assert checked_rate("input_tokens", "1000000") == 1_000_000
    assert checked_factor("100") == 100
    assert checked_rate("input_tokens", "1." + "0" * 38) == 1
    with pytest.raises(BadInput, match=f"not '1.{'0' * 38}'\\.$"):
        checked_rate("input_tokens", "1." + "0" * 39)


def test_a_rate_of_an_unknown_name_is_refused() -> None:
    with pytest.raises(BadInput, match=r"rate called 'tokens'\. Known: input_tokens, input_cached_tokens, "):
        checked_rate("tokens", "1")


@pytest.mark.parametrize(("factor", "percent"), [("0.85", 15), ("1.2", -20), ("1", 0), ("0.9999", Decimal("0.01"))])
def test_a_factor_is_so_many_percent_off_and_rates_are_none(factor: str, percent: Decimal) -> None:
    assert OwnPrice(1, "openai", "gpt-5", DAY, factor=Decimal(factor)).percent_off == percent
    assert OwnPrice(1, "openai", "gpt-5", DAY, rates={"input_tokens": Decimal(1)}).percent_off is None


def test_a_price_of_one_model_is_of_no_longer_name() -> None:
    assert own(model="gpt-5").fits("openai", "gpt-5", DAY)
    assert not own(model="gpt-5").fits("openai", "gpt-5.4", DAY)
    assert own(model="gpt-5*").fits("openai", "gpt-5.4", DAY)


@pytest.mark.parametrize(
    ("day", "expected"), [(date(2026, 11, 9), None), (DAY, 1), (date(2026, 11, 11), 1), (date(2026, 11, 12), None)]
)
def test_a_price_is_in_force_from_its_first_day_up_to_its_end(day: date, expected: int | None) -> None:
    prices = OwnPrices((own(ends=date(2026, 11, 12)),))

    found = prices.for_tokens("openai", "gpt-5", "standard", day)

    assert (found.id if found else None) == expected


def test_of_several_the_one_that_begins_last_wins_then_the_one_added_last() -> None:
    prices = OwnPrices((own(3, since=date(2026, 10, 1)), own(2), own(1)))

    found = prices.for_tokens("openai", "gpt-5", "standard", DAY)

    assert found is not None
    assert found.id == 2


def test_a_star_stands_for_the_rest_of_a_name() -> None:
    prices = OwnPrices((own(model="gpt-5*"),))

    assert prices.for_tokens("openai", "gpt-5-2025-08-07", "standard", DAY)
    assert not prices.for_tokens("openai", "gpt-4o", "standard", DAY)
    assert not prices.for_tokens("anthropic", "gpt-5", "standard", DAY)


def test_a_price_of_a_unit_says_nothing_of_tokens_and_the_other_way_round() -> None:
    images = OwnPrice(1, "openai", "*", DAY, rates={"images": Decimal("0.04")})
    prices = OwnPrices((images, own(2)))

    assert prices.for_unit("openai", "", "images", DAY) == images
    assert prices.for_unit("openai", "", "seconds", DAY) is None
    assert prices.for_tokens("openai", "dall-e-3", "standard", DAY) is None


def test_equal_agreements_hash_alike_and_others_do_not() -> None:
    assert own(1).content_sha256 == own(2, model="gpt-4o").content_sha256
    assert own().content_sha256 != OwnPrice(1, "openai", "gpt-5", DAY, factor=Decimal("0.9")).content_sha256
