"""What is left of the server's own sign-in: cookies that live shortly, closed addresses, a secret of its own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pages.web import returning, social
from tracker.config import load

OPENID = {
    "TRACKER_OIDC_ISSUER": "https://id.example/tenant/",
    "TRACKER_OIDC_CLIENT_ID": "usage-tracker",
    "TRACKER_OIDC_CLIENT_SECRET": "a secret of the provider",
    "TRACKER_OIDC_NAME": "Example ID",
    "TRACKER_PUBLIC_URL": "https://usage.example/",
}


@pytest.mark.parametrize(
    ("told", "secure", "sent"),
    [
        (b"_streamlit_user=x; Max-Age=2592000; Path=/", False, b"_streamlit_user=x; Max-Age=120; Path=/"),
        (b"_streamlit_user_tokens=x; Max-Age=2592000", True, b"_streamlit_user_tokens=x; Max-Age=120; Secure"),
        (b"_streamlit_session=x; secure; Max-Age=60", True, b"_streamlit_session=x; secure; Max-Age=60"),
        (b'_streamlit_user=""; Max-Age=0', False, b'_streamlit_user=""; Max-Age=0'),
        (b"sid=x; Max-Age=86400", True, b"sid=x; Max-Age=86400"),
    ],
)
def test_the_servers_own_cookies_live_shortly_and_stay_within_tls(told: bytes, secure: bool, sent: bytes) -> None:
    assert social.tamed([(b"Set-Cookie", told)], secure=secure) == [(b"Set-Cookie", sent)]


@pytest.mark.parametrize(
    ("method", "path", "offered", "closed"),
    [
        ("GET", "/auth/login", True, False),
        ("GET", "/auth/login", False, True),
        ("GET", "/oauth2callback", True, False),
        ("GET", "/oauth2callback", False, True),
        ("GET", "/auth/logout", True, True),
        ("POST", "/auth/logout", True, False),
        ("POST", "/auth/session", False, False),
        ("GET", "/", False, False),
    ],
)
def test_the_servers_own_sign_in_is_open_only_where_it_is_needed(
    method: str, path: str, offered: bool, closed: bool
) -> None:
    assert social.is_closed(method, path, offered=offered) is closed


def test_every_process_signs_with_the_one_secret_that_nobody_else_can_read(tmp_path: Path) -> None:
    path = tmp_path / "cookie-secret"
    with ThreadPoolExecutor(8) as pool:
        told = set(pool.map(social.cookie_secret, [path] * 40))

    assert len(told) == 1 and len(told.pop()) >= 43
    assert path.stat().st_mode & 0o077 == 0
    assert list(tmp_path.iterdir()) == [path]


def test_the_server_is_told_of_the_provider_without_a_file(tmp_path: Path) -> None:
    assert social.secrets_of(load({})) == {}

    told = social.secrets_of(load({**OPENID, "TRACKER_DATA_DIR": str(tmp_path)}))["auth"]

    assert told["redirect_uri"] == "https://usage.example/oauth2callback"
    assert told["in"]["server_metadata_url"] == "https://id.example/tenant/.well-known/openid-configuration"
    assert told["again"]["authorize_params"] == {"max_age": "0"}
    assert [file.name for file in tmp_path.iterdir()] == ["cookie-secret"]


@pytest.mark.parametrize(
    ("referer", "page"),
    [
        ("http://here:8501/explore?by=project&only=%C3%A4", "/explore?by=project&only=%C3%A4"),
        ("http://here:8501/", "/"),
        ("http://elsewhere/explore", ""),
        ("http://here:8501//elsewhere/", ""),
        ("http://here:8501/export/usage.csv?from=2026-11-01", ""),
        ("http://here:8501/?" + "a" * 2_000, ""),
        ("http://[here", ""),
        ("", ""),
    ],
)
def test_the_way_back_from_a_provider_is_a_page_of_this_site_or_none(referer: str, page: str) -> None:
    assert returning.page_of(referer, "here:8501") == page
