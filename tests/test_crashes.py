"""Killed at any labelled place, and run again: nothing is lost, nothing doubled, every total is right.

The labels are read from the source, so that a new one is killed at as well; one that no run comes to is a failure.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from alembic import command

from jobs.__main__ import once
from jobs.worker import Worker
from tests.installation import NOW, Installation
from tests.places import killed_at, labels, visited
from tests.seeds import LARGE, examples
from tests.small import Small, assert_true, small
from tracker import clock, connections, migrations, product, reconcile, repricing, rotation, workspace_prices
from tracker.audit import OPERATOR
from tracker.db import ProcessRole
from tracker.models import KeyStatus
from tracker.own_prices import OwnPrice
from tracker.sandbox import Trouble

MODEL = "gpt-4.1-mini"
START = clock.day_of(NOW) - 9 * clock.DAY
END = clock.day_of(NOW)
LATER = timedelta(minutes=20)
MADE_IN = timedelta(minutes=1)
"""A kept moment is made in less, by a clock that begins at NOW and goes on: so what was asked for then is due."""
SEEDS = 25


def fetch(ready: Installation, *, threads: int = 1) -> None:
    worker = Worker(ready.product, threads=threads)
    once(worker)
    worker.stop()


def stop_while_waiting(ready: Installation) -> None:
    """A worker that is asked to stop while it waits out a limit."""
    worker = Worker(ready.product, threads=1)
    reconcile.look_everywhere(ready.product, now=clock.utc_now())
    worker.wake()
    worker.pump(0.5)
    worker.stop()


def rotate(ready: Installation) -> None:
    rotation.rotate(ready.product)


def replace_key(ready: Installation) -> None:
    connections.replace(ready.product, 1, 1, text=ready.world.another_key("second", kind="globex"))


def reprice(ready: Installation) -> None:
    half = OwnPrice(0, "openai", MODEL, START, factor=Decimal("0.5"))
    with ready.product.database.workspace(1, write=True) as session:
        if not workspace_prices.every(session, 1).prices:
            workspace_prices.add(session, 1, half, by=OPERATOR)
    repricing.apply(ready.product.database, 1, START, END, by=OPERATOR)


def take_prices_back(ready: Installation) -> None:
    reprice(ready)
    with ready.product.database.workspace(1, write=True) as session:
        workspace_prices.end(session, 1, 1, on=START, by=OPERATOR)
    repricing.apply(ready.product.database, 1, START, END, by=OPERATOR)


def nothing(_ready: Installation) -> None:
    pass


@dataclass(frozen=True)
class Scenario:
    """`at` after a kept moment, `work` in a process of that role; `mend` before the worker goes on `later`."""

    work: Callable[[Installation], None]
    moment: str = "read"
    at: timedelta = timedelta()
    role: ProcessRole = "worker"
    trouble: Trouble | None = None
    key_kind: str = "globex"
    mend: Callable[[Installation], None] = nothing
    later: timedelta = LATER
    migrates: bool = False


SCENARIOS = {
    "first reading": Scenario(fetch, moment="new"),
    "restated days": Scenario(fetch, at=timedelta(hours=26)),
    "a row that cannot be true": Scenario(
        fetch, moment="new", trouble=Trouble("negative", path="/usage/completions", times=1)
    ),
    "an answer not understood": Scenario(fetch, moment="new", trouble=Trouble("status_404", times=1)),
    "a limit": Scenario(fetch, moment="new", trouble=Trouble("rate_limit", times=1, option="1")),
    "a permission withdrawn": Scenario(
        fetch, at=timedelta(hours=26), key_kind="missing_scope_403", later=timedelta(hours=25)
    ),
    "a stop": Scenario(stop_while_waiting, moment="new", trouble=Trouble("rate_limit", times=1, option="9")),
    "a rotation": Scenario(rotate, role="owner", mend=rotate),
    "another key": Scenario(replace_key, role="web"),
    "other prices": Scenario(reprice, role="web", mend=take_prices_back),
    "a migration": Scenario(nothing, migrates=True),
}


@dataclass(frozen=True)
class Stage:
    """What every run of a module starts from; `visits` counts each scenario's labels."""

    small: Small
    visits: dict[str, Counter[str]]

    def reaching(self, label: str) -> list[tuple[str, int]]:
        return [(name, found[label]) for name, found in self.visits.items() if found[label]]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("kept")
    on_postgres = request.param == "postgresql"
    server = request.getfixturevalue("postgres_server") if on_postgres else None
    template = request.getfixturevalue("migrated_template" if on_postgres else "migrated_file")
    with small(folder, server, template) as made:
        visits = dict[str, Counter[str]]()
        for name, scenario in SCENARIOS.items():
            with made.copy(scenario.moment, tmp_path_factory.mktemp("dry") / "data") as environ:
                prepare(made, scenario, environ)
                file = folder / "visits"
                file.unlink(missing_ok=True)
                visits[name] = Counter(visited(lambda: run(made, scenario, environ), file))  # noqa: B023 done at once
        yield Stage(made, visits)


def prepare(made: Small, scenario: Scenario, environ: dict[str, str]) -> None:
    set_clock(environ, NOW + MADE_IN + scenario.at)
    made.world.troubles._waiting.clear()
    if scenario.trouble:
        made.world.troubles.add(Trouble(**vars(scenario.trouble)))
    made.world.another_key("second", kind="globex")  # known here, where the provider is
    made.world.spoil(made.world.keys["globex"], scenario.key_kind)
    if scenario.migrates:
        command.downgrade(migrations.config(environ["TRACKER_DATABASE_URL"]), "0010")


def set_clock(environ: dict[str, str], now: datetime) -> None:
    clock.start_at(now)
    environ["TRACKER_NOW"] = f"{now:%Y-%m-%dT%H:%M:%SZ}"


def run(made: Small, scenario: Scenario, environ: dict[str, str], *, threads: int = 1) -> None:
    """The scenario, in whatever process."""
    if scenario.migrates:
        product.prepare(environ)
    with made.installed(environ, role=scenario.role) as ready:
        if scenario.work is fetch:
            fetch(ready, threads=threads)
        else:
            scenario.work(ready)


def go_on(made: Small, scenario: Scenario, environ: dict[str, str]) -> None:
    """After a crash: everything begun is finished, and then everything is as it should be."""
    made.world.troubles._waiting.clear()
    made.world.spoil(made.world.keys["globex"], "globex")
    product.prepare(environ)
    with made.installed(environ, role=scenario.role) as ready:
        scenario.mend(ready)
    now = NOW + scenario.at + scenario.later
    set_clock(environ, now)
    with made.installed(environ) as ready:
        assert ready.fetch() == 0
        assert_true(ready, now)
        assert connections.find(ready.product, 1, 1).status == KeyStatus.VALID


def crash(stage: Stage, folder: Path, label: str, name: str, occurrence: int, *, threads: int = 1) -> bool:
    """Kill the scenario there and go on; whether it came so far."""
    scenario = SCENARIOS[name]
    with stage.small.copy(scenario.moment, folder) as environ:
        prepare(stage.small, scenario, environ)
        work = lambda: run(stage.small, scenario, environ, threads=threads)  # noqa: E731 the child's only work
        killed = killed_at(work, label, occurrence)
        go_on(stage.small, scenario, environ)
    return killed


def test_there_are_many_places_and_every_one_is_come_to(stage: Stage) -> None:
    places = labels()

    assert len(places) >= 40
    assert [label for label in places if not stage.reaching(label)] == []


@pytest.mark.parametrize("label", labels())
@pytest.mark.parametrize("stage", ["sqlite"], indirect=True)
def test_killed_there_nothing_is_lost_and_nothing_doubled(stage: Stage, label: str, tmp_path: Path) -> None:
    name, count = stage.reaching(label)[0]

    assert crash(stage, tmp_path / "data", label, name, 1 + count // 2)


@pytest.mark.soak
def test_killed_anywhere_at_random_nothing_is_lost_and_nothing_doubled(stage: Stage, tmp_path: Path) -> None:
    everything = [(seed, label) for seed in range(SEEDS) for label in labels()]  # a soak cut short has been everywhere
    chosen = everything if examples(1) == LARGE else random.Random(20_261_127).sample(everything, 4)  # noqa: S311
    database = "postgresql" if stage.small.postgres else "sqlite"
    killed = 0
    for number, (seed, label) in enumerate(chosen, start=1):
        chance = random.Random(f"{label} {seed}")  # noqa: S311 repeatable
        name, count = chance.choice(stage.reaching(label))
        where = (label, name, 1 + chance.randrange(count))
        try:
            killed += crash(stage, tmp_path / f"{number}", *where, threads=chance.choice([1, 1, 2, 4]))
        except Exception as error:
            raise AssertionError(f"seed {seed}: killed at {where}") from error
        if number == len(chosen) or number % len(labels()) == 0:
            sys.stdout.write(f"{database}: {number} runs, {killed} killed at {len(labels())} places, 0 losses\n")
            sys.stdout.flush()

    assert killed > len(chosen) // 2
