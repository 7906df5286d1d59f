"""Days that were used and have no bill, or none that is whole, though later days have one. SQL and pure.

Such a day is in neither sum, where bill and estimate stand side by side, and is named. It does not hold back how far
the bill has come: nobody knows whether its bill comes at all, and the days after it are billed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy import BigInteger, bindparam, func, select, type_coerce
from sqlmodel import Session

from tracker import clock, coverage
from tracker.coverage import ABSENT, LedgerDay
from tracker.models import BilledCostRow, DailyUsage, ProviderKey, table_of
from tracker.overview.days import Ledgers
from tracker.providers import provider as provider_named

DAILY, BILLED = table_of(DailyUsage), table_of(BilledCostRow)

OfDays = Mapping[date, LedgerDay]

Costless = Mapping[tuple[int, date], int]
"""By connection and UTC day, how many rows have no price; only of days that have nothing estimated to cost anything."""

DIVIDED_BY = ("project_id", "api_key_id")
"""By what a provider may refuse to divide its bill."""

NAMED = 3
"""Runs of days that are named one by one."""


@dataclass(frozen=True)
class Hole:
    """UTC days, in order, of the connection of this label that are left out."""

    label: str
    days: tuple[date, ...]


Holes = Mapping[int, Hole]
"""By the connection's id."""


def bills_of(ledgers: Ledgers, key: ProviderKey) -> list[OfDays]:
    """The ledger's days of each endpoint of a connection that tells a bill."""
    of_key, endpoints = ledgers.get(key.id or 0, {}), provider_named(key.provider).endpoints
    return [of_key.get(each.name, {}) for each in endpoints if each.bills]


def usage_of(ledgers: Ledgers, key: ProviderKey) -> list[OfDays]:
    """The same of each that tells usage."""
    of_key, endpoints = ledgers.get(key.id or 0, {}), provider_named(key.provider).endpoints
    return [of_key.get(each.name, {}) for each in endpoints if not each.bills]


def unbilled(ledgers: Ledgers, key: ProviderKey, costless: Costless) -> list[date]:
    """The days of a connection without a whole bill that were used, less those of which no line is missed.

    Nothing is missed of what costs nothing; nor, where the provider said that there is no line, of what has no price.
    """
    bills = bills_of(ledgers, key)
    used = {day for of_day in usage_of(ledgers, key) for day, row in of_day.items() if row.rows}
    partly = {day for of_day in bills for day, row in of_day.items() if coverage.lacks_rows(row)}
    whole = {day for of_day in bills for day, row in of_day.items() if coverage.is_complete(day, row)}
    lacking = used - whole
    if costless and lacking:
        lacking = {day for day in lacking if not _is_owed_nothing(bills, costless.get((key.id or 0, day)), day)}
    return sorted(lacking | partly)


def _is_owed_nothing(bills: Sequence[OfDays], unpriced: int | None, day: date) -> bool:
    told = all(coverage.was_read_whole(day, of_day.get(day, ABSENT)) for of_day in bills)
    return unpriced == 0 or (unpriced is not None and told)


COSTLESS = (
    select(DAILY.c.provider_key_id, DAILY.c.day, func.sum(DAILY.c.unpriced_rows))
    .where(
        DAILY.c.workspace_id == bindparam("of_workspace"),
        DAILY.c.day >= bindparam("first"),
        DAILY.c.day <= bindparam("last"),
        DAILY.c.provider_key_id.in_(bindparam("of_keys", expanding=True)),
    )
    .group_by(DAILY.c.provider_key_id, DAILY.c.day)
    .having(func.coalesce(func.sum(type_coerce(DAILY.c.estimated_cost, BigInteger)), 0) == 0)
)


def costless(session: Session, workspace_id: int, ledgers: Ledgers, keys: Sequence[ProviderKey]) -> Costless:
    """What may be said of the days of these connections that lack a bill; asked only where there are any before one."""
    lacking = {key.id or 0: _before_a_bill(ledgers, key) for key in keys}
    days = [day for of_key in lacking.values() for day in of_key]
    if not days:
        return {}
    asked = {"of_workspace": workspace_id, "first": min(days), "last": max(days), "of_keys": list(lacking)}
    return {(number, day): int(rows) for number, day, rows in session.execute(COSTLESS, asked)}


def _before_a_bill(ledgers: Ledgers, key: ProviderKey) -> list[date]:
    billed = (day for of_day in bills_of(ledgers, key) for day, row in of_day.items() if coverage.is_complete(day, row))
    last = max(billed, default=date.min)
    return [day for day in unbilled(ledgers, key, {}) if day < last]


def undivided(
    session: Session, workspace_id: int, keys: Iterable[ProviderKey], start: date, end: date, by: Iterable[str]
) -> Holes:
    """The UTC days [start, end) whose bill the provider would not divide by one of the dimensions `by`."""
    refused = [name for name in DIVIDED_BY if name in set(by)]
    if not refused:
        return {}
    labels = {key.id or 0: key.label for key in keys}
    lines = BILLED.c
    statement = (
        select(lines.provider_key_id, lines.day, lines.dropped)
        .where(lines.workspace_id == workspace_id, lines.day >= start, lines.day < end, lines.dropped != "")
        .distinct()
        .order_by(lines.provider_key_id, lines.day)
    )
    found: dict[int, list[date]] = {}
    for number, day, dropped in session.execute(statement):
        if number in labels and set(refused) & set(dropped.split(",")):
            found.setdefault(number, []).append(day)
    return {number: Hole(labels[number], tuple(dict.fromkeys(days))) for number, days in found.items()}


def within(holes: Holes, first: date, last: date) -> dict[int, Hole]:
    """Those of the UTC days from first to last, both included."""
    cut = {n: replace(each, days=tuple(day for day in each.days if first <= day <= last)) for n, each in holes.items()}
    return {number: each for number, each in cut.items() if each.days}


def places(holes: Holes) -> Iterable[tuple[int, date]]:
    """Each connection's id with each of its days."""
    return ((number, day) for number, each in holes.items() for day in each.days)


def named(holes: Holes, told: Callable[[date, date], str], *, whose: bool, quoted: Callable[[str], str] = str) -> str:
    """The days in words by what `told` makes of the first and last of a run: 3 Nov, 5–7 Nov and 9 more days of main.

    Whose they are is said where `whose`; its label is `quoted`. Empty without any.
    """
    return " and ".join(_named(each, told) + (f" of {quoted(each.label)}" if whose else "") for each in holes.values())


def iso(first: date, last: date) -> str:
    """A run of days for a file or a command."""
    return str(first) if first == last else f"{first} to {last}"


def _named(hole: Hole, told: Callable[[date, date], str]) -> str:
    runs = clock.runs(hole.days)
    rest = sum((last - first).days + 1 for first, last in runs[NAMED:])
    shown = ", ".join(told(first, last) for first, last in runs[:NAMED])
    return shown + (f" and {rest} more day{'' if rest == 1 else 's'}" if rest else "")
