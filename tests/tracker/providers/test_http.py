"""One hardened way out: what leaves, what is on record, and what is tried again."""

from __future__ import annotations

import socket
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from tests.tracker.providers.scripted import (
    COSTS,
    GOOD,
    HASTY,
    KEY,
    NOON,
    NOON_TEXT,
    ONCE,
    Asker,
    ScriptedProvider,
    Step,
    answer,
    asking,
    self_signed,
    stalling,
    trickling,
)
from tracker import clock
from tracker.errors import BadConfiguration, PayloadChanged, ProviderDown
from tracker.providers.http import ClientPool, Limits
from tracker.providers.http.client import _trouble

IMPATIENT = Limits(read_s=0.1)


# --- what leaves


def test_a_good_answer_comes_with_its_size_and_time(asker: Asker) -> None:
    body = b'{"amount": 0.1}'
    clock.start_at(NOON)
    asker.provider.script = [answer(body, date=NOON_TEXT, content_type="Application/JSON; charset=utf-8")]

    got = asker.client().get(COSTS)

    assert (got.json, got.received_bytes, got.served_at) == ({"amount": Decimal("0.1")}, len(body), NOON)


def test_only_what_is_needed_is_sent(asker: Asker) -> None:
    asker.provider.script = [GOOD]

    asker.client().get(COSTS, (("group_by", "model"), ("group_by", "a&b=ü"), ("limit", "7")))

    first, *lines = asker.provider.asked[0].decode().strip().split("\r\n")
    host = asker.provider.base_url.removeprefix("http://").removesuffix("/v1")
    assert first == f"GET /v1{COSTS}?group_by=model&group_by=a%26b%3D%C3%BC&limit=7 HTTP/1.1"
    assert dict(line.lower().split(": ", 1) for line in lines) == {
        "host": host,
        "accept": "application/json",
        "accept-encoding": "identity",
        "connection": "keep-alive",
        "user-agent": "llm-api-usage-tracker/0.1",
        "authorization": f"bearer {KEY.lower()}",
    }


def test_cookies_are_never_sent_back(asker: Asker) -> None:
    asker.provider.script = [answer(set_cookie="who=you; Path=/; Domain=127.0.0.1"), answer(set_cookie="who=you")]

    for _ in range(2 * asker.pool.clients):
        asker.client().get(COSTS)

    assert not any(b"cookie" in head.lower() for head in asker.provider.asked)


def test_proxies_and_passwords_of_the_environment_are_ignored(
    asker: Asker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("default login somebody password else")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    asker.provider.script = [GOOD]

    with closing(ClientPool()) as pool:
        asker.pool = pool
        asker.client().get(COSTS)

    assert f"Bearer {KEY}".encode() in asker.provider.asked[0]


@pytest.mark.parametrize("project", ["proj_A-1.b:c", "..a", "a..", "x" * 200])
def test_a_listed_path_takes_one_segment_in_its_place(asker: Asker, project: str) -> None:
    asker.provider.script = [GOOD]

    asker.client().get(f"/organization/projects/{project}/api_keys")

    assert asker.provider.asked[0].startswith(f"GET /v1/organization/projects/{project}/api_keys HTTP".encode())


@pytest.mark.parametrize(
    "path",
    [
        *("", "/", COSTS[1:], f"{COSTS}/", f"{COSTS}?limit=1", f"{COSTS}#x", f"{COSTS}\n", "/organization/users"),
        *(
            f"/organization/projects/{project}/api_keys"
            for project in ("", ".", "..", "a/b", "a%2Fb", "a b", "a?b", "a@b", "ä", "x" * 201)
        ),
    ],
)
def test_any_other_path_is_refused_before_a_connection_is_made(asker: Asker, path: str) -> None:
    with pytest.raises(ValueError, match="not on the list"):
        asker.client().get(path)

    assert asker.calls.rows == []


@pytest.mark.parametrize("host", ["api.openai.com", "127.0.0.1.example", "10.0.0.1", "[::2]", "0.0.0.0"])
def test_on_a_moved_clock_only_this_machine_is_called(host: str) -> None:
    with asking(ScriptedProvider([GOOD]), loopback_only=True) as asker:
        with pytest.raises(BadConfiguration, match="While TRACKER_NOW is set"):
            asker.client(base_url=f"https://{host}/v1").get(COSTS)
        assert asker.calls.rows == []

        assert asker.client().get(COSTS).json == {"data": []}


def test_an_endless_cursor_is_not_sent_back(asker: Asker) -> None:
    with pytest.raises(PayloadChanged, match="cursor too long"):
        asker.client().get(COSTS, (("page", "x" * 4_097),))

    assert asker.calls.rows == []


# --- the record of calls


def test_each_attempt_is_on_record_before_it_leaves_and_completed_after(asker: Asker) -> None:
    asker.provider.script = [answer(status="500 Oops"), answer(b'{"a": 1}', content_length="9"), GOOD]

    asker.client().get(COSTS, (("page", "secret-cursor"),))

    assert asker.calls.rows == [
        ("GET", COSTS, 0, 500, 0),
        ("GET", COSTS, 1, 200, 8),
        ("GET", COSTS, 2, 200, 12),
    ]


def test_a_call_that_reached_nobody_is_on_record_without_a_status(asker: Asker) -> None:
    asker.provider.stop()

    asker.fails(ProviderDown, limits=ONCE)

    assert asker.calls.rows == [("GET", COSTS, 0, None, 0)]


# --- what is tried again


@pytest.mark.parametrize(
    "broken",
    [
        *(answer(status=f"{status} Oops") for status in (500, 502, 503, 504, 599)),
        answer(b"x", status="503 Oops", content_encoding="gzip"),
        answer(b'{"data": []}', content_length="13"),
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"SSH-2.0-OpenSSH_9.9\r\n",
    ],
)
def test_a_failing_provider_is_asked_five_times_with_growing_waits(asker: Asker, broken: bytes) -> None:
    failed = asker.fails(ProviderDown, broken)

    assert len(asker.provider.asked) == 5
    assert asker.waits == [0.5, 1, 2, 4]
    assert COSTS in str(failed)


@pytest.mark.parametrize("hiccup", [answer(status="503 Oops"), stalling(b""), stalling(GOOD[:-3])])
def test_a_provider_that_recovers_gives_its_answer_whole(asker: Asker, hiccup: Step) -> None:
    asker.provider.script = [hiccup, GOOD]

    assert asker.client(IMPATIENT).get(COSTS).json == {"data": []}
    assert asker.waits == [0.5]


@pytest.mark.parametrize(
    "raw",
    [answer(b"[" + b" " * 5_000 + b"]"), answer(x_long="x" * 5_000), b"HTTP/1.1 100 Continue\r\n\r\n" * 300],
    ids=["body", "header", "interim answers"],
)
def test_an_answer_that_trickles_in_ends_at_the_deadline(asker: Asker, raw: bytes) -> None:
    failed = asker.fails(ProviderDown, trickling(raw), limits=HASTY)

    assert str(failed) == f"OpenAI did not answer in time (GET {COSTS})."


def test_nothing_is_sent_after_the_deadline(asker: Asker) -> None:
    asker.fails(ProviderDown, GOOD, limits=Limits(total_s=0, tries=1))

    assert asker.provider.asked == []


def test_an_unreachable_provider_is_named_with_the_reason(asker: Asker) -> None:
    asker.provider.stop()

    failed = asker.fails(ProviderDown)

    assert str(failed) == f"OpenAI could not be reached: connection refused (GET {COSTS})."
    assert len(asker.calls.rows) == 5


def test_nothing_older_than_tls_1_2_is_spoken() -> None:
    pool = ClientPool()
    contexts = {context for each in pool._made if (context := each._pool._ssl_context)}
    pool.close()

    assert {context.minimum_version for context in contexts} == {ssl.TLSVersion.TLSv1_2}
    weak = [cipher for context in contexts for cipher in context.get_ciphers() if cipher["strength_bits"] < 128]
    assert weak == []


def test_an_untrusted_certificate_is_refused_before_the_key_is_sent(tmp_path: Path) -> None:
    provider = ScriptedProvider([GOOD], tls=self_signed(tmp_path / "both.pem"))
    with asking(provider) as asker:
        failed = asker.fails(ProviderDown, GOOD, limits=ONCE)

    assert str(failed) == f"OpenAI could not be reached: its certificate is not trusted (GET {COSTS})."
    assert provider.asked == []


@pytest.mark.parametrize(
    ("beneath", "words"),
    [
        (socket.gaierror(-2, "nobody.invalid"), "its name was not found"),
        (TimeoutError("10.0.0.1"), "no connection in time"),
        (ssl.SSLError("TLSV1_ALERT"), "no secure connection came about"),
        (OSError("No route to 10.0.0.1"), "no connection"),
    ],
)
def test_a_reason_is_given_in_our_words(beneath: OSError, words: str) -> None:
    error = httpx.ConnectError("All connection attempts to 10.0.0.1 failed")
    error.__cause__ = beneath

    assert _trouble(error) == f"could not be reached: {words}"


# --- many at once


def test_threads_share_one_pool_without_mixing_answers(asker: Asker) -> None:
    def echo(connection: socket.socket, _stopped: threading.Event, head: bytes) -> None:
        connection.sendall(answer(head.split()[1].partition(b"limit=")[2]))

    asker.provider.script = [echo]
    client = asker.client()

    with ThreadPoolExecutor(40) as threads:
        got = list(threads.map(lambda limit: client.get(COSTS, (("limit", str(limit)),)).json, range(200)))

    assert got == list(range(200))
    assert len(asker.calls.rows) == 200


def test_transports_are_handed_out_in_turn_and_closed_together(asker: Asker) -> None:
    asker.provider.script = [GOOD]
    pool = ClientPool(clients=3)

    given = [pool.next() for _ in range(6)]
    for each in given[:3]:
        each.handle_request(httpx.Request("GET", asker.provider.base_url))
    connected = [len(each._pool.connections) for each in pool._made]
    pool.close()

    assert given == [*pool._made, *pool._made]
    assert connected == [1, 1, 1]
    assert [each._pool.connections for each in pool._made] == [[], [], []]
