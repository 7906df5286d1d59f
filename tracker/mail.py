"""Messages to people: asked for by the pages, made and sent by the worker, so that a slow server holds up nobody.

The text is made at the moment of sending, with a fresh one-shot ticket: the table never holds what would let
anybody in. Without an SMTP server (a laptop, a test) a message is a file in the data folder.
"""

from __future__ import annotations

import logging
import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from enum import StrEnum
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sqlalchemy import select, update
from sqlmodel import Session

from tracker import tickets
from tracker.clock import utc_now
from tracker.config import Settings
from tracker.db import Database
from tracker.models import Mail, User, table_of
from tracker.points import reached
from tracker.tickets import Purpose

log = logging.getLogger(__name__)

MAILS, USERS = table_of(Mail), table_of(User)

FOLDER = "mail"
SENDER = "LLM API Usage Tracker <no-reply@localhost>"
TIMEOUT_S = 20
FIRST_RETRY, MOST_TRIES = timedelta(seconds=30), 8
HELD = timedelta(minutes=10)
"""A message in hand is nobody else's for so long: a dozen answers of a server, each as late as may be, take four."""

MOST_WAITING = 3
"""Messages of one kind that may wait for one person: asking again and again sends no flood."""


class Kind(StrEnum):
    """What a message is about."""

    VERIFY = "verify"
    RESET = "reset"
    ALREADY = "already"
    PASSWORD_CHANGED = "password changed"  # noqa: S105 - a kind of message
    KEY_CHANGED = "key changed"


@dataclass(frozen=True)
class Wording:
    """Subject and body; `{link}` is replaced where the message carries a ticket of that purpose."""

    subject: str
    body: str
    purpose: Purpose | None = None


WORDINGS: dict[Kind, Wording] = {
    Kind.VERIFY: Wording(
        "Please confirm your address",
        "Somebody, most likely you, made an account with this address. Confirm that it is yours:\n\n{link}\n\n"
        "The link works once, for a day. If it was not you, there is nothing to do.\n",
        Purpose.VERIFY,
    ),
    Kind.RESET: Wording(
        "Choose another password",
        "Somebody, most likely you, asked for another password. Choose one here:\n\n{link}\n\n"
        "The link works once, for thirty minutes. If it was not you, there is nothing to do: nothing has changed.\n",
        Purpose.RESET,
    ),
    Kind.ALREADY: Wording(
        "You have an account already",
        "Somebody, most likely you, tried to make an account with this address. There is one already: sign in at\n\n"
        "{link}\n\nor ask there for another password. If it was not you, there is nothing to do.\n",
    ),
    Kind.PASSWORD_CHANGED: Wording(
        "Your password was changed",
        "The password of your account was changed, and every session was ended. If it was not you, ask at once for\n"
        "another one at\n\n{link}\n",
    ),
    Kind.KEY_CHANGED: Wording(
        "A provider key was changed",
        'A provider key of your workspace was added, replaced, deleted or lost. Settings, under "Audit trail", tells\n'
        "who did it and from where:\n\n{link}\n",
    ),
}


def ask(session: Session, user_id: int, kind: Kind, *, now: datetime) -> None:
    """Have a message sent, in the caller's transaction; more than a few that wait are one too many."""
    waiting = select(MAILS.c.id).where(
        MAILS.c.user_id == user_id, MAILS.c.kind == kind.value, MAILS.c.asked_at > now - timedelta(hours=1)
    )
    if len(session.execute(waiting.limit(MOST_WAITING)).all()) < MOST_WAITING:
        session.add(Mail(user_id=user_id, kind=kind, asked_at=now, retry_at=now))


def deliver(database: Database, settings: Settings, *, now: Callable[[], datetime] = utc_now) -> int:
    """Send what is due, one after the other; how many were sent. A failure is tried again at a growing distance.

    Each sending may take long, so each asks what time it is.
    """
    with database.exempt() as session:
        due = session.execute(select(MAILS.c.id).where(MAILS.c.retry_at <= now()).order_by(MAILS.c.id).limit(20))
        numbers = list(due.scalars())
    return sum(_send(database, settings, number, now) for number in numbers)


def _send(database: Database, settings: Settings, number: int, now: Callable[[], datetime]) -> bool:
    """Send one, unless another worker has just taken it."""
    begun_at = now()
    with database.exempt(write=True) as session:
        taken = session.execute(
            update(MAILS)
            .where(MAILS.c.id == number, MAILS.c.retry_at <= begun_at)
            .values(attempts=MAILS.c.attempts + 1, retry_at=begun_at + HELD)
            .returning(MAILS.c.user_id, MAILS.c.kind, MAILS.c.attempts)
        ).first()
    if taken is None:
        return False
    reached("message taken")
    try:
        way_out(settings)(_message(database, settings, taken.user_id, Kind(taken.kind), begun_at))
    except Exception as error:  # noqa: BLE001 - whatever is wrong with one message or the server holds up no other
        log.warning("message %d could not be sent, try %d: %s", number, taken.attempts, type(error).__name__)
        _postpone(database, number, taken.attempts, now())
        return False
    reached("message sent")
    with database.exempt(write=True) as session:
        session.execute(update(MAILS).where(MAILS.c.id == number).values(sent_at=now(), retry_at=None))
    return True


def _postpone(database: Database, number: int, attempts: int, now: datetime) -> None:
    again = now + FIRST_RETRY * 2**attempts if attempts < MOST_TRIES else None
    with database.exempt(write=True) as session:
        session.execute(update(MAILS).where(MAILS.c.id == number).values(retry_at=again))


def _message(database: Database, settings: Settings, user_id: int, kind: Kind, now: datetime) -> EmailMessage:
    wording, link = WORDINGS[kind], site(settings)
    with database.exempt(write=True) as session:
        address = session.execute(select(USERS.c.email).where(USERS.c.id == user_id)).scalar_one()
        if wording.purpose:
            ticket = tickets.give(session, user_id, wording.purpose, now=now)
            link = f"{link}/?{wording.purpose.value}={ticket}"
    message = EmailMessage()
    message["From"], message["To"] = settings.mail_from or SENDER, address
    message["Subject"], message["Date"] = wording.subject, format_datetime(now)
    # Encoded otherwise, the link would be cut by whoever reads the message as a file.
    message.set_content(wording.body.format(link=link), cte="7bit")
    return message


def site(settings: Settings) -> str:
    """The address of the pages, for links."""
    return settings.public_url or f"http://{settings.bind_host}:{settings.port}"


def folder(settings: Settings) -> Path:
    """Where messages lie as files while there is no SMTP server."""
    return settings.data_dir / FOLDER


def way_out(settings: Settings) -> Callable[[EmailMessage], None]:
    """How a message leaves this installation."""
    if settings.smtp_url is None:
        return lambda message: _write(message, folder(settings))
    url = settings.smtp_url
    return lambda message: _post(message, url)


def _write(message: EmailMessage, into: Path) -> None:
    """As a file that only this account may read."""
    into.mkdir(mode=0o700, exist_ok=True)
    file = into / f"{len(list(into.iterdir())) + 1:05d}-{message['To'].replace('/', '_')}.eml"
    file.touch(mode=0o600)
    file.write_bytes(message.as_bytes())


def _post(message: EmailMessage, url: str) -> None:
    """To the server at smtps:// (TLS from the start) or smtp:// (STARTTLS, except on this machine itself)."""
    parts, context = urlsplit(url), ssl.create_default_context()
    host, local = parts.hostname or "", parts.hostname in {"127.0.0.1", "localhost", "::1"}
    with _server(parts.scheme, host, parts.port, context) as server:
        if parts.scheme == "smtp" and not local:
            server.starttls(context=context)
        if parts.username:
            server.login(unquote(parts.username), unquote(parts.password or ""))
        server.send_message(message)


def _server(scheme: str, host: str, port: int | None, context: ssl.SSLContext) -> smtplib.SMTP:
    if scheme == "smtps":
        return smtplib.SMTP_SSL(host, port or 465, timeout=TIMEOUT_S, context=context)
    return smtplib.SMTP(host, port or 587, timeout=TIMEOUT_S)
