"""What somebody looks at on Explore, as one frozen value that lives in the address. Pure.

Nonsense in an address is never an error: the default takes its place, and a sentence says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import EnumType, StrEnum
from functools import partial
from typing import TypeVar
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from tracker import zones
from tracker.overview.figures import Measure
from tracker.usage import MAX_TEXT

UTC = "UTC"
NOTHING = "~"
"""Stands for "the provider named none"; a value that begins so is written with one more in front."""

MOST_DAYS = 731
MOST_HOURLY_DAYS = 14
MOST_DAILY_DAYS, MOST_WEEKLY_DAYS = 120, 371
"""Days up to which a bar a day, and a bar a week, is wide enough to be seen on a phone."""

MOST_VALUES = 40
"""Values of one filter: an address has no room for more."""

T = TypeVar("T")
D = TypeVar("D")
Chosen = str | int | None
Parameters = Mapping[str, Sequence[str]]


class Preset(StrEnum):
    """Which days, counted in the view's zone; today is the last of them but for LAST_MONTH and CUSTOM."""

    WEEK = "7d"
    THIRTY = "30d"
    MONTH = "month"
    LAST_MONTH = "last-month"
    NINETY = "90d"
    YEAR = "year"
    CUSTOM = "custom"


class Grain(StrEnum):
    """How much time a bar holds."""

    DAY = "day"
    HOUR = "hour"
    WEEK = "week"
    MONTH = "month"


LENGTHS = {Preset.WEEK: 7, Preset.THIRTY: 30, Preset.NINETY: 90, Preset.YEAR: 365}
LONGEST_MONTH = 31
EARLIEST = date(2000, 1, 1)
"""No provider's history begins before; the first days of the calendar have none before them to compare with."""


class By(StrEnum):
    """A dimension to group and to filter by; its value is its name in the address."""

    PROVIDER = "provider"
    KEY = "key"
    MODEL = "model"
    PROJECT = "project"
    API_KEY = "api_key"
    USER = "user"
    TIER = "tier"
    TYPE = "type"

    @property
    def column(self) -> str:
        """Of `usage_series`."""
        return COLUMNS.get(self, self.value)

    @property
    def dimension(self) -> str:
        """As `queries` and the exports name it."""
        return "provider_key" if self is By.KEY else self.column


COLUMNS = {
    By.KEY: "provider_key_id",
    By.PROJECT: "project_id",
    By.API_KEY: "api_key_id",
    By.USER: "user_id",
    By.TIER: "service_tier",
    By.TYPE: "usage_type",
}


@dataclass(frozen=True)
class View:
    """`first` and `last` (both included) are set exactly for CUSTOM; `only` holds the values that are let through.

    A connection is named by its number, everything else as the provider names it, None for what it did not name.
    Without a `grain` the bars are what suits the number of days.
    """

    preset: Preset = Preset.MONTH
    first: date | None = None
    last: date | None = None
    compare: bool = True
    by: By = By.MODEL
    measure: Measure = Measure.SPEND
    grain: Grain | None = None
    only: Mapping[By, tuple[Chosen, ...]] = field(default_factory=dict)
    zone: str = UTC

    @property
    def is_local(self) -> bool:
        return self.zone != UTC

    @property
    def timezone(self) -> ZoneInfo:
        return ZoneInfo(self.zone)

    @property
    def length(self) -> int:
        """How many days it has, or at most has."""
        if self.preset is Preset.CUSTOM and self.first and self.last:
            return (self.last - self.first).days + 1
        return LENGTHS.get(self.preset, LONGEST_MONTH)

    @property
    def suits(self) -> Grain:
        """The bars that so many days are readable in."""
        if self.length <= MOST_DAILY_DAYS:
            return Grain.DAY
        return Grain.WEEK if self.length <= MOST_WEEKLY_DAYS else Grain.MONTH

    @property
    def bars(self) -> Grain:
        """How much time a bar holds."""
        return self.grain or self.suits

    @property
    def read_by(self) -> Grain:
        """What is read for the bars: weeks and months are made of days."""
        return Grain.HOUR if self.bars is Grain.HOUR else Grain.DAY

    def parameters(self) -> dict[str, list[str]]:
        """For an address, without what is the default anyway."""
        plain = View()
        said: dict[str, list[str]] = {}
        if self.preset is not plain.preset:
            said["range"] = [self.preset.value]
        if self.preset is Preset.CUSTOM and self.first and self.last:
            said |= {"from": [self.first.isoformat()], "to": [self.last.isoformat()]}
        if not self.compare:
            said["vs"] = ["no"]
        words = {"by": (self.by, plain.by), "m": (self.measure, plain.measure), "grain": (self.bars, self.suits)}
        said |= {name: [value.value] for name, (value, default) in words.items() if value is not default}
        if self.is_local:
            said["tz"] = [self.zone]
        return said | {by.value: [written(value) for value in values] for by, values in self.only.items()}

    def query(self) -> str:
        """The same as the text behind an address's question mark."""
        return urlencode(self.parameters(), doseq=True)


NAMES = ("range", "from", "to", "vs", "by", "m", "grain", "tz", *(by.value for by in By))
"""Every parameter of an address that a view reads."""


@dataclass(frozen=True)
class Read:
    """A view read from an address, and what of the address was not understood, a sentence each."""

    view: View
    complaints: tuple[str, ...] = ()


class _Reader:
    """Takes parameters one by one and notes what was not understood."""

    def __init__(self, told: Parameters) -> None:
        self.told = told
        self.complaints: list[str] = []

    def one(self, name: str, read: Callable[[str], T], default: D) -> T | D:
        if not self.told.get(name):
            return default
        text = self.told[name][0]
        try:
            return read(text)
        except ValueError:
            what = f"“{short(text)}” is not a value of “{name}”, so it was left out of the address."
            self.complaints.append(what + _possible(read))
            return default

    def only(self) -> dict[By, tuple[Chosen, ...]]:
        found: dict[By, tuple[Chosen, ...]] = {}
        for by in By:
            texts = self.told.get(by.value, ())
            values = self.one(by.value, partial(_values, by, texts), ())
            if values:
                found[by] = values
        return found

    def days(self) -> tuple[Preset, date | None, date | None]:
        chosen = self.one("range", Preset, None)
        first, last = (self.one(name, date.fromisoformat, None) for name in ("from", "to"))
        has_days = bool(self.told.get("from") or self.told.get("to"))
        # Days of one's own need no word that says so.
        preset = chosen or (Preset.CUSTOM if has_days else View.preset)
        if preset is not Preset.CUSTOM:
            if has_days:
                self.complaints.append(f"“from” and “to” do not go with the range “{preset}”, so they were left out.")
            return preset, None, None
        if complaint := _range_complaint(first, last):
            self.complaints.append(complaint)
            return View.preset, None, None
        return preset, first, last


def parse(told: Parameters) -> Read:
    """The view of an address; parameters that no view has are somebody else's and are left alone."""
    reader = _Reader(told)
    preset, first, last = reader.days()
    view = View(
        preset=preset,
        first=first,
        last=last,
        compare=reader.one("vs", _yes_or_no, View.compare),
        by=reader.one("by", By, View.by),
        measure=reader.one("m", Measure, View.measure),
        grain=reader.one("grain", Grain, None),
        only=reader.only(),
        zone=reader.one("tz", _zone, UTC),
    )
    if view.grain is Grain.HOUR and not allows_hours(view):
        reader.complaints.append(f"Hours are shown for at most {MOST_HOURLY_DAYS} days, so these are days.")
        view = replace(view, grain=None)
    # What suits the days anyway was not chosen: there is one view for one address.
    return Read(view if view.grain is not view.suits else replace(view, grain=None), tuple(reader.complaints))


def offered(view: View) -> tuple[Grain, ...]:
    """The bars that can be chosen for so many days."""
    if allows_hours(view):
        return Grain.DAY, Grain.HOUR
    return (Grain.DAY, Grain.WEEK, Grain.MONTH) if view.length > LONGEST_MONTH else (Grain.DAY,)


def allows_hours(view: View) -> bool:
    """Whether the range is short enough to be shown by the hour."""
    return view.length <= MOST_HOURLY_DAYS


def _range_complaint(first: date | None, last: date | None) -> str | None:
    if first is None or last is None:
        return "A range of your own needs a first and a last day like 2026-11-01; this is the month to date."
    if first < EARLIEST:
        return f"No day before {EARLIEST} can be told of; this is the month to date."
    if not 0 <= (last - first).days < MOST_DAYS:
        return f"The last day must not lie before the first, nor {MOST_DAYS} days after; this is the month to date."
    return None


def _possible(read: Callable[[str], object]) -> str:
    """What it could have been, where that is one of a few words."""
    if not isinstance(read, EnumType):
        return ""
    *words, last = map(str, read.__members__.values())
    return f" It can be {', '.join(words)} or {last}."


def _yes_or_no(text: str) -> bool:
    if text not in {"yes", "no"}:
        raise ValueError(text)
    return text == "yes"


def _zone(text: str) -> str:
    if not zones.is_known(text):
        raise ValueError(text)
    return zones.canonical(text)


def _values(by: By, every: Sequence[str], _first: str) -> tuple[Chosen, ...]:
    texts = list(dict.fromkeys(every))
    if len(texts) > MOST_VALUES or any(len(text) > MAX_TEXT + 1 or "\x00" in text for text in texts):
        raise ValueError
    return tuple(value_of(by, text) for text in texts)


def value_of(by: By, text: str) -> Chosen:
    """A value of a dimension as it stands in an address; ValueError where it cannot be one."""
    if by is By.KEY:
        if not (text.isascii() and text.isdecimal() and len(text) < 19):
            raise ValueError(text)
        return int(text)
    if text == NOTHING:
        return None
    return text.removeprefix(NOTHING)


def short(text: str) -> str:
    """Text of an address for a sentence."""
    return text if len(text) <= 40 else text[:39] + "…"


def written(value: Chosen) -> str:
    """A value for an address."""
    if value is None:
        return NOTHING
    text = str(value)
    return NOTHING + text if text.startswith(NOTHING) else text
