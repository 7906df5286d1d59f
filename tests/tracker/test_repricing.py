"""Pricing the past anew: looked at first, applied day by day, and taken back but for what was restated since."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from shutil import copyfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, update
from sqlmodel import SQLModel

from tests.seeds import examples
from tests.tracker.builders import DAY, owned, record, store, two_workspaces
from tracker import audit, repriced, repricing, workspace_prices
from tracker.audit import OPERATOR
from tracker.db import Database, open_database
from tracker.errors import BadInput, NotFound
from tracker.models import DailyUsage, PriceVersion, UsageEvent, table_of
from tracker.own_prices import OwnPrice
from tracker.repriced import Left
from tracker.repricing import DayDifference, Done, Plan
from tracker.usage import UsageRecord

EVENTS, DAILY, VERSIONS = table_of(UsageEvent), table_of(DailyUsage), table_of(PriceVersion)
HALF = OwnPrice(0, "openai", "gpt-5.4", DAY, factor=Decimal("0.5"))
LIST_COST = Decimal("0.00265")
OWN_RATES = {"input_tokens": Decimal(1), "output_tokens": Decimal(1)}
IN_HOUSE = OwnPrice(0, "openai", "in-house", DAY, rates=OWN_RATES)
NEXT = DAY + timedelta(days=1)
END = DAY + timedelta(days=2)


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    with two_workspaces(migrated_url, role="web") as opened:
        yield opened


def agree(database: Database, price: OwnPrice = HALF) -> int:
    with database.workspace(1, write=True) as session:
        return workspace_prices.add(session, 1, price, by=OPERATOR)


def end_price(database: Database, number: int) -> None:
    with database.workspace(1, write=True) as session:
        workspace_prices.end(session, 1, number, on=DAY, by=OPERATOR)


def plan(database: Database, start: date = DAY, end: date = END) -> Plan:
    with database.workspace(1) as session:
        return repricing.plan(session, 1, start, end)


def apply(database: Database, start: date = DAY, end: date = END) -> Done | None:
    return repricing.apply(database, 1, start, end, by=OPERATOR)


def applied(database: Database) -> Done:
    done = apply(database)
    assert done is not None
    return done


def undo(database: Database, number: int) -> Done:
    return repricing.undo(database, 1, number, by=OPERATOR)


def left(database: Database, done: Done) -> list[Left]:
    with database.workspace(1) as session:
        return repriced.left_as_is(session, 1, done)


def costs(database: Database) -> list[Decimal | None]:
    with database.workspace(1) as session:
        of_all = select(EVENTS.c.estimated_cost).where(EVENTS.c.workspace_id == 1)
        return list(session.execute(of_all.order_by(EVENTS.c.bucket_start, EVENTS.c.series_id)).scalars())


def digest(database: Database, *tables: str) -> str:
    """Over every row of workspace 1, of the tables named or of all."""
    found = hashlib.sha256()
    with owned(database).workspace(1) as session:
        for name, table in sorted(SQLModel.metadata.tables.items()):
            if "workspace_id" in table.c and (not tables or name in tables):
                rows = session.execute(select(table).where(table.c.workspace_id == 1))
                found.update("\n".join([name, *sorted(repr(tuple(row)) for row in rows)]).encode())
    return found.hexdigest()


def numbers(database: Database) -> str:
    return digest(database, "usage_events", "daily_usage")


def check_rollup(database: Database) -> None:
    """The rollup is the sum of its events."""
    with database.workspace(1) as session:
        sums = [
            session.execute(select(func.sum(column)).where(table.c.workspace_id == 1)).scalar_one()
            for table, column in ((EVENTS, EVENTS.c.estimated_cost), (DAILY, DAILY.c.estimated_cost))
        ]
    assert sums[0] == sums[1]


def test_a_dry_run_tells_each_day_that_changes_and_changes_nothing(database: Database) -> None:
    store(database, record(0), record(1), record(2, model="gpt-5-nano"), record(0, day=NEXT), days=2)
    agree(database, replace(HALF, ends_on=NEXT))
    before = digest(database)

    told = plan(database)

    assert digest(database) == before
    nano = costs(database)[2]
    assert nano is not None
    whole = 2 * LIST_COST + nano
    assert told == Plan(DAY, END, 4, (DayDifference(DAY, whole, whole - LIST_COST, 2, (0, 0)),))
    assert (told.changed, told.difference) == (2, -LIST_COST)


def test_applied_rows_carry_the_price_and_the_rollup_follows_and_again_nothing_differs(database: Database) -> None:
    store(database, record(0), record(0, day=NEXT), days=2)
    agree(database)

    done = applied(database)

    assert (done.rows, done.days, done.start, done.end, done.undone_at) == (2, 2, DAY, END, None)
    assert costs(database) == [LIST_COST / 2, LIST_COST / 2]
    check_rollup(database)
    assert plan(database).days == ()
    before = digest(database)
    assert apply(database) is None
    assert digest(database) == before
    with database.workspace(1) as session:
        assert [line.action for line in audit.trail(session, 1)] == ["priced past days anew", "added an agreed price"]


def test_undoing_gives_every_row_back_and_a_second_time_does_nothing(database: Database) -> None:
    store(database, record(0), record(1, model="in-house"), record(0, day=NEXT), days=2)
    before = numbers(database)
    agree(database)
    agree(database, IN_HOUSE)
    done = applied(database)
    assert numbers(database) != before

    undone = undo(database, done.id)

    assert numbers(database) == before
    assert (undone.restored, undone.left_as_is) == (3, 0)
    assert undone.undone_at is not None
    whole = digest(database)
    assert undo(database, done.id) == undone
    assert digest(database) == whole


def test_a_row_restated_since_is_left_as_it_is_and_counted(database: Database) -> None:
    store(database, record(0), record(1), record(2))
    agree(database)
    done = applied(database)
    store(database, record(0), record(1, tokens=2_000))  # the second is restated, the third is gone

    undone = undo(database, done.id)

    assert (undone.restored, undone.left_as_is) == (1, 2)
    assert costs(database) == [LIST_COST, Decimal("0.002575")]
    check_rollup(database)
    assert [(row.at.hour, row.model, row.before, row.now, row.why) for row in left(database, undone)] == [
        (1, "gpt-5.4", LIST_COST, Decimal("0.002575"), repriced.RESTATED),
        (2, "gpt-5.4", LIST_COST, None, repriced.VANISHED),
    ]
    applied(database)  # the first row again, which the undoing did not leave
    assert [row.at.hour for row in left(database, undone)] == [1, 2]


def test_a_row_repriced_again_is_left_to_the_later_repricing(database: Database) -> None:
    store(database, record())
    first_price = agree(database)
    first = applied(database)
    end_price(database, first_price)
    agree(database, replace(HALF, factor=Decimal("0.1")))
    second = applied(database)

    undone = undo(database, first.id)

    assert (undone.restored, undone.left_as_is) == (0, 1)
    assert costs(database) == [LIST_COST / 10]
    assert [(row.after, row.now, row.why) for row in left(database, undone)] == [
        (LIST_COST / 2, LIST_COST / 10, repriced.LATER)
    ]
    assert left(database, first) == []  # as it was before its undoing
    assert undo(database, second.id).restored == 1
    assert costs(database) == [LIST_COST / 2]


def test_what_was_unpriced_is_counted_and_adds_nothing_to_the_old_sum(database: Database) -> None:
    store(database, record(model="in-house"), record(1, service_tier="unheard-of"))
    agree(database, IN_HOUSE)

    (day,) = plan(database).days

    assert (day.old, day.new, day.rows, day.unpriced) == (None, Decimal("0.00101"), 1, (2, 1))
    assert day.difference == Decimal("0.00101")


def test_a_price_that_no_longer_fits_is_taken_off_again(database: Database) -> None:
    number = agree(database, IN_HOUSE)
    store(database, record(model="in-house"))
    end_price(database, number)

    (day,) = plan(database).days
    applied(database)

    assert (day.new, day.unpriced, day.difference) == (None, (0, 1), Decimal("-0.00101"))
    assert costs(database) == [None]


def test_an_update_of_the_price_list_changes_no_number_by_itself(database: Database) -> None:
    store(database, record())
    with owned(database).exempt(write=True) as session:
        session.execute(update(VERSIONS).values(source="genai-prices 0.0.1", content_sha256="older", rates=None))
    before = numbers(database)

    store(database, record())

    assert numbers(database) == before
    assert plan(database).days == ()


def test_a_price_that_was_wrong_when_stored_is_put_right(database: Database) -> None:
    """As after an update of the price list that corrects a rate."""
    store(database, record(0), record(1))
    with database.workspace(1, write=True) as session:
        wrong = update(EVENTS).where(EVENTS.c.workspace_id == 1).values(estimated_cost=LIST_COST * 2)
        session.execute(wrong)

    assert plan(database).difference == -2 * LIST_COST
    assert applied(database).rows == 2
    assert costs(database) == [LIST_COST, LIST_COST]


@pytest.mark.parametrize(("start", "end"), [(END, DAY), (DAY, DAY + timedelta(days=3_661))])
def test_a_period_that_cannot_be_is_refused(database: Database, start: date, end: date) -> None:
    with pytest.raises(BadInput):
        plan(database, start, end)
    with pytest.raises(BadInput):
        apply(database, start, end)


def test_nobody_elses_repricing_is_found_or_undone_and_nobody_elses_row_repriced(database: Database) -> None:
    store(database, record())
    store(database, record(), key=2)
    agree(database)
    done = applied(database)

    for workspace, number in ((2, done.id), (1, done.id + 1)):
        with pytest.raises(NotFound):
            repricing.undo(database, workspace, number, by=OPERATOR)
    with database.workspace(2) as session:
        assert repricing.every(session, 2) == []
        other = select(EVENTS.c.estimated_cost).where(EVENTS.c.workspace_id == 2)
        assert session.execute(other).scalar_one() == LIST_COST


def test_a_stopped_undoing_is_finished_by_the_next(database: Database) -> None:
    """The first day was restored already, by a process that died before it noted the whole."""
    store(database, record(0), record(0, day=NEXT), days=2)
    before = numbers(database)
    agree(database)
    done = applied(database)
    repricing._undo_day(database, 1, done.id, DAY)

    assert undo(database, done.id).restored == 2
    assert numbers(database) == before


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, migrated_file: Path) -> Path:
    """A SQLite file with two workspaces that used nothing, to be copied."""
    path = tmp_path_factory.mktemp("repricing") / "template.db"
    copyfile(migrated_file, path)
    with two_workspaces(f"sqlite:///{path}", role="web"):
        return path


HOURS = range(3)
ROWS = st.lists(
    st.tuples(st.sampled_from(HOURS), st.sampled_from(["gpt-5.4", "in-house"]), st.integers(0, 10**9)), max_size=5
)


@settings(max_examples=examples(12), deadline=None)
@given(first=ROWS, then=ROWS, factor=st.decimals(0, 100, places=3))
def test_applying_and_undoing_is_as_if_nothing_had_been_but_for_what_was_restated(
    template: Path, first: list[tuple[int, str, int]], then: list[tuple[int, str, int]], factor: Decimal
) -> None:
    with copied(template) as database:
        stored(database, first)
        before = priced(database)
        agree(database, replace(HALF, factor=factor))
        agree(database, replace(IN_HOUSE, rates=dict.fromkeys(OWN_RATES, factor)))
        done = apply(database)
        stored(database, then)
        after = priced(database)

        undone = undo(database, done.id) if done else None

        now = priced(database)
        kept = {key for key in before if key in after and before[key][0] == after[key][0]}
        assert {key: now[key] for key in kept} == {key: before[key] for key in kept}
        assert {key: now[key] for key in now if key not in kept} == {k: after[k] for k in after if k not in kept}
        if done and undone:
            assert (undone.restored or 0) + (undone.left_as_is or 0) == done.rows
        check_rollup(database)


@contextmanager
def copied(template: Path) -> Iterator[Database]:
    path = template.with_name("copy.db")
    copyfile(template, path)
    opened = open_database(f"sqlite:///{path}", role="web")
    yield opened
    opened.engine.dispose()


def stored(database: Database, told: Sequence[tuple[int, str, int]]) -> None:
    rows: dict[tuple[int, str], UsageRecord] = {
        (hour, model): record(hour, model=model, tokens=tokens) for hour, model, tokens in told
    }
    store(database, *rows.values())


def priced(database: Database) -> dict[tuple[object, ...], tuple[object, ...]]:
    """Each row's key → its input tokens and price."""
    columns = (
        *(EVENTS.c.bucket_start, EVENTS.c.series_id, EVENTS.c.input_tokens),
        *(EVENTS.c.estimated_cost, EVENTS.c.cost_basis, EVENTS.c.price_version_id, EVENTS.c.workspace_price_id),
    )
    with database.workspace(1) as session:
        found = session.execute(select(*columns).where(EVENTS.c.workspace_id == 1))
        return {tuple(row[:2]): tuple(row[2:]) for row in found}
