"""Rows of usage by their bucket: however many, few are in memory, and the others where nobody else can read them."""

from __future__ import annotations

import os
import resource
import stat
import tempfile
from pathlib import Path

import pytest

from tests.places import in_child
from tests.tracker.builders import record
from tracker.buckets import Buckets
from tracker.errors import NoRoom, PayloadChanged
from tracker.spool import Spool

ROWS = [record(hour, model=f"m{number}", batch=number > 2) for hour in range(24) for number in range(12)]


@pytest.mark.parametrize("held", [0, 12, 30, 1_000])
def test_every_row_comes_back_whether_held_or_spooled(held: int) -> None:
    buckets = Buckets.of(reversed(ROWS), held=held)

    assert buckets.held_rows <= held
    assert sorted(map(repr, buckets)) == sorted(map(repr, ROWS))
    assert [len(buckets.at(start)) for start in buckets.starts] == [12] * 24
    buckets.put(buckets.starts[0], {})
    assert (len(buckets), len(buckets.starts)) == (len(ROWS) - 12, 23)


def test_more_rows_than_can_be_true_are_refused() -> None:
    with pytest.raises(PayloadChanged, match="More than 100 rows were told at once"):
        Buckets.of(ROWS, most=100)


def test_only_this_user_can_read_a_spool_and_it_has_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    spool = Spool()
    spool.write(ROWS[0].bucket_start, ROWS[:12])

    found = os.fstat(spool._file.fileno())
    assert (stat.S_IMODE(found.st_mode), found.st_nlink, found.st_size > 0) == (0o600, 0, True)
    assert list(tmp_path.iterdir()) == []
    assert spool.read(ROWS[0].bucket_start) == ROWS[:12]


def test_without_room_for_temporary_files_it_is_said_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def on_a_full_disk() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
        with pytest.raises(NoRoom, match=r"temporary files is full or cannot be written\. Make room there"):
            Buckets.of(ROWS, held=1)

    assert in_child(on_a_full_disk) == 0
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "not there"))
    with pytest.raises(NoRoom):
        Buckets.of(ROWS, held=1)
