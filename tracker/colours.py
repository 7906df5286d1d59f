"""A colour slot for every model, project and API key of a workspace: the same on every page, whatever is shown.

The worker gives it when it first stores a name, and nothing ever changes it. What costs something takes slots from the
first on, the dearest first; what costs nothing, or has no price, from the last. It holds none of them against what
costs something: only names with spend stand in a chart of money. Names beyond the number of colours share one, those
that were smallest at first sight first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import bindparam, select
from sqlmodel import Session

from tracker.db import plain
from tracker.ledger import Claim
from tracker.models import Colour, table_of
from tracker.new_rows import insert_new
from tracker.usage import Dimensions, UsageRecord

COLOURS = table_of(Colour)

SLOTS = 9
"""Names with a colour of their own at a time; the slot after them is for all others together."""

DIMENSIONS = ("model", "project_id", "api_key_id")

Size = tuple[int, int]
NO_SIZE: Size = (0, 0)
"""Nano-dollars, then tokens: what has no price still has an order."""


class Given(NamedTuple):
    """A name's slot, and whether it had cost something when it was given."""

    slot: int
    spends: bool


def kept(session: Session, workspace_id: int, dimension: str) -> dict[str, int]:
    """The slot of every name of a dimension that was ever stored."""
    return {name: given.slot for name, given in _kept(session, workspace_id)[dimension].items()}


def _kept(session: Session, workspace_id: int) -> dict[str, dict[str, Given]]:
    found: dict[str, dict[str, Given]] = {dimension: {} for dimension in DIMENSIONS}
    for dimension, name, slot, spends in plain.rows(session, KEPT, {"of_workspace": workspace_id}):
        found[dimension][name] = Given(slot, bool(spends))
    return found


KEPT = select(COLOURS.c.dimension, COLOURS.c.name, COLOURS.c.slot, COLOURS.c.spends).where(
    COLOURS.c.workspace_id == bindparam("of_workspace")
)


@dataclass
class Sizes:
    """Dimension → name → cost and tokens of the rows that were added: what the names' order is by."""

    of: dict[str, dict[str, Size]] = field(default_factory=lambda: {dimension: {} for dimension in DIMENSIONS})

    def add(self, rows: Iterable[tuple[UsageRecord, int | None]]) -> None:
        """Rows and what they cost in nano-dollars, None where that is not known."""
        alike: dict[Dimensions, Size] = {}  # rows repeat hour by hour what they are about
        for record, cost in rows:
            spend, tokens = alike.get(record.dimensions, NO_SIZE)
            more = (record.measures.input_tokens or 0) + (record.measures.output_tokens or 0)
            alike[record.dimensions] = spend + (cost or 0), tokens + more
        for of, (spend, tokens) in alike.items():
            for dimension in DIMENSIONS:
                if (name := getattr(of, dimension)) is not None:
                    before = self.of[dimension].get(name, NO_SIZE)
                    self.of[dimension][name] = before[0] + spend, before[1] + tokens


def allot(session: Session, claimed: Claim, sizes: Sizes) -> None:
    """Give a slot to each name that is seen for the first time, in the transaction that stores its rows."""
    known = _kept(session, claimed.workspace_id)
    rows = [
        (dimension, name, *given)
        for dimension, of_names in sizes.of.items()
        for name, given in chosen(known[dimension], _ranked(of_names, known[dimension])).items()
    ]
    if rows:
        # Always in the same order: two workers that meet the same names wait for each other and never crosswise.
        values = [
            {"workspace_id": claimed.workspace_id, "dimension": dimension, "name": name, "slot": slot, "spends": spends}
            for dimension, name, slot, spends in sorted(rows)
        ]
        insert_new(session, COLOURS, values)


def chosen(known: Mapping[str, Given], new: Mapping[str, bool]) -> dict[str, Given]:
    """A slot for each new name, given in their order with whether it costs something."""
    owners = Counter(given.slot for given in known.values())
    spending = Counter(given.slot for given in known.values() if given.spends)
    found = {}
    for name, spends in new.items():
        crowds = [(spending.get(slot, 0) if spends else 0, owners.get(slot, 0)) for slot in range(SLOTS)]
        fewest = min(crowds)
        of_its_own = spends and not fewest[0]
        slot = crowds.index(fewest) if of_its_own else SLOTS - 1 - crowds[::-1].index(fewest)
        owners[slot] += 1
        spending[slot] += spends
        found[name] = Given(slot, spends)
    return found


def _ranked(sizes: Mapping[str, Size], known: Container[str]) -> dict[str, bool]:
    """The names that are not known, the largest first, and whether they cost something."""
    new = [name for name in sizes if name not in known]
    return {name: sizes[name][0] > 0 for name in sorted(new, key=lambda name: (-sizes[name][0], -sizes[name][1], name))}
