"""Whoever belongs to a workspace hears of a key that was put in, exchanged or destroyed."""

from __future__ import annotations

from pathlib import Path

from tests.installation import EMAIL, installed
from tracker import access, connections, mail
from tracker.product import Product
from tracker.sandbox import World


def letters(ready: Product) -> list[str]:
    mail.deliver(ready.database, ready.settings)
    return [file.read_text(encoding="utf-8") for file in mail.folder(ready.settings).glob("*.eml")]


def test_a_keys_change_is_told_by_mail_and_its_pause_is_not(migrated_url: str, tmp_path: Path) -> None:
    with installed(World(days=3), migrated_url, tmp_path) as installation:
        ready, workspace_id = installation.product, installation.workspace_id
        access.add_user(ready.database, "mallory@globex.example", "quite another long password")
        connections.pause(ready, workspace_id, 1, paused=True)
        when_added = letters(ready)
        connections.delete(ready, workspace_id, 1)
        told = letters(ready)

        assert (len(when_added), len(told)) == (1, 2)
        assert all(f"To: {EMAIL}" in text and "A provider key was changed" in text for text in told)
        assert not any(installation.world.keys["good"] in text for text in told)
