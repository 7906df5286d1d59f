"""Column types that cannot be wrong about time and money; each refuses what it cannot hold exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import BigInteger, DateTime, Integer, SmallInteger, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

from tracker import clock, money
from tracker.usage import CostBasis

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect

EPOCH = date(1970, 1, 1)
_EPOCH = EPOCH.toordinal()

# SQLite gives a row id only to a column declared INTEGER.
ROW_ID = BigInteger().with_variant(Integer, "sqlite")


class UtcDateTime(TypeDecorator[datetime]):
    """An instant. timestamptz on PostgreSQL; SQLite silently drops offsets, so there it is stored naive in UTC."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(DateTime(timezone=dialect.name == "postgresql"))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        instant = clock.as_utc(value)
        return instant if dialect.name == "postgresql" else instant.replace(tzinfo=None)

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], Any] | None:
        """On SQLite in one step: most statements name an instant or several."""
        return _as_sqlite_has_it if dialect.name == "sqlite" else super().bind_processor(dialect)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None] | None:
        """On SQLite in one step: a ledger is read whole at every look, and most of its instants stand in many rows."""
        return _told_by_sqlite if dialect.name == "sqlite" else super().result_processor(dialect, coltype)


def _as_sqlite_has_it(value: datetime | None) -> str | None:
    """Naive, in UTC, as the library spells it: `fromisoformat` reads it, and texts stand in the order of time."""
    return None if value is None else clock.as_utc(value).isoformat(" ", "microseconds")[:LENGTH]


LENGTH = len("2026-11-28 06:30:00.000000")


def _told_by_sqlite(text: str | None) -> datetime | None:
    return None if text is None else _instant(text)


@lru_cache(maxsize=4_096)
def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class UtcSecond(TypeDecorator[datetime]):
    """An instant on a whole second, held as seconds since 1970: eight bytes at most where text takes 26."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        if value is not None and value.microsecond:
            raise ValueError(f"a time on a whole second is expected, not {value.isoformat()}")
        return None if value is None else int(clock.as_utc(value).timestamp())

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None]:
        return _second


@lru_cache(maxsize=16_384)
def _second(value: int | None) -> datetime | None:
    """A year's hours repeat in every row, and looking one up takes a quarter of making it anew."""
    return None if value is None else datetime.fromtimestamp(value, UTC)


class UtcDay(TypeDecorator[date]):
    """A UTC billing day, held as days since 1970, so that a bucket's day is an integer division in SQL."""

    impl = Integer
    cache_ok = True

    def process_bind_param(self, value: date | None, dialect: Dialect) -> int | None:
        return _days(value)

    def bind_processor(self, dialect: Dialect) -> Callable[[date | None], int | None]:
        """In one step, for most statements name a day or several."""
        return _days

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], date | None]:
        return _day


def _days(value: date | None) -> int | None:
    return None if value is None else (value - EPOCH).days


@lru_cache(maxsize=4_096)
def _day(value: int | None) -> date | None:
    return None if value is None else date.fromordinal(_EPOCH + value)


class NanoDollars(TypeDecorator[Decimal]):
    """US dollars as whole nano-dollars; takes only `Decimal` (a float is an error), rounded once, here."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:
        return _nanos(value)

    def bind_processor(self, dialect: Dialect) -> Callable[[Decimal | None], int | None]:
        """In one step, for every event has an amount."""
        return _nanos

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Decimal | None]:
        return money.known_from_nanos


def _nanos(value: Decimal | None) -> int | None:
    if value is not None and not isinstance(value, Decimal):
        raise TypeError(f"money must be a Decimal, not {type(value).__name__}")
    return None if value is None else money.to_nanos(value)


class ExactDecimal(TypeDecorator[Decimal]):
    """A quantity as the provider wrote it, kept as text: SQLite would turn it into a float."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:
        if value is not None and not isinstance(value, Decimal):
            raise TypeError(f"a quantity must be a Decimal, not {type(value).__name__}")
        if value is not None and not value.is_finite():
            raise ValueError(f"not a quantity: {value}")
        return None if value is None else format(value, "f")

    def process_result_value(self, value: str | None, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value)


class BasisCode(TypeDecorator[CostBasis]):
    """How a row's cost came about, as a small number: it stands in every event."""

    impl = SmallInteger
    cache_ok = True

    CODES: ClassVar[dict[CostBasis, int]] = {
        CostBasis.ESTIMATED: 0,
        CostBasis.UNPRICED: 1,
        CostBasis.COMPLIMENTARY: 2,
        CostBasis.FREE: 3,
    }
    NAMES: ClassVar[dict[int, CostBasis]] = {code: basis for basis, code in CODES.items()}

    def process_bind_param(self, value: CostBasis | None, dialect: Dialect) -> int | None:
        return None if value is None else self.CODES[value]

    def process_result_value(self, value: int | None, dialect: Dialect) -> CostBasis | None:
        return None if value is None else self.NAMES[value]


def processed(values: Sequence[Any], process: Callable[[Any], Any]) -> tuple[Any, ...]:
    """What a column makes of the values, each made once: hours repeat."""
    made = {value: process(value) for value in set(values)}
    return tuple(map(made.__getitem__, values))


def array_text(numbers: Iterable[int | None]) -> str:
    """Whole numbers as PostgreSQL spells an array."""
    return "{" + ",".join(map(str, numbers)).replace("None", "NULL") + "}"
