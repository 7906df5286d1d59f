"""Views under a name: kept as they were, shared in the workspace, and not outside."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlmodel import Session

from tests.tracker.builders import two_workspaces
from tracker import saved_views
from tracker.errors import BadInput, Conflict, NotFound
from tracker.explore.view import By, Preset, View
from tracker.saved_views import MOST_VIEWS, Kept

VIEW = View(Preset.NINETY, by=By.PROJECT, only={By.MODEL: ("gpt-5.4", None), By.USER: ("~",)}, zone="Asia/Tokyo")


@pytest.fixture
def session(migrated_url: str) -> Iterator[Session]:
    with two_workspaces(migrated_url, role="web") as database, database.workspace(1, write=True) as opened:
        yield opened


def test_a_view_is_kept_renamed_and_deleted(session: Session) -> None:
    saved_views.save(session, 1, "  team   b ", View(), user_id=1)
    saved_views.save(session, 1, "Team A", VIEW, user_id=None)
    assert saved_views.every(session, 1) == [Kept("Team A", VIEW), Kept("team b", View())]

    saved_views.rename(session, 1, "Team A", "z")
    saved_views.rename(session, 1, "z", "z")
    saved_views.remove(session, 1, "team b")

    assert saved_views.every(session, 1) == [Kept("z", VIEW)]


def test_a_name_is_there_once_and_is_a_name(session: Session) -> None:
    saved_views.save(session, 1, "one", VIEW, user_id=1)
    saved_views.save(session, 1, "two", VIEW, user_id=1)

    with pytest.raises(Conflict, match="named “one” already"):
        saved_views.save(session, 1, "one", View(), user_id=1)
    with pytest.raises(Conflict):
        saved_views.rename(session, 1, "two", "one")
    for name in ("", "  ", "x" * 61, "a\x00b"):
        with pytest.raises(BadInput, match="1 to 60 printable"):
            saved_views.save(session, 1, name, VIEW, user_id=1)
    with pytest.raises(NotFound, match="Choose another one"):
        saved_views.rename(session, 1, "none", "x")
    with pytest.raises(NotFound, match="Choose another one"):
        saved_views.remove(session, 1, "none")


def test_there_is_an_end_to_them(session: Session) -> None:
    for n in range(MOST_VIEWS):
        saved_views.save(session, 1, f"view {n}", View(), user_id=1)

    with pytest.raises(BadInput, match="100 saved views already"):
        saved_views.save(session, 1, "one more", View(), user_id=1)
