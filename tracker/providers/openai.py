"""OpenAI's organization API: ten usage families by the hour, the bill by the day, names, and what a key may do.

Source: openai/openai-openapi f85dbe2 (2026-08-21); answers of the live service as recorded in public, read 2026-11.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

from tracker import clock
from tracker.errors import (
    AnswerTooLarge,
    BadRequest,
    Blocked,
    KeyRejected,
    LookbackExceeded,
    PayloadChanged,
    ProviderError,
    ScopeMissing,
)
from tracker.points import reached
from tracker.providers import openai_lists as lists
from tracker.providers import openai_passport as passport
from tracker.providers import openai_payload as payload
from tracker.providers import openai_sentences as sentences
from tracker.providers import openai_typed as typed
from tracker.providers import strict_json
from tracker.providers.base import COSTS, Endpoint, Fetched, KeyFacts, KnownName, Settling, Verdict
from tracker.providers.http import NO_REASON, ProviderClient, Refusal
from tracker.providers.openai_rows import Gathered
from tracker.redact import SecretKey

HOUR_S, DAY_S = 3_600, 86_400
BUCKETS_PER_PAGE = {HOUR_S: 168, DAY_S: 180}
FEWER = 6
"""So many times fewer buckets are asked for at once when a page of them is too large."""

FUTURE = timedelta(hours=1)
"""How far ahead of our clock a bucket may begin before its rows are set aside."""

SETTLING = Settling(least=timedelta(days=3), most=timedelta(days=14))
"""How late OpenAI changes a day is not told. Consumers: usage for hours, seldom a day, and costs 1 to 2 hours (reports
and code read 2026-11). So three days at least; what comes later than that is learned from what was seen.
"""

LACKS_PERMISSION = re.compile(r"missing[ _]scope|insufficient[ _]permission", re.IGNORECASE)
"""What alone says so of the key: a 403 without it may as well come from a gateway that blocks whoever asks."""

NOT_THE_KEY = "Nothing is said against the key: a gateway on the way may be blocking this machine."

FORBIDDEN, BLAMING = 403, (400, 401, 422)
"""What is held against the key, or the question, only in the provider's own words: a gateway sends a page there."""

Params = lists.Params


class OpenAI:
    """The provider `openai`."""

    name = "openai"
    title = "OpenAI"
    history = timedelta(days=365)
    endpoints = (
        *(
            Endpoint(
                name=family.name,
                path=f"/organization/usage/{family.name}",
                width_s=HOUR_S,
                days_per_unit=BUCKETS_PER_PAGE[HOUR_S] * HOUR_S // DAY_S,
                group_by=family.group_by,
                settling=SETTLING,
            )
            for family in payload.FAMILIES.values()
        ),
        Endpoint(
            name=COSTS,
            path="/organization/costs",
            width_s=DAY_S,
            days_per_unit=31,
            group_by=("project_id", "line_item", "api_key_id"),
            settling=SETTLING,
            droppable=("api_key_id", "project_id"),
        ),
    )
    allowed = (
        *(endpoint.path for endpoint in endpoints),
        "/organization/projects",
        "/organization/projects/{id}/api_keys",
        "/organization/projects/{id}/service_accounts",
        "/organization/users",
        *passport.ALLOWED,
    )
    permissions = passport.PERMISSIONS
    narrowing = passport.NARROWING
    key_page = sentences.KEY_PAGE

    def headers(self, key: SecretKey) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {key.reveal()}"}

    def explain(self, refusal: Refusal) -> ProviderError:
        """Decide on the message: the same missing scope has come as 401 and as 403, as an object and as plain text."""
        if scope := re.search(r"[Mm]issing scopes?: ([\w.,/ -]+?)\.(?:\s|$)", refusal.message):
            return ScopeMissing(f"OpenAI says the key lacks the permission {scope[1]}.", scope=scope[1])
        if LACKS_PERMISSION.search(f"{refusal.message} {refusal.code} {refusal.type}"):
            return ScopeMissing("OpenAI says the key has insufficient permissions.")
        if refusal.code == "reporting_lookback_exceeded":
            return _lookback(refusal)
        silent = refusal.message == NO_REASON and not refusal.code
        if refusal.status == FORBIDDEN or (silent and refusal.status in BLAMING):
            return Blocked(f"{_told(refusal)} {NOT_THE_KEY}")
        by_status: dict[int, type[ProviderError]] = {
            400: BadRequest,
            401: KeyRejected,
            422: BadRequest,
        }
        reaction = by_status.get(refusal.status, PayloadChanged)
        return reaction(_told(refusal))

    def check(self, client: ProviderClient, key: SecretKey, *, now: datetime) -> Verdict:
        if told := sentences.of_another(key):
            return Verdict("invalid", told)
        try:
            seen = self._probe(client, now)
            projects = self._project_ids(client)
        except KeyRejected:
            return Verdict("invalid", sentences.rejected(key))
        except ScopeMissing as error:
            return Verdict("insufficient", sentences.lacks_scope(key, error))
        except ProviderError as error:
            return Verdict("unchecked", f"{error} The key is not checked yet.")
        found = {passport.USAGE.name: True, passport.MANAGEMENT.name: projects is not None}
        if not seen:
            return Verdict(
                "valid",
                "The key works, but its organisation shows no usage in the last 31 days. Is it the right organisation?",
                names_readable=projects is not None,
                shows_usage=False,
                organisation=frozenset(projects or ()),
                found=found,
            )
        note = "" if projects is not None else " It may not read names, so projects and keys are shown by their ids."
        return Verdict(
            "valid",
            f"The key works.{note}",
            names_readable=projects is not None,
            shows_usage=True,
            organisation=frozenset(projects or seen - {""}),
            found=found,
        )

    def fetch(self, client: ProviderClient, endpoint: Endpoint, start: date, end: date, *, now: datetime) -> Fetched:
        dropped: tuple[str, ...] = ()
        most = BUCKETS_PER_PAGE[endpoint.width_s]
        while True:
            try:
                return self._fetch(client, endpoint, (start, end), dropped=dropped, most=most, now=now)
            except AnswerTooLarge:
                if most == 1:
                    raise
                most = max(1, most // FEWER)
            except BadRequest as error:
                if (refused := endpoint.refused_in(str(error), dropped)) is None:
                    raise
                dropped = (*dropped, refused)

    def names(self, client: ProviderClient) -> list[KnownName]:
        return lists.names(client)

    def describe(
        self, client: ProviderClient, key: SecretKey, *, now: datetime, found: Mapping[str, bool] | None = None
    ) -> KeyFacts:
        return passport.describe(client, key, now, found or {})

    def _fetch(
        self,
        client: ProviderClient,
        endpoint: Endpoint,
        period: tuple[date, date],
        *,
        dropped: tuple[str, ...],
        most: int,
        now: datetime,
    ) -> Fetched:
        params = _params(endpoint, period, dropped=dropped, most=most, now=now)
        family = None if endpoint.bills else payload.FAMILIES[endpoint.name]
        gathered, told, moved = Gathered(family, client.limits), set[datetime](), False
        unknown: Counter[str] = Counter()
        read = typed.reader(family, width_s=endpoint.width_s, until=now + FUTURE) if family else strict_json.loads
        for bucket in _buckets(client, endpoint.path, params, read):
            if len(gathered) >= client.limits.rows and (day := _day_begun(bucket, told, period)):
                period = (period[0], day)
                break
            if isinstance(bucket, typed.SoundBucket):
                _check_within(bucket.start, period)
                told.add(bucket.start)
                gathered.add_bucket(bucket.start, bucket.records)
                continue
            unknown.update(payload.unknown_fields(family, bucket))
            if (start := payload.bucket_start(bucket)) > now + FUTURE:
                day = min(start.date(), period[1] - clock.DAY)
                gathered.set_aside(payload.bucket_aside(family, bucket, "lies in the future", day=day))
                moved = True
                continue
            _check_within(start, period)
            told.add(start)
            if family:
                gathered.add_rows(start, payload.usage_rows(family, bucket, width_s=endpoint.width_s))
            else:
                gathered.add_lines(payload.cost_rows(bucket))
        if family or moved:
            _check_whole(told, period, endpoint.width_s, now=now)
        untold = frozenset() if family else frozenset(clock.days(*period)) - {start.date() for start in told}
        return Fetched(gathered.usage, gathered.costs, dropped, dict(unknown), gathered.aside, untold, period[1])

    def _probe(self, client: ProviderClient, now: datetime) -> set[str]:
        """The project ids ('' for none) with usage or cost in the last 31 days; raises what a refusal calls for.

        The bill tells also of those who use embeddings or images only, but is a day late.
        """
        today = clock.day_start(clock.day_of(now))
        seen: set[str] = set()
        for path in ("/organization/costs", "/organization/usage/completions"):
            try:
                buckets = _last_days(client, path, today - timedelta(days=30))
            except LookbackExceeded as error:  # a young organisation
                buckets = _last_days(client, path, clock.day_start(error.earliest_day))
            seen |= {row.get("project_id") or "" for bucket in buckets for row in payload.results(bucket)}
        return seen

    def _project_ids(self, client: ProviderClient) -> list[str] | None:
        try:
            return [
                row["id"] for row in lists.listed(client, "/organization/projects", (("include_archived", "true"),))
            ]
        except ScopeMissing:
            return None


def _last_days(client: ProviderClient, path: str, start: datetime) -> list[Any]:
    days = (("start_time", _seconds(start)), ("bucket_width", "1d"), ("limit", "31"), ("group_by", "project_id"))
    return list(_buckets(client, path, days))


def _told(refusal: Refusal) -> str:
    return f"OpenAI answered {refusal.status}: {refusal.message.rstrip('.')}."


def _lookback(refusal: Refusal) -> ProviderError:
    day = re.search(r"Earliest supported start date: (\d{4})-(\d{2})-(\d{2})", refusal.message)
    if not day:
        return BadRequest(_told(refusal))
    return LookbackExceeded(refusal.message, earliest_day=date(int(day[1]), int(day[2]), int(day[3])))


def _day_begun(bucket: Any, told: set[datetime], period: tuple[date, date]) -> date | None:
    """The day of the period that begins with this bucket, after all that was told; None in the middle of one."""
    day = (bucket.start if isinstance(bucket, typed.SoundBucket) else payload.bucket_start(bucket)).date()
    return day if told and max(told).date() < day < period[1] else None


def _params(
    endpoint: Endpoint, period: tuple[date, date], *, dropped: Sequence[str], most: int, now: datetime
) -> Params:
    start, end = (clock.day_start(day) for day in period)
    # A future end has been reported to fail; the running bucket is still given whole.
    end = min(end, now.replace(microsecond=0) + timedelta(seconds=1))
    buckets = -(-int((end - start).total_seconds()) // endpoint.width_s)
    width = "1d" if endpoint.width_s == DAY_S else "1h"
    return (
        ("start_time", _seconds(start)),
        ("end_time", _seconds(end)),
        ("bucket_width", width),
        ("limit", str(max(1, min(buckets, most)))),
        *(("group_by", name) for name in endpoint.group_by if name not in dropped),
    )


def _seconds(instant: datetime) -> str:
    return str(int(instant.timestamp()))


def _buckets(
    client: ProviderClient, path: str, params: Params, read: Callable[[bytes], Any] = strict_json.loads
) -> Iterator[Any]:
    """Every bucket of the chain. It ends on `has_more` false or an empty page; a lost or repeated cursor is refused."""
    seen: set[str] = set()
    cursor: str | None = None
    for _ in range(client.limits.pages):
        page = _page(client, path, params, cursor, read)
        if not isinstance(page, dict) or not isinstance(page.get("data"), list):
            raise PayloadChanged(f"OpenAI answered {path} without a list of buckets.")
        reached("page read")
        yield from page["data"]
        if page.get("has_more") is not True or not page["data"]:
            return
        cursor = page.get("next_page")
        del page  # two of them need not be held at once
        if not isinstance(cursor, str) or not cursor or cursor in seen:
            raise PayloadChanged(
                f"OpenAI promised more pages of {path} with a cursor that is missing or was seen before."
            )
        seen.add(cursor)
    raise PayloadChanged(f"OpenAI gave more than {client.limits.pages} pages of {path}.")


def _page(client: ProviderClient, path: str, params: Params, cursor: str | None, read: Callable[[bytes], Any]) -> Any:
    """One page. A refused cursor has expired: the chain is begun anew with the unit's next try, never shortened."""
    if cursor is None:
        return client.get(path, params, read=read).json
    try:
        return client.get(path, (*params, ("page", cursor)), read=read).json
    except BadRequest as error:
        refused = str(error)
    raise PayloadChanged(f"OpenAI no longer knows its own cursor for {path}. {refused}")


def _check_within(start: datetime, period: tuple[date, date]) -> None:
    if not period[0] <= start.date() < period[1]:
        raise PayloadChanged(
            f"OpenAI answered with a bucket of {start:%Y-%m-%d %H:%M} UTC, outside the days asked for."
        )


def _check_whole(told: set[datetime], period: tuple[date, date], width_s: int, *, now: datetime) -> None:
    """A bucket without usage is told as an empty one. One that is not told is unknown, and never a zero.

    The bucket that runs while it is asked for may be missing.
    """
    start, end = clock.day_start(period[0]), min(clock.day_start(period[1]), now - timedelta(seconds=width_s))
    missing = sorted(_starts(start, max(0, math.ceil((end - start).total_seconds() / width_s)), width_s) - told)
    if missing:
        raise PayloadChanged(f"OpenAI left out {len(missing)} buckets, the first of {missing[0]:%Y-%m-%d %H:%M} UTC.")


@lru_cache(maxsize=1_024)  # every key is asked for the same days
def _starts(first: datetime, count: int, width_s: int) -> frozenset[datetime]:
    return frozenset(first + n * timedelta(seconds=width_s) for n in range(count))
