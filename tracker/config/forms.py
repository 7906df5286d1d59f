"""The forms of settings: each function takes the text that was given and returns its value.

ValueError holds the rest of a sentence that begins with the setting's name, and never the text itself.
"""

from __future__ import annotations

import re
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from sqlalchemy.engine import create_engine, make_url
from sqlalchemy.exc import ArgumentError

from tracker.clock import as_utc
from tracker.redact import SecretKey

YEARS = range(2000, 2200)
"""Of a clock. Around its days there is room for a history and for what is planned."""

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")
_DRIVERS = {"sqlite": "sqlite", "postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg"}
_DRIVERS |= {driver: driver for driver in _DRIVERS.values()}


def database_url(text: str) -> str:
    scheme, separator, rest = text.partition("://")
    if not separator or scheme not in _DRIVERS:
        raise ValueError("is not a database address; sqlite:///FILE or postgresql://HOST/DATABASE is expected")
    try:
        url = make_url(f"{_DRIVERS[scheme]}://{rest}")
    except (ArgumentError, ValueError):
        raise ValueError("cannot be read; postgresql://USER:PASSWORD@HOST:PORT/DATABASE is expected") from None
    if scheme == "sqlite" and url.host is not None:
        raise ValueError("names a host; three slashes, sqlite:///FILE (four for an absolute path), are expected")
    if scheme == "sqlite" and url.database == ":memory:":
        raise ValueError("is in memory, where each process has its own; sqlite:///FILE is expected")
    if scheme != "sqlite" and "@" in f"{url.host}{url.database}":
        raise ValueError("holds more than one @; %40 is expected for each one in a password")
    if not url.database:
        raise ValueError("names no database; a file or a database's name after the last slash is expected")
    try:
        create_engine(url)  # opens nothing
    except (ArgumentError, ValueError, TypeError):
        raise ValueError("has something behind its question mark that cannot be read; name=value is expected") from None
    return f"{_DRIVERS[scheme]}://{rest}"


def data_dir(text: str) -> Path:
    if "?" in text:  # in a database's address what follows is no part of the file's name
        raise ValueError("holds a question mark; a folder without one in its path is expected")
    return Path(text)


def base_url(text: str) -> str:
    parts = _web_address(text)
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise ValueError("would send keys unencrypted; https:// is expected (http:// only to this machine itself)")
    return text.rstrip("/")


def issuer(text: str) -> str:
    base_url(text)
    return text


def public_url(text: str) -> str:
    _web_address(text)
    return text.rstrip("/")


def ping_url(text: str) -> SecretKey:
    """Secret, since whoever knows it can keep an alarm silent. It may hold a query."""
    base_url(text.partition("?")[0])
    if not re.fullmatch(r"[!-~]+", text) or "#" in text:
        raise ValueError("is not a web address in plain ASCII; an address such as https://host/path is expected")
    return SecretKey(text)


def token(text: str) -> SecretKey:
    if not re.fullmatch(r"[A-Za-z0-9._~+/=-]{16,512}", text):
        raise ValueError("is no token; 16 to 512 letters, digits and ._~+/=- are expected")
    return SecretKey(text)


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


def smtp_url(text: str) -> str:
    expected = "smtps://USER:PASSWORD@HOST:PORT, or smtp:// with STARTTLS, is expected"
    if not re.fullmatch(r"smtps?://[!-~]+", text):
        raise ValueError(f"is no address of a mail server; {expected}")
    parts = _parts(text)
    if parts is None or parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError(f"has no usable host or port, or something after them; {expected}")
    return text


def email(text: str) -> str:
    if not re.fullmatch(r"[!-?A-~]+@[!-?A-~]+", text):
        raise ValueError("is not an e-mail address; demo@example.com, for example, is expected")
    return text


def host(text: str) -> str:
    if not _is_host(text):
        raise ValueError("is neither an IP address nor a host's name; 127.0.0.1 or 0.0.0.0, for example, is expected")
    return text


def _is_host(text: str) -> bool:
    return _address(text) is not None or _HOST.fullmatch(text) is not None


def port(text: str) -> int:
    return _whole_number(text, 1, 65_535)


def hour(text: str) -> int:
    return _whole_number(text, 0, 23)


def _whole_number(text: str, low: int, high: int) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
        raise ValueError(f"is not a whole number from {low} to {high}")
    return int(text)


def hops(text: str) -> int:
    return _whole_number(text, 0, 9)


def instant(text: str) -> datetime:
    try:
        found = as_utc(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        raise ValueError("is not an instant with its zone; 2026-11-01T06:00:00Z, for example, is expected") from None
    if found.year not in YEARS:
        raise ValueError(f"is not in the years {YEARS.start} to {YEARS.stop - 1}")
    return found


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
