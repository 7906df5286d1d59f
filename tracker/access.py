"""Who may come in: accounts, their workspace, and the passwords' hashes (Argon2id).

Source of the parameters: OWASP ASVS 5.0 Appendix C (m=19456 KiB, t=2, p=1), read 2026-11.
"""

from __future__ import annotations

import unicodedata

from argon2 import PasswordHasher
from sqlalchemy import select
from sqlmodel import Session, col

from tracker.clock import utc_now
from tracker.db import Database
from tracker.errors import BadInput, Conflict, NotFound
from tracker.models import Member, Role, User, Workspace

HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
MIN_PASSWORD, MAX_PASSWORD = 15, 128
MAX_EMAIL = 254


def canonical_email(text: str) -> str:
    """The one form under which an address is stored (NFKC, lower case); BadInput when it is none."""
    email = unicodedata.normalize("NFKC", text).strip().lower()
    name, at, host = email.rpartition("@")
    plain = all(unicodedata.category(char)[0] not in "CZ" for char in email)
    if not (name and at and "." in host and plain and "@" not in name and len(email) <= MAX_EMAIL):
        raise BadInput("That is not an e-mail address; one like ada@example.com is expected.")
    return email


def check_password(password: str) -> None:
    """BadInput unless the password has 15 to 128 characters; nothing is trimmed and no composition is asked for."""
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise BadInput(f"The password has {len(password)} characters; {MIN_PASSWORD} to {MAX_PASSWORD} are expected.")
    try:
        password.encode()
    except UnicodeEncodeError:
        raise BadInput("The password holds a character that cannot be written as text.") from None


def add_user(database: Database, email: str, password: str) -> int:
    """Make an account with a workspace of its own; the workspace's id. Conflict when the address has one already."""
    address = canonical_email(email)
    check_password(password)
    password_hash = HASHER.hash(password)
    with database.exempt(write=True) as session:
        if session.execute(select(User).where(col(User.email) == address)).first():
            raise Conflict(f"There is an account for {address} already.")
        user = User(email=address, password_hash=password_hash, created_at=utc_now())
        workspace = Workspace(name=address, created_at=utc_now())
        session.add_all([user, workspace])
        session.flush()
        user_id, workspace_id = _ids(user, workspace)
    with database.workspace(workspace_id, write=True) as session:
        session.add(Member(workspace_id=workspace_id, user_id=user_id, role=Role.OWNER))
    return workspace_id


def workspace_of(database: Database, email: str) -> int:
    """The workspace of the account with that address (its oldest, when it has several); NotFound says what to do."""
    address = canonical_email(email)
    with database.exempt() as session:
        user = session.execute(select(User).where(col(User.email) == address)).scalar_one_or_none()
    found = workspaces_of(database, user.id) if user and user.id else []
    if not found:
        raise NotFound(f"There is no account for {address}. Make one: python -m tracker add-user {address}")
    return found[0]


def workspaces_of(database: Database, user_id: int) -> list[int]:
    """The workspaces a user belongs to, oldest first: the one membership look-up across tenants."""
    with database.crossing("membership") as session:
        found = session.execute(select(col(Member.workspace_id)).where(col(Member.user_id) == user_id))
        return sorted(found.scalars())


def has_enabled_member(session: Session, workspace_id: int) -> bool:
    """Whether anybody is left for whom the workspace's keys may be opened."""
    enabled = (
        select(col(User.id))
        .join(Member, col(Member.user_id) == col(User.id))
        .where(col(Member.workspace_id) == workspace_id, col(User.disabled_at).is_(None))
        .limit(1)
    )
    return session.execute(enabled).first() is not None


def _ids(user: User, workspace: Workspace) -> tuple[int, int]:
    if user.id is None or workspace.id is None:
        raise RuntimeError("the database gave no id")
    return user.id, workspace.id
