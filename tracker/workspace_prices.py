"""Agreed prices in the table: added, ended and read. Adding or ending one changes no stored cost by itself."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import bindparam, insert, select, update
from sqlmodel import Session

from tracker import audit, own_prices
from tracker.audit import Action, Actor
from tracker.clock import utc_now
from tracker.db import plain
from tracker.errors import BadInput, Conflict, NotFound
from tracker.models import WorkspacePrice, table_of
from tracker.own_prices import OwnPrice, OwnPrices
from tracker.providers import PROVIDERS
from tracker.ratecards import CONTEXTS

PRICES = table_of(WorkspacePrice)
SAID = ("id", "provider", "model", "effective_from", "ends_on", "variant", "factor", "rates", "note")
MAX_NOTE = 500


def add(session: Session, workspace_id: int, price: OwnPrice, *, by: Actor) -> int:
    """Store a price (its id is ignored); the new id. BadInput when it says nothing or what cannot be."""
    _check(price)
    row = {name: getattr(price, name) for name in SAID if name not in {"id", "rates"}}
    said = json.dumps({name: str(rate) for name, rate in sorted(price.rates.items())})
    statement = insert(PRICES).values(
        workspace_id=workspace_id,
        **row,
        rates=said,
        content_sha256=price.content_sha256,
        created_by=by.user_id,
        created_at=utc_now(),
    )
    number = session.execute(statement.returning(PRICES.c.id)).scalar_one()
    subject = f"{price.provider} {price.model} from {price.effective_from}"
    audit.record(session, workspace_id, Action.PRICE_ADDED, by, subject=subject)
    return int(number)


def _check(price: OwnPrice) -> None:
    if (price.factor is None) == (not price.rates):
        raise BadInput("An agreed price is either a factor on the list price or rates of its own. Give one of the two.")
    if price.factor is not None:
        own_prices.checked_factor(str(price.factor))
    for name, rate in price.rates.items():
        own_prices.checked_rate(name, str(rate))
    if not price.model or len(price.model) > MAX_NOTE or len(price.note) > MAX_NOTE:
        raise BadInput(f"An agreed price names a model, and its name and note have at most {MAX_NOTE} characters.")
    if not (price.model + price.note).isprintable() or "*" in price.model[:-1]:
        raise BadInput("The model of an agreed price is one line, and `*` stands for the rest at its end only.")
    if price.provider not in PROVIDERS:
        raise BadInput(f"There is no provider {price.provider[:40]!r}. Known: {', '.join(sorted(PROVIDERS))}.")
    if price.variant is not None and price.variant not in CONTEXTS:
        raise BadInput(f"There is no tier {price.variant[:40]!r}. Known: {', '.join(CONTEXTS)}.")
    if price.ends_on is not None and price.ends_on < price.effective_from:
        raise BadInput("The price ends before the day from which it holds. Choose a later last day.")


def end(session: Session, workspace_id: int, price_id: int, *, on: date, by: Actor) -> None:
    """Let a price end before the UTC day `on`; its first day takes it back whole. NotFound, or Conflict if ended."""
    found = next((each for each in every(session, workspace_id).prices if each.id == price_id), None)
    if found is None:
        raise NotFound(f"There is no agreed price {price_id}. Prices shows those there are.")
    if found.ends_on is not None:
        raise Conflict(f"The agreed price {price_id} ends on {found.ends_on} already. Nothing is left to do.")
    of_price = (PRICES.c.workspace_id == workspace_id, PRICES.c.id == price_id)
    session.execute(update(PRICES).where(*of_price).values(ends_on=max(on, found.effective_from), ended_at=utc_now()))
    subject = f"{found.provider} {found.model} from {found.effective_from}"
    audit.record(session, workspace_id, Action.PRICE_ENDED, by, subject=subject)


def every(session: Session, workspace_id: int) -> OwnPrices:
    """All prices ever agreed, oldest first, ended ones included."""
    found = plain.rows(session, EVERY, {"of_workspace": workspace_id})
    return OwnPrices(tuple(_price(dict(zip(SAID, row, strict=True))) for row in found))


def any_by_unit(session: Session, workspace_id: int) -> bool:
    """Whether a price by the unit was ever agreed: without one, all that has a price is priced by tokens."""
    units = set(own_prices.UNIT_RATES.values())
    return any(units & each.rates.keys() for each in every(session, workspace_id).prices)


EVERY = (
    select(*(PRICES.c[name] for name in SAID))
    .where(PRICES.c.workspace_id == bindparam("of_workspace"))
    .order_by(PRICES.c.id)
)


def _price(row: dict[str, Any]) -> OwnPrice:
    rates = {name: Decimal(rate) for name, rate in json.loads(str(row["rates"])).items()}
    return OwnPrice(**{**row, "rates": rates})
