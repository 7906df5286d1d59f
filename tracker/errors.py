"""Every error the product raises on purpose, one class for each reaction it calls for.

TrackerError
  BadConfiguration      the process must not start (exit 78)
  BadInput              a person gave something unusable: say what, where and what to do (exit 2)
    NotFound            what was named does not exist in this workspace
    Conflict            it exists already, or belongs to something else
  VaultError            a sealed key cannot be opened: go on with the others
    KeyUnreadable       it is one of a provider: mark it unreadable, unless another took its place
  LeaseLost            another worker owns this unit now: throw the result away
  RingBehind            this process's key ring is older than the keys in use: our fault; try again soon
  NoRoom                this machine cannot keep what was read for now: our fault; try again soon
  TenancyError          a statement left its workspace: a defect, never shown as data
  ProviderError         a provider call did not give an answer we may use
    KeyRejected         401: wrong or revoked; set the key aside until it is replaced
    ScopeMissing        a genuine key that may not read this; try again tomorrow
    Blocked             403 that names no permission, a gateway's page: as ProviderDown, but not at once
    RateLimited         429: wait until `retry_at`
    ProviderDown        no answer, 5xx, cut or slow: try again at a growing distance
    BadRequest          400: the provider refuses these parameters (fewer dimensions may work)
    LookbackExceeded    400: the start lies before `earliest_day`
    ClockWrong          our clock is far from the provider's: believe nothing, tell the operator
    PayloadChanged      an answer we do not understand: write nothing, tell the operator
      AnswerTooLarge    more than is read at once: ask for less

A message says what happened, to what, and what to do. It never holds a key.
"""

from __future__ import annotations

from datetime import date, datetime


class TrackerError(Exception):
    """Something went wrong."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.__doc__)


class BadConfiguration(TrackerError):
    """The configuration cannot be used."""


class BadInput(TrackerError):
    """What was entered cannot be used."""


class NotFound(BadInput):
    """There is no such thing in this workspace."""


class Conflict(BadInput):
    """It exists already."""


class VaultError(TrackerError):
    """The stored key cannot be opened. Paste the key again to replace it."""


class KeyUnreadable(VaultError):
    """The stored provider key cannot be opened."""

    def __init__(self, message: str | None = None, *, ciphertext: bytes | None) -> None:
        super().__init__(message)
        self.ciphertext = ciphertext
        """What did not open. Another may stand in its place by now, be it of the same key pasted again."""


class LeaseLost(TrackerError):
    """Another worker has taken this unit of work over."""


class RingBehind(TrackerError):
    """The key ring of this process lacks a key that others seal with by now."""


class NoRoom(TrackerError):
    """The worker's folder for temporary files is full or cannot be written. Make room there; it is read again soon."""


class TenancyError(TrackerError):
    """A statement on tenant data named no workspace, or another one."""


class ProviderError(TrackerError):
    """The provider gave no usable answer."""


class KeyRejected(ProviderError):
    """The provider does not accept this key: it is mistyped, revoked or expired."""


class ScopeMissing(ProviderError):
    """The key is genuine but may not read this."""

    def __init__(self, message: str | None = None, *, scope: str | None = None) -> None:
        super().__init__(message)
        self.scope = scope


class Blocked(ProviderError):
    """The provider, or a gateway before it, refused without saying anything against the key."""


class RateLimited(ProviderError):
    """The provider asks us to wait."""

    def __init__(self, message: str | None = None, *, retry_at: datetime, told_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_at = retry_at
        self.told_s = told_s
        """The seconds that the provider named itself, None when it named none we can use."""


class ProviderDown(ProviderError):
    """The provider could not be reached or failed."""


class BadRequest(ProviderError):
    """The provider refused the request's parameters."""


class LookbackExceeded(ProviderError):
    """The provider keeps no data for so early a start."""

    def __init__(self, message: str | None = None, *, earliest_day: date) -> None:
        super().__init__(message)
        self.earliest_day = earliest_day


class ClockWrong(ProviderError):
    """Our clock is far from the provider's, or was."""


class PayloadChanged(ProviderError):
    """The provider answered in a form this version does not understand."""

    def __init__(self, message: str | None = None, *, body_sha256: str | None = None) -> None:
        super().__init__(message)
        self.body_sha256 = body_sha256


class AnswerTooLarge(PayloadChanged):
    """The provider's answer is larger than what is read at once."""
