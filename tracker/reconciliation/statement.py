"""A period's bill and estimate as a person reads them: totals, causes, one row a model or service, one headline."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal

from tracker import limits, unpriced
from tracker.limits import Limits
from tracker.money import CENT, apportioned, difference_in_cents
from tracker.product import Product
from tracker.reconciliation import read
from tracker.reconciliation.causes import Cause, Headline, Reconciled, headline
from tracker.unpriced import Unpriced

NOTHING, OF_DAY = Decimal(), Decimal("0.0001")


@dataclass(frozen=True)
class Row:
    """One model or service over the period or on a `day`, in USD; None: unknown. `causes` add up to `difference`.

    `unpriced` tells that some of its usage is in no estimate; `dearest` is the day of its largest estimate, which
    `model` and that day explain. A service has no `model`.
    """

    name: str
    estimated: Decimal | None
    billed: Decimal | None
    difference: Decimal
    causes: tuple[tuple[Cause, Decimal], ...]
    unpriced: bool = False
    model: str = ""
    dearest: date | None = None
    day: date | None = None

    @property
    def percent(self) -> Decimal | None:
        """The difference in percent of the estimate."""
        if not self.estimated:
            return None
        return (self.difference * 100 / self.estimated).quantize(Decimal("0.1"), ROUND_HALF_EVEN)


@dataclass(frozen=True)
class Statement:
    """The UTC days [start, end) in USD. `causes` add up to `difference` exactly, the largest first.

    `rows` are the models and services over the period, `daily` the same day by day, the newest first.
    `foreign` are the other currencies on the bill, in no figure here; `unpriced` is what is in no estimate.
    """

    start: date
    end: date
    estimated: Decimal | None
    billed: Decimal | None
    difference: Decimal
    causes: tuple[tuple[Cause, Decimal], ...]
    rows: tuple[Row, ...]
    daily: tuple[Row, ...]
    headline: Headline
    foreign: tuple[str, ...]
    unpriced: Unpriced = field(default_factory=Unpriced)

    @property
    def shown_difference(self) -> Decimal:
        """The difference for where it stands beside the bill and the estimate, in cents."""
        if self.billed is None or self.estimated is None:
            return self.difference
        return difference_in_cents(self.billed, self.estimated)

    @property
    def shown_causes(self) -> tuple[tuple[Cause, Decimal], ...]:
        """The causes in cents that add up to the difference shown; those that come to less than a cent are left out."""
        whole = self.shown_difference.quantize(CENT, ROUND_HALF_EVEN)
        parts = apportioned([amount for _, amount in self.causes], whole)
        return tuple((cause, part) for (cause, _), part in zip(self.causes, parts, strict=True) if part)


def statement(
    product: Product, workspace_id: int, start: date, end: date, *, limited: Limits = limits.NONE
) -> Statement:
    """What the database holds of the period, reconciled, within these limits."""
    with product.database.workspace(workspace_id) as session:
        found = read.reconciled(session, workspace_id, start, end)
        lacking = unpriced.read(session, workspace_id, start, end, limited=limited)
    ours = [each for each in found if limited.let_in(each.line.provider_key_id, each.line.day)]
    return replace(of(ours, start, end), unpriced=lacking)


def of(found: Sequence[Reconciled], start: date, end: date) -> Statement:
    """The statement of reconciled lines."""
    usd = [each for each in found if each.line.currency == "usd"]
    by_name: dict[str, list[Reconciled]] = {}
    by_day: dict[tuple[date, str], list[Reconciled]] = {}
    for each in usd:
        name = each.line.item.model or each.line.line_item
        by_name.setdefault(name, []).append(each)
        by_day.setdefault((each.line.day, name), []).append(each)
    rows = [_row(name, lines) for name, lines in by_name.items()]
    daily = [replace(_row(name, lines), day=day) for (day, name), lines in by_day.items()]
    return Statement(
        start=start,
        end=end,
        estimated=_sum(each.line.estimated for each in usd),
        billed=_sum(each.line.billed for each in usd),
        difference=sum((each.line.difference or NOTHING for each in usd), NOTHING),
        causes=causes_of(usd),
        rows=tuple(sorted(rows, key=lambda row: _largest(row, CENT))),
        daily=tuple(sorted(daily, key=lambda row: (-(row.day or start).toordinal(), *_largest(row, OF_DAY)))),
        headline=headline(usd, start, end),
        foreign=tuple(sorted({each.line.currency for each in found} - {"usd"})),
    )


def _largest(row: Row, unit: Decimal) -> tuple[Decimal, Decimal, str]:
    """By the difference in the digits in which it is told; where that is the same, by what the row comes to."""
    whole = max(abs(row.billed or NOTHING), abs(row.estimated or NOTHING))
    return -abs(row.difference).quantize(unit, ROUND_HALF_EVEN), -whole, row.name


def causes_of(found: Iterable[Reconciled]) -> tuple[tuple[Cause, Decimal], ...]:
    """The sum of each cause: what raises the bill first, what lowers it next, what is unexplained last."""
    sums: dict[Cause, Decimal] = {}
    for each in found:
        for cause, amount in each.causes.items():
            sums[cause] = sums.get(cause, NOTHING) + amount
    present = [(cause, amount) for cause, amount in sums.items() if amount]
    return tuple(sorted(present, key=lambda one: (one[0] is Cause.UNEXPLAINED, one[1] < 0, -abs(one[1]))))


def _row(name: str, found: Sequence[Reconciled]) -> Row:
    largest = max(found, key=lambda each: each.line.estimated or NOTHING).line
    return Row(
        name=name,
        estimated=_sum(each.line.estimated for each in found),
        billed=_sum(each.line.billed for each in found),
        difference=sum((each.line.difference or NOTHING for each in found), NOTHING),
        causes=causes_of(found),
        unpriced=any(each.line.unpriced for each in found),
        model=largest.item.model,
        dearest=None if largest.estimated is None else largest.day,
    )


def _sum(amounts: Iterable[Decimal | None]) -> Decimal | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known, NOTHING) if known else None
