"""The only file that sees a provider key in both forms, sealed and open. Pure crypto: no file, no database.

Each key is encrypted with AES-256-GCM under a data key (DEK) of its own, which is wrapped under a key-encryption key
(KEK) of the ring. Both layers bind workspace, row, provider and destination, so a sealed key opens in its place only.
"""

from __future__ import annotations

import ctypes
import hmac
import json
import resource
import secrets
import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from ipaddress import IPv6Address
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tracker.errors import VaultError
from tracker.keyring import KEY_BYTES, KeyRing
from tracker.redact import SecretKey

__all__ = [
    "Binding",
    "KeyRing",
    "Sealed",
    "UnknownKek",
    "check_canary",
    "fingerprint",
    "harden_process",
    "open_key",
    "origin_of",
    "rewrap",
    "seal",
    "seal_canary",
]

FORMAT = 1
DOMAIN = "llm-api-usage-tracker/vault"

_NONCE_BYTES = 12
_BLOCK_BYTES = 256
_DEFAULT_PORTS = {"https": 443, "http": 80}
_PR_SET_DUMPABLE = 4  # linux/prctl.h


class UnknownKek(VaultError):
    """A sealed key names a KEK that the ring lacks; `kek_id` says which. Its text is that of every VaultError."""

    def __init__(self, kek_id: str) -> None:
        super().__init__(VaultError.__doc__)
        self.kek_id = kek_id


@dataclass(frozen=True, slots=True)
class Binding:
    """The one place in which a sealed key opens. `origin` as `origin_of` gives it."""

    workspace_id: int
    key_id: int
    provider: str
    origin: str


@dataclass(frozen=True, slots=True)
class Sealed:
    """What the table keeps: `wrapped_dek` is 60 bytes, `ciphertext` 28 bytes more than a multiple of 256."""

    fmt: int
    kek_id: str
    wrapped_dek: bytes
    ciphertext: bytes


def seal(ring: KeyRing, binding: Binding, key: SecretKey) -> Sealed:
    """The key under a fresh DEK, wrapped under the active KEK; it opens with this ring and this binding only."""
    dek = AESGCM.generate_key(KEY_BYTES * 8)
    ciphertext = _encrypt(dek, _padded(key.reveal().encode("ascii")), _key_aad(binding))
    return Sealed(FORMAT, ring.active, _wrap(ring, binding, dek), ciphertext)


def open_key(ring: KeyRing, binding: Binding, sealed: Sealed) -> SecretKey:
    """The key again, for the code that calls the provider; VaultError, always with the same text, on any doubt."""
    block = _decrypt(_unwrap(ring, binding, sealed), sealed.ciphertext, _key_aad(binding))
    return SecretKey(_unpadded(block).decode("ascii"))


def rewrap(ring: KeyRing, binding: Binding, sealed: Sealed) -> Sealed:
    """The same sealed key with its DEK under the active KEK: the ciphertext stays, the key itself is not opened."""
    dek = _unwrap(ring, binding, sealed)
    return replace(sealed, kek_id=ring.active, wrapped_dek=_wrap(ring, binding, dek))


def fingerprint(ring: KeyRing, workspace_id: int, key: SecretKey) -> bytes:
    """16 bytes by which one workspace recognises a key it has; those of two workspaces cannot be compared."""
    message = _canonical("fingerprint", workspace_id, key.reveal())
    return hmac.digest(ring.fingerprint_key, message, "sha256")[:16]


def seal_canary(ring: KeyRing, kek_id: str) -> bytes:
    """A known text under that KEK, kept beside the sealed keys; UnknownKek when the ring lacks it."""
    return _encrypt(_kek(ring, kek_id), _canary(ring), _canonical("canary", FORMAT, kek_id))


def check_canary(ring: KeyRing, kek_id: str, sealed: bytes) -> bool:
    """Whether this ring is the one that sealed the canary, fingerprint key included."""
    try:
        text = _decrypt(_kek(ring, kek_id), sealed, _canonical("canary", FORMAT, kek_id))
    except VaultError:
        return False
    return hmac.compare_digest(text, _canary(ring))


def origin_of(base_url: str) -> str:
    """The destination as scheme://host:port, lower case, the port always told; ValueError if the address has none."""
    parts = urlsplit(base_url)
    if not base_url.isascii() or parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise ValueError("an address of the form https://host is expected")
    host = f"[{IPv6Address(parts.hostname)}]" if ":" in parts.hostname else parts.hostname
    port = _DEFAULT_PORTS[parts.scheme] if parts.port is None else parts.port
    return f"{parts.scheme}://{host}:{port}"


def harden_process() -> None:
    """Keep the memory, in which keys are open for a while, out of core dumps and from other processes of this user."""
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


# --- the two layers


def _wrap(ring: KeyRing, binding: Binding, dek: bytes) -> bytes:
    return _encrypt(ring.keys[ring.active], dek, _dek_aad(binding, ring.active))


def _unwrap(ring: KeyRing, binding: Binding, sealed: Sealed) -> bytes:
    if sealed.fmt != FORMAT:
        raise VaultError
    return _decrypt(_kek(ring, sealed.kek_id), sealed.wrapped_dek, _dek_aad(binding, sealed.kek_id))


def _kek(ring: KeyRing, kek_id: str) -> bytes:
    if kek_id not in ring.keys:
        raise UnknownKek(kek_id)
    return ring.keys[kek_id]


def _encrypt(key: bytes, text: bytes, aad: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, text, aad)


def _decrypt(key: bytes, sealed: bytes, aad: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], aad)
    except (InvalidTag, ValueError):  # a text too short to be a nonce and a tag is a ValueError
        raise VaultError from None


def _key_aad(binding: Binding) -> bytes:
    return _canonical("key", FORMAT, binding.workspace_id, binding.key_id, binding.provider, binding.origin)


def _dek_aad(binding: Binding, kek_id: str) -> bytes:
    return _canonical("dek", kek_id, FORMAT, binding.workspace_id, binding.key_id, binding.provider, binding.origin)


def _canonical(*parts: str | int) -> bytes:
    """A JSON array, because parts joined by a separator can be cut in two ways."""
    return json.dumps([DOMAIN, *parts], ensure_ascii=True, separators=(",", ":")).encode("ascii")


def _padded(key: bytes) -> bytes:
    """Two bytes of length, the key, zeros up to a whole block: the ciphertext does not tell the key's length."""
    text = len(key).to_bytes(2, "big") + key
    return text + bytes(-len(text) % _BLOCK_BYTES)


def _unpadded(block: bytes) -> bytes:
    return block[2 : 2 + int.from_bytes(block[:2], "big")]


def _canary(ring: KeyRing) -> bytes:
    return hmac.digest(ring.fingerprint_key, _canonical("canary"), "sha256")
