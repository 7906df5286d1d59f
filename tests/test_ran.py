"""A whole run fails when a test that one of our pages names was not run, and only then."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HOME = Path(__file__).resolve().parents[1]
TWO = """
import pytest

def test_one() -> None:
    assert 1 + 1 == 2

{mark}
def test_two() -> None:
    assert {two}
"""


def run(folder: Path, *arguments: str, mark: str = "", two: str = "2 + 2 == 4", workers: int = 0) -> tuple[int, str]:
    """The exit code and the words of a run of two tests, each named in a page of their folder."""
    (folder / "checks").mkdir(exist_ok=True)
    (folder / "checks" / "test_it.py").write_text(TWO.format(mark=mark, two=two))
    (folder / "checks" / "conftest.py").write_text("from tests.ran import watch as pytest_configure\n")
    (folder / "pytest.ini").write_text("[pytest]\ntestpaths = checks\naddopts = --import-mode=importlib\n")
    rows = [f"| {of} | checks/test_it.py::test_{name} |\n" for of, name in (("1.1.1", "one"), ("P01 | no", "two"))]
    (folder / "SECURITY.md").write_text(f"| id | shown by |\n|---|---|\n{rows[0]}")
    (folder / "tests").mkdir(exist_ok=True)
    (folder / "tests" / "faults.md").write_text(f"| id | fault | shown by |\n|---|---|---|\n{rows[1]}")
    command = [sys.executable, "-m", "pytest", "-q", "-n", str(workers), *arguments]
    env = {name: text for name, text in os.environ.items() if not name.startswith("PYTEST_")}
    env["PYTHONPATH"] = str(HOME)
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout


@pytest.mark.parametrize("workers", [0, 2])
def test_a_run_of_everything_named_is_content(tmp_path: Path, workers: int) -> None:
    code, told = run(tmp_path, workers=workers)

    assert (code, "name: 2, run and passed: 2" in told) == (0, True)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_named_test_that_is_left_out_fails_the_run(tmp_path: Path, workers: int) -> None:
    code, told = run(tmp_path, mark='@pytest.mark.skip(reason="later")', workers=workers)

    assert (code, "not run, or not passed: checks/test_it.py::test_two" in told) == (1, True)


def test_a_named_test_that_fails_is_told(tmp_path: Path) -> None:
    code, told = run(tmp_path, two="2 + 2 == 5")

    assert (code, "not run, or not passed: checks/test_it.py::test_two" in told) == (1, True)


@pytest.mark.parametrize("arguments", [("-k", "one"), ("checks/test_it.py::test_one",)])
def test_who_chooses_some_tests_is_left_alone(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    code, told = run(tmp_path, *arguments)

    assert (code, "SECURITY.md" in told) == (0, False)
