"""One hardened way out: what is accepted of what comes back, and that nothing shows a key."""

from __future__ import annotations

import gzip
import hashlib
import logging
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from tests.tracker.providers.scripted import (
    BUSY,
    COSTS,
    GOOD,
    HASTY,
    KEY,
    NOON,
    NOON_TEXT,
    Asker,
    ScriptedProvider,
    Step,
    answer,
    asking,
    trickling,
)
from tracker import clock, points
from tracker.errors import AnswerTooLarge, ClockWrong, KeyRejected, PayloadChanged, ProviderError
from tracker.providers.http import Limits, Refusal

# --- what is not accepted


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (answer(b"<html>", content_type="text/html"), "answered with text/html instead of JSON"),
        (answer(content_type=""), "answered with no type instead of JSON"),
        (answer(content_type="application/jsonp"), "answered with application/jsonp instead of JSON"),
        (answer(content_type=f"text/{KEY}"), "answered with text/<secret> instead of JSON"),
        (answer(b""), "answered with status 200 and no usable body"),
        (answer(b"", status="204 No Content"), "answered with status 204 and no usable body"),
        (answer(status="206 Partial Content"), "answered with status 206 and no usable body"),
        (answer(b'{"error": {"message": "no"}, "data": []}'), "answered with an error under status 200"),
        (answer(b'{"error": ""}'), "answered with an error under status 200"),
        (answer(gzip.compress(b"{}"), content_encoding="gzip"), "sent a compressed answer that was not asked for"),
        (answer(content_encoding="x-unheard-of"), "sent a compressed answer that was not asked for"),
        (answer(content_encoding="identity, br"), "sent a compressed answer that was not asked for"),
        (answer(b"[" + b" " * 999 + b"]"), "sent more than 1000 bytes"),
        *(
            (answer(status=f"{status} Elsewhere", location=COSTS), "answered with a redirect, which is never followed")
            for status in (300, 301, 302, 303, 304, 307, 308)
        ),
    ],
)
def test_an_answer_we_cannot_use_is_refused_at_once(asker: Asker, raw: bytes, says: str) -> None:
    kind = AnswerTooLarge if says.startswith("sent more than") else PayloadChanged
    failed = asker.fails(kind, raw, limits=Limits(max_bytes=1_000))

    assert str(failed) == f"OpenAI {says} (GET {COSTS})."
    assert len(asker.provider.asked) == 1


def test_not_a_byte_of_a_compressed_answer_is_read(asker: Asker) -> None:
    asker.fails(PayloadChanged, answer(gzip.compress(bytes(1_000_000)), content_encoding="gzip"))

    assert asker.calls.rows == [("GET", COSTS, 0, 200, 0)]


def test_an_answer_of_the_largest_size_is_read(asker: Asker) -> None:
    body = b'{"error": null, "a": "' + b"x" * 976 + b'"}'
    asker.provider.script = [answer(body, content_encoding="Identity")]

    assert asker.client(Limits(max_bytes=1_000)).get(COSTS).received_bytes == 1_000


def test_a_whole_answer_that_is_no_json_is_refused_with_its_hash(asker: Asker) -> None:
    body = b'{"data": [{"amount": 1'

    failed = asker.fails(PayloadChanged, answer(body))

    assert isinstance(failed, PayloadChanged)
    assert failed.body_sha256 == hashlib.sha256(body).hexdigest()
    assert len(asker.provider.asked) == 1


def test_nothing_is_ever_sent_where_a_redirect_points(asker: Asker) -> None:
    with asking(ScriptedProvider([GOOD])) as elsewhere:
        asker.fails(PayloadChanged, answer(status="307 Elsewhere", location=f"{elsewhere.provider.base_url}{COSTS}"))

        assert elsewhere.provider.asked == []


@pytest.mark.parametrize("ours", [NOON + timedelta(minutes=4), NOON - timedelta(hours=23)])
def test_a_clock_that_is_a_little_ahead_or_behind_does_no_harm(asker: Asker, ours: datetime) -> None:
    asker.provider.script = [answer(date=NOON_TEXT)]
    clock.start_at(ours)
    told = list[datetime]()

    assert replace(asker.client(), served=told.append).get(COSTS).json == {}
    assert told == [NOON]


@pytest.mark.parametrize(
    ("off", "way"),
    [
        (timedelta(days=365), "365 days ahead of"),
        (timedelta(days=1), "1 day ahead of"),
        (timedelta(hours=8), "8 hours ahead of"),
        (timedelta(minutes=6), "6 minutes ahead of"),
        (timedelta(days=-366), "365 days behind"),
    ],
)
def test_nothing_is_believed_while_our_clock_is_far_off(asker: Asker, off: timedelta, way: str) -> None:
    clock.start_at(NOON + off)

    failed = asker.fails(ClockWrong, answer(date=NOON_TEXT))

    assert f"clock is {way} OpenAI's" in str(failed)
    assert len(asker.provider.asked) == 1


@pytest.mark.parametrize("date", ["", "soon", "Sat, 99 Foo 2026 99:99:99 GMT"])
def test_an_answer_that_does_not_tell_its_time_judges_no_clock(asker: Asker, date: str) -> None:
    asker.provider.script = [answer(date=date)]
    told = list[datetime]()

    assert replace(asker.client(), served=told.append).get(COSTS).json == {}
    assert told == []


def test_our_clock_is_judged_by_when_we_asked(asker: Asker) -> None:
    """Who is held up with an answer in hand, by a machine that sleeps say, has no clock that is ahead."""
    asker.provider.script = [answer(date=NOON_TEXT)]
    clock.start_at(NOON)

    with points.watch(lambda label: clock.start_at(NOON + timedelta(hours=1)) if label == "answer received" else None):
        assert asker.client().get(COSTS).json == {}


# --- refusals


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        (b'{"error": {"message": "No.", "type": "t", "code": "c", "param": null}}', Refusal(401, "No.", "c", "t")),
        (b'{"error": "You have insufficient permissions"}', Refusal(401, "You have insufficient permissions")),
        (b'{"type": "error", "error": {"type": "t", "message": "No."}}', Refusal(401, "No.", None, "t")),
        (b'{"error": {"message": "No.", "code": 403, "metadata": {}}}', Refusal(401, "No.", "403")),
        (b'{"message": "No.", "code": "c"}', Refusal(401, "No.", "c")),
        (b'"No."', Refusal(401, "No.")),
        (b'{"error": {"message": null, "code": [], "type": true}}', Refusal(401, "no reason given")),
        (b'{"error": {"message": {"a": 1}}}', Refusal(401, "no reason given")),
        (b'{"error": null}', Refusal(401, "no reason given")),
        (b"[]", Refusal(401, "no reason given")),
        (b"<html>", Refusal(401, "no reason given")),
        (b"", Refusal(401, "no reason given")),
        (b'{"error": "one\\n  two\\u001b[2J"}', Refusal(401, "one two\\x1b[2J")),
        (b'{"error": "' + b"x" * 501 + b'"}', Refusal(401, "x" * 500)),
        (b'{"error": {"message": "No.", "code": "' + b"c" * 101 + b'"}}', Refusal(401, "No.", "c" * 100)),
        (b'{"error": "' + b"x" * 300_000 + b'"}', Refusal(401, "no reason given")),
        (f'{{"error": "{KEY}"}}'.encode(), Refusal(401, "<secret>")),
        (f'{{"error": "{"x" * 490} {KEY}"}}'.encode(), Refusal(401, "x" * 490 + " <secret>")),
        (f'{{"error": {{"message": "No.", "code": "{KEY}"}}}}'.encode(), Refusal(401, "No.", "<secret>")),
        (b'{"error": "Incorrect API key: sk-admin*fake. See"}', Refusal(401, "Incorrect API key: <secret>. See")),
        (b'{"error": "Wrong: sk-ad...HIJ, risk-free"}', Refusal(401, "Wrong: <secret>, risk-free")),
    ],
)
def test_a_refusal_is_understood_in_every_shape_and_shows_no_key(asker: Asker, body: bytes, refusal: Refusal) -> None:
    failed = asker.fails(KeyRejected, answer(body, status="401 Unauthorized", content_type="text/plain"))

    assert asker.refusals == [refusal]
    assert str(failed) == refusal.message
    assert len(asker.provider.asked) == 1


@pytest.mark.parametrize("status", [400, 403, 404, 408, 422, 451])
def test_every_refusal_is_explained_by_the_provider_and_not_tried_again(asker: Asker, status: int) -> None:
    asker.fails(KeyRejected, answer(b"x", status=f"{status} No", content_encoding="gzip"))

    assert asker.refusals == [Refusal(status, "no reason given")]
    assert len(asker.provider.asked) == 1


# --- what shows


@pytest.mark.parametrize(
    "step",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nx: " + KEY.encode(),
        answer(b'{"error": "' + KEY.encode() + b'"}', status="401 Unauthorized"),
        answer(b'{"key": "' + KEY.encode()),
        answer(status="500 Oops"),
        answer(status=BUSY),
        answer(status="302 Elsewhere", location=f"https://example.com/?key={KEY}"),
        trickling(GOOD * 99),
    ],
)
def test_neither_key_nor_query_nor_library_error_shows_in_a_failure(
    asker: Asker, step: Step, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "httpcore")
    asker.provider.script = [step]

    with pytest.raises(ProviderError) as failed:
        asker.client(HASTY).get(COSTS, (("page", "secret-cursor"),))

    assert failed.value.__cause__ is None
    assert failed.value.__context__ is None
    shown = f"{failed.value!r} {vars(failed.value)}"
    assert KEY not in shown
    assert "secret-cursor" not in shown
    assert f"Bearer {KEY}" not in caplog.text
    assert KEY not in repr(asker.client())
