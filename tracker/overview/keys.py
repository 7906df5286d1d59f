"""What Settings shows of each connection and of the worker, read in one go. Frozen values; pages only draw them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlmodel import Session, col

from tracker import passports, storage
from tracker.models import Coverage, DailyUsage, FetchRun, KeyStatus, ProviderKey, Worker, table_of
from tracker.overview import days, next_reading
from tracker.overview.days import Progress
from tracker.passports import Passport
from tracker.product import Product
from tracker.providers import provider as provider_named
from tracker.runs import living_workers

RUNS, LEDGER, DAILY, WORKERS = table_of(FetchRun), table_of(Coverage), table_of(DailyUsage), table_of(Worker)


@dataclass(frozen=True)
class KeyCard:
    """A connection whose key was not deleted. Instants are UTC; `read_days` counts days of which anything is stored."""

    provider_key_id: int
    provider: str
    label: str
    last4: str
    status: KeyStatus
    reason: str | None
    checked_at: datetime | None
    paused: bool
    used: bool
    read_at: datetime | None
    retry_at: datetime | None
    progress: Progress
    read_days: int
    too_powerful: bool


@dataclass(frozen=True)
class LastRun:
    """The newest finished run in the workspace that had anything to read; if none had, the newest."""

    finished_at: datetime
    units_done: int
    units_failed: int
    reason: str | None
    key_id: int | None = None


@dataclass(frozen=True)
class Standing:
    """The workspace's connections, and what the worker last did and does next (a sentence).

    `full` tells, when no worker lives, whether the disk of the database is; `ended` whether anything was read with keys
    that are deleted by now.
    """

    now: datetime
    keys: tuple[KeyCard, ...]
    last_run: LastRun | None
    workers: int
    seen_at: datetime | None
    next_reading: str
    full: bool = False
    ended: bool = False


def read(product: Product, workspace_id: int, *, now: datetime) -> Standing:
    """How things stand at `now` (aware UTC)."""
    with product.database.exempt() as session:
        alive = living_workers(session, now=now)
        newest = session.execute(select(WORKERS).order_by(WORKERS.c.seen_at.desc()).limit(1)).first()
    with product.database.workspace(workspace_id) as session:
        rows = session.execute(
            select(ProviderKey)
            .where(col(ProviderKey.workspace_id) == workspace_id, col(ProviderKey.deleted_at).is_(None))
            .order_by(col(ProviderKey.id))
        )
        known = passports.every(session, workspace_id)
        found = rows.scalars().all()
        keys = tuple(_card(session, row, known.get(row.id or 0), now) for row in found)
        hour = product.settings.fetch_hour_utc
        of_days = days.read_keys(session, workspace_id)
        then = next_reading.sentence(of_days.awaited, workers=alive, fetch_hour=hour, now=now)
        last = _last_run(session, workspace_id)
    return Standing(
        now=now,
        keys=keys,
        last_run=last,
        workers=alive,
        seen_at=newest.seen_at if newest else None,
        next_reading=then,
        full=not alive and storage.is_full(str(product.database.engine.url)),
        ended=bool(of_days.ended),
    )


def connected(product: Product, workspace_id: int) -> list[str]:
    """The labels of the connections to be read."""
    with product.database.workspace(workspace_id) as session:
        return [key.label for key in days.read_keys(session, workspace_id).every]


def is_blank(product: Product, workspace_id: int) -> bool:
    """Whether nothing was ever connected, or read with what was."""
    with product.database.workspace(workspace_id) as session:
        known = days.read_keys(session, workspace_id)
        return not (known.every or known.doubled or known.ended)


def _card(session: Session, row: ProviderKey, passport: Passport | None, now: datetime) -> KeyCard:
    key_id = row.id or 0
    of_key = (LEDGER.c.workspace_id == row.workspace_id, LEDGER.c.provider_key_id == key_id)
    read_at, read_days = session.execute(
        select(func.max(LEDGER.c.fetched_at), func.count(LEDGER.c.day.distinct())).where(
            *of_key, LEDGER.c.fetched_at.is_not(None)
        )
    ).one()
    used = select(DAILY.c.day).where(DAILY.c.workspace_id == row.workspace_id, DAILY.c.provider_key_id == key_id)
    return KeyCard(
        provider_key_id=key_id,
        provider=provider_named(row.provider).title,
        label=row.label,
        last4=row.last4,
        status=KeyStatus(row.status),
        reason=row.status_reason if row.status != KeyStatus.VALID else _failing(session, row, now),
        checked_at=row.checked_at,
        paused=row.paused_at is not None,
        used=session.execute(used.limit(1)).first() is not None,
        read_at=read_at,
        retry_at=row.retry_at if row.retry_at and row.retry_at > now else None,
        progress=days.progress(session, row.workspace_id, [row], now=now),
        read_days=read_days,
        too_powerful=bool(passport and passport.excess),
    )


def _failing(session: Session, row: ProviderKey, now: datetime) -> str | None:
    """Why nothing is read for a moment with a key that works, by the newest day that failed; None when it is read."""
    if row.retry_at is None or row.retry_at <= now:
        return None
    of_key = (LEDGER.c.workspace_id == row.workspace_id, LEDGER.c.provider_key_id == row.id)
    failed = select(LEDGER.c.reason).where(*of_key, LEDGER.c.attempts > 0, LEDGER.c.reason.is_not(None))
    return session.execute(failed.order_by(LEDGER.c.day.desc()).limit(1)).scalar()


def _last_run(session: Session, workspace_id: int) -> LastRun | None:
    row = session.execute(
        select(RUNS.c.finished_at, RUNS.c.units_done, RUNS.c.units_failed, RUNS.c.reason, RUNS.c.provider_key_id)
        .where(RUNS.c.workspace_id == workspace_id, RUNS.c.finished_at.is_not(None))
        .order_by(RUNS.c.units_done + RUNS.c.units_failed == 0, RUNS.c.finished_at.desc())
        .limit(1)
    ).first()
    return LastRun(*row) if row else None
