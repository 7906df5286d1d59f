"""One call of a public operation, and how all of them are found: what the tables of recipes are written in.

A caller's own ids come from their session; the ids of things (connections, rows) are the victim's.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from sqlmodel import Session

import tracker
from tests.installation import NOW
from tests.tenants import Caller, Stage, Tenant
from tests.tracker.builders import DAY
from tracker.db import ProcessRole
from tracker.errors import BadInput
from tracker.models import ProviderKey

DOORS = frozenset({"product", "database", "session"})
"""A function without one of these parameters reaches no row."""

STARTS = ("tracker.__main__", "tracker.sandbox", "tracker.commands", "tracker.migrations")
"""What starts the product or works beside it; what the commands do for somebody, they do by the operations."""

NEXT, LATER = DAY + timedelta(days=1), NOW + timedelta(minutes=5)

Effect = Literal["shows", "counts", "changes", "nothing"]


@dataclass(frozen=True)
class Attempt:
    """One caller and the tenant whose things they name."""

    stage: Stage
    caller: Caller
    victim: Tenant

    @property
    def row(self) -> ProviderKey:
        return self.stage.row_of(self.victim)

    def key(self, name: str) -> str:
        return self.stage.installation.world.another_key(name)


@dataclass(frozen=True)
class Recipe:
    """`effect` is what the owner's call does; an `aimed` one names a thing of the victim's, so others must fail."""

    run: Callable[[Attempt], object]
    effect: Effect = "shows"
    aimed: bool = False
    role: ProcessRole = "web"
    within: Callable[[Session, int, Attempt], object] | None = None


def within(
    run: Callable[[Session, int, Attempt], object],
    effect: Effect = "shows",
    *,
    aimed: bool = False,
    role: ProcessRole = "web",
) -> Recipe:
    """Of an operation that works in the caller's own transaction."""

    def opened(attempt: Attempt) -> object:
        with attempt.caller.inside() as session:
            return told(run(session, attempt.caller.workspace_id, attempt))

    return Recipe(opened, effect, aimed, role, run)


def refusal_of(run: Callable[[], object]) -> object:
    """What an operation gives, or its refusal, whose words are looked through too."""
    try:
        return run()
    except BadInput as refusal:
        return refusal


def told(result: Any) -> Any:
    """The result with whatever it would only give when asked."""
    return list(result) if isinstance(result, Iterator) else result


def public_operations() -> dict[str, Callable[..., object]]:
    """Every public function of the data layer that is given a way to the rows, by its name below `tracker`."""
    found = [each.name for each in pkgutil.walk_packages(tracker.__path__, "tracker.")]
    modules = [importlib.import_module(name) for name in found if not name.startswith(STARTS)]
    return {
        f"{module.__name__.removeprefix('tracker.')}.{name}": function
        for module in modules
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and not name.startswith("_")
        if DOORS & set(inspect.signature(function).parameters)
    }


def operation_of(name: str) -> str:
    """The function that a recipe calls."""
    return name.partition(" ")[0]
