"""Money: `Decimal` US dollars in Python, integer nano-dollars (10⁻⁹ USD) in a table.

Rounding happens once, half to even, when a row is stored. None is an unknown amount, never zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal

NANOS_PER_USD = 1_000_000_000
MAX_NANOS = 2**63 - 1
"""A signed 64-bit column: amounts within ±9.2 billion dollars."""

CENT = Decimal("0.01")

# Wide enough that scaling is exact; only `round` below ever rounds.
_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)


def to_nanos(usd: Decimal) -> int:
    """Whole nano-dollars, rounded half to even; ValueError for NaN, Infinity or beyond ±9.2 billion dollars."""
    if not usd.is_finite():
        raise ValueError(f"not an amount of money: {usd}")
    nanos = round(_EXACT.multiply(usd, NANOS_PER_USD))  # to whole numbers Python rounds half to even
    if abs(nanos) > MAX_NANOS:
        raise ValueError(f"an amount beyond ±{MAX_NANOS // NANOS_PER_USD} dollars: {usd}")
    return nanos


def nanos_of(steps: int, per_nano: int) -> int:
    """The same of an amount told in whole steps, of which so many make a nano-dollar."""
    nanos, rest = divmod(steps, per_nano) if per_nano > 1 else (steps, 0)
    if rest:
        nanos += 2 * rest + nanos % 2 > per_nano  # a half goes to the even number
    if -MAX_NANOS <= nanos <= MAX_NANOS:
        return nanos
    return to_nanos(_EXACT.divide(steps, per_nano * NANOS_PER_USD))  # which refuses it


def from_nanos(nanos: int) -> Decimal:
    """Dollars for whole nano-dollars, exact, without trailing zeros beyond the point."""
    return _EXACT.divide(Decimal(nanos), Decimal(NANOS_PER_USD))


def known_from_nanos(nanos: int | Decimal | None, _of: Decimal = Decimal(NANOS_PER_USD)) -> Decimal | None:
    """The same of what a table holds, where None is unknown and a sum may be told as a decimal; it is in every row."""
    return None if nanos is None else _EXACT.divide(nanos, _of)


def nanos_text(nanos: int) -> str:
    """The same text as `usd_text(from_nanos(nanos))`, in a third of the time."""
    whole, part = divmod(abs(nanos), NANOS_PER_USD)
    text = f"{'-' if nanos < 0 else ''}{whole}.{part:09}"
    return text.rstrip("0").rstrip(".")


def difference_in_cents(one: Decimal, other: Decimal) -> Decimal:
    """One minus the other as whoever sees both in cents works it out; the exact one where those are the same."""
    return one.quantize(CENT, ROUND_HALF_EVEN) - other.quantize(CENT, ROUND_HALF_EVEN) or one - other


def apportioned(amounts: Sequence[Decimal], whole: Decimal, unit: Decimal = CENT) -> list[Decimal]:
    """The amounts as multiples of `unit` that add up to `whole`, itself one: rounded by the largest remainder.

    Each is rounded up or down, and up where most is cut off otherwise. Where `whole` is not their own sum rounded,
    what it has more or less is spread evenly.
    """
    if not amounts:
        return []
    floors = [(amount / unit).to_integral_value(ROUND_FLOOR) for amount in amounts]
    every, more = divmod(int(whole / unit - sum(floors)), len(amounts))
    by_remainder = sorted(range(len(amounts)), key=lambda n: floors[n] * unit - amounts[n])
    for n in by_remainder[:more]:
        floors[n] += 1
    return [(floor + every) * unit for floor in floors]


def usd_text(usd: Decimal | None) -> str | None:
    """The amount as plain decimal text (no exponent, no trailing zeros), None for unknown: '0.0042', '12', '-3.5'."""
    if usd is None:
        return None
    text = format(usd, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
