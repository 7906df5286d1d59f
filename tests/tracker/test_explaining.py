"""The arithmetic behind a number: it gives what is stored, to the nano-dollar, by the rates kept at the time."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import select, update

from pages.ui import arithmetic
from tests.installation import NOW, TODAY, TOMORROW, installed
from tests.tracker.builders import DAY, owned, record, store, two_workspaces
from tracker import clock, explaining, stored, workspace_prices
from tracker.audit import OPERATOR
from tracker.db import Database
from tracker.explaining import LOST, PRICED_NOW, VERSIONS, DaySum, Group, Part
from tracker.own_prices import OwnPrice
from tracker.pricing import LONG_CONTEXT, NO_CACHE_TOLD
from tracker.ratecards import SOURCE
from tracker.sandbox import World
from tracker.usage import CostBasis, Measures, UsageRecord

MILLION = Decimal(1_000_000)
HALF = OwnPrice(0, "openai", "gpt-5.4", DAY, factor=Decimal("0.5"), note="contract")


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    with two_workspaces(migrated_url, role="web") as opened:
        yield opened


def explain(database: Database, model: str | None = "gpt-5.4") -> list[Group]:
    with database.workspace(1) as session:
        return explaining.explain(session, 1, DAY, DAY + clock.DAY, model)


def agree(database: Database, price: OwnPrice) -> None:
    with database.workspace(1, write=True) as session:
        workspace_prices.add(session, 1, price, by=OPERATOR)


def counted(row: UsageRecord, **counts: int | None) -> UsageRecord:
    return replace(row, measures=replace(row.measures, **counts))


def test_every_priced_row_of_sandbox_days_is_explained_to_the_nano_dollar(migrated_url: str, tmp_path: Path) -> None:
    clock.start_at(NOW)
    with installed(World(days=4, keeps=4), migrated_url, tmp_path) as installation:
        assert installation.fetch() == 0
        day, seen, total = TODAY, 0, Decimal()
        with installation.product.database.workspace(1) as session:
            rows = list(stored.rows(session, 1, clock.day_start(day), clock.day_start(TOMORROW)))
            for row in rows:
                one = explaining.explain_row(session, 1, row.record.bucket_start, row.series_id)
                assert one is not None
                assert one.follows == (row.price.cost is not None)
                seen += one.follows
            for model in explaining.models_of(session, 1, day, TOMORROW):
                groups = explaining.explain(session, 1, day, TOMORROW, model)
                assert all(group.follows == group.rows for group in groups if group.stored is not None)
                total += sum((group.stored or Decimal() for group in groups), Decimal())
    assert seen > 50
    assert total == sum((row.price.cost or Decimal() for row in rows), Decimal())


def test_each_token_stands_in_one_line_at_its_full_rate(database: Database) -> None:
    store(database, counted(record(tokens=1_000), input_cached_tokens=400))

    (group,) = explain(database)

    assert group.parts == (
        Part("input_tokens", 600, Decimal("2.5") / MILLION),
        Part("input_cached_tokens", 400, Decimal("0.25") / MILLION),
        Part("output_tokens", 10, Decimal(15) / MILLION),
    )
    assert group.exact == group.stored == Decimal("0.00175")
    assert group.rounding == 0
    assert group.source is not None
    assert (group.source.name, group.source.model, group.source.variant) == (SOURCE, "gpt-5.4", "standard")


def test_audio_that_was_cached_is_in_two_wholes_and_counted_once(database: Database) -> None:
    sound = {"input_audio_tokens": 500, "input_cached_audio_tokens": 200, "output_audio_tokens": 4}
    store(database, counted(record(model="gpt-realtime"), input_cached_tokens=300, **sound))

    (group,) = explain(database, "gpt-realtime")

    assert group.parts is not None
    assert sum(part.count for part in group.parts) == 1_010
    assert group.exact == group.stored


def test_rows_priced_alike_are_one_sum_and_rounding_is_told(database: Database) -> None:
    odd = [counted(record(hour, model="gpt-5-nano"), input_cached_tokens=3 + hour) for hour in range(5)]
    store(database, *odd)
    with database.workspace(1) as session:
        one = explaining.explain_row(session, 1, odd[0].bucket_start, 1)
        assert explaining.explain_row(session, 1, odd[0].bucket_start, 99) is None

    (group,) = explain(database, "gpt-5-nano")

    assert one is not None
    assert (one.rows, group.rows, group.follows) == (1, 5, 5)
    assert group.exact is not None
    assert group.rounding is not None
    assert group.stored == group.exact + group.rounding
    assert abs(group.rounding) <= Decimal("2.5E-9")


@pytest.mark.parametrize(
    ("row", "note"),
    [
        (counted(record(), input_cached_tokens=None), NO_CACHE_TOLD),
        (record(tokens=900_000), LONG_CONTEXT),
        (record(model="no-such-model"), "Unpriced: the model no-such-model is not in the price list."),
        (record(usage_type="moderations"), "The provider charges nothing for it."),
        (record(service_tier="incentivized-tier"), "Tokens shared with the provider"),
    ],
)
def test_what_is_to_be_known_of_a_price_is_said(database: Database, row: UsageRecord, note: str) -> None:
    store(database, row, endpoint=row.dimensions.usage_type, days=1)

    (group,) = explain(database, row.dimensions.model)

    assert any(said.startswith(note) for said in group.notes), group.notes


def test_an_agreed_price_shows_itself_and_the_list_under_it(database: Database) -> None:
    agree(database, HALF)
    store(database, record())

    (group,) = explain(database)

    assert group.source is not None
    assert group.source.name == SOURCE
    assert group.source.own is not None
    assert group.source.own.note == "contract"
    assert group.parts is not None
    assert [part.rate * MILLION for part in group.parts] == [Decimal("1.25"), Decimal("7.5")]
    assert group.exact == group.stored


def test_agreed_rates_of_what_no_list_knows_are_the_source_themselves(database: Database) -> None:
    rates = {"input_tokens": Decimal(3), "output_tokens": Decimal(4)}
    agree(database, OwnPrice(0, "openai", "in-house", DAY, rates=rates))
    agree(database, OwnPrice(0, "openai", "*", DAY, rates={"images": Decimal("0.04")}))
    store(database, record(model="in-house"))
    image = UsageRecord(
        record(usage_type="images").bucket_start, record(usage_type="images").dimensions, Measures(2, images=3)
    )
    store(database, image, endpoint="images")

    (tokens,) = explain(database, "in-house")
    (images,) = explain(database)

    assert tokens.source is not None
    assert tokens.source.name == "workspace"
    assert tokens.exact == tokens.stored == Decimal("0.00304")
    assert images.parts == (Part("images", 3, Decimal("0.04")),)
    assert images.stored == Decimal("0.12")


def test_a_price_known_only_since_is_offered(database: Database) -> None:
    store(database, record(model="in-house"))
    rates = {"input_tokens": Decimal(3), "output_tokens": Decimal(4)}
    agree(database, OwnPrice(0, "openai", "in-house", DAY, rates=rates))

    (group,) = explain(database, "in-house")

    assert (group.stored, group.parts, group.notes) == (None, None, (PRICED_NOW,))


@pytest.mark.parametrize(
    ("changed", "notes", "known"), [({}, (), True), ({"content_sha256": "another"}, (LOST,), False)]
)
def test_rates_not_kept_are_the_lists_while_it_says_the_same_and_else_said_to_be_lost(
    database: Database, changed: dict[str, str], notes: tuple[str, ...], known: bool
) -> None:
    store(database, record())
    with owned(database).exempt(write=True) as session:
        session.execute(update(VERSIONS).values(rates=None, **changed))

    (group,) = explain(database)

    assert group.notes == notes
    assert (group.parts is not None, group.follows == 1) == (known, known)
    assert group.stored == Decimal("0.00265")
    assert (group.rounding is not None) == known


def test_an_update_of_the_list_changes_no_explanation(database: Database) -> None:
    store(database, record())
    before = explain(database)
    with owned(database).exempt(write=True) as session:
        session.execute(update(VERSIONS).values(source="genai-prices 0.0.1", content_sha256="of another time"))

    (after,) = explain(database)

    assert after.parts == before[0].parts
    assert after.source is not None
    assert after.source.name == "genai-prices 0.0.1"


def test_models_of_a_day_are_those_used_on_it_the_dearest_first(database: Database) -> None:
    store(database, record(), record(model=None), record(model="a"), record(model="gpt-5.4-pro"))

    with database.workspace(1) as session:
        found = explaining.models_of(session, 1, DAY, DAY + clock.DAY)
        assert found == ["gpt-5.4-pro", "gpt-5.4", "a", None]
        assert explaining.models_of(session, 1, DAY + clock.DAY, DAY + 2 * clock.DAY) == []


def test_the_days_of_a_range_come_to_its_sum_and_say_how_many_rows_it_is_of(database: Database) -> None:
    after = DAY + clock.DAY
    store(database, record(), record(1), record(day=after), record(day=after, model=None), days=2)
    store(database, record(day=after, usage_type="web_search_calls"), endpoint="web_search_calls", days=2)

    with database.workspace(1) as session:
        days = explaining.days_of(session, 1, DAY, after + clock.DAY, "gpt-5.4")
        groups = explaining.explain(session, 1, DAY, after + clock.DAY, "gpt-5.4")
        (unnamed,) = explaining.days_of(session, 1, DAY, after + clock.DAY, None)

    assert days == [DaySum(DAY, Decimal("0.0053"), 2, 0), DaySum(after, Decimal("0.00265"), 2, 1)]
    assert explaining.total(days) == sum(group.stored or 0 for group in groups) == Decimal("0.00795")
    assert (unnamed.cost, unnamed.rows, explaining.total([unnamed])) == (None, 1, None)
    assert arithmetic.headline("gpt-5.4", "10–11 Nov", days) == (
        r"**gpt\-5\.4, 10–11 Nov: $0.00795**, the estimate of 3 rows, each priced by itself and added up. "
        "**1 row without a price is not in it.**"
    )
    assert [row["Estimate"] for row in arithmetic.day_rows(days, "gpt-5.4", today=TODAY)] == [
        "$0.0053",
        "$0.00265",
        "$0.00795",
    ]


def test_nobody_elses_rows_are_explained(database: Database) -> None:
    store(database, record(), key=2)

    assert explain(database) == []
    with database.workspace(2) as session:
        assert session.execute(select(VERSIONS.c.rates)).scalar_one() is not None
        assert [group.basis for group in explaining.explain(session, 2, DAY, DAY + clock.DAY, "gpt-5.4")] == [
            CostBasis.ESTIMATED
        ]
