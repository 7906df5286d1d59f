"""`python -m bench [NAME…]`: measure, keep each result under bench/results/, print how it stands to the bars."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path

from bench.bars import BARS, Bar
from bench.measure import machine

RESULTS = Path(__file__).parent / "results"

BENCHES = {
    "payload": "bench.payload:run",
    "writing": "bench.writing:run",
    "pipeline": "bench.pipeline:run",
    "rerun": "bench.rerun:run",
    "start": "bench.start:run",
    "reading": "bench.reading:run",
    "files": "bench.files:run",
    "year": "bench.year:run",
    "browser": "bench.browser:run",
    "reading-postgresql": "bench.reading:run_postgresql",
    "flood": "bench.flood:run",
    "workers": "bench.workers:run",
    "curve-events": "bench.curves:events",
    "curve-keys": "bench.curves:keys",
    "curve-sessions": "bench.curves:sessions",
    "picture": "bench.pictures:run",
}
"""Name → module:function, loaded when it is asked for; the function gives the figures, ready for JSON.

Without a name they run in this order, the quick ones first.
"""

NEVER_WITH_ALL = {"flood", "workers", "curve-events", "curve-keys", "curve-sessions", "picture"}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure, and say what reaches its bar.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(sorted(BENCHES))}; all without a name")
    parser.add_argument("--table", action="store_true", help="measure nothing: show the kept results against the bars")
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - set(BENCHES):
        parser.error(f"there is no bench {', '.join(sorted(unknown))}")
    names = options.names or [name for name in BENCHES if name not in NEVER_WITH_ALL]
    for name in () if options.table else names:
        print(json.dumps(_measure(name), indent=2), flush=True)
    results = {name: json.loads(file.read_text()) for name in names if (file := _file(name)).exists()}
    for line in table(results):
        print(line)
    return 0


def _measure(name: str) -> Mapping[str, object]:
    where = machine()
    result = {"bench": name, **where, **_function(BENCHES[name])()}
    RESULTS.mkdir(exist_ok=True)
    _file(name).write_text(json.dumps(result, indent=2) + "\n")
    return result


def _function(address: str) -> Callable[[], Mapping[str, object]]:
    module, _, name = address.partition(":")
    found: Callable[[], Mapping[str, object]] = getattr(import_module(module), name)
    return found


def _file(name: str) -> Path:
    return RESULTS / f"{name}.json"


def table(results: Mapping[str, Mapping[str, object]]) -> list[str]:
    """A line a bar: what, bar, figure, met or not."""
    found = [_line(bar, bar.value(results[bar.bench])) for bar in BARS if bar.bench in results]
    return [f"{'what':<62}{'bar':>10}{'figure':>12}  met", *found] if found else []


def _line(bar: Bar, value: float | None) -> str:
    told = "not told" if value is None else f"{value:,.3g}" if value < 1_000 else f"{value:,.0f}"
    met = "–" if value is None else "yes" if bar.met(value) else "NO"
    return f"{bar.what:<62}{bar.text:>10}{told:>12}  {met}"


if __name__ == "__main__":
    sys.exit(main())
