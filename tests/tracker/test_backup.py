"""A back-up of the last night is not lost to the next."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tracker import backup, product, storage
from tracker.errors import BadInput


@pytest.fixture
def nightly(tmp_path: Path) -> tuple[str, Path]:
    """The address of an installation's database, and the back-up that is there of it."""
    product.prepare({"TRACKER_DATA_DIR": str(tmp_path / "data")})
    url, night = f"sqlite:///{tmp_path}/data/tracker.db", tmp_path / "night"
    backup.make(url, night, replace=False)
    return url, night


def test_a_damaged_database_does_not_take_the_place_of_the_last_good_back_up(nightly: tuple[str, Path]) -> None:
    url, night = nightly
    good, manifest = night.read_bytes(), backup.manifest_of(night).read_bytes()
    file = storage.file_of(url)
    assert file
    whole = file.read_bytes()
    file.write_bytes(whole[:8192] + bytes(4096) + whole[12288:])

    with pytest.raises(BadInput, match=r"is damaged .*What was at .* stays"):
        backup.make(url, night, replace=True)

    assert (night.read_bytes(), backup.manifest_of(night).read_bytes()) == (good, manifest)
    assert sorted(path.name for path in night.parent.iterdir()) == ["data", "night", "night.manifest.json"]
    backup.restore(url, night, replace=True)
    assert storage.damage(file) is None


def test_a_back_up_is_replaced_together_with_its_manifest(nightly: tuple[str, Path]) -> None:
    url, night = nightly
    backup.manifest_of(night).write_text("{}")

    made = backup.make(url, night, replace=True)

    assert json.loads(backup.manifest_of(night).read_text())["sha256"] == made.sha256
    assert backup.restore(url, night, replace=True) == made
