"""Connections of which some figures lack days: all after a last one, or single ones. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from tracker import clock


@dataclass(frozen=True)
class Limits:
    """What is in no sum: of each connection, by its id, the UTC days after its `last`, and its days of `holes`.

    `date.min` is for no day at all. Connections that are named in neither are in all sums.
    """

    last: Mapping[int, date] = field(default_factory=dict)
    holes: frozenset[tuple[int, date]] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.last or self.holes)

    def let_in(self, provider_key_id: object, day: date) -> bool:
        """Whether a connection's day is in the sum; None is no connection by itself, and is."""
        if not isinstance(provider_key_id, int):
            return True
        return day <= self.last.get(provider_key_id, date.max) and (provider_key_id, day) not in self.holes

    def stretches(self, start: date, end: date) -> Iterator[tuple[date, date, list[int]]]:
        """The UTC days [start, end) in order as [first, end) with the connections that are in none of these."""
        changes = {day + clock.DAY for day in self.last.values()}.union(
            *({day, day + clock.DAY} for _, day in self.holes)
        )
        cuts = sorted(day for day in changes if start < day < end)
        first, out = start, self._left_out(start)
        for cut in cuts:
            if (then := self._left_out(cut)) != out:
                yield first, cut, out
                first, out = cut, then
        yield first, end, out

    def _left_out(self, day: date) -> list[int]:
        numbers: Collection[int] = {*self.last, *(number for number, _ in self.holes)}
        return sorted(number for number in numbers if not self.let_in(number, day))


NONE = Limits()
