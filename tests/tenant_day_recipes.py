"""Each operation on what is known of days, tried by everybody: rows set aside, restatements, the calls of a key."""

from __future__ import annotations

from tests.tenant_attempts import NEXT, Recipe, within
from tests.tracker.builders import DAY
from tracker import calls, restatements, set_aside

RECIPES: dict[str, Recipe] = {
    "calls.made": within(lambda s, w, a: calls.made(s, w, provider_key_id=a.victim.key_id), aimed=True),
    "restatements.read": within(lambda s, w, _: restatements.read(s, w, DAY, NEXT)),
    "set_aside.read": within(lambda s, w, _: set_aside.read(s, w, DAY, NEXT)),
}
"""By operation, its module below `tracker`."""
