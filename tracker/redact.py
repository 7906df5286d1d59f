"""Keeps secrets out of everything written: a wrapper that never shows its text, and a filter for all the rest.

A secret leaves only through `SecretKey.reveal`. Logs are cleaned where the record is made, so that every handler,
also a library's own, gets the message and the trace without keys. One log event is one line.
"""

from __future__ import annotations

import hmac
import json
import logging
import re
import sys
import threading
from base64 import b64encode
from collections.abc import Mapping
from logging import LogRecord
from types import TracebackType
from typing import NoReturn, SupportsIndex, final
from urllib.parse import quote
from weakref import WeakValueDictionary

from tracker import clock
from tracker.errors import BadInput

SHOWN = "<secret>"
MIN_KEY_LENGTH = 20
MAX_KEY_LENGTH = 512

_MIN_EXACT_LENGTH = 8
"""A shorter text would be found by chance and tear holes into innocent sentences."""

# Every quantifier is bounded or runs over one class of characters, so that a search takes linear time.
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"sk-[A-Za-z0-9_-]{16,}"), SHOWN),
    (re.compile(r"AIza[A-Za-z0-9_-]{16,}"), SHOWN),
    (re.compile(r"(?i)(bearer(?:\s|%20|\+){1,8})[^\s\"',;\\]{8,}"), rf"\1{SHOWN}"),
    (re.compile(r"(?i)(api-key(?:\\?[\"']?\s{0,8}[:=]|[\"'],)\s{0,8}b?\\?[\"']?)[^\s\"',;\\]+"), rf"\1{SHOWN}"),
    # PostgreSQL repeats the values of a row that it refuses; in JSON a line ends with an escape.
    (re.compile(r"(DETAIL:\s+)(?:(?!\\n)[^\n])+"), rf"\1{SHOWN}"),
    (re.compile(r"(://[^\s/:@]{0,64}:)[^\s/]{1,256}(?=@)"), rf"\1{SHOWN}"),
)

_PADDING = " \t\r\n\v\f\u00a0\u200b\u200c\u200d\u2060\ufeff\"'`\u2018\u2019\u201c\u201d"
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@final
class SecretKey:
    """A secret text that cannot be shown, changed, hashed, copied or pickled by accident.

    While it lives, `redact` removes its text from whatever passes.
    """

    __slots__ = ("__weakref__", "_text")
    __hash__ = None  # type: ignore[assignment]  # no cache and no set may keep it alive
    _text: str

    def __init__(self, text: str) -> None:
        if not text or not text.isascii():
            raise ValueError("a secret is ASCII text and not empty")
        object.__setattr__(self, "_text", text)
        _live[id(self)] = self

    def reveal(self) -> str:
        """The secret itself, for the one call that needs it; never store the result."""
        return self._text

    @property
    def last4(self) -> str:
        """The last four characters, by which a person knows the key again; "????" for one under 20 characters."""
        return self._text[-4:] if len(self._text) >= MIN_KEY_LENGTH else "????"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SecretKey):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    def __repr__(self) -> str:
        return SHOWN

    def __format__(self, _spec: str) -> str:
        return SHOWN

    def __setattr__(self, name: str, _value: object) -> NoReturn:
        raise AttributeError(f"a secret does not change: {name}")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a secret does not change: {name}")

    def __reduce_ex__(self, _protocol: SupportsIndex) -> NoReturn:
        raise TypeError("a secret is neither pickled nor copied")


# By identity: of two equal keys, the second must stay known when the first is gone.
_live: WeakValueDictionary[int, SecretKey] = WeakValueDictionary()


def clean_key(text: str) -> SecretKey:
    """The pasted key without surrounding blanks and quotes; BadInput, which never echoes it, if it cannot be one."""
    trimmed = text.strip(_PADDING)
    if not trimmed:
        raise BadInput("No key was given. Paste the provider's key.")
    if not trimmed.isascii():
        raise BadInput("The key holds a character that is not plain ASCII. Copy it again from the provider's page.")
    if not all("!" <= character <= "~" for character in trimmed):
        raise BadInput("The key holds a blank or a line break. Paste the key alone, in one piece.")
    if not MIN_KEY_LENGTH <= len(trimmed) <= MAX_KEY_LENGTH:
        expected = f"{MIN_KEY_LENGTH} to {MAX_KEY_LENGTH} are expected"
        raise BadInput(f"The key has {len(trimmed)} characters; {expected}. Copy it again from the provider's page.")
    return SecretKey(trimmed)


def redact(text: str) -> str:
    """The text with `<secret>` in place of every live `SecretKey` (plain or encoded) and all that looks like a key."""
    for form in _live_forms():
        text = text.replace(form, SHOWN)
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def _live_forms() -> list[str]:
    """Every form of every live secret, the longest first, so that none leaves a rest of another."""
    # valuerefs() copies in one step; another thread may make or drop a key meanwhile.
    live = [key for ref in _live.valuerefs() if (key := ref()) is not None]
    return sorted({form for key in live for form in _forms(key.reveal())}, key=len, reverse=True)


def _forms(text: str) -> set[str]:
    """The text as it may stand in a message, a URL, JSON, a repr, hexadecimal or within base64."""
    if len(text) < _MIN_EXACT_LENGTH:
        return set()
    raw = text.encode()
    plain = {text, quote(text, safe=""), json.dumps(text)[1:-1], repr(text)[1:-1], raw.hex(), raw.hex().upper()}
    return plain | {form for skip in range(3) for form in _base64_forms(raw, skip)}


def _base64_forms(raw: bytes, skip: int) -> tuple[str, str]:
    """The characters that only `raw` decides when `skip` (modulo 3) foreign bytes come before it."""
    start = (0, 2, 3)[skip]
    whole = (skip + len(raw)) * 8 // 6
    form = b64encode(bytes(skip) + raw).decode()[start:whole]
    return form, form.translate(str.maketrans("+/", "-_"))


def one_line(text: str) -> str:
    r"""The text with control characters and line separators written as escapes (`\n`), so that it stays one line."""
    return _CONTROL.sub(lambda found: found.group().encode("unicode_escape").decode(), text)


FIELDS = "fields"


def fields(**values: str | float | None) -> dict[str, dict[str, str | float | None]]:
    """What an event is about, to be given to a log call as its `extra`; each becomes a field of the line."""
    return {FIELDS: values}


class JsonLines(logging.Formatter):
    """One JSON object a line: time (UTC), level, logger, event, its own fields, and trace where there is one."""

    def format(self, record: LogRecord) -> str:
        event: dict[str, object] = {
            "time": clock.utc_now().isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "event": redact(record.getMessage()),
        }
        for name, value in getattr(record, FIELDS, {}).items():
            event.setdefault(name, redact(value) if isinstance(value, str) else value)
        trace = record.exc_text or (self.formatException(record.exc_info) if record.exc_info else None)
        return json.dumps(event | ({"trace": redact(trace)} if trace else {}))


def install_log_redaction() -> None:
    """Clean every log record of this process where it is made, whoever handles it; may be called again."""
    logging.setLogRecordFactory(_CleanRecord)
    for name in ("httpx", "httpcore", "alembic"):
        # Below WARNING the first two write whole addresses and headers; the third greets every start.
        logging.getLogger(name).setLevel(logging.WARNING)


def setup_logging(level: int | str = logging.INFO) -> None:
    """Our processes' logging: JSON lines on standard error, secrets removed, uncaught exceptions and warnings too."""
    install_log_redaction()
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    _adopt()
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread


LOUD = frozenset({"streamlit", "uvicorn", "websockets"})
"""Libraries that write lines of their own making beside the log, unless told otherwise."""

QUIET = {
    "streamlit.error_util": logging.CRITICAL,  # a page that failed is an event of ours
    "uvicorn.access": logging.WARNING,  # else every request, and its address may hold a ticket
    "uvicorn.error": logging.WARNING,  # else every WebSocket, likewise
}


def _adopt() -> None:
    """Let what these libraries log become lines of ours."""
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] in LOUD:
            logging.getLogger(name).handlers.clear()
            logging.getLogger(name).propagate = True
    for name, level in QUIET.items():
        logging.getLogger(name).setLevel(level)


class _CleanRecord(LogRecord):
    """A record that holds neither secrets nor line breaks, whatever formatter comes after."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self._clean_args()
        self._clean_message()
        if self.exc_info:
            self.exc_text = redact(logging.Formatter().formatException(self.exc_info))
        if self.stack_info:
            self.stack_info = redact(self.stack_info)

    def _clean_args(self) -> None:
        """Texts one by one: some formatters (uvicorn's access log) read the arguments instead of the message."""
        if isinstance(self.args, Mapping):
            self.args = {name: _clean(value) for name, value in self.args.items()}
        elif self.args:
            self.args = tuple(_clean(value) for value in self.args)

    def _clean_message(self) -> None:
        try:
            message = self.getMessage()
        except Exception:  # noqa: BLE001  # a faulty log call must neither stop its caller nor print its raw arguments
            message = f"a log message that could not be formatted: {self.msg!r}"
            self.args = None
        clean = one_line(redact(message))
        if clean != message or not self.args:
            self.msg, self.args = clean, None


def _clean(value: object) -> object:
    return one_line(redact(value)) if isinstance(value, str) else value


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        logging.getLogger("tracker").critical("an error nobody caught", exc_info=(kind, error, trace))


def _log_uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None:
        _log_uncaught(args.exc_type, args.exc_value, args.exc_traceback)
