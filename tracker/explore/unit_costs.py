"""What requests cost and what made them cost it, read from the rows and the rates each was priced at.

Only rows of families priced by tokens, with known rates and a number of requests, say what a request costs. The others
are counted; what a price agreed for calls of tools, images or audio came to is told apart, for a call is made inside a
request. What caching saved is cached tokens × (rate uncached − rate cached), less what writing the cache cost above
plain input.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from sqlalchemy import func, select
from sqlmodel import Session

from tracker import pricing, workspace_prices
from tracker.explore.bars import bar_of, columns
from tracker.explore.economics import ZERO, Bill, Finding, findings, together
from tracker.explore.figures import money
from tracker.explore.reading import Explored
from tracker.explore.span import Span
from tracker.explore.usage import EVENTS, SERIES, day_in, of_series, within
from tracker.explore.view import Grain, View
from tracker.models import PriceVersion, table_of
from tracker.overview.days import DayMark
from tracker.overview.figures import NO_MODEL
from tracker.own_prices import OwnPrice
from tracker.own_rates import agreed
from tracker.product import Product
from tracker.ratecards import CLASSES, RateCard, Region
from tracker.reconciliation.estimates import UNCACHED, kinds, unit_rate
from tracker.usage import CostBasis

VERSIONS = table_of(PriceVersion)

PLAIN = ("input", "cached input", "output")
"""Kinds of text tokens that a finding speaks of by themselves, in the order of `Bill`."""

WRITE = "cache write"

FREE = (CostBasis.FREE, CostBasis.COMPLIMENTARY)


@dataclass(frozen=True)
class Usage:
    """Rows of a day, model and batch flag that were priced alike; `region` is None where no rates are known.

    `by_tokens` are families that are priced by tokens, if they have a price.
    """

    day: date
    model: str
    batch: bool
    by_tokens: bool
    basis: CostBasis
    requests: int | None
    counts: Mapping[str, int | None]
    usd: Decimal | None
    region: Region | None

    @property
    def tells(self) -> bool:
        """Whether it says what a request costs."""
        return self.by_tokens and self.usd is not None and self.region is not None and bool(self.requests)

    @property
    def by_unit(self) -> bool:
        """Whether it has a price that is not of its tokens."""
        return not self.by_tokens and self.basis is CostBasis.ESTIMATED


@dataclass(frozen=True)
class Caching:
    """USD that cached input saved and that writing it cost on top; `unknown` cached tokens have no known rates."""

    cached: int = 0
    saved: Decimal = Decimal()
    written: Decimal = Decimal()
    unknown: int = 0

    @property
    def net(self) -> Decimal | None:
        """None when all of it is unknown."""
        return None if self.unknown and self.unknown == self.cached else self.saved - self.written


@dataclass(frozen=True)
class UnitCosts:
    """By bar of the view, over all, over `days`, and against the period before.

    `days` are the complete ones if there are any, as those of the findings are: `of_days` is what the figures beside
    the lines are of. A day that was `not_over` when it was read is in neither, for its few hours tell of no day.

    Requests that say nothing of a cost are counted by why: `unpriced` as everywhere else, `free` of charge or
    complimentary, and `unrated` with a price of which the rates are not known. `by_unit` is what came to a price that
    is not of tokens, in USD: it is in no other figure.
    `bars` have the sums of their days, so that what a week's requests cost is not a mean of its days' costs.
    """

    bars: Mapping[date, Bill | None]
    total: Bill | None
    days: Sequence[date]
    of_days: Bill | None
    not_over: Sequence[date]
    mix: Mapping[str, int]
    caching: Caching
    findings: Sequence[Finding]
    before: Mapping[str, Bill]
    after: Mapping[str, Bill]
    unpriced: int
    free: int
    unrated: int
    by_unit: Decimal | None


@dataclass(frozen=True)
class Tokens:
    """Tokens of a view's days by disjoint kind, the largest first, and what caching saved on them."""

    mix: Mapping[str, int]
    caching: Caching


def tokens(product: Product, workspace_id: int, seen: Explored) -> Tokens:
    """The same as `read` tells, without what a request cost."""
    with product.database.workspace(workspace_id) as session:
        used = list(_usages(session, workspace_id, seen.span, seen.view))
    return Tokens(mix(used), caching(used))


def read(product: Product, workspace_id: int, seen: Explored) -> UnitCosts:
    """The unit costs of a view's days; the findings are of days that are complete in both periods."""
    with product.database.workspace(workspace_id) as session:
        used = list(_usages(session, workspace_id, seen.span, seen.view))
        earlier = list(_usages(session, workspace_id, seen.comparison.span, seen.view)) if seen.comparison else []
    pairs = seen.comparison.days if seen.comparison else ()
    told = _told(used)
    after, before = _by_model(told, {day for day, _ in pairs}), _by_model(_told(earlier), {twin for _, twin in pairs})
    days, not_over = spoken_of({day: seen.marks[day] for day in seen.span.days})
    return UnitCosts(
        bars=_by_bar([each for each in told if each[0].day not in set(not_over)], seen),
        total=together(bill for _, bill in told),
        days=days,
        of_days=together(bill for each, bill in told if each.day in set(days)),
        not_over=not_over,
        mix=mix(used),
        caching=caching(used),
        findings=findings(before, after),
        before=before,
        after=after,
        unpriced=_silent(used, CostBasis.UNPRICED),
        free=_silent(used, *FREE),
        unrated=_silent(used, CostBasis.ESTIMATED),
        by_unit=money(each.usd for each in used if each.by_unit),
    )


def spoken_of(marks: Mapping[date, DayMark]) -> tuple[list[date], list[date]]:
    """The days that figures are of, in order, and those left out of all lines because they are not over.

    Where no day is complete, the figures are of those that are over; where none is over, of what there is.
    """
    days = sorted(day for day, mark in marks.items() if mark is not DayMark.UNAVAILABLE)
    over = [day for day in days if marks[day] is not DayMark.OPEN]
    complete = [day for day in over if marks[day].complete]
    return complete or over or days or sorted(marks), [day for day in days if day not in over] if over else []


def _silent(used: Iterable[Usage], *bases: CostBasis) -> int:
    """How many requests of these say nothing of a cost."""
    return sum(each.requests or 0 for each in used if not (each.tells or each.by_unit) and each.basis in bases)


def _told(used: Iterable[Usage]) -> list[tuple[Usage, Bill]]:
    return [(each, _bill(each)) for each in used if each.tells]


def _by_model(told: Iterable[tuple[Usage, Bill]], days: set[date]) -> dict[str, Bill]:
    """What each model's requests used and cost on these days; the parts of a cost add up to it exactly."""
    of_model: dict[str, list[Bill]] = {}
    for each, bill in told:
        if each.day in days:
            of_model.setdefault(each.model, []).append(bill)
    return {model: whole for model, found in of_model.items() if (whole := together(found))}


def _by_bar(told: Iterable[tuple[Usage, Bill]], seen: Explored) -> dict[date, Bill | None]:
    """By day, week or month: a cost is read by the day, also for bars of an hour."""
    grain = Grain.DAY if seen.view.bars is Grain.HOUR else seen.view.bars
    of_bar: dict[date, list[Bill]] = {bar: [] for bar in columns(seen.span, grain)}
    for each, bill in told:
        of_bar[bar_of(each.day, grain, seen.span)].append(bill)
    return {bar: together(found) for bar, found in of_bar.items()}


def _bill(each: Usage) -> Bill:
    assert each.region is not None
    assert each.usd is not None
    counts = kinds(each.counts)
    usd = {kind: Fraction(unit_rate(each.region, kind)) * count for kind, count in counts.items()}
    rest = Fraction(each.usd) - sum(usd.values(), ZERO)
    if usd:  # each row was rounded on its own: what that makes stands with the largest part
        usd[max(usd, key=lambda kind: usd[kind])] += rest
    plain = [usd.get(kind, ZERO) for kind in PLAIN]
    requests = each.requests or 0
    return Bill(
        requests,
        uncached=counts.get(PLAIN[0], 0),
        cached=counts.get(PLAIN[1], 0),
        output=counts.get(PLAIN[2], 0),
        usd_uncached=plain[0],
        usd_cached=plain[1],
        usd_output=plain[2],
        usd_other=Fraction(each.usd) - sum(plain, ZERO),
        batch_requests=requests if each.batch else 0,
    )


def mix(used: Iterable[Usage]) -> dict[str, int]:
    """Tokens by disjoint kind, the largest first, with or without a price."""
    found: dict[str, int] = {}
    for each in used:
        for kind, count in kinds(each.counts).items():
            found[kind] = found.get(kind, 0) + count
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def caching(used: Iterable[Usage]) -> Caching:
    """What cached input saved at the rates that priced each row; rows that cost nothing anyway saved nothing."""
    whole = Caching()
    for each in used:
        counts = kinds(each.counts)
        cached = {kind: count for kind, count in counts.items() if kind in UNCACHED}
        count = sum(cached.values())
        whole = replace(whole, cached=whole.cached + count)
        if each.basis is CostBasis.UNPRICED or (each.basis is CostBasis.ESTIMATED and each.region is None):
            whole = replace(whole, unknown=whole.unknown + count)
        elif each.region is not None:
            rate = {kind: unit_rate(each.region, kind) for kind in {*cached, *UNCACHED.values(), WRITE}}
            saved = sum(((rate[UNCACHED[kind]] - rate[kind]) * n for kind, n in cached.items()), Decimal())
            written = (rate[WRITE] - rate["input"]) * counts.get(WRITE, 0)
            whole = replace(whole, saved=whole.saved + saved, written=whole.written + written)
    return whole


def _usages(session: Session, workspace_id: int, span: Span, view: View) -> Iterator[Usage]:
    alike = (EVENTS.c.series_id, EVENTS.c.cost_basis, EVENTS.c.price_version_id, EVENTS.c.workspace_price_id)
    counts_of = (func.sum(EVENTS.c[name]) for name in ("requests", *CLASSES))
    day = day_in(span).label("day")
    statement = (
        select(day, *alike, func.sum(EVENTS.c.estimated_cost), *counts_of)
        .where(*within(workspace_id, span.start_at, span.end_at), *of_series(workspace_id, view.only))
        .group_by("day", *alike)
    )
    rows = session.execute(statement).all()
    series = _series(session, workspace_id)
    regions = _Regions(session, workspace_id, {row[3] for row in rows})
    alike_rows: dict[tuple[Any, ...], list[Any]] = {}
    for on, series_id, basis, version, own, *sums in rows:
        if series_id in series:
            alike_rows.setdefault((on, *series[series_id], basis, version, own), []).append(sums)
    for (on, model, batch, by_tokens, basis, version, own), found in alike_rows.items():
        usd, requests, *counts = (_sum(parts) for parts in zip(*found, strict=True))
        told = {name: None if n is None else int(n) for name, n in zip(CLASSES, counts, strict=True)}
        asked = None if requests is None else int(requests)
        yield Usage(on, model, batch, by_tokens, CostBasis(basis), asked, told, usd, regions.of(version, own))


def _sum(parts: Iterable[Any]) -> Any:
    known = [part for part in parts if part is not None]
    return sum(known[1:], known[0]) if known else None


def _series(session: Session, workspace_id: int) -> dict[int, tuple[str, bool, bool]]:
    """Of each its model, whether it is of batches, and whether of a family that is priced by tokens."""
    columns = (SERIES.c.id, SERIES.c.model, SERIES.c.batch, SERIES.c.usage_type)
    found = session.execute(select(*columns).where(SERIES.c.workspace_id == workspace_id))
    return {number: (model or NO_MODEL, bool(batch), of in pricing.BY_TOKENS) for number, model, batch, of in found}


class _Regions:
    """The rates that rows were priced at, as they were kept."""

    def __init__(self, session: Session, workspace_id: int, versions: set[Any]) -> None:
        wanted = [number for number in versions if number is not None]
        found = session.execute(select(VERSIONS.c.id, VERSIONS.c.rates).where(VERSIONS.c.id.in_(wanted)))
        self._listed = {number: Region.from_json(rates) for number, rates in found if rates}
        self._own = {each.id: each for each in workspace_prices.every(session, workspace_id).prices}

    def of(self, version: int | None, own: int | None) -> Region | None:
        listed = self._listed.get(version or 0)
        if own is None:
            return listed
        return _agreed(listed, self._own[own]) if own in self._own else None


def _agreed(listed: Region | None, own: OwnPrice) -> Region | None:
    card = agreed(RateCard("", "", None, "", (listed,)) if listed else "unlisted", own, model="", variant="")
    return None if isinstance(card, str) else card.regions[0]
