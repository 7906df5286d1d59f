"""Settings: what is accepted, what stops the start, and that no message repeats a value."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tracker.config import SETTINGS, Settings, describe, is_loopback, load
from tracker.errors import BadConfiguration
from tracker.oidc import Oidc
from tracker.redact import SecretKey


def _refusal(environ: dict[str, str]) -> str:
    with pytest.raises(BadConfiguration) as refused:
        load(environ)
    return str(refused.value)


def test_an_empty_environment_gives_the_embedded_product_on_loopback() -> None:
    settings = load({"PATH": "/usr/bin"})

    assert settings == Settings(
        database_url="sqlite:///data/tracker.db",
        data_dir=Path("data"),
        keyring_file=Path("data/keyring.json"),
        base_urls={
            "openai": "https://api.openai.com/v1",
            "anthropic": "https://api.anthropic.com",
            "openrouter": "https://openrouter.ai/api/v1",
        },
        port=8501,
        now=None,
        fetch_hour_utc=2,
        bind_host="127.0.0.1",
        public_url=None,
        worker_port=None,
        demo_account=None,
        proxy_hops=0,
        smtp_url=None,
        mail_from=None,
        oidc=None,
    )


def test_every_setting_can_be_given() -> None:
    settings = load(
        {
            "TRACKER_DATABASE_URL": "sqlite:////srv/usage.db",
            "TRACKER_DATA_DIR": "/srv/data",
            "TRACKER_KEYRING_FILE": "/run/secrets/ring",
            "TRACKER_OPENAI_BASE_URL": "http://127.0.0.1:9000/v1/",
            "TRACKER_ANTHROPIC_BASE_URL": "https://proxy.example/anthropic",
            "TRACKER_OPENROUTER_BASE_URL": "http://[::1]:9001/api/v1",
            "TRACKER_PORT": "80",
            "TRACKER_NOW": "2026-11-01T07:00:00+01:00",
            "TRACKER_FETCH_HOUR_UTC": "23",
            "TRACKER_BIND_HOST": "0.0.0.0",
            "TRACKER_PUBLIC_URL": "https://usage.example/",
            "TRACKER_WORKER_PORT": "9100",
            "TRACKER_DEMO_ACCOUNT": "demo@example.com",
            "TRACKER_PROXY_HOPS": "2",
            "TRACKER_SMTP_URL": "smtps://ada:secret@mail.example",
            "TRACKER_MAIL_FROM": "tracker@mail.example",
        }
    )

    assert settings == Settings(
        database_url="sqlite:////srv/usage.db",
        data_dir=Path("/srv/data"),
        keyring_file=Path("/run/secrets/ring"),
        base_urls={
            "openai": "http://127.0.0.1:9000/v1",
            "anthropic": "https://proxy.example/anthropic",
            "openrouter": "http://[::1]:9001/api/v1",
        },
        port=80,
        now=datetime(2026, 11, 1, 6, tzinfo=UTC),
        fetch_hour_utc=23,
        bind_host="0.0.0.0",
        public_url="https://usage.example",
        worker_port=9100,
        demo_account="demo@example.com",
        proxy_hops=2,
        smtp_url="smtps://ada:secret@mail.example",
        mail_from="tracker@mail.example",
        oidc=None,
    )


def test_the_database_and_the_key_ring_lie_in_the_data_directory_unless_told_otherwise() -> None:
    settings = load({"TRACKER_DATA_DIR": "/srv/data"})

    assert settings.database_url == "sqlite:////srv/data/tracker.db"
    assert settings.keyring_file == Path("/srv/data/keyring.json")


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("postgres://u:p@db/usage", "postgresql+psycopg://u:p@db/usage"),
        (
            "postgresql://u:p@db:5433/usage?sslmode=verify-full",
            "postgresql+psycopg://u:p@db:5433/usage?sslmode=verify-full",
        ),
        ("postgresql+psycopg://db/usage", "postgresql+psycopg://db/usage"),
        ("postgresql:///usage?host=/run/postgresql", "postgresql+psycopg:///usage?host=/run/postgresql"),
        ("sqlite:///usage.db", "sqlite:///usage.db"),
        ("postgresql://u:p%40q@db/usage", "postgresql+psycopg://u:p%40q@db/usage"),
    ],
)
def test_a_postgresql_address_is_given_its_driver_and_a_sqlite_one_is_kept(given: str, used: str) -> None:
    assert load({"TRACKER_DATABASE_URL": given}).database_url == used


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        (
            "TRACKER_DATABASE_URL",
            "mysql://u:hunter22@db/usage",
            "sqlite:///FILE or postgresql://HOST/DATABASE is expected",
        ),
        ("TRACKER_DATABASE_URL", "hunter22", "is not a database address"),
        ("TRACKER_DATABASE_URL", "postgresql://u:hunter22@db:port/usage", "cannot be read"),
        ("TRACKER_DATABASE_URL", "postgresql://u:hunter22@db", "names no database"),
        ("TRACKER_DATABASE_URL", "postgresql://u:hunter22@db/", "names no database"),
        ("TRACKER_DATABASE_URL", "sqlite://", "names no database"),
        ("TRACKER_DATABASE_URL", "sqlite://hunter22/usage.db", "three slashes"),
        ("TRACKER_DATABASE_URL", "sqlite:///:memory:", "is in memory"),
        ("TRACKER_DATABASE_URL", "sqlite:///usage.db?timeout=hunter22", "behind its question mark"),
        ("TRACKER_DATABASE_URL", "sqlite:///usage.db?plugin=hunter22", "behind its question mark"),
        ("TRACKER_DATABASE_URL", "postgresql://db/usage?host=a:hunter22&host=b", "behind its question mark"),
        ("TRACKER_DATABASE_URL", "postgresql://u:p@hunter22@db/usage", "%40"),
        ("TRACKER_DATABASE_URL", "postgresql://u:p@hunter22/x@db/usage", "%40"),
        ("TRACKER_DATABASE_URL", "", "is empty"),
        ("TRACKER_DATA_DIR", "", "is empty"),
        ("TRACKER_DATA_DIR", "/srv/hunter22?/data", "holds a question mark"),
        ("TRACKER_OPENAI_BASE_URL", "http://api.openai.com/v1", "https:// is expected"),
        ("TRACKER_OPENAI_BASE_URL", "http://127.0.0.1.evil.example", "https:// is expected"),
        ("TRACKER_OPENAI_BASE_URL", "https://u:hunter22@api.openai.com", "holds a user name"),
        ("TRACKER_OPENAI_BASE_URL", "https://api.openai.com/?key=hunter22", "holds a user name, a query"),
        ("TRACKER_OPENAI_BASE_URL", "https://api.openai.com/#hunter22", "a fragment"),
        ("TRACKER_OPENAI_BASE_URL", "ftp://api.openai.com", "is not a web address"),
        ("TRACKER_OPENAI_BASE_URL", "https://api.openai.com\\hunter22", "is not a web address"),
        ("TRACKER_OPENAI_BASE_URL", "https://api.openai.com/v1 ", "is not a web address"),
        ("TRACKER_OPENAI_BASE_URL", "https://äpi.example", "is not a web address"),
        ("TRACKER_OPENAI_BASE_URL", "https:///v1", "has no usable host"),
        ("TRACKER_OPENAI_BASE_URL", "https://api.openai.com:0/v1", "has no usable host or port"),
        ("TRACKER_OPENAI_BASE_URL", "https://api.openai.com:65536/v1", "has no usable host or port"),
        ("TRACKER_OPENAI_BASE_URL", "https://[::1/v1", "has no usable host"),
        ("TRACKER_PUBLIC_URL", "usage.example", "is not a web address"),
        ("TRACKER_PORT", "0", "whole number from 1 to 65535"),
        ("TRACKER_PORT", "65536", "whole number from 1 to 65535"),
        ("TRACKER_PORT", "8_501", "whole number from 1 to 65535"),
        ("TRACKER_PORT", "٨٥٠١", "whole number from 1 to 65535"),
        ("TRACKER_WORKER_PORT", "-1", "whole number from 1 to 65535"),
        ("TRACKER_FETCH_HOUR_UTC", "24", "whole number from 0 to 23"),
        ("TRACKER_NOW", "2026-11-01T06:00:00", "an instant with its zone"),
        ("TRACKER_NOW", "yesterday", "an instant with its zone"),
        ("TRACKER_NOW", "0001-01-01T00:00:00+14:00", "an instant with its zone"),
        ("TRACKER_NOW", "1999-12-31T23:59:59Z", "the years 2000 to 2199"),
        ("TRACKER_NOW", "2199-12-31T23:59:59-01:00", "the years 2000 to 2199"),
        ("TRACKER_BIND_HOST", "my host", "neither an IP address nor a host's name"),
        ("TRACKER_BIND_HOST", "-host", "neither an IP address nor a host's name"),
    ],
)
def test_a_malformed_setting_stops_the_start_and_is_named_but_not_repeated(name: str, value: str, told: str) -> None:
    message = _refusal({name: value})

    assert message.startswith(f"{name} ")
    assert told in message
    assert "hunter22" not in message
    assert message.endswith(".")
    assert "\n" not in message


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("TRACKER_PING_URL", "http://ping.example/hunter22", "https:// is expected"),
        ("TRACKER_PING_URL", "https://u:hunter22@ping.example/", "holds a user name"),
        ("TRACKER_PING_URL", "https://ping.example/?a=b c", "is not a web address"),
        ("TRACKER_METRICS_TOKEN", "hunter22", "16 to 512 letters"),
        ("TRACKER_METRICS_TOKEN", "hunter22 hunter22 hunter22", "16 to 512 letters"),
        ("TRACKER_WORKER_HOST", "a host", "neither an IP address nor a host's name"),
    ],
)
def test_a_setting_of_operations_is_checked_and_not_repeated(name: str, value: str, told: str) -> None:
    assert told in _refusal({name: value})
    assert "hunter22" not in _refusal({name: value})


def test_secrets_of_operations_do_not_show() -> None:
    told = {"TRACKER_PING_URL": "https://ping.example/hunter22?a=b", "TRACKER_METRICS_TOKEN": "hunter22" * 3}
    settings = load({**told, "TRACKER_WORKER_HOST": "0.0.0.0"})

    assert settings.ping_url and settings.ping_url.reveal() == told["TRACKER_PING_URL"]
    assert settings.metrics_token and settings.metrics_token.reveal() == told["TRACKER_METRICS_TOKEN"]
    assert (settings.worker_host, "hunter22" in repr(settings)) == ("0.0.0.0", False)


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("postgresql://u:hunter22@db/usage\n")

    assert load({"TRACKER_DATABASE_URL_FILE": str(file)}).database_url == "postgresql+psycopg://u:hunter22@db/usage"
    both = _refusal({"TRACKER_DATABASE_URL_FILE": str(file), "TRACKER_DATABASE_URL": "sqlite:///x"})
    assert both == "TRACKER_DATABASE_URL and TRACKER_DATABASE_URL_FILE are both given; take one out."
    missing = _refusal({"TRACKER_PING_URL_FILE": str(tmp_path / "none")})
    assert missing == "The file of TRACKER_PING_URL_FILE cannot be read: No such file or directory."
    file.write_text("hunter22")
    assert _refusal({"TRACKER_DATABASE_URL_FILE": str(file)}).startswith("TRACKER_DATABASE_URL is not a database")
    assert "is no setting" in _refusal({"TRACKER_PORT_FILE": str(file)})


def test_an_unknown_setting_stops_the_start_with_the_name_that_was_probably_meant() -> None:
    assert _refusal({"TRACKER_DATABSE_URL": "hunter22"}) == (
        "TRACKER_DATABSE_URL is no setting: did you mean TRACKER_DATABASE_URL?"
    )


def test_an_unknown_setting_like_no_other_is_to_be_taken_out() -> None:
    assert "take it out" in _refusal({"TRACKER_XYZZY": "1"})


def test_names_of_the_test_suite_and_of_others_are_ignored() -> None:
    assert load({"TRACKER_TEST_SEEDS": "large", "TRACKERS": "1", "DATABASE_URL": "x"}) == load({})


def test_all_problems_are_told_together_one_a_line() -> None:
    lines = _refusal({"TRACKER_PORT": "x", "TRACKER_NOW": "x", "TRACKER_ZZ": "x"}).split("\n")

    assert [line.split()[0] for line in lines] == ["TRACKER_ZZ", "TRACKER_PORT", "TRACKER_NOW"]


def test_the_settings_do_not_show_the_database_password() -> None:
    assert "hunter22" not in repr(load({"TRACKER_DATABASE_URL": "postgresql://u:hunter22@db/usage"}))


def test_the_description_names_every_setting_with_a_default_and_a_meaning() -> None:
    rows = describe()

    assert len(rows) == len(SETTINGS) == len({name for name, _, _ in rows})
    assert ("TRACKER_PORT", "8501", "port of the web pages") in rows
    assert all(default and meaning for _, default, meaning in rows)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.255.255.254", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("LOCALHOST", True),
        ("128.0.0.1", False),
        ("126.255.255.255", False),
        ("::2", False),
        ("::ffff:127.0.0.1", False),
        ("0.0.0.0", False),
        ("127.1", False),
        ("2130706433", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("localhost.", False),
        ("", False),
    ],
)
def test_only_literal_loopback_addresses_and_localhost_are_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_an_account_for_anybody_never_meets_a_real_provider() -> None:
    told = _refusal({"TRACKER_DEMO_ACCOUNT": "demo@example.com"})

    assert told == (
        "TRACKER_DEMO_ACCOUNT opens an account to anybody, so it is taken only while "
        "TRACKER_OPENAI_BASE_URL leads to this machine."
    )


OPENID = {
    "TRACKER_OIDC_ISSUER": "https://id.example",
    "TRACKER_OIDC_CLIENT_ID": "usage-tracker",
    "TRACKER_OIDC_CLIENT_SECRET": "hunter2 of the provider",
    "TRACKER_OIDC_NAME": "Example ID",
    "TRACKER_PUBLIC_URL": "https://usage.example",
}


@pytest.mark.parametrize("name", sorted(OPENID))
def test_an_openid_provider_is_configured_wholly_or_not_at_all(name: str) -> None:
    told = _refusal({key: value for key, value in OPENID.items() if key != name})

    assert told.startswith(name) and "hunter2" not in told
    assert load({}).oidc is None


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("TRACKER_OIDC_ISSUER", "http://id.example", "unencrypted"),
        ("TRACKER_OIDC_NAME", "a\tname", "printable"),
        ("TRACKER_PUBLIC_URL", "http://usage.example", "must be an https:// address"),
    ],
)
def test_an_openid_provider_is_reached_and_returned_from_unread(name: str, value: str, told: str) -> None:
    assert told in _refusal({**OPENID, name: value})


def test_the_issuer_is_kept_to_the_letter() -> None:
    given = {**OPENID, "TRACKER_OIDC_ISSUER": "https://id.example/tenant/"}

    secret = SecretKey("hunter2 of the provider")
    assert load(given).oidc == Oidc("https://id.example/tenant/", "usage-tracker", secret, "Example ID")


def test_the_secret_shared_with_the_provider_is_not_shown() -> None:
    assert "hunter2" not in repr(load(OPENID))
