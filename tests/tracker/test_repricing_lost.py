"""The answer to a commit of a repricing is lost, with or without its work: it is one repricing all the same."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import psycopg
import pytest
from sqlalchemy.exc import OperationalError

from tests.tracker.builders import AFTER, record, store
from tests.tracker.test_repricing import NEXT, agree, applied, check_rollup, database, numbers, plan, undo
from tracker import audit, clock, points, repricing
from tracker.db import Database

__all__ = ["database"]


def losing(label: str, occurrence: int) -> Callable[[str], None]:
    """A connection that ends there, once."""
    counted = itertools.count(1)

    def watcher(reached: str) -> None:
        if reached == label and next(counted) == occurrence:
            gone = psycopg.OperationalError("server closed the connection unexpectedly")
            raise OperationalError("COMMIT", None, gone, connection_invalidated=True)

    return watcher


@pytest.mark.parametrize(("days", "occurrence"), [(1, 1), (2, 1), (2, 2)])
@pytest.mark.parametrize("label", ["about to commit", "committed"])
def test_whatever_answer_is_lost_it_is_one_repricing_and_its_undoing_gives_all_back(
    database: Database, label: str, days: int, occurrence: int
) -> None:
    clock.start_at(AFTER)
    rows = [record(0), record(1), record(0, day=NEXT)]
    store(database, *rows[: days + 1], days=days)
    before = numbers(database)
    agree(database)

    with points.watch(losing(label, occurrence)):
        done = applied(database)

    assert (done.rows, done.days) == (days + 1, days)
    assert plan(database).days == ()
    check_rollup(database)
    with database.workspace(1) as session:
        assert repricing.every(session, 1) == [done]
        told = [line.action for line in audit.trail(session, 1)]
    assert told == ["priced past days anew", "added an agreed price"]
    assert undo(database, done.id).restored == days + 1
    assert numbers(database) == before
