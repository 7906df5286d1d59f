"""What can be chosen, and what everything is called. The choices come from the series alone, never from events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import BigInteger, Select, Text, bindparam, cast, literal, null, select, union_all
from sqlmodel import Session

from tracker.db import plain
from tracker.explore.view import By, Chosen
from tracker.models import UsageSeries, table_of
from tracker.overview.events import display_names
from tracker.overview.figures import NO_MODEL
from tracker.overview.splits import labelled
from tracker.providers import PROVIDERS
from tracker.queries import key_labels

SERIES = table_of(UsageSeries)

KINDS = {By.PROJECT: "project", By.API_KEY: "api_key", By.USER: "user"}
NOUNS = {
    By.PROVIDER: "provider",
    By.KEY: "provider key",
    By.MODEL: "model",
    By.PROJECT: "project",
    By.API_KEY: "API key",
    By.USER: "user",
    By.TIER: "tier",
    By.TYPE: "usage type",
}


@dataclass(frozen=True)
class Facets:
    """Every value of every dimension that any usage ever had, with what it is called, in order of the names.

    `others` is what other values are called, such as a bill may have.
    """

    names: Mapping[By, Mapping[Chosen, str]]
    others: Mapping[By, Mapping[Chosen, str]] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether no usage was ever stored."""
        return not any(self.names.values())

    def name(self, by: By, value: Chosen) -> str:
        """What a value is called; one that has no name, by itself."""
        return self.names[by].get(value) or self.others.get(by, {}).get(value) or _itself(by, value)


def facets(session: Session, workspace_id: int) -> Facets:
    """Read from the series, the values of all dimensions in one answer."""
    called = _called(session, workspace_id)
    found: dict[By, dict[Chosen, str]] = {by: {} for by in By}
    for name, number, text in plain.rows(session, VALUES, {"of_workspace": workspace_id}):
        by, value = By(name), text if number is None else number
        found[by][value] = called[by].get(value) or _itself(by, value)
    others = {by: {value: name for value, name in called[by].items() if value not in found[by]} for by in By}
    return Facets({by: dict(sorted(names.items(), key=_place)) for by, names in found.items()}, others)


def _place(item: tuple[Chosen, str]) -> tuple[bool, str, str]:
    value, name = item
    return value is None, name.casefold(), name


def _values(by: By) -> Select[Any]:
    """The dimension and each of its values: a number, a text, or neither where the provider named none."""
    column = SERIES.c[by.column]
    neither = cast(null(), BigInteger), cast(null(), Text)
    told = (column, neither[1]) if by is By.KEY else (neither[0], column)
    return select(literal(by.value), *told).where(SERIES.c.workspace_id == bindparam("of_workspace")).distinct()


VALUES = union_all(*map(_values, By))


def nobody(by: By) -> str:
    """What is said of usage for which the provider named none."""
    return NO_MODEL if by is By.MODEL else f"(no {NOUNS[by]})"


def _itself(by: By, value: Chosen) -> str:
    if value is None:
        return nobody(by)
    if value == "":
        return f"(unnamed {NOUNS[by]})"
    return str(value).replace("_", " ") if by is By.TYPE else str(value)


def _called(session: Session, workspace_id: int) -> dict[By, dict[Chosen, str]]:
    """What people call it; where several are called alike, with the id behind it."""
    called: dict[By, dict[Chosen, str]] = {by: {} for by in By}
    told = display_names(session, workspace_id)
    for by, kind in KINDS.items():
        called[by].update(labelled({ref: name for (_, of, ref), name in told.items() if of == kind and name}))
    labels = key_labels(session, workspace_id)
    unique = labelled({str(key): label for key, label in labels.items()})
    called[By.KEY] = {key: unique[str(key)] for key in labels}
    called[By.PROVIDER] = {name: provider.title for name, provider in PROVIDERS.items()}
    return called
