"""`python -m tests.simulation`: years of very many seeds, in order, several at once; it says where to go on.

Ends with 1 when any story ended wrong. Each wrong one is told with the command that tells it again.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.simulation import Wrong, keep, simulation
from tests.simulation.oracle import KEYS
from tracker import migrations

YEAR_DAYS = 365
KEY_YEARS = 10_000
SEEDS = -(-KEY_YEARS // len(KEYS))
MEMORY = Path("/dev/shm")


@dataclass(frozen=True)
class Ended:
    """How a seed's story ended: what is wrong, if anything, and its record where that was asked for."""

    seed: int
    wrong: str | None
    history: tuple[str, ...] = ()


def live(seed: int, *, kept: Path, days: int, show: bool) -> Ended:
    """One story in a process of its own."""
    logging.disable(logging.CRITICAL)  # what a worker logs of its troubles is no news here
    with simulation(seed, kept, kept.parent / f"seed-{seed}", days=days) as found:
        found.live()
        history = tuple(found.story.history) if show else ()
        try:
            found.judge()
        except Wrong as wrong:
            return Ended(seed, str(wrong), history)
    return Ended(seed, None, history)


@contextmanager
def kept_installation() -> Iterator[Path]:
    """What every story begins with, in memory where the system has a folder for that."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        file = Path(folder) / "migrated.db"
        migrations.upgrade(f"sqlite:///{file}")
        yield keep(file, Path(folder) / "kept")


def progress(ended: Ended, *, done: int, failures: int, days: int, seconds: float) -> str:
    """A line a seed: how it ended, and how far we are."""
    key_years = done * len(KEYS) * days / YEAR_DAYS
    rate = f"{60 * key_years / seconds:.1f} a minute"
    how = "as the provider tells it" if ended.wrong is None else "WRONG"
    return f"seed {ended.seed}: {how}; {key_years:.1f} key-years, {rate}, {failures} failures"


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def run(options: argparse.Namespace) -> int:
    """All the seeds; how many ended wrong."""
    seeds, failures, began = range(options.first, options.first + options.seeds), 0, time.monotonic()
    with kept_installation() as kept, ProcessPoolExecutor(options.processes) as pool:
        gc.collect()
        gc.freeze()  # the processes are forked from this one; as in a worker, see `jobs`
        ways = partial(live, kept=kept, days=options.days, show=options.show)
        for done, ended in enumerate(pool.map(ways, seeds), start=1):
            failures += ended.wrong is not None
            for line in (*ended.history, *([ended.wrong] if ended.wrong else [])):
                say(line)
            seconds = time.monotonic() - began
            say(progress(ended, done=done, failures=failures, days=options.days, seconds=seconds))
    say(f"Done up to seed {seeds[-1]}. Go on with: python -m tests.simulation --first {seeds[-1] + 1}")
    return failures


def parser() -> argparse.ArgumentParser:
    told = argparse.ArgumentParser(
        prog="python -m tests.simulation",
        description=f"Live through the stories of seeds, in order: {len(KEYS)} keys each. Say how every one ended.",
    )
    told.add_argument("--first", type=int, default=0, metavar="SEED", help="the first seed, to go on after a stop")
    told.add_argument("--seeds", type=int, default=SEEDS, help=f"how many; {SEEDS} make {KEY_YEARS} key-years")
    told.add_argument("--days", type=int, default=YEAR_DAYS, help="how long each story is")
    told.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="how many stories at once")
    told.add_argument("--show", action="store_true", help="print the record of each story, too")
    return told


def main(arguments: Sequence[str] | None = None) -> int:
    return 1 if run(parser().parse_args(arguments)) else 0


if __name__ == "__main__":
    sys.exit(main())
