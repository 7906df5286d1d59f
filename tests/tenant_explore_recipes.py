"""Each operation of Explore, tried by everybody: sums by anything, and what can be chosen."""

from __future__ import annotations

from tests.tenant_attempts import NEXT, Recipe, within
from tests.tracker.builders import DAY
from tracker.explore import usage
from tracker.explore.span import Span
from tracker.explore.view import By, Grain

SPAN = Span(DAY, NEXT, "UTC")

RECIPES: dict[str, Recipe] = {
    "explore.usage.cells rolled up": within(
        lambda s, w, _: usage.cells(s, w, SPAN, By.MODEL, grain=Grain.DAY, only={}),
    ),
    "explore.usage.cells of events": within(
        lambda s, w, _: usage.cells(s, w, SPAN, By.PROJECT, grain=Grain.HOUR, only={}),
    ),
    "explore.usage.cells of one connection": within(
        lambda s, w, a: usage.cells(s, w, SPAN, By.API_KEY, grain=Grain.DAY, only={By.KEY: (a.victim.key_id,)}),
        aimed=True,
    ),
}
"""By operation, its module below `tracker`."""
