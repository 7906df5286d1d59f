"""Bars of more than a day: which days a week or a month has in a span, and whether that is all of them. Pure.

A week begins on Monday (ISO 8601). A bar that the span cuts begins with the span, and is told to be a part.
"""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from datetime import date, timedelta

from tracker import clock
from tracker.explore.span import Span, hours
from tracker.explore.view import Grain

WEEK = timedelta(days=7)


def columns(span: Span, grain: Grain) -> Sequence[date]:
    """The first day of every bar of the span, or the start of its hours."""
    if grain is Grain.HOUR:
        return hours(span)
    return list(dict.fromkeys(bar_of(day, grain, span) for day in span.days))


def bar_of(day: date, grain: Grain, span: Span) -> date:
    """The bar that a day of the span stands in: the first day that it has there."""
    return max(_start(day, grain), span.first)


def days_in(bar: date, grain: Grain, span: Span) -> list[date]:
    """The days of the span that a bar has."""
    return clock.days(bar, min(_end(bar, grain), span.end))


def whole(bar: date, grain: Grain) -> int:
    """How many days the bar's week or month has."""
    return (_end(bar, grain) - _start(bar, grain)).days


def _start(day: date, grain: Grain) -> date:
    if grain is Grain.WEEK:
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if grain is Grain.MONTH else day


def _end(day: date, grain: Grain) -> date:
    start = _start(day, grain)
    if grain is Grain.WEEK:
        return start + WEEK
    return start + timedelta(days=calendar.monthrange(day.year, day.month)[1] if grain is Grain.MONTH else 1)
