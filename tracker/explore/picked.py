"""The part of a bar that somebody looks into, and how it stands in the address behind the view. Pure.

It is no part of the view: a view kept under a name is of whatever days it has then, a bar of these.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime

from tracker.explore.reading import Explored
from tracker.explore.view import Grain, Parameters, short, value_of, written
from tracker.overview.stacks import Bars

NAMES = BAR, PART = "bar", "part"
"""The parameters of an address that it is read from."""

OTHERS = "~others"
"""Stands for the part of all that have none of their own; no written value begins with one tilde and goes on."""

HOUR = "%Y-%m-%dT%HZ"


@dataclass(frozen=True)
class Picked:
    """A bar by the day or hour (aware UTC) that it begins with, and its part by the name on it: None for all of it."""

    at: date
    name: str | None = None


def fitting(picked: Picked | None, seen: Explored, bars: Bars) -> Picked | None:
    """The same in bars that are others by now: the one that has its day, and the part if that is still there."""
    at = _bar(picked.at, seen) if picked else None
    if picked is None or at is None:
        return None
    return Picked(at, picked.name if picked.name in _names(bars) else None)


def parameters(picked: Picked | None, seen: Explored) -> dict[str, list[str]]:
    """For an address; nothing for nothing."""
    if picked is None:
        return {}
    told = {BAR: [_text(picked.at)]}
    if picked.name is not None:
        values = seen.values()
        told[PART] = [written(values[picked.name]) if picked.name in values else OTHERS]
    return told


def read(told: Parameters, seen: Explored, bars: Bars) -> tuple[Picked | None, str | None]:
    """What an address chooses among these bars, and a sentence where it does not fit them."""
    bar, part = (next(iter(told.get(name, ())), None) for name in NAMES)
    if bar is None:
        return None, None
    at = _bar(_instant(bar), seen)
    if at is None:
        return None, f"The address chooses the bar “{short(bar)}”, which is not among these, so none is chosen."
    if part is None:
        return Picked(at), None
    name = _name(part, seen, bars)
    if name is None:
        return Picked(at), f"“{short(part)}” has no part of its own in these bars, so the whole bar is chosen."
    return Picked(at, name), None


def _bar(at: date | None, seen: Explored) -> date | None:
    """The bar that a day or an hour stands in, None where there is none."""
    if at is None or seen.view.bars is Grain.HOUR:
        return at if at in seen.columns else None
    day = seen.span.day_of(at) if isinstance(at, datetime) else at
    return seen.bar_of(day) if seen.span.first <= day < seen.span.end else None


def _name(part: str, seen: Explored, bars: Bars) -> str | None:
    values = seen.values()
    if part == OTHERS:
        return next((name for name in _names(bars) if name not in values), None)
    try:
        value = value_of(seen.view.by, part)
    except ValueError:
        return None
    return next((name for name in _names(bars) if name in values and values[name] == value), None)


def _names(bars: Bars) -> Collection[str]:
    return [name for name, _ in bars.names]


def _text(at: date) -> str:
    return f"{at:{HOUR}}" if isinstance(at, datetime) else at.isoformat()


def _instant(text: str) -> date | None:
    try:
        return datetime.strptime(text, HOUR).replace(tzinfo=UTC) if "T" in text else date.fromisoformat(text)
    except ValueError:
        return None
