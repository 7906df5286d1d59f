"""Mutation testing: whether a test notices when a line of what makes and keeps the numbers is changed a little.

`python -m bench.mutation [AREA…] [--all] [--seed N]`. mutmut changes a copy of the checkout and runs the fast tests
of each area on SQLite. By default it tries a tenth of the changes, another tenth every day; `dev.py soak` ends with it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tracker import migrations

HOME = Path(__file__).resolve().parents[1]
LEAST_KILLED = 0.9
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "data", "mutants", "__pycache__", ".*_cache", "*.egg-info")
SURVIVED, NO_TEST = 0, 33
"""How mutmut notes a change that no test noticed, and one of a line that no test reaches."""


@dataclass(frozen=True)
class Area:
    """The files that are changed, and the tests that ought to notice, both below the checkout."""

    files: tuple[str, ...]
    tests: tuple[str, ...]


AREAS: Mapping[str, Area] = {
    "pricing": Area(
        ("tracker/pricing.py", "tracker/ratecards.py", "tracker/own_rates.py", "tracker/own_prices.py"),
        tuple(f"tests/tracker/test_{name}.py" for name in ("ratecards", "pricing", "own_prices", "agreed_prices")),
    ),
    "ingest": Area(
        ("tracker/ingest.py", "tracker/replacing.py", "tracker/rollup.py", "tracker/set_aside.py"),
        tuple(f"tests/tracker/test_{name}.py" for name in ("ingest", "set_aside", "stored_rows")),
    ),
    "coverage": Area(
        ("tracker/coverage.py", "tracker/ledger.py"),
        (
            "tests/tracker/test_coverage.py",
            "tests/tracker/test_due_edges.py",
            "tests/tracker/test_finality.py",
            "tests/tracker/test_ledger.py",
            "tests/tracker/test_ledger_rows.py",
            "tests/tracker/test_set_aside.py",
            "tests/tracker/test_standing.py",
        ),
    ),
    "reconciliation": Area(
        ("tracker/reconciliation/*",),
        tuple(
            f"tests/tracker/reconciliation/test_{name}.py"
            for name in ("causes", "estimates", "implied_prices", "proposals", "reading_lines", "statement", "wordings")
        ),
    ),
}


AT_IMPORT = ("tracker.ledger.x__finishing__", "tracker.rollup.x__clear__", "tracker.rollup.x__sum__")
"""What is called once as its module is imported, before any change is in force, and so cannot be tried this way."""


@dataclass(frozen=True)
class Figures:
    """So many changes were tried; those named went unnoticed."""

    area: str
    tried: int
    survived: tuple[str, ...]
    seconds: float

    @property
    def line(self) -> str:
        killed = self.tried - len(self.survived)
        share = f"{100 * killed / self.tried:.1f} %" if self.tried else "nothing tried"
        return f"{self.area}: {killed} of {self.tried} changes noticed ({share}) in {self.seconds:.0f} s"


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when at least nine in ten changes were noticed."""
    options = _parser().parse_args(arguments)
    names = "*" if options.all else f"*__mutmut_*{options.seed % 10}"
    found = [measure(area, names, options) for area in options.areas or AREAS]
    tried, survived = sum(each.tried for each in found), sum(len(each.survived) for each in found)
    print(Figures("all", tried, ("",) * survived, sum(each.seconds for each in found)).line)
    return 0 if tried and (tried - survived) / tried >= LEAST_KILLED else 1


def measure(area: str, names: str, options: argparse.Namespace) -> Figures:
    """Try the changes of an area whose names are like these; print how many were noticed, and those that were not."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        checkout = Path(folder) / "checkout"
        shutil.copytree(HOME, checkout, ignore=LEFT_OUT)
        (checkout / "setup.cfg").write_text(_settings(AREAS[area]))
        migrated = Path(folder) / "migrated.db"
        migrations.upgrade(f"sqlite:///{migrated}")
        log = Path(folder) / "log"
        command = [sys.executable, "-m", "mutmut", "run", "--max-children", str(options.children), names]
        with log.open("wb") as out:
            _run_for(options.minutes, command, cwd=checkout, env=_environment(migrated), stdout=out, stderr=out)
        results = dict(_results(checkout / "mutants"))
        if not results:
            print(log.read_text(errors="replace")[-3_000:], file=sys.stderr)
            raise SystemExit(f"mutmut tried nothing of {area}.")
        survived = tuple(name for name, code in results.items() if code in {SURVIVED, NO_TEST})
        figures = Figures(area, len(results), survived, time.monotonic() - began)
        print(figures.line, flush=True)
        for name in survived if options.show else ():
            subprocess.run([sys.executable, "-m", "mutmut", "show", name], cwd=checkout, check=False)
    return figures


def _run_for(minutes: float, command: Sequence[str], **how: Any) -> None:
    """Run it to its end or for so long; what it has found until then counts."""
    with subprocess.Popen(command, start_new_session=True, **how) as process:
        try:
            process.wait(minutes * 60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def _environment(migrated: Path) -> dict[str, str]:
    """Few random cases for each change, on a database that need not be migrated again for each."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TRACKER_")}
    return {**kept, "TRACKER_TEST_MIGRATED": str(migrated)}


def _results(mutants: Path) -> Iterator[tuple[str, int]]:
    """Each change that was tried, by name, with the exit code of the tests."""
    for file in sorted(mutants.rglob("*.meta")):
        for name, code in json.loads(file.read_text())["exit_code_by_key"].items():
            if code is not None and not name.startswith(AT_IMPORT):
                yield name, code


def _settings(area: Area) -> str:
    lists = {
        "source_paths": ("tracker",),
        "only_mutate": area.files,
        "pytest_add_cli_args_test_selection": area.tests,
        "pytest_add_cli_args": ("-n0", "-p", "no:cacheprovider", "-k", "not postgresql"),
        "also_copy": ("tests", "jobs", "pages", "app.py", "dev.py"),
    }
    return "[mutmut]\n" + "".join(f"{name}=\n    " + "\n    ".join(each) + "\n" for name, each in lists.items())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.mutation", description="Change lines; see who notices.")
    parser.add_argument("areas", nargs="*", choices=[*AREAS, []], metavar="AREA", help=", ".join(AREAS))
    parser.add_argument("--all", action="store_true", help="every change, not a tenth of them")
    parser.add_argument("--seed", type=int, default=datetime.now(UTC).timetuple().tm_yday, help="which tenth")
    parser.add_argument("--children", type=int, default=os.cpu_count() or 1, help="how many to try at once")
    parser.add_argument("--minutes", type=float, default=10, help="how long to try an area at most")
    parser.add_argument("--show", action="store_true", help="print the changes that went unnoticed")
    return parser


if __name__ == "__main__":
    sys.exit(main())
