"""`python -m bench [NAME]`: run one benchmark, or all; each prints a JSON object with the machine and its figures."""

from __future__ import annotations

import argparse
import json
import platform
import sqlite3
import sys
from collections.abc import Callable, Sequence

from bench import browser, year

BENCHES: dict[str, Callable[[], dict[str, object]]] = {
    "browser": browser.run,
    "picture": browser.picture,
    "year": year.run,
}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure, and print ratios.")
    parser.add_argument("name", nargs="?", choices=sorted(BENCHES), help="one benchmark; all without it")
    name = parser.parse_args(arguments).name
    for each in [name] if name else sorted(BENCHES):
        print(json.dumps({"bench": each, **_machine(), **BENCHES[each]()}, indent=2))
    return 0


def _machine() -> dict[str, object]:
    return {
        "machine": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
    }


if __name__ == "__main__":
    sys.exit(main())
