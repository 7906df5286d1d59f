"""A client of a scripted provider for every test here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.tracker.providers.scripted import Asker, ScriptedProvider, asking


@pytest.fixture
def asker() -> Iterator[Asker]:
    with asking(ScriptedProvider()) as asker:
        yield asker
