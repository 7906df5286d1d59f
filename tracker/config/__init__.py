"""Every setting of the environment: its name, its form, its default and what it is for. Nothing else reads TRACKER_*.

A process starts with settings that are all understood or not at all. No message repeats a value, because
one put under a wrong name may be a secret.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

from tracker.config import forms
from tracker.config.forms import is_loopback
from tracker.errors import BadConfiguration
from tracker.oidc import Oidc, gaps, provider_name
from tracker.redact import SecretKey

__all__ = ["SETTINGS", "Setting", "Settings", "describe", "is_loopback", "load"]

T = TypeVar("T")

PREFIX = "TRACKER_"
FROM_FILE = "_FILE"
TEST_PREFIX = "TRACKER_TEST_"
"""Names that belong to the test suite; the product ignores them."""


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
    worker_host: str = "127.0.0.1"
    metrics_token: SecretKey | None = None
    ping_url: SecretKey | None = None


@dataclass(frozen=True)
class Setting(Generic[T]):
    """One variable: `parse` raises ValueError with the rest of a sentence that begins with the name."""

    name: str
    parse: Callable[[str], T]
    default: str | None
    meaning: str
    fallback: str = "none"
    """What stands in for a missing default, in words for the README."""
    secret: bool = False
    """Whether the value may come from a file instead, which NAME_FILE names: others may see an environment."""


DATABASE_URL = Setting(
    "TRACKER_DATABASE_URL",
    forms.database_url,
    None,
    "the database: sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE",
    fallback="tracker.db in the data directory (SQLite)",
    secret=True,
)
DATA_DIR = Setting("TRACKER_DATA_DIR", forms.data_dir, "data", "folder of the SQLite file and of the key ring")
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
            "TRACKER_OPENAI_BASE_URL", forms.base_url, "https://api.openai.com/v1", "where OpenAI's API is called"
        ),
        "anthropic": Setting(
            "TRACKER_ANTHROPIC_BASE_URL", forms.base_url, "https://api.anthropic.com", "where Anthropic's API is called"
        ),
        "openrouter": Setting(
            "TRACKER_OPENROUTER_BASE_URL",
            forms.base_url,
            "https://openrouter.ai/api/v1",
            "where OpenRouter's API is called",
        ),
    }
)
PORT = Setting("TRACKER_PORT", forms.port, "8501", "port of the web pages")
NOW = Setting("TRACKER_NOW", forms.instant, None, "instant at which the clock starts; for tests and replays only")
FETCH_HOUR_UTC = Setting("TRACKER_FETCH_HOUR_UTC", forms.hour, "2", "hour of the day (UTC) at which the worker fetches")
BIND_HOST = Setting("TRACKER_BIND_HOST", forms.host, "127.0.0.1", "address on which the web pages listen")
PUBLIC_URL = Setting("TRACKER_PUBLIC_URL", forms.public_url, None, "address under which people reach the web pages")
WORKER_PORT = Setting(
    "TRACKER_WORKER_PORT", forms.port, None, "port of the worker's health and metrics, on this machine"
)
WORKER_HOST = Setting("TRACKER_WORKER_HOST", forms.host, "127.0.0.1", "address on which the worker answers there")
METRICS_TOKEN = Setting(
    "TRACKER_METRICS_TOKEN",
    forms.token,
    None,
    "bearer token by which other machines may read /metrics",
    fallback="this machine only",
    secret=True,
)
PING_URL = Setting(
    "TRACKER_PING_URL",
    forms.ping_url,
    None,
    "address that is called after each full success; a monitor that misses the call raises the alarm",
    secret=True,
)
PROXY_HOPS = Setting(
    "TRACKER_PROXY_HOPS",
    forms.hops,
    "0",
    "proxies in front of the web pages that add to X-Forwarded-For and are trusted",
)
SMTP_URL = Setting(
    "TRACKER_SMTP_URL",
    forms.smtp_url,
    None,
    "mail server: smtps://USER:PASSWORD@HOST:PORT, or smtp:// with STARTTLS",
    fallback="messages are files in the data directory",
    secret=True,
)
MAIL_FROM = Setting("TRACKER_MAIL_FROM", forms.email, None, "address from which messages come")
DEMO_ACCOUNT = Setting(
    "TRACKER_DEMO_ACCOUNT", forms.email, None, "account that anybody may open, with providers on this machine only"
)

OIDC_ISSUER = Setting("TRACKER_OIDC_ISSUER", forms.issuer, None, "OpenID provider by which people may sign in")
OIDC_CLIENT_ID = Setting("TRACKER_OIDC_CLIENT_ID", str, None, "what that provider calls this site")
OIDC_CLIENT_SECRET = Setting(
    "TRACKER_OIDC_CLIENT_SECRET", SecretKey, None, "secret shared with that provider", secret=True
)
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
    WORKER_HOST,
    METRICS_TOKEN,
    PING_URL,
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
    environ = _with_files(environ)
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
        worker_host=_needed(WORKER_HOST, environ),
        metrics_token=_value(METRICS_TOKEN, environ),
        ping_url=_value(PING_URL, environ),
    )


def _with_files(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment with the contents of the files that a NAME_FILE names, less the line's end."""
    found = dict(environ)
    for setting in SETTINGS:
        path = found.pop(f"{setting.name}{FROM_FILE}", None) if setting.secret else None
        if path is None:
            continue
        if setting.name in found:
            raise BadConfiguration(f"{setting.name} and {setting.name}{FROM_FILE} are both given; take one out.")
        try:
            found[setting.name] = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no text"
            raise BadConfiguration(f"The file of {setting.name}{FROM_FILE} cannot be read: {why}.") from None
    return found


def describe() -> list[tuple[str, str, str]]:
    """(name, default in words, meaning) of every setting, in the order of the README's table."""
    return [(setting.name, setting.default or setting.fallback, setting.meaning) for setting in SETTINGS]


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
