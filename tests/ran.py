"""Fails a whole run in which a test that SECURITY.md or tests/faults.md names did not run and pass.

A name in a table shows nothing by itself: a test can be renamed, deselected or skipped. Where this machine has no
browser and none is required, the tests of pages are excused, as they are from running.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from dev import find_chromium

PAGES = ("SECURITY.md", "tests/faults.md")
NAMED = re.compile(r"^\| (?:\d+\.\d+\.\d+|[A-Z]\d\d \| [^|\n]+) \| (\S+::\w+) \|$", re.MULTILINE)
BROWSER = "tests/pages/"


def named_in(page: Path) -> set[str]:
    """The tests that the page names, as `file::name`."""
    return set(NAMED.findall(page.read_text(encoding="utf-8"))) if page.exists() else set()


def is_whole(config: pytest.Config) -> bool:
    """Whether everything was asked for: no file, no word, no mark chosen, and this process sees every report."""
    chosen = config.option.keyword or config.option.markexpr or config.option.collectonly
    everything = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    return everything and not chosen and not hasattr(config, "workerinput")


def excused(name: str) -> bool:
    required = os.environ.get("TRACKER_TEST_BROWSER") == "required"
    return name.startswith(BROWSER) and not required and find_chromium() is None


class Ran:
    """Which tests passed, whatever their parameters; one that failed with some of them did not."""

    def __init__(self, named: set[str]) -> None:
        self._named = named
        self._passed: set[str] = set()
        self._failed: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        name = report.nodeid.partition("[")[0]
        if report.failed:
            self._failed.add(name)
        elif report.when == "call" and report.passed:
            self._passed.add(name)

    @property
    def missing(self) -> list[str]:
        return sorted(name for name in self._named - (self._passed - self._failed) if not excused(name))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.missing and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        shown = len(self._named) - len(self.missing)
        terminalreporter.write_line(
            f"Tests that {' and '.join(PAGES)} name: {len(self._named)}, run and passed: {shown}"
        )
        for name in self.missing:
            terminalreporter.write_line(f"  not run, or not passed: {name}", red=True)


def watch(config: pytest.Config) -> None:
    """Have a whole run watched."""
    if is_whole(config):
        named = set[str]().union(*(named_in(config.rootpath / page) for page in PAGES))
        config.pluginmanager.register(Ran(named), "ran")
