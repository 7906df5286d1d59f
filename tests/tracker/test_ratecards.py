"""The cards that rows are priced by: of which model and since when, what is on them, and why there is none."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest

from tracker import ratecards
from tracker.ratecards import CLASSES, RateCard, Region, rate_card
from tracker.usage import Measures

NOW = date(2026, 11, 20)


@pytest.fixture(scope="module", autouse=True)
def drawn_anew() -> None:
    """Cards are kept once they are drawn; here they are drawn, whatever was asked for before."""
    for kept in (ratecards.rate_card, ratecards._find, ratecards._changes, ratecards._card):
        kept.cache_clear()


def card(model: str = "gpt-5.4", variant: str = "standard", day: date = NOW) -> RateCard:
    found = rate_card("openai", model, variant, day)
    assert isinstance(found, RateCard), found
    return found


def full_price(region: Region, name: str) -> Decimal:
    """USD a million: a class's own step and those of the classes it lies in."""
    wholes = {"input_cached_tokens": ["input_tokens"]}.get(name, [])
    rates = dict(zip(CLASSES, region.rates, strict=True))
    return sum((rates[each] for each in (name, *wholes)), Decimal()) * 1_000_000


@pytest.mark.parametrize(
    ("model", "variant", "day", "since", "thresholds"),
    [
        ("gpt-5.4", "standard", NOW, None, [0, 272_000]),
        ("gpt-5.4", "batch", NOW, date(2026, 10, 14), [0, 272_000]),
        ("o3", "standard", date(2025, 6, 9), None, [0]),
        ("o3", "standard", date(2025, 6, 10), date(2025, 6, 10), [0]),
        ("o3", "standard", date(2025, 6, 20), date(2025, 6, 10), [0]),
    ],
)
def test_a_card_says_of_what_and_since_when_it_is(
    model: str, variant: str, day: date, since: date | None, thresholds: list[int]
) -> None:
    found = card(model, variant, day)

    assert (found.model, found.variant, found.effective_from, found.note) == (model, variant, since, None)
    assert [region.above for region in found.regions] == thresholds
    assert len(found.content_sha256) == 64


def test_what_is_priced_is_what_the_list_has_rates_for() -> None:
    assert card().regions[0].priced == {"input_tokens", "output_tokens"}
    embeddings = card("text-embedding-3-small").regions[0]
    assert embeddings.priced == {"input_tokens"}
    assert embeddings.unpriced(Measures(output_tokens=1)) == "output_tokens"
    assert embeddings.unpriced(Measures(input_tokens=1)) is None
    for priced, told in (((), "input_tokens"), (("output_tokens",), "input_tokens"), (("input_tokens",), None)):
        region = Region(0, embeddings.rates, Decimal(), frozenset(priced))
        assert region.unpriced(Measures(input_tokens=1)) == told
        assert region.unpriced(Measures(input_tokens=0, output_tokens=0)) is None


@pytest.mark.parametrize(
    ("above", "name", "usd"),
    [
        (0, "input_tokens", "2.5"),
        (0, "input_cached_tokens", "0.25"),
        (0, "output_tokens", "15"),
        (272_000, "input_tokens", "5"),
        (272_000, "input_cached_tokens", "0.5"),
        (272_000, "output_tokens", "22.5"),
    ],
)
def test_a_region_holds_the_lists_rates(above: int, name: str, usd: str) -> None:
    region = next(region for region in card().regions if region.above == above)
    assert full_price(region, name) == Decimal(usd)


@pytest.mark.parametrize(
    ("rates", "per_request"),
    [
        (("2.5E-6", "-2.25E-6", "0", "1.5E-5"), "0"),
        (("0", "0", "0", "0"), "0"),
        (("0", "0", "0", "1E-30"), "0.01"),
        (("1E+1", "-0.0000000000000000003", "7", "0"), "3E+2"),
        (("0.1234567890123456789012345678", "0", "0", "9"), "0.5"),
    ],
)
def test_a_cost_is_the_exact_sum_of_what_each_class_costs(rates: tuple[str, ...], per_request: str) -> None:
    nothing = (Decimal(),) * (len(CLASSES) - len(rates))
    region = Region(0, (*map(Decimal, rates), *nothing), Decimal(per_request), frozenset())

    for counts in ((0, 0, 0, 0), (10**13, 10**13 - 1, None, 10**13), (123_456_789, None, None, 7), (None,) * 4):
        exact = sum(
            (Fraction(rate) * (count or 0) for rate, count in zip(rates, counts, strict=True)),
            Fraction(per_request) * 3,
        )
        assert Fraction(region.charge.cost(Measures(3, *counts))) == exact


def test_cards_of_other_content_are_other_cards() -> None:
    batch, standard = card(variant="batch"), card()

    assert batch.content_sha256 != standard.content_sha256
    assert card("o3", day=date(2025, 6, 1)).content_sha256 != card("o3", day=NOW).content_sha256
    assert {hash(batch), hash(standard)} == {hash(card(variant="batch")), hash(card())}
    assert hash(batch) != hash(standard)


def test_a_region_comes_back_from_its_text_exactly() -> None:
    region = Region(
        272_000, tuple(Decimal(n) / 10**9 for n in range(len(CLASSES))), Decimal("0.01"), frozenset({"output_tokens"})
    )

    text = region.to_json()

    assert Region.from_json(text) == region
    assert json.loads(text) == {
        "above": 272_000,
        "per_request": "0.01",
        "priced": ["output_tokens"],
        "rates": {name: format(Decimal(n) / 10**9, "f") for n, name in enumerate(CLASSES)},
    }
    for each in card().regions:
        assert Region.from_json(each.to_json()) == each


@pytest.mark.parametrize(
    ("model", "variant", "reason"),
    [
        ("whisper-1", "standard", "whisper-1 is not sold by the token"),
        ("gpt-realtime", "batch", "gpt-realtime has no batch rates in the price list"),
        ("nobody-knows", "standard", "the model nobody-knows is not in the price list"),
    ],
)
def test_why_there_is_no_card_is_said(model: str, variant: str, reason: str) -> None:
    assert rate_card("openai", model, variant, NOW) == reason
