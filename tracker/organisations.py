"""Which organisation a connection leads to, as far as its projects tell. One organisation is connected once."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal

from sqlalchemy import bindparam, func, select
from sqlmodel import Session

from tracker import clock
from tracker.db import dialect_of, plain
from tracker.models import BilledCostRow, DailyUsage, KeyStatus, Name, ProviderKey, UsageSeries, table_of
from tracker.providers.base import Verdict

KEYS, NAMES, SERIES = table_of(ProviderKey), table_of(Name), table_of(UsageSeries)
BILLED, DAILY = table_of(BilledCostRow), table_of(DailyUsage)


TURN = select(func.pg_advisory_xact_lock(0x0B6, bindparam("number")))
EVERY = (
    select(KEYS.c.id)
    .where(KEYS.c.workspace_id == bindparam("of_workspace"))
    .order_by(KEYS.c.id)
    .with_for_update(key_share=True)
)


def take_turn(session: Session, workspace_id: int) -> None:
    """Let nobody else judge whose key is whose in the workspace, or store with one, until the transaction ends.

    First in it: who looked before would not see what the other wrote. SQLite's one writer has the turn anyway. A
    workspace without a connection has no row to lock, and the web may lock no row of the workspace itself.
    """
    if dialect_of(session) == "postgresql":
        session.execute(TURN, {"number": workspace_id % 2**31})
    session.execute(EVERY, {"of_workspace": workspace_id}).all()


def ids(session: Session, workspace_id: int, provider_key_id: int) -> frozenset[str]:
    """The project ids known of a connection's organisation, from names and from usage."""
    of_names = select(NAMES.c.ref).where(
        NAMES.c.workspace_id == workspace_id,
        NAMES.c.provider_key_id == provider_key_id,
        NAMES.c.kind == "project",
    )
    of_usage = select(SERIES.c.project_id).where(
        SERIES.c.workspace_id == workspace_id,
        SERIES.c.provider_key_id == provider_key_id,
        SERIES.c.project_id.is_not(None),
    )
    found = {*session.execute(of_names).scalars(), *session.execute(of_usage.distinct()).scalars()}
    return frozenset(str(ref) for ref in found)


def foreign_sentence(session: Session, row: ProviderKey, verdict: Verdict) -> str | None:
    """That a key leads to another organisation than its connection's history, also if that shows only later."""
    known = ids(session, row.workspace_id, row.id or 0)
    if not known or not verdict.organisation or known & verdict.organisation:
        return None
    told = f"This key belongs to another organisation than {row.label!r}."
    if connected(session, row.workspace_id, row.provider, verdict, but=row.id):
        return f"{told} That one is connected already: replace this key by one of the organisation it was for."
    return f"{told} Add it as a connection of its own."


def idle_sentence(session: Session, row: ProviderKey, verdict: Verdict, *, now: datetime) -> str | None:
    """That a key shows no usage of an organisation that cannot be recognised, while its connection holds some.

    Read with it, the last weeks of the connection would be replaced by nothing. What holds nothing loses nothing.
    """
    known = ids(session, row.workspace_id, row.id or 0)
    if verdict.shows_usage is not False or known & verdict.organisation or not _holds_usage(session, row, now):
        return None
    return (
        f"This key shows no usage of the last 31 days, and {row.label!r} holds some: it seems to belong to another "
        f"organisation, and what was read would be lost. Paste a key of the organisation that {row.label!r} reads, or "
        "add this one as a connection of its own."
    )


CHECKED = 30 * clock.DAY
"""A check looks back so far, and at today."""

SURELY_TOLD = 2 * clock.DAY
"""What is used is seen in the bill so much later at the latest; not everything that costs is seen before."""

BILLED_LATELY = (
    select(BILLED.c.day)
    .where(
        BILLED.c.workspace_id == bindparam("of_workspace"),
        BILLED.c.provider_key_id == bindparam("of_key"),
        BILLED.c.day >= bindparam("first"),
        BILLED.c.amount > Decimal(),
    )
    .limit(1)
)
USED_LATELY = (
    select(DAILY.c.day)
    .where(
        DAILY.c.workspace_id == bindparam("of_workspace"),
        DAILY.c.provider_key_id == bindparam("of_key"),
        DAILY.c.day >= bindparam("first"),
        DAILY.c.day < bindparam("end"),
        DAILY.c.estimated_cost > Decimal(),
    )
    .limit(1)
)


def _holds_usage(session: Session, row: ProviderKey, now: datetime) -> bool:
    """Whether a check of the same organisation would surely see usage."""
    today = clock.day_of(now)
    of = {"of_workspace": row.workspace_id, "of_key": row.id, "first": today - CHECKED}
    billed = session.execute(BILLED_LATELY, of).first()
    used = billed or session.execute(USED_LATELY, {**of, "end": today - SURELY_TOLD}).first()
    return used is not None


def is_known(session: Session, workspace_id: int, provider_key_id: int) -> bool:
    """Whether any project id of a connection's organisation is known: a first one makes it comparable."""
    of = {"of_workspace": workspace_id, "of_key": provider_key_id}
    return bool(plain.rows(session, ANY_NAME, of) or plain.rows(session, ANY_SERIES, of))


ANY_NAME = (
    select(NAMES.c.ref)
    .where(
        NAMES.c.workspace_id == bindparam("of_workspace"),
        NAMES.c.provider_key_id == bindparam("of_key"),
        NAMES.c.kind == "project",
    )
    .limit(1)
)
ANY_SERIES = (
    select(SERIES.c.id)
    .where(
        SERIES.c.workspace_id == bindparam("of_workspace"),
        SERIES.c.provider_key_id == bindparam("of_key"),
        SERIES.c.project_id.is_not(None),
    )
    .limit(1)
)


@dataclass(frozen=True)
class Sharing:
    """A connection that leads to a given organisation. One that is deleted keeps its history."""

    id: int
    label: str
    status: str
    deleted_at: datetime | None


def sharing(
    session: Session, workspace_id: int, provider: str, organisation: frozenset[str], *, but: int | None = None
) -> list[Sharing]:
    """The connections that lead to the organisation of these project ids, the eldest first."""
    columns = (KEYS.c[each.name] for each in fields(Sharing))
    of_provider = select(*columns).where(KEYS.c.workspace_id == workspace_id, KEYS.c.provider == provider)
    every = [Sharing(*row) for row in session.execute(of_provider.order_by(KEYS.c.id)) if row.id != but]
    return [each for each in every if ids(session, workspace_id, each.id) & organisation]


def connected(
    session: Session, workspace_id: int, provider: str, verdict: Verdict, *, but: int | None = None
) -> Sharing | None:
    """The connection with which the organisation that the verdict recognised is read, or was set up to be."""
    found = sharing(session, workspace_id, provider, verdict.organisation, but=but)
    return next((each for each in found if each.deleted_at is None and each.status != KeyStatus.DUPLICATE), None)


def is_read_twice(session: Session, workspace_id: int, provider: str, provider_key_id: int) -> bool:
    """Whether another key that works leads to the organisation of this connection."""
    known = ids(session, workspace_id, provider_key_id)
    found = sharing(session, workspace_id, provider, known, but=provider_key_id)
    return any(each.deleted_at is None and each.status == KeyStatus.VALID for each in found)


def elder(session: Session, row: ProviderKey, verdict: Verdict) -> Sharing | None:
    """The eldest connection of the same organisation, be it deleted, when it is older than this one.

    The organisation is known from the verdict, or from what was read, which may show it for the first time.
    """
    known = ids(session, row.workspace_id, row.id or 0) | verdict.organisation
    found = sharing(session, row.workspace_id, row.provider, known, but=row.id)
    return found[0] if found and found[0].id < (row.id or 0) else None


def connected_sentence(label: str) -> str:
    """That the organisation is connected already under this label, to whoever would connect it anew."""
    return f"This organisation is connected already, as {label!r}. Replace that key: two would double every total."


def aside_sentence(first: Sharing) -> str:
    """Why a connection is set aside for the elder one, and what to do."""
    if first.deleted_at is None:
        return (
            f"This organisation is connected already, as {first.label!r}: two would double every total. What only this "
            f"key read stays. Delete it; then it can be pasted in place of the key of {first.label!r}."
        )
    return (
        f"This organisation's history is kept as {first.label!r}. Delete this key and add it again: it goes on there."
    )
