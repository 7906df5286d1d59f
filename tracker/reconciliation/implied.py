"""The price a bill implies: billed ÷ quantity of each line item and day, held against the catalogue.

Pure. A finding carries its evidence: the days, what was billed on them and for how much.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from tracker.reconciliation.causes import CENT, DAYS_OF_EVIDENCE, HALF_CENT, HALF_NANO
from tracker.reconciliation.lines import Item


class Finding(StrEnum):
    """What an implied price is, held against the catalogue's."""

    NEW = "new price"
    CHANGED = "changed price"
    NEGOTIATED = "negotiated price"


@dataclass(frozen=True)
class Observation:
    """One billed line of a UTC day: US dollars for `quantity` of `unit`; `listed` are the catalogue's rates that day.

    A line may sell several tiers at once: any figure between the lowest and the highest listed rate agrees with it.
    `estimated` is the estimate of the line, made of `rows` rounded rows; `agreed` tells that an agreed price made it.
    """

    day: date
    provider_key_id: int
    item: Item
    amount: Decimal
    quantity: Decimal
    unit: str | None
    bill_rows: int = 1
    listed: tuple[Decimal, ...] = ()
    estimated: Decimal | None = None
    rows: int = 0
    agreed: bool = False

    @property
    def implied(self) -> Decimal:
        """US dollars a unit."""
        return self.amount / self.quantity

    @property
    def bound(self) -> Decimal:
        """The most by which rounding the amount can have moved it, in US dollars."""
        whole_cents = self.amount % CENT == 0
        return (HALF_CENT if whole_cents else HALF_NANO) * self.bill_rows

    def costs(self, rate: Decimal) -> bool:
        """Whether the rate makes this amount, within rounding."""
        return abs(self.amount - rate * self.quantity) <= self.bound

    def is_times(self, factor: Decimal) -> bool:
        """Whether the bill is the factor times the estimate, within rounding."""
        rounding = self.bound + HALF_NANO * self.rows * factor
        return self.estimated is not None and abs(self.amount - factor * self.estimated) <= rounding

    @property
    def agrees(self) -> bool:
        if not self.listed:
            return False
        low, high = min(self.listed) * self.quantity, max(self.listed) * self.quantity
        return low - self.bound <= self.amount <= high + self.bound


@dataclass(frozen=True)
class ImpliedPrice:
    """A price found on the bill: `rate` US dollars a unit, `listed` the catalogue's nearest (None: it knows none).

    `evidence` are the days it was read from, first to last; all of them fit the rate.
    """

    finding: Finding
    provider_key_id: int
    item: Item
    unit: str | None
    rate: Decimal
    listed: Decimal | None
    evidence: tuple[Observation, ...]

    @property
    def since(self) -> date:
        return self.evidence[0].day


def implied_prices(observations: Iterable[Observation]) -> list[ImpliedPrice]:
    """The prices that the newest days of each line agree on and the catalogue does not have, by connection and item."""
    series: dict[tuple[int, Item, str], list[Observation]] = {}
    for each in observations:
        if each.quantity > 0 and each.amount > 0:
            series.setdefault((each.provider_key_id, each.item, each.unit or ""), []).append(each)
    found = (_found(sorted(series[place], key=lambda each: each.day)) for place in sorted(series))
    return [price for price in found if price]


def _found(days: Sequence[Observation]) -> ImpliedPrice | None:
    evidence = _newest_stretch(days)
    if len(evidence) < DAYS_OF_EVIDENCE or evidence[-1].agrees:
        return None
    rate, newest = _read_off(evidence), evidence[-1]
    listed = min(newest.listed, key=lambda each: abs(each - rate), default=None)
    return ImpliedPrice(
        _kind(listed, before=len(days) > len(evidence)),
        newest.provider_key_id,
        newest.item,
        newest.unit,
        rate,
        listed,
        tuple(evidence),
    )


def _kind(listed: Decimal | None, *, before: bool) -> Finding:
    if listed is None:
        return Finding.NEW
    return Finding.CHANGED if before else Finding.NEGOTIATED


def _newest_stretch(days: Sequence[Observation]) -> list[Observation]:
    """The longest run of newest days that one rate makes, first to last."""
    stretch: list[Observation] = []
    for each in reversed(days):
        wider = [each, *stretch]
        rate = _read_off(wider)
        if not all(one.costs(rate) for one in wider):
            break
        stretch = wider
    return stretch


def _read_off(days: Sequence[Observation]) -> Decimal:
    """The rate of the day with the largest quantity, on which rounding weighs least."""
    return max(days, key=lambda each: each.quantity).implied
