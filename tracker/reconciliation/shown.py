"""A statement's rows rounded for a table, so that what stands beside each other adds up. Pure.

By the largest remainder, not by more digits: stored amounts have nine, so that fewer would only move the gap to a
smaller digit, and nine cannot be read. The bill is rounded first, because it is held against the provider's own page;
the estimate then carries the rounding of the bill beside it, so that a row where the two agree still shows no
difference. In each row billed is estimate and difference, and each column adds up to its own sum, rounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from tracker.money import CENT, apportioned
from tracker.reconciliation.causes import Cause
from tracker.reconciliation.statement import NOTHING, Row

Column = list[Decimal | None]


@dataclass(frozen=True)
class Shown:
    """A row in whole units of US dollars. `causes` add up to `difference` and leave out what comes to less than one.

    Where bill and estimate agree and no other row could take a unit, a difference shown is that rounding.
    None is unknown: where a line of the row was billed without its amount, nothing can be said of the difference.
    """

    row: Row
    estimated: Decimal | None
    billed: Decimal | None
    difference: Decimal | None
    causes: tuple[tuple[Cause, Decimal], ...]


def shown(rows: Sequence[Row], unit: Decimal = CENT) -> list[Shown]:
    """The rows in the order given, in multiples of `unit`; a billed amount is less than one off its exact value."""
    billed = _column([row.billed for row in rows], [row.billed for row in rows], unit)
    carried = [
        row.estimated if row.estimated is None or row.billed is None else row.estimated + ((to or NOTHING) - row.billed)
        for row, to in zip(rows, billed, strict=True)
    ]
    estimated = _column(carried, [row.estimated for row in rows], unit)
    return [_shown(*each, unit) for each in zip(rows, estimated, billed, strict=True)]


def _column(amounts: Column, exact: Column, unit: Decimal) -> Column:
    """The amounts rounded, those of `exact` telling to what sum."""
    known = [amount for amount in amounts if amount is not None]
    whole = sum((amount for amount in exact if amount is not None), NOTHING).quantize(unit, ROUND_HALF_EVEN)
    rounded = iter(apportioned(known, whole, unit))
    return [None if amount is None else next(rounded) for amount in amounts]


def _shown(row: Row, estimated: Decimal | None, billed: Decimal | None, unit: Decimal) -> Shown:
    difference = _difference(estimated, billed) if row.difference == _difference(row.estimated, row.billed) else None
    causes = row.causes or ((Cause.ROUNDING, NOTHING),)
    amounts = [amount for _, amount in causes]
    whole = difference if difference is not None else sum(amounts, NOTHING).quantize(unit, ROUND_HALF_EVEN)
    parts = zip(causes, apportioned(amounts, whole, unit), strict=True)
    return Shown(row, estimated, billed, difference, tuple((cause, part) for (cause, _), part in parts if part))


def _difference(estimated: Decimal | None, billed: Decimal | None) -> Decimal | None:
    """As of a line: the whole of one where there is no other, unknown where there is neither."""
    return None if estimated is None and billed is None else (billed or NOTHING) - (estimated or NOTHING)
