"""Rows at agreed prices; sums can be checked by hand against the list price of gpt-5.4 (2.5, 0.25, 15)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from tracker import own_rates
from tracker.own_prices import OwnPrice, OwnPrices
from tracker.pricing import Priced, price
from tracker.ratecards import CLASSES, RateCard, Region
from tracker.usage import CostBasis, Dimensions, Measures, UsageRecord

AT = datetime(2026, 11, 20, tzinfo=UTC)
TOKENS = {"requests": 50, "input_tokens": 1_000_000, "input_cached_tokens": 400_000, "output_tokens": 100_000}


def at(own: OwnPrice, *, model: str | None = "gpt-5.4", family: str = "completions", **measures: int) -> Priced:
    row = UsageRecord(AT, Dimensions(family, 3_600, model=model), Measures(**(measures or TOKENS)))
    return price(row, provider="openai", prices=OwnPrices((own,)))


def own(model: str = "gpt-5.4", *, factor: str | None = None, **rates: str) -> OwnPrice:
    said: dict[str, Any] = {"factor": Decimal(factor) if factor else None}
    return OwnPrice(7, "openai", model, date(2026, 11, 1), rates={n: Decimal(r) for n, r in rates.items()}, **said)


def test_a_discount_multiplies_the_list_price_and_points_to_it() -> None:
    found = at(own(factor="0.85"))

    assert found.cost == Decimal("3.10") * Decimal("0.85")
    assert found.version is not None
    assert found.version.model == "gpt-5.4"
    assert found.own is not None
    assert found.own.id == 7


def test_a_rate_that_was_not_agreed_stays_that_of_the_list() -> None:
    assert at(own(input_tokens="2")).cost == Decimal("1.20") + Decimal("0.10") + Decimal("1.50")


def test_an_agreed_rate_of_a_part_leaves_its_whole_alone() -> None:
    assert at(own(input_cached_tokens="0.1")).cost == Decimal("1.50") + Decimal("0.04") + Decimal("1.50")


def test_agreed_rates_price_a_model_that_the_list_does_not_know() -> None:
    found = at(own("house-model", input_tokens="1", output_tokens="2"), model="house-model")

    assert found.cost == Decimal("1.2")
    assert found.version is None
    assert found.basis is CostBasis.ESTIMATED


@pytest.mark.parametrize("said", [{"factor": "0.5"}, {"input_tokens": "1"}])
def test_an_agreement_that_does_not_reach_leaves_the_row_unpriced(said: dict[str, str]) -> None:
    found = at(own("house-model", **said), model="house-model")

    assert found.cost is None
    assert found.note is not None
    assert found.note.startswith("Unpriced: ")


@pytest.mark.parametrize(
    ("family", "unit", "rate"),
    [
        ("images", "images", "images"),
        ("audio_speeches", "characters", "characters"),
        ("audio_transcriptions", "seconds", "seconds"),
        ("code_interpreter_sessions", "sessions", "sessions"),
        ("web_search_calls", "requests", "web_search_calls"),
        ("file_search_calls", "requests", "file_search_calls"),
    ],
)
def test_a_family_without_tokens_is_priced_by_its_unit(family: str, unit: str, rate: str) -> None:
    agreed = own("*", **{rate: "0.03"})

    found = at(agreed, model=None, family=family, **{unit: 4})
    assert (found.cost, found.basis, found.own) == (Decimal("0.12"), CostBasis.ESTIMATED, agreed)
    untold = at(agreed, model=None, family=family, input_tokens=0)
    assert (untold.cost, untold.note) == (None, f"Unpriced: the row tells no number of {unit}.")
    assert at(own("*", factor="0.5"), model=None, family=family, **{unit: 4}).cost is None


def test_an_agreed_price_before_its_first_day_changes_nothing() -> None:
    row = UsageRecord(
        datetime(2026, 10, 31, 23, tzinfo=UTC), Dimensions("completions", 3_600, model="gpt-5.4"), Measures(**TOKENS)
    )

    assert price(row, provider="openai", prices=OwnPrices((own(factor="0.5"),))) == price(row, provider="openai")


def test_searches_of_two_kinds_have_a_rate_each() -> None:
    web = own("*", web_search_calls="0.01")

    assert at(web, model=None, family="web_search_calls", requests=4).cost == Decimal("0.04")
    assert at(web, model=None, family="file_search_calls", requests=4).cost is None


def test_a_price_of_one_tier_is_of_that_tier_alone() -> None:
    batch = replace(own(factor="0.5"), variant="batch")
    row = UsageRecord(AT, Dimensions("completions", 3_600, model="gpt-5.4", batch=True), Measures(**TOKENS))
    listed = price(row, provider="openai")

    agreed = price(row, provider="openai", prices=OwnPrices((batch,)))
    assert listed.cost is not None and agreed.cost == listed.cost / 2
    assert (agreed.own, at(batch).own) == (batch, None)


def test_agreed_rates_make_a_card_of_their_own_where_the_list_has_none() -> None:
    rates = own("house-*", input_tokens="1", output_tokens="2")

    card = own_rates.agreed("not listed", rates, model="house-1", variant="flex")

    assert isinstance(card, RateCard)
    assert (card.model, card.variant, card.effective_from) == ("house-1", "flex", date(2026, 11, 1))
    assert card.content_sha256 == rates.content_sha256
    (region,) = card.regions
    told = dict(zip(CLASSES, region.rates, strict=True))
    assert {name for name, step in told.items() if step} == {"input_tokens", "output_tokens"}
    assert (told["input_tokens"], told["input_cached_tokens"]) == (Decimal("0.000001"), Decimal())
    assert region.priced == {"input_tokens", "output_tokens"}


def test_a_factor_multiplies_what_a_request_costs_too() -> None:
    region = Region(0, tuple(Decimal(2) for _ in CLASSES), Decimal("0.01"), frozenset({"input_tokens"}))
    card = RateCard("m", "standard", None, "", (region,))

    halved = own_rates.agreed(card, own(factor="0.5"), model="m", variant="standard")

    assert isinstance(halved, RateCard)
    assert (halved.regions[0].per_request, {*halved.regions[0].rates}) == (Decimal("0.005"), {Decimal(1)})
