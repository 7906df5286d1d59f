"""What a seed decides: the weather of each stretch of time, what strikes where, and how the clocks go.

Every decision is drawn from one generator in the order in which the product comes to it, and one thread runs at a
time: so a seed always tells the same story, of which `history` is the record.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from email.utils import format_datetime
from random import Random
from types import SimpleNamespace
from urllib.parse import parse_qs

import httpx
import pytest

from tests.simulation.provider import HISTORY, SPOILED, FewRequests, spoiled
from tracker import clock
from tracker.sandbox.answers import answer
from tracker.sandbox.trouble import Reply

BEGIN = datetime(2027, 9, 20, 15, 30, tzinfo=UTC)
"""Before a year's end, and a leap day after it."""

DAYS_BEFORE = HISTORY.days - 4
"""Days told when a story begins. All of them are read before the first has left the history, see `OPENING`."""

SMALL_PAGE = 5
HOUR, HALF_DAY, DAY = timedelta(hours=1), timedelta(hours=13), timedelta(days=1)
SHORT_GAPS = (HOUR, DAY, 3 * DAY, 9 * DAY, 14 * DAY)
LONG_GAPS = (DAY, 9 * DAY, 31 * DAY, 45 * DAY)
"""How long nobody looks. A long time follows a calm one only, so that nothing is owed for as long as the history."""

CALM_AFTER = timedelta(days=40)
"""After so long without one comes a calm time: whatever was owed is read in it."""

RESTATED_WITHIN = 10
"""Days that change later are younger than this."""


@dataclass(frozen=True)
class Weather:
    """How likely an answer is spoiled, a place kills or holds up its worker, a commit fails, a clock jumps."""

    trouble: float = 0
    kill: float = 0
    hold: float = 0
    fault: float = 0
    jump: float = 0

    @property
    def is_calm(self) -> bool:
        return self == CALM


CALM = Weather()
ROUGH = Weather(trouble=0.06, kill=0.0005, hold=0.005, fault=0.002, jump=0.0005)
STORM = Weather(trouble=0.3, kill=0.003, hold=0.02, fault=0.01, jump=0.005)
OPENING = (replace(STORM, jump=0), CALM)
"""The first reading of all meets any trouble but a wrong clock, and what it leaves is read at once."""

CLOCK_WRONG = 0.25
SET_RIGHT = 0.01
"""How likely a wrong clock is for a stretch of time, and at each place that it is set right there."""


@dataclass
class Story:
    """The world, its true time, our clock's error, and what happened. Worker threads ask it one at a time."""

    seed: int
    world: FewRequests
    now: datetime
    weather: Weather = CALM
    skew: timedelta = timedelta()
    _noted: list[tuple[datetime, str, str]] = field(default_factory=list)
    happened: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.chance = Random(f"story {self.seed}")  # noqa: S311 repeatable
        self.begun = self.calm_at = self.now
        self._opening = iter(OPENING)

    @property
    def our_now(self) -> datetime:
        """What our machine takes for the time."""
        return self.now + self.skew

    def strikes(self, chance: float) -> bool:
        return bool(chance) and self.chance.random() < chance

    @property
    def history(self) -> list[str]:
        """The record in words, which are made for whoever asks: most stories end well, and nobody does."""
        return [f"{at:%Y-%m-%d %H:%M:%S} {who} {what}" for at, who, what in self._noted]

    def note(self, what: str, *, who: str = "-") -> None:
        self._noted.append((self.now, who, what))

    def happens(self, what: str, *, who: str = "-") -> None:
        """Something went wrong, or otherwise than usual."""
        self.happened[what] += 1
        self.note(what, who=who)

    def seconds(self) -> float:
        """Since the story began: its monotonic clock."""
        return (self.now - self.begun).total_seconds()

    def pass_time(self, span: timedelta) -> None:
        self.now += span

    def change_weather(self) -> None:
        """For the next stretch of time. A calm one has a right clock, and comes in time."""
        due = self.now - self.calm_at > CALM_AFTER
        self.weather = CALM if due else self.chance.choice([CALM, CALM, ROUGH, STORM])
        self.weather = next(self._opening, self.weather)
        has_wrong_clock = bool(self.weather.jump) and self.strikes(CLOCK_WRONG)
        self.set_clock(self._wrong() if has_wrong_clock else timedelta())
        if self.weather.is_calm:
            self.calm_at = self.now

    def jump(self, who: str) -> None:
        """Our clock is set, right or wrong, while somebody works."""
        if self.skew and self.strikes(SET_RIGHT):
            self.set_clock(timedelta(), who=who)
        elif not self.skew and self.strikes(self.weather.jump):
            self.set_clock(self._wrong(), who=who)

    def set_clock(self, skew: timedelta, *, who: str = "-") -> None:
        if skew != self.skew:
            way = "ahead" if skew > timedelta() else "back" if skew else "right"
            self.happens(f"clock set {way}", who=who)
        self.skew = skew

    def _wrong(self) -> timedelta:
        few_days = timedelta(days=self.chance.randrange(2, 60), hours=self.chance.randrange(24))
        few_hours = timedelta(hours=self.chance.randrange(1, 24))
        return self.chance.choice([1, -1]) * self.chance.choice([HISTORY, 2 * HISTORY, few_days, few_hours])

    def next_gap(self) -> timedelta:
        if self.now - self.begun < DAY:
            return HALF_DAY
        return self.chance.choice(LONG_GAPS if self.weather.is_calm else SHORT_GAPS)

    def restate(self) -> None:
        """The provider tells a day of the last ones differently from now on."""
        org = self.chance.choice(["acme", "globex"])
        day = clock.day_of(self.now - self.chance.randrange(1, RESTATED_WITHIN) * DAY)
        factor = self.chance.choice([0, 0.5, 2])
        self.world.restate(org, day, factor)
        self.happens("restated")

    def handle(self, request: httpx.Request) -> httpx.Response:
        """The world's answer, in pages of any size, now and then spoiled. Every answer takes a second."""
        path, query = request.url.path.removeprefix("/v1"), parse_qs(request.url.query.decode())
        good = answer(self.world, path, self._paged(query), request.headers["authorization"].removeprefix("Bearer "))
        told = self._spoiled(good) if good.status == httpx.codes.OK and self.strikes(self.weather.trouble) else good
        self.pass_time(timedelta(seconds=1))
        if told.reset:
            raise httpx.ReadError("reset", request=request)
        date_ = format_datetime(self.now.astimezone(UTC), usegmt=True)
        return httpx.Response(told.status, headers={**told.headers, "Date": date_}, stream=httpx.ByteStream(told.body))

    def _paged(self, query: dict[str, list[str]]) -> dict[str, list[str]]:
        """With small pages in some stories. A cursor counts buckets, so the size must not change within a chain."""
        if "limit" in query and "bucket_width" in query and self.seed % 8 == 0:
            query["limit"] = [str(min(int(query["limit"][0]), SMALL_PAGE))]
        return query

    def _spoiled(self, good: Reply) -> Reply:
        kind = self.chance.choice(SPOILED)
        self.happens(kind)
        return spoiled(good, kind, self.chance)


def told(seed: int) -> Story:
    """The story of a seed, which begins on one of many days."""
    begin = BEGIN + timedelta(days=seed % 97, hours=seed % 23)
    keeps = (HISTORY + timedelta(days=35 * (seed % 2))).days
    world = FewRequests(days=DAYS_BEFORE, keeps=keeps, now=lambda: begin, story=seed)
    story = Story(seed, world, begin)
    world.now = lambda: story.now
    return story


class _Told:
    """Stands for `datetime` in the clock: the story's time in place of the machine's."""

    def __init__(self, story: Story) -> None:
        self._story = story

    def __call__(self, year: int, month: int, day: int, *, tzinfo: tzinfo) -> datetime:
        return datetime(year, month, day, tzinfo=tzinfo)

    def now(self, _zone: tzinfo) -> datetime:
        return self._story.our_now


@contextmanager
def moved_by(story: Story) -> Iterator[None]:
    """The product's clock, its waits and its dice follow the story; nothing sleeps."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("tracker.providers.retry.secrets", SimpleNamespace(randbelow=lambda most: most // 2))
        patched.setattr("tracker.db.time", SimpleNamespace(sleep=lambda _: None))
        patched.setattr("jobs.worker.time", SimpleNamespace(monotonic=story.seconds))
        patched.setattr("tracker.clock.datetime", _Told(story))
        yield
    clock.start_at(None)
