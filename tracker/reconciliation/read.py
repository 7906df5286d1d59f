"""The shell of the reconciliation: usage grouped as it was priced, the bill's lines and the ledger, made into lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select
from sqlmodel import Session

from tracker import clock, coverage, ledger, workspace_prices
from tracker.coverage import ABSENT, COMPLETE, LedgerDay
from tracker.models import BilledCostRow, DayState, PriceVersion, ProviderKey, UsageEvent, UsageSeries, table_of
from tracker.own_prices import OwnPrice
from tracker.reconciliation import lines as wording
from tracker.reconciliation.causes import Cause, Line, Reconciled, reconcile
from tracker.reconciliation.estimates import UNIT_FAMILIES, Group, Part, parts
from tracker.reconciliation.implied import Observation
from tracker.reconciliation.lines import Item
from tracker.reconciliation.proposals import Proposal, proposals
from tracker.rollup import DAY_OF_BUCKET
from tracker.usage import MEASURES, CostBasis

EVENTS, SERIES = table_of(UsageEvent), table_of(UsageSeries)
BILLED, VERSIONS, KEYS = table_of(BilledCostRow), table_of(PriceVersion), table_of(ProviderKey)

COSTS = "costs"
USAGE_CURRENCY = "usd"
TOKEN_ENDPOINTS = ("completions", "embeddings")
ENDPOINTS = {kind: (family,) for family, (_, kind) in UNIT_FAMILIES.items()}
READ = COMPLETE | {DayState.PROVISIONAL}

AROUND_DAYS, LEAST_DAYS = 7, 31
"""Days before and after a period in which its causes are looked for too, and days to look at in any case."""

Place = tuple[date, int, str, Item]
"""Day, connection, currency and item: what one line is about."""


@dataclass(frozen=True)
class Billed:
    """What the bill says of one place, its rows added up; `amount` None when no row told any."""

    wordings: tuple[str, ...]
    amount: Decimal | None
    credits: Decimal
    quantity: Decimal | None
    unit: str | None
    rows: int


@dataclass
class Told:
    """Which endpoints of which connections were read completely, by the ledger."""

    ledgers: dict[int, dict[str, dict[date, LedgerDay]]] = field(default_factory=dict)

    def bill(self, key: int, day: date) -> bool:
        """Whether the day's bill was read complete; an empty day is not, for 35 days."""
        return coverage.is_complete(day, self._row(key, COSTS, day))

    def usage(self, key: int, item: Item, day: date) -> bool:
        """Whether all usage of the item's kind was read after the day had ended, be it none."""
        rows = [self._row(key, name, day) for name in ENDPOINTS.get(item.kind, TOKEN_ENDPOINTS)]
        return all(row.state in READ and row.fetched_at and row.fetched_at >= clock.day_end(day) for row in rows)

    def _row(self, key: int, endpoint: str, day: date) -> LedgerDay:
        return self.ledgers.get(key, {}).get(endpoint, {}).get(day, ABSENT)


def lines(session: Session, workspace_id: int, start: date, end: date) -> list[Line]:
    """Every line of the UTC days [start, end), by day, connection, model and line item."""
    estimated = by_place(groups(session, workspace_id, start, end))
    billed = bill(session, workspace_id, start, end)
    keys = {key for _, key, _, _ in (*estimated, *billed)}
    told = Told({key: ledger.read(session, workspace_id, key) for key in keys})
    made = [_line(place, estimated.get(place, []), billed.get(place), told) for place in {**estimated, **billed}]
    return sorted(made, key=lambda line: (line.day, line.provider_key_id, line.item, line.currency))


def reconciled(session: Session, workspace_id: int, start: date, end: date) -> list[Reconciled]:
    """Every line of the UTC days [start, end) with its causes.

    A price shows on several days, so that the days around are looked at too: a day has the same causes by itself as in
    its month.
    """
    first = max(1, min(start.toordinal() - AROUND_DAYS, end.toordinal() - LEAST_DAYS))
    last = min(date.max.toordinal(), end.toordinal() + AROUND_DAYS)
    found = reconcile(lines(session, workspace_id, date.fromordinal(first), date.fromordinal(last)))
    return [each for each in found if start <= each.line.day < end]


def observations(session: Session, workspace_id: int, start: date, end: date) -> list[Observation]:
    """What the bill of the UTC days [start, end) says in US dollars for a quantity, beside the catalogue's rates."""
    estimated = by_place(groups(session, workspace_id, start, end))
    return [
        _observation(place, billed, estimated.get(place, []), billed.amount, billed.quantity)
        for place, billed in bill(session, workspace_id, start, end).items()
        if place[2] == USAGE_CURRENCY and billed.amount is not None and billed.quantity is not None
    ]


def _observation(place: Place, billed: Billed, found: list[Part], amount: Decimal, quantity: Decimal) -> Observation:
    day, key, _, item = place
    costs = [part.estimated for part in found]
    return Observation(
        day=day,
        provider_key_id=key,
        item=item,
        amount=amount - billed.credits,
        quantity=quantity,
        unit=billed.unit,
        bill_rows=billed.rows,
        listed=tuple(sorted({part.rate for part in found if part.rate is not None})),
        estimated=None if None in costs or not costs else sum((cost or Decimal() for cost in costs), Decimal()),
        rows=sum(part.rows + 1 for part in found),
        agreed=any(part.agreed for part in found),
    )


def proposed(session: Session, workspace_id: int, start: date, end: date) -> list[Proposal]:
    """What to agree by the bill of the UTC days [start, end)."""
    keys = select(KEYS.c.id, KEYS.c.provider).where(KEYS.c.workspace_id == workspace_id)
    providers = {row.id: row.provider for row in session.execute(keys)}
    prices = workspace_prices.every(session, workspace_id)
    return proposals(observations(session, workspace_id, start, end), providers, prices)


def groups(session: Session, workspace_id: int, start: date, end: date) -> list[Group]:
    """Usage by day and by everything that decides its price."""
    alike = (
        DAY_OF_BUCKET,
        *(SERIES.c[name] for name in ("provider_key_id", "provider", "usage_type", "model", "service_tier", "batch")),
        EVENTS.c.cost_basis,
        VERSIONS.c.variant,
        EVENTS.c.workspace_price_id,
    )
    sums = (func.count(), func.sum(EVENTS.c.estimated_cost), *(func.sum(EVENTS.c[name]) for name in MEASURES))
    statement = (
        select(*alike, *sums)
        .join_from(EVENTS, SERIES, EVENTS.c.series_id == SERIES.c.id)
        .outerjoin(VERSIONS, EVENTS.c.price_version_id == VERSIONS.c.id)
        .where(
            EVENTS.c.workspace_id == workspace_id,
            SERIES.c.workspace_id == workspace_id,
            EVENTS.c.bucket_start >= clock.day_start(start),
            EVENTS.c.bucket_start < clock.day_start(end),
        )
        .group_by(*alike)
    )
    own = {each.id: each for each in workspace_prices.every(session, workspace_id).prices}
    return [_group(own, *row) for row in session.execute(statement)]


def _group(own: Mapping[int, OwnPrice], *row: Any) -> Group:
    day, key, provider, usage_type, model, tier, batch, basis, variant, own_id, rows, cost, *counts = row
    totals = {name: None if n is None else int(n) for name, n in zip(MEASURES, counts, strict=True)}
    return Group(
        day=day,
        provider_key_id=key,
        provider=provider,
        usage_type=usage_type,
        model=model,
        tier=tier,
        batch=bool(batch),
        basis=CostBasis(basis),
        long_context=(variant or "").endswith("long context"),
        rows=rows,
        counts=totals,
        cost=cost,
        own=own.get(own_id),
    )


def by_place(found: Iterable[Group]) -> dict[Place, list[Part]]:
    """The parts of all groups, by the line of the bill they belong to."""
    places: dict[Place, list[Part]] = {}
    for group in found:
        for part in parts(group):
            places.setdefault((group.day, group.provider_key_id, USAGE_CURRENCY, part.item), []).append(part)
    return places


def bill(session: Session, workspace_id: int, start: date, end: date) -> dict[Place, Billed]:
    """The bill's rows added up over projects and API keys. Currencies and wordings of another item stay apart."""
    statement = select(BILLED).where(
        BILLED.c.workspace_id == workspace_id,
        BILLED.c.day >= start,
        BILLED.c.day < end,
    )
    rows: dict[Place, list[Any]] = {}
    for row in session.execute(statement):
        found = wording.item(row.line_item)
        rows.setdefault((row.day, row.provider_key_id, row.currency, Item(found.model, found.kind)), []).append(row)
    return {place: _billed(of_place) for place, of_place in rows.items()}


def _billed(rows: list[Any]) -> Billed:
    amounts = [row.amount for row in rows if row.amount is not None]
    quantities = [row.quantity for row in rows]
    return Billed(
        wordings=tuple(sorted({row.line_item for row in rows if row.line_item is not None})),
        amount=sum(amounts, Decimal()) if amounts else None,
        credits=sum((amount for amount in amounts if amount < 0), Decimal()),
        quantity=None if None in quantities else sum(quantities, Decimal()),
        unit=rows[0].quantity_unit,
        rows=len(rows),
    )


def _line(place: Place, found: list[Part], billed: Billed | None, told: Told) -> Line:
    day, key, currency, item = place
    known = [part for part in found if part.estimated is not None]
    estimated = sum((part.estimated or Decimal() for part in known), Decimal()) if known else None
    return Line(
        day=day,
        provider_key_id=key,
        item=item,
        line_item=" + ".join(billed.wordings) if billed else _name(item),
        currency=currency,
        estimated=estimated,
        billed=billed.amount if billed else None,
        credits=billed.credits if billed else Decimal(),
        otherwise=tuple(_otherwise(known, estimated)),
        rows=sum(part.rows + 1 for part in known),
        bill_rows=billed.rows if billed else 0,
        unpriced=len(known) < len(found),
        bill_told=told.bill(key, day),
        usage_told=told.usage(key, item, day),
    )


def _name(item: Item) -> str:
    return f"{item.model}, {item.kind}" if item.model else item.kind


def _otherwise(known: list[Part], estimated: Decimal | None) -> Iterable[tuple[Cause, Decimal]]:
    """The line's estimate with one of its parts read otherwise."""
    for part in known:
        for cause, amount in part.otherwise:
            yield cause, (estimated or Decimal()) - (part.estimated or Decimal()) + amount
