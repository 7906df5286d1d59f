"""What the sandbox answers: a query in, OpenAI's JSON out, by the rules of the official description.

Source: openai/openai-openapi f85dbe2 (2026-08-21); error bodies as recorded from the live service, read 2026-11.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Self

from tracker import clock
from tracker.sandbox import families, lists
from tracker.sandbox.families import FAMILIES, Family
from tracker.sandbox.organisations import ORGANISATIONS, Organisation
from tracker.sandbox.trouble import SAME_AGAIN, Refused, Reply, apply, error, reply
from tracker.sandbox.world import KEY_ORGANISATIONS, BillLine, World

Json = dict[str, Any]
Query = Mapping[str, Sequence[str]]

HOUR_S, DAY_S = 3_600, 86_400
WIDTHS = {"1m": 60, "1h": HOUR_S, "1d": DAY_S}
LIMITS = {60: (60, 1_440), HOUR_S: (24, 168), DAY_S: (7, 31)}
COSTS_LIMITS = (7, 180)
COSTS_GROUPS = ("project_id", "line_item", "api_key_id")
FILTERS = {"project_ids": "project_id", "user_ids": "user_id", "api_key_ids": "api_key_id", "models": "model"}

SCOPES = (
    "You have insufficient permissions for this operation. Missing scopes: {scope}. Check that you have the correct "
    "role in your organization (Reader, Writer, Owner) and project (Member, Owner), and if you're using a restricted "
    "API key, that it has the necessary scopes."
)
WRONG_KEY = (
    "Incorrect API key provided: {shown}. You can find your API key at https://platform.openai.com/account/api-keys."
)
LOOKBACK = "Usage and cost data are available for the past year. Earliest supported start date: {day} (UTC)."

KEY_TROUBLES: Mapping[str, tuple[str, str]] = {
    "rate_limited": ("rate_limit", "3600"),
    "rate_limited_date": ("rate_limit_date", ""),
    "rate_limited_untold": ("rate_limit", ""),
    "down_500": ("status_500", ""),
    "down_502": ("status_502", ""),
    "down_503": ("status_503", ""),
    "html": ("html", ""),
    "blocked": ("gateway_403", ""),
    "truncated": ("truncated_json", ""),
    "empty_body": ("empty_body", ""),
    "error_200": ("error_200", ""),
    "redirecting": ("redirect", ""),
    "not_found": ("status_404", ""),
    "wrong_schema": ("wrong_schema", ""),
    "negative_counts": ("negative", ""),
    "null_counts": ("null_count", ""),
    "huge_counts": ("huge_number", ""),
    "repeated_cursor": ("repeated_cursor", ""),
    "connection_reset": ("connection_reset", ""),
}
"""Kinds of keys for which every answer goes wrong in one way."""


@dataclass(frozen=True)
class Window:
    """A checked query for buckets: [start, end), the width, how many a page, and from which bucket on."""

    start: datetime
    end: datetime
    width_s: int
    limit: int
    offset: int
    group_by: tuple[str, ...]


def answer(world: World, path: str, query: Query, key: str) -> Reply:
    """The answer to GET `path`, for whatever key it came with."""
    kind = world.kind_of(key)
    try:
        organisation = _organisation(kind, key, path)
        good = _route(world, organisation, path, query)
    except Refused as refused:
        return refused.reply
    trouble, option = KEY_TROUBLES.get(kind or "", ("", ""))
    return apply(good, trouble, option) if trouble else good


def _organisation(kind: str | None, key: str, path: str) -> Organisation:
    if kind is None or kind in {"revoked", "expired"}:
        raise Refused(error(401, WRONG_KEY.format(shown=f"{key[:8]}*{key[-4:]}"), code="invalid_api_key"))
    usage = path.startswith(("/organization/usage/", "/organization/costs"))
    if kind == "project_key" or kind.startswith("missing_scope"):
        raise Refused(_missing_scope(kind, "api.usage.read" if usage else "api.management.read"))
    if kind == "usage_only" and not usage:
        raise Refused(_missing_scope(kind, "api.management.read"))
    if path == "/organization/audit_logs" and kind != "unrestricted":
        raise Refused(_missing_scope(kind, "api.audit_logs.read"))  # the scope's name is made up
    return ORGANISATIONS[KEY_ORGANISATIONS.get(kind, "acme")]


def _missing_scope(kind: str, scope: str) -> Reply:
    message = SCOPES.format(scope=scope)
    if kind == "missing_scope_flat":
        return reply(403, {"error": message})
    return error(401 if kind == "missing_scope_401" else 403, message)


def _route(world: World, organisation: Organisation, path: str, query: Query) -> Reply:
    usage = re.fullmatch(r"/organization/usage/(\w+)", path)
    if usage and usage[1] in FAMILIES:
        return _usage(world, organisation, FAMILIES[usage[1]], query)
    if path == "/organization/costs":
        return _costs(world, organisation, query)
    if path == "/organization/admin_api_keys":
        return _listed(list(lists.admin_keys(world, organisation)), query)
    for pattern, rows in lists.LISTS.items():
        if found := re.fullmatch(pattern, path):
            return _listed(list(rows(organisation, found.groupdict(), query)), query)
    raise Refused(error(404, f"Invalid URL (GET /v1{path})"))


def _usage(world: World, organisation: Organisation, family: Family, query: Query) -> Reply:
    width_s = _width(query, WIDTHS)
    window = _window(world, query, width_s, LIMITS[width_s], family.group_by)
    wanted = [
        request
        for request in world.requests(organisation.name, *_page_times(window))
        if all(families.DIMENSIONS[dim](request) in query[name] for name, dim in FILTERS.items() if name in query)
    ]
    groups = families.grouped(family, wanted, window.group_by, width_s)
    rows: dict[datetime, list[Json]] = {}
    for (at, dims), requests in groups.items():
        blank = dict.fromkeys(family.group_by)
        row = {"object": family.object, **families.measures(family, requests), **blank, **dict(dims)}
        rows.setdefault(at, []).append(row)
    return _page(window, rows)


def _costs(world: World, organisation: Organisation, query: Query) -> Reply:
    width_s = _width(query, {"1d": DAY_S})
    window = _window(world, query, width_s, COSTS_LIMITS, COSTS_GROUPS)
    start, end = _page_times(window)
    rows: dict[datetime, list[Json]] = {}
    groups: dict[tuple[datetime, tuple[object, ...]], list[BillLine]] = {}
    for line in world.truth_bill(organisation.name, start.date(), end.date()):
        dims = tuple(getattr(line, name) for name in window.group_by)
        groups.setdefault((clock.day_start(line.day), dims), []).append(line)
    for n, ((at, dims), lines) in enumerate(groups.items()):
        rows.setdefault(at, []).append(
            _cost_row(dict(zip(window.group_by, dims, strict=True)), lines, as_text=n % 3 == 0)
        )
    return _page(window, rows)


def _cost_row(dims: Mapping[str, object], lines: Sequence[BillLine], *, as_text: bool) -> Json:
    amount = sum((line.amount for line in lines), Decimal())
    by_item = "line_item" in dims and lines[0].quantity is not None
    quantity = sum((line.quantity or Decimal() for line in lines), Decimal()) if by_item else None
    return {
        "object": "organization.costs.result",
        # The live service has sent both a number and a string, the string exact.
        "amount": {"value": format(amount, "f") if as_text else Exact(amount), "currency": "usd"},
        **dict.fromkeys(COSTS_GROUPS),
        **dims,
        "quantity": int(quantity) if quantity is not None else None,
        "quantity_unit": lines[0].quantity_unit if by_item else None,
    }


class Exact(float):
    """A number that `json` writes with all the digits of the decimal it was made from."""

    def __new__(cls, value: Decimal) -> Self:
        made = super().__new__(cls, value)
        made.text = format(value, "f")
        return made

    text: str

    def __repr__(self) -> str:
        return self.text


def _window(
    world: World,
    query: Query,
    width_s: int,
    limits: tuple[int, int],
    groups: Sequence[str],
) -> Window:
    default, most = limits
    start, end = _instant(query, "start_time"), _instant(query, "end_time") or world.now()
    if start is None:
        raise Refused(error(400, "Missing required parameter: 'start_time'."))
    earliest = clock.day_start(clock.day_of(world.now())) - timedelta(days=world.keeps)
    if start < earliest:
        message = LOOKBACK.format(day=earliest.date())
        raise Refused(error(400, message, code="reporting_lookback_exceeded"))
    limit = _number(query, "limit", default)
    if not 1 <= limit <= most:
        raise Refused(error(400, f"Invalid 'limit': {limit} is not between 1 and {most}."))
    group_by = tuple(query.get("group_by", ())) or tuple(query.get("group_by[]", ()))
    if unknown := [name for name in group_by if name not in groups]:
        raise Refused(error(400, f"Invalid 'group_by': {unknown[0]} is not supported here."))
    return Window(families.bucket_start(start, width_s), end, width_s, limit, _offset(query), group_by)


def _page_times(window: Window) -> tuple[datetime, datetime]:
    start = window.start + timedelta(seconds=window.offset * window.width_s)
    return start, min(window.end, start + timedelta(seconds=window.limit * window.width_s))


def _page(window: Window, rows: Mapping[datetime, list[Json]]) -> Reply:
    start, end = _page_times(window)
    data, width = [], timedelta(seconds=window.width_s)
    while start < end:
        times = {"start_time": int(start.timestamp()), "end_time": int((start + width).timestamp())}
        data.append({"object": "bucket", **times, "results": rows.get(start, [])})
        start += width
    more = start < window.end
    cursor = "page_" + base64.urlsafe_b64encode(str(window.offset + window.limit).encode()).decode().rstrip("=")
    return reply(200, {"object": "page", "data": data, "has_more": more, "next_page": cursor if more else None})


def _width(query: Query, widths: Mapping[str, int]) -> int:
    name = query.get("bucket_width", ["1d"])[0]
    if name not in widths:
        raise Refused(error(400, f"Invalid 'bucket_width': {name}. Supported: {', '.join(widths)}."))
    return widths[name]


def _instant(query: Query, name: str) -> datetime | None:
    return datetime.fromtimestamp(_number(query, name, 0), UTC) if name in query else None


def _number(query: Query, name: str, default: int) -> int:
    try:
        return int(query[name][0]) if name in query else default
    except ValueError:
        raise Refused(error(400, f"Invalid type for '{name}': expected an integer.")) from None


def _offset(query: Query) -> int:
    cursor = query.get("page", [""])[0]
    if not cursor or cursor == SAME_AGAIN:
        return 0
    try:
        coded = cursor.removeprefix("page_")
        return int(base64.urlsafe_b64decode(coded + "=" * (-len(coded) % 4)))
    except ValueError:
        raise Refused(error(400, "Invalid 'page': unknown cursor.")) from None


def _listed(rows: list[Json], query: Query) -> Reply:
    limit, after = _number(query, "limit", 20), query.get("after", [""])[0]
    ids = [row["id"] for row in rows]
    first = ids.index(after) + 1 if after in ids else 0
    shown = rows[first : first + min(limit, 100)]
    ends = {"first_id": shown[0]["id"] if shown else None, "last_id": shown[-1]["id"] if shown else None}
    return reply(200, {"object": "list", "data": shown, **ends, "has_more": first + limit < len(rows)})
