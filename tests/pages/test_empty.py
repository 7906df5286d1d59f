"""Every page that can be empty says what it will show."""

from __future__ import annotations

from pages.registry import PAGES
from pages.ui import empty

OF_THEIR_OWN = {"dashboard", "settings"}
"""The dashboard leads a new person by its steps; in the settings there is always something to do."""


def test_each_page_has_three_things_to_show_in_a_sentence_each() -> None:
    assert set(empty.WILL_SHOW) == {each.path for each in PAGES} - OF_THEIR_OWN
    for points in empty.WILL_SHOW.values():
        assert len({what for _, what, _ in points}) == 3
        assert all(words.endswith(".") and icon.islower() for icon, _, words in points)
