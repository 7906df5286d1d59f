"""How far the bill has come over several connections, and what it says of some days beside the estimate. Pure.

A connection that used nothing owes no bill, and so decides nothing; one that is far behind the others is named, and
takes the bill of the others from nobody. One whose key is deleted gets no bill any more: it is in both sums as far as
it was billed, and holds nobody back. A day without a bill before one that has one is a hole (`tracker.overview.holes`):
it is in neither sum, and holds nobody back either.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from tracker import clock, coverage
from tracker.coverage import ABSENT
from tracker.limits import Limits
from tracker.models import ProviderKey
from tracker.money import difference_in_cents
from tracker.overview import holes
from tracker.overview.days import Ledgers
from tracker.overview.figures import billed_sum, cells_of, day_of, percent, sums
from tracker.overview.holes import Costless, Hole, Holes, OfDays, bills_of, usage_of
from tracker.providers import provider as provider_named
from tracker.queries import UsageRow

WAITED_FOR = timedelta(days=7)
"""Providers bill a day a day or two after it; a connection further behind the others is not waited for."""


@dataclass(frozen=True)
class Ended:
    """A connection whose key was deleted: what it used after its last bill, `through` a UTC day, has none."""

    label: str
    through: date


@dataclass(frozen=True)
class Reach:
    """Of the connections that owe a bill, so many are `known` `through` a UTC day; `behind` are the others, by id.

    None: none of them has a bill, or none owes one. Those that `ended` are known, but in the sums no further than they
    came. Of those behind, the keys of `gone` were deleted: they get no bill any more. `holes` are days of those known
    that have no whole bill, `undivided` those whose bill is not divided by what was asked for: they are in no sum.
    """

    through: date | None = None
    known: int = 0
    behind: Mapping[int, str] | None = None
    ended: Mapping[int, Ended] = field(default_factory=dict)
    gone: frozenset[int] = frozenset()
    is_owed: bool = field(default=True, compare=False)
    """Whether a bill is still to come of days asked for: of what somebody connected used after his last bill."""

    holes: Holes = field(default_factory=dict)
    undivided: Holes = field(default_factory=dict)

    @property
    def limits(self) -> Limits:
        """Which days of which connections are in neither sum."""
        never = dict.fromkeys(self.behind or (), date.min)
        last = never | {number: each.through for number, each in self.ended.items()}
        return Limits(last, frozenset([*holes.places(self.holes), *holes.places(self.undivided)]))

    @property
    def late(self) -> tuple[str, ...]:
        """The labels of those that used something and are not billed as far."""
        return tuple((self.behind or {}).values())

    @property
    def part(self) -> str:
        """For whom the day holds, where not for all: 2 of 3 organisations."""
        return f"{self.known} of {self.known + len(self.late)} organisations" if self.through and self.late else ""


@dataclass(frozen=True)
class Billed:
    """What the provider charged for the UTC days from the cycle's start `through` a day, both inclusive.

    `estimate` is our own for the same days and connections, to be put beside it and never added. Days of `holes` are in
    neither.
    """

    amount: Decimal
    through: date
    estimate: Decimal | None
    holes: Holes = field(default_factory=dict)

    @property
    def difference(self) -> Decimal | None:
        """Billed minus estimate: above zero, more was billed."""
        return None if self.estimate is None else self.amount - self.estimate

    @property
    def shown_difference(self) -> Decimal | None:
        """The same for where the three stand together, in cents."""
        return None if self.estimate is None else difference_in_cents(self.amount, self.estimate)

    @property
    def percent(self) -> Decimal | None:
        """The difference in percent of the estimate."""
        return percent(self.amount, self.estimate)


NO_COST: Costless = {}


def reach(
    ledgers: Ledgers,
    keys: Sequence[ProviderKey],
    *,
    start: date = date.min,
    last: date = date.max,
    costless: Costless = NO_COST,
) -> Reach:
    """How far the bill of these connections has come in the UTC days from `start` to `last`, both included.

    The ledger is of more days than these: who is far behind is so whatever days are asked for, unless it has a bill
    for all of them. A day of `costless` owes no bill.
    """
    owing = {key.id or 0: key for key in keys if _used(ledgers, key)}
    nobody = Reach(behind={number: key.label for number, key in owing.items()}, gone=_deleted(owing.values()))
    billed = {number: list(_bills(ledgers, key)) for number, key in owing.items()}
    furthest = max((day for of_key in billed.values() for day in of_key), default=None)
    if furthest is None or not any(start <= day <= last for of_key in billed.values() for day in of_key):
        return nobody
    come = {number: _through(ledgers, key, max(billed[number], default=None)) for number, key in owing.items()}
    enough = min(furthest - WAITED_FOR, last)
    waited = [day for number, day in come.items() if owing[number].ended_at is None and day >= enough]
    through = min(*waited, max(come[number] for number in owing if billed[number]), last)
    if through < start:
        return nobody
    behind, ended = {}, {}
    for number, key in owing.items():
        if key.ended_at is None and come[number] < enough:
            behind[number] = key.label
        elif key.ended_at is not None and _uses(ledgers, key, max(start, come[number] + clock.DAY), through):
            if billed[number]:
                ended[number] = Ended(key.label, come[number])
            else:
                behind[number] = key.label
    gone = _deleted(owing.values())
    is_owed = any(come[number] < last for number in owing if number not in gone)
    known = {number: key for number, key in owing.items() if number not in behind}
    billed_to = {number: min(come[number], through) for number in known}
    found = _holes(ledgers, known, start, billed_to, costless)
    return Reach(through, len(known), behind, ended, gone.intersection(behind), is_owed, found)


def _holes(
    ledgers: Ledgers, known: Mapping[int, ProviderKey], start: date, billed_to: Mapping[int, date], costless: Costless
) -> dict[int, Hole]:
    """The days of each from `start` to where its bill has come of which there is none."""
    found = {}
    for number, key in known.items():
        lacking = holes.unbilled(ledgers, key, costless)
        if days := tuple(day for day in lacking if start <= day <= billed_to[number]):
            found[number] = Hole(key.label, days)
    return found


def _deleted(keys: Iterable[ProviderKey]) -> frozenset[int]:
    return frozenset(key.id or 0 for key in keys if key.ended_at is not None)


def _uses(ledgers: Ledgers, key: ProviderKey, first: date, last: date) -> bool:
    """Whether anything was used in the UTC days from first to last."""
    usage = usage_of(ledgers, key)
    return any(row.rows for of_day in usage for day, row in of_day.items() if first <= day <= last)


def _used(ledgers: Ledgers, key: ProviderKey) -> bool:
    """Whether anything is known to be used or billed. What was never read is unknown, and told elsewhere."""
    return any(row.rows for of_day in _every(ledgers, key) for row in of_day.values())


def _every(ledgers: Ledgers, key: ProviderKey) -> list[OfDays]:
    """The days of each endpoint that is read now: what an endpoint of another time told is no reason to wait."""
    of_key = ledgers.get(key.id or 0, {})
    return [of_key.get(each.name, {}) for each in provider_named(key.provider).endpoints]


def _bills(ledgers: Ledgers, key: ProviderKey) -> Iterable[date]:
    """The days for which there is a bill."""
    return (day for of in bills_of(ledgers, key) for day, row in of.items() if coverage.is_complete(day, row))


def _through(ledgers: Ledgers, key: ProviderKey, last: date | None) -> date:
    """The `last` day with a bill, without one that before the first use; and the days after it that owe none."""
    every = _every(ledgers, key)
    last = last or min(day for of_day in every for day, row in of_day.items() if row.rows) - clock.DAY
    while _is_idle(every, last + clock.DAY):
        last += clock.DAY
    return last


def _is_idle(every: Sequence[OfDays], day: date) -> bool:
    """Whether each endpoint was read after the day had ended and told nothing of it."""
    rows = [of_day.get(day, ABSENT) for of_day in every]
    return all(row.rows == 0 and coverage.was_read_whole(day, row) for row in rows)


def of_days(rows: Sequence[UsageRow], reached: Reach, start: date) -> Billed | None:
    """The bill of the days from `start` as far as it came; None until any of them has one.

    `rows` are by day and model, and by connection where any has limits: what these leave out is in neither sum.
    """
    through = reached.through
    if through is None or through < start:
        return None
    end, limits = through + clock.DAY, reached.limits
    ours = [row for row in rows if limits.let_in(row.dimensions.get("provider_key"), day_of(row))]
    amount = billed_sum(ours, start, end)
    if amount is None:
        return None
    estimate = sums(cells_of(ours), set(clock.days(start, end))).spend
    return Billed(amount, through, estimate, holes.within(reached.holes, start, through))
