"""Billed ÷ quantity tells the price; it is news only when the catalogue has no such rate."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from tracker.reconciliation.implied import Finding, Observation, implied_prices
from tracker.reconciliation.lines import Item

DAY = date(2026, 11, 2)
OUTPUT = Item("gpt-5.4", "output")
LISTED = (Decimal("0.000015"), Decimal("0.0000225"))


def billed(day: int, rate: str, *, quantity: int = 1_000_001, listed: tuple[Decimal, ...] = LISTED) -> Observation:
    amount = Decimal(rate) * quantity
    return Observation(DAY + timedelta(days=day), 1, OUTPUT, amount, Decimal(quantity), "tokens", listed=listed)


def days(*rates: str, listed: tuple[Decimal, ...] = LISTED) -> list[Observation]:
    return [billed(n, rate, quantity=1_000_001 + n, listed=listed) for n, rate in enumerate(rates)]


@pytest.mark.parametrize("rate", ["0.000015", "0.0000225", "0.000018"])
def test_a_rate_of_the_catalogue_or_a_mix_of_its_rates_is_no_news(rate: str) -> None:
    assert implied_prices(days(rate, rate, rate)) == []


def test_another_rate_on_all_days_is_a_negotiated_price_with_its_evidence() -> None:
    observed = days("0.0000135", "0.0000135", "0.0000135")

    (price,) = implied_prices(reversed(observed))

    assert (price.finding, price.rate, price.listed) == (Finding.NEGOTIATED, Decimal("0.0000135"), LISTED[0])
    assert (price.provider_key_id, price.item, price.unit) == (1, OUTPUT, "tokens")
    assert (price.since, price.evidence) == (DAY, tuple(observed))


def test_a_rate_that_begins_on_one_day_is_a_changed_price_since_then() -> None:
    (price,) = implied_prices(days("0.000015", "0.00003", "0.00003", "0.00003"))

    assert (price.finding, price.since) == (Finding.CHANGED, DAY + timedelta(days=1))
    assert (price.rate, price.listed) == (Decimal("0.00003"), LISTED[1])


def test_a_line_without_any_listed_rate_has_a_new_price() -> None:
    (price,) = implied_prices(days("0.01", "0.01", "0.01", listed=()))

    assert (price.finding, price.rate, price.listed) == (Finding.NEW, Decimal("0.01"), None)


def test_two_days_or_days_that_disagree_are_no_price() -> None:
    assert implied_prices(days("0.0000135", "0.0000135")) == []
    assert implied_prices(days("0.0000135", "0.0000130", "0.0000135", "0.0000135")) == []


def test_a_line_billed_in_whole_cents_is_read_within_half_a_cent() -> None:
    cents = [replace(each, amount=each.amount.quantize(Decimal("0.01"))) for each in days(*["0.000015"] * 3)]

    assert implied_prices(cents) == []
    assert implied_prices([replace(each, amount=each.amount - Decimal("0.01")) for each in cents]) != []


def test_credits_and_lines_without_quantity_imply_nothing() -> None:
    observed = days("0.0000135", "0.0000135", "0.0000135")

    assert implied_prices([replace(each, quantity=Decimal()) for each in observed]) == []
    assert implied_prices([replace(each, amount=-each.amount) for each in observed]) == []


def test_connections_and_units_are_read_apart() -> None:
    observed = days("0.0000135", "0.0000135", "0.0000135")

    assert implied_prices([replace(observed[0], provider_key_id=2), *observed[1:]]) == []
    assert implied_prices([replace(observed[0], unit="requests"), *observed[1:]]) == []


def test_a_single_unit_for_less_than_a_dollar_tells_a_price_too() -> None:
    observed = [replace(each, quantity=Decimal(1), amount=Decimal("0.503")) for each in days("1", "1", "1", listed=())]

    (price,) = implied_prices(observed)
    assert (price.rate, price.finding) == (Decimal("0.503"), Finding.NEW)


def test_the_newest_day_decides_what_is_listed() -> None:
    *first, last = days("0.00003", "0.00003", "0.00003", "0.00003")
    newly_listed = replace(last, listed=(Decimal("0.00003"),))

    assert implied_prices([*first, newly_listed]) == []
    (price,) = implied_prices([*first, replace(last, listed=(Decimal("0.000029"),))])
    assert price.listed == Decimal("0.000029")
