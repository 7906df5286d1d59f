"""The bill's prices as one price to agree, which makes what the bill says from its first day on."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from tracker.own_prices import NO_PRICES, OwnPrice, OwnPrices
from tracker.reconciliation.implied import Finding, Observation
from tracker.reconciliation.lines import Item
from tracker.reconciliation.proposals import Proposal, proposals, rate_name

DAY = date(2026, 11, 2)
LISTED = {"input": "0.0000025", "output": "0.000015"}
OPENAI = {1: "openai", 2: "openai"}


def billed(day: int, kind: str, rate: str, *, model: str = "gpt-5.4", listed: str | None = None) -> Observation:
    quantity = Decimal(1_000_003 + 7 * day)
    known = listed if listed is not None else LISTED.get(kind, "")
    rates = (Decimal(known),) if known else ()
    amount = round(Decimal(rate) * quantity, 9)
    at = (DAY + timedelta(days=day), 1, Item(model, kind), amount, quantity, None)
    return Observation(*at, listed=rates, estimated=round(rates[0] * quantity, 9) if rates else None, rows=9)


def stretch(kind: str, *rates: str, model: str = "gpt-5.4", listed: str | None = None) -> list[Observation]:
    return [billed(n, kind, rate, model=model, listed=listed) for n, rate in enumerate(rates)]


def proposed(*observed: Observation, prices: OwnPrices = NO_PRICES) -> Proposal:
    (found,) = proposals(observed, OPENAI, prices)
    return found


def test_one_ratio_on_every_line_of_a_model_is_a_factor() -> None:
    found = proposed(*stretch("input", *["0.000002125"] * 4), *stretch("output", *["0.00001275"] * 4))

    assert found.price == OwnPrice(0, "openai", "gpt-5.4", DAY, factor=Decimal("0.85"))
    assert found.finding is Finding.NEGOTIATED
    assert {each.item.kind for each in found.evidence} == {"input", "output"}
    assert (found.days[0], found.days[-1], len(found.days)) == (DAY, DAY + timedelta(days=3), 4)


def test_lines_of_other_ratios_are_rates_of_one_price_in_few_digits() -> None:
    found = proposed(*stretch("input", *["0.000003"] * 4), *stretch("output", *["0.00001275"] * 4))

    assert found.price.rates == {"input_tokens": Decimal(3), "output_tokens": Decimal("12.75")}
    assert found.billed == sum(each.amount for each in found.evidence)


def test_a_line_that_costs_the_list_price_keeps_it() -> None:
    found = proposed(*stretch("input", *["0.0000025"] * 4), *stretch("output", *["0.00001275"] * 4))

    assert (found.price.factor, found.price.rates) == (None, {"output_tokens": Decimal("12.75")})


def test_it_holds_from_the_first_day_on_which_every_line_fits() -> None:
    since = ["0.0000025", "0.0000025", *["0.000003"] * 3]
    found = proposed(*stretch("input", *since), *stretch("output", "0.000015", *["0.000018"] * 4))

    assert found.price.factor == Decimal("1.2")
    assert (found.price.effective_from, found.finding) == (DAY + timedelta(days=2), Finding.CHANGED)


@pytest.mark.parametrize(
    ("item", "name"),
    [
        (Item("gpt-5.4", "cached input"), "input_cached_tokens"),
        (Item("gpt-realtime", "cached audio input"), "input_cached_audio_tokens"),
        (Item("gpt-realtime", "audio output"), "output_audio_tokens"),
        (Item("whisper-1", "seconds"), "seconds"),
        (Item("dall-e-3", "images"), "images"),
        (Item("", "web search tool calls"), "web_search_calls"),
        (Item("", "file search tool calls"), "file_search_calls"),
        (Item("", "code interpreter sessions"), "sessions"),
        (Item("", "assistants api | file search"), None),
        (Item("", "something new"), None),
    ],
)
def test_each_line_of_the_bill_has_the_rate_of_an_agreed_price(item: Item, name: str | None) -> None:
    assert rate_name(item) == name


def test_a_service_is_agreed_for_every_model_and_storage_for_none() -> None:
    searches = stretch("web search tool calls", *["0.01"] * 3, model="", listed="")
    storage = stretch("assistants api | file search", *["0.0000000001"] * 3, model="", listed="")

    found = proposed(*searches, *storage)

    assert (found.price.model, found.price.rates) == ("*", {"web_search_calls": Decimal("0.01")})


def test_connections_are_proposed_apart_and_the_dearest_first() -> None:
    one = stretch("images", *["0.04"] * 3, model="dall-e-3", listed="")
    other = [Observation(each.day, 2, each.item, each.amount * 2, each.quantity, None) for each in one]

    assert [each.price.rates["images"] for each in proposals([*one, *other], OPENAI)] == [
        Decimal("0.08"),
        Decimal("0.04"),
    ]


def test_what_was_agreed_already_waits_for_its_repricing() -> None:
    rates = {"images": Decimal("0.04"), "input_tokens": Decimal(1)}
    agreed = OwnPrices((OwnPrice(7, "openai", "dall-e-3", DAY, rates=rates),))

    found = proposed(*stretch("images", *["0.04"] * 3, model="dall-e-3", listed=""), prices=agreed)

    assert found.agreed == agreed.prices[0]


def test_another_rate_than_agreed_keeps_what_else_was_agreed_and_is_no_factor() -> None:
    agreed = OwnPrices((OwnPrice(7, "openai", "gpt-5.4", DAY, rates={"input_tokens": Decimal(2)}),))

    found = proposed(*stretch("output", *["0.0000075"] * 3), prices=agreed)

    assert found.agreed is None
    assert found.price.rates == {"input_tokens": Decimal(2), "output_tokens": Decimal("7.5")}
    assert found.kept == {"input_tokens": Decimal(2)}


def test_a_price_of_other_things_of_the_model_or_of_many_models_is_seen_as_what_it_is() -> None:
    searches = OwnPrice(7, "openai", "gpt-5.4", DAY, rates={"web_search_calls": Decimal("0.01")})
    family = OwnPrice(8, "openai", "gpt-5*", DAY, factor=Decimal("0.8"))
    lines = stretch("input", *["0.000002"] * 3)

    assert proposed(*lines, prices=OwnPrices((searches,))).price.factor == Decimal("0.8")
    assert proposed(*lines, prices=OwnPrices((searches, family))).agreed == family


def test_what_a_factor_made_of_other_lines_stays_when_one_line_is_priced_anew() -> None:
    agreed = OwnPrices((OwnPrice(7, "openai", "gpt-5.4", DAY, factor=Decimal("0.8")),))
    lines = stretch("input", *["0.000002"] * 3, listed="0.000002")

    found = proposed(*lines, *stretch("output", *["0.000009"] * 3, listed="0.000012"), prices=agreed)

    assert found.price.rates == {"input_tokens": Decimal(2), "output_tokens": Decimal(9)}
    assert found.kept == {"input_tokens": Decimal(2)}


def test_a_line_of_several_tiers_is_a_factor_or_nothing() -> None:
    def mixed(day: int, rate: str) -> Observation:
        one = billed(day, "input", rate)
        tiers = (Decimal("0.00000125"), Decimal("0.0000025"))
        return replace(one, listed=tiers, estimated=one.quantity * sum(tiers) / (2 + day))

    part = [replace(each, amount=(each.estimated or 0) * Decimal("0.9")) for each in (mixed(n, "1") for n in range(3))]

    assert proposed(*part).price.factor == Decimal("0.9")
    assert proposals([mixed(n, "0.000009") for n in range(4)], OPENAI) == []


def test_a_factor_agreed_and_not_yet_applied_waits_and_one_applied_is_multiplied() -> None:
    agreed = OwnPrices((OwnPrice(7, "openai", "gpt-5.4", DAY, factor=Decimal("0.8")),))
    lines = stretch("input", *["0.000002"] * 3)
    applied = [replace(each, agreed=True, estimated=each.amount * 2) for each in lines]

    assert proposed(*lines, prices=agreed).agreed == agreed.prices[0]
    assert proposed(*applied, prices=agreed).price.factor == Decimal("0.4")


def test_a_rate_too_small_to_be_agreed_is_not_proposed_as_nothing() -> None:
    lines = stretch("characters", *["0.0001"] * 3, model="tts-1", listed="")

    assert proposals([replace(each, quantity=each.quantity * 10**9) for each in lines], OPENAI) == []


def test_a_bill_that_follows_the_list_proposes_nothing() -> None:
    assert proposals(stretch("input", *["0.0000025"] * 5), OPENAI) == []
