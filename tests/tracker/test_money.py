"""Money is exact: rounded once, half to even, refused where it is none."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.money import MAX_NANOS, apportioned, difference_in_cents, from_nanos, nanos_text, to_nanos, usd_text


@pytest.mark.parametrize(
    ("usd", "nanos"),
    [
        ("0", 0),
        ("1", 1_000_000_000),
        ("0.00265", 2_650_000),
        ("0.000000001", 1),
        ("0.0000000005", 0),
        ("0.0000000015", 2),
        ("0.0000000025", 2),
        ("0.00000000250000000000000000000000000001", 3),
        ("0.0000000035", 4),
        ("0.00000000049999999999999999", 0),
        ("-0.0000000005", 0),
        ("-0.0000000015", -2),
        ("-0.0000000025", -2),
        ("-3.5", -3_500_000_000),
        ("1E-10", 0),
        ("1E+9", 10**18),
        ("9223372036.854775807", MAX_NANOS),
        ("-9223372036.854775807", -MAX_NANOS),
        ("9223372036.8547758074", MAX_NANOS),
    ],
)
def test_dollars_become_whole_nano_dollars_rounded_half_to_even(usd: str, nanos: int) -> None:
    assert to_nanos(Decimal(usd)) == nanos


@pytest.mark.parametrize(
    ("one", "other", "difference"),
    [
        ("269.2251", "248.4449", "20.79"),
        ("1.005", "1.015", "-0.02"),
        ("0.004", "0", "0.004"),
        ("0.0149", "0.0051", "0.0098"),
        ("7", "7", "0"),
        ("-3.001", "2", "-5.00"),
    ],
)
def test_the_difference_of_amounts_in_cents_is_that_of_what_is_seen(one: str, other: str, difference: str) -> None:
    assert difference_in_cents(Decimal(one), Decimal(other)) == Decimal(difference)


@pytest.mark.parametrize(
    ("amounts", "whole", "shown"),
    [
        ([], "0", []),
        (["0.004", "0.004", "0.004"], "0.01", ["0.01", "0", "0"]),
        (["0.004", "0.006", "0.002"], "0.01", ["0", "0.01", "0"]),
        (["1.005", "-0.005"], "1.00", ["1.01", "-0.01"]),
        (["0", "0.009"], "0.01", ["0", "0.01"]),
        (["1", "2"], "3.01", ["1.01", "2"]),
        (["1", "2"], "2.98", ["0.99", "1.99"]),
        (["1", "2"], "3.05", ["1.03", "2.02"]),
    ],
)
def test_amounts_are_rounded_so_that_they_add_up(amounts: list[str], whole: str, shown: list[str]) -> None:
    assert apportioned(list(map(Decimal, amounts)), Decimal(whole)) == list(map(Decimal, shown))


@pytest.mark.parametrize("usd", ["NaN", "-NaN", "sNaN", "Infinity", "-Infinity"])
def test_what_is_no_number_is_no_amount(usd: str) -> None:
    with pytest.raises(ValueError, match="not an amount of money"):
        to_nanos(Decimal(usd))


@pytest.mark.parametrize(
    "usd", ["9223372036.854775808", "-9223372036.854775808", "9223372036.8547758076", "1E+10", "1E+40"]
)
def test_an_amount_beyond_the_column_is_refused(usd: str) -> None:
    with pytest.raises(ValueError, match="beyond ±9223372036 dollars"):
        to_nanos(Decimal(usd))


@pytest.mark.parametrize(
    ("nanos", "text"),
    [
        (0, "0"),
        (1, "0.000000001"),
        (-1, "-0.000000001"),
        (2_650_000, "0.00265"),
        (10**9, "1"),
        (10**12, "1000"),
        (MAX_NANOS, "9223372036.854775807"),
    ],
)
def test_stored_nano_dollars_read_back_exactly(nanos: int, text: str) -> None:
    assert usd_text(from_nanos(nanos)) == text


@given(st.integers(-MAX_NANOS, MAX_NANOS))
def test_what_was_stored_is_stored_again_unchanged(nanos: int) -> None:
    assert to_nanos(from_nanos(nanos)) == nanos
    assert to_nanos(Decimal(str(usd_text(from_nanos(nanos))))) == nanos


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        (Decimal("0.0042"), "0.0042"),
        (Decimal(12), "12"),
        (Decimal("12.000"), "12"),
        (Decimal(100), "100"),
        (Decimal("-3.50"), "-3.5"),
        (Decimal("1E+3"), "1000"),
        (Decimal("1E-9"), "0.000000001"),
        (Decimal("0E-9"), "0"),
        (None, None),
    ],
)
def test_amounts_are_told_in_plain_digits(usd: Decimal | None, text: str | None) -> None:
    assert usd_text(usd) == text


@given(st.integers(-MAX_NANOS, MAX_NANOS))
def test_an_amount_reads_the_same_straight_from_the_table(nanos: int) -> None:
    assert nanos_text(nanos) == usd_text(from_nanos(nanos))
