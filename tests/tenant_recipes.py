"""One call of each public operation, as a caller would make it who is after another tenant's rows.

A caller's own ids come from their session; the ids of things (connections, rows) are the victim's. A new public
operation of `MODULES` needs a line here: a test counts them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from types import ModuleType
from typing import Any, Literal

from sqlmodel import Session

from tests.installation import NOW, PASSWORD
from tests.tenants import Caller, Stage, Tenant, digest, tagged
from tests.tracker.builders import DAY
from tracker import access, audit, connections, downloads, export, overview, queries, report, sessions
from tracker.audit import Action
from tracker.db import ProcessRole
from tracker.downloads import Period
from tracker.models import ProviderKey
from tracker.overview import days, events, keys
from tracker.providers.base import KnownName, Verdict
from tracker.queries import Question

MODULES: tuple[ModuleType, ...] = (
    connections,
    queries,
    export,
    downloads,
    overview,
    keys,
    days,
    events,
    report,
    access,
    sessions,
    audit,
)
DOORS = frozenset({"product", "database", "session"})
"""A function without one of these parameters reaches no row."""

OF_NO_TENANT = {
    "connections.client": "makes a client from a key that the caller holds; reads nothing",
    "report.answers": "tells only whether the database answers",
}

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


def told(result: Any) -> Any:
    """The result with whatever it would only give when asked."""
    return list(result) if isinstance(result, Iterator) else result


def public_operations() -> dict[str, Callable[..., object]]:
    """Every public function of the modules that is given a way to the rows."""
    return {
        f"{module.__name__.removeprefix('tracker.')}.{name}": function
        for module in MODULES
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and not name.startswith("_")
        if DOORS & set(inspect.signature(function).parameters)
    }


def _settle(session: Session, _: int, a: Attempt) -> None:
    row = a.row
    session.add(row)
    found = Verdict(status="valid", sentence="Found by a test.", organisation=frozenset({"proj_found"}))
    connections.settle(session, row, found, now=NOW)
    session.flush()


def _remember(session: Session, _: int, a: Attempt) -> None:
    connections.remember_names(session, a.row, [KnownName("project", "proj_new", "new")])


def _redeem(a: Attempt) -> None:
    begun = sessions.begin(a.caller.database, a.caller.user_id, now=LATER)
    sessions.redeem(a.caller.database, begun.ticket, now=LATER)


def _addresses(a: Attempt) -> object:
    with a.caller.database.exempt() as session:
        return sessions.addresses_of(session, a.caller.email, now=NOW)


def _chunks(name: str, period: Period) -> Recipe:
    return Recipe(lambda a: list(downloads.chunks(a.caller.database, a.caller.workspace_id, name, period)))


def _usage(*by: str) -> Recipe:
    return within(lambda s, w, _: queries.usage(s, w, Question(DAY, NEXT, by)))


CONNECTIONS = {
    "find": Recipe(lambda a: connections.find(a.caller.product, a.caller.workspace_id, a.victim.key_id), aimed=True),
    "present": within(lambda s, w, a: connections.present(s, w, a.victim.key_id), aimed=True),
    "organisation_ids": within(lambda s, w, a: connections.organisation_ids(s, w, a.victim.key_id), aimed=True),
    "opened": within(
        lambda s, _, a: digest(connections.opened(a.caller.product, s, a.row).reveal()), aimed=True, role="worker"
    ),
    "settle": within(_settle, "changes", aimed=True, role="worker"),
    "remember_names": within(_remember, "changes", aimed=True, role="worker"),
    "pause": Recipe(
        lambda a: connections.pause(
            a.caller.product, a.caller.workspace_id, a.victim.key_id, paused=True, by=a.caller.by
        ),
        "changes",
        aimed=True,
    ),
    "ask_check": Recipe(
        lambda a: connections.ask_check(a.caller.product, a.caller.workspace_id, a.victim.key_id, by=a.caller.by),
        "changes",
        aimed=True,
    ),
    "replace": Recipe(
        lambda a: connections.replace(
            a.caller.product, a.caller.workspace_id, a.victim.key_id, text=a.key("other"), by=a.caller.by
        ),
        "changes",
        aimed=True,
    ),
    "add": Recipe(
        lambda a: connections.add(
            a.caller.product,
            a.caller.workspace_id,
            provider="openai",
            label="second",
            text=a.stage.installation.world.keys["globex"],
            by=a.caller.by,
        ),
        "changes",
    ),
    "delete": Recipe(
        lambda a: connections.delete(a.caller.product, a.caller.workspace_id, a.victim.key_id, by=a.caller.by),
        "changes",
        aimed=True,
    ),
}

QUERIES = {
    "usage rolled up": _usage("day", "provider_key", "model"),
    "usage of events": _usage("hour", "project_id", "api_key_id"),
    "usage of one connection": within(
        lambda s, w, a: queries.usage(s, w, Question(DAY, NEXT, ("model",), {"provider_key": [a.victim.key_id]})),
        aimed=True,
    ),
    "billed_cost": within(lambda s, w, _: queries.billed_cost(s, w, Question(DAY, NEXT, ("model", "project_id")))),
    "totals": within(lambda s, w, _: queries.totals(s, w, DAY, NEXT)),
    "key_labels": within(lambda s, w, _: queries.key_labels(s, w)),
    "count_events": within(lambda s, w, _: queries.count_events(s, w, DAY, NEXT), "counts"),
}

EXPORT = {
    "usage_csv": within(lambda s, w, _: export.usage_csv(s, w, DAY, NEXT)),
    "billed_csv": within(lambda s, w, _: export.billed_csv(s, w, DAY, NEXT)),
    "last_csv": within(lambda s, w, _: export.last_csv(s, w, 100)),
}

DOWNLOADS = {
    "chunks of usage": _chunks("usage.csv", Period(DAY, NEXT)),
    "chunks of the bill": _chunks("billed.csv", Period(DAY, NEXT)),
    "chunks of the last events": _chunks("usage.csv", Period(DAY, DAY, last=100)),
    "chunks of the trail": _chunks("audit.csv", Period(DAY, DAY, last=100)),
}

OVERVIEW = {
    "overview.read": Recipe(lambda a: overview.read(a.caller.product, a.caller.workspace_id, now=NOW)),
    "overview.keys.read": Recipe(lambda a: keys.read(a.caller.product, a.caller.workspace_id, now=NOW)),
    "overview.events.last_events": within(lambda s, w, _: events.last_events(s, w)),
    "overview.days.read_ledgers": within(lambda s, w, _: days.read_ledgers(s, w, DAY, NEXT), "counts"),
    "overview.days.last_read": within(lambda s, w, _: days.last_read(s, w), "counts"),
    "overview.days.progress": within(lambda s, w, a: days.progress(s, w, [a.row], now=NOW), "nothing"),
    "overview.days.failure": within(lambda s, w, a: days.failure(s, w, [a.row]), "nothing"),
    "report.status_fields": Recipe(lambda a: report.status_fields(a.caller.product, now=NOW), "nothing"),
}

ACCESS = {
    "add_user": Recipe(
        lambda a: access.add_user(a.caller.database, f"new-{a.caller.name}@example.com", PASSWORD), "nothing"
    ),
    "add_known_user": Recipe(
        lambda a: access.add_known_user(a.caller.database, f"known-{a.caller.name}@example.com", name=""), "nothing"
    ),
    "authenticate": Recipe(lambda a: tagged("user", access.authenticate(a.caller.database, a.caller.email, PASSWORD))),
    "email_of": Recipe(lambda a: access.email_of(a.caller.database, a.caller.user_id)),
    "find_user": Recipe(lambda a: tagged("user", access.find_user(a.caller.database, a.caller.email))),
    "user_of": Recipe(lambda a: tagged("user", access.user_of(a.caller.database, a.caller.email))),
    "workspace_of": Recipe(lambda a: tagged("workspace", access.workspace_of(a.caller.database, a.caller.email))),
    "workspaces_of": Recipe(
        lambda a: [tagged("workspace", w) for w in access.workspaces_of(a.caller.database, a.caller.user_id)]
    ),
    "has_enabled_member": within(lambda s, w, _: access.has_enabled_member(s, w), "nothing"),
    "change_password": Recipe(
        lambda a: access.change_password(a.caller.database, a.caller.user_id, PASSWORD), "changes"
    ),
}

SESSIONS = {
    "recognise": Recipe(lambda a: sessions.recognise(a.caller.database, a.caller.token, now=NOW)),
    "check": Recipe(lambda a: sessions.check(a.caller.database, a.caller.session_id, now=NOW)),
    "living": Recipe(lambda a: sessions.living(a.caller.database, a.caller.user_id, now=NOW)),
    "addresses_of": Recipe(_addresses),
    "count": Recipe(lambda a: sessions.count(a.caller.database, now=NOW), "nothing"),
    "begin": Recipe(lambda a: sessions.begin(a.caller.database, a.caller.user_id, now=LATER), "changes"),
    "redeem": Recipe(_redeem, "changes"),
    "prove": Recipe(lambda a: sessions.prove(a.caller.database, a.caller.session_id, now=LATER), "changes"),
    "end": Recipe(lambda a: sessions.end(a.caller.database, a.caller.session_id, now=NOW), "changes"),
    "end_all": Recipe(lambda a: sessions.end_all(a.caller.database, a.caller.user_id, now=LATER), "changes"),
}

AUDIT = {
    "trail": within(lambda s, w, _: audit.trail(s, w)),
    "trail_csv": within(lambda s, w, _: audit.trail_csv(s, w, count=100)),
    "record": within(lambda s, w, a: audit.record(s, w, Action.SIGNED_IN, a.caller.by), "changes"),
}

BY_MODULE = {
    "queries": QUERIES,
    "export": EXPORT,
    "downloads": DOWNLOADS,
    "access": ACCESS,
    "sessions": SESSIONS,
    "audit": AUDIT,
    "connections": CONNECTIONS,
}

RECIPES: dict[str, Recipe] = OVERVIEW | {
    f"{module}.{name}": recipe for module, recipes in BY_MODULE.items() for name, recipe in recipes.items()
}
"""By operation, with a word or two more where one is called in several ways. Deleting the key comes last."""


def operation_of(name: str) -> str:
    """The function that a recipe calls."""
    return name.partition(" ")[0]
