"""Times and money come back from both databases as they went in; what cannot be held exactly is refused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import BigInteger, Column, DateTime, Engine, Integer, MetaData, Table, insert, select, text, type_coerce
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import StatementError

from tracker.columns import BasisCode, ExactDecimal, NanoDollars, UtcDateTime, UtcDay, UtcSecond
from tracker.db import open_database
from tracker.usage import CostBasis

VALUES = Table(
    "values_of_each_kind",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("instant", UtcDateTime),
    Column("second", UtcSecond),
    Column("day", UtcDay),
    Column("usd", NanoDollars),
    Column("quantity", ExactDecimal),
    Column("basis", BasisCode),
)
PLUS_ONE = timezone(timedelta(hours=1))
NAIVE = datetime(2026, 11, 23, 12)  # noqa: DTZ001 what must be refused


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    made = open_database(database_url, role="owner").engine
    VALUES.metadata.create_all(made)
    yield made
    made.dispose()


def kept(engine: Engine, column: str, value: Any) -> Any:
    """What the database gives back for what it was given."""
    with engine.begin() as connection:
        connection.execute(insert(VALUES).values(**{column: value}))
    with engine.connect() as connection:
        return connection.execute(select(VALUES.c[column])).scalar_one()


def held(engine: Engine, column: str) -> Any:
    """The number that stands in the table."""
    with engine.connect() as connection:
        return connection.execute(select(type_coerce(VALUES.c[column], BigInteger))).scalar_one()


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("instant", datetime(2026, 11, 23, 12, 30, 15, 123_456, tzinfo=UTC)),
        ("instant", datetime(2028, 2, 29, 23, 59, 59, 999_999, tzinfo=UTC)),
        ("instant", datetime(1969, 12, 31, tzinfo=UTC)),
        ("second", datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("second", datetime(1970, 1, 1, tzinfo=UTC)),
        ("second", datetime(2100, 1, 1, tzinfo=UTC)),
        ("day", date(1970, 1, 1)),
        ("day", date(1969, 12, 31)),
        ("day", date(2028, 2, 29)),
        ("usd", Decimal(0)),
        ("usd", Decimal("0.000000001")),
        ("usd", Decimal("-3.5")),
        ("usd", Decimal("9223372036.854775807")),
        ("usd", Decimal("-9223372036.854775807")),
        ("quantity", Decimal("0.1000000000000000055511151231257827")),
        ("quantity", Decimal(123456789012345678901234567890)),
        ("quantity", Decimal("-0.5")),
        *(("basis", basis) for basis in CostBasis),
        *((column.name, None) for column in VALUES.c if column.name != "id"),
    ],
)
def test_a_value_comes_back_as_it_went_in(engine: Engine, column: str, value: Any) -> None:
    found = kept(engine, column, value)

    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("column", ["instant", "second"])
def test_an_instant_named_in_another_zone_comes_back_in_utc(engine: Engine, column: str) -> None:
    found = kept(engine, column, datetime(2026, 11, 23, 0, 30, tzinfo=PLUS_ONE))

    assert found == datetime(2026, 11, 22, 23, 30, tzinfo=UTC)
    assert found.utcoffset() == timedelta(0)


@pytest.mark.parametrize("instant", [datetime(2026, 11, 23, tzinfo=UTC), datetime(987, 1, 2, 3, 4, 5, 6, tzinfo=UTC)])
def test_sqlite_is_given_an_instant_as_the_library_spells_it(instant: datetime) -> None:
    dialect = sqlite.dialect()
    ours = UtcDateTime().bind_processor(dialect)
    theirs = DateTime().dialect_impl(dialect).bind_processor(dialect)

    assert ours and theirs
    assert ours(instant) == theirs(instant.replace(tzinfo=None))


def test_instants_compare_as_instants_whatever_zone_names_them(engine: Engine) -> None:
    kept(engine, "instant", datetime(2026, 11, 23, 12, tzinfo=UTC))
    same = datetime(2026, 11, 23, 13, tzinfo=PLUS_ONE)

    with engine.connect() as connection:
        assert connection.execute(select(VALUES.c.id).where(VALUES.c.instant == same)).all() == [(1,)]
        later = same + timedelta(microseconds=1)
        assert connection.execute(select(VALUES.c.id).where(VALUES.c.instant >= later)).all() == []


@pytest.mark.parametrize(
    ("column", "value", "number"),
    [
        ("usd", Decimal("0.0000000025"), 2),
        ("usd", Decimal("0.0000000035"), 4),
        ("usd", Decimal("-1.5"), -1_500_000_000),
        ("second", datetime(1970, 1, 2, tzinfo=UTC), 86_400),
        ("day", date(1970, 1, 2), 1),
        ("basis", CostBasis.ESTIMATED, 0),
        ("basis", CostBasis.UNPRICED, 1),
        ("basis", CostBasis.COMPLIMENTARY, 2),
        ("basis", CostBasis.FREE, 3),
    ],
)
def test_the_table_holds_whole_numbers(engine: Engine, column: str, value: Any, number: int) -> None:
    kept(engine, column, value)

    assert held(engine, column) == number


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("instant", NAIVE),
        ("second", NAIVE),
        ("second", datetime(2026, 11, 23, 12, 0, 0, 1, tzinfo=UTC)),
        ("day", datetime(2026, 11, 23, tzinfo=UTC)),
        ("usd", 0.1),
        ("usd", 1),
        ("usd", Decimal("NaN")),
        ("usd", Decimal("9223372036.854775808")),
        ("quantity", 0.1),
        ("quantity", Decimal("Infinity")),
        ("basis", "invented"),
    ],
)
def test_what_cannot_be_held_exactly_is_refused_and_nothing_is_written(
    engine: Engine, column: str, value: object
) -> None:
    with pytest.raises((StatementError, TypeError, KeyError)), engine.begin() as connection:
        connection.execute(insert(VALUES).values(**{column: value}))

    with engine.connect() as connection:
        assert connection.execute(text("select count(*) from values_of_each_kind")).scalar() == 0


def test_sums_of_money_stay_exact(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(insert(VALUES), [{"usd": Decimal("0.1")}, {"usd": Decimal("0.2")}, {"usd": None}])
        total = connection.execute(text("select sum(usd) from values_of_each_kind")).scalar_one()

    assert total == 300_000_000
