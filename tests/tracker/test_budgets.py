"""A budget is exact money, set and taken away in the open, and seen by its own workspace alone."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.tracker.builders import two_workspaces
from tracker import audit, budgets
from tracker.audit import OPERATOR
from tracker.budgets import Standing
from tracker.errors import BadInput


@pytest.mark.parametrize(
    ("typed", "amount"),
    [
        ("6000", "6000"),
        (" $6,000.50 ", "6000.50"),
        ("1,234,567", "1234567"),
        ("0.01", "0.01"),
        ("", None),
        ("  ", None),
    ],
)
def test_an_amount_is_read_as_people_type_it(typed: str, amount: str | None) -> None:
    assert budgets.parsed(typed) == (None if amount is None else Decimal(amount))


@pytest.mark.parametrize("typed", ["-5", "1e9", "6.000,50", "12,34", "1.005", "NaN", "six", "٣", "6000 EUR"])
def test_anything_else_is_refused(typed: str) -> None:
    with pytest.raises(BadInput, match="US dollars"):
        budgets.parsed(typed)


@pytest.mark.parametrize(
    ("spent", "expected", "standing"),
    [
        ("1500", "2700", Standing(Decimal(3000), Decimal(100), Decimal(50), Decimal(90), None)),
        ("1500", "3000", Standing(Decimal(3000), Decimal(100), Decimal(50), Decimal(100), None)),
        ("3300", "4500", Standing(Decimal(3000), Decimal(100), Decimal(110), Decimal(150), Decimal(1500))),
        (None, None, Standing(Decimal(3000), Decimal(100), None, None, None)),
    ],
)
def test_a_budget_stands_beside_what_is_spent_and_expected(
    spent: str | None, expected: str | None, standing: Standing
) -> None:
    given = {name: Decimal(part) if part else None for name, part in (("spent", spent), ("expected", expected))}

    assert budgets.standing(Decimal(3000), days=30, **given) == standing


@pytest.mark.parametrize(
    ("spent", "billed", "over", "is_used_up"),
    [("2950", "3010.5", "10.5", True), ("2950", "3000", None, False), ("3100", None, None, True)],
)
def test_a_budget_is_used_up_by_the_bill_or_by_the_estimate(
    spent: str, billed: str | None, over: str | None, is_used_up: bool
) -> None:
    told = Decimal(billed) if billed else None
    found = budgets.standing(Decimal(3000), days=30, spent=Decimal(spent), expected=None, billed=told)

    assert (found.billed_over, found.is_used_up) == (Decimal(over) if over else None, is_used_up)


def test_it_is_kept_for_its_workspace_and_each_change_is_in_the_trail(migrated_url: str) -> None:
    with two_workspaces(migrated_url, role="web") as database:
        read = []
        for amount in (Decimal("6000.50"), Decimal(1), None):
            with database.workspace(1, write=True) as session:
                budgets.set_monthly(session, 1, amount, by=OPERATOR)
            with database.workspace(1) as session:
                read.append(budgets.monthly(session, 1))
        with database.workspace(1) as session:
            told = [(entry.action, entry.subject) for entry in audit.trail(session, 1)]
        with database.workspace(2, write=True) as session:
            assert budgets.monthly(session, 2) is None
            with pytest.raises(BadInput):
                budgets.set_monthly(session, 2, Decimal(0), by=OPERATOR)

    assert read == [Decimal("6000.5"), Decimal(1), None]
    assert told == [
        ("took the budget away", ""),
        ("set the budget", "$1 a month"),
        ("set the budget", "$6,000.50 a month"),
    ]
