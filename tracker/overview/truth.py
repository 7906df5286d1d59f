"""How far the figures of some days can be trusted, in one sentence: complete days, the bill, the last reading."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

from sqlmodel import Session

from tracker import clock, queries
from tracker.models import ProviderKey
from tracker.overview import bills, days, holes
from tracker.overview.bills import Reach
from tracker.overview.cycle import Cycle
from tracker.overview.days import DayMark
from tracker.overview.figures import money
from tracker.queries import Value

Only = Mapping[str, Sequence[Value]]


@dataclass(frozen=True)
class Truth:
    """Of the `finished` UTC days of a period so many are `complete`, and the bill has come to `reach`."""

    finished: int
    complete: int
    reach: Reach
    read_at: datetime | None
    now: datetime
    untold: int = 0
    """Days that are over, lie before the provider's history, and so can never be complete."""

    unread_keys: int = 0
    """Connections with which nothing was ever read, beside others: the days are complete without theirs."""

    @property
    def sentence(self) -> str:
        """As plain text: 29 of 30 days complete, billed through 21 Nov UTC, read 3 h ago."""
        read = f"read {clock.age(self.now - self.read_at)}" if self.read_at else "not read yet"
        whole = f"{self.complete} of {self.finished} {'day' if self.finished == 1 else 'days'} complete"
        whole = whole if self.finished or self.untold else "no day over yet"
        before = f" ({self.untold} more before the provider's history)" if self.untold else ""
        keys = f", without {self.unread_keys} {'key' if self.unread_keys == 1 else 'keys'} not read yet"
        return f"{whole}{before}{keys if self.unread_keys else ''}, {self._billed()}, {read}"

    def _billed(self) -> str:
        through = self.reach.through
        if through is None:
            return "not billed yet"
        year = "" if through.year == self.now.year else f" {through.year}"
        part = f" for {self.reach.part}" if self.reach.part else ""
        gone = len(self.reach.ended)
        less = f" ({gone} {'key' if gone == 1 else 'keys'} no longer read, not as far)" if gone else ""
        lacking = holes.named(self.reach.holes, _days, whose=self.reach.known > 1)
        but = f" (no complete bill for {lacking})" if lacking else ""
        return f"billed through {through.day} {through:%b}{year} UTC{part}{less}{but}"


def _days(first: date, last: date) -> str:
    same = (first.year, first.month) == (last.year, last.month)
    begins = "" if first == last else f"{first.day}–" if same else f"{first.day} {first:%b} – "
    return f"{begins}{last.day} {last:%b}"


def read(
    session: Session, workspace_id: int, start: date, end: date, *, now: datetime, by: Iterable[str] = ()
) -> Truth:
    """The truth about the UTC days [start, end) at `now`, the bill's as `billed`; days that run are no part of it."""
    known = days.read_keys(session, workspace_id)
    keys = known.in_figures
    over = min(end, clock.day_of(now))
    finished = clock.days(start, over) if start < over else []
    ledgers = days.read_ledgers(session, workspace_id, start, end)
    marks = days.marks_with_history(ledgers, keys, finished, now=now)
    untold = sum(mark is DayMark.UNAVAILABLE for mark in marks.values())
    return Truth(
        finished=len(finished) - untold,
        complete=sum(mark.complete for mark in marks.values()),
        reach=billed(session, workspace_id, keys, start, end, now=now, by=by),
        read_at=days.last_read(session, workspace_id),
        now=now,
        untold=untold,
        unread_keys=len(known.every) - len(known.counted),
    )


def billed(
    session: Session,
    workspace_id: int,
    keys: Sequence[ProviderKey],
    start: date,
    end: date,
    *,
    now: datetime,
    by: Iterable[str] = (),
) -> Reach:
    """How far the bill of the UTC days [start, end) has come for these connections: as the dashboard says at `now`.

    Days whose bill is not divided by one of the dimensions `by` are left out.
    """
    cycle = Cycle(clock.day_of(now))
    ledgers = days.read_ledgers(session, workspace_id, min(start, cycle.horizon), cycle.end)
    costless = holes.costless(session, workspace_id, ledgers, keys)
    reach = bills.reach(ledgers, keys, start=start, last=end - clock.DAY, costless=costless)
    if reach.through is None:
        return reach
    last = reach.through + clock.DAY
    return replace(reach, undivided=holes.undivided(session, workspace_id, keys, start, last, by))


@dataclass(frozen=True)
class Both:
    """What was billed and what we estimate, in US dollars, of the same days and connections; None for unknown."""

    billed: Decimal | None
    estimated: Decimal | None

    @property
    def difference(self) -> Decimal | None:
        """Billed minus estimated; None while either is unknown."""
        return None if self.billed is None or self.estimated is None else self.billed - self.estimated


def both(session: Session, workspace_id: int, reach: Reach, start: date, only: Only | None = None) -> Both:
    """Bill and estimate of the UTC days from `start` as far as the bill came, of whom it holds for.

    `only` are filters of usage by dimension. Both are unknown while there is no bill.
    """
    asked = stretches(session, workspace_id, reach, start, only)
    parts = [queries.totals(session, workspace_id, first, until, ours) for first, until, ours in asked]
    return Both(money(each.billed_cost for each in parts), money(each.estimated_cost for each in parts))


def stretches(
    session: Session, workspace_id: int, reach: Reach, start: date, only: Only | None = None
) -> Iterator[tuple[date, date, Only]]:
    """The UTC days from `start` as far as the bill came as [first, end), each with the filters of whom it holds for."""
    end = reach.through + clock.DAY if reach.through else start
    asked = dict(only or {})
    chosen = asked.get("provider_key") or (queries.key_labels(session, workspace_id) if reach.limits else ())
    for first, until, out in reach.limits.stretches(start, end):
        yield first, until, asked | ({"provider_key": [each for each in chosen if each not in out]} if out else {})
