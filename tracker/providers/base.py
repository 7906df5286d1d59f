"""What every provider offers the rest of the product. One file a provider does it; none knows a database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Literal, Protocol

from tracker.buckets import Buckets
from tracker.errors import ProviderError
from tracker.providers.http import ProviderClient, Refusal
from tracker.redact import SecretKey
from tracker.usage import BilledCost, RowSetAside

COSTS = "costs"
"""The endpoint whose rows are billed money; every other endpoint of a provider tells usage."""

VerdictStatus = Literal["valid", "invalid", "insufficient", "unchecked"]


@dataclass(frozen=True)
class Settling:
    """How long a provider goes on changing a day after its end: `least` and `most` so long, whatever has been seen.

    After a change, `calm` daily readings must agree. An empty day of the bill is not billed yet for `unbilled`.
    """

    least: timedelta
    most: timedelta
    calm: int = 2
    unbilled: timedelta = timedelta(days=35)


@dataclass(frozen=True)
class Endpoint:
    """One kind of data a provider offers by day.

    `days_per_unit` consecutive UTC days are asked for at once; `width_s` is the bucket's width in seconds. Of the
    dimensions `group_by`, those in `droppable` are given up one after the other when the provider refuses just them.
    """

    name: str
    path: str
    width_s: int
    days_per_unit: int
    group_by: tuple[str, ...]
    settling: Settling
    droppable: tuple[str, ...] = ()

    @property
    def bills(self) -> bool:
        return self.name == COSTS

    def refused_in(self, sentence: str, dropped: Sequence[str] = ()) -> str | None:
        """The dimension that a refusal names first, to be given up beside those `dropped`; None where it is of else.

        What is allowed comes behind it: "Invalid value: 'api_key_id'. Supported values are: 'project_id'." Where only
        the grouping is named, it is the next one.
        """
        left = [name for name in self.droppable if name not in dropped]
        named = [name for name in left if name in sentence]
        if not named:
            return next(iter(left), None) if "group_by" in sentence else None
        return min(named, key=sentence.index)


@dataclass(frozen=True)
class Fetched:
    """Everything the provider told of a range of days: usage or bill lines, complete, already validated.

    `dropped` names the dimensions it refused to group by; `unknown_fields` counts what this version does not read;
    `set_aside` are rows that cannot be true, beside which the others stand; `untold` are days of the bill of which
    nothing was said at all, not even that they are empty.

    `end` is the day before which it all is, where that is fewer days than were asked for, because they hold so much.
    """

    usage: Buckets = field(default_factory=Buckets)
    costs: tuple[BilledCost, ...] = ()
    dropped: tuple[str, ...] = ()
    unknown_fields: Mapping[str, int] = field(default_factory=dict)
    set_aside: tuple[RowSetAside, ...] = ()
    untold: frozenset[date] = frozenset()
    end: date | None = None


@dataclass(frozen=True)
class Verdict:
    """What a check of a key found, in a sentence for its owner.

    `organisation` holds ids that no other organisation has (projects), to recognise one that is connected already.
    `found` are the permissions, by name, that a key which works was seen to hold or to lack.
    """

    status: VerdictStatus
    sentence: str
    names_readable: bool | None = None
    shows_usage: bool | None = None
    organisation: frozenset[str] = frozenset()
    found: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True)
class KnownName:
    """What an id is called: `kind` is project, api_key or user."""

    kind: str
    ref: str
    name: str | None


@dataclass(frozen=True)
class Permission:
    """Something that a key may be allowed to read, and the `path` that is asked for to see whether it is.

    `needed_for` is what this product does with it; None when it does not need it at all.
    """

    name: str
    allows: str
    path: str
    needed_for: str | None


@dataclass(frozen=True)
class KeyFacts:
    """What reading found of a key: whether it holds each permission, by name; None where that could not be found.

    Beside it what the provider tells of the key itself: instants in UTC, None where it does not tell.
    """

    permissions: Mapping[str, bool | None]
    name: str | None = None
    created_at: datetime | None = None
    expires_at: datetime | None = None
    last_used_at: datetime | None = None


class Provider(Protocol):
    """A provider of LLM APIs whose admin key tells usage and cost."""

    name: str
    title: str
    endpoints: tuple[Endpoint, ...]
    allowed: tuple[str, ...]
    permissions: tuple[Permission, ...]
    narrowing: str
    """How a key that may do too much is put right, in words for its owner."""
    key_page: str
    """The address, without its scheme, of the provider's page where such a key is made."""
    history: timedelta

    def headers(self, key: SecretKey) -> Mapping[str, str]:
        """The header that carries the key."""

    def explain(self, refusal: Refusal) -> ProviderError:
        """The reaction that a 4xx answer calls for."""

    def check(self, client: ProviderClient, key: SecretKey, *, now: datetime) -> Verdict:
        """Whether the key may read usage and cost; only ever reads. A key seen to be another provider's is not sent."""

    def fetch(self, client: ProviderClient, endpoint: Endpoint, start: date, end: date, *, now: datetime) -> Fetched:
        """All rows of the UTC days [start, end) after the whole page chain succeeded."""

    def names(self, client: ProviderClient) -> list[KnownName]:
        """Names of projects, keys and users, as far as the key may read them."""

    def describe(
        self, client: ProviderClient, key: SecretKey, *, now: datetime, found: Mapping[str, bool] | None = None
    ) -> KeyFacts:
        """What the key may read, and what is told of it; only ever reads, and asks for nothing `found` just before.

        KeyRejected when the key is not known any more.
        """
