"""One unit of work: claim it, read it, store it or say why not. Each step is its own transaction under the lease.

Whatever a provider, another worker or a lost connection does, the ledger ends in a state from which the
unit is either whole or due again. Nothing here raises for such things; only a defect does.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from sqlmodel import Session

from tracker import checking, clock, coverage, duplicates, ingest, ledger, metrics, organisations, pauses, withheld
from tracker.clock import utc_now
from tracker.connections import AnyKept
from tracker.coverage import Unit
from tracker.errors import (
    Blocked,
    ClockWrong,
    KeyRejected,
    KeyUnreadable,
    LeaseLost,
    LookbackExceeded,
    NoRoom,
    NotFound,
    ProviderDown,
    ProviderError,
    RateLimited,
    RingBehind,
    ScopeMissing,
)
from tracker.ingest import Stored
from tracker.ledger import Claim
from tracker.models import KeyStatus, ProviderKey
from tracker.opened import (
    Opened,
    Wait,
    ids,
    lock_its_key,
    open_key,
    present,
    set_unreadable,
    still_its_key,
    works_again,
)
from tracker.points import reached
from tracker.product import Product
from tracker.providers import provider as provider_named
from tracker.providers.base import Endpoint, Fetched
from tracker.reconcile import Connection, standing_of

FAILURES_TO_PAUSE = 3
"""Failures in a row, over all endpoints, from which on the whole key waits, for ever longer: see `_pause_after`."""


class Outcome(StrEnum):
    """How a unit ended; TAKEN is another worker's success or ours too late, EDGE the beginning of the history.

    PAUSED was not begun, because its organisation asked to be left alone.
    """

    STORED = "stored"
    FAILED = "failed"
    TAKEN = "taken"
    EDGE = "edge"
    PAUSED = "paused"


@dataclass(frozen=True)
class Done:
    """A unit's end: how, how many days and rows, and why not."""

    outcome: Outcome
    days: int = 0
    rows: int = 0
    reason: str | None = None


def work(product: Product, connection: Connection, unit: Unit, *, owner: str, wait: Wait) -> Done:
    """Do one planned unit."""
    reached("unit begun")
    try:
        opened, claimed = product.database.retrying(lambda: _begin(product, connection, unit, owner=owner, wait=wait))
    except (LeaseLost, NotFound):
        return Done(Outcome.TAKEN)
    except RateLimited as error:
        return Done(Outcome.PAUSED, reason=str(error))
    except KeyUnreadable as error:
        set_unreadable(product, connection, error)
        return Done(Outcome.FAILED, reason=str(error))
    except RingBehind as error:
        checking.postpone(product, connection, error)
        return Done(Outcome.FAILED, reason=str(error))
    reached("claim committed")
    opened.calls.claimed = claimed
    asked_at, served = utc_now(), list[datetime]()
    try:
        endpoint, client = endpoint_of(opened.row, unit), replace(opened.client(), served=served.append)
        fetched = opened.provider.fetch(client, endpoint, unit.start, unit.end, now=asked_at)
        reached("answer complete")
        _believe_clock(asked_at)
        metrics.UNKNOWN_FIELDS.labels(endpoint.name).inc(sum(fetched.unknown_fields.values()))
        # As of the asking: what was asked before midnight does not tell the whole day, whenever it is stored. Nor does
        # what was given before it by the provider's own clock, though ours may be a little ahead.
        as_of = min([asked_at, *served])
        stored = product.database.retrying(lambda: _store(opened, claimed, fetched, as_of=as_of))
    except LeaseLost:  # also because another key took this one's place: then the lease is still ours
        return give_back(product, connection, unit, owner=owner)
    except NoRoom as error:
        return put_aside(product, connection, unit, owner=owner, error=error)
    except ProviderError as error:
        return _failed(opened, claimed, error)
    reached("unit committed")
    return Done(Outcome.STORED, days=stored.days, rows=stored.rows)


def _believe_clock(asked_at: datetime) -> None:
    """Refuse what was asked for with a clock far off, though it is right by now: days to come would be empty.

    And a day long past would hold no more than its first hours.
    """
    if abs(asked_at - utc_now()) > clock.DAY:
        raise ClockWrong("This machine's clock was set while the days were read. They are read again.")


def put_aside(product: Product, connection: Connection, unit: Unit, *, owner: str, error: Exception) -> Done:
    """Fail a unit that raised what nobody foresaw, so that it blocks nothing else and is tried again later.

    A key with which nothing else succeeds is set aside whole. A unit that could not even be claimed, for want of space
    say, puts its whole connection off: it would be due at once.
    """
    claimed = Claim(connection.workspace_id, connection.provider_key_id, unit.claimed, owner)
    reason, now = checking.reason_of(error), utc_now()
    try:
        with product.database.workspace(connection.workspace_id, write=True) as session:
            if checking.is_ours(error):  # also that the connection's row was waited for in vain: not once more
                ledger.put_off(session, claimed, reason, now=now)
            else:
                row = present(session, connection, lock=True)
                ledger.fail(session, claimed, reason, now=now)
                row.failures += 1
                _pause_after(row, now)
    except LeaseLost:
        checking.postpone(product, connection, error)
    return Done(Outcome.FAILED, reason=reason)


def give_back(product: Product, connection: Connection, unit: Unit, *, owner: str) -> Done:
    """Release a unit that was begun and is not going to be finished (the worker stops, or its key is gone)."""
    claimed = Claim(connection.workspace_id, connection.provider_key_id, unit.claimed, owner)
    # A unit that was stored meanwhile, or never begun, has no lease to give back.
    with suppress(LeaseLost), product.database.workspace(connection.workspace_id, write=True) as session:
        ledger.give_back(session, claimed)
    return Done(Outcome.TAKEN)


def endpoint_of(row: AnyKept, unit: Unit) -> Endpoint:
    """The endpoint a unit is about."""
    return next(endpoint for endpoint in provider_named(row.provider).endpoints if endpoint.name == unit.endpoint)


def _begin(product: Product, connection: Connection, unit: Unit, *, owner: str, wait: Wait) -> tuple[Opened, Claim]:
    """Claim the unit and open the key in one transaction, which reads again whether the key may still be used.

    The claim comes first: of several workers all but one find the unit taken, and those need no key.
    """
    with product.database.workspace(connection.workspace_id, write=True) as session:
        stands = standing_of(session, connection)
        if stands is None or stands.status != KeyStatus.VALID or stands.paused_at:
            raise LeaseLost("The key is not to be used now.")
        claimed = ledger.claim(session, *ids(connection), unit, owner=owner, now=utc_now())
        reached("days claimed")
        opened = open_key(product, session, connection, wait=wait)
        reached("key opened")
        if until := pauses.ends_at(session, opened.scope, now=utc_now()):
            raise RateLimited(f"{opened.provider.title} asked us to wait.", retry_at=until)
        opened.calls.foresee(session, "GET", endpoint_of(opened.row, unit).path)
    return opened, claimed


def _store(opened: Opened, claimed: Claim, fetched: Fetched, *, as_of: datetime) -> Stored:
    """All of a unit in one transaction. A key replaced or deleted meanwhile makes the result void.

    The connection's row is locked first: its endpoints share the days of the rollup, and two stores at once
    would each sum without the other's rows.
    """
    with opened.product.database.workspace(claimed.workspace_id, write=True) as session:
        mark = lock_its_key(session, opened)
        reached("connection locked for storing")
        unknown = mark.names_readable is False and not organisations.is_known(session, *ids(opened.connection))
        stored = ingest.store(
            session,
            claimed,
            fetched,
            endpoint=endpoint_of(opened.row, claimed.unit),
            provider=opened.row.provider,
            now=as_of,
        )
        duplicates.give_way(session, claimed, opened.row.provider)
        if unknown and organisations.is_known(session, *ids(opened.connection)):
            duplicates.compare_later(session, *ids(opened.connection), now=utc_now())
        withheld.take_up(session, claimed, since=clock.day_of(as_of) - opened.provider.history)
        if mark.failures or mark.retry_at:
            works_again(session, opened)
        reached("unit stored")
        opened.calls.flush(session)
    return stored


def _failed(opened: Opened, claimed: Claim, error: ProviderError) -> Done:
    """Write down why a unit was not read and what follows from it for the key."""
    opened.calls.claimed = None
    if isinstance(error, ScopeMissing):
        return _scope_missing(opened, claimed, error)
    now = utc_now()
    try:
        with opened.product.database.workspace(claimed.workspace_id, write=True) as session:
            row = still_its_key(session, opened)
            _react(session, row, claimed, error, now=now)
            reached("failure noted")
            opened.calls.flush(session)
    except LeaseLost:
        return Done(Outcome.TAKEN)
    reached("failure committed")
    return Done(Outcome.EDGE if _is_edge(claimed, error) else Outcome.FAILED, reason=str(error))


def _is_edge(claimed: Claim, error: ProviderError) -> bool:
    """Whether the provider merely told where its history begins, inside or after the unit."""
    return isinstance(error, LookbackExceeded) and error.earliest_day > claimed.unit.start


def _react(session: Session, row: ProviderKey, claimed: Claim, error: ProviderError, *, now: datetime) -> None:
    if isinstance(error, LookbackExceeded) and _is_edge(claimed, error):
        row.history_from = max(error.earliest_day, row.history_from or error.earliest_day)
        ledger.set_unavailable(session, claimed, str(error), now=now, before=error.earliest_day)
        return
    retry_at = error.retry_at if isinstance(error, RateLimited) else None
    ledger.fail(session, claimed, str(error), now=now, retry_at=retry_at)
    row.failures += 1
    if isinstance(error, KeyRejected):
        row.status, row.status_reason, row.next_due_at = KeyStatus.INVALID, _refused_later(row), None
    elif isinstance(error, RateLimited):
        row.retry_at = retry_at
    elif isinstance(error, ProviderDown | Blocked):
        _pause_after(row, now)


def _pause_after(row: ProviderKey, now: datetime) -> None:
    """Let the whole key wait when so much has failed in a row with it that asking for more would only fail again."""
    if row.failures >= FAILURES_TO_PAUSE:
        row.retry_at = now + coverage.retry_in(row.failures - FAILURES_TO_PAUSE + 1)


def _refused_later(row: ProviderKey) -> str:
    title = provider_named(row.provider).title
    return f"{title} no longer accepts this key: it was revoked or has expired. Replace it; its history stays."


def _scope_missing(opened: Opened, claimed: Claim, error: ScopeMissing) -> Done:
    """Either the whole key lost its permission, or this endpoint alone may not be read with it.

    Days of an endpoint that never could be read are not waited for. Of one that was, they are unread until it is again.
    """
    verdict = checking.check(opened.product, opened.connection, wait=opened.wait)
    reached("permission asked for again")
    try:
        with opened.product.database.workspace(claimed.workspace_id, write=True) as session:
            opened.calls.flush(session)
            works = verdict is not None and verdict.status == "valid"
            if works and not withheld.was_readable(session, claimed):
                ledger.set_unavailable(session, claimed, str(error), now=utc_now())
            else:
                ledger.fail(session, claimed, str(error), now=utc_now())
    except LeaseLost:
        return Done(Outcome.TAKEN)
    return Done(Outcome.FAILED, reason=str(error))
