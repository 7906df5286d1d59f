"""Why a line of the bill differs from its estimate: a closed list and the decision, which adds up exactly.

Pure. A line is first judged by itself; what stays open is held against its neighbouring days, then against all
days of the period. The first cause that accounts for the figure is taken; what none accounts for says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum

from tracker import clock
from tracker.reconciliation.lines import Item


class Cause(StrEnum):
    """The closed list; its values are the words shown."""

    PRICE_MISSING = "price missing"
    PRICE_OUT_OF_DATE = "price out of date"
    TIER_OR_BATCH = "tier or batch"
    LONG_CONTEXT = "long context"
    CACHE = "cache"
    FEE = "tool or storage fee"
    CREDIT = "credit"
    COMPLIMENTARY = "complimentary tokens"
    NEGOTIATED = "negotiated price"
    USAGE_MISSING = "usage missing"
    NOT_BILLED_YET = "not billed yet"
    DAY_BOUNDARY = "day boundary"
    ROUNDING = "rounding"
    UNEXPLAINED = "unexplained"


HALF_NANO = Decimal("0.0000000005")
HALF_CENT = Decimal("0.005")
CENT = Decimal("0.01")
NOTHING = Decimal()
DAYS_OF_EVIDENCE = 3
"""Days a constant ratio must hold before it is taken for a price; fewer could be chance."""

Causes = Mapping[Cause, Decimal]


@dataclass(frozen=True)
class Line:
    """One line of one UTC day: amounts in `currency`, None for unknown.

    `credits` is the negative part of `billed`. `otherwise` is what the estimate would be under another reading.
    `rows` usage rows and `bill_rows` bill rows were each rounded once. `unpriced` = some of its usage has no price.
    `bill_told` and `usage_told` = the ledger says the day's bill or usage was read completely.
    """

    day: date
    provider_key_id: int
    item: Item
    line_item: str
    currency: str = "usd"
    estimated: Decimal | None = None
    billed: Decimal | None = None
    credits: Decimal = NOTHING
    otherwise: tuple[tuple[Cause, Decimal], ...] = ()
    rows: int = 0
    bill_rows: int = 0
    unpriced: bool = False
    bill_told: bool = True
    usage_told: bool = True

    @property
    def difference(self) -> Decimal | None:
        """Billed less estimated; the whole of one when there is no other.

        None where nothing compares: another currency, neither figure, or a line billed without telling its amount.
        """
        untold = self.billed is None and (self.estimated is None or self.bill_rows > 0)
        if self.currency != "usd" or untold:
            return None
        return (self.billed or NOTHING) - (self.estimated or NOTHING)

    @property
    def charged(self) -> Decimal:
        return (self.billed or NOTHING) - self.credits

    @property
    def bound(self) -> Decimal:
        """The most that rounding alone can make: half a nano-dollar a row, half a cent a line billed in whole cents."""
        whole_cents = self.bill_rows > 0 and self.charged % CENT == 0
        return HALF_NANO * (self.rows + self.bill_rows) + (HALF_CENT * self.bill_rows if whole_cents else NOTHING)

    @property
    def series(self) -> tuple[int, Item]:
        return self.provider_key_id, self.item


@dataclass(frozen=True)
class Reconciled:
    """A line with its causes, which add up to its difference exactly; none where nothing differs or compares."""

    line: Line
    causes: Causes

    @property
    def unexplained(self) -> Decimal:
        return self.causes.get(Cause.UNEXPLAINED, NOTHING)


@dataclass(frozen=True)
class Headline:
    """How much of a period [start, end) is explained (0 to 1, None when nothing differs) and what is left, named."""

    start: date
    end: date
    explained: Decimal | None
    unexplained: Decimal
    largest: Line | None


def reconcile(lines: Iterable[Line]) -> list[Reconciled]:
    """Every line with its causes, in the order given."""
    given = list(lines)
    settled = {n: _alone(line) for n, line in enumerate(given)}
    by_series: dict[tuple[int, Item], list[int]] = {}
    for n, line in enumerate(given):
        if line.currency == "usd":
            by_series.setdefault(line.series, []).append(n)
    for places in by_series.values():
        ordered = sorted(places, key=lambda n: given[n].day)
        before = [settled[n] for n in ordered]
        after = _by_price(_by_neighbour(before))
        settled.update(zip(ordered, after, strict=True))
    return [settled[n] for n in range(len(given))]


def explained(rows: Iterable[Reconciled]) -> Decimal | None:
    """1 − Σ|unexplained| ÷ Σ|causes|; None when nothing differs."""
    amounts = [(cause, abs(amount)) for row in rows for cause, amount in row.causes.items()]
    total = sum((amount for _, amount in amounts), NOTHING)
    left = sum((amount for cause, amount in amounts if cause is Cause.UNEXPLAINED), NOTHING)
    return 1 - left / total if total else None


def headline(rows: Sequence[Reconciled], start: date, end: date) -> Headline:
    """The one sentence of a period, as values."""
    left = [row for row in rows if row.unexplained]
    largest = max(left, key=lambda row: abs(row.unexplained), default=None)
    total = sum((row.unexplained for row in left), NOTHING)
    return Headline(start, end, explained(rows), total, largest.line if largest else None)


def _alone(line: Line) -> Reconciled:
    if line.difference is None:
        return Reconciled(line, {})
    causes = {Cause.CREDIT: line.credits, **_own_causes(line)}
    return Reconciled(line, {cause: amount for cause, amount in causes.items() if amount})


def _own_causes(line: Line) -> Causes:
    rest = line.charged - (line.estimated or NOTHING)
    if line.billed is None and not line.bill_told:
        return {Cause.NOT_BILLED_YET: rest}
    if line.estimated is None:
        return {_unestimated(line): rest}
    if abs(rest) <= line.bound:
        return {Cause.ROUNDING: rest}
    for cause, other in line.otherwise:
        if line.billed is not None and abs(line.charged - other) <= line.bound:
            return {cause: other - line.estimated, Cause.ROUNDING: line.charged - other}
    if rest > 0 and line.unpriced:
        return {Cause.PRICE_MISSING: rest}
    if rest > 0 and not line.usage_told:
        return {Cause.USAGE_MISSING: rest}
    return {Cause.UNEXPLAINED: rest}


def _unestimated(line: Line) -> Cause:
    if not line.item.model:
        return Cause.FEE if line.item.kind else Cause.UNEXPLAINED
    if line.unpriced:
        return Cause.PRICE_MISSING
    return Cause.UNEXPLAINED if line.usage_told else Cause.USAGE_MISSING


def _by_neighbour(rows: Sequence[Reconciled]) -> list[Reconciled]:
    """Usage of one UTC day that stands on the bill of the next or the one before: two equal and opposite gaps."""
    found = list(rows)
    for n in range(len(found) - 1):
        one, other = found[n], found[n + 1]
        if one.line.day + clock.DAY != other.line.day or not one.unexplained or not other.unexplained:
            continue
        if abs(one.unexplained + other.unexplained) <= one.line.bound + other.line.bound:
            found[n], found[n + 1] = (_renamed(each, Cause.DAY_BOUNDARY) for each in (one, other))
    return found


def _by_price(rows: Sequence[Reconciled]) -> list[Reconciled]:
    """A constant ratio of bill and estimate: on all days a negotiated price, from one day on a price out of date."""
    comparable = [row for row in rows if row.line.billed is not None and row.line.estimated]
    first = next((n for n, row in enumerate(comparable) if row.unexplained), None)
    if first is None:
        return list(rows)
    since = comparable[first:]
    if len(since) < DAYS_OF_EVIDENCE or not _same_ratio([row.line for row in since]):
        return list(rows)
    cause = Cause.PRICE_OUT_OF_DATE if first else Cause.NEGOTIATED
    priced = {row.line.day for row in since}
    return [_renamed(row, cause) if row.line.day in priced else row for row in rows]


def _same_ratio(lines: Sequence[Line]) -> bool:
    """Whether one ratio, read off the largest line, fits every line within what rounding allows both."""
    largest = max(lines, key=lambda line: line.estimated or NOTHING)
    whole = largest.estimated or NOTHING
    return all(
        abs(line.charged * whole - largest.charged * (line.estimated or NOTHING))
        <= line.bound * whole + largest.bound * (line.estimated or NOTHING)
        for line in lines
    )


def _renamed(row: Reconciled, cause: Cause) -> Reconciled:
    named = {cause if each is Cause.UNEXPLAINED else each: amount for each, amount in row.causes.items()}
    return replace(row, causes=named)
