"""Each operation on prices and budgets tried by everybody, and the arithmetic behind a number, and repricing."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from tests.installation import NOW
from tests.tenant_attempts import NEXT, Attempt, Recipe, within
from tests.tracker.builders import DAY
from tracker import budgets, clock, explaining, price_book, repriced, repricing, stored, workspace_prices
from tracker.overview import classes, provenance
from tracker.own_prices import OwnPrice
from tracker.repricing import Done


def _explained_row(a: Attempt) -> object:
    """The victim's first row, explained in the caller's workspace."""
    with a.stage.product("owner").database.workspace(a.victim.workspace_id) as session:
        row = next(iter(stored.rows(session, a.victim.workspace_id, clock.day_start(DAY), clock.day_start(NEXT))))
    with a.caller.inside() as session:
        return explaining.explain_row(session, a.caller.workspace_id, row.record.bucket_start, row.series_id)


def _apply(a: Attempt) -> object:
    """A price is agreed for what the caller uses, and the days are priced anew."""
    rates = {"input_tokens": Decimal(1), "output_tokens": Decimal(1)}
    with a.caller.inside() as session:
        workspace_prices.add(
            session, a.caller.workspace_id, OwnPrice(0, "openai", "qzx*", DAY, rates=rates), by=a.caller.by
        )
    return repricing.apply(a.caller.database, a.caller.workspace_id, DAY, NEXT, by=a.caller.by)


def _another() -> OwnPrice:
    return OwnPrice(0, "openai", "gpt-5.4", NOW.date(), factor=Decimal("0.5"))


GONE = Done(1, DAY, NEXT, 1, 1, NOW, undone_at=NOW, restored=0, left_as_is=1)
"""The repricing that Ada's workspace has, undone."""

RECIPES = {
    "budgets.monthly": within(lambda s, w, _: budgets.monthly(s, w), "counts"),
    "budgets.set_monthly": within(lambda s, w, a: budgets.set_monthly(s, w, Decimal(7), by=a.caller.by), "changes"),
    "workspace_prices.any_by_unit": within(lambda s, w, _: workspace_prices.any_by_unit(s, w), "nothing"),
    "workspace_prices.every": within(lambda s, w, _: workspace_prices.every(s, w)),
    "overview.provenance.sources": within(lambda s, w, _: provenance.sources(s, w, DAY, NEXT), "counts"),
    "overview.classes.cells": within(lambda s, w, _: classes.cells(s, w, [DAY]), "counts"),
    "stored.rows": within(lambda s, w, _: stored.rows(s, w, clock.day_start(DAY), clock.day_start(NEXT))),
    "price_book.read": within(lambda s, w, _: price_book.read(s, w, DAY, NEXT)),
    "explaining.models_of": within(lambda s, w, _: explaining.models_of(s, w, DAY, NEXT)),
    "explaining.days_of": within(
        lambda s, w, a: explaining.days_of(s, w, DAY, NEXT, f"{a.victim.word}-model"), "counts", aimed=True
    ),
    "explaining.explain": within(
        lambda s, w, a: explaining.explain(s, w, DAY, NEXT, f"{a.victim.word}-model"), "counts", aimed=True
    ),
    "explaining.explain_row": replace(
        within(
            lambda s, w, _: explaining.explain_row(s, w, clock.day_start(DAY), 1),
            "counts",
            aimed=True,
        ),
        run=_explained_row,
    ),
    "repricing.plan": within(lambda s, w, _: repricing.plan(s, w, DAY, NEXT), "counts"),
    "repricing.every": within(lambda s, w, _: repricing.every(s, w), "counts"),
    "repricing.find": within(lambda s, w, a: repricing.find(s, w, a.victim.workspace_id), "counts", aimed=True),
    "repriced.left_as_is": within(lambda s, w, _: repriced.left_as_is(s, w, GONE), "counts"),
    "repricing.apply": Recipe(_apply, "changes"),
    "repricing.undo": Recipe(
        lambda a: repricing.undo(a.caller.database, a.caller.workspace_id, a.victim.workspace_id, by=a.caller.by),
        "changes",
        aimed=True,
    ),
    "workspace_prices.add": within(lambda s, w, a: workspace_prices.add(s, w, _another(), by=a.caller.by), "changes"),
    "workspace_prices.end": within(
        lambda s, w, a: workspace_prices.end(s, w, a.victim.workspace_id, on=DAY, by=a.caller.by),
        "changes",
        aimed=True,
    ),
}
"""A price and a repricing have the number of their tenant's workspace (`tests.tenants`)."""
