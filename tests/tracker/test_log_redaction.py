"""What our processes log: one line an event, and no secret in any of it, whatever raised or logged it."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from uvicorn.logging import AccessFormatter

from tracker import clock
from tracker.redact import JsonLines, SecretKey, fields, install_log_redaction, one_line

TEXT = "unusual/key+of=no~known^pattern_0123456789"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def records() -> Iterator[list[str]]:
    """What a library's own handler, which knows nothing of us, writes."""
    lines: list[str] = []

    class Keeping(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    logger = logging.getLogger("library")
    handler = Keeping()
    before = logging.getLogRecordFactory()
    logger.addHandler(handler)
    root = logging.getLogger()
    for left in [each for each in root.handlers if type(each) is logging.StreamHandler]:
        root.removeHandler(left)  # an earlier test of this process had it write to a stream that is closed by now
    install_log_redaction()
    yield lines
    logging.setLogRecordFactory(before)
    logger.removeHandler(handler)


# --- logs


@pytest.mark.parametrize(
    ("message", "args"),
    [
        (f"key {TEXT} sent", ()),
        ("key %s sent", (TEXT,)),
        ("key %(key)s sent", ({"key": TEXT},)),
        ("key %s sent", (ValueError(TEXT),)),
    ],
)
def test_a_librarys_handler_gets_the_message_without_the_secret(
    records: list[str], message: str, args: tuple[object, ...]
) -> None:
    key = SecretKey(TEXT)

    logging.getLogger("library").error(message, *args)

    assert records == ["key <secret> sent"]
    assert key.reveal() == TEXT


def test_a_secret_given_to_a_log_call_does_not_show(records: list[str]) -> None:
    logging.getLogger("library").error("key %s %r sent", SecretKey(TEXT), SecretKey(TEXT))

    assert records == ["key <secret> <secret> sent"]


def test_arguments_stay_apart_for_handlers_that_read_them(records: list[str]) -> None:
    logging.getLogger("library").error('%s - "%s" %d', "127.0.0.1", "GET /?api-key=a1b2", 200)

    assert records == ['127.0.0.1 - "GET /?api-key=<secret>" 200']


def test_uvicorns_access_log_keeps_its_arguments(records: list[str]) -> None:
    handler = logging.getLogger("library").handlers[-1]
    handler.setFormatter(AccessFormatter("%(client_addr)s %(request_line)s %(status_code)s", use_colors=False))

    logging.getLogger("library").error('%s "%s %s HTTP/%s" %d', "127.0.0.1:5", "GET", "/?api-key=a1b2", "1.1", 200)

    assert records == ["127.0.0.1:5 GET /?api-key=<secret> HTTP/1.1 200 OK"]


def _fail_with(text: str) -> None:
    try:
        raise ValueError(f"Illegal header value {text!r}")  # noqa: TRY301  # a cause with the text is the point
    except ValueError as error:
        raise RuntimeError(f"refused {text}") from error


def test_a_trace_holds_no_secret_whatever_raised_it(records: list[str]) -> None:
    key = SecretKey(TEXT)

    try:
        _fail_with(TEXT)
    except RuntimeError:
        logging.getLogger("library").exception("a call failed")

    assert TEXT not in records[0]
    assert "ValueError: Illegal header value '<secret>'" in records[0]
    assert "RuntimeError: refused <secret>" in records[0]
    assert key.reveal() == TEXT


def test_a_faulty_log_call_neither_stops_its_caller_nor_shows_its_arguments(
    records: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    key = SecretKey(TEXT)

    logging.getLogger("library").error("%d tokens", TEXT)

    assert records == ["a log message that could not be formatted: '%d tokens'"]
    assert capsys.readouterr().err == ""
    assert key.reveal() == TEXT


def test_a_percent_sign_in_a_message_without_arguments_stays(records: list[str]) -> None:
    logging.getLogger("library").error("100 % of sk-abcdefghijklmnop")

    assert records == ["100 % of <secret>"]


def test_a_stack_shown_with_a_message_is_cleaned(records: list[str]) -> None:
    logging.getLogger("library").error("here", stack_info=True)

    assert "test_a_stack_shown_with_a_message_is_cleaned" in records[0]


def test_text_from_outside_cannot_begin_a_second_log_line(records: list[str]) -> None:
    logging.getLogger("library").error("label %s", "a\r\nERROR forged\x1b[2J\u2028\x85end")

    logging.getLogger("library").error("label a\r\nERROR forged\x1b[2J\u2028\x85end")

    assert records == 2 * ["label a\\r\\nERROR forged\\x1b[2J\\u2028\\x85end"]
    assert one_line("ümlaut stays") == "ümlaut stays"


def test_httpx_may_not_log_addresses(records: list[str]) -> None:
    assert logging.getLogger("httpx").level == logging.WARNING
    assert logging.getLogger("httpcore").level == logging.WARNING


def test_a_log_line_is_json_with_the_time_of_our_clock() -> None:
    record = logging.LogRecord("tracker.x", logging.INFO, "x.py", 1, "two\nlines sk-abcdefghijklmnop", None, None)
    clock.start_at(datetime(2026, 11, 1, 6, tzinfo=UTC))
    try:
        line = JsonLines().format(record)
    finally:
        clock.start_at(None)

    event = json.loads(line)
    assert "\n" not in line
    assert event.pop("time").startswith("2026-11-01T06:00:0")
    assert event == {"level": "INFO", "logger": "tracker.x", "event": "two\nlines <secret>"}


def test_the_fields_of_an_event_stand_beside_it_without_secrets_and_cannot_forge_it() -> None:
    record = logging.LogRecord("tracker.x", logging.INFO, "x.py", 1, "read", None, None)
    told = fields(connection=7, endpoint="sk-abcdefghijklmnop", day=None, label="a\r\n{}\x1b[2J", level="FORGED")
    record.__dict__.update(told)

    line = JsonLines().format(record)

    event = json.loads(line)
    assert line.isprintable()
    assert (event["connection"], event["endpoint"], event["day"]) == (7, "<secret>", None)
    assert (event["event"], event["level"], event["label"]) == ("read", "INFO", "a\r\n{}\x1b[2J")


def test_a_trace_is_part_of_its_json_line() -> None:
    with pytest.raises(RuntimeError) as failed:
        _fail_with("sk-abcdefghijklmnop")
    trace = (failed.type, failed.value, failed.tb)
    record = logging.LogRecord("tracker.x", logging.ERROR, "x.py", 1, "failed", None, trace)

    line = JsonLines().format(record)

    assert "\n" not in line
    assert json.loads(line)["trace"].endswith("RuntimeError: refused <secret>")


PROCESS = """
import logging, sys, threading, warnings
from tracker.redact import SecretKey, setup_logging

setup_logging()
setup_logging("INFO")
key = SecretKey("unusual-key-0123456789")
logging.getLogger("a").info("sent %s", key.reveal())
logging.getLogger("a").debug("not shown")
warnings.warn(f"warned {key.reveal()}")
thread = threading.Thread(target=lambda: int(key.reveal()))
thread.start()
thread.join()
int(key.reveal())
"""


def _run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )


def test_a_process_of_ours_logs_json_lines_without_secrets_to_the_last() -> None:
    done = _run(PROCESS)

    events = [json.loads(line) for line in done.stderr.splitlines()]
    sent, warned, in_thread, in_main = events
    assert sent["event"] == "sent <secret>"
    assert "warned <secret>" in warned["event"]
    assert in_thread["event"] == in_main["event"] == "an error nobody caught"
    assert "ValueError: invalid literal" in in_thread["trace"]
    assert "ValueError: invalid literal" in in_main["trace"]
    assert "unusual-key" not in done.stderr
    assert done.returncode == 1


LIBRARIES = """
import streamlit.web.cli
from streamlit import config
from streamlit.error_util import _log_uncaught_app_exception as log_uncaught_app_exception
from streamlit.logger import get_logger
from tracker.redact import setup_logging

config.get_option("logger.level")  # the server reads them before it starts the app, and sets its loggers up then
setup_logging()
get_logger("streamlit.runtime.runtime").warning("a line of Streamlit's")
get_logger("uvicorn.access").info("GET /?reset=a-ticket")
get_logger("uvicorn.error").info("WebSocket /_stcore/stream?reset=a-ticket [accepted]")
log_uncaught_app_exception(ValueError("said by our own event"))
"""


def test_what_the_web_server_logs_becomes_lines_of_ours() -> None:
    done = _run(LIBRARIES)

    assert done.returncode == 0
    assert [json.loads(line)["event"] for line in done.stderr.splitlines()] == ["a line of Streamlit's"]


def test_an_interrupted_process_ends_as_usual() -> None:
    done = _run("from tracker.redact import setup_logging; setup_logging(); raise KeyboardInterrupt")

    assert done.stderr.rstrip().endswith("KeyboardInterrupt")
