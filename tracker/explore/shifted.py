"""The days of another zone, made of the sums of UTC days and of what lies at their edges. Pure.

A UTC day is at home in the zone's day in which it has its noon, and its edges belong to the days beside. So a day of
the zone is the UTC days at home in it, less their edges, with the edges of others that belong to it: only edges are
read from the events. A sum less a sum cannot tell zero from unknown; where nothing else tells, it is in doubt, and has
to be read from the day's events.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import groupby, pairwise
from typing import Any

from tracker import clock
from tracker.columns import EPOCH
from tracker.explore.figures import total
from tracker.explore.span import Span, Stretch, stretches
from tracker.explore.view import Chosen
from tracker.queries import MEASURES, UNPRICED

DAY_S = 86_400

Place = tuple[date, Chosen]
"""A day of the zone and a value of the grouping."""

Sums = tuple[Any, ...]
"""In the order of `queries.SUMS`, and then what of the estimate is by the unit."""

GAP = timedelta(days=3)
"""Days that are read for nothing rather than asking once more."""

NOTHING: Sums = (*(None for _ in (*MEASURES, "estimated_cost")), *(0 for _ in UNPRICED), None)


@dataclass(frozen=True)
class Edge:
    """Seconds [start, end) since 1970 that belong to `day` of the zone, in a UTC day that is at home in another."""

    start: int
    end: int
    day: date
    home: date


@dataclass(frozen=True)
class Shift:
    """Where each UTC day that a span touches is at home, and the edges that matter to the span's days."""

    homes: Mapping[date, date]
    edges: Sequence[Edge]


def shift_of(span: Span) -> Shift:
    first, end = span.utc_days
    known = stretches(span.zone, clock.day_start(first), clock.day_start(end))
    homes = {day: _day_at(_second(day) + DAY_S // 2, known) for day in clock.days(first, end)}
    edges = (
        Edge(start, end, of, home)
        for day, home in homes.items()
        for of, start, end in _pieces(day, known)
        if of != home and (_holds(span, of) or _holds(span, home))
    )
    return Shift(homes, list(edges))


def _holds(span: Span, day: date) -> bool:
    return span.first <= day < span.end


def _pieces(day: date, known: Sequence[Stretch]) -> Iterator[tuple[date, int, int]]:
    """The days of the zone in a UTC day, each with its seconds; a day that comes back comes twice."""
    first = _second(day)
    midnights = {first + -each.offset % DAY_S for each in known}
    changes = {each.start for each in known if first < each.start < first + DAY_S}
    for of, parts in groupby(
        pairwise(sorted({first, *midnights, *changes, first + DAY_S})), key=lambda part: _day_at(part[0], known)
    ):
        every = list(parts)
        yield of, every[0][0], every[-1][1]


def _second(day: date) -> int:
    return (day - EPOCH).days * DAY_S


def _day_at(second: int, known: Sequence[Stretch]) -> date:
    """The zone's day at a second since 1970."""
    place = bisect_right(known, second, key=lambda each: each.start) - 1
    return date.fromordinal(EPOCH.toordinal() + (second + known[place].offset) // DAY_S)


@dataclass(frozen=True, slots=True)
class Told:
    """Sums of a group, and of how many rows."""

    sums: Sums = NOTHING
    rows: int = 0


@dataclass
class Parts:
    """What makes a day of the zone: whole UTC days, less what is taken from them, with what is added."""

    whole: list[Told] = field(default_factory=list)
    taken: list[Told] = field(default_factory=list)
    added: list[Told] = field(default_factory=list)


def parts_of(
    span: Span, shift: Shift, whole: Iterable[tuple[date, Chosen, Told]], edges: Iterable[tuple[int, Chosen, Told]]
) -> dict[Place, Parts]:
    """The parts of each of the span's days; an edge is told by its number in the shift."""
    found: dict[Place, Parts] = defaultdict(Parts)
    for utc_day, value, told in whole:
        found[shift.homes[utc_day], value].whole.append(told)
    for number, value, told in edges:
        edge = shift.edges[number]
        found[edge.home, value].taken.append(told)
        found[edge.day, value].added.append(told)
    return {place: parts for place, parts in found.items() if _holds(span, place[0])}


def settled_days(parts: Mapping[Place, Parts]) -> tuple[dict[Place, Sums], set[Place]]:
    """What is known, and where something is in doubt; a place where no row is left is in neither."""
    found = {place: sums for place, each in parts.items() if (sums := settled(each))}
    doubtful = {place for place, sums in found.items() if IN_DOUBT in sums}
    return {place: sums for place, sums in found.items() if place not in doubtful}, doubtful


IN_DOUBT = object()
"""Stands for a sum that is zero or unknown: only the day's events can tell."""


def settled(parts: Parts) -> Sums | None:
    """The sums of the day, those that nothing tells IN_DOUBT; None where no row is left of it."""
    whole, taken, added = map(_together, (parts.whole, parts.taken, parts.added))
    left = whole.rows - taken.rows
    if not left:
        return added.sums if added.rows else None
    return tuple(map(_sum, whole.sums, taken.sums, added.sums))


def _together(told: Sequence[Told]) -> Told:
    if len(told) < 2:
        return told[0] if told else Told()
    sums = zip(*(each.sums for each in told), strict=True)
    return Told(tuple(map(total, sums)), sum(each.rows for each in told))


def _sum(whole: Any, taken: Any, added: Any) -> Any:
    """One sum of a day of which rows are left when the edges are taken away."""
    if whole is None:
        return added
    if taken is None:
        return whole if added is None else whole + added
    left = whole - taken
    if added is not None:
        return left + added
    return left or IN_DOUBT


def runs(days: Iterable[date]) -> list[tuple[date, date]]:
    """The days as runs [first, end), over gaps of a few days: a statement takes as long as these."""
    found: list[tuple[date, date]] = []
    for day in sorted(set(days)):
        if found and day - found[-1][1] <= GAP:
            found[-1] = found[-1][0], day + clock.DAY
        else:
            found.append((day, day + clock.DAY))
    return found
