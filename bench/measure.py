"""How benches measure: medians with their spread, CPU and memory of a stretch, and what machine it was."""

from __future__ import annotations

import os
import platform
import resource
import sqlite3
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

Figures = Mapping[str, object]

LIBRARIES = ("streamlit", "sqlalchemy", "sqlmodel", "psycopg", "httpx", "pandas")


def spread(
    work: Callable[[], object], *, times: int = 9, warm: int = 2, watch: Callable[[], float] = time.perf_counter
) -> dict[str, float]:
    """Milliseconds of `work()`: median, quickest, slowest and how often it ran, after a few runs that do not count.

    `watch` tells seconds; with `time.process_time` others who use the machine matter less.
    """
    for _ in range(warm):
        work()
    return of_runs([_ms(work, watch) for _ in range(times)])


def of_runs(milliseconds: list[float]) -> dict[str, float]:
    return {
        "median": _short(statistics.median(milliseconds)),
        "low": _short(min(milliseconds)),
        "high": _short(max(milliseconds)),
        "times": len(milliseconds),
    }


def _ms(work: Callable[[], object], watch: Callable[[], float]) -> float:
    began = watch()
    work()
    return (watch() - began) * 1_000


def _short(number: float) -> float:
    """Three digits that mean something."""
    return float(f"{number:.3g}") if number < 1_000 else round(number)


@dataclass
class Stretch:
    """Seconds on the wall and on our CPU (all threads) while a block ran."""

    wall_s: float = 0.0
    cpu_s: float = 0.0


@contextmanager
def stretch() -> Iterator[Stretch]:
    found = Stretch()
    wall, cpu = time.perf_counter(), time.process_time()
    yield found
    found.wall_s, found.cpu_s = time.perf_counter() - wall, time.process_time() - cpu


def resident_mb() -> float:
    """Memory this process holds now, in MB (10⁶ bytes)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def process_cpu_s(pid: int) -> float:
    """CPU seconds that a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_mb(pid: int) -> float:
    """The most memory that a process has held since its peak was last reset, in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1_024 / 1e6


def reset_peak_mb(pid: int) -> float:
    """Let the peak begin anew at what the process holds now, in MB, which is told."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    return peak_mb(pid)


def machine() -> dict[str, object]:
    """What it was measured on."""
    return {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "commit": _commit(),
        "machine": platform.machine(),
        "system": platform.system(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        "load_at_start": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "sqlite_version": sqlite3.sqlite_version,
        **{name: version(name) for name in LIBRARIES},
    }


def _commit() -> str:
    told = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return told.stdout.strip() or "unknown"
