"""Named trouble: each turns the good answer into one that goes wrong in a way that providers have gone wrong.

The names are the vocabulary of the tests; the registry at the end is the whole of it.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from email.utils import format_datetime
from threading import Lock
from typing import Any

from tracker.clock import utc_now

Json = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """An answer on its way out. `cut` leaves bytes unsent, `reset` breaks off, `dribble_s` waits before each byte."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    cut: int = 0
    reset: bool = False
    dribble_s: float = 0

    @property
    def json(self) -> Json:
        told: Json = json.loads(self.body)
        return told


@dataclass
class Trouble:
    """Trouble for requests whose path holds `path`: after the first `after` of them, for `times` of them."""

    kind: str
    path: str = "/organization/usage/"
    times: int = 1
    after: int = 0
    option: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no trouble is called {self.kind}; known: {', '.join(sorted(KINDS))}")


@dataclass
class Troubles:
    """What is in store, and taken from it request by request. Threads share it."""

    _waiting: list[Trouble] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def add(self, trouble: Trouble) -> None:
        with self._lock:
            self._waiting.append(trouble)

    def take(self, path: str) -> Trouble | None:
        """The trouble that this request meets, if any."""
        with self._lock:
            for trouble in self._waiting:
                if trouble.path in path and trouble.times > 0:
                    if trouble.after > 0:
                        trouble.after -= 1
                        continue
                    trouble.times -= 1
                    return trouble
        return None


def reply(status: int, told: Json, **headers: str) -> Reply:
    """A JSON answer."""
    return Reply(status, json.dumps(told).encode(), {"Content-Type": "application/json", **headers})


def error(status: int, message: str, *, code: str | None = None, kind: str = "invalid_request_error") -> Reply:
    """OpenAI's error object."""
    return reply(status, {"error": {"message": message, "type": kind, "param": None, "code": code}})


def apply(good: Reply, kind: str, option: str = "") -> Reply:
    """The good answer, spoiled."""
    return KINDS[kind](good, option)


def _rate_limit(_good: Reply, option: str) -> Reply:
    limited = error(429, "Rate limit reached.", code="rate_limit_exceeded", kind="requests")
    return replace(limited, headers={**limited.headers, **({"Retry-After": option} if option else {})})


def _rate_limit_date(good: Reply, option: str) -> Reply:
    return _rate_limit(good, option or format_datetime(utc_now(), usegmt=True))


def _status(code: int) -> Callable[[Reply, str], Reply]:
    return lambda _good, _option: error(code, f"status {code} was asked for", kind="server_error")


def _not_grouped(_good: Reply, option: str) -> Reply:
    return error(400, f"Invalid value: '{option}'. Supported values are: 'line_item'.")


def _body(body: bytes, content_type: str = "application/json") -> Callable[[Reply, str], Reply]:
    return lambda good, _option: replace(good, body=body, headers={"Content-Type": content_type})


def _in_page(change: Callable[[Json], None]) -> Callable[[Reply, str], Reply]:
    def spoil(good: Reply, _option: str) -> Reply:
        page = good.json
        change(page)
        return replace(good, body=json.dumps(page).encode())

    return spoil


def _in_rows(change: Callable[[Json], None]) -> Callable[[Reply, str], Reply]:
    def spoil(page: Json) -> None:
        for bucket in page.get("data", []):
            for row in bucket.get("results", []):
                change(row)

    return _in_page(spoil)


def _count(value: object) -> Callable[[Json], None]:
    def change(row: Json) -> None:
        for name in COUNTS:
            if name in row:
                row[name] = value if not callable(value) else value(row[name])

    return change


COUNTS = ("num_model_requests", "num_requests", "usage_bytes", "num_sessions")


def _missing(row: Json) -> None:
    for name in COUNTS:
        row.pop(name, None)


def _old_spelling(page: Json) -> None:
    for bucket in page["data"]:
        bucket["result"] = bucket.pop("results")


def _twice(page: Json) -> None:
    page["data"] = [bucket for bucket in page["data"] for _ in range(2)]


def _twice_different(page: Json) -> None:
    other = json.loads(json.dumps(page["data"]))
    for bucket in other:
        for row in bucket["results"]:
            _count(lambda n: n + 1)(row)
    page["data"] += other


def _later(seconds: int) -> Callable[[Json], None]:
    def change(page: Json) -> None:
        for bucket in page["data"]:
            bucket["start_time"] += seconds
            bucket["end_time"] += seconds

    return change


def _promise(cursor: object) -> Callable[[Json], None]:
    return lambda page: page.update(has_more=True, next_page=cursor)


def _duplicate_names(good: Reply, _option: str) -> Reply:
    return replace(good, body=b'{"object":"page","object":"page",' + good.body.lstrip()[1:])


def _gzip_bomb(good: Reply, _option: str) -> Reply:
    return replace(good, body=gzip.compress(b" " * 50_000_000), headers={**good.headers, "Content-Encoding": "gzip"})


def _redirect(good: Reply, option: str) -> Reply:
    return replace(good, status=302, headers={**good.headers, "Location": option or "/elsewhere"})


SAME_AGAIN = "page_again"
"""A cursor that leads to the first page, over and over."""

HTML = b"<html><body>Please sign in to the network.</body></html>"

MISSING_SCOPE = "You have insufficient permissions for this operation. Missing scopes: {scope}. Check your role."

BLOCKED = b"<html><body>Sorry, you have been blocked: insufficient permissions.</body></html>"
"""A gateway's own page. Whatever it says, it knows nothing of keys."""

KINDS: dict[str, Callable[[Reply, str], Reply]] = {
    "rate_limit": _rate_limit,
    "rate_limit_date": _rate_limit_date,
    **{f"status_{code}": _status(code) for code in (400, 404, 500, 502, 503, 504)},
    "not_grouped": _not_grouped,
    "truncated_json": lambda good, _: replace(good, body=good.body[: len(good.body) // 2]),
    "short_body": lambda good, _: replace(good, cut=max(1, len(good.body) // 2)),
    "connection_reset": lambda good, _: replace(good, reset=True),
    "dribble": lambda good, option: replace(good, dribble_s=float(option or 0.05)),
    "html": _body(HTML, "text/html"),
    "gateway_403": lambda _good, _: Reply(403, BLOCKED, {"Content-Type": "text/html"}),
    "missing_scope": lambda _good, option: error(403, MISSING_SCOPE.format(scope=option or "api.usage.read")),
    "untold_403": lambda _good, _: error(403, "Forbidden"),
    "empty_body": _body(b""),
    "no_content_204": lambda good, _: replace(good, status=204, body=b""),
    "error_200": _body(b'{"error":{"message":"something went wrong","type":"server_error"}}'),
    "wrong_schema": _body(b'{"object":"page","data":{},"has_more":false,"next_page":null}'),
    "redirect": _redirect,
    "gzip_bomb": _gzip_bomb,
    "unknown_encoding": lambda good, _: replace(good, headers={**good.headers, "Content-Encoding": "br"}),
    "extra_fields": _in_rows(lambda row: row.update(shiny_new_tokens=1)),
    "missing_field": _in_rows(_missing),
    "null_count": _in_rows(_count(None)),
    "negative": _in_rows(_count(-1)),
    "huge_number": _in_rows(_count(2**63)),
    "float_count": _in_rows(_count(float)),
    "string_count": _in_rows(_count(str)),
    "half_count": _in_rows(_count(0.5)),
    "nan": lambda good, _: replace(good, body=good.body.replace(b'"has_more": ', b'"x": NaN, "has_more": ')),
    "duplicate_names": _duplicate_names,
    "deep_nesting": _body(b'{"data":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "duplicate_bucket_same": _in_page(_twice),
    "duplicate_bucket_different": _in_page(_twice_different),
    "repeated_cursor": _in_page(_promise(SAME_AGAIN)),
    "expired_cursor": _in_page(_promise("page_!")),
    "has_more_without_cursor": _in_page(_promise(None)),
    "cursor_past_the_end": _in_page(lambda page: page.update(data=[], has_more=True, next_page="page_more")),
    "eight_hours_ahead": _in_page(_later(8 * 3_600)),
    "future_bucket": _in_page(_later(400 * 86_400)),
    "result_key": _in_page(_old_spelling),
    "unknown_model": _in_rows(lambda row: row.update(model="never-heard-of-it")),
    "strange_names": _in_rows(lambda row: row.update(model="<b>\u202e\x00=1+1</b>")),
    "two_currencies": _in_rows(lambda row: row.get("amount", {}).update(currency="eur")),
}
"""Trouble by name."""


class Refused(Exception):
    """The request is not answered; `reply` says why."""

    def __init__(self, refused: Reply) -> None:
        super().__init__(refused.status)
        self.reply = refused
