"""A colour slot for every model, project and API key of a workspace: the same on every page, whatever is shown.

The worker gives it when it first stores a name, in order of spend, and nothing ever changes it. Names beyond the
number of colours share one, those that were smallest at first sight first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from sqlalchemy import bindparam, select
from sqlmodel import Session

from tracker.ledger import Claim
from tracker.models import Colour, table_of
from tracker.new_rows import insert_new
from tracker.usage import Dimensions, UsageRecord

COLOURS = table_of(Colour)

SLOTS = 9
"""Names with a colour of their own at a time; the slot after them is for all others together."""

DIMENSIONS = ("model", "project_id", "api_key_id")

Size = tuple[Decimal, int]
NO_SIZE: Size = (Decimal(), 0)
"""US dollars, then tokens: what has no price still has an order."""


def kept(session: Session, workspace_id: int, dimension: str) -> dict[str, int]:
    """The slot of every name of a dimension that was ever stored."""
    return _kept(session, workspace_id)[dimension]


def _kept(session: Session, workspace_id: int) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {dimension: {} for dimension in DIMENSIONS}
    for dimension, name, slot in session.execute(KEPT, {"of_workspace": workspace_id}):
        found[dimension][name] = slot
    return found


KEPT = select(COLOURS.c.dimension, COLOURS.c.name, COLOURS.c.slot).where(
    COLOURS.c.workspace_id == bindparam("of_workspace")
)


def allot(session: Session, claimed: Claim, stored: Iterable[tuple[UsageRecord, Decimal | None]]) -> None:
    """Give a slot to each name that is seen for the first time, in the transaction that stores its rows."""
    known = _kept(session, claimed.workspace_id)
    rows = [
        (dimension, name, slot)
        for dimension, sizes in _new_sizes(stored, known).items()
        for name, slot in chosen(known[dimension], _ranked(sizes)).items()
    ]
    if rows:
        # Always in the same order: two workers that meet the same names wait for each other and never crosswise.
        values = [
            {"workspace_id": claimed.workspace_id, "dimension": dimension, "name": name, "slot": slot}
            for dimension, name, slot in sorted(rows)
        ]
        insert_new(session, COLOURS, values)


def chosen(known: Mapping[str, int], new: Sequence[str]) -> dict[str, int]:
    """A slot for each new name, free ones from the first on, then shared ones from the last."""
    owners = Counter(known.values())
    found = {}
    for name in new:
        fewest = min(owners[slot] for slot in range(SLOTS))
        order = range(SLOTS) if fewest == 0 else range(SLOTS - 1, -1, -1)
        slot = next(slot for slot in order if owners[slot] == fewest)
        owners[slot] += 1
        found[name] = slot
    return found


def _ranked(sizes: Mapping[str, Size]) -> list[str]:
    """The names, the largest first."""
    return sorted(sizes, key=lambda name: (-sizes[name][0], -sizes[name][1], name))


def _new_sizes(
    stored: Iterable[tuple[UsageRecord, Decimal | None]], known: Mapping[str, Mapping[str, int]]
) -> dict[str, dict[str, Size]]:
    """Dimension → name → cost and tokens of the names that have no slot yet."""
    alike: dict[Dimensions, Size] = {}  # rows repeat hour by hour what they are about
    for record, cost in stored:
        spend, tokens = alike.get(record.dimensions, NO_SIZE)
        more = (record.measures.input_tokens or 0) + (record.measures.output_tokens or 0)
        alike[record.dimensions] = spend + (cost or 0), tokens + more
    sizes: dict[str, dict[str, Size]] = {dimension: {} for dimension in DIMENSIONS}
    for of, (spend, tokens) in alike.items():
        for dimension in DIMENSIONS:
            name = getattr(of, dimension)
            if name is not None and name not in known[dimension]:
                before = sizes[dimension].get(name, NO_SIZE)
                sizes[dimension][name] = before[0] + spend, before[1] + tokens
    return sizes
