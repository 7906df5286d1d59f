"""Simulated time of a few keys against an oracle: whatever happens, in the end we hold what the provider says.

A failure says which seed it was and how to tell its story again; `python -m tests.simulation` runs very many.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from tests.installation import PASSWORD
from tests.simulation import oracle
from tests.simulation.oracle import KEYS
from tests.simulation.provider import ByDay, InProcess
from tests.simulation.stage import Stage
from tests.simulation.story import CALM, HOUR, Story, moved_by, told
from tracker import access, clock, connections, coverage, points, product, reconcile
from tracker.product import Product
from tracker.providers import PROVIDERS

FAILED_WAITS = coverage.LONGEST_RETRY + HOUR
"""What failed waits half a day at most; for a day where a clock that ran ahead, however long ago, said until when."""

QUIET = tuple(timedelta(hours=hours) for hours in (0, 13, 8 * 24))
"""Before the looks of the quiet time that ends a story: what failed is tried again, what settled is read once more.

A last look follows at the next noon, when the day's bill is out and has been asked for.
"""


class Wrong(AssertionError):
    """A story ended otherwise than the provider tells it."""


@dataclass
class Simulation:
    """One story of so many days, lived by real workers on a database of its own."""

    story: Story
    ready: Product
    days: int

    def __post_init__(self) -> None:
        self.stage = Stage(self.story, self.ready)

    def live(self) -> None:
        """The troubled time, and then a quiet one in which everything owed is read."""
        story, end = self.story, self.story.now + timedelta(days=self.days)
        with points.watch(self.stage.reached):
            while story.now < end and not self.stage.failures:
                story.change_weather()
                self._look()
                if story.weather.is_calm:  # what failed before is tried again within a calm time
                    story.pass_time(FAILED_WAITS)
                    self._look()
                for _ in range(story.chance.randrange(3)):
                    story.restate()
                story.pass_time(story.next_gap())
            story.weather = CALM
            story.set_clock(timedelta())
            self.stage.end()
            for gap in (*QUIET, _until_noon(story.now + sum(QUIET, timedelta()))):
                story.pass_time(gap)
                self._look()

    def look_with_a_wrong_clock(self, skew: timedelta) -> None:
        """One look while our clock is that far off; it is right again before anybody looks once more."""
        with points.watch(self.stage.reached):
            self._look()
            self.story.set_clock(skew)
            self._look()
            self.story.set_clock(timedelta())

    def judge(self) -> None:
        """Raise Wrong, with what to do, unless all is as the oracle says."""
        told_wrong = {f"{type(error).__name__}": str(error) for error in self.stage.failures}
        if found := told_wrong or oracle.judge(self.story, self.ready):
            raise Wrong(self._sentence(found))

    def _look(self) -> None:
        reconcile.look_everywhere(self.ready, now=self.story.our_now)
        self.stage.run(2 + self.story.seed % 2)

    def _sentence(self, found: dict[str, str]) -> str:
        seed, days = self.story.seed, self.days
        lines = [f"seed {seed}, {days} days of {len(KEYS)} keys: {len(found)} things are wrong."]
        lines += [f"  {where}: {what}" for where, what in found.items()]
        lines.append(f"Tell the story again: python -m tests.simulation --first {seed} --seeds 1 --days {days} --show")
        return "\n".join(lines)


def _until_noon(now: datetime) -> timedelta:
    return clock.day_end(clock.day_of(now)) + timedelta(hours=12) - now


@contextmanager
def simulation(seed: int, kept: Path, folder: Path, *, days: int) -> Iterator[Simulation]:
    """The story of a seed, ready to be lived in a folder of its own."""
    shutil.copytree(kept, folder)
    story = told(seed)
    with moved_by(story), pytest.MonkeyPatch.context() as patched:
        patched.setitem(PROVIDERS, "openai", ByDay())
        ready = opened(folder, story)
        try:
            yield Simulation(story, ready, days)
        finally:
            ready.close()
            shutil.rmtree(folder)


def simulate(seed: int, kept: Path, folder: Path, *, days: int) -> Counter[str]:
    """So many days of every key; what happened in them. Wrong when anything is not as the oracle says."""
    with simulation(seed, kept, folder, days=days) as found:
        found.live()
        found.judge()
    return found.story.happened


def keep(migrated: Path, folder: Path) -> Path:
    """An installation with keys that were never used, from which every story begins."""
    folder.mkdir()
    shutil.copyfile(migrated, folder / "tracker.db")
    story = told(0)
    with moved_by(story), pytest.MonkeyPatch.context() as patched:
        patched.setitem(PROVIDERS, "openai", ByDay())
        ready = opened(folder, story)
        texts = [story.world.keys[kind] for kind in ("good", "globex", "good_second")]
        for workspace_id in {workspace_id for workspace_id, _ in KEYS}:
            access.add_user(ready.database, f"u{workspace_id}@example.com", PASSWORD)
        for (workspace_id, key_id), text in zip(KEYS, texts, strict=True):
            connections.add(ready, workspace_id, provider="openai", label=f"k{key_id}", text=text)
        ready.close()
    with closing(sqlite3.connect(folder / "tracker.db")) as file:
        file.execute("pragma wal_checkpoint(truncate)")
    return folder


def opened(folder: Path, story: Story) -> Product:
    """The worker's product over the world of the story, with a database that waits for no disk."""
    environ = {
        "TRACKER_NOW": f"{story.now:%Y-%m-%dT%H:%M:%SZ}",
        "TRACKER_DATA_DIR": str(folder),
        "TRACKER_OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
    }
    ready = product.start(environ, role="worker")
    clock.start_at(story.now + timedelta(microseconds=1))  # as good as not moved, but labelled places may be watched
    ready.clients.close()
    event.listen(ready.database.engine, "connect", _wait_for_no_disk)
    ready.database.engine.dispose()
    return replace(ready, clients=InProcess(handle=story.handle))


def _wait_for_no_disk(connection: Any, _record: Any) -> None:
    for pragma in ("synchronous=OFF", "journal_mode=MEMORY"):
        connection.execute(f"PRAGMA {pragma}")
