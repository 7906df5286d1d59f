"""The usage of days that changed, replaced stretch by stretch in the caller's transaction.

A stretch is as many days as are few rows together, or one bucket of a day of many: what is held at once is bounded
by the largest bucket, not by the day. A row that did not change keeps its cost and its price version.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from operator import itemgetter

from sqlmodel import Session

from tracker import changes, clock, colours, event_rows, rollup, workspace_prices
from tracker.buckets import Buckets
from tracker.changes import DayChange, Worth
from tracker.db import expect_many
from tracker.event_rows import EventKey, counts_of
from tracker.ledger import Claim
from tracker.money import known_from_nanos
from tracker.points import reached
from tracker.pricing import in_nanos
from tracker.series import price_version_ids, series_ids
from tracker.usage import UsageRecord

MANY = 500
"""Rows from which on the database is told to expect many. It costs two statements; a plan kept from small days
took 0.2 s in place of 0.03 for a day of 2,700 rows (2026-11).
"""

Costs = Mapping[EventKey, int | None]
"""Nano-dollars; None is unknown."""


@dataclass(frozen=True)
class Stretch:
    """Time from `start` to before `end` (UTC), and the changed days in it."""

    start: datetime
    end: datetime
    changed: tuple[DayChange, ...]

    @property
    def days(self) -> frozenset[date]:
        return frozenset(change.day for change in self.changed)

    @property
    def days_before(self) -> frozenset[date]:
        """The days of which anything is stored."""
        return frozenset(change.day for change in self.changed if change.before.rows)

    def of(self, usage: Buckets) -> list[UsageRecord]:
        """What was told of it."""
        days = self.days
        starts = (start for start in usage.starts if self.start <= start < self.end and start.date() in days)
        return [record for start in starts for record in usage.at(start)]


def stretches(changed: Iterable[DayChange], *, width: timedelta, at_once: int) -> Iterator[Stretch]:
    """Small days together; one of more than `at_once` rows, told now or stored before, by buckets of that width."""
    together: list[DayChange] = []
    for change in sorted(changed, key=lambda each: each.day):
        if together and sum(each.most_rows for each in (*together, change)) > at_once:
            yield _whole(together)
            together = []
        if change.most_rows <= at_once:
            together.append(change)
            continue
        first = clock.day_start(change.day)
        yield from (
            Stretch(first + number * width, first + (number + 1) * width, (change,))
            for number in range(clock.DAY // width)
        )
    if together:
        yield _whole(together)


def _whole(changed: Sequence[DayChange]) -> Stretch:
    return Stretch(clock.day_start(changed[0].day), clock.day_end(changed[-1].day), tuple(changed))


def replace(
    session: Session,
    claimed: Claim,
    usage: Buckets,
    changed: Sequence[DayChange],
    *,
    width: timedelta,
    provider: str,
    now: datetime,
) -> None:
    """Let this be the usage of the days that changed, roll them up and record what that revises."""
    if not changed:
        return
    if sum(change.most_rows for change in changed) > min(MANY, usage.most_held):
        expect_many(session)
    sizes = colours.Sizes()
    worth = {change.day: (Worth(), Worth()) for change in changed if change.restates}
    for stretch in stretches(changed, width=width, at_once=usage.most_held):
        records = stretch.of(usage)
        before, after = _replace(session, claimed, stretch, records, sizes, provider=provider, now=now)
        for day, (was, became) in worth.items():
            was.add(_of_day(before, day))
            became.add(_of_day(after, day))
        reached("stretch replaced")
    colours.allot(session, claimed, sizes)
    for change in (each for each in changed if each.restates):
        was, became = worth[change.day]
        changes.note(session, claimed, change, before=was, after=became, now=now)
    for first, last in clock.runs(change.day for change in changed):
        rollup.recompute(session, claimed.workspace_id, claimed.provider_key_id, first, last + clock.DAY)


def _replace(
    session: Session,
    claimed: Claim,
    stretch: Stretch,
    records: Sequence[UsageRecord],
    sizes: colours.Sizes,
    *,
    provider: str,
    now: datetime,
) -> tuple[Costs, Costs]:
    """Replace a stretch; what its rows cost before and cost now."""
    ids = series_ids(session, claimed, {record.dimensions for record in records}, provider=provider)
    new = {(record.bucket_start, ids[record.dimensions]): record for record in records}
    old = event_rows.read(session, claimed, stretch.start, stretch.end, days=stretch.days_before)
    event_rows.remove(session, claimed, [key for key in old if key not in new or counts_of(new[key]) != old[key][0]])
    reached("old rows removed")
    changed = (row for row in new.items() if row[0] not in old or old[row[0]][0] != counts_of(row[1]))
    costs = _insert(session, claimed, sorted(changed, key=itemgetter(0)), provider=provider, now=now)
    sizes.add((record, costs.get(key)) for key, record in new.items())
    before = {key: nanos for key, (_, nanos) in old.items()}
    return before, {key: nanos for key, nanos in before.items() if key in new and key not in costs} | costs


def _insert(
    session: Session,
    claimed: Claim,
    rows: Sequence[tuple[EventKey, UsageRecord]],
    *,
    provider: str,
    now: datetime,
) -> dict[EventKey, int | None]:
    """Price and insert; the cost of each row by its key."""
    if not rows:
        return {}
    prices = workspace_prices.every(session, claimed.workspace_id)
    priced = list(in_nanos((record for _, record in rows), provider=provider, prices=prices))
    versions = price_version_ids(session, {how.version for _, how in priced if how.version}, now=now)
    event_rows.insert(session, claimed, rows, priced, versions)
    reached("new rows inserted")
    return {key: nanos for (key, _), (nanos, _) in zip(rows, priced, strict=True)}


def _of_day(costs: Costs, day: date) -> Iterator[Decimal | None]:
    return (known_from_nanos(nanos) for (start, _), nanos in costs.items() if start.date() == day)
