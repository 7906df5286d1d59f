"""Storing what a provider told: events, rollup and ledger in one transaction, so that a day is whole or absent.

A bucket's rows are replaced by what the whole page chain said. A row that did not change keeps its cost and its
price version; only new and changed rows are priced. The same answer stored twice changes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TypeVar

from sqlmodel import Session

from tracker import bill_rows, coverage, day_hash, ledger, replacing, restatements, set_aside
from tracker.changes import DayChange
from tracker.coverage import LedgerDay, was_read_whole
from tracker.ledger import Claim, DayResult
from tracker.models import DayState
from tracker.providers.base import Endpoint, Fetched
from tracker.usage import BilledCost, RowSetAside

T = TypeVar("T")


@dataclass(frozen=True)
class Stored:
    """What a unit came to: days read and rows told by the provider, and the days whose rows changed."""

    days: int
    rows: int
    changed: tuple[date, ...]


@dataclass(frozen=True)
class Told:
    """How many rows were told of a day, and their hash."""

    rows: int
    digest: bytes

    def differs(self, before: LedgerDay) -> bool:
        """Whether other rows are stored; a day never read holds none."""
        return before.content_sha256 != self.digest and not (before.content_sha256 is None and not self.rows)


def store(
    session: Session,
    claimed: Claim,
    fetched: Fetched,
    *,
    endpoint: Endpoint,
    provider: str,
    now: datetime,
) -> Stored:
    """Replace the claimed days by what was fetched; LeaseLost, and nothing written, when the lease has passed on.

    Of a day of which rows had to be set aside, the others are stored, unless it was read whole before: then that stays.
    So does the bill of a day that the provider now leaves out. Claimed days that were not read are given back.
    """
    claimed, held = _hold(session, claimed, fetched)
    lacking = _by_day(fetched.set_aside, lambda row: row.day)
    _keep(session, claimed, held, lacking, fetched.untold, now=now)
    bill = _by_day(fetched.costs, lambda line: line.day)
    told = _told_of_bill(bill, held) if endpoint.bills else _told_of_usage(fetched, held)
    changed = [DayChange(day, told[day].rows, row) for day, row in held.items() if told[day].differs(row)]
    if endpoint.bills:
        changed = bill_rows.replace(session, claimed, fetched.dropped, bill, changed, provider=provider, now=now)
    else:
        width = timedelta(seconds=endpoint.width_s)
        replacing.replace(session, claimed, fetched.usage, changed, width=width, provider=provider, now=now)
    restated = {change.day for change in changed if change.restates}
    after = restatements.settles_after(session, claimed, endpoint, held, now=now)
    results = [
        _result(
            day,
            row,
            endpoint,
            told=told[day],
            lacking=lacking.get(day, ()),
            untold=day in fetched.untold,
            restated=day in restated,
            after=after,
            now=now,
        )
        for day, row in held.items()
    ]
    ledger.finish(session, claimed, results, now=now)
    return Stored(
        len(claimed.unit.days), sum(result.rows for result in results), tuple(change.day for change in changed)
    )


def _told_of_usage(fetched: Fetched, days: Iterable[date]) -> dict[date, Told]:
    usage = fetched.usage
    starts = _by_day(usage.starts, datetime.date)
    return {
        day: Told(sum(map(usage.count, starts.get(day, ()))), day_hash.of_usage(usage, starts.get(day, ())))
        for day in days
    }


def _told_of_bill(costs: Mapping[date, Sequence[BilledCost]], days: Iterable[date]) -> dict[date, Told]:
    return {day: Told(len(costs.get(day, ())), day_hash.of_bill(costs.get(day, ()))) for day in days}


def _hold(session: Session, claimed: Claim, fetched: Fetched) -> tuple[Claim, dict[date, LedgerDay]]:
    """The claim of the days that were read, and their rows of the ledger."""
    held = ledger.hold(session, claimed)
    if fetched.end is None or fetched.end >= claimed.unit.end:
        return claimed, held
    return ledger.shorten(session, claimed, fetched.end), {d: row for d, row in held.items() if d < fetched.end}


def _keep(
    session: Session,
    claimed: Claim,
    held: dict[date, LedgerDay],
    lacking: Mapping[date, Sequence[RowSetAside]],
    untold: Iterable[date],
    *,
    now: datetime,
) -> None:
    """Name the rows that are set aside, and take out of `held` the days whose earlier reading stays."""
    if lacking or any(row.fetched_at for row in held.values()):  # nothing was set aside of what was never read
        set_aside.replace(session, claimed, lacking, now=now)
    _keep_whole_days(session, claimed, held, lacking, now=now)
    _keep_untold_days(session, claimed, held, untold, now=now)


def _keep_whole_days(
    session: Session,
    claimed: Claim,
    held: dict[date, LedgerDay],
    lacking: Mapping[date, Sequence[RowSetAside]],
    *,
    now: datetime,
) -> None:
    """Take out of `held` the days that lack rows now but were read whole before: what is stored of them stays."""
    for day, rows in lacking.items():
        if was_read_whole(day, held[day]):
            reason = set_aside.sentence(rows, kept=True)
            ledger.fail_day(session, claimed, day, held.pop(day), reason, now=now)


def _keep_untold_days(
    session: Session, claimed: Claim, held: dict[date, LedgerDay], untold: Iterable[date], *, now: datetime
) -> None:
    """Take out of `held` the days with a bill that was left out of this answer: nobody said that it is void."""
    for day in sorted(day for day in untold if day in held and held[day].rows):
        ledger.fail_day(session, claimed, day, held.pop(day), LEFT_OUT, now=now)


LEFT_OUT = "The provider left the day out of its bill. The day keeps its earlier reading; it is read again by itself."


def _result(
    day: date,
    row: LedgerDay,
    endpoint: Endpoint,
    *,
    told: Told,
    lacking: Sequence[RowSetAside],
    untold: bool,
    restated: bool,
    after: timedelta,
    now: datetime,
) -> DayResult:
    restated_at = now if restated else row.restated_at
    state = coverage.state_after(day, endpoint, rows=told.rows, after=after, restated_at=restated_at, now=now)
    if untold and not coverage.was_empty_before(day, row, endpoint.settling, now=now):
        state = DayState.PROVISIONAL
    return DayResult(
        day=day,
        state=DayState.FAILED if lacking else state,
        rows=told.rows,
        content_sha256=told.digest,
        restated=restated,
        attempts=row.attempts + 1,
        lacks=set_aside.sentence(lacking, kept=False) if lacking else None,
    )


def _by_day(rows: Iterable[T], day_of: Callable[[T], date]) -> dict[date, list[T]]:
    days: dict[date, list[T]] = defaultdict(list)
    for row in rows:
        days[day_of(row)].append(row)
    return days
