"""What is configured of an OpenID provider: all of it, or nothing."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from tracker.redact import SecretKey

CALLBACK = "/oauth2callback"
MOST_NAME = 40


@dataclass(frozen=True)
class Oidc:
    """The provider by which people may sign in. `issuer` is kept to the letter, for it is compared to the letter."""

    issuer: str
    client_id: str
    client_secret: SecretKey
    name: str

    @classmethod
    def of(cls, values: Iterable[Any]) -> Self:
        """Of its values, in the order of the fields."""
        return cls(*values)

    @property
    def discovery_url(self) -> str:
        """Where the provider tells of itself (OpenID Connect Discovery 1.0, section 4, read 2026-11)."""
        return f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"


def provider_name(text: str) -> str:
    """The provider's name as a button shows it; ValueError for one that does not fit there."""
    if len(text) > MOST_NAME or not text.isprintable():
        raise ValueError(f"is not a name of at most {MOST_NAME} printable characters")
    return text


def gaps(needed: Sequence[str], given: Container[str], *, public_url: str, safe: bool) -> list[str]:
    """A sentence for each setting that is missing while others are given.

    `safe`: people come back to an address (in the setting `public_url`) that nobody on the way can read.
    """
    missing = [name for name in needed if name not in given]
    if len(missing) == len(needed):
        return []
    told = [f"{name} is missing: the settings of an OpenID provider are given together." for name in missing]
    if not safe:
        told.append(f"{public_url} must be an https:// address with an OpenID provider (http:// on this machine only).")
    return told
