"""What the provider billed of a view: as far, and of whom, as the dashboard says of the same days."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from sqlmodel import Session

from tracker import queries
from tracker.explore.span import Span
from tracker.explore.view import Chosen, View
from tracker.models import ProviderKey
from tracker.overview import truth
from tracker.overview.bills import Ended
from tracker.overview.days import DayMark
from tracker.queries import Question

UNREAD = {DayMark.MISSING, DayMark.UNAVAILABLE}


@dataclass(frozen=True)
class Bill:
    """US dollars by day and value, of the first to the last of `days` (UTC, both included; None: none is billed yet).

    `part` is for whom, where not for all that owe a bill; `ended` are in it only as far as they were billed;
    `estimate` is our own of the same days and connections.
    """

    by_day: Mapping[tuple[date, Chosen], Decimal]
    days: tuple[date, date] | None = None
    part: str = ""
    estimate: Decimal | None = None
    ended: tuple[Ended, ...] = ()

    @property
    def by_value(self) -> dict[Chosen, Decimal]:
        sums: dict[Chosen, Decimal] = defaultdict(Decimal)
        for (_, value), amount in self.by_day.items():
            sums[value] += amount
        return dict(sums)

    @property
    def whose(self) -> str:
        """For whom the bill holds, where not for all and all days: 2 of 3 organisations, k through 2026-11-10 only."""
        return ", ".join(
            filter(None, (self.part, *(f"{each.label} through {each.through} only" for each in self.ended)))
        )

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
    if view.is_local or not {by.dimension for by in (view.by, *view.only)} <= set(queries.BILLED):
        return None
    reach = truth.billed(session, workspace_id, keys, span.first, span.end, now=now)
    if reach.through is None:
        return Bill({})
    only: dict[str, Sequence[queries.Value]] = {by.dimension: values for by, values in view.only.items()}
    found: dict[tuple[date, Chosen], Decimal] = {}
    for start, end, ours in truth.stretches(session, workspace_id, reach, span.first, only):
        asked = Question(start, end, ("day", view.by.dimension), ours)
        found |= _by_day(queries.billed_cost(session, workspace_id, asked))
    if not found:
        return Bill({})
    known = (day for day in span.days if marks.get(day, DayMark.MISSING) not in UNREAD)
    first = min((*(day for day, _ in found), *known))
    both = truth.both(session, workspace_id, reach, first, only)
    return Bill(found, (first, reach.through), reach.part, both.estimated, tuple(reach.ended.values()))


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
