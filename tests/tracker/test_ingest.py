"""Storing: a day is whole or absent, and the same answer twice is one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func, select

from tests.tracker.builders import AFTER, COMPLETIONS, DAY, claim, connection_of, owned, record, store, two_workspaces
from tracker import ingest, ledger, queries
from tracker import restatements as restatements_of
from tracker.buckets import Buckets
from tracker.coverage import LEASE, LedgerDay
from tracker.db import Database
from tracker.errors import LeaseLost
from tracker.models import Coverage, DailyUsage, DayState, PriceVersion, Restatement, UsageEvent, UsageSeries, table_of
from tracker.providers.base import Fetched
from tracker.usage import BilledCost

EVENTS, SERIES, DAILY = table_of(UsageEvent), table_of(UsageSeries), table_of(DailyUsage)


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    with two_workspaces(migrated_url) as opened:
        yield opened


def events(database: Database) -> list[tuple[Any, ...]]:
    with database.workspace(1) as session:
        found = session.execute(select(EVENTS).where(EVENTS.c.workspace_id == 1).order_by(EVENTS.c.bucket_start))
        return [tuple(row) for row in found]


def test_the_same_answer_twice_is_stored_once(database: Database) -> None:
    rows = [record(0), record(1), record(1, model="o3")]
    store(database, *rows)
    before = events(database)

    again = store(database, *reversed(rows), now=AFTER + timedelta(hours=1))

    assert again.changed == ()
    assert events(database) == before
    assert len(before) == 3


def test_a_revised_bucket_replaces_the_earlier_one_and_a_vanished_row_goes(database: Database) -> None:
    store(database, record(0), record(1, tokens=500), record(2))
    store(database, record(0), record(1, tokens=700), now=AFTER + timedelta(days=1))

    with database.workspace(1) as session:
        (total,) = queries.usage(session, 1, queries.Question(DAY, DAY + timedelta(days=1)))
    assert total.input_tokens == 1_700
    assert len(events(database)) == 2


def test_a_revision_of_a_finished_day_is_recorded_with_what_it_was(database: Database) -> None:
    restated = table_of(Restatement)
    store(database, record(0, tokens=1_000))
    store(database, record(0, tokens=3_000), now=AFTER + timedelta(days=1))

    with database.workspace(1) as session:
        (row,) = session.execute(select(restated).where(restated.c.workspace_id == 1)).all()
    # 1,000 and 3,000 input tokens at $2.50 a million, 10 output tokens at $15.
    assert (row.day, row.rows_before, row.rows_after) == (DAY, 1, 1)
    assert (row.cost_before, row.cost_after) == (Decimal("0.00265"), Decimal("0.00765"))


def test_more_of_a_day_that_still_ran_is_no_revision(database: Database) -> None:
    restated = table_of(Restatement)
    during = datetime(2026, 11, 10, 9, tzinfo=UTC)
    store(database, record(0), now=during)
    store(database, record(0), record(9), now=AFTER)

    with database.workspace(1) as session:
        assert session.execute(select(restated).where(restated.c.workspace_id == 1)).all() == []
    assert len(events(database)) == 2


def test_an_unchanged_row_keeps_its_price_version(database: Database) -> None:
    store(database, record(0), record(1))
    (kept, _) = events(database)
    store(database, record(0), record(1, tokens=7), now=AFTER + timedelta(days=1))

    assert events(database)[0] == kept


def restatements(database: Database) -> list[Any]:
    table = table_of(Restatement)
    with database.workspace(1) as session:
        return list(session.execute(select(table).where(table.c.workspace_id == 1).order_by(table.c.id)))


def ledger_of(database: Database, endpoint: str = "completions") -> LedgerDay:
    with database.workspace(1) as session:
        return ledger.read(session, 1, 1)[endpoint][DAY]


def test_a_finished_day_that_the_provider_empties_is_empty_and_recorded(database: Database) -> None:
    store(database, record(0), record(1))
    store(database, now=AFTER + timedelta(days=1))

    (row,) = restatements(database)
    assert (row.rows_before, row.rows_after) == (2, 0)
    assert (row.cost_before, row.cost_after) == (Decimal("0.0053"), None)
    assert events(database) == []
    with database.workspace(1) as session:
        assert session.execute(select(DAILY).where(DAILY.c.workspace_id == 1)).all() == []


def test_a_revised_bill_is_recorded_with_what_it_was(database: Database) -> None:
    line = BilledCost(DAY, Decimal("1.5"), "usd", line_item="o3, input")
    store(database, line, endpoint="costs")
    store(database, replace(line, amount=Decimal("1.25")), endpoint="costs", now=AFTER + timedelta(days=1))

    (row,) = restatements(database)
    assert (row.endpoint, row.cost_before, row.cost_after) == ("costs", Decimal("1.5"), Decimal("1.25"))


def test_a_bill_that_is_taken_back_is_empty_and_recorded(database: Database) -> None:
    store(database, BilledCost(DAY, Decimal("1.5"), "usd", line_item="o3, input"), endpoint="costs")
    store(database, endpoint="costs", now=AFTER + timedelta(days=1))

    (row,) = restatements(database)
    assert (row.rows_before, row.rows_after, row.cost_before, row.cost_after) == (1, 0, Decimal("1.5"), None)
    with database.workspace(1) as session:
        assert queries.billed_cost(session, 1, queries.Question(DAY, DAY + timedelta(days=1))) == {}
    assert ledger_of(database, "costs").state == DayState.PROVISIONAL


def test_a_bill_that_is_left_out_of_an_answer_stays_and_is_read_again(database: Database) -> None:
    store(database, BilledCost(DAY, Decimal("1.5"), "usd"), endpoint="costs")
    now = AFTER + timedelta(days=90)
    store(database, endpoint="costs", now=now, untold=frozenset({DAY}))

    row = ledger_of(database, "costs")
    assert (row.rows, row.fetched_at, row.retry_at) == (1, AFTER, now + timedelta(minutes=1))
    assert restatements(database) == []
    with database.workspace(1) as session:
        assert set(queries.billed_cost(session, 1, queries.Question(DAY, DAY + timedelta(days=1))).values()) == {
            Decimal("1.5")
        }


def test_a_day_left_out_of_an_old_bill_is_no_zero_until_another_day_s_reading_agrees(database: Database) -> None:
    states = []
    for now in (AFTER, *(AFTER + timedelta(days=90, hours=hours) for hours in (0, 1, 24))):
        store(database, endpoint="costs", now=now, untold=frozenset({DAY}))
        states.append(ledger_of(database, "costs").state)

    assert states == [DayState.PROVISIONAL] * 3 + [DayState.VERIFIED_ZERO]


def test_the_same_answer_twice_makes_no_other_record_of_any_kind(database: Database) -> None:
    rows, line = [record(0), record(1, model="o3")], BilledCost(DAY, Decimal("1.5"), "usd", line_item="o3, input")

    def counts() -> list[int]:
        with database.workspace(1) as session:
            versions = session.execute(select(func.count()).select_from(table_of(PriceVersion))).scalar_one()
            series = session.execute(
                select(func.count()).select_from(SERIES).where(SERIES.c.workspace_id == 1),
            ).scalar_one()
        return [versions, series, len(restatements(database))]

    store(database, *rows)
    store(database, line, endpoint="costs")
    before = counts()
    store(database, *rows, now=AFTER + timedelta(days=1))
    store(database, line, endpoint="costs", now=AFTER + timedelta(days=1))

    assert counts() == before == [2, 2, 0]


def test_a_day_replaced_leaves_other_days_families_and_connections_alone(database: Database) -> None:
    with owned(database).workspace(1, write=True) as session:
        session.add(connection_of(1, "third"))
    embedded = record(usage_type="embeddings", model="text-embedding-3-small")
    store(database, embedded, endpoint="embeddings")
    store(database, record(0, tokens=300), key=3)
    store(database, record(0, tokens=200), key=2)
    store(database, record(0), record(24, tokens=2_000), days=2, now=AFTER + timedelta(days=1))

    store(database, record(0, tokens=7), now=AFTER + timedelta(days=2))

    assert sorted(row[4] for row in events(database)) == [7, 300, 1_000, 2_000]
    with database.workspace(2) as session:
        assert queries.totals(session, 2, DAY, DAY + timedelta(days=1)).input_tokens == 200


def test_the_ledger_tells_what_was_stored(database: Database) -> None:
    store(database, record(0), record(1))
    first = ledger_of(database)
    store(database, record(0), record(1), now=AFTER + timedelta(days=3))
    final = ledger_of(database)
    store(database, endpoint="costs")

    assert (first.state, first.rows, first.fetched_at, first.lease_until) == (DayState.PROVISIONAL, 2, AFTER, None)
    assert (final.state, final.rows, final.content_sha256) == (DayState.FINAL, 2, first.content_sha256)
    assert (ledger_of(database, "costs").state, ledger_of(database, "costs").rows) == (DayState.PROVISIONAL, 0)


def test_a_day_restated_says_when_for_good(database: Database) -> None:
    coverage = table_of(Coverage)
    restated_at = select(coverage.c.restated_at).where(coverage.c.workspace_id == 1)
    changed = AFTER + timedelta(days=1)
    store(database, record(0))
    store(database, record(1), now=changed)
    store(database, record(1), now=AFTER + timedelta(days=2))

    with database.workspace(1) as session:
        assert session.execute(restated_at).scalars().all() == [changed]


def test_a_changed_day_waits_until_it_is_calm_and_the_endpoint_is_waited_for_longer(database: Database) -> None:
    later = AFTER + timedelta(days=4)
    store(database, record(0))
    store(database, record(0, tokens=9), now=later)  # four days after its end, when it would have been final
    changed = ledger_of(database)
    store(database, record(0, tokens=9), now=later + timedelta(days=1))
    calm = ledger_of(database)
    store(database, record(0, tokens=9), now=later + timedelta(days=2))
    settled = ledger_of(database)
    store(database, endpoint="embeddings", now=later)

    # Changes of completions came four days and some hours late: five days are waited from then on.
    assert [row.state for row in (changed, calm, settled)] == ["provisional", "provisional", "final"]
    assert ledger_of(database, "embeddings").state == DayState.VERIFIED_ZERO
    with database.workspace(1) as session:
        assert restatements_of.lateness(session, 1, since=AFTER) == {
            (1, "completions"): [timedelta(days=4, hours=3)],
        }
        assert restatements_of.lateness(session, 1, since=later + timedelta(seconds=1)) == {}


def test_no_value_and_an_empty_one_are_different_series(database: Database) -> None:
    told = record(api_key_id=None), record(api_key_id=""), record(api_key_id="key")
    store(database, *told)
    before = events(database)
    store(database, *told, now=AFTER + timedelta(hours=1))

    assert len(before) == 3
    assert events(database) == before


@pytest.mark.parametrize("model", ["模型-\u202egpt\u202c", "<b>x</b>", "=1+1", "e\u0301 \U0001f600", "a\tb\x1f'\"\\"])
def test_a_strange_name_comes_out_of_the_database_as_it_went_in(database: Database, model: str) -> None:
    store(database, record(model=model))

    with database.workspace(1) as session:
        assert session.execute(select(SERIES.c.model).where(SERIES.c.workspace_id == 1)).scalars().all() == [model]


def test_a_stale_fence_writes_nothing(database: Database) -> None:
    late = claim(database)
    after_lease = AFTER + LEASE + timedelta(seconds=1)
    store(database, record(0), now=after_lease)
    before = events(database)

    late_rows = Fetched(Buckets.of([record(0, tokens=9)]))
    with pytest.raises(LeaseLost), database.workspace(1, write=True) as session:
        ingest.store(session, late, late_rows, endpoint=COMPLETIONS, provider="openai", now=after_lease)

    assert events(database) == before


def test_the_bill_is_replaced_and_other_currencies_are_kept_apart(database: Database) -> None:
    line = BilledCost(DAY, Decimal("1.5"), "usd", line_item="o3, input", model="o3", project_id="p")
    store(database, line, endpoint="costs")
    revised = [
        replace(line, amount=Decimal(2)),
        BilledCost(DAY, Decimal("-0.5"), "usd", line_item="Credit"),
        BilledCost(DAY, Decimal(9), "eur", line_item="o3, input", model="o3", project_id="p"),
        BilledCost(DAY, None, "usd", line_item="unknown"),
    ]

    store(database, *revised, endpoint="costs", now=AFTER + timedelta(days=1))

    with database.workspace(1) as session:
        question = queries.Question(DAY, DAY + timedelta(days=1))
        assert queries.billed_cost(session, 1, question) == {(): Decimal("1.5")}
        by_model = queries.billed_cost(session, 1, replace(question, by=("model",)))
        assert by_model == {("o3",): Decimal(2), (None,): Decimal("-0.5")}
        by_tier = queries.usage(session, 1, replace(question, by=("service_tier",)))
        assert by_tier == []


def test_sums_are_unknown_only_when_every_part_is(database: Database) -> None:
    store(database, record(0, model="nobody-knows"), record(1, model="gpt-5.4"), record(2, model=None))

    with database.workspace(1) as session:
        rows = queries.usage(session, 1, queries.Question(DAY, DAY + timedelta(days=1), ("model",)))
        (total,) = queries.usage(session, 1, queries.Question(DAY, DAY + timedelta(days=1)))
    costs = {row.dimensions["model"]: row.estimated_cost for row in rows}
    assert costs == {"nobody-knows": None, "gpt-5.4": Decimal("0.00265"), None: None}
    assert (total.estimated_cost, total.unpriced_rows, total.unpriced_requests) == (Decimal("0.00265"), 2, 2)


def test_another_workspace_sees_nothing_of_it(database: Database) -> None:
    store(database, record(0))

    with database.workspace(2) as session:
        assert queries.usage(session, 2, queries.Question(DAY, DAY + timedelta(days=1))) == []
        assert queries.key_labels(session, 2) == {2: "k"}
