"""Who may come in: accounts, their workspace, and the passwords' hashes (Argon2id).

Source of the parameters: OWASP ASVS 5.0 Appendix C (m=19456 KiB, t=2, p=1), read 2026-11.
"""

from __future__ import annotations

import re
import secrets
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import bindparam, select, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col

from tracker import passwords, tickets
from tracker.clock import utc_now
from tracker.db import Database, plain
from tracker.errors import BadInput, Conflict, NotFound
from tracker.models import AuthSession, Member, Role, User, Workspace, table_of
from tracker.tickets import Purpose

HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
USERS, SESSIONS, MEMBERS = table_of(User), table_of(AuthSession), table_of(Member)
NOBODY = HASHER.hash(secrets.token_urlsafe())
"""A hash that fits no password: verified where there is no account."""

MAX_EMAIL, MAX_NAME = 254, 120

# A dot-atom, an at sign and a host name (RFC 5322, 3.4.1 and 3.2.3; RFC 5321, 4.1.2; both read 2026-11), in any script,
# with the dots side by side that old carriers gave out. What else those allow (quotes, comments, groups, literals)
# somebody's mail program would read as another address, and Python's own fails on some of it. `=?` begins an encoded
# word, which may stand for anything.
NAME, LABEL = r"""[^\s"(),:;<>@\[\]\\]+""", r"[^\W_](?:[\w-]*[^\W_])?"
WRITABLE = re.compile(rf"(?!.*=\?){NAME}@{LABEL}(?:\.{LABEL})+")


def canonical_email(text: str) -> str:
    """The one form under which an address is stored (NFKC, lower case); BadInput when it is none."""
    email = unicodedata.normalize("NFKC", text).strip().lower()
    kinds = [unicodedata.category(char)[0] for char in email]
    letters = "".join(char for char, kind in zip(email, kinds, strict=True) if kind != "M")  # without vowel signs
    if len(email) > MAX_EMAIL or {"C", "Z"} & set(kinds) or not WRITABLE.fullmatch(letters):
        raise BadInput("That is not an e-mail address; one like ada@example.com is expected.")
    return email


def clean_name(text: str) -> str | None:
    """A person's name as typed, without surrounding space; None when there is none."""
    name = text.strip()
    if len(name) > MAX_NAME or not name.isprintable():
        raise BadInput(f"Please give a name of at most {MAX_NAME} printable characters.")
    return name or None


def add_user(database: Database, email: str, password: str, *, name: str = "") -> int:
    """Make an account with a workspace of its own; the workspace's id. Conflict when the address has one already."""
    address, shown = canonical_email(email), clean_name(name)
    passwords.check(password, address)
    return _add(database, User(email=address, name=shown, password_hash=HASHER.hash(password), created_at=utc_now()))


def add_known_user(database: Database, email: str, *, name: str) -> int:
    """Make an account for the proven owner of an address, without a password; the workspace's id.

    Its hash is of a text that nobody has seen, so that trying a password costs what it costs elsewhere.
    """
    address, now = canonical_email(email), utc_now()
    unseen = HASHER.hash(secrets.token_urlsafe())
    user = User(email=address, name=clean_name(name), password_hash=unseen, created_at=now, email_verified_at=now)
    return _add(database, user)


def _add(database: Database, user: User) -> int:
    address = user.email
    taken = Conflict(f"There is an account for {address} already. Sign in with it, or give another address.")
    with database.exempt(write=True) as session:
        if session.execute(select(User).where(col(User.email) == address)).first():
            raise taken
        workspace = Workspace(name=address, created_at=utc_now())
        session.add(workspace)
        session.flush()
        workspace_id = _id(workspace)
    # The account and its membership at once: one without the other could neither be used nor made again.
    try:
        with database.workspace(workspace_id, write=True) as session:
            session.add(user)
            session.flush()
            session.add(Member(workspace_id=workspace_id, user_id=_id(user), role=Role.OWNER))
    except IntegrityError:  # somebody made it since it was looked for
        raise taken from None
    return workspace_id


def authenticate(database: Database, email: str, password: str) -> int | None:
    """The id of the account with that address and password, None for every other pair. One row is loaded.

    An unknown address costs one verification too, so that the time does not tell whether there is an account.
    """
    if len(password) > passwords.LONGEST:
        return None
    with database.exempt() as session:
        found = session.execute(select(User).where(col(User.email) == folded(email)))
        user: User | None = found.scalar_one_or_none()
    if not _fits(user.password_hash if user else NOBODY, password) or user is None or user.disabled_at:
        return None
    if HASHER.check_needs_rehash(user.password_hash):
        _rehash(database, user, password)
    return user.id


def folded(email: str) -> str:
    """The address as it would be stored, empty when it is none."""
    try:
        return canonical_email(email)
    except BadInput:
        return ""


def _fits(password_hash: str, password: str) -> bool:
    try:
        return HASHER.verify(password_hash, password)
    except (VerificationError, InvalidHashError, UnicodeEncodeError):
        return False


def _rehash(database: Database, user: User, password: str) -> None:
    """Bring a hash of earlier parameters up to today's, unless the password was changed meanwhile."""
    same = (USERS.c.id == user.id, USERS.c.password_hash == user.password_hash)
    with database.exempt(write=True) as session:
        session.execute(update(USERS).where(*same).values(password_hash=HASHER.hash(password)))


def find_user(database: Database, email: str) -> int | None:
    """The id of the account with that address, None when there is none."""
    with database.exempt() as session:
        user_id: int | None = session.execute(select(col(User.id)).where(col(User.email) == folded(email))).scalar()
    return user_id


def user_of(database: Database, email: str) -> int:
    """The id of the account with that address; NotFound says what to do."""
    address = canonical_email(email)
    user_id = find_user(database, address)
    if user_id is None:
        raise NotFound(f"There is no account for {address}. Make one: python -m tracker add-user {address}")
    return user_id


def email_of(database: Database, user_id: int) -> str:
    """The address of an account; NotFound when there is none of that id."""
    with database.exempt() as session:
        email: str | None = session.execute(select(col(User.email)).where(col(User.id) == user_id)).scalar()
    if email is None:
        raise NotFound("This account does not exist any more. Sign in with another one, or make one.")
    return email


def change_password(database: Database, user_id: int, password: str) -> None:
    """Give the account another password; every session of it ends and no link to choose one works any more.

    BadInput when the password may not be used.
    """
    passwords.check(password, email_of(database, user_id))
    living = (SESSIONS.c.user_id == user_id, SESSIONS.c.ended_at.is_(None))
    with database.exempt(write=True) as session:
        session.execute(update(USERS).where(USERS.c.id == user_id).values(password_hash=HASHER.hash(password)))
        session.execute(update(SESSIONS).where(*living).values(ended_at=utc_now()))
        tickets.burn_all(session, user_id, Purpose.RESET, now=utc_now())


def workspace_of(database: Database, email: str) -> int:
    """The workspace of the account with that address (its oldest, when it has several); NotFound says what to do."""
    return workspaces_of(database, user_of(database, email))[0]


MEMBERSHIPS = select(MEMBERS.c.workspace_id).where(MEMBERS.c.user_id == bindparam("of_user"))


def workspaces_of(database: Database, user_id: int) -> list[int]:
    """The workspaces a user belongs to, oldest first: the one membership look-up across tenants."""
    with database.crossing("membership") as session:
        return sorted(session.execute(MEMBERSHIPS, {"of_user": user_id}).scalars())


def has_enabled_member(session: Session, workspace_id: int) -> bool:
    """Whether anybody is left for whom the workspace's keys may be opened."""
    return bool(plain.rows(session, ENABLED_MEMBER, {"of_workspace": workspace_id}))


ENABLED_MEMBER = (
    select(USERS.c.id)
    .join_from(USERS, MEMBERS, MEMBERS.c.user_id == USERS.c.id)
    .where(MEMBERS.c.workspace_id == bindparam("of_workspace"), USERS.c.disabled_at.is_(None))
    .limit(1)
)


def _id(row: User | Workspace) -> int:
    if row.id is None:
        raise RuntimeError("the database gave no id")
    return row.id
