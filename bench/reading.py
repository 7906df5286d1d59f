"""The dashboard's five questions through the product's own `queries`, beside an index scan and DuckDB."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import timedelta

from sqlmodel import Session

from bench import bulk, naive
from bench.bulk import HEAVY, SHAPES, TODAY, Shape
from bench.measure import spread
from tracker import queries
from tracker.db import Database
from tracker.explore import facets
from tracker.explore import usage as explore
from tracker.explore.span import Span
from tracker.explore.view import By, Grain
from tracker.overview import events
from tracker.queries import Question

WEEK, QUARTER = TODAY - timedelta(days=7), TODAY - timedelta(days=90)
MONTH = TODAY - timedelta(days=30)

FIVE: Mapping[str, Callable[[Session], object]] = {
    "totals": lambda session: queries.totals(session, HEAVY, MONTH, TODAY),
    "week_by_model": lambda session: queries.usage(session, HEAVY, Question(WEEK, TODAY, ("day", "model"))),
    "quarter_by_model": lambda session: queries.usage(session, HEAVY, Question(QUARTER, TODAY, ("day", "model"))),
    "last_100": lambda session: events.last_events(session, HEAVY),
    "filter_choices": lambda session: facets.facets(session, HEAVY),
}
FILTERED: Mapping[str, Callable[[Session], object]] = {
    "filtered_project_ms": lambda session: queries.usage(
        session, HEAVY, Question(QUARTER, TODAY, ("day", "model"), {"project_id": ["proj_1"]})
    ),
    "filtered_api_key_ms": lambda session: queries.usage(
        session, HEAVY, Question(QUARTER, TODAY, ("day", "model"), {"api_key_id": ["key_3"]})
    ),
    "by_project_ms": lambda session: queries.usage(session, HEAVY, Question(QUARTER, TODAY, ("day", "project_id"))),
    "other_zone_ms": lambda session: explore.cells(
        session, HEAVY, Span(QUARTER, TODAY, "Asia/Kolkata"), By.MODEL, grain=Grain.DAY, only={}
    ),
}

Opening = Callable[[Shape], AbstractContextManager[Database]]


def run() -> dict[str, object]:
    """SQLite at 1M and 10M events; the heavy tenant has 1M in each."""
    return _of(bulk.sqlite)


def run_postgresql() -> dict[str, object]:
    """The same on PostgreSQL."""
    return _of(bulk.postgresql)


def _of(opening: Opening) -> dict[str, object]:
    with opening(SHAPES["1M"]) as database:
        small = five(database)
    with opening(SHAPES["10M"]) as database:
        large = five(database)
        each = {f"{name}_ms": _in_session(database, ask) for name, ask in FIVE.items()}
        filtered = {name: _in_session(database, ask) for name, ask in FILTERED.items()}
        slow = naive.of(database)
    ours = large["median"]
    return {
        "five_ms": large,
        "five_1M_ms": small,
        "ten_over_one_million": round(ours / small["median"], 2),
        "each": each,
        **filtered,
        **slow,
        "naive_over_ours": round(slow["naive_ms"]["median"] / ours),
        **({"ours_over_duckdb": round(ours / slow["duckdb_ms"]["median"], 3)} if slow.get("duckdb_ms") else {}),
    }


def five(database: Database, *, times: int = 25) -> dict[str, float]:
    """Milliseconds of the five together, in one transaction as a page asks them."""

    def ask() -> None:
        with database.workspace(HEAVY) as session:
            for question in FIVE.values():
                question(session)

    return spread(ask, times=times, warm=3)


def _in_session(database: Database, question: Callable[[Session], object]) -> dict[str, float]:
    """As a connection answers that has been in use: PostgreSQL keeps a plan from the eleventh time on."""

    def ask() -> None:
        with database.workspace(HEAVY) as session:
            question(session)

    return spread(ask, times=9, warm=11)
