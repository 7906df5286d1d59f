"""Statements sent as plain text: the same rows, refusals and errors as by the library's own way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Executable, bindparam, insert, select
from sqlalchemy.exc import IntegrityError

from tests.tracker.builders import AFTER, DAY, record, store, two_workspaces
from tracker import bill_rows, calls, clock, colours, event_rows, ledger, opened, restatements, series
from tracker.db import Database, plain
from tracker.errors import TenancyError
from tracker.models import Colour, table_of
from tracker.pricing import PriceVersion

COLOURS = table_of(Colour)
NEW = insert(COLOURS).values(
    {name: bindparam(name) for name in ("workspace_id", "dimension", "name", "slot", "spends")}
)
RED = {"workspace_id": 1, "dimension": "model", "name": "red", "slot": 3, "spends": True}
OF_KEY = {"of_workspace": 1, "of_key": 1, "of_endpoint": "completions"}
OF_DAYS = {"of_start": DAY, "of_end": DAY + clock.DAY, "of_owner": "w"}
EVENTS = {**OF_KEY, "first": clock.day_start(DAY), "end": clock.day_end(DAY)}


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    with two_workspaces(migrated_url) as opened_one:
        store(opened_one, record(0), record(1, model="unheard-of"))
        yield opened_one


def test_the_orm_is_begun_for_whoever_needs_it_and_for_nobody_else(database: Database) -> None:
    with database.workspace(1, write=True) as session:
        plain.run(session, NEW, RED)
        assert "identity_map" not in vars(session)
        session.add(Colour(workspace_id=1, dimension="model", name="blue", slot=4, spends=True))
        assert not hasattr(session, "no_such_thing")

    with database.workspace(1) as session:
        stored = {row.name for row in session.scalars(select(Colour).where(COLOURS.c.workspace_id == 1))}
    assert {"red", "blue"} <= stored


def test_nothing_is_sent_outside_a_transaction_after_the_orm_took_one_back(database: Database) -> None:
    def red_after_a_rollback(error: Exception | None = None) -> None:
        with database.workspace(1, write=True) as session:
            assert not {"red", "blue"} & colours.kept(session, 1, "model").keys()
            session.add(Colour(workspace_id=1, dimension="model", name="blue", slot=4, spends=True))
            session.flush()
            session.rollback()
            assert not session.in_transaction()
            plain.run(session, NEW, RED)
            assert session.in_transaction()
            if error:
                raise error

    with pytest.raises(ZeroDivisionError):
        red_after_a_rollback(ZeroDivisionError())
    red_after_a_rollback()

    with database.workspace(1) as session:
        stored = colours.kept(session, 1, "model").keys()
    assert "red" in stored and "blue" not in stored


@pytest.mark.parametrize(
    ("statement", "given"),
    [
        (colours.KEPT, {"of_workspace": 1}),
        (series.KNOWN, OF_KEY),
        (event_rows.STORED, EVENTS),
        (ledger.HOLD, {**OF_KEY, **OF_DAYS, "of_owner": "somebody"}),
        (ledger.READ, {**OF_KEY, "since": DAY}),
        (opened.MARK, OF_KEY),
        (restatements.SEEN, {"of_workspace": 1, "since": AFTER}),
        (bill_rows.LINES, {**OF_KEY, "of_day": DAY}),
    ],
)
def test_the_rows_are_those_that_the_library_finds(
    database: Database, statement: Executable, given: dict[str, Any]
) -> None:
    with database.workspace(1) as session:
        found = plain.rows(session, statement, given)
        assert found == [tuple(row) for row in session.execute(statement, given)]


def test_what_is_written_is_counted_and_read_back(database: Database) -> None:
    with database.workspace(1, write=True) as session:
        assert plain.run(session, NEW, RED) == 1
        assert plain.run(session, NEW, [{**RED, "name": name} for name in ("blue", "green")]) == 2
        call = {"workspace_id": 1, "provider_key_id": 1, "started_at": AFTER, "method": "GET", "path": "/"}
        ((number,),) = plain.rows(session, calls.STARTED, call)

    with database.workspace(1) as session:
        assert {"red", "blue", "green"} <= colours.kept(session, 1, "model").keys()
        assert [each.at for each in calls.newest(session, 1, 1, count=9)] == [AFTER]
        assert number == 1


def test_what_is_sent_together_is_done_whole_or_not_at_all(database: Database) -> None:
    blue = {**RED, "name": "blue"}
    with database.workspace(1, write=True) as session:
        with plain.together(session):
            plain.run(session, NEW, RED)
            plain.run(session, NEW, blue)
        assert {"red", "blue"} <= colours.kept(session, 1, "model").keys()
    with pytest.raises(IntegrityError), database.workspace(1, write=True) as session, plain.together(session):
        plain.run(session, NEW, [{**RED, "name": "green"}, blue, {**RED, "name": "white"}])

    with database.workspace(1) as session:
        assert not {"green", "white"} & colours.kept(session, 1, "model").keys()


def test_a_statement_on_another_workspace_is_refused(database: Database) -> None:
    with database.workspace(1, write=True) as session:
        with pytest.raises(TenancyError):
            plain.rows(session, colours.KEPT, {"of_workspace": 2})
        with pytest.raises(TenancyError):
            plain.run(session, NEW, [RED, {**RED, "workspace_id": 2}])
        with pytest.raises(TenancyError):
            plain.rows(session, select(COLOURS.c.name), {})


def test_a_text_that_depends_on_its_values_is_not_compiled_once(database: Database) -> None:
    some = select(COLOURS.c.name).where(COLOURS.c.workspace_id == 1, COLOURS.c.name.in_(["red", "blue"]))
    with database.workspace(1) as session, pytest.raises(ValueError, match="depends on its values"):
        plain.rows(session, some, {})


def test_an_error_is_the_librarys_and_tells_no_value(database: Database) -> None:
    with pytest.raises(IntegrityError) as refused, database.workspace(1, write=True) as session:
        plain.run(session, NEW, [RED, RED])

    assert "red" not in str(refused.value.statement) and refused.value.params is None
    with database.workspace(1) as session:
        assert "red" not in colours.kept(session, 1, "model")


def test_rates_are_known_again_however_many_they_are(database: Database) -> None:
    rates = [PriceVersion("list", "openai", f"model {n}", "standard", None, f"hash {n}", "{}") for n in range(17)]
    found = []
    for _ in range(2):
        with database.workspace(1, write=True) as session:
            found.append(series.price_version_ids(session, rates, now=AFTER))

    assert found[0] == found[1]
    assert len(set(found[0].values())) == len(rates)
