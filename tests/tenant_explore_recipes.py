"""Each operation of Explore, tried by everybody: sums by anything, and what can be chosen."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from tests.installation import NOW
from tests.tenant_attempts import NEXT, Attempt, Recipe, within
from tests.tracker.builders import DAY
from tracker import clock, export, saved_views
from tracker.explore import billed, facets, files, lacking, line_files, reading, rows, unit_costs, usage
from tracker.explore.span import Span
from tracker.explore.usage import within as within_days
from tracker.explore.view import By, Grain, Preset, View
from tracker.overview import days

SPAN = Span(DAY, NEXT, "UTC")
WEEKS = Span(DAY - timedelta(days=10), DAY + timedelta(days=10), "Asia/Kolkata")

VIEW = View(Preset.CUSTOM, DAY, DAY, by=By.PROJECT)


def _file(a: Attempt, name: str) -> object:
    told = VIEW.parameters()
    return b"".join(
        chunk.encode() if isinstance(chunk, str) else chunk
        for chunk in files.file_of(a.caller.product, a.caller.workspace_id, name, told, now=NOW).chunks
    )


def _table(a: Attempt) -> object:
    _, lines = line_files.table(a.caller.product, a.caller.workspace_id, VIEW, NOW)
    return list(lines)


def _read(a: Attempt) -> object:
    choices = reading.read_facets(a.caller.product, a.caller.workspace_id)
    return reading.read(a.caller.product, a.caller.workspace_id, VIEW, choices, now=NOW)


def _unit_costs(a: Attempt) -> object:
    return unit_costs.read(a.caller.product, a.caller.workspace_id, _seen(a))


def _seen(a: Attempt) -> reading.Explored:
    choices = reading.read_facets(a.caller.product, a.caller.workspace_id)
    return reading.read(a.caller.product, a.caller.workspace_id, replace(VIEW, compare=False), choices, now=NOW)


RECIPES: dict[str, Recipe] = {
    "explore.facets.facets": within(lambda s, w, _: facets.facets(s, w)),
    "explore.reading.read_facets": Recipe(lambda a: reading.read_facets(a.caller.product, a.caller.workspace_id)),
    "explore.reading.read": Recipe(_read),
    "explore.files.file_of what is shown": Recipe(lambda a: _file(a, "view.csv")),
    "explore.files.file_of every row": Recipe(lambda a: _file(a, "rows.csv")),
    "explore.line_files.table": Recipe(_table),
    "explore.billed.read": within(
        lambda s, w, _: billed.read(s, w, VIEW, SPAN, keys=days.read_keys(s, w).counted, marks={}, now=NOW)
    ),
    "export.usage_rows": within(
        lambda s, w, _: export.usage_rows(s, w, within_days(w, clock.day_start(DAY), clock.day_start(NEXT)))
    ),
    "saved_views.every": within(lambda s, w, _: saved_views.every(s, w)),
    "saved_views.save": within(lambda s, w, _: saved_views.save(s, w, "another", VIEW, user_id=None), "changes"),
    "saved_views.rename": within(
        lambda s, w, a: saved_views.rename(s, w, f"{a.victim.word} view", f"{a.victim.word} renamed"),
        "changes",
        aimed=True,
    ),
    "saved_views.remove": within(
        lambda s, w, a: saved_views.remove(s, w, f"{a.victim.word} other view"), "changes", aimed=True
    ),
    "explore.unit_costs.read": Recipe(_unit_costs, "counts"),
    "explore.unit_costs.tokens": Recipe(
        lambda a: unit_costs.tokens(a.caller.product, a.caller.workspace_id, _seen(a)), "counts"
    ),
    "explore.lacking.read": Recipe(lambda a: lacking.read(a.caller.product, a.caller.workspace_id, _seen(a)), "counts"),
    "explore.lacking.part rolled up": within(lambda s, w, _: lacking.part(s, w, SPAN, only={}), "counts"),
    "explore.lacking.part of events": within(
        lambda s, w, _: lacking.part(s, w, Span(DAY, NEXT, "Asia/Kolkata"), only={}), "counts"
    ),
    "explore.lacking.by_cell rolled up": within(
        lambda s, w, _: lacking.by_cell(s, w, SPAN, By.MODEL, grain=Grain.DAY, only={}), "counts"
    ),
    "explore.lacking.by_cell of events": within(
        lambda s, w, _: lacking.by_cell(s, w, SPAN, By.PROJECT, grain=Grain.HOUR, only={}), "counts"
    ),
    "explore.rows.behind": Recipe(lambda a: rows.behind(a.caller.product, a.caller.workspace_id, VIEW, DAY, None)),
    "explore.usage.cells rolled up": within(
        lambda s, w, _: usage.cells(s, w, SPAN, By.MODEL, grain=Grain.DAY, only={}),
    ),
    "explore.usage.cells of events": within(
        lambda s, w, _: usage.cells(s, w, SPAN, By.PROJECT, grain=Grain.HOUR, only={}),
    ),
    "explore.usage.cells of days of another zone": within(
        lambda s, w, _: usage.cells(s, w, WEEKS, By.PROJECT, grain=Grain.DAY, only={}),
    ),
    "explore.usage.cells of one connection": within(
        lambda s, w, a: usage.cells(s, w, SPAN, By.API_KEY, grain=Grain.DAY, only={By.KEY: (a.victim.key_id,)}),
        aimed=True,
    ),
}
"""By operation, its module below `tracker`."""
