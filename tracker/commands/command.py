"""The form of a command. Nothing is loaded with it, for most of what a command takes is loading what it needs."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tracker.errors import TrackerError

Environ = Mapping[str, str]


@dataclass(frozen=True)
class Command:
    """A command: what it does, its arguments, and the function that does it and gives the exit code."""

    help: str
    arguments: Callable[[ArgumentParser], None]
    run: Callable[[Namespace, Environ], int]


class WrongUse(TrackerError):
    """The command was used in a way it does not understand."""


def nothing(_parser: ArgumentParser) -> None:
    pass
