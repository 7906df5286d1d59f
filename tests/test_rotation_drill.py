"""The key ring's drill: thousands of sealed keys, a rotation killed again and again, damaged rows."""

from __future__ import annotations

import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.drill import ORIGIN, PATIENCE_S, Drill, Place, drilled, opened
from tests.quick import Process
from tests.seeds import examples
from tracker import rotation, vault
from tracker.errors import VaultError
from tracker.keyring import KeyRing
from tracker.vault import Binding, Sealed

SEED = 20_261_123
ROWS = {"sqlite": min(examples(2_000), 10_000), "postgresql": min(examples(400), 1_000)}
BATCH_S = 0.03
"""About what a batch takes: a kill after a random part of it meets a transaction anywhere."""


def assert_adds_up(drill: Drill, receipt: dict[str, Any]) -> None:
    assert receipt["stored"] == drill.stored
    unreadable = len(receipt["unreadable"]) + len(receipt["unreadable_factors"])
    assert receipt["rewrapped"] + receipt["already"] + receipt["gone"] + unreadable == drill.stored


@pytest.mark.soak
def test_a_rotation_killed_at_random_moments_goes_on_and_loses_no_key(
    database_kind: str, migrated_url: str, tmp_path: Path
) -> None:
    rng = random.Random(SEED)  # noqa: S311 - repeatable moments, no secrets
    with drilled(migrated_url, tmp_path, rows=ROWS[database_kind]) as drill:
        before = drill.rows()
        kills = killed_again_and_again(drill, rng, kills=examples(3))
        moved = drill.under("k2")

        code, receipt = drill.rotate()

        sys.stdout.write(f"{database_kind}: {drill.stored} rows, killed {kills} times, left to the last run ")
        sys.stdout.write(f"{drill.stored - moved}, not opening afterwards 0\n")
        assert (code, receipt["unreadable"], receipt["unreadable_factors"]) == (0, [], [])
        assert_adds_up(drill, receipt)
        if moved < drill.stored:
            assert (receipt["active"], receipt["new_key"], receipt["already"]) == ("k2", False, moved)
        assert_all_moved(drill, receipt["active"], before)
        assert kills


def killed_again_and_again(drill: Drill, rng: random.Random, *, kills: int) -> int:
    """Start a rotation and kill it, each time farther on; how often it was met at work."""
    stretch = len(drill.texts) // (kills + 1)
    met = 0
    for number in range(kills):
        target = number * stretch + rng.randrange(stretch // 2) if number else 0
        if drill.under("k2") > target:
            continue  # the one before came that far
        process = drill.start("tracker", "rotate-keys")
        await_moved(drill, process, target)
        time.sleep(rng.random() * BATCH_S)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode in {0, -signal.SIGKILL}  # 0: it was ready before the signal came
        met += process.returncode != 0
        some = dict(rng.sample(list(drill.rows().items()), 100))
        assert opened(drill.ring, some) == {each: drill.texts[each] for each in some}
    return met


def await_moved(drill: Drill, process: Process, target: int) -> None:
    """Wait until so many rows are under the new key; for 0, until there is a new key."""
    deadline = time.monotonic() + PATIENCE_S
    while process.poll() is None and (drill.ring.active == "k1" or drill.under("k2") < target):
        assert time.monotonic() < deadline, "it does not go on"
        time.sleep(0.01)


def assert_all_moved(drill: Drill, kek_id: str, before: dict[int, Place]) -> None:
    """Every key is there as it was, and opens with the new key alone."""
    after = drill.rows()
    new_alone = replace(drill.ring, active=kek_id, keys={kek_id: drill.ring.keys[kek_id]})
    assert opened(new_alone, after) == drill.texts
    assert opened(new_alone, drill.factors()) == drill.secrets
    assert ciphertexts(after) == ciphertexts(before)
    assert opened(drill.ring, before) == drill.texts, "a backup from before opens with the ring of today"


def ciphertexts(rows: dict[int, Place]) -> dict[int, bytes]:
    return {number: sealed.ciphertext for number, (_, sealed) in rows.items()}


def test_of_two_rotations_at_once_one_refuses_or_comes_after(tmp_path: Path) -> None:
    with drilled(f"sqlite:///{tmp_path / 'tracker.db'}", tmp_path, rows=300) as drill:
        both = [drill.start("tracker", "rotate-keys") for _ in range(2)]
        errors = [process.communicate(timeout=PATIENCE_S)[1] for process in both]

        assert sorted(process.returncode for process in both) in ([0, 0], [0, 1])
        assert all(b"changed already" in err for process, err in zip(both, errors, strict=True) if process.returncode)
        assert drill.under(drill.ring.active) == drill.stored
        assert opened(drill.ring, drill.rows()) == drill.texts


def test_a_rotation_refuses_while_another_holds_its_lock(tmp_path: Path) -> None:
    with drilled(f"sqlite:///{tmp_path / 'tracker.db'}", tmp_path, rows=10) as drill:
        with rotation.alone(drill.ready.settings.keyring_file):
            process = drill.start("tracker", "rotate-keys")
            out, err = process.communicate(timeout=PATIENCE_S)

        assert (process.returncode, out) == (1, b"")
        assert b"changed already" in err
        assert drill.under("k1") == drill.stored
        assert set(drill.ring.keys) == {"k1"}


# --- rows that do not open: K04 to K07


def damaged(rows: dict[int, Place]) -> dict[int, dict[str, object]]:
    """What is changed in which row. Rows 20 and 21 have their ciphertexts swapped, 22 and 23 all they have."""
    sealed = {number: each for number, (_, each) in rows.items()}

    def both(number: int) -> dict[str, object]:
        return {"ciphertext": sealed[number].ciphertext, "wrapped_dek": sealed[number].wrapped_dek}

    return {
        3: {"ciphertext": flipped(sealed[3].ciphertext, 100)},
        5: {"wrapped_dek": flipped(sealed[5].wrapped_dek, 479)},
        7: {"ciphertext": sealed[7].ciphertext[:-1]},
        8: {"ciphertext": b""},
        9: {"wrapped_dek": sealed[9].wrapped_dek[:12]},
        11: {"provider": "anthropic"},
        12: {"origin": "https://evil.example:443"},
        13: {"fmt": 2},
        14: {"kek_id": "k9"},  # a number that no new key gets
        15: {"kek_id": None},
        110: {"workspace_id": 1},
        20: {"ciphertext": sealed[21].ciphertext},
        21: {"ciphertext": sealed[20].ciphertext},
        22: both(23),
        23: both(22),
        24: {"wrapped_dek": sealed[25].wrapped_dek},
    }


def flipped(text: bytes, bit: int) -> bytes:
    number = int.from_bytes(text, "big") ^ (1 << bit)
    return number.to_bytes(len(text), "big")


def test_rows_that_do_not_open_are_named_and_the_others_go_on(migrated_url: str, tmp_path: Path) -> None:
    with drilled(migrated_url, tmp_path, rows=130) as drill:
        damages = damaged(drill.rows())
        for number, values in damages.items():
            drill.edit(number, **values)
        left = {number: place for number, place in drill.rows().items() if number in damages}

        first, second = drill.rotate(), drill.rotate()

        for (code, receipt), active in ((first, "k10"), (second, "k11")):
            assert (code, receipt["active"], receipt["new_key"]) == (1, active, True)
            assert sorted(receipt["unreadable"]) == sorted(damages)
            assert_adds_up(drill, receipt)
        after = drill.rows()
        assert {number: after[number] for number in damages} == left
        whole = {number: place for number, place in after.items() if number not in damages}
        assert {sealed.kek_id for _, sealed in whole.values()} == {"k11"}
        assert opened(drill.ring, whole) == {number: drill.texts[number] for number in whole}


@pytest.mark.soak
def test_no_flipped_bit_no_cut_no_edit_and_no_swap_opens(tmp_path: Path) -> None:
    tried: Counter[str] = Counter()
    got_open: Counter[str] = Counter()
    with drilled(f"sqlite:///{tmp_path / 'tracker.db'}", tmp_path, rows=examples(10)) as drill:
        ring, rows = drill.ring, list(drill.rows().values())
    for (place, sealed), (other_place, other) in zip(rows, [*rows[1:], rows[0]], strict=True):
        for kind, binding, forged in forgeries(place, sealed, other_place, other):
            tried[kind] += 1
            got_open[kind] += opens(ring, binding, forged)

    for kind, number in tried.items():
        sys.stdout.write(f"{kind}: tried {number}, opened {got_open[kind]}\n")
    assert set(tried) == {"bit flips", "truncations", "field edits", "row swaps"}
    assert got_open.total() == 0


def forgeries(
    place: Binding, own: Sealed, other_place: Binding, other: Sealed
) -> Iterator[tuple[str, Binding, Sealed]]:
    for part in (own.wrapped_dek, own.ciphertext):
        for bit in range(len(part) * 8):
            yield "bit flips", place, with_part(own, part, flipped(part, bit))
        for size in range(len(part)):
            yield "truncations", place, with_part(own, part, part[:size])
    for swapped in (replace(own, wrapped_dek=other.wrapped_dek), replace(own, ciphertext=other.ciphertext), other):
        yield "row swaps", place, swapped
    for step in (-1, 1, 1_000):
        yield "field edits", replace(place, workspace_id=place.workspace_id + step), own
        yield "field edits", replace(place, key_id=place.key_id + step), own
    yield "field edits", replace(place, provider="anthropic"), own
    yield "field edits", replace(place, origin=ORIGIN.replace("443", "8443")), own
    yield "field edits", other_place, own
    yield "field edits", place, replace(own, fmt=2)
    yield "field edits", place, replace(own, kek_id="k2")


def with_part(sealed: Sealed, part: bytes, forged: bytes) -> Sealed:
    """`part` is one of its two."""
    is_dek = part == sealed.wrapped_dek
    return replace(sealed, wrapped_dek=forged) if is_dek else replace(sealed, ciphertext=forged)


def opens(ring: KeyRing, binding: Binding, sealed: Sealed) -> bool:
    try:
        vault.open_key(ring, binding, sealed)
    except VaultError:
        return False
    return True
