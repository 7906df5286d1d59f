"""What a workspace means to spend in a calendar month (UTC), in US dollars: kept, and set beside what it spends."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from sqlalchemy import bindparam, select
from sqlmodel import Session

from tracker import audit
from tracker.audit import Action, Actor
from tracker.clock import utc_now
from tracker.db import upsert
from tracker.errors import BadInput
from tracker.models import Budget, table_of

BUDGETS = table_of(Budget)

MOST = Decimal(1_000_000_000)
TYPED = re.compile(r"\$?([0-9]{1,3}(,[0-9]{3})+|[0-9]+)(\.[0-9]{1,2})?")


@dataclass(frozen=True)
class Standing:
    """A monthly budget in USD; `pace` is an even day's part of it.

    `spent` and `expected` are percent of it, whole, of what is estimated so far and of the forecast; None if unknown.
    `over` is by how much the forecast exceeds it, `billed_over` by how much the bill so far does; None where none does.
    """

    monthly: Decimal
    pace: Decimal
    spent: Decimal | None
    expected: Decimal | None
    over: Decimal | None
    billed_over: Decimal | None = None

    @property
    def is_used_up(self) -> bool:
        """Whether the bill or the estimate is beyond it."""
        return self.billed_over is not None or (self.spent or 0) > 100


MONTHLY = select(BUDGETS.c.monthly).where(BUDGETS.c.workspace_id == bindparam("of_workspace"))


def monthly(session: Session, workspace_id: int) -> Decimal | None:
    """The budget of a month in USD; None when none was set."""
    found: Decimal | None = session.execute(MONTHLY, {"of_workspace": workspace_id}).scalar()
    return found


def set_monthly(session: Session, workspace_id: int, amount: Decimal | None, *, by: Actor) -> None:
    """Set the budget of every month from now on, or take it away."""
    if amount is not None and not 0 < amount <= MOST:
        raise BadInput(f"Please type an amount above $0, and at most ${MOST:,}.")
    row = {"monthly": amount, "set_at": utc_now(), "set_by": by.user_id}
    statement = upsert(session, BUDGETS).values(workspace_id=workspace_id, **row)
    session.execute(statement.on_conflict_do_update(index_elements=["workspace_id"], set_=row))
    action = Action.BUDGET_REMOVED if amount is None else Action.BUDGET_SET
    audit.record(session, workspace_id, action, by, subject="" if amount is None else f"${amount:,} a month")


def parsed(typed: str) -> Decimal | None:
    """The amount that somebody typed, such as 6000 or $6,000.50; None for nothing, BadInput for anything else."""
    text = typed.strip()
    if not text:
        return None
    if not TYPED.fullmatch(text):
        raise BadInput("Please type an amount in US dollars, such as 6000 or 6,000.50.")
    return Decimal(text.replace("$", "").replace(",", ""))


def standing(
    budget: Decimal, *, days: int, spent: Decimal | None, expected: Decimal | None, billed: Decimal | None = None
) -> Standing:
    """The budget of a month of so many days, beside what is spent and billed so far and expected in the end."""
    return Standing(
        monthly=budget,
        pace=budget / days,
        spent=_percent(spent, budget),
        expected=_percent(expected, budget),
        over=_beyond(expected, budget),
        billed_over=_beyond(billed, budget),
    )


def _beyond(amount: Decimal | None, budget: Decimal) -> Decimal | None:
    return amount - budget if amount is not None and amount > budget else None


def _percent(part: Decimal | None, whole: Decimal) -> Decimal | None:
    return None if part is None else (part * 100 / whole).quantize(Decimal(1), ROUND_HALF_EVEN)
