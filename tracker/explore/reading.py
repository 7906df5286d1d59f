"""What Explore shows of a view, as one frozen value read in one transaction: pages only draw it."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from operator import not_

from sqlmodel import Session

from tracker import clock, colours
from tracker.explore import bars, billed, usage
from tracker.explore import facets as choices
from tracker.explore.billed import Bill
from tracker.explore.facets import Facets
from tracker.explore.figures import Cell, Figures, added
from tracker.explore.span import Span, pairs, span_before, span_of
from tracker.explore.view import By, Chosen, Grain, View
from tracker.models import ProviderKey
from tracker.overview import days as ledger_days
from tracker.overview import figures, stacks
from tracker.overview.days import DayMark
from tracker.overview.figures import Amount
from tracker.overview.lines import Line, lines, only_billed
from tracker.overview.stacks import Bars
from tracker.product import Product


@dataclass(frozen=True)
class Comparison:
    """The days that are complete in both periods, each with its twin; `left_out` is the number of the others.

    `changes` are in USD by name, of every name that has an estimate in either period; `by_day` has the sums of every
    day of the period before.
    """

    span: Span
    days: tuple[tuple[date, date], ...]
    left_out: int
    now: Figures
    before: Figures
    changes: Mapping[str, Decimal]
    by_day: Mapping[date, Figures]

    def percent(self, view: View) -> Decimal | None:
        """The change of the view's measure, one decimal; None without anything to compare with."""
        return figures.percent(self.now.amount(view.measure), self.before.amount(view.measure))


@dataclass(frozen=True)
class Twin:
    """Days of the period before and what they came to; `lacking` of them were not read after they had ended."""

    days: tuple[date, ...]
    amount: Amount | None
    lacking: int


@dataclass(frozen=True)
class Explored:
    """A view at an instant. `cells` are by day of the view's zone, or by hour; `marks` say what is known of each day.

    `utc_marks` say it of each UTC day that the span touches, up to today's.
    `bill` is what the provider charged: None where it does not know the view's dimensions or days.
    """

    view: View
    span: Span
    facets: Facets
    cells: tuple[Cell, ...]
    marks: Mapping[date, DayMark]
    utc_marks: Mapping[date, DayMark]
    bill: Bill | None
    comparison: Comparison | None
    is_approximate: bool
    slots: Mapping[str, int]
    history_from: date | None
    """The first UTC day that the provider still tells of, for any of the view's connections; None without any."""

    @property
    def unread(self) -> tuple[list[date], list[date]]:
        """The days not read: those before the provider's history, which never will be, and those that wait."""
        never, waiting = (
            [day for day in self.span.days if self.marks[day] is mark]
            for mark in (DayMark.UNAVAILABLE, DayMark.MISSING)
        )
        return never, waiting

    @property
    def columns(self) -> Sequence[date]:
        """The bars: the first day of each in the span, or its hours."""
        return bars.columns(self.span, self.view.bars)

    def days_in(self, column: date) -> list[date]:
        """The days of the span that a bar is of."""
        if isinstance(column, datetime):
            return [self.span.day_of(column)]
        return bars.days_in(column, self.view.bars, self.span)

    def part(self, column: date) -> tuple[int, int] | None:
        """So many of so many days of a week or month, where not all of them are in the span or can be told."""
        if isinstance(column, datetime) or self.mark(column) is DayMark.UNAVAILABLE:
            return None
        here = sum(self.marks[day] is not DayMark.UNAVAILABLE for day in self.days_in(column))
        whole = bars.whole(column, self.view.bars)
        return (here, whole) if here < whole else None

    @property
    def total(self) -> Figures:
        return added(cell.figures for cell in self.cells)

    @property
    def billed_days(self) -> tuple[date, date] | None:
        """The first and the last UTC day that the bill is of, both included; None without a line."""
        return self.bill.days if self.bill else None

    @property
    def is_billed_in_part(self) -> bool:
        """Whether what is billed is of fewer days than what is estimated."""
        whole = self.span.days[0], self.span.days[-1]
        return self.bill is not None and self.bill.days is not None and (self.bill.days != whole or self.bill.left_out)

    def mark(self, column: date) -> DayMark:
        """What is known of a bar: what is of the weakest of its days; of an hour what is of its UTC day."""
        if isinstance(column, datetime) and (known := self.utc_marks.get(clock.day_of(column))):
            return known
        return ledger_days.weakest([self.marks[day] for day in self.days_in(column)])

    @property
    def filters(self) -> dict[By, list[str]]:
        """What is let through, by name."""
        return {by: [self.facets.name(by, value) for value in values] for by, values in self.view.only.items()}

    def name(self, value: Chosen) -> str:
        return self.facets.name(self.view.by, value)

    @property
    def named(self) -> list[figures.Cell]:
        """The cells of the bars by name, as the dashboard's chart and table take them."""
        return [self._named(cell) for cell in self.bar_cells]

    @property
    def bar_cells(self) -> Sequence[Cell]:
        """The cells, those of a week's or month's days added up."""
        if self.view.bars is self.view.read_by:
            return self.cells
        together: dict[tuple[date, Chosen], list[Figures]] = {}
        for cell in self.cells:
            together.setdefault((self.bar_of(cell.at), cell.value), []).append(cell.figures)
        return [Cell(at, value, added(figures)) for (at, value), figures in together.items()]

    def bar_of(self, at: date) -> date:
        """The bar that a day or hour stands in."""
        return at if isinstance(at, datetime) else bars.bar_of(at, self.view.bars, self.span)

    def _named(self, cell: Cell) -> figures.Cell:
        sums = cell.figures
        return figures.Cell(
            day=cell.at,
            model=self.name(cell.value),
            spend=sums.estimate,
            tokens=sums.tokens,
            requests=sums.requests,
            unpriced_requests=sums.unpriced_requests,
            unpriced_rows=sums.unpriced_rows,
            unpriced_tokens=sums.unpriced_tokens,
            input_tokens=sums.input_tokens,
            cached_tokens=sums.input_cached_tokens,
            slot=self.slots.get(str(cell.value)),
            by_unit=sums.by_unit,
        )

    def bars(self) -> Bars:
        return stacks.bars(self.named, self.columns, self.view.measure)

    def lines(self) -> list[Line]:
        """One line a name, most of the measure first; what is only on the bill comes last, most of it first.

        A cut week or month is left out of its small line alone.
        """
        changes = self.comparison.changes if self.comparison and self.comparison.days else None
        found = lines(self.named, self.columns, changes, self.view.measure)
        cut = [bool(self.part(column)) for column in self.columns]
        if any(cut) and not all(cut):
            found = [replace(line, by_day=tuple(itertools.compress(line.by_day, map(not_, cut)))) for line in found]
        return [*found, *map(only_billed, self._only_billed({line.name for line in found}))]

    def _only_billed(self, used: Collection[str]) -> list[str]:
        billed = self.billed_by_name()
        return sorted(billed.keys() - used, key=lambda name: (-billed[name], name))

    def before(self) -> dict[date, Twin]:
        """For each bar of days, what the days of the period before came to that stand where its days do.

        Of a bar of many days only where all of those were read: a sum that lacks some would look low.
        """
        if self.comparison is None or self.view.bars is Grain.HOUR:
            return {}
        twins, known = dict(pairs(self.span, self.comparison.span)), self.comparison.by_day
        found = {}
        for column in self.columns:
            days = tuple(twins[day] for day in self.days_in(column) if day in twins)
            told = [known[day] for day in days if day in known]
            lacking = sum(not self.marks[day].complete for day in days)
            if told and (len(days) == 1 or not lacking):
                found[column] = Twin(days, added(told).amount(self.view.measure), lacking)
        return found

    def billed_by_name(self) -> dict[str, Decimal]:
        told: dict[str, Decimal] = {}
        for value, amount in self.bill.by_value.items() if self.bill else ():
            told[self.name(value)] = told.get(self.name(value), Decimal()) + amount
        return told

    def values(self) -> dict[str, Chosen]:
        """Of each name, what stands in the address."""
        return {self.name(value): value for value in {cell.value for cell in self.cells}}


def read(product: Product, workspace_id: int, view: View, facets: Facets, *, now: datetime) -> Explored:
    """What the workspace used in the view's days at `now` (aware UTC)."""
    span = span_of(view, now=now)
    before = span_before(view, span) if view.compare else None
    with product.database.workspace(workspace_id) as session:
        cells = usage.cells(session, workspace_id, span, view.by, grain=view.read_by, only=view.only)
        keys = _keys(session, workspace_id, view)
        marks, utc_marks = _marks(session, workspace_id, keys, [span, *([before] if before else [])], now)
        comparison = _comparison(session, workspace_id, view, cells, (span, before), marks, facets) if before else None
        bill = billed.read(session, workspace_id, view, span, keys=keys, marks=utc_marks, now=now)
        slots = colours.kept(session, workspace_id, view.by.column) if view.by.column in colours.DIMENSIONS else {}
        return Explored(
            view=view,
            span=span,
            facets=facets,
            cells=tuple(cells),
            marks=marks,
            utc_marks=utc_marks,
            bill=bill,
            comparison=comparison,
            is_approximate=span.is_approximate,
            slots=slots,
            history_from=min((ledger_days.history(key, now=now)[0] for key in keys), default=None),
        )


def read_facets(product: Product, workspace_id: int) -> Facets:
    """What can be chosen in the workspace."""
    with product.database.workspace(workspace_id) as session:
        return choices.facets(session, workspace_id)


def _marks(
    session: Session, workspace_id: int, keys: Sequence[ProviderKey], spans: Sequence[Span], now: datetime
) -> tuple[dict[date, DayMark], dict[date, DayMark]]:
    """The mark of every day of the spans: the weakest of the UTC days, up to today's, that it touches; and theirs."""
    found: dict[date, DayMark] = {}
    every: dict[date, DayMark] = {}
    for span in spans:
        start, end = span.utc_days
        end = min(end, clock.day_of(now) + clock.DAY)
        ledgers = ledger_days.read_ledgers(session, workspace_id, start, end)
        of_utc = ledger_days.marks_with_history(ledgers, keys, clock.days(start, end), now=now)
        every |= of_utc
        for day in span.days:
            first, last = Span(day, day + clock.DAY, span.zone).utc_days
            found[day] = ledger_days.weakest([of_utc[each] for each in clock.days(first, last) if each in of_utc])
    return found, every


def _keys(session: Session, workspace_id: int, view: View) -> list[ProviderKey]:
    """The connections that the view is of: those that ought to be read, and those that were."""
    wanted, of = view.only.get(By.KEY), view.only.get(By.PROVIDER)
    found = ledger_days.read_keys(session, workspace_id).in_figures
    return [key for key in found if (not wanted or key.id in wanted) and (not of or key.provider in of)]


def _comparison(
    session: Session,
    workspace_id: int,
    view: View,
    cells: Sequence[Cell],
    spans: tuple[Span, Span],
    marks: Mapping[date, DayMark],
    facets: Facets,
) -> Comparison:
    span, before = spans
    earlier = usage.cells(session, workspace_id, before, view.by, grain=Grain.DAY, only=view.only)
    complete = tuple((day, twin) for day, twin in pairs(span, before) if marks[day].complete and marks[twin].complete)
    here, there = {day for day, _ in complete}, {twin for _, twin in complete}
    now_cells = [cell for cell in cells if _day(cell, span) in here]
    before_cells = [cell for cell in earlier if cell.at in there]
    changes: dict[str, Decimal] = {}
    for sign, each in ((1, now_cells), (-1, before_cells)):
        for cell in each:
            if cell.figures.estimate is not None:
                name = facets.name(view.by, cell.value)
                changes[name] = changes.get(name, Decimal()) + sign * cell.figures.estimate
    return Comparison(
        span=before,
        days=complete,
        left_out=len(span.days) - len(complete),
        now=_known(now_cells),
        before=_known(before_cells),
        changes=changes,
        by_day=_by_day(earlier),
    )


def _by_day(cells: Sequence[Cell]) -> dict[date, Figures]:
    of_day: dict[date, list[Figures]] = {}
    for cell in cells:
        of_day.setdefault(cell.at, []).append(cell.figures)
    return {day: added(each) for day, each in of_day.items()}


def _known(cells: Sequence[Cell]) -> Figures:
    """The sums; without a cell they are zero, because only complete days are compared."""
    zero = Figures(requests=0, input_tokens=0, output_tokens=0, estimate=Decimal())
    return added(cell.figures for cell in cells) if cells else zero


def _day(cell: Cell, span: Span) -> date:
    return span.day_of(cell.at) if isinstance(cell.at, datetime) else cell.at
