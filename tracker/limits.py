"""Connections that some figures are of only up to a day, and days divided by who is in them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from types import MappingProxyType

from tracker import clock

Limits = Mapping[int, date]
"""By the connection's id, the last UTC day with which it is in a sum; `date.min` for no day. Others are in all."""

NONE: Limits = MappingProxyType({})


def within(limits: Limits, provider_key_id: object, day: date) -> bool:
    """Whether a connection's day is in the sum; None is no connection by itself, and is."""
    return not isinstance(provider_key_id, int) or day <= limits.get(provider_key_id, date.max)


def stretches(start: date, end: date, limits: Limits) -> Iterator[tuple[date, date, list[int]]]:
    """The UTC days [start, end) in order as [first, end) with the connections that are in none of these."""
    cuts = sorted({last + clock.DAY for last in limits.values() if start <= last < end - clock.DAY})
    for first, until in zip([start, *cuts], [*cuts, end], strict=True):
        yield first, until, [number for number, last in limits.items() if last < first]
