"""What cannot be true in an answer costs its day nothing but itself: told over HTTP, stored, and looked at."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.tracker.builders import AFTER, DAY, ENDPOINTS, claim, two_workspaces
from tests.tracker.providers.scripted import ScriptedProvider, answer
from tracker import clock, ingest, migrations, queries, set_aside
from tracker.calls import KeptCalls
from tracker.db import Database
from tracker.providers.http import ClientPool, Limits, ProviderClient
from tracker.providers.openai import OpenAI
from tracker.redact import SecretKey

Json = Any
NEXT = DAY + clock.DAY
OPENAI = OpenAI()
HOUR, THREE = 3_600, 3
START = int(clock.day_start(DAY).timestamp())


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path_factory.mktemp('bad') / 'tracker.db'}"
    migrations.upgrade(url)
    with two_workspaces(url) as opened:
        yield opened


@pytest.fixture
def openai() -> Iterator[Callable[[str], ProviderClient]]:
    provider, pool = ScriptedProvider(), ClientPool(loopback_only=True)

    def told(body: str) -> ProviderClient:
        provider.script[:] = [answer(body.encode())]
        return ProviderClient(
            base_url=provider.base_url,
            title=OPENAI.title,
            headers=OPENAI.headers,
            key=SecretKey("sk-admin-0123456789abcdefghijABCDEFGHIJ"),
            allowed=OPENAI.allowed,
            explain=OPENAI.explain,
            calls=KeptCalls(),
            connection=pool,
            limits=Limits(tries=1),
            wait=lambda _: None,
        )

    yield told
    provider.stop()
    pool.close()


def bucket(start: int, width: int, *rows: Json) -> Json:
    return {"object": "bucket", "start_time": start, "end_time": start + width, "results": list(rows)}


def used(**fields: Json) -> Json:
    return {"model": "gpt-5.4", "input_tokens": 1_000, "output_tokens": 10, "num_model_requests": 1, **fields}


def page(*buckets: Json) -> str:
    return json.dumps({"object": "page", "data": buckets, "has_more": False, "next_page": None})


def a_day() -> list[Json]:
    return [bucket(START + hour * HOUR, HOUR, used()) for hour in range(24)]


def with_row(**fields: Json) -> list[Json]:
    """A day of which the fourth hour has one row more."""
    buckets = a_day()
    buckets[THREE]["results"].append(used(model="gpt-5-mini", **fields))
    return buckets


def with_bucket(start: int, width: int = HOUR, **fields: Json) -> list[Json]:
    return [*a_day(), bucket(START + start, width, used(**fields))]


def stored(database: Database, client: ProviderClient, endpoint: str) -> str:
    """Fetch and store the day as the worker does; why rows of it were set aside."""
    fetched = OPENAI.fetch(client, ENDPOINTS[endpoint], DAY, NEXT, now=AFTER)
    claimed = claim(database, ENDPOINTS[endpoint])
    with database.workspace(1, write=True) as session:
        ingest.store(session, claimed, fetched, endpoint=ENDPOINTS[endpoint], provider="openai", now=AFTER)
    with database.workspace(1) as session:
        found = [each for each in set_aside.read(session, 1, DAY, NEXT) if each.endpoint == endpoint]
    return "".join(each.reason for each in found)


def usage_by_model(database: Database) -> dict[object, tuple[int | None, Decimal | None, int]]:
    """Tokens read, estimate and unpriced requests of each model."""
    with database.workspace(1) as session:
        rows = queries.usage(session, 1, queries.Question(DAY, NEXT, ("model",)))
    return {
        row.dimensions["model"]: (row.input_tokens, row.estimated_cost, row.unpriced_requests)
        for row in rows
        if row.requests is not None
    }


AN_HOUR = Decimal("0.00265")
"""A thousand tokens read at $2.50 a million and ten written at $15."""


@pytest.mark.parametrize(
    ("told", "wrong", "hours"),
    [
        (with_row(input_tokens=-1), "input_tokens is -1; 0 to 10000000000000 is expected", 24),
        (with_row(output_tokens=10**14), "output_tokens is 100000000000000; 0 to", 24),
        (with_row(num_model_requests=10**31), "num_model_requests is NaN, Infinity or a number out of range", 24),
        (with_row(input_tokens=float("nan")), "input_tokens is NaN, Infinity or a number out of range", 24),
        (with_row(input_tokens=float("inf")), "input_tokens is NaN, Infinity or a number out of range", 24),
        (with_row(input_tokens=0.5), "input_tokens is 0.5; a whole number is expected", 24),
        (with_row(input_tokens=None), "input_tokens is missing", 24),
        (with_row(input_cached_tokens=1_001), "exceeds input_tokens 1000", 24),
        (with_row(batch="maybe"), "batch is 'maybe'; true or false is expected", 24),
        (with_bucket(THREE * HOUR + 60), "03:01 UTC: its bucket begins 60 seconds late and overlaps another", 24),
        (with_bucket(THREE * HOUR, 2 * HOUR), "03:00 UTC: its bucket lasts 7200 seconds instead of 3600", 24),
        (with_bucket(THREE * HOUR, input_tokens=7), "03:00 UTC: it was told twice, with different figures", 23),
        (with_bucket(40 * HOUR), "2026-11-11 16:00 UTC: its bucket lies in the future", 24),
        (with_bucket(9_000 * HOUR), "2027-11-20 00:00 UTC: its bucket lies in the future", 24),
    ],
)
def test_usage_that_cannot_be_true_is_set_apart_and_the_rest_of_the_day_lands(
    database: Database, openai: Callable[[str], ProviderClient], told: list[Json], wrong: str, hours: int
) -> None:
    reason = stored(database, openai(page(*told)), "completions")

    assert reason.startswith("OpenAI's completions of 202")
    assert wrong in reason
    assert usage_by_model(database) == {"gpt-5.4": (hours * 1_000, hours * AN_HOUR, 0)}


def test_a_tier_or_model_that_nobody_knows_is_kept_without_a_price_and_never_as_zero(
    database: Database, openai: Callable[[str], ProviderClient]
) -> None:
    told = with_row(service_tier="hyperspeed")
    told[THREE]["results"].append(used(model="never-heard-of-it"))

    assert stored(database, openai(page(*told)), "completions") == ""
    assert usage_by_model(database) == {
        "gpt-5.4": (24_000, 24 * AN_HOUR, 0),
        "gpt-5-mini": (1_000, None, 1),
        "never-heard-of-it": (1_000, None, 1),
    }


def billed(value: str, currency: str = ', "currency": "usd"') -> str:
    """A day's bill as text, since what is no number cannot be written otherwise: a sound line and this one."""
    lines = ", ".join(
        f'{{"line_item": "{item}", "project_id": null, "amount": {{"value": {amount}{code}}}}}'
        for item, amount, code in (("gpt-5.4, input", "2.5", ', "currency": "usd"'), ("o3, input", value, currency))
    )
    return page({**bucket(START, 86_400), "results": "LINES"}).replace('"LINES"', f"[{lines}]")


@pytest.mark.parametrize(
    ("told", "wrong"),
    [
        *[
            (billed(value), "amount.value is NaN, Infinity or a number out of range; a number up to 1000000000")
            for value in ("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 40)
        ],
        *[(billed(f'"{value}"'), f"amount.value is '{value}'") for value in ("NaN", "Infinity", "1e999", "a lot")],
        (billed("1e10"), "amount.value is 1E+10"),
        (billed("true"), "amount.value is True"),
        (billed("1", ""), "amount.currency is missing; three letters like usd are expected"),
        (billed("1", ', "currency": "dollars"'), "amount.currency is 'dollars'"),
    ],
)
def test_an_amount_that_cannot_be_true_is_set_apart_and_the_rest_of_the_bill_lands(
    database: Database, openai: Callable[[str], ProviderClient], told: str, wrong: str
) -> None:
    reason = stored(database, openai(told), "costs")

    assert reason.startswith("OpenAI's costs of 2026-11-10: ")
    assert wrong in reason
    assert bill(database) == ({"gpt-5.4": Decimal("2.5")}, [])


def bill(database: Database) -> tuple[dict[object, Decimal | None], list[str]]:
    """What was billed for each model in dollars, and the other currencies that are in no figure."""
    with database.workspace(1) as session:
        rows = queries.usage(session, 1, queries.Question(DAY, NEXT, ("model",)))
        other = queries.other_currencies(session, 1, DAY, NEXT)
    return {row.dimensions["model"]: row.billed_cost for row in rows if row.billed_cost is not None}, other


def test_lines_in_two_currencies_are_kept_apart_and_never_summed(
    database: Database, openai: Callable[[str], ProviderClient]
) -> None:
    told = billed("4", ', "currency": "eur"')

    assert stored(database, openai(told), "costs") == ""
    assert bill(database) == ({"gpt-5.4": Decimal("2.5")}, ["eur"])


def test_a_bucket_may_begin_an_hour_ahead_of_our_clock(openai: Callable[[str], ProviderClient]) -> None:
    now = datetime(2026, 11, 10, 2, 30, tzinfo=UTC)
    on_the_edge = [bucket(START + hour * HOUR, HOUR, used()) for hour in range(THREE + 1)]

    for moment, aside in ((now, 0), (now - timedelta(minutes=31), 1)):
        client = openai(page(*on_the_edge))
        assert len(OPENAI.fetch(client, ENDPOINTS["completions"], DAY, NEXT, now=moment).set_aside) == aside
