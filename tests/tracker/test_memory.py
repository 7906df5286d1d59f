"""What is recalled is what is stored: nothing older, and nothing of another workspace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from sqlalchemy import select, update

from tests.tracker.builders import two_workspaces
from tracker import memory
from tracker.db import Database, open_database
from tracker.errors import TenancyError
from tracker.memory import Memory
from tracker.models import ProviderKey, table_of

KEYS = table_of(ProviderKey)


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    with two_workspaces(migrated_url) as opened:
        yield opened


@pytest.fixture
def kept() -> Iterator[Memory]:
    with closing(Memory()) as opened:
        yield opened


class Label:
    """The label of a workspace's connection, and how often it was asked for."""

    def __init__(self, database: Database, kept: Memory) -> None:
        self.database, self.kept, self.asked = database, kept, 0

    def recall(self, workspace_id: int = 1, *, keep: bool = True) -> str:
        with self.database.workspace(workspace_id) as session:

            def read() -> str:
                self.asked += 1
                statement = select(KEYS.c.label).where(KEYS.c.workspace_id == workspace_id)
                return str(session.execute(statement).scalar_one())

            return self.kept.recall(session, "label", read, keep=lambda _: keep)


def rename(database: Database, label: str, workspace_id: int = 1) -> None:
    with database.workspace(workspace_id, write=True) as session:
        session.execute(update(KEYS).where(KEYS.c.workspace_id == workspace_id).values(label=label))


def test_it_is_told_again_without_a_question_until_anybody_writes(database: Database, kept: Memory) -> None:
    label = Label(database, kept)
    other = open_database(str(database.engine.url.render_as_string(hide_password=False)), role="worker")

    rename(database, "first")
    assert {label.recall() for _ in range(20)} == {"first"}
    assert label.asked < 20  # once, unless the server wrote something for itself
    for writer, name in ((database, "second"), (other, "third"), (database, "fourth")):
        rename(writer, name)
        assert label.recall() == name
    other.engine.dispose()


def test_a_write_while_it_is_read_is_seen_the_next_time(database: Database, kept: Memory) -> None:
    rename(database, "old")

    def read() -> str:
        rename(database, "new")
        return "old"

    with database.workspace(1) as session:
        assert kept.recall(session, "label", read, keep=lambda _: True) == "old"
    assert Label(database, kept).recall() == "new"


def test_each_workspace_is_told_its_own(database: Database, kept: Memory) -> None:
    rename(database, "of one", 1)
    rename(database, "of two", 2)
    label = Label(database, kept)

    assert [label.recall(number) for number in (1, 2, 1, 2)] == ["of one", "of two"] * 2


def test_what_may_not_be_kept_is_asked_for_every_time(database: Database, kept: Memory) -> None:
    label = Label(database, kept)

    for _ in range(3):
        label.recall(keep=False)

    assert label.asked == 3


def test_only_the_first_question_in_a_workspace_is_answered(database: Database, kept: Memory) -> None:
    with database.workspace(1) as session:
        session.execute(select(KEYS.c.label).where(KEYS.c.workspace_id == 1)).all()
        with pytest.raises(TenancyError):
            kept.recall(session, "label", str, keep=lambda _: True)
    with database.exempt() as session, pytest.raises(TenancyError):
        kept.recall(session, "label", str, keep=lambda _: True)


def test_only_so_many_answers_are_kept(database: Database, kept: Memory) -> None:
    def recall(number: int) -> int:
        with database.workspace(1) as session:
            return kept.recall(session, number, lambda: number, keep=lambda _: True)

    assert [recall(number) for number in range(memory.MOST + 5)] == list(range(memory.MOST + 5))

    assert len(kept._answers) == memory.MOST
