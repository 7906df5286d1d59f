"""The same days by something else than the model: asked for only when somebody looks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from enum import StrEnum

from msgspec import structs
from sqlmodel import Session

from tracker import clock, colours, queries, workspace_prices
from tracker.overview import classes
from tracker.overview.events import display_names
from tracker.overview.figures import NO_MODEL, Cell, cells_of
from tracker.own_prices import UNITS
from tracker.queries import Question, UsageRow


class Split(StrEnum):
    """By what the chart and its table are divided."""

    MODEL = "Model"
    PROJECT = "Project"
    API_KEY = "API key"
    CLASS = "Token class"


DIMENSIONS = {Split.PROJECT: ("project_id", "project"), Split.API_KEY: ("api_key_id", "api_key")}
NOBODY = {Split.PROJECT: "(no project)", Split.API_KEY: "(no API key)"}


def cells(session: Session, workspace_id: int, split: Split, days: Sequence[date]) -> list[Cell]:
    """What each project, API key or token class did on each of these consecutive UTC days, by its name."""
    if split is Split.CLASS:
        return classes.cells(session, workspace_id, days)
    dimension, kind = DIMENSIONS[split]
    asked = Question(days[0], days[-1] + clock.DAY, ("day", dimension))
    rows = queries.usage(session, workspace_id, asked)
    names = {ref: name for (_, of, ref), name in display_names(session, workspace_id).items() if of == kind and name}
    labels = {**labelled(names), NO_MODEL: NOBODY[split]}
    found = cells_of_rows(session, workspace_id, rows, asked)
    return [structs.replace(cell, model=labels.get(cell.model, cell.model)) for cell in found]


def cells_of_rows(session: Session, workspace_id: int, rows: Iterable[UsageRow], asked: Question) -> list[Cell]:
    """What was asked for by the day and one dimension, each with its colour and what of it is priced by the unit."""
    dimension = asked.by[1]
    slots = colours.kept(session, workspace_id, dimension)
    return cells_of(rows, dimension, slots, by_unit=_by_unit(session, workspace_id, asked))


def _by_unit(session: Session, workspace_id: int, asked: Question) -> list[UsageRow]:
    """The part of what is asked for that is priced by the unit."""
    if not workspace_prices.any_by_unit(session, workspace_id):
        return []
    return queries.usage(session, workspace_id, replace(asked, only={**asked.only, "usage_type": tuple(UNITS)}))


def labelled(names: dict[str, str]) -> dict[str, str]:
    """Each id's name, with the id behind it where several are called the same."""
    often = Counter(names.values())
    return {ref: name if often[name] == 1 else f"{name} ({ref})" for ref, name in names.items()}
