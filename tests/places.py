"""The labelled places of the product, and a child process that is watched, or killed, as it comes to them."""

from __future__ import annotations

import ast
import os
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path

from tracker import points

HOME = Path(__file__).resolve().parents[1]
PATIENCE_S = 60.0


@cache  # a second, to read the whole source
def labels() -> list[str]:
    """Every label, from the source itself; one that stands in two places is a mistake."""
    files = [file for area in ("tracker", "jobs") for file in sorted((HOME / area).rglob("*.py"))]
    nodes = [node for file in files for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))]
    calls = [node for node in nodes if isinstance(node, ast.Call) and ast.unparse(node.func) == "reached"]
    found = [str(ast.literal_eval(call.args[0])) for call in calls]
    assert len(found) == len(set(found)), found
    return found


def in_child(work: Callable[[], object]) -> int:
    """Do it in a child process; its exit code, or minus the signal that ended it."""
    return ended(started(work))


def started(work: Callable[[], object]) -> int:
    """A child process that does it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of our threads
        child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException:  # noqa: BLE001 the child must not go on as a second pytest
            traceback.print_exc(file=sys.stderr)
        finally:
            os._exit(code)
    return child


def ended(child: int) -> int:
    """Wait for a child; its exit code, or minus the signal that ended it."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGABRT)
            os.waitpid(child, 0)
            raise AssertionError("the child process does not end")
        time.sleep(0.003)


def visited(work: Callable[[], object], file: Path) -> list[str]:
    """The labels that a child doing this comes to, in order."""

    def watched() -> None:
        with file.open("a", buffering=1) as out, points.watch(lambda label: print(label, file=out)):
            work()

    assert in_child(watched) == 0
    return file.read_text().splitlines()


def killed_at(work: Callable[[], object], label: str, occurrence: int = 1) -> bool:
    """Do it in a child that kills itself as it comes to the label for so many times; whether it came so far."""
    left = occurrence

    def kill(reached: str) -> None:
        nonlocal left
        left -= reached == label
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def watched() -> None:
        with points.watch(kill):
            work()

    code = in_child(watched)
    assert code in {0, -signal.SIGKILL}, code
    return code != 0
