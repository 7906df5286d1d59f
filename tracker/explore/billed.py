"""What the provider billed of a view: as far, and of whom, as the dashboard says of the same days."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from sqlmodel import Session

from tracker import queries
from tracker.explore.span import Span
from tracker.explore.view import Chosen, View
from tracker.models import ProviderKey
from tracker.overview import holes, truth
from tracker.overview.bills import Ended, Reach
from tracker.overview.days import DayMark
from tracker.overview.holes import Holes
from tracker.queries import Question

UNREAD = {DayMark.MISSING, DayMark.UNAVAILABLE}


@dataclass(frozen=True)
class Bill:
    """US dollars by day and value, of the first to the last of `days` (UTC, both included; None: none is billed yet).

    `part` is for whom, where not for all that owe a bill; `ended` are in it only as far as they were billed; days of
    `holes` are not, for they have no whole bill, nor those that are `undivided` by the view's dimensions. `estimate` is
    our own of the same days and connections.
    """

    by_day: Mapping[tuple[date, Chosen], Decimal]
    days: tuple[date, date] | None = None
    part: str = ""
    estimate: Decimal | None = None
    ended: tuple[Ended, ...] = ()
    holes: Holes = field(default_factory=dict)
    undivided: Holes = field(default_factory=dict)
    several: bool = False
    """Whether it is of several connections, so that what is left out is said with whose it is."""

    @property
    def left_out(self) -> bool:
        """Whether days between its first and its last are not in it."""
        return bool(self.holes or self.undivided)

    @property
    def by_value(self) -> dict[Chosen, Decimal]:
        sums: dict[Chosen, Decimal] = defaultdict(Decimal)
        for (_, value), amount in self.by_day.items():
            sums[value] += amount
        return dict(sums)

    @property
    def whose(self) -> str:
        """For whom the bill holds, where not for all and all days: 2 of 3 organisations, k through 2026-11-10 only."""
        ended = (f"{each.label} through {each.through} only" for each in self.ended)
        without = holes.named(self.holes, holes.iso, whose=self.several)
        undivided = holes.named(self.undivided, holes.iso, whose=self.several)
        told = (
            self.part,
            *ended,
            f"without {without} (no complete bill)" if without else "",
            f"without {undivided} (not divided)" if undivided else "",
        )
        return ", ".join(filter(None, told))

    def lacks(self, day: date) -> bool:
        """Whether a UTC day is not or not wholly in it."""
        known = self.days and self.days[0] <= day <= self.days[1]
        left_out = (each.days for each in (*self.holes.values(), *self.undivided.values()))
        return not known or any(day in days for days in left_out)

    @property
    def total(self) -> Decimal | None:
        return sum(self.by_day.values(), Decimal()) if self.by_day else None


def read(
    session: Session,
    workspace_id: int,
    view: View,
    span: Span,
    *,
    keys: Sequence[ProviderKey],
    marks: Mapping[date, DayMark],
    now: datetime,
) -> Bill | None:
    """The bill of the view's `span`, of its connections; None where no bill knows the view's dimensions or days."""
    by = {each.dimension for each in (view.by, *view.only)}
    if view.is_local or not by <= set(queries.BILLED):
        return None
    reach = truth.billed(session, workspace_id, keys, span.first, span.end, now=now, by=by)
    if reach.through is None:
        return Bill({})
    only: dict[str, Sequence[queries.Value]] = {by.dimension: values for by, values in view.only.items()}
    found: dict[tuple[date, Chosen], Decimal] = {}
    for start, end, ours in truth.stretches(session, workspace_id, reach, span.first, only):
        asked = Question(start, end, ("day", view.by.dimension), ours)
        found |= _by_day(queries.billed_cost(session, workspace_id, asked))
    if not found:
        return Bill({}, undivided=reach.undivided, several=reach.known > 1)
    known = (day for day in span.days if marks.get(day, DayMark.MISSING) not in UNREAD)
    first = min((*(day for day, _ in found), *known))
    return _bill(found, (first, reach.through), reach, truth.both(session, workspace_id, reach, first, only).estimated)


def _bill(
    found: Mapping[tuple[date, Chosen], Decimal], days: tuple[date, date], reach: Reach, estimate: Decimal | None
) -> Bill:
    return Bill(
        found,
        days,
        reach.part,
        estimate,
        tuple(reach.ended.values()),
        holes.within(reach.holes, *days),
        holes.within(reach.undivided, *days),
        several=reach.known > 1,
    )


def _by_day(told: Mapping[tuple[queries.Value, ...], Decimal]) -> dict[tuple[date, Chosen], Decimal]:
    found = {}
    for (day, value), amount in told.items():
        assert isinstance(day, date)
        found[day, chosen(value)] = amount
    return found


def chosen(value: queries.Value) -> Chosen:
    """A value of a dimension that can be chosen: never a day."""
    assert value is None or isinstance(value, str | int)
    return value
