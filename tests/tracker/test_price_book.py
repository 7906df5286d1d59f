"""The book of prices: what was agreed and by whom, which versions of the list are in use, and what has no price."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from msgspec.structs import replace as other

from tests.tracker.builders import DAY, record, store, two_workspaces
from tracker import clock, price_book, workspace_prices
from tracker.audit import OPERATOR
from tracker.db import Database
from tracker.explaining import PRICED_NOW
from tracker.own_prices import OwnPrice
from tracker.price_book import Agreed, Book
from tracker.ratecards import SOURCE
from tracker.usage import Measures

HALF = OwnPrice(0, "openai", "gpt-5.4", DAY, factor=Decimal("0.5"), note="contract")
NEXT = DAY + clock.DAY


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    with two_workspaces(migrated_url, role="web") as opened:
        yield opened


def book(database: Database, workspace: int = 1) -> Book:
    with database.workspace(workspace) as session:
        return price_book.read(session, workspace, DAY, NEXT)


def test_a_version_in_use_tells_where_its_rates_come_from(database: Database) -> None:
    store(
        database, record(), record(1), record(2, model="gpt-5.4-2026-03-05"), record(3, model="gpt-5-mini", batch=True)
    )

    batch, standard = book(database).listed

    assert (standard.source, standard.model, standard.variant) == (SOURCE, "gpt-5.4", "standard")
    assert (standard.models, standard.rows) == (("gpt-5.4", "gpt-5.4-2026-03-05"), 3)
    assert (standard.input, standard.cached, standard.output) == (Decimal("2.5"), Decimal("0.25"), Decimal(15))
    assert len(standard.content_sha256) == 64
    assert (batch.model, batch.variant.split(",")[0], batch.rows) == ("gpt-5-mini", "batch", 1)


def test_a_version_tells_every_rate_the_list_has_and_none_it_has_not(database: Database) -> None:
    store(database, record(model="gpt-realtime"))
    embedding = record(1, usage_type="embeddings", model="text-embedding-3-small")
    store(database, other(embedding, measures=Measures(1, input_tokens=9)), endpoint="embeddings")

    speech, embeddings = book(database).listed

    assert speech.others == {
        "input_audio_tokens": 32,
        "input_cached_audio_tokens": Decimal("0.4"),
        "output_audio_tokens": 64,
        "input_image_tokens": 5,
        "input_cached_image_tokens": Decimal("0.5"),
    }
    assert (embeddings.input, embeddings.cached, embeddings.output) == (Decimal("0.02"), None, None)
    assert embeddings.others == {}


def test_what_has_no_price_says_why_and_which_rates_it_takes(database: Database) -> None:
    image = other(record(4, usage_type="images", model="dall-e-3"), measures=Measures(2, images=3))
    stores = other(record(5, usage_type="vector_stores", model=None), measures=Measures(bytes=9))
    store(database, record(model="in-house"), record(1, model="in-house", service_tier="flex"))
    store(database, image, endpoint="images")
    store(database, stores, endpoint="vector_stores")

    read = book(database)
    tokens, images, storage = read.lacking

    assert (tokens.model, tokens.rows, tokens.requests, tokens.tokens) == ("in-house", 2, 2, 2_020)
    assert tokens.reason == "The model in-house is not in the price list."
    assert tokens.rates == ("input_tokens", "input_cached_tokens", "output_tokens")
    assert (images.usage_type, images.model, images.rates) == ("images", "dall-e-3", ("images",))
    assert (storage.usage_type, storage.model, storage.rates) == ("vector_stores", None, ())
    assert (read.unpriced.rows, read.unpriced.tokens, read.unpriced.tokenless_rows) == (4, 2_020, 2)


def test_what_was_agreed_since_is_said_to_await_a_repricing(database: Database) -> None:
    store(database, record(model="in-house"))
    rates = {"input_tokens": Decimal(1), "output_tokens": Decimal(1)}
    with database.workspace(1, write=True) as session:
        workspace_prices.add(session, 1, OwnPrice(0, "openai", "in-house", DAY, rates=rates), by=OPERATOR)

    (lacking,) = book(database).lacking

    assert lacking.reason == PRICED_NOW


def test_agreed_prices_tell_who_when_and_how_they_stand(database: Database) -> None:
    with database.workspace(1, write=True) as session:
        first = workspace_prices.add(session, 1, HALF, by=OPERATOR)
        workspace_prices.add(session, 1, replace(HALF, model="*"), by=OPERATOR)
        workspace_prices.end(session, 1, first, on=NEXT, by=OPERATOR)

    newest, oldest = book(database).agreed

    assert (newest.price.model, newest.who, newest.ended_at) == ("*", None, None)
    assert oldest.price.ends_on == NEXT
    assert oldest.ended_at is not None
    assert (oldest.standing(DAY), oldest.standing(NEXT)) == ("in force", "ended")


@pytest.mark.parametrize(
    ("ends_on", "day", "standing"),
    [(None, DAY - clock.DAY, "to come"), (None, DAY, "in force"), (DAY, DAY, "taken back"), (NEXT, NEXT, "ended")],
)
def test_a_price_stands_by_its_days(ends_on: date | None, day: date, standing: str) -> None:
    assert Agreed(replace(HALF, ends_on=ends_on), None, clock.day_start(DAY), None).standing(day) == standing


def test_usage_outside_the_days_and_of_others_is_not_in_the_book(database: Database) -> None:
    store(database, record(), key=2)
    store(database, record(day=NEXT), days=2)

    assert (book(database).listed, book(database).lacking) == ((), ())
    assert len(book(database, 2).listed) == 1
