"""The trail tells every change, with who and from where, and the product's own roles cannot take a line back."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import pytest
from sqlalchemy import delete, update
from sqlalchemy.exc import DatabaseError

from tests.tracker.builders import two_workspaces
from tracker import audit
from tracker.audit import OPERATOR, Action, Actor
from tracker.db import Database
from tracker.errors import BadInput
from tracker.models import AuditEvent, table_of

EVENTS = table_of(AuditEvent)


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    with two_workspaces(migrated_url, role="web") as opened:
        yield opened


def tell(database: Database, *, workspace: int = 1, subject: str = "main", by: Actor = OPERATOR) -> None:
    with database.workspace(workspace, write=True) as session:
        audit.record(session, workspace, Action.KEY_ADDED, by, subject=subject)


def told(database: Database, workspace: int = 1) -> list[tuple[str, str, str]]:
    with database.workspace(workspace) as session:
        return [(entry.action, entry.subject, entry.address) for entry in audit.trail(session, workspace)]


def test_a_line_is_told_newest_first_and_to_its_workspace_only(database: Database) -> None:
    tell(database, subject="one")
    tell(database, subject="two", by=Actor(None, "198.51.100.7"))

    assert told(database) == [("added a key", "two", "198.51.100.7"), ("added a key", "one", "command line")]
    assert told(database, 2) == []


@pytest.mark.parametrize("statement", [update(EVENTS).values(subject="nothing"), delete(EVENTS)])
def test_no_line_is_changed_or_taken_back(database: Database, statement: object) -> None:
    tell(database)

    with pytest.raises(DatabaseError), database.workspace(1, write=True) as session:
        session.execute(statement.where(EVENTS.c.workspace_id == 1))  # type: ignore[attr-defined]

    assert told(database) == [("added a key", "main", "command line")]


def test_a_line_is_there_only_with_what_it_tells(database: Database) -> None:
    def fail_halfway() -> None:
        with database.workspace(1, write=True) as session:
            audit.record(session, 1, Action.KEY_DELETED, OPERATOR)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_halfway()
    assert told(database) == []


def test_the_file_is_safe_to_open(database: Database) -> None:
    tell(database, subject="=HYPERLINK(1)\r\nx")
    with database.workspace(1) as session:
        text = "".join(audit.trail_csv(session, 1, count=10))

    (row,) = csv.DictReader(io.StringIO(text, newline=""))
    assert row["subject"] == "'=HYPERLINK(1)\r\nx" and row["who"] == "operator"


def test_a_person_must_have_proven_who_they_are_to_touch_a_key() -> None:
    Actor(7, "198.51.100.7", proven=True).check_proven()
    OPERATOR.check_proven()

    with pytest.raises(BadInput, match="confirm first that it is you"):
        Actor(7, "198.51.100.7").check_proven()


def test_every_action_has_words_of_its_own() -> None:
    assert len({action.value for action in Action}) == len(Action)
