"""The ring's file: made whole, private, never overwritten, and refused on any doubt without showing a byte."""

from __future__ import annotations

import json
import os
import pickle
import stat
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import pytest

from tracker.errors import BadConfiguration
from tracker.keyring import KeyRing, _privacy_problem, next_id

KEK = b64encode(b"canary canary canary canary canary"[:32]).decode()
SHORT = b64encode(b"canary canary canary canary can").decode()
GOOD = {"active": "k1", "keys": {"k1": KEK}, "fingerprint": KEK}
ROOT = Path(__file__).parents[2]


def _file(folder: Path, text: str | bytes, *, mode: int = 0o400) -> Path:
    path = folder / "ring.json"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    path.chmod(mode)
    return path


def _refusal(path: Path) -> str:
    with pytest.raises(BadConfiguration) as refused:
        KeyRing.load(path)
    message = str(refused.value)
    assert str(path) in message
    assert not any(piece in message for piece in (KEK[:8], SHORT[:8], "canary"))
    return message


def test_a_created_ring_is_the_one_loaded(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "ring.json"

    created = KeyRing.create(path)

    assert KeyRing.load(path) == created
    assert created.active == "k1"
    assert {len(key) for key in (*created.keys.values(), created.fingerprint_key)} == {32}
    assert created.keys["k1"] != created.fingerprint_key


def test_a_created_ring_is_readable_by_its_owner_only_and_alone_in_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "data" / "ring.json"

    KeyRing.create(path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o400
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert list(path.parent.iterdir()) == [path]


def test_two_rings_are_never_alike(tmp_path: Path) -> None:
    assert KeyRing.create(tmp_path / "a") != KeyRing.create(tmp_path / "b")


def test_an_existing_file_is_never_overwritten(tmp_path: Path) -> None:
    path = _file(tmp_path, "")

    with pytest.raises(FileExistsError):
        KeyRing.create(path)

    assert path.read_bytes() == b""
    assert list(tmp_path.iterdir()) == [path]


def test_a_ring_that_cannot_be_written_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(BadConfiguration, match="cannot be written"):
        KeyRing.create(tmp_path / ("x" * 300) / "ring.json")


def test_of_many_processes_that_create_the_ring_one_wins_and_all_read_the_same(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom pathlib import Path\nfrom tracker.keyring import KeyRing\npath = Path(sys.argv[1])\n"
        "sys.stdin.read()\n"
        "try:\n    KeyRing.create(path)\n    print('made', end=' ')\nexcept FileExistsError:\n    pass\n"
        "print(KeyRing.load(path).fingerprint_key.hex())\n"
    )
    path = tmp_path / "ring.json"
    run = [sys.executable, "-c", program, str(path)]
    processes = [
        subprocess.Popen(run, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]

    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
    answers = [process.communicate(timeout=60)[0].split() for process in processes]

    assert sorted(len(answer) for answer in answers) == [1, 1, 1, 2]
    assert {answer[-1] for answer in answers} == {KeyRing.load(path).fingerprint_key.hex()}


def test_a_ring_shows_no_byte_of_its_keys(tmp_path: Path) -> None:
    ring = KeyRing.load(_file(tmp_path, json.dumps(GOOD)))

    assert repr(ring) == str(ring) == f"{ring}" == "<key ring, active k1>"
    with pytest.raises(TypeError):
        pickle.dumps(ring)


def test_a_rings_keys_do_not_change(tmp_path: Path) -> None:
    ring = KeyRing.create(tmp_path / "ring.json")

    with pytest.raises(TypeError):
        ring.keys["k2"] = bytes(32)  # type: ignore[index]


# --- bad rings (K03)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is not JSON"),
        ("canary", "is not JSON"),
        (b"\xff\xfe\x00", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        (json.dumps(GOOD)[:-1], "is not JSON"),
        (json.dumps(GOOD).replace("{", '{"active": "k1", ', 1), "each name once"),
        (json.dumps(GOOD).replace('"k1": ', f'"k1": "{KEK}", "k1": '), "each name once"),
        ("[]", "does not consist of"),
        ("null", "is not JSON"),
        (json.dumps(GOOD | {"note": "canary"}), "does not consist of"),
        (json.dumps({"active": "k1", "keys": {"k1": KEK}}), "does not consist of"),
        (json.dumps(GOOD | {"active": 1}), "does not consist of"),
        (json.dumps(GOOD | {"keys": [KEK]}), "does not consist of"),
        (json.dumps(GOOD | {"active": "k2"}), "active id is not among"),
        (json.dumps(GOOD | {"active": "k1", "keys": {}}), "active id is not among"),
        (json.dumps(GOOD | {"active": "canary", "keys": {"canary": KEK}}), "not of the form k1"),
        (json.dumps(GOOD | {"keys": {"k1": KEK, "k0": KEK}}), "not of the form k1"),
        (json.dumps(GOOD | {"keys": {"k1": KEK, "K2": KEK}}), "not of the form k1"),
        (json.dumps(GOOD | {"keys": {"k1": KEK, "k2\n": KEK}}), "not of the form k1"),
        (json.dumps(GOOD | {"keys": {"k1": SHORT}}), "not the base64 of 32 bytes"),
        (json.dumps(GOOD | {"keys": {"k1": b64encode(bytes(33)).decode()}}), "not the base64 of 32 bytes"),
        (json.dumps(GOOD | {"keys": {"k1": KEK, "k2": ""}}), "not the base64 of 32 bytes"),
        (json.dumps(GOOD | {"keys": {"k1": KEK + "\n"}}), "not the base64 of 32 bytes"),
        (json.dumps(GOOD | {"keys": {"k1": "canäry"}}), "not the base64 of 32 bytes"),
        (json.dumps(GOOD | {"keys": {"k1": 1}}), "not the base64 of 32 bytes"),
        (json.dumps(GOOD | {"fingerprint": SHORT}), "not the base64 of 32 bytes"),
        (json.dumps(GOOD | {"fingerprint": None}), "not the base64 of 32 bytes"),
    ],
)
def test_a_ring_that_is_not_whole_stops_the_start(tmp_path: Path, text: str | bytes, told: str) -> None:
    assert told in _refusal(_file(tmp_path, text))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o410, 0o402, 0o777])
def test_a_ring_that_others_could_read_or_write_stops_the_start(tmp_path: Path, mode: int) -> None:
    assert "by others than its owner" in _refusal(_file(tmp_path, json.dumps(GOOD), mode=mode))


@pytest.mark.parametrize("mode", [0o400, 0o600])
def test_a_ring_of_its_owner_alone_is_read(tmp_path: Path, mode: int) -> None:
    assert KeyRing.load(_file(tmp_path, json.dumps(GOOD), mode=mode)).active == "k1"


@pytest.mark.parametrize(("mode", "is_read"), [(0o440, True), (0o400, True), (0o444, False), (0o460, False)])
def test_a_ring_that_systemd_hands_over_may_show_its_access_list_as_the_groups_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, is_read: bool
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    path = _file(tmp_path, json.dumps(GOOD), mode=mode)

    if is_read:
        assert KeyRing.load(path).active == "k1"
    else:
        assert "by others than its owner" in _refusal(path)


def test_a_folder_of_credentials_says_nothing_of_a_ring_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))

    assert "by others than its owner" in _refusal(_file(tmp_path, json.dumps(GOOD), mode=0o440))


def test_a_missing_ring_stops_the_start(tmp_path: Path) -> None:
    assert "cannot be read: No such file" in _refusal(tmp_path / "ring.json")


def test_a_folder_or_a_pipe_in_the_rings_place_stops_the_start(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o400)

    assert "cannot be read" in _refusal(tmp_path)
    assert "not a regular file" in _refusal(tmp_path / "pipe")


@pytest.mark.parametrize(
    ("owner", "our_uid", "refused"),
    [(1000, 1000, False), (0, 1000, False), (1001, 1000, True), (1001, 0, False), (0, 0, False)],
)
def test_a_ring_belongs_to_this_user_or_to_root(owner: int, our_uid: int, refused: bool) -> None:
    status = os.stat_result((stat.S_IFREG | 0o400, 0, 0, 1, owner, 0, 0, 0, 0, 0))

    problem = _privacy_problem(status, our_uid)

    assert (problem is not None) is refused
    assert problem is None or "belongs to another user" in problem


# --- rotation


def test_a_new_kek_is_active_and_the_old_ones_stay(tmp_path: Path) -> None:
    path = tmp_path / "ring.json"
    old = KeyRing.create(path)

    new = KeyRing.add_key(path)
    newer = KeyRing.add_key(path)

    assert (new.active, newer.active) == ("k2", "k3")
    assert newer.keys["k1"] == old.keys["k1"]
    assert newer.keys["k2"] == new.keys["k2"]
    assert len(set(newer.keys.values())) == 3
    assert newer.fingerprint_key == old.fingerprint_key
    assert KeyRing.load(path) == newer
    assert stat.S_IMODE(path.stat().st_mode) == 0o400
    assert list(tmp_path.iterdir()) == [path]


def test_a_kek_is_numbered_after_the_highest_there_is(tmp_path: Path) -> None:
    path = _file(tmp_path, json.dumps({"active": "k9", "keys": {"k10": KEK, "k9": KEK}, "fingerprint": KEK}))

    assert KeyRing.add_key(path).active == "k11"


@pytest.mark.parametrize(
    ("used", "expected"),
    [
        ((), "k4"),
        (("k1", None, "k3"), "k4"),
        (("k7", "k12"), "k13"),
        (("", "k", "k0", "k09", "x9", "k9 ", "k٩", "k100000", "k999999"), "k4"),
        (("k99999",), "k100000"),
    ],
)
def test_a_kek_is_numbered_after_what_a_lost_one_sealed(used: tuple[str | None, ...], expected: str) -> None:
    assert next_id(("k3", "k1"), used) == expected


def test_a_ring_behind_a_link_is_replaced_where_it_lies(tmp_path: Path) -> None:
    path = tmp_path / "ring.json"
    KeyRing.create(path)
    link = tmp_path / "link.json"
    link.symlink_to(path)

    KeyRing.add_key(link)

    assert link.is_symlink()
    assert KeyRing.load(path).active == "k2"


def test_a_bad_ring_gets_no_new_kek_and_stays_as_it_is(tmp_path: Path) -> None:
    path = _file(tmp_path, "canary")

    with pytest.raises(BadConfiguration, match="is not JSON"):
        KeyRing.add_key(path)

    assert path.read_text() == "canary"
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_ring_gets_no_new_kek(tmp_path: Path) -> None:
    with pytest.raises(BadConfiguration, match="No such file"):
        KeyRing.add_key(tmp_path / "nowhere" / "ring.json")


def test_keks_added_at_the_same_time_are_all_kept(tmp_path: Path) -> None:
    path = tmp_path / "ring.json"
    KeyRing.create(path)
    program = (
        "import sys\nfrom pathlib import Path\nfrom tracker.keyring import KeyRing\nKeyRing.add_key(Path(sys.argv[1]))"
    )

    adding = [subprocess.Popen([sys.executable, "-c", program, str(path)], cwd=ROOT) for _ in range(4)]

    assert [process.wait(timeout=60) for process in adding] == [0, 0, 0, 0]
    assert set(KeyRing.load(path).keys) == {"k1", "k2", "k3", "k4", "k5"}


def test_the_ring_keeps_its_owner_when_root_adds_a_kek(tmp_path: Path) -> None:
    path = tmp_path / "ring.json"
    KeyRing.create(path)
    owner = 12_345 if os.geteuid() == 0 else os.geteuid()
    os.chown(path, owner, -1)

    KeyRing.add_key(path)

    assert path.stat().st_uid == owner
