"""In the table of a statement what stands beside each other adds up, and no figure is far from its exact one."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.reconciliation.causes import Cause
from tracker.reconciliation.shown import Shown, shown
from tracker.reconciliation.statement import Row

CENT, NOTHING = Decimal("0.01"), Decimal()
UNITS = (CENT, Decimal("0.0001"))


def row(estimated: str | None, billed: str | None, *causes: str) -> Row:
    one, other = (None if amount is None else Decimal(amount) for amount in (estimated, billed))
    difference = (other or NOTHING) - (one or NOTHING)
    named = tuple(zip(Cause, map(Decimal, causes or [str(difference)]), strict=False))
    return Row("gpt-a", one, other, difference, named if difference else ())


Figures = tuple[str | None, str | None, str | None]


def figures(rows: list[Shown]) -> list[Figures]:
    return [(money(each.estimated), money(each.billed), money(each.difference)) for each in rows]


def money(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:.2f}"


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        # Each rounded by itself, 1.24 and 1.25 would stand beside a difference of 0.00.
        ([row("1.2449", "1.2451")], [("1.24", "1.25", "0.01")]),
        # Two rows that agree stay equal, whichever of them the third cent goes to.
        ([row("0.335", "0.335"), row("0.335", "0.335")], [("0.34", "0.34", "0.00"), ("0.33", "0.33", "0.00")]),
        # A cent of the whole goes to a line of the bill that stands alone, not to a row where the two agree.
        (
            [row("0.0655", "0.0655"), row(None, "1.2451"), row(None, "0.3449")],
            [("0.07", "0.07", "0.00"), (None, "1.25", "1.25"), (None, "0.34", "0.34")],
        ),
        ([row("0.004", None), row(None, "0.004")], [("0.00", None, "0.00"), (None, "0.00", "0.00")]),
        ([row(None, None)], [(None, None, None)]),
        ([], []),
    ],
)
def test_each_row_adds_up(rows: list[Row], told: list[Figures]) -> None:
    assert figures(shown(rows)) == told


def test_a_row_billed_without_an_amount_tells_no_difference() -> None:
    (told,) = shown([Row("gpt-a", Decimal(5), None, NOTHING, ())])

    assert (told.estimated, told.billed, told.difference) == (Decimal(5), None, None)


def test_causes_add_up_to_the_difference_beside_them() -> None:
    (told,) = shown([row("1", "1.5074", "0.5034", "0.0040")])

    assert (told.difference, [amount for _, amount in told.causes]) == (Decimal("0.51"), [Decimal("0.50"), CENT])


AMOUNTS = st.none() | st.decimals(-5, 5_000, places=9)


@given(st.lists(st.tuples(AMOUNTS, AMOUNTS), max_size=12), st.sampled_from(UNITS))
def test_columns_and_rows_add_up_whatever_the_amounts(
    pairs: list[tuple[Decimal | None, Decimal | None]], unit: Decimal
) -> None:
    texts = [[None if amount is None else str(amount) for amount in pair] for pair in pairs]
    rows = [row(one, other) for one, other in texts]
    told = shown(rows, unit)

    for exact, column in (
        ([one for one, _ in pairs], [each.estimated for each in told]),
        ([other for _, other in pairs], [each.billed for each in told]),
    ):
        whole = sum((amount for amount in exact if amount is not None), NOTHING).quantize(unit, ROUND_HALF_EVEN)
        assert sum((amount for amount in column if amount is not None), NOTHING) == whole
        assert [amount is None for amount in column] == [amount is None for amount in exact]
    for each in told:
        if each.difference is not None:
            assert (each.estimated or NOTHING) + each.difference == (each.billed or NOTHING)
            assert sum((amount for _, amount in each.causes), NOTHING) == each.difference
            assert abs(each.difference - each.row.difference) <= unit
