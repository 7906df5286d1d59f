"""Everything the dashboard shows, as one frozen value read in one transaction: pages only draw it.

All sums, comparisons and decisions about states are made here and below; a page does no arithmetic on money.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import bindparam, func, select
from sqlmodel import Session

from tracker import budgets, clock, passports, queries, set_aside, storage
from tracker import unpriced as unpriced_part
from tracker.models import DailyUsage, ProviderKey, Worker, table_of
from tracker.overview import bills, days, events, history, holes, onboarding, splits
from tracker.overview.bills import Billed, Reach
from tracker.overview.connected import Connection, connections_of
from tracker.overview.cycle import Cycle, Period
from tracker.overview.days import DayMark, Failure, Keys, Ledgers, Progress
from tracker.overview.events import Event
from tracker.overview.figures import (
    Cell,
    Change,
    Measure,
    Sums,
    change,
    comparable,
    differences,
    sums,
)
from tracker.overview.forecast import Forecast, forecast
from tracker.overview.lines import Line, lines
from tracker.overview.prospects import Prospect, best
from tracker.overview.splits import Split
from tracker.overview.stacks import Bars, bars
from tracker.overview.unusual import Unusual, unusual
from tracker.product import Product
from tracker.runs import living_workers
from tracker.set_aside import Aside
from tracker.unpriced import KindOfDay, OfDay, Unpriced

__all__ = [
    "Billed",
    "Change",
    "Connection",
    "Cycle",
    "DayMark",
    "Event",
    "Line",
    "Measure",
    "Overview",
    "Period",
    "Prospect",
    "Reach",
    "Split",
    "Stage",
    "Sums",
    "cells_by",
    "read",
]

STALE_AFTER = clock.DAY
DAILY, WORKERS = table_of(DailyUsage), table_of(Worker)


class Stage(StrEnum):
    """How far the workspace has come, which decides what the page is made of."""

    NO_KEY = "no key"
    NO_WORKING_KEY = "no working key"
    WAITING = "waiting"
    READING = "reading"
    NOTHING_USED = "nothing used"
    READY = "ready"


@dataclass(frozen=True)
class Workers:
    """How many workers live, and when any last gave a sign of life; when none does, whether the disk is `full`."""

    alive: int
    seen_at: datetime | None
    full: bool = False


@dataclass(frozen=True)
class Overview:
    """The dashboard at one instant. Amounts are US dollars; days and instants are UTC."""

    now: datetime
    cycle: Cycle
    stage: Stage
    connections: tuple[Connection, ...]
    doubled: tuple[tuple[str, str | None], ...]
    """Labels and reasons of keys set aside, because another connection reads the same organisation."""

    in_figures: int
    """How many keys the figures are of, those that were deleted among them."""

    workers: Workers
    progress: Progress
    failure: Failure | None
    aside: tuple[Aside, ...]
    marks: Mapping[date, DayMark]
    read_at: datetime | None
    reach: Reach
    month: Sums
    without_price: tuple[OfDay, ...]
    kinds: tuple[KindOfDay, ...]
    """What lacks a price, by day, of this month and the last."""

    billed: Billed | None
    billed_before: Billed | None
    """The bill of the month before, as far as there is one."""

    foreign: tuple[str, ...]
    """Currencies beside US dollars on the cycle's bill, whose lines are in no figure."""

    change: Change
    forecast: Forecast | None
    budget: budgets.Standing | None
    unusual: tuple[Unusual, ...]
    cells: tuple[Cell, ...]
    events: tuple[Event, ...]

    @property
    def billed_through(self) -> date | None:
        """The last day for which whoever owes a bill has one, but for those far behind."""
        return self.reach.through

    def unpriced_of(self, days: Collection[date]) -> Unpriced:
        """What is in no estimate of these days, of this month and the last."""
        return unpriced_part.of_days(self.without_price, days)

    def kinds_of(self, days: Collection[date]) -> list[tuple[str, str | None]]:
        """The kinds of usage that lack a price in these days, of this month and the last: usage type and model."""
        return unpriced_part.kinds_of(self.kinds, days)

    @property
    def unpriced(self) -> Unpriced:
        """What is in no estimate of the month so far."""
        return self.unpriced_of(self.cycle.days)

    def sums_of(self, period: Period) -> Sums:
        """What the days of a period come to."""
        days = self.cycle.days_of(period)
        return sums(self.cells, set(days), all_read=not self.missing(period))

    def missing(self, period: Period) -> list[date]:
        """The days of a period that were not read completely."""
        return [day for day in self.cycle.days_of(period) if self.marks[day] is DayMark.MISSING]

    @property
    def unread_keys(self) -> list[str]:
        """The labels of connections with which nothing was ever read: what was used there is in no figure."""
        return [each.label for each in self.connections if not each.counted]

    @property
    def told_days(self) -> int:
        """How many of the last thirty finished days a provider can tell of: those that its history holds."""
        return sum(self.marks[day] is not DayMark.UNAVAILABLE for day in self.cycle.finished)

    @property
    def complete_days(self) -> int:
        """How many of these days are complete."""
        return sum(self.marks[day].complete for day in self.cycle.finished)

    @property
    def unread_days(self) -> int:
        """Finished days of the cycle that were not read, or not after they had ended, and can be."""
        marks = [self.marks[day] for day in self.cycle.days[:-1]]
        return sum(not (mark.complete or mark is DayMark.UNAVAILABLE) for mark in marks)

    @property
    def steps_done(self) -> tuple[onboarding.Step, ...]:
        """How far the workspace is on the way from nothing to this month."""
        return onboarding.done([each.status for each in self.connections], self.marks, self.cycle.days)

    @property
    def prospect(self) -> Prospect:
        """Whether anything is read of any connection, and if not, why."""
        return best(each.prospect(self.workers.alive) for each in self.connections)

    @property
    def stale(self) -> bool:
        """Whether nothing was read for a day, so that the figures end in the past."""
        return self.read_at is not None and self.now - self.read_at > STALE_AFTER

    def bars(self, cells: Sequence[Cell], period: Period, measure: Measure) -> Bars:
        """The days of a period, stacked by what `cells` are of."""
        return bars(cells, self.cycle.days_of(period), measure)

    def lines(self, cells: Sequence[Cell], period: Period, measure: Measure = Measure.SPEND) -> list[Line]:
        """The same days as lines; those of the month are compared with the same days of the month before."""
        changes = None
        if period is Period.MONTH and self.change.days:
            changes = differences(cells, comparable(self.cycle, self.marks))
        return lines(cells, self.cycle.days_of(period), changes, measure)


def read(product: Product, workspace_id: int, *, now: datetime) -> Overview:
    """The workspace's overview at `now` (aware UTC). What is stored is read once, until anybody writes anything."""
    day = clock.day_of(now)
    with product.database.workspace(workspace_id) as session:
        seen = product.memory.recall(
            session,
            ("overview", day),
            lambda: _stored(session, workspace_id, now),
            keep=lambda found: not found.progress.pending,  # which day is being read changes with the time alone
        )
    return replace(seen, now=now, workers=_workers(product, now))


def _stored(session: Session, workspace_id: int, now: datetime) -> Overview:
    """All that changes with what is stored and with the day."""
    cycle = Cycle(clock.day_of(now))
    keys = days.read_keys(session, workspace_id)
    ledgers = days.read_ledgers(session, workspace_id, cycle.horizon, cycle.end)
    rows, cells = _by_model(session, workspace_id, cycle)
    progress = days.progress(session, workspace_id, keys.awaited, now=now)
    connections = connections_of(keys, passports.every(session, workspace_id), ledgers, cycle.finished)
    used, read_at = _is_used(session, workspace_id, keys), days.last_read(session, workspace_id)
    failure, aside = _troubles(session, workspace_id, zip(keys.every, connections, strict=True), cycle)
    marks = days.marks_with_history(ledgers, keys.in_figures, clock.days(cycle.horizon, cycle.end), now=now)
    past = history.read(session, workspace_id, keys.in_figures, cycle, marks)
    reach, before = _reaches(session, workspace_id, ledgers, keys, cycle)
    of_keys = _by_key(session, workspace_id, cycle) if reach.limits or before.limits else rows
    month = sums(cells, set(cycle.days), all_read=all(marks[day] is not DayMark.MISSING for day in cycle.days))
    billed = bills.of_days(of_keys, reach, cycle.start)
    foretold = forecast(past.known, past.seen, cycle.today)
    return Overview(
        now=now,
        cycle=cycle,
        stage=stage_of(connections, progress, used=used),
        connections=connections,
        doubled=tuple((key.label, key.status_reason) for key in keys.doubled),
        in_figures=len(keys.in_figures),
        workers=NOBODY,
        progress=progress,
        failure=failure,
        aside=aside,
        marks=marks,
        read_at=read_at,
        reach=reach,
        month=month,
        without_price=tuple(unpriced_part.by_day(session, workspace_id, cycle.previous_start, cycle.end)),
        kinds=tuple(unpriced_part.kinds_by_day(session, workspace_id, cycle.previous_start, cycle.end)),
        billed=billed,
        billed_before=bills.of_days(of_keys, before, cycle.previous_start),
        foreign=tuple(queries.other_currencies(session, workspace_id, cycle.start, cycle.end)),
        change=change(cells, cycle, marks),
        forecast=foretold,
        budget=_budget(budgets.monthly(session, workspace_id), cycle, month, billed, foretold),
        unusual=tuple(unusual(past.known, cycle.week, cells)),
        cells=cells,
        events=tuple(events.last_events(session, workspace_id)),
    )


def _by_model(session: Session, workspace_id: int, cycle: Cycle) -> tuple[list[queries.UsageRow], tuple[Cell, ...]]:
    asked = queries.Question(cycle.horizon, cycle.end, ("day", "model"))
    rows = queries.usage(session, workspace_id, asked)
    return rows, tuple(splits.cells_of_rows(session, workspace_id, rows, asked))


def _reaches(session: Session, workspace_id: int, ledgers: Ledgers, keys: Keys, cycle: Cycle) -> tuple[Reach, Reach]:
    """How far the bill has come, and that of the month before: whoever is behind by now may be billed for all of it."""
    known, (start, last) = keys.in_figures, (cycle.previous_start, cycle.start - clock.DAY)
    costless = holes.costless(session, workspace_id, ledgers, known)
    before = bills.reach(ledgers, known, start=start, last=last, costless=costless)
    return bills.reach(ledgers, known, costless=costless), before


def cells_by(product: Product, workspace_id: int, seen: Overview, split: Split) -> Sequence[Cell]:
    """The overview's days by model, project or API key, for its chart and table."""
    if split is Split.MODEL:
        return seen.cells
    with product.database.workspace(workspace_id) as session:
        return splits.cells(session, workspace_id, split, clock.days(seen.cycle.previous_start, seen.cycle.end))


def stage_of(connections: Sequence[Connection], progress: Progress, *, used: bool) -> Stage:
    """The stage, from the connections, how much of their history was read, and whether any usage is stored."""
    if not connections and not used:
        return Stage.NO_KEY
    counted = any(each.counted for each in connections)
    working = any(each.read_with and (each.counted or not counted) for each in connections)
    if used:
        return Stage.READING if progress.pending and working else Stage.READY
    if not working and (progress.pending or not counted):
        return Stage.NO_WORKING_KEY
    if progress.read == progress.total:
        return Stage.NOTHING_USED
    return Stage.READING if progress.read or progress.reading or progress.failed else Stage.WAITING


SEEN_AT = select(func.max(WORKERS.c.seen_at))
ANY_USAGE = select(DAILY.c.day).where(DAILY.c.workspace_id == bindparam("of_workspace")).limit(1)


NOBODY = Workers(0, None)


def _workers(product: Product, now: datetime) -> Workers:
    with product.database.exempt() as session:
        alive, seen_at = living_workers(session, now=now), session.execute(SEEN_AT).scalar()
    return Workers(alive, seen_at, full=not alive and storage.is_full(str(product.database.engine.url)))


def _troubles(
    session: Session, workspace_id: int, found: Iterable[tuple[ProviderKey, Connection]], cycle: Cycle
) -> tuple[Failure | None, tuple[Aside, ...]]:
    """What could not be read and is tried again, and the rows that were read but cannot be true."""
    lacking = set_aside.days_lacking(session, workspace_id)
    tried = [key for key, connection in found if connection.read_with]
    failure = days.failure(session, workspace_id, tried, lacking=lacking)
    return failure, tuple(set_aside.read(session, workspace_id, cycle.horizon, cycle.end))


def _is_used(session: Session, workspace_id: int, keys: Keys) -> bool:
    """Whether there are figures: of usage, or of none that was read with keys which are all deleted by now."""
    if keys.ended and not keys.every:
        return True
    return session.execute(ANY_USAGE, {"of_workspace": workspace_id}).first() is not None


def _by_key(session: Session, workspace_id: int, cycle: Cycle) -> list[queries.UsageRow]:
    question = queries.Question(cycle.horizon, cycle.end, ("day", "model", "provider_key"))
    return queries.usage(session, workspace_id, question)


def _budget(
    budget: Decimal | None, cycle: Cycle, month: Sums, billed: Billed | None, foretold: Forecast | None
) -> budgets.Standing | None:
    if budget is None:
        return None
    expected, bill = foretold.middle if foretold else None, billed.amount if billed else None
    return budgets.standing(budget, days=cycle.length, spent=month.spend, expected=expected, billed=bill)
