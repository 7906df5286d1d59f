"""Each operation on a tenant's connections and numbers, called as somebody would who is after another tenant's rows.

A new public operation needs a line here, or among those on people: a test counts them.
"""

from __future__ import annotations

from sqlmodel import Session

from tests import tenant_day_recipes, tenant_explore_recipes, tenant_people_recipes, tenant_price_recipes
from tests.installation import NOW
from tests.tenant_attempts import LATER, NEXT, Attempt, Recipe, within
from tests.tenants import digest
from tests.tracker.builders import DAY
from tracker import (
    clock,
    colours,
    connections,
    downloads,
    duplicates,
    export,
    ledger,
    organisations,
    overview,
    queries,
    reconcile,
    report,
    rollup,
    unpriced,
    unsettled,
)
from tracker.downloads import Period
from tracker.overview import calendar, days, events, history, keys, passport, splits, truth
from tracker.overview.bills import Reach
from tracker.overview.cycle import Cycle
from tracker.overview.splits import Split
from tracker.providers.base import KnownName, Verdict
from tracker.queries import Question
from tracker.reconcile import Connection, Plan
from tracker.reconciliation import read as reconciling
from tracker.reconciliation import statement

WORKERS_OWN = "the worker's own, for the place of a connection that it was given by `reconcile`"

OF_NO_TENANT = {
    "bill_rows": {"replace": "works under a claim, which names its tenant"},
    "changes": {"note": "works under a claim, as above"},
    "colours": {"allot": "works under a claim, which names its tenant"},
    "asking": dict.fromkeys(("client", "pasted"), "asks with a key that the caller holds; reads nothing stored"),
    "db.plain": {
        "insert_columns": "refuses any row but those of its session's workspace (tests/tracker/test_tenancy.py)",
        "rows": "refuses, as the session does, a statement on another workspace (tests/tracker/test_tenancy.py)",
        "run": "as above",
        "together": "sends what `run` let pass",
    },
    "db": {
        "dialect_of": "tells which database it is",
        "check_reachable": "tells only whether the database answers",
        "expect_many": "tells the database how to plan, and no more",
        "upsert": "names the database's dialect",
    },
    "new_rows": {"insert_new": "refuses any row but those of its session's workspace (tests/tracker/test_tenancy.py)"},
    "checking": dict.fromkeys(("check", "postpone", "read_names"), WORKERS_OWN),
    "fetching": dict.fromkeys(("give_back", "put_aside", "work"), WORKERS_OWN),
    "health": dict.fromkeys(("of_web", "of_worker", "schema_state"), "counts and times of the whole installation"),
    "ingest": {"store": "stores under a claim, which names its tenant"},
    "ledger": dict.fromkeys(
        ("claim", "fail", "fail_day", "finish", "give_back", "hold", "put_off", "renew", "set_unavailable", "shorten"),
        "works under a claim, as above",
    ),
    "mail": {"deliver": "sends each letter to the address of whom it is for"},
    "opened": dict.fromkeys(
        ("lock_its_key", "open_key", "present", "set_unreadable", "still_its_key", "works_again"), WORKERS_OWN
    ),
    "organisations": {
        **dict.fromkeys(("elder", "foreign_sentence", "idle_sentence"), "tells of a row that its caller has in hand"),
        "take_turn": "only waits for others",
    },
    "duplicates": {
        "give_way": "works under a claim, which names its tenant",
        "settle": "works on a row that its caller has in hand",
    },
    "pauses": dict.fromkeys(
        ("ask", "ends_at", "scope_of"), "tells who has an organisation's key how long to leave it alone, and no more"
    ),
    "product": {"plant_canaries": "writes what belongs to the key ring"},
    "reconcile": dict.fromkeys(
        ("all_connections", "due_connections", "look_at", "look_everywhere"),
        "the worker's own: ids of every tenant, nothing else",
    ),
    "replacing": {"replace": "works under a claim, as above"},
    "restatements": {"settles_after": "works under a claim, as above"},
    "lost_ring": {
        "survey": "the operator's own, who has no key ring any more: shows counts",
        "forget": "the operator's own: gives up what no ring opens, whosever it is",
    },
    "rotation": {"rotate": "the operator's own, who holds the key ring: seals every row anew and shows counts"},
    "runs": dict.fromkeys(
        ("close_run", "living_workers", "open_run", "sign_of_life"), "notes what the worker does, for who runs it"
    ),
    "event_rows": dict.fromkeys(("insert", "read", "remove"), "works under a claim, as above"),
    "series": dict.fromkeys(("price_version_ids", "series_ids"), "works under a claim, as above"),
    "standing": {
        "last_told": "days and times of the whole installation, no tenant's",
        "look": "the worker's own: counts, days and times of all connections together",
    },
    "set_aside": {"replace": "works under a claim, as above"},
    "sign_in": {"may_sign_up": "counts tries by where they come from"},
    "withheld": dict.fromkeys(("take_up", "was_readable"), "works under a claim, as above"),
    "throttle": dict.fromkeys(("forget", "succeeded", "try_once"), "counts tries under hashes of whom they are for"),
}
"""By module: why an operation needs no recipe."""


BY_PROJECT = Question(DAY, NEXT, ("day", "project_id"))


def _cells_by(a: Attempt) -> object:
    seen = overview.read(a.caller.product, a.caller.workspace_id, now=NOW)
    return overview.cells_by(a.caller.product, a.caller.workspace_id, seen, Split.PROJECT)


def _settle(session: Session, _: int, a: Attempt) -> None:
    row = a.row
    session.add(row)
    found = Verdict(status="valid", sentence="Found by a test.", organisation=frozenset({"proj_found"}))
    connections.settle(session, row, found, now=NOW)
    session.flush()


def _remember(session: Session, _: int, a: Attempt) -> None:
    connections.remember_names(session, a.row, [KnownName("project", "proj_new", "new")])


def _connected(session: Session, workspace_id: int, a: Attempt) -> object:
    known = organisations.ids(session, workspace_id, a.victim.key_id)
    found = Verdict(status="valid", sentence="Found by a test.", organisation=known)
    return organisations.connected(session, workspace_id, "openai", found)


def _sharing(session: Session, workspace_id: int, a: Attempt) -> object:
    known = organisations.ids(session, workspace_id, a.victim.key_id)
    return organisations.sharing(session, workspace_id, "openai", known)


def _chunks(name: str, period: Period) -> Recipe:
    return Recipe(lambda a: list(downloads.chunks(a.caller.database, a.caller.workspace_id, name, period)))


def _usage(*by: str) -> Recipe:
    return within(lambda s, w, _: queries.usage(s, w, Question(DAY, NEXT, by)))


CONNECTIONS = {
    "find": Recipe(lambda a: connections.find(a.caller.product, a.caller.workspace_id, a.victim.key_id), aimed=True),
    "present": within(lambda s, w, a: connections.present(s, w, a.victim.key_id), aimed=True),
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
    "other_currencies": within(lambda s, w, _: queries.other_currencies(s, w, DAY, NEXT), "counts"),
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
    "chunks of the calls": _chunks("calls.csv", Period(NOW.date(), NOW.date() + clock.DAY)),
    "chunks of the trail": _chunks("audit.csv", Period(DAY, DAY, last=100)),
}

RECONCILIATION = {
    "reconciliation.read.lines": within(lambda s, w, _: reconciling.lines(s, w, DAY, NEXT)),
    "reconciliation.read.reconciled": within(lambda s, w, _: reconciling.reconciled(s, w, DAY, NEXT)),
    "reconciliation.read.groups": within(lambda s, w, _: reconciling.groups(s, w, DAY, NEXT)),
    "reconciliation.read.bill": within(lambda s, w, _: reconciling.bill(s, w, DAY, NEXT)),
    "reconciliation.read.proposed": within(lambda s, w, _: reconciling.proposed(s, w, DAY, NEXT), "counts"),
    "reconciliation.read.observations": within(lambda s, w, _: reconciling.observations(s, w, DAY, NEXT), "counts"),
    "reconciliation.statement.statement": Recipe(
        lambda a: statement.statement(a.caller.product, a.caller.workspace_id, DAY, NEXT)
    ),
}

WORK = {
    "ledger.read": within(lambda s, w, a: ledger.read(s, w, a.victim.key_id), "counts", aimed=True, role="worker"),
    "unsettled.read": within(
        lambda s, w, a: unsettled.read(s, w, a.victim.key_id, since=DAY, now=NOW),
        "counts",
        aimed=True,
        role="worker",
    ),
    "ledger.reopen": within(lambda s, w, a: ledger.reopen(s, w, a.victim.key_id, since=DAY), "nothing", aimed=True),
    "duplicates.compare_later": within(
        lambda s, w, a: duplicates.compare_later(s, w, a.victim.key_id, now=NOW), "changes", aimed=True, role="worker"
    ),
    "rollup.recompute": within(
        lambda s, w, a: rollup.recompute(s, w, a.victim.key_id, DAY, NEXT), "nothing", aimed=True, role="worker"
    ),
    "reconcile.row_of": within(
        lambda s, w, a: reconcile.row_of(s, Connection(w, a.victim.key_id)), aimed=True, role="worker"
    ),
    "reconcile.standing_of": within(
        lambda s, w, a: reconcile.standing_of(s, Connection(w, a.victim.key_id)), aimed=True, role="worker"
    ),
    "reconcile.plan": Recipe(
        lambda a: reconcile.plan(a.caller.product, Connection(a.caller.workspace_id, a.victim.key_id), now=NOW),
        "nothing",
        role="worker",
    ),
    "reconcile.set_next_due": Recipe(
        lambda a: reconcile.set_next_due(
            a.caller.product, Connection(a.caller.workspace_id, a.victim.key_id), Plan(), seen=LATER
        ),
        "changes",
        aimed=True,
        role="worker",
    ),
}

OVERVIEW = {
    "overview.read": Recipe(lambda a: overview.read(a.caller.product, a.caller.workspace_id, now=NOW)),
    "overview.keys.connected": Recipe(lambda a: keys.connected(a.caller.product, a.caller.workspace_id)),
    "overview.keys.is_blank": Recipe(lambda a: keys.is_blank(a.caller.product, a.caller.workspace_id), "nothing"),
    "overview.keys.read": Recipe(lambda a: keys.read(a.caller.product, a.caller.workspace_id, now=NOW)),
    "overview.passport.read": Recipe(
        lambda a: passport.read(a.caller.product, a.caller.workspace_id, a.victim.key_id), aimed=True
    ),
    "overview.passport.page_of_calls": Recipe(
        lambda a: passport.page_of_calls(a.caller.product, a.caller.workspace_id, a.victim.key_id, page=1), aimed=True
    ),
    "overview.events.last_events": within(lambda s, w, _: events.last_events(s, w)),
    "overview.cells_by": Recipe(_cells_by),
    "colours.kept": within(lambda s, w, _: colours.kept(s, w, "model")),
    "overview.splits.cells": within(lambda s, w, _: splits.cells(s, w, Split.PROJECT, [DAY])),
    "overview.splits.cells_of_rows": within(
        lambda s, w, _: splits.cells_of_rows(s, w, queries.usage(s, w, BY_PROJECT), BY_PROJECT)
    ),
    "overview.events.display_names": within(lambda s, w, _: events.display_names(s, w)),
    "overview.history.read": within(lambda s, w, a: history.read(s, w, [a.row], Cycle(DAY), {}), "counts"),
    "overview.calendar.read": Recipe(
        lambda a: calendar.read(a.caller.product, a.caller.workspace_id, days=30, now=NOW)
    ),
    "unpriced.read": within(lambda s, w, _: unpriced.read(s, w, DAY, NEXT), "counts"),
    "unpriced.kinds_by_day": within(lambda s, w, _: unpriced.kinds_by_day(s, w, DAY, NEXT)),
    "unpriced.by_day": within(lambda s, w, _: unpriced.by_day(s, w, DAY, NEXT), "counts"),
    "overview.truth.billed": within(
        lambda s, w, _: truth.billed(s, w, days.read_keys(s, w).counted, DAY, NEXT, now=NOW), "counts"
    ),
    "overview.truth.both": within(lambda s, w, _: truth.both(s, w, Reach(DAY, 1), DAY), "counts"),
    "overview.truth.stretches": within(
        lambda s, w, _: list(truth.stretches(s, w, Reach(DAY, 1, {1: "k"}), DAY)), "counts"
    ),
    "overview.truth.read": within(lambda s, w, _: truth.read(s, w, DAY, NEXT, now=NOW), "counts"),
    "overview.days.read_keys": within(lambda s, w, _: days.read_keys(s, w)),
    "overview.days.read_ledgers": within(lambda s, w, _: days.read_ledgers(s, w, DAY, NEXT), "counts"),
    "overview.days.last_read": within(lambda s, w, _: days.last_read(s, w), "counts"),
    "overview.days.progress": within(lambda s, w, a: days.progress(s, w, [a.row], now=NOW), "nothing"),
    "overview.days.failure": within(lambda s, w, a: days.failure(s, w, [a.row]), "nothing"),
    "report.status_fields": Recipe(lambda a: report.status_fields(a.caller.product, now=NOW), "nothing"),
}

ORGANISATIONS = {
    "ids": within(lambda s, w, a: organisations.ids(s, w, a.victim.key_id), aimed=True),
    "connected": within(_connected, aimed=True),
    "sharing": within(_sharing, aimed=True),
    "is_known": within(lambda s, w, a: organisations.is_known(s, w, a.victim.key_id), "counts", aimed=True),
    "is_read_twice": within(
        lambda s, w, a: organisations.is_read_twice(s, w, "openai", a.victim.key_id), "nothing", aimed=True
    ),
}

BY_MODULE = {
    "queries": QUERIES,
    "export": EXPORT,
    "downloads": DOWNLOADS,
    "connections": CONNECTIONS,
    "organisations": ORGANISATIONS,
}

RECIPES: dict[str, Recipe] = (
    OVERVIEW
    | RECONCILIATION
    | WORK
    | tenant_people_recipes.RECIPES
    | tenant_price_recipes.RECIPES
    | tenant_day_recipes.RECIPES
    | tenant_explore_recipes.RECIPES
    | {f"{module}.{name}": recipe for module, recipes in BY_MODULE.items() for name, recipe in recipes.items()}
)
"""By operation, with a word or two more where one is called in several ways. Deleting the key comes last."""
