"""What the first page keeps of a workspace is told to nobody else, and says whose price it is."""

from __future__ import annotations

import shutil
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from pages.ui import kept
from tests.installation import NOW, PASSWORD, TODAY, TOMORROW, installed
from tracker import access, workspace_prices
from tracker.audit import OPERATOR
from tracker.own_prices import OwnPrice
from tracker.sandbox import World

FROM = TODAY - timedelta(days=2)
VERSION = (NOW, None, None)


def test_each_workspace_is_told_its_own(migrated_file: Path, tmp_path: Path) -> None:
    shutil.copyfile(migrated_file, tmp_path / "tracker.db")
    world = World(days=3, keeps=3, now=lambda: NOW)
    with installed(world, f"sqlite:///{tmp_path / 'tracker.db'}", tmp_path) as ready:
        other = access.add_user(ready.product.database, "bo@acme.example", PASSWORD)
        with ready.product.database.workspace(ready.workspace_id, write=True) as session:
            half = OwnPrice(0, "openai", "gpt-5.4", FROM, factor=Decimal("0.5"))
            workspace_prices.add(session, ready.workspace_id, half, by=OPERATOR)
        assert ready.fetch() == 0
        sources = [
            kept.sources_of(ready.product, each, FROM, TOMORROW, VERSION) for each in (ready.workspace_id, other)
        ]
        told = [kept.explained_of(ready.product, each, FROM, TOMORROW, VERSION) for each in (ready.workspace_id, other)]

    assert (sources[0]["gpt-5.4"].own, sources[0]["gpt-5.4"].since) == (True, FROM)
    assert {model for model, source in sources[0].items() if source.own} == {"gpt-5.4"} != set(sources[0])
    assert sources[1] == {}
    assert told[0] is not None and told[0].share is not None and told[0].cause
    assert told[1] is not None and (told[1].share, told[1].cause, told[1].amount) == (None, "", None)
