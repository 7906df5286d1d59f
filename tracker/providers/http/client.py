"""One key's view of a provider: ask within the limits, judge the answer, name what went wrong.

Library errors become ours outside their handlers: as cause or context they would carry the request, and so the key.
A message holds no query, no key and no body.
"""

from __future__ import annotations

import hashlib
import re
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Protocol

import httpx

from tracker import clock
from tracker.clock import utc_now
from tracker.config import is_loopback
from tracker.errors import (
    AnswerTooLarge,
    BadConfiguration,
    ClockWrong,
    PayloadChanged,
    ProviderDown,
    ProviderError,
    RateLimited,
)
from tracker.points import reached
from tracker.providers import strict_json
from tracker.providers.http.pool import ClientPool, within
from tracker.providers.http.refusal import MAX_BODY, Refusal, refusal
from tracker.providers.retry import Limits, http_date, jitter, next_wait_s, told_s
from tracker.providers.strict_json import Json
from tracker.redact import SecretKey, one_line, redact

USER_AGENT = "llm-api-usage-tracker/0.1"
SEGMENT = r"(?!\.{1,2}(?:/|$))[A-Za-z0-9_.:-]{1,200}"
"""What may stand for `{…}` in a path. Not `.` or `..`, which lead to another path than the one that was checked."""

MAX_PARAM = 4_096
"""Longest value sent in a query; the only long ones are cursors that the provider handed out itself."""

UNTOLD_WAIT = timedelta(minutes=15)
"""How long a 429 without a usable Retry-After sets the work aside."""

BEHIND = timedelta(days=1)
"""How far behind a provider's our clock may be: a day long past would be taken for one that runs, and its rows replaced
by those of its first hours. Ahead of it (`clock.AHEAD`), a day that runs would be taken for one that is over."""

SECONDS = re.compile(r"\d{1,8}", re.ASCII)
# The one form that is sent today; far years and offsets overflow the parser. Source: RFC 9110, 5.6.7 (read 2026-11).
HTTP_DATE = re.compile(r"[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} [12]\d{3} \d{2}:\d{2}:\d{2} GMT", re.ASCII)

REASONS: tuple[tuple[type[OSError], str], ...] = (
    (ssl.SSLCertVerificationError, "its certificate is not trusted"),
    (ssl.SSLError, "no secure connection came about"),
    (socket.gaierror, "its name was not found"),
    (ConnectionRefusedError, "connection refused"),
    (TimeoutError, "no connection in time"),
)

Params = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Answer:
    """A good answer: its JSON, its size in bytes, and the provider's clock when it was given."""

    json: Json
    received_bytes: int
    served_at: datetime | None


class CallLog(Protocol):
    """Where every use of the key is recorded: before the bytes leave, then with what came back, whole or not."""

    def started(self, method: str, path: str) -> int: ...

    def finished(self, call_id: int, *, status: int | None, received_bytes: int, duration_ms: int) -> None: ...


@dataclass
class _Received:
    """What has come back so far."""

    asked_at: datetime | None = None
    status: int | None = None
    headers: httpx.Headers = field(default_factory=httpx.Headers)
    body: bytes = b""

    @property
    def sha256(self) -> str:
        """By which a body that was refused can be recognised."""
        return hashlib.sha256(self.body).hexdigest()

    def header(self, name: str) -> str:
        return str(self.headers.get(name, "")).strip()


@dataclass(frozen=True, repr=False)
class ProviderClient:
    """A provider's API for one key. `allowed` paths may hold `{…}` for a segment; asking for others is a defect."""

    base_url: str
    title: str
    headers: Callable[[SecretKey], Mapping[str, str]]
    key: SecretKey
    allowed: Sequence[str]
    explain: Callable[[Refusal], ProviderError]
    calls: CallLog
    connection: ClientPool
    limits: Limits = field(default_factory=Limits)
    wait: Callable[[float], None] = time.sleep
    limited: Callable[[datetime], None] = lambda _: None
    part: Callable[[], float] = jitter
    served: Callable[[datetime], None] = lambda _: None

    def get(self, path: str, params: Params = (), *, read: Callable[[bytes], Json] = strict_json.loads) -> Answer:
        """The answer to GET `path`, asked again within the limits; a ProviderError of the right kind otherwise.

        `read` makes of the body what becomes the answer's `json`; PayloadChanged where it cannot.

        ValueError for a path that is not allowed, BadConfiguration for a foreign host while only this machine may
        be called; both before a connection is made. `limited` is told of each 429 that is
        waited out, with the instant until which nobody else should ask either; `served` of each good answer's own time,
        where it tells any.
        """
        self._check(path)
        if any(len(value) > MAX_PARAM for _, value in params):
            raise PayloadChanged(f"{self.title} handed out a cursor too long to be sent back (GET {path}).")
        attempt, waited_s = 1, 0.0
        while True:
            try:
                return self._once(path, params, read)
            except (ProviderDown, RateLimited) as error:
                told = error.told_s if isinstance(error, RateLimited) else None
                wait_s = next_wait_s(attempt, told_s=told, waited_s=waited_s, limits=self.limits, part=self.part())
                if wait_s is None:
                    raise
                if isinstance(error, RateLimited):
                    self.limited(utc_now() + timedelta(seconds=wait_s))
            self.wait(wait_s)
            attempt, waited_s = attempt + 1, waited_s + wait_s

    def _check(self, path: str) -> None:
        if not _pattern(tuple(self.allowed)).fullmatch(path):
            raise ValueError(f"GET {path} is not on the list of what we ask {self.title} for")
        if self.connection.loopback_only and not is_loopback(_url(self.base_url, ()).host):
            raise BadConfiguration("While TRACKER_NOW is set, only addresses of this machine are called.")

    def _once(self, path: str, params: Params, read: Callable[[bytes], Json]) -> Answer:
        received = _Received()
        call_id = self.calls.started("GET", path)
        began, received.asked_at = time.monotonic(), utc_now()
        try:
            trouble = self._receive(path, params, into=received)
        finally:
            self.calls.finished(
                call_id,
                status=received.status,
                received_bytes=len(received.body),
                duration_ms=int((time.monotonic() - began) * 1000),
            )
        reached("answer received")
        where = f"GET {path}"
        if trouble:
            raise ProviderDown(f"{self.title} {trouble} ({where}).")
        return self._judge(received, where, read)

    def _receive(self, path: str, params: Params, *, into: _Received) -> str | None:
        """Fill `into` within the deadline; what the connection suffered from, None when nothing."""
        headers = {**_own_headers(), **self.headers(self.key)}
        timeout = httpx.Timeout(self.limits.read_s, connect=self.limits.connect_s)
        url = _url(self.base_url + path, tuple(params))
        request = httpx.Request("GET", url, headers=headers, extensions={"timeout": timeout.as_dict()})
        try:
            with within(self.limits.total_s):
                response = self.connection.next().handle_request(request)
                into.status, into.headers = response.status_code, response.headers
                try:
                    self._read(response, into)
                finally:
                    response.close()
        except httpx.HTTPError as error:
            return _trouble(error)
        return None

    def _read(self, response: httpx.Response, into: _Received) -> None:
        """Read the body as far as it is wanted. Raw, since a decoder buffers and would hide size and deadline."""
        body = bytearray()
        most = _wanted_bytes(into, self.limits)
        try:
            for chunk in response.iter_raw() if most else ():
                body += chunk
                if len(body) > most:
                    return
        finally:
            into.body = bytes(body)

    def _judge(self, received: _Received, where: str, read: Callable[[bytes], Json]) -> Answer:
        """The good answer; every other status raises what it stands for."""
        status = received.status or 0
        if status == httpx.codes.TOO_MANY_REQUESTS:
            raise self._limited(received, where)
        if status >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise ProviderDown(f"{self.title} failed with status {status} ({where}).")
        if status >= httpx.codes.BAD_REQUEST:
            raise self.explain(refusal(status, received.body))
        if status >= httpx.codes.MULTIPLE_CHOICES:
            raise PayloadChanged(f"{self.title} answered with a redirect, which is never followed ({where}).")
        return self._accept(received, where, read)

    def _accept(self, received: _Received, where: str, read: Callable[[bytes], Json]) -> Answer:
        if unusable := _unusable(received, self.limits):
            kind = AnswerTooLarge if len(received.body) > self.limits.max_bytes else PayloadChanged
            raise kind(f"{self.title} {unusable} ({where}).", body_sha256=received.sha256)
        served_at = _date(received.header("date"))
        is_real = not self.connection.loopback_only  # else the clock was moved on purpose (TRACKER_NOW)
        if served_at and received.asked_at and is_real:
            self._check_clock(served_at, received.asked_at, where)
            self.served(served_at)
        value = read(received.body)
        if isinstance(value, dict) and value.get("error") is not None:
            raise PayloadChanged(
                f"{self.title} answered with an error under status 200 ({where}).", body_sha256=received.sha256
            )
        return Answer(value, len(received.body), served_at)

    def _check_clock(self, served_at: datetime, asked_at: datetime, where: str) -> None:
        """Believe no answer while our clock is far off: it was given after we asked, and before now."""
        ahead, behind = asked_at - served_at, served_at - utc_now()
        if ahead > clock.AHEAD or behind > BEHIND:
            off, way = (ahead, "ahead of") if ahead > clock.AHEAD else (behind, "behind")
            raise ClockWrong(
                f"This machine's clock is {_roughly(off)} {way} {self.title}'s. Set it right; "
                f"until then nothing is stored ({where})."
            )

    def _limited(self, received: _Received, where: str) -> RateLimited:
        now, asked = utc_now(), received.header("retry-after")
        usable = asked if SECONDS.fullmatch(asked) or HTTP_DATE.fullmatch(asked) else None
        told = told_s(usable, served_at=_date(received.header("date")), now=now)
        after = UNTOLD_WAIT if told is None else timedelta(seconds=told)
        return RateLimited(f"{self.title} asks us to wait ({where}).", retry_at=now + after, told_s=told)


@lru_cache(maxsize=256)  # every key is asked for the same days, and the library takes its time over an address
def _url(address: str, params: Params) -> httpx.URL:
    return httpx.URL(address, params=list(params)) if params else httpx.URL(address)


def _own_headers() -> dict[str, str]:
    own = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": USER_AGENT}
    return {**own, "Connection": "keep-alive"}


def _wanted_bytes(received: _Received, limits: Limits) -> int:
    """How much of the body is read at most: all that is allowed of an answer, the reason of a refusal, else nothing."""
    if _is_encoded(received):
        return 0
    if received.status == httpx.codes.OK:
        return limits.max_bytes
    refused = httpx.codes.is_client_error(received.status or 0) and received.status != httpx.codes.TOO_MANY_REQUESTS
    return min(MAX_BODY, limits.max_bytes) if refused else 0


def _unusable(received: _Received, limits: Limits) -> str | None:
    """Why an answer that reports no failure cannot be read all the same; None when it can."""
    if _is_encoded(received):
        return "sent a compressed answer that was not asked for"
    if len(received.body) > limits.max_bytes:
        return f"sent more than {limits.max_bytes} bytes"
    if received.status != httpx.codes.OK or not received.body:
        return f"answered with status {received.status} and no usable body"
    kind = received.header("content-type")
    if kind.partition(";")[0].strip().lower() != "application/json":
        return f"answered with {one_line(redact(kind))[:60] or 'no type'} instead of JSON"
    return None


def _is_encoded(received: _Received) -> bool:
    return received.header("content-encoding").lower() not in {"", "identity"}


def _roughly(span: timedelta) -> str:
    """The span, a minute or more, in its largest whole unit."""
    units = ((clock.DAY, "day"), (timedelta(hours=1), "hour"), (timedelta(minutes=1), "minute"))
    count, name = next((span // unit, name) for unit, name in units if span >= unit)
    return f"{count} {name}{'' if count == 1 else 's'}"


def _date(text: str) -> datetime | None:
    return http_date(text) if HTTP_DATE.fullmatch(text) else None


@lru_cache(maxsize=64)
def _pattern(allowed: Sequence[str]) -> re.Pattern[str]:
    """Matches each of the paths, whatever segment stands for `{…}`."""
    paths = (re.split(r"\{\w+\}", path) for path in allowed)
    return re.compile("|".join(SEGMENT.join(re.escape(part) for part in parts) for parts in paths))


def _trouble(error: httpx.HTTPError) -> str:
    if isinstance(error, httpx.ConnectTimeout | httpx.ConnectError):
        return f"could not be reached: {_reason(error)}"
    if isinstance(error, httpx.TimeoutException):
        return "did not answer in time"
    return "broke off its answer"


def _reason(error: BaseException | None) -> str:
    """Why there is no connection, by the system's error beneath the library's; in our words, theirs hold addresses."""
    while error:
        for kind, words in REASONS:
            if isinstance(error, kind):
                return words
        error = error.__cause__ or error.__context__
    return "no connection"
