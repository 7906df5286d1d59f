"""The state of an installation and of the ledger, as plain fields for commands and pages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta

from sqlalchemy import func, select

from tracker import coverage, health, runs, standing
from tracker.coverage import LedgerDay
from tracker.models import Coverage, FetchRun, KeyStatus, Member, ProviderKey, table_of
from tracker.product import Product

KEYS, LEDGER, RUNS, MEMBERS = table_of(ProviderKey), table_of(Coverage), table_of(FetchRun), table_of(Member)

FRESH = timedelta(hours=24)
SUCCESS_PERIOD = timedelta(days=7)


def coverage_fields(days: Mapping[date, LedgerDay]) -> Iterator[dict[str, object]]:
    """One row a day of an endpoint, oldest first."""
    for day, row in sorted(days.items()):
        yield {
            "day": day,
            "state": row.state.value,
            "complete": coverage.is_complete(day, row),
            "rows": row.rows,
            "read_at": row.fetched_at,
            "restated_at": row.restated_at,
            "retry_at": row.retry_at,
            "attempts": row.attempts,
        }


def status_fields(product: Product, *, now: datetime) -> dict[str, object]:
    """How the installation stands, then the product's success figures: users with a valid key, fresh data, and runs."""
    in_use = (KEYS.c.deleted_at.is_(None), KEYS.c.paused_at.is_(None))
    valid = (*in_use, KEYS.c.status == KeyStatus.VALID)
    fresh = select(LEDGER.c.provider_key_id).where(LEDGER.c.fetched_at > now - FRESH).distinct()
    finished = (RUNS.c.finished_at > now - SUCCESS_PERIOD,)
    with product.database.crossing("operator") as session:
        users = select(func.count(MEMBERS.c.user_id.distinct())).join(
            KEYS, KEYS.c.workspace_id == MEMBERS.c.workspace_id
        )
        figures = {
            "users_with_valid_key": session.execute(users.where(*valid)).scalar_one(),
            "keys": session.execute(select(func.count()).select_from(KEYS).where(*in_use)).scalar_one(),
            "valid_keys": session.execute(select(func.count()).select_from(KEYS).where(*valid)).scalar_one(),
            "fresh_keys": session.execute(
                select(func.count()).select_from(KEYS).where(*in_use, KEYS.c.id.in_(fresh)),
            ).scalar_one(),
            "runs": session.execute(select(func.count()).select_from(RUNS).where(*finished)).scalar_one(),
            "runs_done": session.execute(
                select(func.count()).select_from(RUNS).where(*finished, RUNS.c.outcome == "done"),
            ).scalar_one(),
            "workers": runs.living_workers(session, now=now),
        }
    seen = standing.look(product.database, now=now)
    return {
        "at": now,
        "schema": health.schema_state(product.database),
        "connections_due": seen.due,
        "connections_behind": seen.behind,
        **health.words(seen, now=now),
        **figures,
        "share_of_keys_with_data_within_24_h": share(figures["fresh_keys"], figures["keys"]),
        "job_success_over_7_days": share(figures["runs_done"], figures["runs"]),
    }


def share(part: int, whole: int) -> float | None:
    """A ratio to four digits; None when there is nothing to take a share of."""
    return round(part / whole, 4) if whole else None
