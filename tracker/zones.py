"""The names of time zones as they are offered: those that the tz database lists for a place today.

Older names are links in that database and stay valid wherever they come from: browsers still send Asia/Calcutta.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

DATA = files("tzdata")
ZONES = DATA / "zoneinfo"


def canonical(name: str) -> str:
    """The name that the tz database lists for the place (zone.tab); the same one where it lists none. UTC is UTC."""
    listed, target = _listed(), _links().get(name, name)
    if target == "Etc/UTC":
        return "UTC"
    return target if name not in listed and target in listed else name


def is_known(name: str) -> bool:
    """Whether the tz database has the name. The machine's own zone is a file beside those, and tells others nothing."""
    return name in _every()


@lru_cache(maxsize=1)
def _every() -> frozenset[str]:
    return frozenset((DATA / "zones").read_text(encoding="utf-8").split())


@lru_cache(maxsize=1)
def _listed() -> frozenset[str]:
    """Not what is no link: the database links places that were never told apart, as Amsterdam to Brussels."""
    lines = (ZONES / "zone.tab").read_text(encoding="utf-8").splitlines()
    return frozenset(line.split("\t")[2] for line in lines if line and not line.startswith("#"))


@lru_cache(maxsize=1)
def _links() -> dict[str, str]:
    """Where each older name points: lines `L TARGET NAME` of the compact form of the database (zic(8))."""
    lines = (ZONES / "tzdata.zi").read_text(encoding="utf-8").splitlines()
    return {name: target for kind, target, name in (line.split() for line in lines if line.startswith("L "))}
