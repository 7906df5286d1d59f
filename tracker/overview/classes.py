"""The same days by what is sold: each class of token by itself, and what is not sold by the token.

A stored estimate is divided by the rates that made it; the parts add up to it exactly (`reconciliation.estimates`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal

from sqlmodel import Session

from tracker import clock
from tracker.overview.figures import Cell
from tracker.reconciliation import read
from tracker.reconciliation.estimates import CLASS_OF, Group, parts

OTHERWISE = "Not by tokens"
CLASSES = ("Input", "Cached input", "Cache write", "Output", "Audio", "Images", OTHERWISE)
"""The classes, each in the colour of its place."""


def cells(session: Session, workspace_id: int, days: Sequence[date]) -> list[Cell]:
    """What each class came to on each of these consecutive UTC days. Requests have tokens of all classes: None."""
    return added_up(
        piece for group in read.groups(session, workspace_id, days[0], days[-1] + clock.DAY) for piece in _pieces(group)
    )


def added_up(pieces: Iterable[Cell]) -> list[Cell]:
    """One cell a day and class."""
    found: dict[tuple[date, str], Cell] = {}
    for piece in pieces:
        place = piece.day, piece.model
        found[place] = _plus(found[place], piece) if place in found else piece
    return list(found.values())


def class_of(kind: str) -> str:
    """The class of a kind of token; anything else is not sold by the token."""
    if kind not in CLASS_OF:
        return OTHERWISE
    for word, name in (("audio", "Audio"), ("image", "Images")):
        if word in kind:
            return name
    return kind.capitalize()


def _pieces(group: Group) -> Iterator[Cell]:
    lacking = group.rows if group.cost is None else 0
    for place, part in enumerate(parts(group)):
        name = class_of(part.item.kind)
        yield Cell(
            day=group.day,
            model=name,
            spend=part.estimated,
            tokens=None if name == OTHERWISE else part.quantity,
            requests=None,
            # Once for the whole group, whose rows are the same ones in every part.
            unpriced_rows=lacking if place == 0 else 0,
            unpriced_tokens=part.quantity if lacking and name != OTHERWISE else 0,
            slot=CLASSES.index(name),
        )


def _plus(one: Cell, other: Cell) -> Cell:
    return Cell(
        day=one.day,
        model=one.model,
        spend=_sum(one.spend, other.spend),
        tokens=None if one.tokens is None and other.tokens is None else (one.tokens or 0) + (other.tokens or 0),
        requests=None,
        unpriced_rows=one.unpriced_rows + other.unpriced_rows,
        unpriced_tokens=one.unpriced_tokens + other.unpriced_tokens,
        slot=one.slot,
    )


def _sum(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return other if one is None else one if other is None else one + other
