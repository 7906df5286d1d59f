"""What a story must have come to: every row of every key once, as the provider tells it now, and every bill."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal

from sqlalchemy import Table, func, select
from sqlmodel import Session

from tests.simulation.story import Story
from tracker import clock, money, reconcile
from tracker.coverage import LONGEST_LEASE
from tracker.models import BilledCostRow, Coverage, DailyUsage, UsageEvent, UsageSeries, table_of
from tracker.product import Product
from tracker.reconcile import Connection

EVENTS, SERIES, BILLED = table_of(UsageEvent), table_of(UsageSeries), table_of(BilledCostRow)
DAILY, LEDGER = table_of(DailyUsage), table_of(Coverage)

KEYS = {(1, 1): "acme", (1, 2): "globex", (2, 3): "acme"}
"""Workspace and connection → organisation: two in one workspace, and another workspace's key of one of them."""

Row = tuple[object, ...]


def judge(story: Story, ready: Product) -> dict[str, str]:
    """What is wrong of every finished day: where → what. Empty when all is as the provider says."""
    found = dict[str, str]()
    truths = {org: (Counter(true_usage(story, org)), Counter(true_bill(story, org))) for org in set(KEYS.values())}
    for key, org in KEYS.items():
        workspace_id, key_id = key
        with ready.database.workspace(workspace_id) as session:
            true_rows, true_lines = truths[org]
            found[f"usage of key {key_id}"] = difference(usage(session, key, story), true_rows)
            found[f"bill of key {key_id}"] = difference(bill(session, key), true_lines)
            found[f"rollup of workspace {workspace_id}"] = difference(
                [total(session, DAILY, workspace_id)], [total(session, EVENTS, workspace_id)]
            )
            found[f"leases of key {key_id}"] = difference(leased(session, key), [])
            found[f"days of key {key_id} read in the future"] = difference(read_in_the_future(session, key), [])
        found[f"uncovered days of key {key_id}"] = difference(uncovered(ready, Connection(*key)), [])
    return {where: what for where, what in found.items() if what}


def difference(ours: Iterable[Row], theirs: Iterable[Row]) -> str:
    """What we have too much and what we lost; nothing when they are alike."""
    stored, told = Counter(ours), Counter(theirs)
    if stored == told:
        return ""
    return f"too much {_some(stored - told)}, lost {_some(told - stored)}"


def _some(rows: Counter[Row]) -> str:
    first = sorted(rows, key=repr)
    return f"{rows.total()} rows" + (f": {', '.join(map(str, first[0]))} …" if first else "")


def usage(session: Session, key: tuple[int, int], story: Story) -> Iterator[Row]:
    """Bucket, project, model, counts and cost in nano-dollars of each stored row before today."""
    statement = (
        select(EVENTS.c.bucket_start, SERIES.c.project_id, SERIES.c.model, EVENTS.c.requests, EVENTS.c.input_tokens)
        .add_columns(EVENTS.c.output_tokens, EVENTS.c.estimated_cost)
        .join_from(EVENTS, SERIES, EVENTS.c.series_id == SERIES.c.id)
        .where(EVENTS.c.workspace_id == key[0], SERIES.c.workspace_id == key[0], SERIES.c.provider_key_id == key[1])
        .where(EVENTS.c.bucket_start < clock.day_start(clock.day_of(story.now)))
    )
    for *counts, cost in session.execute(statement):
        yield (*counts, _nanos(cost))


def true_usage(story: Story, org: str) -> Iterator[Row]:
    start, end = story.world.start, clock.day_start(clock.day_of(story.now))
    for row in story.world.truth_rows(org, "completions", start, end, 86_400):
        counts = (row.measures[name] for name in ("num_model_requests", "input_tokens", "output_tokens"))
        yield (row.bucket_start, row.dims["project_id"], row.dims["model"], *counts, _nanos(row.cost))


def bill(session: Session, key: tuple[int, int]) -> Iterator[Row]:
    """Day, line and nano-dollars of each stored line of the bill."""
    columns = (BILLED.c.day, BILLED.c.line_item, BILLED.c.project_id, BILLED.c.amount)
    statement = select(*columns).where(BILLED.c.workspace_id == key[0], BILLED.c.provider_key_id == key[1])
    for *line, amount in session.execute(statement):
        yield (*line, _nanos(amount))


def true_bill(story: Story, org: str) -> Iterator[Row]:
    for line in story.world.truth_bill(org, clock.day_of(story.world.start), clock.day_of(story.now)):
        yield (line.day, line.line_item, line.project_id, _nanos(line.amount))


def total(session: Session, table: Table, workspace_id: int) -> Row:
    """Nano-dollars and tokens of the workspace."""
    sums = (func.sum(table.c.estimated_cost), func.sum(table.c.requests), func.sum(table.c.input_tokens))
    return tuple(session.execute(select(*sums).where(table.c.workspace_id == workspace_id)).one())


def leased(session: Session, key: tuple[int, int]) -> list[Row]:
    """The days that somebody holds; a lease that ends later was made by a wrong clock, and is void."""
    now = clock.utc_now()
    of_key = (LEDGER.c.workspace_id == key[0], LEDGER.c.provider_key_id == key[1])
    statement = select(LEDGER.c.endpoint, LEDGER.c.day).where(
        *of_key, LEDGER.c.lease_until.between(now, now + LONGEST_LEASE)
    )
    return [tuple(row) for row in session.execute(statement)]


def read_in_the_future(session: Session, key: tuple[int, int]) -> list[Row]:
    """The days that a wrong clock's readings settled: nothing may be stored of those."""
    of_key = (LEDGER.c.workspace_id == key[0], LEDGER.c.provider_key_id == key[1])
    statement = select(LEDGER.c.endpoint, LEDGER.c.day).where(*of_key, LEDGER.c.fetched_at > clock.utc_now())
    return [tuple(row) for row in session.execute(statement)]


def uncovered(ready: Product, connection: Connection) -> list[Row]:
    """The oldest finished day that the ledger calls unread, if there is any."""
    found: date | None = reconcile.plan(ready, connection, now=clock.utc_now()).uncovered
    return [(found,)] if found else []


def _nanos(cost: Decimal | None) -> int | None:
    return None if cost is None else money.to_nanos(cost)


def totals(ready: Product) -> list[Row]:
    """The sums of each workspace, by which two runs of one story are compared."""
    found = list[Row]()
    for workspace_id in sorted({key[0] for key in KEYS}):
        with ready.database.workspace(workspace_id) as session:
            found.append(total(session, EVENTS, workspace_id))
    return found
