"""Storing what a provider told: events, rollup and ledger in one transaction, so that a day is whole or absent.

A bucket's rows are replaced by what the whole page chain said. A row that did not change keeps its cost and its
price version; only new and changed rows are priced. The same answer stored twice changes nothing.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from sqlalchemy import delete, insert, select
from sqlmodel import Session

from tracker import clock, colours, coverage, event_rows, ledger, restatements, rollup, set_aside, workspace_prices
from tracker.coverage import LedgerDay, was_read_whole
from tracker.event_rows import EventKey, counts_of
from tracker.ledger import Claim, DayResult
from tracker.models import BilledCostRow, DayState, Restatement, table_of
from tracker.points import reached
from tracker.pricing import price
from tracker.providers.base import Endpoint, Fetched
from tracker.series import price_version_ids, series_ids
from tracker.usage import BilledCost, RowSetAside, UsageRecord

BILLED, RESTATEMENTS = table_of(BilledCostRow), table_of(Restatement)

T = TypeVar("T")


@dataclass(frozen=True)
class Stored:
    """What a unit came to: days read and rows told by the provider, and the days whose rows changed."""

    days: int
    rows: int
    changed: tuple[date, ...]


@dataclass(frozen=True)
class DayChange:
    """A day that reads differently from what is stored: its new rows and the ledger's row before."""

    day: date
    before: LedgerDay

    @property
    def restates(self) -> bool:
        """Whether the day was whole when it was read before, so that this is a revision and not just more of it."""
        return was_read_whole(self.day, self.before)


def store(
    session: Session, claimed: Claim, fetched: Fetched, *, endpoint: Endpoint, provider: str, now: datetime
) -> Stored:
    """Replace the claimed days by what was fetched; LeaseLost, and nothing written, when the lease has passed on.

    Of a day of which rows had to be set aside, the others are stored, unless it was read whole before: then that stays.
    So does the bill of a day that the provider now leaves out. Claimed days that were not read are given back.
    """
    usage, costs = (
        _by_day(fetched.usage, lambda row: row.bucket_start.date()),
        _by_day(fetched.costs, lambda line: line.day),
    )
    told: Mapping[date, Sequence[UsageRecord | BilledCost]] = costs if endpoint.bills else usage
    claimed, held = _hold(session, claimed, fetched)
    days = len(held)
    lacking = _by_day(fetched.set_aside, lambda row: row.day)
    if lacking or any(row.fetched_at for row in held.values()):  # nothing was set aside of what was never read
        set_aside.replace(session, claimed, lacking, now=now)
    _keep_whole_days(session, claimed, held, lacking, now=now)
    _keep_untold_days(session, claimed, held, fetched.untold, now=now)
    digests = {day: _digest(told.get(day, ())) for day in held}
    changes = [DayChange(day, row) for day, row in held.items() if _differs(row, digests[day])]
    if endpoint.bills:
        _replace_costs(session, claimed, costs, changes, dropped=fetched.dropped, provider=provider, now=now)
    else:
        _replace_usage(session, claimed, usage, changes, provider=provider, now=now)
    restated = {change.day for change in changes if change.restates}
    after = restatements.settles_after(session, claimed, endpoint, held, now=now)
    results = [
        _result(
            day,
            row,
            endpoint,
            rows=len(told.get(day, ())),
            digest=digests[day],
            lacking=lacking.get(day, ()),
            untold=day in fetched.untold,
            restated=day in restated,
            after=after,
            now=now,
        )
        for day, row in held.items()
    ]
    ledger.finish(session, claimed, results, now=now)
    return Stored(days, sum(result.rows for result in results), tuple(change.day for change in changes))


def _hold(session: Session, claimed: Claim, fetched: Fetched) -> tuple[Claim, dict[date, LedgerDay]]:
    """The claim of the days that were read, and their rows of the ledger."""
    held = ledger.hold(session, claimed)
    if fetched.end is None or fetched.end >= claimed.unit.end:
        return claimed, held
    return ledger.shorten(session, claimed, fetched.end), {d: row for d, row in held.items() if d < fetched.end}


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
    rows: int,
    digest: bytes,
    lacking: Sequence[RowSetAside],
    untold: bool,
    restated: bool,
    after: timedelta,
    now: datetime,
) -> DayResult:
    restated_at = now if restated else row.restated_at
    state = coverage.state_after(day, endpoint, rows=rows, after=after, restated_at=restated_at, now=now)
    if untold and not coverage.was_empty_before(day, row, endpoint.settling, now=now):
        state = DayState.PROVISIONAL
    return DayResult(
        day=day,
        state=DayState.FAILED if lacking else state,
        rows=rows,
        content_sha256=digest,
        restated=restated,
        attempts=row.attempts + 1,
        lacks=set_aside.sentence(lacking, kept=False) if lacking else None,
    )


def _differs(before: LedgerDay, digest: bytes) -> bool:
    return before.content_sha256 != digest and not (before.content_sha256 is None and digest == EMPTY)


def _by_day(rows: Iterable[T], day_of: Callable[[T], date]) -> dict[date, list[T]]:
    days: dict[date, list[T]] = defaultdict(list)
    for row in rows:
        days[day_of(row)].append(row)
    return days


def _digest(rows: Iterable[UsageRecord | BilledCost]) -> bytes:
    """A hash of the day's rows whatever their order; equal hashes mean nothing has to be written."""
    return hashlib.sha256("\n".join(sorted(_texts(rows))).encode()).digest()


class _Texts(dict[Any, str]):
    """The text of each value, made once: hours and dimensions repeat."""

    def __missing__(self, value: object) -> str:
        made = self[value] = repr(value)
        return made


def _texts(rows: Iterable[UsageRecord | BilledCost]) -> Iterator[str]:
    """The rows as `repr` spells them, which the hashes of every ledger were made of."""
    of = _Texts()
    for row in rows:
        if isinstance(row, UsageRecord):
            start, dimensions, measures = of[row.bucket_start], of[row.dimensions], row.measures
            yield f"UsageRecord(bucket_start={start}, dimensions={dimensions}, measures={measures!r})"
        else:
            yield repr(row)


EMPTY = _digest(())


def _replace_usage(
    session: Session,
    claimed: Claim,
    told: Mapping[date, Sequence[UsageRecord]],
    changes: Sequence[DayChange],
    *,
    provider: str,
    now: datetime,
) -> None:
    if not changes:
        return
    records = [record for change in changes for record in told.get(change.day, ())]
    ids = series_ids(session, claimed, {record.dimensions for record in records}, provider=provider)
    new = {(record.bucket_start, ids[record.dimensions]): record for record in records}
    old = event_rows.read(session, claimed, [change.day for change in changes if change.before.rows])
    event_rows.remove(session, claimed, [key for key in old if key not in new or counts_of(new[key]) != old[key][0]])
    reached("old rows removed")
    unpriced = {key: record for key, record in new.items() if key not in old or old[key][0] != counts_of(record)}
    costs = _insert(session, claimed, unpriced, provider=provider, now=now)
    colours.allot(session, claimed, [(record, costs.get(key)) for key, record in new.items()])
    kept = {key: cost for key, (_, cost) in old.items() if key in new and key not in costs}
    before = {key: cost for key, (_, cost) in old.items()}
    for change in (each for each in changes if each.restates):
        _note_restatement(
            session,
            claimed,
            change,
            before=_of_day(before, change.day),
            after=_of_day(kept | costs, change.day),
            now=now,
        )
    for first, last in clock.runs(change.day for change in changes):
        rollup.recompute(session, claimed.workspace_id, claimed.provider_key_id, first, last + clock.DAY)


def _insert(
    session: Session,
    claimed: Claim,
    records: Mapping[EventKey, UsageRecord],
    *,
    provider: str,
    now: datetime,
) -> dict[EventKey, Decimal | None]:
    """Price and insert; the cost of each row by its key."""
    if not records:
        return {}
    prices = workspace_prices.every(session, claimed.workspace_id)
    priced = {key: price(records[key], provider=provider, prices=prices) for key in sorted(records)}
    versions = price_version_ids(session, {p.version for p in priced.values() if p.version}, now=now)
    event_rows.insert(session, claimed, records, priced, versions)
    reached("new rows inserted")
    return {key: p.cost for key, p in priced.items()}


def _replace_costs(
    session: Session,
    claimed: Claim,
    told: Mapping[date, Sequence[BilledCost]],
    changes: Sequence[DayChange],
    *,
    dropped: Sequence[str],
    provider: str,
    now: datetime,
) -> None:
    for change in changes:
        of_day = (
            BILLED.c.workspace_id == claimed.workspace_id,
            BILLED.c.provider_key_id == claimed.provider_key_id,
            BILLED.c.day == change.day,
        )
        before = list(session.execute(select(BILLED.c.amount).where(*of_day)).scalars()) if change.before.rows else []
        session.execute(delete(BILLED).where(*of_day))
        reached("old bill removed")
        lines = told.get(change.day, ())
        if lines:
            session.execute(insert(BILLED), [_billed_row(claimed, line, dropped, provider) for line in lines])
        _note_restatement(session, claimed, change, before=before, after=[line.amount for line in lines], now=now)


def _billed_row(claimed: Claim, line: BilledCost, dropped: Sequence[str], provider: str) -> dict[str, Any]:
    identity = (line.line_item, line.project_id, line.api_key_id, line.currency, line.quantity_unit)
    return {
        "workspace_id": claimed.workspace_id,
        "provider_key_id": claimed.provider_key_id,
        "day": line.day,
        "digest": hashlib.sha256(repr(identity).encode()).digest()[:16],
        "provider": provider,
        "line_item": line.line_item,
        "model": line.model,
        "project_id": line.project_id,
        "api_key_id": line.api_key_id,
        "currency": line.currency,
        "amount": line.amount,
        "quantity": line.quantity,
        "quantity_unit": line.quantity_unit,
        "dropped": ",".join(dropped),
    }


def _of_day(costs: Mapping[EventKey, Decimal | None], day: date) -> list[Decimal | None]:
    return [cost for (start, _), cost in costs.items() if start.date() == day]


def _note_restatement(
    session: Session,
    claimed: Claim,
    change: DayChange,
    *,
    before: Sequence[Decimal | None],
    after: Sequence[Decimal | None],
    now: datetime,
) -> None:
    if not change.restates:
        return
    session.execute(
        insert(RESTATEMENTS).values(
            workspace_id=claimed.workspace_id,
            provider_key_id=claimed.provider_key_id,
            endpoint=claimed.unit.endpoint,
            day=change.day,
            seen_at=now,
            rows_before=len(before),
            rows_after=len(after),
            cost_before=total(before),
            cost_after=total(after),
        ),
    )
    reached("restatement noted")


def total(amounts: Iterable[Decimal | None]) -> Decimal | None:
    """The sum of the known amounts; None only when none is known."""
    known = [amount for amount in amounts if amount is not None]
    return sum(known, Decimal()) if known else None
