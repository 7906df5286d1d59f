"""Sealed keys: they open in their place and nowhere else, and a damaged one is an error of one kind."""

from __future__ import annotations

import subprocess
import sys
from base64 import b64decode
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker import vault
from tracker.errors import VaultError
from tracker.redact import SecretKey
from tracker.vault import Binding, KeyRing, Sealed, UnknownKek

RING = KeyRing("k1", {"k1": bytes(range(32))}, bytes(range(32, 64)))
ROTATED = replace(RING, active="k2", keys={**RING.keys, "k2": bytes(range(64, 96))})
BINDING = Binding(workspace_id=7, key_id=42, provider="openai", origin="https://api.openai.com:443")
KEY = "sk-admin-0123456789abcdef"
ROOT = Path(__file__).parents[2]
DOUBT = "The stored key cannot be opened. Paste the key again to replace it."

# Sealed by the first version of format 1; it must open for ever.
GOLDEN = Sealed(
    fmt=1,
    kek_id="k1",
    wrapped_dek=b64decode("TzLr0ZFt4W5RnyuP2V3m04o6BmUXqCDJ/suqRp9qGapHp4VSDPRtD/hTrR/A+iHRKuRpXCIitDc9vNEP"),
    ciphertext=b64decode(
        "TfA2n5XcKWHIw3HVReVUDJQo6avXBLlISSn9Q+BMYLbwmLU+3MIssQxNDbeks0uEZB54pZwQyHnx7oRe+FpW/adXOcpA4NDOfFCh"
        "qEBnoQeyBBOae9kE5PEQ/5QRSuLfQZNu9k0i0u4k6OdMrK2YRcnOgp2/M929yqs5+YdBj4B2fH3yPCFpRo3NMKhE7sWP6X8RFFsj"
        "r2vQeNZB5m457Tok1+AXCIMUNy8QPKNOavyywMehwiMcToXuJ+xfDJX9S1SuYJqT49TgK6SPEC1EqWdxmuU5jD/t1n89fajouCtA"
        "eJhxsBy5EjjRgQt4EcIAcLt2LP/O4SIz8g0U0HkaaG2d0KXnQSr1OFAm9Ua3dt5pw7BZbPoXfQS1MlY="
    ),
)


def _sealed(binding: Binding = BINDING, *, ring: KeyRing = RING) -> Sealed:
    return vault.seal(ring, binding, SecretKey(KEY))


def _assert_refused(ring: KeyRing, binding: Binding, sealed: Sealed) -> None:
    with pytest.raises(VaultError) as refused:
        vault.open_key(ring, binding, sealed)
    assert type(refused.value) is VaultError
    assert str(refused.value) == DOUBT


def _with_each_bit_flipped(text: bytes) -> list[bytes]:
    number = int.from_bytes(text, "big")
    return [(number ^ (1 << bit)).to_bytes(len(text), "big") for bit in range(len(text) * 8)]


def _truncations(text: bytes) -> list[bytes]:
    return [text[:size] for size in range(len(text))] + [text[start:] for start in range(1, len(text))]


# --- opening


def test_a_key_sealed_by_the_first_version_opens() -> None:
    assert vault.open_key(RING, BINDING, GOLDEN).reveal() == KEY


@given(
    text=st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=600),
    workspace_id=st.integers(1, 2**63 - 1),
    key_id=st.integers(1, 2**63 - 1),
    provider=st.text(max_size=20),
    origin=st.text(max_size=60),
)
def test_every_key_opens_again_in_its_place(
    text: str, workspace_id: int, key_id: int, provider: str, origin: str
) -> None:
    binding = Binding(workspace_id, key_id, provider, origin)

    sealed = vault.seal(RING, binding, SecretKey(text))

    assert vault.open_key(RING, binding, sealed) == SecretKey(text)
    assert vault.open_key(ROTATED, binding, vault.rewrap(ROTATED, binding, sealed)) == SecretKey(text)


def test_a_sealed_key_shows_nothing_of_the_key() -> None:
    sealed = _sealed()

    assert KEY.encode() not in sealed.wrapped_dek + sealed.ciphertext
    assert (sealed.fmt, sealed.kek_id, len(sealed.wrapped_dek)) == (1, "k1", 60)


@pytest.mark.parametrize(("length", "size"), [(20, 284), (254, 284), (255, 540), (510, 540), (511, 796), (512, 796)])
def test_the_length_of_a_key_shows_in_blocks_of_256_bytes_only(length: int, size: int) -> None:
    assert len(vault.seal(RING, BINDING, SecretKey("k" * length)).ciphertext) == size


def test_no_nonce_is_used_twice_in_ten_thousand_seals() -> None:
    sealed = [_sealed() for _ in range(10_000)]

    nonces = {part[:12] for each in sealed for part in (each.wrapped_dek, each.ciphertext)}

    assert len(nonces) == 20_000


# --- a damaged row: fault K05


def test_a_ciphertext_with_any_bit_flipped_is_refused() -> None:
    for damaged in _with_each_bit_flipped(GOLDEN.ciphertext):
        _assert_refused(RING, BINDING, replace(GOLDEN, ciphertext=damaged))


def test_a_wrapped_dek_with_any_bit_flipped_is_refused() -> None:
    for damaged in _with_each_bit_flipped(GOLDEN.wrapped_dek):
        _assert_refused(RING, BINDING, replace(GOLDEN, wrapped_dek=damaged))


def test_a_part_cut_anywhere_or_empty_or_too_long_is_refused() -> None:
    for damaged in [*_truncations(GOLDEN.ciphertext), GOLDEN.ciphertext + b"\x00"]:
        _assert_refused(RING, BINDING, replace(GOLDEN, ciphertext=damaged))
    for damaged in [*_truncations(GOLDEN.wrapped_dek), GOLDEN.wrapped_dek + b"\x00"]:
        _assert_refused(RING, BINDING, replace(GOLDEN, wrapped_dek=damaged))


@pytest.mark.parametrize("fmt", [-1, 0, 2, 255])
def test_another_format_is_refused(fmt: int) -> None:
    _assert_refused(RING, BINDING, replace(GOLDEN, fmt=fmt))


def test_a_ring_with_another_key_of_the_same_id_is_refused() -> None:
    _assert_refused(replace(RING, keys={"k1": bytes(32)}), BINDING, GOLDEN)


def test_an_unknown_kek_is_named_by_an_error_of_the_same_text() -> None:
    for use in (vault.open_key, vault.rewrap):
        with pytest.raises(UnknownKek) as refused:
            use(RING, BINDING, replace(GOLDEN, kek_id="k9"))
        assert refused.value.kek_id == "k9"
        assert str(refused.value) == DOUBT


# --- the wrong place: faults K06 and K07

EDITED = [
    replace(BINDING, workspace_id=8),
    replace(BINDING, key_id=43),
    replace(BINDING, provider="anthropic"),
    replace(BINDING, origin="https://api.openai.com:8443"),
    replace(BINDING, origin="http://api.openai.com:443"),
    replace(BINDING, origin="https://evil.example:443"),
    # The same characters, cut elsewhere: a join by a separator would not notice.
    replace(BINDING, workspace_id=74, key_id=2),
    replace(BINDING, provider='openai","https://api.openai.com:443', origin=""),
]


@pytest.mark.parametrize("binding", EDITED)
def test_a_sealed_key_opens_in_no_other_place(binding: Binding) -> None:
    _assert_refused(RING, binding, GOLDEN)


@pytest.mark.parametrize("binding", EDITED)
def test_a_sealed_key_is_not_rewrapped_in_another_place(binding: Binding) -> None:
    with pytest.raises(VaultError, match="cannot be opened"):
        vault.rewrap(ROTATED, binding, GOLDEN)


@pytest.mark.parametrize("parts", [("ciphertext",), ("wrapped_dek",), ("wrapped_dek", "ciphertext")])
def test_parts_swapped_between_two_rows_are_refused(parts: tuple[str, ...]) -> None:
    other_place = replace(BINDING, key_id=43)
    own, other = _sealed(), _sealed(other_place)

    own_damaged = Sealed(own.fmt, own.kek_id, *_swapped(own, other, parts))
    other_damaged = Sealed(own.fmt, own.kek_id, *_swapped(other, own, parts))

    _assert_refused(RING, BINDING, own_damaged)
    _assert_refused(RING, other_place, other_damaged)


def test_an_older_ciphertext_does_not_open_with_the_dek_of_its_replacement() -> None:
    old, new = _sealed(), _sealed()

    _assert_refused(RING, BINDING, replace(new, ciphertext=old.ciphertext))


def test_a_wrapped_dek_and_a_ciphertext_do_not_stand_for_one_another() -> None:
    _assert_refused(RING, BINDING, replace(GOLDEN, wrapped_dek=GOLDEN.ciphertext, ciphertext=GOLDEN.wrapped_dek))


def test_a_dek_does_not_open_under_another_keks_name() -> None:
    twins = replace(RING, keys={"k1": RING.keys["k1"], "k2": RING.keys["k1"]})

    _assert_refused(twins, BINDING, replace(GOLDEN, kek_id="k2"))


def _swapped(own: Sealed, other: Sealed, parts: tuple[str, ...]) -> tuple[bytes, bytes]:
    wrapped_dek = other.wrapped_dek if "wrapped_dek" in parts else own.wrapped_dek
    ciphertext = other.ciphertext if "ciphertext" in parts else own.ciphertext
    return wrapped_dek, ciphertext


# --- rotation: faults K01 and K10


def test_rows_of_the_old_kek_open_while_the_ring_keeps_it() -> None:
    assert vault.open_key(ROTATED, BINDING, GOLDEN).reveal() == KEY


def test_rotation_leaves_the_ciphertext_as_it_is_and_frees_the_old_kek() -> None:
    rotated = vault.rewrap(ROTATED, BINDING, GOLDEN)

    assert rotated.ciphertext == GOLDEN.ciphertext
    assert rotated.kek_id == "k2"
    assert rotated.wrapped_dek != GOLDEN.wrapped_dek
    without_k1 = replace(ROTATED, keys={"k2": ROTATED.keys["k2"]})
    assert vault.open_key(without_k1, BINDING, rotated).reveal() == KEY
    with pytest.raises(UnknownKek):
        vault.open_key(without_k1, BINDING, GOLDEN)


def test_new_keys_are_sealed_under_the_active_kek() -> None:
    assert _sealed(ring=ROTATED).kek_id == "k2"


# --- knowing a key again: fault K12


def test_a_workspace_recognises_a_key_it_has() -> None:
    known = vault.fingerprint(RING, 7, SecretKey(KEY))

    assert vault.fingerprint(ROTATED, 7, SecretKey(KEY)) == known
    assert len(known) == 16


@pytest.mark.parametrize(
    ("ring", "workspace_id", "text"),
    [(RING, 8, KEY), (RING, 7, KEY + "x"), (replace(RING, fingerprint_key=bytes(32)), 7, KEY)],
)
def test_fingerprints_differ_by_workspace_key_and_ring(ring: KeyRing, workspace_id: int, text: str) -> None:
    known = vault.fingerprint(RING, 7, SecretKey(KEY))

    assert vault.fingerprint(ring, workspace_id, SecretKey(text)) != known


# --- the canary: fault K02


def test_the_canary_tells_the_ring_that_sealed_it() -> None:
    sealed = vault.seal_canary(ROTATED, "k2")

    assert vault.check_canary(ROTATED, "k2", sealed)
    assert not vault.check_canary(ROTATED, "k1", sealed)
    assert not vault.check_canary(RING, "k2", sealed)
    assert not vault.check_canary(replace(ROTATED, keys={"k2": bytes(32)}), "k2", sealed)
    assert not vault.check_canary(replace(ROTATED, fingerprint_key=bytes(32)), "k2", sealed)
    assert not any(vault.check_canary(ROTATED, "k2", cut) for cut in _truncations(sealed))


def test_no_canary_is_made_for_a_kek_the_ring_lacks() -> None:
    with pytest.raises(UnknownKek):
        vault.seal_canary(RING, "k2")


# --- origins


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("https://api.openai.com/v1", "https://api.openai.com:443"),
        ("https://API.OpenAI.com:443", "https://api.openai.com:443"),
        ("https://api.openai.com:8443/", "https://api.openai.com:8443"),
        ("http://127.0.0.1:9000/v1", "http://127.0.0.1:9000"),
        ("http://localhost/v1", "http://localhost:80"),
        ("http://[::1]:9000/v1", "http://[::1]:9000"),
        ("http://[0:0:0:0:0:0:0:1]/v1", "http://[::1]:80"),
        ("https://user:word@host.example/a?b#c", "https://host.example:443"),
        ("https://host.example:0", "https://host.example:0"),
    ],
)
def test_an_origin_is_canonical(address: str, origin: str) -> None:
    assert vault.origin_of(address) == origin


@pytest.mark.parametrize(
    "address",
    ["", "api.openai.com", "ftp://host", "https://", "https://host:99999", "https://äpi.example", "http://[::1"],
)
def test_an_address_without_an_origin_is_refused(address: str) -> None:
    with pytest.raises(ValueError):
        vault.origin_of(address)


# --- the process


def _in_a_hardened_process(question: str) -> str:
    program = f"from tracker.vault import harden_process\nharden_process()\nharden_process()\n{question}"
    run = [sys.executable, "-c", program]
    return subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout.strip()


def test_a_hardened_process_leaves_no_core_dump() -> None:
    asked = "import resource; print(resource.getrlimit(resource.RLIMIT_CORE))"

    assert _in_a_hardened_process(asked) == "(0, 0)"


def test_a_hardened_process_cannot_be_read_by_others_of_its_user() -> None:
    asked = "import ctypes, sys; print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0) if sys.platform == 'linux' else 'n/a')"

    assert _in_a_hardened_process(asked) == ("0" if sys.platform == "linux" else "n/a")
