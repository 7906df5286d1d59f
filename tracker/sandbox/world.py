"""The state of the sandbox: its organisations' history up to now, its keys, what was restated, and the truth about all.

Deterministic by seed. Everything the server tells is an aggregation of the same requests, so that widths, groupings
and pages agree with each other by construction.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from threading import Lock

from tracker import clock
from tracker.sandbox import families
from tracker.sandbox.families import FAMILIES, Dims
from tracker.sandbox.organisations import ORGANISATIONS
from tracker.sandbox.rates import charges, cost
from tracker.sandbox.traffic import HOUR, Request, requests_of_hour, scaled
from tracker.sandbox.trouble import Troubles

DAYS_KEPT = 800
"""Days of requests held in memory over all organisations."""

UNBILLED = timedelta(days=2)
"""Today's and yesterday's costs are not on the bill yet."""

CREDIT_EVERY = 30
"""Every so many days the bill carries a credit."""


@dataclass(frozen=True)
class TruthRow:
    """What a usage row must say: its bucket, every dimension its family offers, the API's fields, the exact cost."""

    bucket_start: datetime
    dims: dict[str, str | bool | None]
    measures: dict[str, int]
    cost: Decimal | None


@dataclass(frozen=True)
class BillLine:
    """What a line of the bill must say; `amount` in dollars, credits negative."""

    day: date
    line_item: str
    project_id: str | None
    api_key_id: str | None
    amount: Decimal
    quantity: Decimal | None
    quantity_unit: str | None


@dataclass
class World:
    """`days` of history before the day at which it was made; today's requests appear as they happen.

    Of that it answers for the last `keeps` days only.
    `repriced`: model → the day from which on its bill is its list price times a factor.
    """

    seed: int = 1
    now: Callable[[], datetime] = clock.utc_now
    days: int = 365
    keeps: int = 365
    troubles: Troubles = field(default_factory=Troubles)
    repriced: dict[str, tuple[date, Decimal]] = field(default_factory=dict)
    _more_keys: dict[str, str] = field(default_factory=dict)
    _factors: dict[tuple[str, datetime], float] = field(default_factory=dict)
    _kept: OrderedDict[tuple[str, date], list[Request]] = field(default_factory=OrderedDict)
    _bills: dict[tuple[str, date], tuple[list[Request], list[BillLine]]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self.start = clock.day_start(clock.day_of(self.now())) - timedelta(days=self.days)

    @cached_property
    def keys(self) -> dict[str, str]:
        """Key kind → key: invented, the same for the same seed, at least 40 characters."""
        return {kind: prefix + self._tail(kind) for kind, prefix in KEY_KINDS.items()}

    def another_key(self, name: str, *, kind: str = "good") -> str:
        """A further key of that kind, by a name of the caller's; "good" is acme's, "globex" globex's."""
        key = KEY_KINDS[kind] + self._tail(name)
        self._more_keys.setdefault(key, kind)
        return key

    def spoil(self, key: str, kind: str) -> None:
        """Let a key that was good be of another kind from now on, such as revoked."""
        self._more_keys[key] = kind

    def admin_keys(self, org: str) -> Iterator[tuple[str, str]]:
        """The organisation's admin keys that work: kind and key."""
        for kind, key in self.keys.items():
            if kind in ADMIN_KINDS and KEY_ORGANISATIONS.get(kind, "acme") == org:
                yield kind, key
        for key, kind in self._more_keys.items():
            if kind == "good" and org == "acme":
                yield "good_" + key[-4:], key

    def kind_of(self, key: str) -> str | None:
        """The kind of a known key."""
        known = {key: kind for kind, key in self.keys.items()} | self._more_keys
        return known.get(key)

    def restate(self, org: str, day: date, factor: float) -> None:
        """Tell a day differently from now on: every count times `factor`; 0 makes its requests vanish."""
        for n in range(24):
            self.restate_hour(org, clock.day_start(day) + n * HOUR, factor)

    def restate_hour(self, org: str, hour: datetime, factor: float) -> None:
        """Tell one hour differently from now on."""
        with self._lock:
            self._factors[org, hour] = factor
            self._kept.pop((org, hour.date()), None)

    def requests(self, org: str, start: datetime, end: datetime) -> Iterator[Request]:
        """The requests of [start, end) that have happened by now."""
        end = min(end, self.now())
        day = start.date()
        while clock.day_start(day) < end:
            yield from (request for request in self._of_day(org, day) if start <= request.at < end)
            day += clock.DAY

    def truth_rows(self, org: str, family: str, start: datetime, end: datetime, width_s: int = 3_600) -> list[TruthRow]:
        """What the product must hold for the family in [start, end), grouped by everything its endpoint offers."""
        told = FAMILIES[family]
        grouped = families.grouped(told, self.requests(org, start, end), told.group_by, width_s)
        return [
            TruthRow(at, dict(dims), families.measures(told, of_group), _sum([cost(each) for each in of_group]))
            for (at, dims), of_group in sorted(grouped.items(), key=lambda item: (item[0][0], repr(item[0][1])))
        ]

    def truth_bill(self, org: str, first: date, end: date) -> list[BillLine]:
        """The bill of the UTC days [first, end) as far as it is written by now."""
        lines: list[BillLine] = []
        for day in clock.days(first, end):
            if clock.day_start(day) + UNBILLED <= clock.day_start(clock.day_of(self.now())):
                lines += self._bill_of(org, day)
        return lines

    def _bill_of(self, org: str, day: date) -> list[BillLine]:
        """Of the day as it is told now: a bill is asked for many times, and its requests seldom change."""
        requests = self._of_day(org, day)
        told, lines = self._bills.get((org, day), (None, []))
        if told is not requests:
            lines = self._billed(day, requests)
            if len(self._bills) >= DAYS_KEPT:
                self._bills.clear()
            self._bills[org, day] = requests, lines
        return lines

    def _billed(self, day: date, requests: Iterable[Request]) -> list[BillLine]:
        sums: dict[Dims, list[Decimal]] = defaultdict(lambda: [Decimal(), Decimal()])
        units: dict[str, str] = {}
        for request in requests:
            since, factor = self.repriced.get(request.model or "", (day, Decimal(1)))
            for charge in charges(request):
                amount = sums[charge.line_item, request.project, request.key]
                amount[0] += charge.amount * (factor if day >= since else 1)
                amount[1] += charge.quantity
                units[charge.line_item] = charge.unit
        lines = [
            BillLine(day, str(item), _text(project), _text(key), amount, quantity, units[str(item)])
            for (item, project, key), (amount, quantity) in sorted(sums.items(), key=repr)
        ]
        if lines and day.toordinal() % CREDIT_EVERY == 0:
            lines.append(BillLine(day, "Promotional credit", lines[0].project_id, None, Decimal("-1.25"), None, None))
        return lines

    def _of_day(self, org: str, day: date) -> list[Request]:
        with self._lock:
            if (org, day) not in self._kept:
                self._kept[org, day] = self._made(org, day)
                if len(self._kept) > DAYS_KEPT:
                    self._kept.popitem(last=False)
            return self._kept[org, day]

    def _made(self, org: str, day: date) -> list[Request]:
        hours = [clock.day_start(day) + n * HOUR for n in range(24)]
        made: list[Request] = []
        for hour in hours:
            if hour < self.start:
                continue
            seed = f"{self.seed}/{org}"
            factor = self._factors.get((org, hour), 1.0)
            of_hour = requests_of_hour(ORGANISATIONS[org].programs, seed=seed, hour=hour, start=self.start)
            made += of_hour if factor == 1.0 else [scaled(each, factor) for each in of_hour if factor]
        return made

    def _tail(self, kind: str) -> str:
        return "sandbox-" + hashlib.sha256(f"{self.seed}/{kind}".encode()).hexdigest()[:40]


KEY_KINDS = {
    kind: "sk-proj-" if kind in {"project_key", "missing_scope_401"} else "sk-admin-"
    for kind in (
        "good",
        "good_second",
        "usage_only",
        "unrestricted",
        "globex",
        "empty_org",
        "project_key",
        "missing_scope_401",
        "missing_scope_403",
        "missing_scope_flat",
        "revoked",
        "expired",
        "rate_limited",
        "rate_limited_date",
        "rate_limited_untold",
        "down_500",
        "down_502",
        "down_503",
        "html",
        "blocked",
        "truncated",
        "empty_body",
        "error_200",
        "redirecting",
        "not_found",
        "wrong_schema",
        "negative_counts",
        "null_counts",
        "huge_counts",
        "repeated_cursor",
        "connection_reset",
    )
}
"""What each key is good or bad for; see `answers.KEY_TROUBLES` for what the bad ones meet."""

ADMIN_KINDS = ("good", "good_second", "usage_only", "unrestricted", "globex", "empty_org")
"""Kinds of keys that work."""

KEY_ORGANISATIONS = {"globex": "globex", "empty_org": "empty"}
"""Organisations of keys that are not acme's."""


def _sum(costs: list[Decimal | None]) -> Decimal | None:
    known = [each for each in costs if each is not None]
    return sum(known, Decimal()) if len(known) == len(costs) else None


def _text(value: object) -> str | None:
    return None if value is None else str(value)
