"""What the dashboard shows equals what the command and the file say, in every stage, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.installation import EMAIL, NOW, PASSWORD, TODAY, TOMORROW, Installation, installed
from tests.postgres import PostgresServer
from tracker import access, clock, connections, overview, queries
from tracker.overview import Measure, Period, Stage, keys
from tracker.queries import Question
from tracker.sandbox import World
from tracker.sandbox.trouble import Trouble

MONTH = TODAY.replace(day=1)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def read(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Fifty-four days, read once for the tests that only look."""
    folder = tmp_path_factory.mktemp("read")
    clock.start_at(NOW)
    with database(request, folder) as url, installed(World(days=54, keeps=62, now=lambda: NOW), url, folder) as whole:
        assert whole.fetch() == 0
        yield whole


@pytest.fixture
def ready(migrated_url: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Installation]:
    """A few days that were not read yet: five, or what the test is marked with."""
    days = getattr(request, "param", 5)
    with installed(World(days=days, keeps=days, now=lambda: NOW), migrated_url, tmp_path) as installation:
        yield installation


def database(request: pytest.FixtureRequest, folder: Path) -> AbstractContextManager[str]:
    if request.param == "sqlite":
        return nullcontext(f"sqlite:///{folder / 'tracker.db'}")
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return server.database("overview")


def seen(installation: Installation, workspace_id: int | None = None) -> overview.Overview:
    return overview.read(installation.product, workspace_id or installation.workspace_id, now=NOW)


def test_every_figure_is_the_commands_and_the_files(read: Installation) -> None:
    told = seen(read)
    with read.product.database.workspace(read.workspace_id) as session:
        month = queries.usage(session, read.workspace_id, Question(MONTH, TOMORROW))[0]
    rows = read.csv(MONTH, TOMORROW)

    assert told.stage is Stage.READY
    assert told.month.spend == month.estimated_cost
    assert told.month.spend == sum(Decimal(row["estimated_cost_usd"] or 0) for row in rows)
    assert told.month.requests == month.requests
    assert told.month.tokens == (month.input_tokens or 0) + (month.output_tokens or 0)
    assert told.month.unpriced_rows == sum(row["cost_basis"] == "unpriced" for row in rows)
    assert told.complete_days == 30
    week = told.bars(told.cells, Period.WEEK, Measure.SPEND)
    days = [row for row in rows if row["bucket_start"] >= f"{TODAY - timedelta(days=6)}"]
    assert sum(total for total in week.totals.values() if total) == sum(
        Decimal(row["estimated_cost_usd"] or 0) for row in days
    )


def test_every_period_has_sums_of_its_own(read: Installation) -> None:
    told, october = seen(read), MONTH - timedelta(days=31)
    with read.product.database.workspace(read.workspace_id) as session:
        last = queries.usage(session, read.workspace_id, Question(october, MONTH))[0]
    bars = told.bars(told.cells, Period.WEEK, Measure.SPEND)

    assert told.sums_of(Period.MONTH) == told.month
    assert told.sums_of(Period.WEEK).spend == sum(total for total in bars.totals.values() if total)
    assert told.sums_of(Period.LAST_MONTH).spend == last.estimated_cost
    assert told.billed_before and told.billed_before.amount == last.billed_cost
    assert (told.billed_before.through, told.missing(Period.LAST_MONTH)) == (MONTH - timedelta(days=1), [])


def test_the_unpriced_part_of_any_days_is_that_of_the_file(read: Installation) -> None:
    told = seen(read)
    rows = [row for row in read.csv(MONTH - timedelta(days=31), TOMORROW) if row["cost_basis"] == "unpriced"]

    assert len(told.change.days) == len(told.change.twins) > 0
    for days in (told.change.days, told.change.twins, told.cycle.days, ()):
        wanted = {str(day) for day in days}
        of_days = [row for row in rows if row["bucket_start"][:10] in wanted]
        part = told.unpriced_of(days)
        assert part.rows == len(of_days)
        assert part.requests == sum(int(row["requests"] or 0) for row in of_days)
        assert part.tokens == sum(int(row["input_tokens"] or 0) + int(row["output_tokens"] or 0) for row in of_days)
        assert (part.at_most is not None) == bool(part.tokens)
    assert told.unpriced.rows == told.month.unpriced_rows


def test_the_bill_stands_beside_the_estimate_of_the_same_days(read: Installation) -> None:
    told = seen(read)

    assert told.billed is not None and told.billed_through == told.billed.through < TODAY
    lines = read.csv(MONTH, told.billed.through + timedelta(days=1), "billed-csv")
    rows = read.csv(MONTH, told.billed.through + timedelta(days=1))
    assert told.billed.amount == sum(Decimal(line["billed_cost"]) for line in lines)
    assert told.billed.estimate == sum(Decimal(row["estimated_cost_usd"] or 0) for row in rows)
    assert told.foreign == ()


def test_the_last_events_are_the_newest_with_their_names(read: Installation) -> None:
    events = seen(read).events

    assert len(events) == 100
    assert list(events) == sorted(events, key=lambda event: event.at, reverse=True)
    assert any(event.project and not event.project.startswith("proj_") for event in events)


def test_a_workspace_without_a_key_shows_nothing_of_another(read: Installation) -> None:
    other = access.add_user(read.product.database, "grace@acme.example", PASSWORD)
    told = seen(read, other)

    assert told.stage is Stage.NO_KEY
    assert (told.connections, told.cells, told.events, told.read_at) == ((), (), (), None)
    assert told.month.spend is None


def test_a_new_key_waits_and_then_is_read(ready: Installation) -> None:
    waiting = seen(ready)
    assert waiting.stage is Stage.WAITING
    assert waiting.month.spend is None and waiting.progress.read == 0

    ready.fetch()
    assert seen(ready).progress.pending == 0


def test_a_refused_key_keeps_what_was_read(ready: Installation) -> None:
    ready.fetch()
    before = seen(ready).month
    ready.world.spoil(ready.world.keys["good"], "revoked")
    connections.ask_check(ready.product, ready.workspace_id, seen(ready).connections[0].provider_key_id)
    ready.fetch()
    told = seen(ready)

    assert told.connections[0].refused and "OpenAI does not know this key" in (told.connections[0].reason or "")
    assert (told.stage, told.month) == (Stage.READY, before)


@pytest.mark.parametrize("ready", [TODAY.day], indirect=True)
def test_an_organisation_without_usage_is_told_from_one_not_read(ready: Installation) -> None:
    other = access.add_user(ready.product.database, "empty@acme.example", PASSWORD)
    key = ready.world.keys["empty_org"]
    connections.add(ready.product, other, provider="openai", label="empty", text=key)
    assert seen(ready, other).stage is Stage.WAITING

    ready.fetch()
    told = seen(ready, other)
    assert told.stage is Stage.NOTHING_USED
    assert told.month.spend == Decimal(0)


def test_a_failed_day_is_told_with_its_reason_and_next_try(ready: Installation) -> None:
    ready.world.troubles.add(Trouble("status_404", path="/organization/usage/images", times=10_000))
    ready.fetch()
    told = seen(ready)

    assert told.failure is not None
    assert told.failure.endpoint == "images" and told.failure.retry_at is not None
    assert told.complete_days < 30 and told.unread_days > 0


def test_settings_show_each_key_and_the_worker_and_deleting_one_takes_no_figure_away(ready: Installation) -> None:
    ready.fetch()
    standing = keys.read(ready.product, ready.workspace_id, now=NOW)

    (card,) = standing.keys
    assert (card.label, card.provider, card.last4) == ("main", "OpenAI", ready.world.keys["good"][-4:])
    assert card.used and card.progress.pending == 0 and card.read_days == card.progress.total
    assert standing.last_run is not None and standing.last_run.units_failed == 0
    assert standing.workers == 0 and standing.seen_at is not None

    before = seen(ready)
    connections.delete(ready.product, ready.workspace_id, card.provider_key_id)
    gone = seen(ready)
    assert keys.read(ready.product, ready.workspace_id, now=NOW).keys == ()
    assert (gone.connections, gone.month, gone.marks, gone.reach) == ((), before.month, before.marks, before.reach)

    key = ready.world.another_key("again")
    connections.add(ready.product, ready.workspace_id, provider="openai", label="main", text=key)
    again = seen(ready)
    assert (again.month, again.marks, again.reach) == (before.month, before.marks, before.reach)
    assert (again.stage, again.progress) == (before.stage, before.progress)
    assert access.user_of(ready.product.database, EMAIL)
