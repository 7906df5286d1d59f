"""tests/faults.md lists every fault once, as shown by tests that there are or as open."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

HOME = Path(__file__).resolve().parents[1]
PAGE = (HOME / "tests" / "faults.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"^\| ([PWDK]\d\d) \| [^|]+ \| (\S+)::(\w+) \|$", PAGE, re.MULTILINE)
OPEN = re.findall(r"^\| ([PWDK]\d\d) \| [^|]+ \|$", PAGE, re.MULTILINE)
COUNTS = {"P": 47, "W": 26, "D": 17, "K": 14}


@cache
def names_in(file: str) -> set[str]:
    tree = ast.parse((HOME / file).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


@pytest.mark.parametrize("file", sorted({file for _, file, _ in SHOWN}))
def test_every_test_that_is_named_is_there(file: str) -> None:
    named = {name for _, each, name in SHOWN if each == file}

    assert named <= names_in(file)


def test_every_fault_is_shown_or_open_and_not_both() -> None:
    shown = {fault for fault, _, _ in SHOWN}
    every = {f"{kind}{number:02}" for kind, count in COUNTS.items() for number in range(1, count + 1)}

    assert not shown & set(OPEN)
    assert sorted(shown | set(OPEN)) == sorted(every)
    assert len(OPEN) == len(set(OPEN))


def test_every_row_is_read() -> None:
    rows = [line for line in PAGE.splitlines() if re.match(r"\| [A-Z]\d\d", line)]

    assert len(rows) == len(SHOWN) + len(OPEN)
