"""The addresses beside the pages, over real HTTP: a stranger gets nothing from any of them."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.installation import EMAIL
from tests.site import Site
from tracker import access, sessions
from tracker.clock import utc_now

EXPORT = "/export/usage.csv?from=2026-11-01&to=2026-11-24"
OURS = {"X-Requested-With": "tracker"}


@pytest.fixture
def stranger(own_site: Site) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=own_site.base_url, timeout=30) as client:
        yield client


@pytest.fixture
def ticket(own_site: Site) -> str:
    """What the sign-in form would hand to the page."""
    here = own_site.product()
    begun = sessions.begin(here.database, access.user_of(here.database, EMAIL), now=utc_now())
    here.close()
    return begun.ticket


def redeem(client: httpx.Client, ticket: str) -> httpx.Response:
    headers = {**OURS, "Origin": str(client.base_url).rstrip("/")}
    return client.post("/auth/session", json={"ticket": ticket}, headers=headers)


def test_a_ticket_gives_the_cookie_once(stranger: httpx.Client, ticket: str) -> None:
    given = redeem(stranger, ticket)
    again = redeem(stranger, ticket)

    assert (given.status_code, again.status_code) == (204, 403)
    assert "set-cookie" not in again.headers
    cookie = given.headers["set-cookie"].lower()
    assert cookie.startswith("sid=") and "httponly" in cookie and "samesite=lax" in cookie and "path=/" in cookie


@pytest.mark.parametrize(
    "headers",
    [
        {},
        OURS,
        {"Origin": "http://evil.example", **OURS},
        {"Origin": "null", **OURS},
        {"Origin": "{own}"},
        {"Origin": "{own}", "X-Requested-With": "XMLHttpRequest"},
    ],
)
def test_another_site_cannot_use_a_ticket(
    own_site: Site, stranger: httpx.Client, ticket: str, headers: dict[str, str]
) -> None:
    sent = {name: value.format(own=own_site.base_url) for name, value in headers.items()}

    assert stranger.post("/auth/session", json={"ticket": ticket}, headers=sent).status_code == 403
    assert redeem(stranger, ticket).status_code == 204


@pytest.mark.parametrize("body", [b"", b"[]", b'{"ticket": 1}', b"\xff", b'{"ticket": "x"}', b'"' + b"x" * 100_000])
def test_a_body_that_holds_no_ticket_is_refused(own_site: Site, stranger: httpx.Client, body: bytes) -> None:
    answer = stranger.post("/auth/session", content=body, headers={**OURS, "Origin": own_site.base_url})

    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("address", "status"),
    [
        (EXPORT, 401),
        ("/export/billed.csv?from=2026-11-01&to=2026-11-24", 401),
        ("/export/usage.csv?last=100", 401),
        ("/export/anything", 401),
        ("/media/anything.csv", 404),
        ("/_stcore/upload_file/a/b", 404),
        ("/_stcore/agent/anything", 404),
    ],
)
def test_a_stranger_gets_nothing(stranger: httpx.Client, address: str, status: int) -> None:
    answer = stranger.get(address, headers={"Cookie": "sid=guessed"})

    assert answer.status_code == status
    assert len(answer.text) < 60


def test_a_signed_in_person_gets_their_file_and_a_word_on_a_wrong_address(
    own_site: Site, stranger: httpx.Client, ticket: str
) -> None:
    redeem(stranger, ticket)

    good = stranger.get(EXPORT)
    assert good.status_code == 200
    assert good.headers["content-disposition"] == 'attachment; filename="usage-2026-11-01-to-2026-11-23.csv"'
    assert good.headers["cache-control"] == "no-store"
    assert good.text.startswith("bucket_start,")
    wrong = stranger.get("/export/usage.csv?from=yesterday&to=2026-11-24")
    assert (wrong.status_code, wrong.text) == (400, "“from” must be a day like 2026-11-01.\n")
    assert stranger.get("/export/secrets.csv?last=1").status_code == 400


def test_no_file_goes_out_of_which_the_trail_cannot_tell(own_site: Site, stranger: httpx.Client, ticket: str) -> None:
    redeem(stranger, ticket)

    with own_site.full_disk():
        refused = stranger.get(EXPORT)

    assert (refused.status_code, refused.headers["retry-after"], refused.headers["cache-control"]) == (
        503,
        "60",
        "no-store",
    )
    assert refused.text == (
        "No file was given out, for the audit trail could not tell of it. The disk of the database is full, or fails. "
        "Nothing was changed; try again later.\n"
    )
    assert stranger.get(EXPORT).status_code == 200


def test_the_trail_tells_of_a_file_that_went_out_and_of_none_that_was_only_asked_about(
    stranger: httpx.Client, ticket: str
) -> None:
    redeem(stranger, ticket)
    trail = "/export/audit.csv?last=1000"
    before = stranger.get(trail).text.count("downloaded a file")

    asked = stranger.head(EXPORT)

    assert (asked.status_code, asked.content) == (200, b"")
    assert asked.headers["content-disposition"] == 'attachment; filename="usage-2026-11-01-to-2026-11-23.csv"'
    assert stranger.get(trail).text.count("downloaded a file") == before + 1, "the trail's own"


def test_logging_out_ends_the_session_and_takes_the_cookie_back(
    own_site: Site, stranger: httpx.Client, ticket: str
) -> None:
    redeem(stranger, ticket)
    copy = dict(stranger.cookies)

    out = stranger.post("/auth/logout", headers={**OURS, "Origin": own_site.base_url})

    assert out.status_code == 204
    assert 'sid=""' in out.headers["set-cookie"]
    assert httpx.get(own_site.base_url + EXPORT, cookies=copy).status_code == 401


def test_health_is_open_and_figures_are_for_this_machine(stranger: httpx.Client) -> None:
    told = stranger.get("/healthz")
    assert told.headers["cache-control"] == "no-store"
    assert told.json().items() >= {"well": True, "database": "answers", "schema": "current", "late": False}.items()
    assert "tracker_web_database_answers 1" in stranger.get("/metrics").text
    for address in ("/metrics", "/_stcore/metrics"):
        assert stranger.get(address).status_code == 200
        assert stranger.get(address, headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 404
        guess = {"X-Forwarded-For": "192.0.2.7", "Authorization": "Bearer a-guess-at-the-token"}
        assert stranger.get(address, headers=guess).status_code == 404


@pytest.mark.parametrize("address", ["/", "/settings", "/healthz", EXPORT, "/media/x", "/_stcore/health"])
def test_every_answer_carries_the_headers(stranger: httpx.Client, address: str) -> None:
    told = stranger.get(address).headers

    assert "frame-ancestors 'none'" in told["content-security-policy"]
    assert "unsafe-eval" not in told["content-security-policy"].replace("wasm-unsafe-eval", "")
    assert told["x-content-type-options"] == "nosniff"
    assert told["x-frame-options"] == "DENY"
    assert told["referrer-policy"] == "same-origin"


def test_a_request_for_another_host_is_turned_away(stranger: httpx.Client) -> None:
    for address in ("/", "/healthz", EXPORT):
        answer = stranger.get(address, headers={"Host": "evil.example"})
        assert (answer.status_code, answer.text) == (400, "This address is not served here.\n")
