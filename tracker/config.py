"""Every setting of the environment: its name, its form, its default and what it is for. Nothing else reads TRACKER_*.

A process starts with settings that are all understood or not at all. No message repeats a value, because
one put under a wrong name may be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from types import MappingProxyType
from typing import Any, Generic, TypeVar
from urllib.parse import SplitResult, urlsplit

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from tracker.clock import as_utc
from tracker.errors import BadConfiguration
from tracker.oidc import Oidc, gaps, provider_name
from tracker.redact import SecretKey

T = TypeVar("T")

PREFIX = "TRACKER_"
TEST_PREFIX = "TRACKER_TEST_"
"""Names that belong to the test suite; the product ignores them."""

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")
_DRIVERS = {"sqlite": "sqlite", "postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg"}
_DRIVERS |= {driver: driver for driver in _DRIVERS.values()}


@dataclass(frozen=True)
class Settings:
    """What the environment says, checked. Addresses are without a trailing slash, `now` is aware UTC."""

    database_url: str = field(repr=False)  # may hold a password
    data_dir: Path
    keyring_file: Path
    base_urls: Mapping[str, str]
    port: int
    now: datetime | None
    fetch_hour_utc: int
    bind_host: str
    public_url: str | None
    worker_port: int | None
    demo_account: str | None
    proxy_hops: int
    smtp_url: str | None = field(repr=False)  # may hold a password
    mail_from: str | None
    oidc: Oidc | None = None


@dataclass(frozen=True)
class Setting(Generic[T]):
    """One variable: `parse` raises ValueError with the rest of a sentence that begins with the name."""

    name: str
    parse: Callable[[str], T]
    default: str | None
    meaning: str
    fallback: str = "none"
    """What stands in for a missing default, in words for the README."""


# --- forms


def _database_url(text: str) -> str:
    scheme, separator, rest = text.partition("://")
    if not separator or scheme not in _DRIVERS:
        raise ValueError("is not a database address; sqlite:///FILE or postgresql://HOST/DATABASE is expected")
    try:
        url = make_url(f"{_DRIVERS[scheme]}://{rest}")
    except (ArgumentError, ValueError):
        raise ValueError("cannot be read; postgresql://USER:PASSWORD@HOST:PORT/DATABASE is expected") from None
    if scheme == "sqlite" and url.host is not None:
        raise ValueError("names a host; three slashes, sqlite:///FILE (four for an absolute path), are expected")
    if not url.database:
        raise ValueError("names no database; a file or a database's name after the last slash is expected")
    return f"{_DRIVERS[scheme]}://{rest}"


def _base_url(text: str) -> str:
    parts = _web_address(text)
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise ValueError("would send keys unencrypted; https:// is expected (http:// only to this machine itself)")
    return text.rstrip("/")


def _issuer(text: str) -> str:
    _base_url(text)
    return text


def _public_url(text: str) -> str:
    _web_address(text)
    return text.rstrip("/")


def _web_address(text: str) -> SplitResult:
    expected = "an address such as https://host/path is expected"
    if not re.fullmatch(r"(?i:https?)://[!-~]+", text) or "\\" in text:
        raise ValueError(f"is not a web address in plain ASCII; {expected}")
    if "@" in text or "?" in text or "#" in text:
        raise ValueError(f"holds a user name, a query or a fragment; {expected} without them")
    parts = _parts(text)
    if parts is None:
        raise ValueError(f"has no usable host or port; {expected}")
    return parts


def _parts(text: str) -> SplitResult | None:
    try:
        parts = urlsplit(text)
        return parts if parts.port != 0 and _is_host(parts.hostname or "") else None
    except ValueError:
        return None


def _smtp_url(text: str) -> str:
    expected = "smtps://USER:PASSWORD@HOST:PORT, or smtp:// with STARTTLS, is expected"
    if not re.fullmatch(r"smtps?://[!-~]+", text):
        raise ValueError(f"is no address of a mail server; {expected}")
    parts = _parts(text)
    if parts is None or parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError(f"has no usable host or port, or something after them; {expected}")
    return text


def _email(text: str) -> str:
    if not re.fullmatch(r"[!-?A-~]+@[!-?A-~]+", text):
        raise ValueError("is not an e-mail address; demo@example.com, for example, is expected")
    return text


def _host(text: str) -> str:
    if not _is_host(text):
        raise ValueError("is neither an IP address nor a host's name; 127.0.0.1 or 0.0.0.0, for example, is expected")
    return text


def _is_host(text: str) -> bool:
    return _address(text) is not None or _HOST.fullmatch(text) is not None


def _port(text: str) -> int:
    return _whole_number(text, 1, 65_535)


def _hour(text: str) -> int:
    return _whole_number(text, 0, 23)


def _whole_number(text: str, low: int, high: int) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
        raise ValueError(f"is not a whole number from {low} to {high}")
    return int(text)


def _hops(text: str) -> int:
    return _whole_number(text, 0, 9)


def _instant(text: str) -> datetime:
    try:
        return as_utc(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        raise ValueError("is not an instant with its zone; 2026-11-01T06:00:00Z, for example, is expected") from None


# --- the settings

DATABASE_URL = Setting(
    "TRACKER_DATABASE_URL",
    _database_url,
    None,
    "the database: sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE",
    fallback="tracker.db in the data directory (SQLite)",
)
DATA_DIR = Setting("TRACKER_DATA_DIR", Path, "data", "folder of the SQLite file and of the key ring")
KEYRING_FILE = Setting(
    "TRACKER_KEYRING_FILE",
    Path,
    None,
    "file of the keys that seal the provider keys; made on the first start, mode 0400",
    fallback="keyring.json in the data directory",
)
BASE_URLS: Mapping[str, Setting[str]] = MappingProxyType(
    {
        "openai": Setting(
            "TRACKER_OPENAI_BASE_URL", _base_url, "https://api.openai.com/v1", "where OpenAI's API is called"
        ),
        "anthropic": Setting(
            "TRACKER_ANTHROPIC_BASE_URL", _base_url, "https://api.anthropic.com", "where Anthropic's API is called"
        ),
        "openrouter": Setting(
            "TRACKER_OPENROUTER_BASE_URL", _base_url, "https://openrouter.ai/api/v1", "where OpenRouter's API is called"
        ),
    }
)
PORT = Setting("TRACKER_PORT", _port, "8501", "port of the web pages")
NOW = Setting("TRACKER_NOW", _instant, None, "instant at which the clock starts; for tests and replays only")
FETCH_HOUR_UTC = Setting("TRACKER_FETCH_HOUR_UTC", _hour, "2", "hour of the day (UTC) at which the worker fetches")
BIND_HOST = Setting("TRACKER_BIND_HOST", _host, "127.0.0.1", "address on which the web pages listen")
PUBLIC_URL = Setting("TRACKER_PUBLIC_URL", _public_url, None, "address under which people reach the web pages")
WORKER_PORT = Setting("TRACKER_WORKER_PORT", _port, None, "port of the worker's health and metrics, on this machine")
PROXY_HOPS = Setting(
    "TRACKER_PROXY_HOPS", _hops, "0", "proxies in front of the web pages that add to X-Forwarded-For and are trusted"
)
SMTP_URL = Setting(
    "TRACKER_SMTP_URL",
    _smtp_url,
    None,
    "mail server: smtps://USER:PASSWORD@HOST:PORT, or smtp:// with STARTTLS",
    fallback="messages are files in the data directory",
)
MAIL_FROM = Setting("TRACKER_MAIL_FROM", _email, None, "address from which messages come")
DEMO_ACCOUNT = Setting(
    "TRACKER_DEMO_ACCOUNT", _email, None, "account that anybody may open, with providers on this machine only"
)

OIDC_ISSUER = Setting("TRACKER_OIDC_ISSUER", _issuer, None, "OpenID provider by which people may sign in")
OIDC_CLIENT_ID = Setting("TRACKER_OIDC_CLIENT_ID", str, None, "what that provider calls this site")
OIDC_CLIENT_SECRET = Setting("TRACKER_OIDC_CLIENT_SECRET", SecretKey, None, "secret shared with that provider")
OIDC_NAME = Setting("TRACKER_OIDC_NAME", provider_name, None, "name of that provider, on the button")
OIDC: tuple[Setting[Any], ...] = (OIDC_ISSUER, OIDC_CLIENT_ID, OIDC_CLIENT_SECRET, OIDC_NAME)

SETTINGS: tuple[Setting[Any], ...] = (
    DATABASE_URL,
    DATA_DIR,
    KEYRING_FILE,
    *BASE_URLS.values(),
    PORT,
    BIND_HOST,
    PUBLIC_URL,
    WORKER_PORT,
    FETCH_HOUR_UTC,
    NOW,
    PROXY_HOPS,
    SMTP_URL,
    MAIL_FROM,
    DEMO_ACCOUNT,
    *OIDC,
)


def load(environ: Mapping[str, str]) -> Settings:
    """The settings of this environment; BadConfiguration tells every unknown or malformed one, a line each."""
    unknown = [_unknown(name) for name in environ if _is_unknown(name)]
    malformed = [problem for setting in SETTINGS if (problem := _problem(setting, environ))]
    if problems := sorted(unknown) + (malformed or _contradictions(environ)):
        raise BadConfiguration("\n".join(problems))
    data_dir = _needed(DATA_DIR, environ)
    return Settings(
        database_url=_value(DATABASE_URL, environ) or f"sqlite:///{data_dir / 'tracker.db'}",
        data_dir=data_dir,
        keyring_file=_value(KEYRING_FILE, environ) or data_dir / "keyring.json",
        base_urls=MappingProxyType({name: _needed(setting, environ) for name, setting in BASE_URLS.items()}),
        port=_needed(PORT, environ),
        now=_value(NOW, environ),
        fetch_hour_utc=_needed(FETCH_HOUR_UTC, environ),
        bind_host=_needed(BIND_HOST, environ),
        public_url=_value(PUBLIC_URL, environ),
        worker_port=_value(WORKER_PORT, environ),
        demo_account=_value(DEMO_ACCOUNT, environ),
        proxy_hops=_needed(PROXY_HOPS, environ),
        smtp_url=_value(SMTP_URL, environ),
        mail_from=_value(MAIL_FROM, environ),
        oidc=_oidc(environ),
    )


def describe() -> list[tuple[str, str, str]]:
    """(name, default in words, meaning) of every setting, in the order of the README's table."""
    return [(setting.name, setting.default or setting.fallback, setting.meaning) for setting in SETTINGS]


def is_loopback(host: str) -> bool:
    """Whether the host is surely this machine: 127.0.0.0/8 or ::1 written out, or localhost. Nothing is looked up."""
    if host.lower() == "localhost":
        return True
    address = _address(host.removeprefix("[").removesuffix("]"))
    return address == IPv6Address("::1") or (isinstance(address, IPv4Address) and address.is_loopback)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _is_unknown(name: str) -> bool:
    known = {setting.name for setting in SETTINGS}
    return name.startswith(PREFIX) and not name.startswith(TEST_PREFIX) and name not in known


def _unknown(name: str) -> str:
    known = [setting.name.removeprefix(PREFIX) for setting in SETTINGS]
    similar = get_close_matches(name.removeprefix(PREFIX), known, n=1)
    hint = f"did you mean {PREFIX}{similar[0]}?" if similar else "take it out; the README lists the settings there are."
    return f"{name} is no setting: {hint}"


def _problem(setting: Setting[Any], environ: Mapping[str, str]) -> str | None:
    if environ.get(setting.name) == "":
        return f"{setting.name} is empty; give it a value or take it out."
    try:
        _value(setting, environ)
    except ValueError as error:
        return f"{setting.name} {error}."
    return None


def _oidc(environ: Mapping[str, str]) -> Oidc | None:
    return Oidc.of(_value(one, environ) for one in OIDC) if OIDC_ISSUER.name in environ else None


def _contradictions(environ: Mapping[str, str]) -> list[str]:
    public = urlsplit(_value(PUBLIC_URL, environ) or "")
    safe = public.scheme.lower() == "https" or is_loopback(public.hostname or "")
    missing = gaps([one.name for one in OIDC], environ, public_url=PUBLIC_URL.name, safe=safe)
    return missing + _open_to_anybody(environ)


def _open_to_anybody(environ: Mapping[str, str]) -> list[str]:
    """An account without a password must not lead to a real provider. The sandbox speaks OpenAI's API."""
    provider = BASE_URLS["openai"]
    if _value(DEMO_ACCOUNT, environ) is None or is_loopback(urlsplit(_needed(provider, environ)).hostname or ""):
        return []
    sentence = "opens an account to anybody, so it is taken only while"
    return [f"{DEMO_ACCOUNT.name} {sentence} {provider.name} leads to this machine."]


def _value(setting: Setting[T], environ: Mapping[str, str]) -> T | None:
    text = environ.get(setting.name, setting.default)
    return None if text is None else setting.parse(text)


def _needed(setting: Setting[T], environ: Mapping[str, str]) -> T:
    value = _value(setting, environ)
    assert value is not None, f"{setting.name} has no default"
    return value
