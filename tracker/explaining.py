"""Why a number is what it is: count × rate of every token class, by the rates that were kept when the row was priced.

Nothing is looked up anew where the rates are kept, so an update of the price list changes no explanation. Rows priced
alike are added up; the stored cost of each is rounded on its own, and what that makes of the sum is shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from sqlalchemy import ColumnElement, RowMapping, func, select
from sqlmodel import Session

from tracker import clock, stored, workspace_prices
from tracker.models import NONE_MODEL, DailyUsage, PriceVersion, table_of
from tracker.own_prices import UNIT_RATES, UNITS, OwnPrice, OwnPrices
from tracker.own_rates import MILLION, agreed
from tracker.pricing import cache_note, price, tier_of
from tracker.ratecards import CLASSES, RateCard, Region, rate_card
from tracker.repricing import rounded
from tracker.stored import EVENTS, SERIES, StoredRow
from tracker.usage import CostBasis, Measures

VERSIONS, DAILY = table_of(PriceVersion), table_of(DailyUsage)
SOURCE_COLUMNS = ("source", "model", "variant", "effective_from", "content_sha256")
SECOND = timedelta(seconds=1)

INSIDE: dict[str, dict[str, int]] = {
    "input_tokens": {
        "input_cached_tokens": -1,
        "input_cache_write_tokens": -1,
        "input_audio_tokens": -1,
        "input_image_tokens": -1,
        "input_cached_audio_tokens": 1,
        "input_cached_image_tokens": 1,
    },
    "input_cached_tokens": {"input_cached_audio_tokens": -1, "input_cached_image_tokens": -1},
    "input_audio_tokens": {"input_cached_audio_tokens": -1},
    "input_image_tokens": {"input_cached_image_tokens": -1},
    "output_tokens": {"output_audio_tokens": -1, "output_image_tokens": -1},
}
"""What to take off a class, so that every token is in one line only (cached audio is in two of its parts)."""

LOST = "The rates that priced this were not kept, and the installed price list has others now."
PRICED_NOW = "A price is known now; a repricing would apply it."
FREE_WORDS = {
    CostBasis.FREE: "The provider charges nothing for it.",
    CostBasis.COMPLIMENTARY: "Tokens shared with the provider for training are billed at nothing.",
}


@dataclass(frozen=True)
class Part:
    """One line of the arithmetic: `count` of `name` (each unit in one line only) at `rate` USD for one."""

    name: str
    count: int
    rate: Decimal

    @property
    def amount(self) -> Decimal:
        """Exact, in USD."""
        return self.rate * self.count

    @property
    def per_million(self) -> Decimal | None:
        """USD a million tokens; None for what is not counted in tokens."""
        return self.rate * MILLION if self.name in CLASSES else None


@dataclass(frozen=True)
class Source:
    """Where a rate comes from: the list's version (as kept) and the agreed price on it, either of them or both."""

    name: str
    model: str
    variant: str
    effective_from: date | None
    content_sha256: str
    own: OwnPrice | None = None


@dataclass(frozen=True)
class Group:
    """Rows priced alike. `stored` is the sum of their costs in USD, None when they have no price.

    `parts` are None where the rates are lost. `follows` is the number of rows whose stored cost is, to the
    nano-dollar, what the arithmetic gives.
    """

    usage_type: str
    basis: CostBasis
    rows: int
    stored: Decimal | None
    source: Source | None
    parts: tuple[Part, ...] | None
    follows: int
    notes: tuple[str, ...] = ()

    @property
    def exact(self) -> Decimal | None:
        """The unrounded sum of the parts, in USD."""
        return None if self.parts is None else sum((part.amount for part in self.parts), Decimal())

    @property
    def rounding(self) -> Decimal | None:
        """What rounding each row to whole nano-dollars added, in USD."""
        return None if self.exact is None or self.stored is None else self.stored - self.exact


@dataclass(frozen=True)
class _Kept:
    """What is known of the price of a row: its source, its rates (None: lost or none), and what to say."""

    source: Source | None
    region: Region | None = None
    unit: tuple[str, Decimal] | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class DaySum:
    """What a UTC day comes to in USD, None when no row has a price; `unpriced` of its `rows` are not in it."""

    day: date
    cost: Decimal | None
    rows: int
    unpriced: int


def explain(session: Session, workspace_id: int, start: date, end: date, model: str | None) -> list[Group]:
    """The arithmetic of a model's usage in the UTC days [start, end), rows priced alike together, the dearest first."""
    named = SERIES.c.model.is_(None) if model is None else SERIES.c.model == model
    rows = stored.rows(session, workspace_id, clock.day_start(start), clock.day_start(end), named)
    return _explained(session, workspace_id, rows)


def days_of(session: Session, workspace_id: int, start: date, end: date, model: str | None) -> list[DaySum]:
    """The UTC days of [start, end) on which a model was used, in order, from the rollup."""
    sums = [func.sum(DAILY.c[name]) for name in ("estimated_cost", "rows", "unpriced_rows")]
    statement = (
        select(DAILY.c.day, *sums)
        .where(*_days(workspace_id, start, end), DAILY.c.model == (NONE_MODEL if model is None else model))
        .group_by(DAILY.c.day)
        .order_by(DAILY.c.day)
    )
    return [DaySum(day, cost, int(rows), int(lacking)) for day, cost, rows, lacking in session.execute(statement)]


def explain_row(session: Session, workspace_id: int, bucket_start: datetime, series_id: int) -> Group | None:
    """The arithmetic of one stored row; None when there is none of that key."""
    of_series = EVENTS.c.series_id == series_id
    rows = stored.rows(session, workspace_id, bucket_start, bucket_start + SECOND, of_series)
    return next(iter(_explained(session, workspace_id, rows)), None)


def models_of(session: Session, workspace_id: int, start: date, end: date) -> list[str | None]:
    """The models used in the UTC days [start, end), None for what names none; the dearest first."""
    spend = func.sum(DAILY.c.estimated_cost)
    used = select(DAILY.c.model, spend).where(*_days(workspace_id, start, end)).group_by(DAILY.c.model)
    found = sorted(session.execute(used), key=lambda row: (-(row[1] or 0), row[0]))
    return [None if name == NONE_MODEL else name for name, _ in found]


def _days(workspace_id: int, start: date, end: date) -> tuple[ColumnElement[bool], ...]:
    return DAILY.c.workspace_id == workspace_id, DAILY.c.day >= start, DAILY.c.day < end


def total(days: Iterable[DaySum]) -> Decimal | None:
    """What the days come to in USD; None when nothing of them has a price."""
    known = [day.cost for day in days if day.cost is not None]
    return sum(known, Decimal()) if known else None


def _explained(session: Session, workspace_id: int, rows: Iterable[StoredRow]) -> list[Group]:
    prices = workspace_prices.every(session, workspace_id)
    own = {each.id: each for each in prices.prices}
    versions: dict[int, RowMapping] = {}
    found: dict[object, Group] = {}
    for row in rows:
        number = row.price.version_id
        if number is not None and number not in versions:
            statement = select(VERSIONS).where(VERSIONS.c.id == number)
            versions[number] = session.execute(statement).mappings().one()
        kept = _kept(row, versions.get(number or 0), own.get(row.price.own_id or 0))
        group = _group(row, kept, _notes(row, kept, prices))
        alike = (group.usage_type, group.basis, number, row.price.own_id, group.notes)
        found[alike] = _together(found[alike], group) if alike in found else group
    return sorted(found.values(), key=lambda group: group.stored or Decimal(), reverse=True)


def _kept(row: StoredRow, version: RowMapping | None, own: OwnPrice | None) -> _Kept:
    """The rates by which the row was priced."""
    if row.price.basis is not CostBasis.ESTIMATED:
        return _Kept(None)
    source = _source(version, own)
    family = row.record.dimensions.usage_type
    if own and family in UNITS:
        return _Kept(source, unit=(UNITS[family], own.rates[UNIT_RATES[family]]))
    region = _region(version, row) if version else None
    if version and region is None:
        return _Kept(source, notes=(LOST,))
    if own:
        region = _agreed(region, own)
    note = str(version["note"]) if version and version["note"] else None
    return _Kept(source, region, notes=tuple(each for each in (note, cache_note(row.record.measures)) if each))


def _source(version: RowMapping | None, own: OwnPrice | None) -> Source | None:
    if version:
        source, model, variant, since, digest = (version[name] for name in SOURCE_COLUMNS)
        return Source(source, model, variant, since, digest, own)
    if own is None:
        return None
    return Source("workspace", own.model, own.variant or "every tier", own.effective_from, own.content_sha256, own)


def _region(version: RowMapping, row: StoredRow) -> Region | None:
    """The rates as kept; of a row priced before they were, the list's, if it still says the same."""
    if version["rates"]:
        return Region.from_json(version["rates"])
    tier = tier_of(row.record.dimensions)
    card = rate_card(row.provider, row.record.dimensions.model or "", tier or "", row.record.bucket_start.date())
    if isinstance(card, str) or card.content_sha256 != version["content_sha256"]:
        return None
    measures = row.record.measures
    return card.region(measures.input_tokens or 0, requests=measures.requests or 1)


def _agreed(region: Region | None, own: OwnPrice) -> Region | None:
    listed: RateCard | str = RateCard("", "", None, "", (region,)) if region else "unlisted"
    card = agreed(listed, own, model="", variant="")
    return None if isinstance(card, str) else card.regions[0]


def _parts(kept: _Kept, measures: Measures) -> tuple[Part, ...] | None:
    if kept.unit:
        name, rate = kept.unit
        return (Part(name, getattr(measures, name) or 0, rate),)
    return None if kept.region is None else _by_class(kept.region, measures)


def _by_class(region: Region, measures: Measures) -> tuple[Part, ...]:
    """A line for each class that was used, at its full rate."""
    counts = {name: getattr(measures, name) or 0 for name in CLASSES}
    parts = [
        Part(
            name,
            counts[name] + sum(sign * counts[inner] for inner, sign in INSIDE.get(name, {}).items()),
            rate,
        )
        for name, rate in region.full_rates.items()
    ]
    if region.per_request:
        parts.append(Part("requests", measures.requests or 0, region.per_request))
    return tuple(part for part in parts if part.count)


def _notes(row: StoredRow, kept: _Kept, prices: OwnPrices) -> tuple[str, ...]:
    basis = row.price.basis
    if basis is CostBasis.UNPRICED:
        now = price(row.record, provider=row.provider, prices=prices)
        return (now.note or "Unpriced." if now.cost is None else PRICED_NOW,)
    return (FREE_WORDS[basis],) if basis in FREE_WORDS else kept.notes


def _group(row: StoredRow, kept: _Kept, notes: tuple[str, ...]) -> Group:
    parts = () if row.price.basis in FREE_WORDS else _parts(kept, row.record.measures)
    group = Group(row.record.dimensions.usage_type, row.price.basis, 1, row.price.cost, kept.source, parts, 0, notes)
    return replace(group, follows=int(group.stored is not None and rounded(group.exact) == group.stored))


def _together(group: Group, more: Group) -> Group:
    """Both, line by line; they are priced alike."""
    return replace(
        group,
        rows=group.rows + more.rows,
        stored=None if group.stored is None or more.stored is None else group.stored + more.stored,
        parts=None if group.parts is None or more.parts is None else _added(group.parts, more.parts),
        follows=group.follows + more.follows,
    )


def _added(parts: Sequence[Part], more: Sequence[Part]) -> tuple[Part, ...]:
    counts = {(part.name, part.rate): part.count for part in parts}
    for part in more:
        counts[part.name, part.rate] = counts.get((part.name, part.rate), 0) + part.count
    return tuple(Part(name, count, rate) for (name, rate), count in counts.items())
