"""A lost password is replaced by whoever reads the account's mail, once, soon, and by nobody else."""

from __future__ import annotations

import email
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import policy
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from tests import smtp_server
from tests.installation import EMAIL, PASSWORD
from tracker import access, audit, mail, points, product, recovery, sessions, sign_in
from tracker.audit import Action
from tracker.config import Settings
from tracker.db import Database
from tracker.errors import BadInput
from tracker.mail import Kind
from tracker.models import Mail, Ticket, User, table_of
from tracker.product import Product
from tracker.sign_in import Refused
from tracker.throttle import ACCOUNT

NOW = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)
HERE = "198.51.100.7"
NEW = "entirely different words here"
MAILS, TICKETS, USERS = table_of(Mail), table_of(Ticket), table_of(User)


@pytest.fixture
def ready(migrated_url: str, tmp_path: Path) -> Iterator[Product]:
    environ = {
        "TRACKER_DATABASE_URL": migrated_url,
        "TRACKER_DATA_DIR": str(tmp_path),
        "TRACKER_PUBLIC_URL": "https://usage.example",
        "TRACKER_NOW": "2026-11-23T15:30:00Z",
    }
    product.prepare(environ)
    opened = product.start(environ, role="web")
    access.add_user(opened.database, EMAIL, PASSWORD)
    yield opened
    opened.close()


def deliver(database: Database, settings: Settings, *, now: datetime) -> int:
    """As the worker does."""
    return mail.deliver(replace(database, role="worker"), settings, now=lambda: now)


def letters(ready: Product, *, now: datetime = NOW) -> list[email.message.EmailMessage]:
    """What lies in the folder after the worker has delivered."""
    deliver(ready.database, ready.settings, now=now)
    files = sorted(mail.folder(ready.settings).glob("*.eml"))
    return [email.message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]


def link(letter: email.message.EmailMessage, purpose: str) -> str:
    found = re.search(rf"https://usage\.example/\?{purpose}=([\w-]+)", letter.get_content())
    assert found
    return found[1]


def opens(ready: Product, password: str) -> bool:
    return access.authenticate(ready.database, EMAIL, password) is not None


def test_a_link_puts_another_password_in_place_and_ends_every_session(ready: Product) -> None:
    session_id = sessions.begin(ready.database, access.user_of(ready.database, EMAIL), now=NOW).session_id
    recovery.ask_reset(ready.database, EMAIL, now=NOW)
    (letter,) = letters(ready)
    assert (letter["To"], letter["Subject"]) == (EMAIL, "Choose another password")
    assert opens(ready, PASSWORD)

    recovery.reset(ready.database, link(letter, "reset"), NEW, address=HERE, now=NOW)

    assert opens(ready, NEW) and not opens(ready, PASSWORD)
    assert sessions.check(ready.database, session_id, now=NOW) is None
    assert recovery.is_confirmed(ready.database, access.user_of(ready.database, EMAIL))
    assert [each["Subject"] for each in letters(ready)][1:] == ["Your password was changed"]


def test_a_link_works_once_and_not_after_another_was_used(ready: Product) -> None:
    for _ in range(2):
        recovery.ask_reset(ready.database, EMAIL, now=NOW)
    first, second = (link(letter, "reset") for letter in letters(ready))
    recovery.reset(ready.database, first, NEW, address=HERE, now=NOW)

    for spent in (first, second, "guessed"):
        with pytest.raises(BadInput, match="used already, or is too old"):
            recovery.reset(ready.database, spent, PASSWORD, address=HERE, now=NOW)
    assert opens(ready, NEW)


def test_a_link_works_no_more_once_the_password_was_changed_otherwise(ready: Product) -> None:
    recovery.ask_reset(ready.database, EMAIL, now=NOW)
    (letter,) = letters(ready)

    access.change_password(ready.database, access.user_of(ready.database, EMAIL), NEW)

    assert not recovery.is_good(ready.database, link(letter, "reset"), now=NOW)


@pytest.mark.parametrize(("later", "good"), [(timedelta(minutes=29), True), (timedelta(minutes=30), False)])
def test_a_link_works_for_thirty_minutes(ready: Product, later: timedelta, good: bool) -> None:
    recovery.ask_reset(ready.database, EMAIL, now=NOW)
    (letter,) = letters(ready)

    assert recovery.is_good(ready.database, link(letter, "reset"), now=NOW + later) is good


def test_an_unusable_password_does_not_use_the_link_up(ready: Product) -> None:
    recovery.ask_reset(ready.database, EMAIL, now=NOW)
    ticket = link(letters(ready)[0], "reset")

    with pytest.raises(BadInput, match="15 to 128"):
        recovery.reset(ready.database, ticket, "short", address=HERE, now=NOW)
    recovery.reset(ready.database, ticket, NEW, address=HERE, now=NOW)

    assert opens(ready, NEW)


def test_a_confirmation_is_no_reset_and_no_sign_in(ready: Product) -> None:
    recovery.ask(ready.database, access.user_of(ready.database, EMAIL), Kind.VERIFY, now=NOW)
    ticket = link(letters(ready)[0], "confirm")

    with pytest.raises(BadInput):
        recovery.reset(ready.database, ticket, NEW, address=HERE, now=NOW)
    assert sessions.redeem(ready.database, ticket, now=NOW) is None
    recovery.confirm(ready.database, ticket, now=NOW)
    assert recovery.is_confirmed(ready.database, access.user_of(ready.database, EMAIL))


def test_signing_up_twice_tells_only_the_owner(ready: Product) -> None:
    for _ in range(2):
        recovery.sign_up(ready.database, "new@acme.example", NEW, name="", address=HERE, now=NOW)

    told = [(letter["To"], letter["Subject"]) for letter in letters(ready)]
    assert told == [
        ("new@acme.example", "Please confirm your address"),
        ("new@acme.example", "You have an account already"),
    ]


def test_asking_for_an_unknown_address_sends_and_says_nothing(ready: Product) -> None:
    recovery.ask_reset(ready.database, "nobody@acme.example", now=NOW)
    recovery.ask_reset(ready.database, "not an address", now=NOW)

    assert letters(ready) == []


def test_asking_again_and_again_sends_no_flood(ready: Product) -> None:
    for _ in range(50):
        recovery.ask_reset(ready.database, EMAIL, now=NOW)

    assert len(letters(ready)) == mail.MOST_WAITING


def test_a_reset_opens_an_account_that_is_under_attack(ready: Product) -> None:
    for n in range(ACCOUNT.free + 1):
        sign_in.sign_in(ready.database, EMAIL, "wrong password", address=f"203.{n}.1.1", now=NOW)
    assert isinstance(sign_in.sign_in(ready.database, EMAIL, PASSWORD, address=HERE, now=NOW), Refused)

    recovery.ask_reset(ready.database, EMAIL, now=NOW)
    recovery.reset(ready.database, link(letters(ready)[0], "reset"), NEW, address=HERE, now=NOW)

    assert not isinstance(sign_in.sign_in(ready.database, EMAIL, NEW, address=HERE, now=NOW), Refused)


def test_no_token_waits_in_the_database(ready: Product) -> None:
    recovery.ask_reset(ready.database, EMAIL, now=NOW)
    ticket = link(letters(ready)[0], "reset")
    with ready.database.exempt() as session:
        kept = [*session.execute(select(MAILS)).all(), *session.execute(select(TICKETS)).all()]

    assert len(kept) == 2 and all(ticket not in repr(row) for row in kept)


def test_the_trail_tells_of_the_change(ready: Product) -> None:
    recovery.ask_reset(ready.database, EMAIL, now=NOW)
    recovery.reset(ready.database, link(letters(ready)[0], "reset"), NEW, address=HERE, now=NOW)
    workspace_id = access.workspace_of(ready.database, EMAIL)
    with ready.database.workspace(workspace_id) as session:
        (entry,) = audit.trail(session, workspace_id)

    assert (entry.who, entry.action, entry.address) == (EMAIL, Action.PASSWORD_CHANGED, HERE)
    assert "password was changed" in letters(ready)[-1]["Subject"].lower()


def test_a_message_leaves_by_smtp_and_is_tried_again_while_the_server_refuses(
    migrated_url: str, tmp_path: Path
) -> None:
    with smtp_server.running() as server:
        environ = {
            "TRACKER_DATABASE_URL": migrated_url,
            "TRACKER_DATA_DIR": str(tmp_path),
            "TRACKER_SMTP_URL": server.url,
            "TRACKER_MAIL_FROM": "tracker@acme.example",
        }
        product.prepare(environ)
        opened = product.start(environ, role="web")
        access.add_user(opened.database, EMAIL, PASSWORD)
        recovery.ask_reset(opened.database, EMAIL, now=NOW)
        server.refusal = "451 not now"
        assert deliver(opened.database, opened.settings, now=NOW) == 0
        assert deliver(opened.database, opened.settings, now=NOW + timedelta(seconds=59)) == 0
        server.refusal = ""
        assert deliver(opened.database, opened.settings, now=NOW + timedelta(seconds=60)) == 1
        assert deliver(opened.database, opened.settings, now=NOW + timedelta(days=1)) == 0
        opened.close()

    (text,) = server.texts
    assert "From: tracker@acme.example\r\nTo: ada@acme.example\r\n" in text


def test_no_message_is_sent_twice_however_slow_the_server(ready: Product) -> None:
    """Each takes four minutes, and another worker comes by while the last is being sent."""
    for _ in range(3):
        recovery.ask_reset(ready.database, EMAIL, now=NOW)
    taken = list[datetime]()

    def take_long(label: str) -> None:
        if label == "message taken":
            taken.append(NOW + (len(taken) + 1) * timedelta(minutes=4))
            if len(taken) == 3:
                assert deliver(ready.database, ready.settings, now=taken[-1]) == 0

    with points.watch(take_long):
        worker = replace(ready.database, role="worker")
        sent = mail.deliver(worker, ready.settings, now=lambda: taken[-1] if taken else NOW)

    assert sent == len(taken) == len(letters(ready, now=NOW + timedelta(days=1))) == 3


def test_a_message_that_cannot_be_made_holds_up_no_other(ready: Product, caplog: pytest.LogCaptureFixture) -> None:
    """An address that was stored before such ones were refused."""
    access.add_user(ready.database, "eve@acme.example", PASSWORD)
    eve = access.user_of(ready.database, "eve@acme.example")
    recovery.ask_reset(ready.database, "eve@acme.example", now=NOW)
    recovery.ask_reset(ready.database, EMAIL, now=NOW)
    with ready.database.exempt(write=True) as session:
        session.execute(update(USERS).where(USERS.c.id == eve).values(email='():@"{.c'))

    assert [letter["To"] for letter in letters(ready)] == [EMAIL]

    for days in range(20):
        assert deliver(ready.database, ready.settings, now=NOW + timedelta(days=days)) == 0
    with ready.database.exempt() as session:
        given_up = session.execute(select(MAILS.c.attempts, MAILS.c.retry_at).where(MAILS.c.user_id == eve)).one()
    assert tuple(given_up) == (mail.MOST_TRIES, None)
    assert "could not be sent, try 1: " in caplog.text
    assert "{.c" not in caplog.text


def test_a_server_that_never_answers_is_given_up_in_the_end(migrated_url: str, tmp_path: Path) -> None:
    environ = {"TRACKER_DATABASE_URL": migrated_url, "TRACKER_DATA_DIR": str(tmp_path)}
    product.prepare(environ)
    opened = product.start({**environ, "TRACKER_SMTP_URL": "smtp://127.0.0.1:1"}, role="web")
    access.add_user(opened.database, EMAIL, PASSWORD)
    recovery.ask_reset(opened.database, EMAIL, now=NOW)
    for days in range(20):
        assert deliver(opened.database, opened.settings, now=NOW + timedelta(days=days)) == 0
    with opened.database.exempt() as session:
        (row,) = session.execute(select(MAILS.c.attempts, MAILS.c.retry_at, func.count()).group_by(MAILS.c.id)).all()
    opened.close()

    assert (row[0], row[1]) == (mail.MOST_TRIES, None)
