"""What has no price is counted, bounded where it can be, and never taken for nothing."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from alembic import command

from pages.ui import rates
from tests.installation import TOMORROW, Told, installed
from tests.tracker.builders import DAY, record, store, two_workspaces
from tracker import clock, migrations, price_book, unpriced
from tracker.db import Database
from tracker.sandbox import World
from tracker.unpriced import KindOfDay, Rate, Unpriced

START = date(2026, 11, 9)


def counted(rows: list[Told], name: str) -> int:
    return sum(int(row[name] or 0) for row in rows)


def test_the_part_is_that_of_the_file_and_is_filled_in_for_older_days(migrated_url: str, tmp_path: Path) -> None:
    with installed(World(days=15, keeps=15), migrated_url, tmp_path) as installation:
        assert installation.fetch() == 0
        rows = [row for row in installation.csv(START, TOMORROW) if row["cost_basis"] == "unpriced"]
        told = read(installation.product.database, installation.workspace_id)
        command.downgrade(migrations.config(migrated_url), "0006")
        migrations.upgrade(migrated_url)
        again = read(installation.product.database, installation.workspace_id)

    tokenless = [row for row in rows if not row["input_tokens"] and not row["output_tokens"]]
    assert (told.rows, told.requests, told.tokenless_rows) == (len(rows), counted(rows, "requests"), len(tokenless))
    assert (told.input_tokens, told.output_tokens) == (counted(rows, "input_tokens"), counted(rows, "output_tokens"))
    assert told.input_tokens and told.tokenless_rows and told == again


def read(database: Database, workspace_id: int) -> Unpriced:
    with database.workspace(workspace_id) as session:
        return unpriced.read(session, workspace_id, START, TOMORROW + timedelta(days=1))


def test_the_bound_is_at_the_dearest_listed_rates() -> None:
    part = unpriced.of_provider("openai", 3, 5, 2_000_000, 1_000_000, 1)

    assert part.dearest == (Rate(Decimal(150), "o1-pro"), Rate(Decimal(600), "o1-pro"))
    assert part.at_most == Decimal(900)


def test_without_tokens_or_list_there_is_no_bound() -> None:
    assert unpriced.of_provider("openai", 3, 5, 0, 0, 3).at_most is None
    assert unpriced.of_provider("nobody", 3, 5, 10, 10, 0).at_most is None


def test_the_part_is_told_with_its_bound_and_the_rule_of_it() -> None:
    assert unpriced.in_words(Unpriced()) == ""
    assert unpriced.in_words(unpriced.of_provider("openai", 1_003, 5, 2_000_000, 1_000_000, 3)) == (
        "Without a price, and so in no estimate: 5 requests (3,000,000 tokens). The tokens cost at most "
        "$900.00, at the dearest rates on the list: $150 a million read (o1-pro) and $600 a million written (o1-pro). "
        "What is not counted in tokens has no such bound."
    )
    assert unpriced.in_words(unpriced.of_provider("openai", 2, 0, 0, 0, 2)).startswith(
        "Without a price, and so in no estimate: 2 rows. What is not counted in tokens"
    )
    two = unpriced.total([unpriced.of_provider("openai", 1, 1, 1_000_000, 0, 0) for _ in range(2)])
    assert "at most $300.00, at the dearest rates that each provider lists." in unpriced.in_words(two)


def test_a_sum_is_bounded_only_if_each_part_is() -> None:
    known = unpriced.of_provider("openai", 1, 1, 1_000_000, 0, 0)
    unknown = unpriced.of_provider("nobody", 1, 1, 10, 0, 0)
    images = unpriced.of_provider("nobody", 1, 1, 0, 0, 1)

    assert unpriced.total([known, unknown]).at_most is None
    assert unpriced.total([known, images]).at_most == Decimal(150)
    assert unpriced.total([known, images]).tokenless_rows == 1
    assert unpriced.total([]) == Unpriced()


def test_a_kind_is_named_by_its_type_and_model_most_rows_first() -> None:
    first, second = date(2026, 11, 1), date(2026, 11, 2)
    found = [
        KindOfDay(first, "web_search_calls", "gpt-5.4", 1),
        KindOfDay(first, "file_search_calls", None, 2),
        KindOfDay(second, "web_search_calls", "gpt-5.4", 4),
        KindOfDay(second, "images", "dall-e-3", 3),
    ]

    assert unpriced.kinds_of(found, [first]) == [("file_search_calls", None), ("web_search_calls", "gpt-5.4")]
    kinds = unpriced.kinds_of(found, [first, second])
    assert rates.kinds(kinds, 2) == r"3 kinds of usage (web search calls of gpt\-5\.4, images of dall\-e\-3 and 1 more)"
    assert rates.kinds(kinds[:1]) == r"1 kind of usage (web search calls of gpt\-5\.4)"


def test_the_kinds_are_those_that_prices_names(migrated_url: str) -> None:
    with two_workspaces(migrated_url, role="web") as database:
        store(database, record(model="in-house"), record(1), record(model=None))
        store(database, record(usage_type="web_search_calls"), endpoint="web_search_calls")
        with database.workspace(1) as session:
            kinds = unpriced.kinds_of(unpriced.kinds_by_day(session, 1, DAY, DAY + clock.DAY), [DAY])
            book = price_book.read(session, 1, DAY, DAY + clock.DAY)
        with database.workspace(2) as session:
            assert unpriced.kinds_by_day(session, 2, DAY, DAY + clock.DAY) == []

    assert set(kinds) == {(each.usage_type, each.model) for each in book.lacking}
    assert set(kinds) == {("completions", "in-house"), ("completions", None), ("web_search_calls", "gpt-5.4")}
