"""A statement's rows rounded for a table, so that what stands beside each other adds up. Pure.

By the largest remainder, not by more digits: stored amounts have nine, so that fewer would only move the gap to a
smaller digit, and nine cannot be read. The differences are rounded first, so that a row whose bill and estimate agree
shows none; then the bill, because it is held against the provider's own page; the estimate is what is left. In each
row billed is estimate and difference, and each column adds up to its own sum, rounded, as the cards show it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from tracker.money import CENT, apportioned
from tracker.reconciliation.causes import Cause
from tracker.reconciliation.statement import NOTHING, Row


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
    """The rows in the order given, in multiples of `unit`; a difference is at most one off its exact value."""
    estimates, bills = [row.estimated for row in rows], [row.billed for row in rows]
    whole, billed = (
        sum(map(_or_nothing, each), NOTHING).quantize(unit, ROUND_HALF_EVEN) for each in (estimates, bills)
    )
    differences = _differences(rows, whole, billed, unit)
    estimated = {n: -differences[n] for n, row in enumerate(rows) if row.estimated is not None and row.billed is None}
    both = [n for n, row in enumerate(rows) if row.estimated is not None and row.billed is not None]
    # What is to be rounded up or down of an estimate, so that with its difference it gives the bill rounded so.
    rest = [_or_nothing(rows[n].billed) - differences[n] for n in both]
    left = whole - sum(estimated.values(), NOTHING)
    estimated |= dict(zip(both, apportioned(rest, left, unit), strict=True))
    return [_shown(row, estimated.get(n), differences.get(n, NOTHING), unit) for n, row in enumerate(rows)]


def _differences(rows: Sequence[Row], whole: Decimal, billed: Decimal, unit: Decimal) -> dict[int, Decimal]:
    """The differences of the rows that have a figure, by their place; `whole` and `billed` are the columns' sums.

    Without any row that has both figures, what is billed and what is estimated share no cent.
    """
    paid = [n for n, row in enumerate(rows) if row.billed is not None]
    free = [n for n, row in enumerate(rows) if row.billed is None and row.estimated is not None]
    apart = all(rows[n].estimated is None for n in paid)
    groups = [(paid, billed), (free, -whole)] if apart else [(paid + free, billed - whole)]
    found: dict[int, Decimal] = {}
    for places, total in groups:
        exact = [_or_nothing(rows[n].billed) - _or_nothing(rows[n].estimated) for n in places]
        found |= dict(zip(places, apportioned(exact, total, unit), strict=True))
    return found


def _shown(row: Row, estimated: Decimal | None, to: Decimal, unit: Decimal) -> Shown:
    billed = None if row.billed is None else _or_nothing(estimated) + to
    difference = to if row.difference == _difference(row.estimated, row.billed) else None
    causes = row.causes or ((Cause.ROUNDING, NOTHING),)
    amounts = [amount for _, amount in causes]
    whole = difference if difference is not None else sum(amounts, NOTHING).quantize(unit, ROUND_HALF_EVEN)
    parts = zip(causes, apportioned(amounts, whole, unit), strict=True)
    return Shown(row, estimated, billed, difference, tuple((cause, part) for (cause, _), part in parts if part))


def _or_nothing(amount: Decimal | None) -> Decimal:
    return NOTHING if amount is None else amount


def _difference(estimated: Decimal | None, billed: Decimal | None) -> Decimal | None:
    """As of a line: the whole of one where there is no other, unknown where there is neither."""
    return None if estimated is None and billed is None else _or_nothing(billed) - _or_nothing(estimated)
