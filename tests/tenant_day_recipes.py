"""Each operation on what is known of days and of keys, tried by everybody: restatements, calls, passports and more."""

from __future__ import annotations

from tests.installation import NOW
from tests.tenant_attempts import NEXT, Recipe, within
from tests.tracker.builders import AFTER, DAY
from tracker import calls, clock, describing, passports, restatements, set_aside
from tracker.coverage import LedgerDay
from tracker.models import DayState
from tracker.overview import holes
from tracker.providers.base import KeyFacts

USED = LedgerDay(DayState.PROVISIONAL, 1, fetched_at=NOW)
A_HOLE = {"completions": {DAY: USED}, "costs": {NEXT: USED}}

RECIPES: dict[str, Recipe] = {
    "calls.made": within(lambda s, w, a: calls.made(s, w, provider_key_id=a.victim.key_id), aimed=True),
    "calls.made_csv": within(lambda s, w, _: calls.made_csv(s, w, NOW.date(), NOW.date() + clock.DAY)),
    "calls.newest": within(lambda s, w, a: calls.newest(s, w, a.victim.key_id, count=9), aimed=True),
    "calls.tally": within(lambda s, w, a: calls.tally(s, w, a.victim.key_id), "counts"),
    "describing.read": Recipe(
        lambda a: describing.read(a.caller.product, a.caller.workspace_id, a.victim.key_id, wait=lambda _: None),
        "changes",
        aimed=True,
        role="worker",
    ),
    "overview.holes.costless": within(
        lambda s, w, a: holes.costless(s, w, {a.victim.key_id: A_HOLE}, [a.row]), "nothing"
    ),
    "overview.holes.undivided": within(
        lambda s, w, a: holes.undivided(s, w, [a.row], DAY, NEXT, ["api_key_id"]), "nothing"
    ),
    "passports.every": within(lambda s, w, _: passports.every(s, w)),
    "passports.of_key": within(lambda s, w, a: passports.of_key(s, w, a.victim.key_id), aimed=True),
    "passports.ask_anew": within(lambda s, _, a: passports.ask_anew(s, a.row), "changes", aimed=True),
    "passports.keep": within(
        lambda s, _, a: passports.keep(s, a.row, KeyFacts({"Usage": True})), "changes", aimed=True
    ),
    "passports.note_try": within(lambda s, _, a: passports.note_try(s, a.row), "changes", aimed=True),
    "restatements.lateness": within(lambda s, w, _: restatements.lateness(s, w, since=AFTER), "counts"),
    "restatements.read": within(lambda s, w, _: restatements.read(s, w, DAY, NEXT)),
    "set_aside.days_lacking": within(lambda s, w, _: set_aside.days_lacking(s, w)),
    "set_aside.read": within(lambda s, w, _: set_aside.read(s, w, DAY, NEXT)),
}
"""By operation, its module below `tracker`."""
