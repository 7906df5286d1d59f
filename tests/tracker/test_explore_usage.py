"""Explore's sums are those of plain Python over the exported rows, by anything, in any zone, on both databases."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert, select

from tests.tracker.builders import AFTER, DAY, connection_of, owned, record, store, two_workspaces
from tracker import export, rollup
from tracker.db import Database
from tracker.explore import lacking as lacking_of
from tracker.explore import usage
from tracker.explore.figures import Figures
from tracker.explore.span import Span
from tracker.explore.view import By, Chosen, Grain
from tracker.usage import CostBasis, Measures, UsageRecord

DAYS = 4
SPANS = [(DAY, DAY + timedelta(days=DAYS)), (DAY + timedelta(days=1), DAY + timedelta(days=3))]
ZONES = ("UTC", "America/New_York", "Asia/Kolkata", "Pacific/Kiritimati")
ONLY: list[dict[By, tuple[Chosen, ...]]] = [
    {},
    {By.PROJECT: ("p1",)},
    {By.API_KEY: (None, "")},
    {By.MODEL: ("nobody-knows", None), By.USER: ("ada", None)},
    {By.KEY: (3,)},
    {By.TIER: ("nothing-like-it",)},
]
CSV_NAMES = {By.KEY: "provider_key"}


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    with two_workspaces(migrated_url, role="worker") as opened:
        with owned(opened).workspace(1, write=True) as session:
            session.add(connection_of(1, "third"))
        for key in (1, 2, 3):
            store(opened, *rows(key), key=key, days=DAYS, now=AFTER + timedelta(days=9))
        yield opened


def rows(key: int) -> list[UsageRecord]:
    """A few rows in most hours, repeatable, with every kind of unknown."""
    found = []
    for hour in range(0, 24 * DAYS, 3):
        found.append(record(hour, model="gpt-5.4", tokens=key * 1_000 + hour, project_id=f"p{hour % 2}", api_key_id=""))
        found.append(record(hour, model="nobody-knows", tokens=hour, requests=None, user_id="ada", service_tier="flex"))
        if hour % 2:
            found.append(record(hour, model=None, requests=hour, api_key_id="k1", batch=True))
    unknown = record(5, model="gpt-5.4", user_id="nobody")
    return [*found, UsageRecord(unknown.bucket_start, unknown.dimensions, Measures(output_tokens=7))]


def exported(database: Database) -> list[dict[str, str]]:
    with database.workspace(1) as session:
        text = "".join(export.usage_csv(session, 1, DAY - timedelta(days=5), DAY + timedelta(days=20)))
    return list(csv.DictReader(io.StringIO(text)))


def expected(
    told: list[dict[str, str]],
    span: tuple[date, date],
    zone: str,
    by: By,
    grain: Grain,
    only: dict[By, tuple[Chosen, ...]],
) -> dict[tuple[Any, str], list[Decimal | None]]:
    """Sums of the exported rows: requests, tokens and costs known, and the rows and tokens without a price."""
    sums: dict[tuple[Any, str], list[Decimal | None]] = {}
    for row in told:
        at = datetime.fromisoformat(row["bucket_start"])
        day = at.astimezone(ZoneInfo(zone)).date()
        if not span[0] <= day < span[1] or not all(matches(row, name, values) for name, values in only.items()):
            continue
        place = (at if grain is Grain.HOUR else day, told_of(row, by))
        so_far = sums.setdefault(place, [None, None, None, Decimal(0), Decimal(0)])
        for n, name in enumerate(("requests", "input_tokens", "estimated_cost_usd")):
            if row[name]:
                so_far[n] = (so_far[n] or Decimal(0)) + Decimal(row[name])
        if row["cost_basis"] == "unpriced":
            so_far[3] = (so_far[3] or Decimal(0)) + 1
            so_far[4] = (so_far[4] or Decimal(0)) + int(row["input_tokens"] or 0) + int(row["output_tokens"] or 0)
    return sums


def told_of(row: dict[str, str], by: By) -> str:
    return row[CSV_NAMES.get(by, by.column)]


def matches(row: dict[str, str], by: By, values: tuple[Chosen, ...]) -> bool:
    """The export writes what the provider did not name and what it named '' alike, so the cases ask for both."""
    wanted = {"third" if by is By.KEY and value == 3 else "" if value is None else str(value) for value in values}
    return told_of(row, by) in wanted


def as_told(by: By, value: Chosen) -> str:
    return {1: "k", 3: "third"}[int(value or 0)] if by is By.KEY else "" if value is None else str(value)


def summed(figures: Figures) -> list[Decimal | None]:
    known = (figures.requests, figures.input_tokens, figures.estimate, figures.unpriced_rows, figures.unpriced_tokens)
    return [None if each is None else Decimal(each) for each in known]


def cases() -> Iterator[tuple[str, tuple[date, date], By, Grain, dict[By, tuple[Chosen, ...]]]]:
    """Every zone, span, grouping, grain and filter, not each with each other."""
    for n, (zone, by, grain) in enumerate(product(ZONES, By, Grain)):
        for only in (ONLY[n % 2], ONLY[2 + n % 4]):
            yield zone, SPANS[n % 3 % 2], by, grain, only


def test_every_grouping_and_filter_is_what_plain_python_makes_of_the_exported_rows(database: Database) -> None:
    told = exported(database)
    compared = 0
    for zone, span, by, grain, only in cases():
        with database.workspace(1) as session:
            cells = usage.cells(session, 1, Span(*span, zone), by, grain=grain, only=only)
        found: dict[tuple[Any, str], list[Decimal | None]] = {}
        for cell in cells:
            place = cell.at, as_told(by, cell.value)
            found[place] = merged(found.get(place), summed(cell.figures))
        assert found == expected(told, span, zone, by, grain, only), (zone, by, grain, only)
        compared += len(found)
    assert compared > 1_000


def test_what_lacks_a_price_is_that_of_the_exported_rows_with_its_bound(database: Database) -> None:
    told, bounded = exported(database), 0
    for zone, span, only in product(ZONES, SPANS, ONLY):
        lacking = [
            row
            for row in told
            if row["cost_basis"] == "unpriced"
            and span[0] <= datetime.fromisoformat(row["bucket_start"]).astimezone(ZoneInfo(zone)).date() < span[1]
            and all(matches(row, name, values) for name, values in only.items())
        ]
        given, made = (sum(int(row[f"{kind}_tokens"] or 0) for row in lacking) for kind in ("input", "output"))
        with database.workspace(1) as session:
            part = lacking_of.part(session, 1, Span(*span, zone), only=only)
        assert (part.rows, part.input_tokens, part.output_tokens) == (len(lacking), given, made), (zone, span, only)
        assert part.requests == sum(int(row["requests"] or 0) for row in lacking)
        # At o1-pro's $150 a million tokens read and $600 written.
        assert part.at_most == ((Decimal(150 * given + 600 * made) / 1_000_000) if given + made else None)
        bounded += part.at_most is not None
    assert bounded > 20


def merged(one: list[Decimal | None] | None, other: list[Decimal | None]) -> list[Decimal | None]:
    """Of two values that the export writes alike."""
    if one is None:
        return other
    return [a if b is None else b if a is None else a + b for a, b in zip(one, other, strict=True)]


def test_days_around_a_change_of_clocks_hold_their_own_hours(database: Database) -> None:
    midnight = datetime(2026, 11, 1, 4, tzinfo=UTC)  # in New York, two hours before its clocks go back
    span = Span(date(2026, 10, 31), date(2026, 11, 3), "America/New_York")
    with database.workspace(2, write=True) as session:
        series = session.execute(select(usage.SERIES.c.id).where(usage.SERIES.c.workspace_id == 2)).scalars().all()[0]
        for hour in (-1, 0, 24, 25):
            row = {"workspace_id": 2, "bucket_start": midnight + timedelta(hours=hour), "series_id": series}
            session.execute(insert(usage.EVENTS).values(**row, requests=1, cost_basis=CostBasis.UNPRICED))
        rollup.recompute(session, 2, 2, date(2026, 10, 31), date(2026, 11, 4))

    with database.workspace(2) as session:
        cells = usage.cells(session, 2, span, By.PROVIDER, grain=Grain.DAY, only={})

    assert {cell.at: cell.figures.requests for cell in cells} == {
        date(2026, 10, 31): 1,
        date(2026, 11, 1): 2,
        date(2026, 11, 2): 1,
    }
