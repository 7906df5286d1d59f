"""The connections as the dashboard names them: their keys, and what was found when these were checked. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from tracker.models import KeyStatus, ProviderKey
from tracker.overview import days
from tracker.overview.days import Keys, Ledgers
from tracker.overview.prospects import Prospect, prospect
from tracker.passports import Passport
from tracker.providers import provider as provider_named

TRIES = 3
NOT_JSON = "instead of JSON"
"""As the client tells an answer that is a page and no data."""


@dataclass(frozen=True)
class Connection:
    """A connection as the page names it; `reason` is the sentence of its last check. One `counted` can lack days.

    `excess` is what its key is found to be allowed and nothing here needs, `lacking` how many of the last finished days
    it does not have completely.
    """

    provider_key_id: int
    provider: str
    label: str
    last4: str
    status: KeyStatus
    reason: str | None
    checked_at: datetime | None
    paused: bool
    retry_at: datetime | None = None
    counted: bool = True
    excess: tuple[str, ...] = ()
    lacking: int = 0
    failures: int = 0
    """Checks in a row that came to nothing."""

    @property
    def foreign(self) -> bool:
        """Whether something else than the provider's API goes on to answer, which no further try mends."""
        return self.failures >= TRIES and NOT_JSON in (self.reason or "")

    @property
    def refused(self) -> bool:
        return self.status not in {KeyStatus.VALID, KeyStatus.UNCHECKED}

    @property
    def read_with(self) -> bool:
        return not self.refused and not self.paused

    def prospect(self, workers: int) -> Prospect:
        """What becomes of the days it lacks, while so many workers live."""
        return prospect(self.status, paused=self.paused, workers=workers)


def connections_of(
    keys: Keys, known: Mapping[int, Passport], ledgers: Ledgers, finished: Collection[date]
) -> tuple[Connection, ...]:
    """Every connection; of what each key is found to be allowed, what is more than it needs."""
    lacking = days.lacking(ledgers, keys.counted, finished)
    return tuple(
        _connection(key, known.get(key.id or 0), counted=key.id in lacking, lacking=lacking.get(key.id or 0, 0))
        for key in keys.every
    )


def _connection(row: ProviderKey, passport: Passport | None, *, counted: bool, lacking: int) -> Connection:
    return Connection(
        provider_key_id=row.id or 0,
        provider=provider_named(row.provider).title,
        label=row.label,
        last4=row.last4,
        status=KeyStatus(row.status),
        reason=row.status_reason,
        checked_at=row.checked_at,
        paused=row.paused_at is not None,
        retry_at=row.retry_at,
        counted=counted,
        excess=tuple(each.allows for each in passport.excess) if passport else (),
        lacking=lacking,
        failures=row.failures,
    )
