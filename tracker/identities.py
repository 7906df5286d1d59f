"""Signing in by an OpenID provider: what it says of somebody is a proof of who they are, and nothing more.

Streamlit and Authlib check signature, nonce, state and expiry. What they leave open is checked here: that issuer and
audience are those configured (they take the issuer that the provider's own discovery names, and any audience beside a
fitting `azp`), and that a proof is fresh and counts once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, insert, select, update
from sqlmodel import Session

from tracker import access, sign_in
from tracker.audit import Action
from tracker.db import Database
from tracker.errors import BadInput
from tracker.models import Identity, User, table_of
from tracker.oidc import Oidc

IDENTITIES, USERS = table_of(Identity), table_of(User)

FRESH, SKEW = timedelta(minutes=5), timedelta(minutes=2)
MOST_SUBJECT = 255
"""OpenID Connect Core 1.0, section 2: a subject has at most 255 ASCII characters (read 2026-11)."""

NOT_OURS = "That sign-in was not meant for this site. Please try again."
STALE = "That sign-in is too old. Please try again."
NOT_AGAIN = (
    "The provider says that you signed in there a while ago. Confirm that it is you by typing your password there."
)
UNVERIFIED = "Your provider does not say that this e-mail address is yours. Confirm it there, or make an account here."
DISABLED = "This account is closed. Ask whoever runs this site."
ANOTHER = "That is not the account that you are signed in with. Please choose that one there."


@dataclass(frozen=True)
class Proof:
    """What the provider says of somebody, checked. `email` is in its stored form, empty when there is none."""

    issuer: str
    subject: str
    email: str
    verified: bool
    name: str
    issued_at: datetime
    asked_at: datetime | None
    """When the person last typed a password, or the like, at the provider; None when it does not say."""

    @property
    def age(self) -> timedelta:
        """For how long they had not been asked at the provider when it said so: nothing, where it does not tell."""
        return max(self.issued_at - self.asked_at, timedelta()) if self.asked_at else timedelta()


@dataclass(frozen=True)
class Known:
    """A (issuer, subject) that was connected with a user before."""

    user_id: int
    disabled: bool
    proven_at: datetime


@dataclass(frozen=True)
class Enter:
    """They are this user; a second factor is still to be asked for."""

    user_id: int


@dataclass(frozen=True)
class SignUp:
    """Nobody has this address yet."""


@dataclass(frozen=True)
class AskPassword:
    """There is an account of this address. Its password connects the two; having the address alone does not.

    Whoever made the account may never have owned the address: joining them would let both in.
    """


@dataclass(frozen=True)
class TurnedAway:
    words: str


Decision = Enter | SignUp | AskPassword | TurnedAway


def read(claims: Mapping[str, object], oidc: Oidc, *, now: datetime) -> Proof:
    """The proof in an ID token's claims; BadInput unless it was issued by this provider, for this site, just now.

    `now` is the real time, by which the provider's clock goes too.
    """
    issued_at, subject = _instant(claims.get("iat")), claims.get("sub")
    if claims.get("iss") != oidc.issuer or not _is_for(claims, oidc.client_id):
        raise BadInput(NOT_OURS)
    if not isinstance(subject, str) or not 0 < len(subject) <= MOST_SUBJECT or issued_at is None:
        raise BadInput(NOT_OURS)
    if not -SKEW <= now - issued_at <= FRESH:
        raise BadInput(STALE)
    return Proof(
        issuer=oidc.issuer,
        subject=subject,
        email=access.folded(_text(claims.get("email"))),
        verified=claims.get("email_verified") is True,
        name=_shown(_text(claims.get("name"))),
        issued_at=issued_at,
        asked_at=_instant(claims.get("auth_time")),
    )


def decide(proof: Proof, known: Known | None, *, has_account: bool) -> Decision:
    """Who they are to us. Of a known identity only issuer and subject count: an address can change its owner."""
    if known is not None:
        if known.disabled:
            return TurnedAway(DISABLED)
        return Enter(known.user_id) if proof.issued_at > known.proven_at else TurnedAway(STALE)
    if not proof.verified or not proof.email:
        return TurnedAway(UNVERIFIED)
    return AskPassword() if has_account else SignUp()


def take(database: Database, proof: Proof, *, address: str, now: datetime) -> Enter | AskPassword | TurnedAway:
    """Let the proof count: it does so once. Where nobody has the address, an account is made."""
    known = find(database, proof)
    decision = decide(proof, known, has_account=access.find_user(database, proof.email) is not None)
    if isinstance(decision, SignUp):
        access.add_known_user(database, proof.email, name=proof.name)
        user_id = access.user_of(database, proof.email)
        sign_in.tell(database, user_id, Action.SIGNED_UP, address=address, subject=proof.issuer)
        _connect(database, proof, user_id, address=address, now=now)
        return Enter(user_id)
    if isinstance(decision, Enter) and not _use_up(database, proof):
        return TurnedAway(STALE)
    return decision


def connect(database: Database, proof: Proof, user_id: int, *, address: str, now: datetime) -> bool:
    """Connect the proof with the account whose password was just typed; False when the two addresses differ."""
    if not proof.verified or access.email_of(database, user_id) != proof.email or find(database, proof) is not None:
        return False
    _connect(database, proof, user_id, address=address, now=now)
    return True


def prove(database: Database, proof: Proof, user_id: int) -> None:
    """Take the proof of somebody who is signed in already. BadInput when it is another's, old, or was used."""
    known = find(database, proof)
    if known is None or known.user_id != user_id or known.disabled:
        raise BadInput(ANOTHER)
    if proof.age > FRESH:
        raise BadInput(NOT_AGAIN)
    if not _use_up(database, proof):
        raise BadInput(STALE)


def find(database: Database, proof: Proof) -> Known | None:
    """The user that this identity was connected with."""
    statement = (
        select(IDENTITIES.c.user_id, USERS.c.disabled_at, IDENTITIES.c.proven_at)
        .join_from(IDENTITIES, USERS, IDENTITIES.c.user_id == USERS.c.id)
        .where(*_is(proof))
    )
    with database.exempt() as session:
        row = session.execute(statement).first()
    return Known(row.user_id, row.disabled_at is not None, row.proven_at) if row else None


def has_any(database: Database, user_id: int, issuer: str) -> bool:
    """Whether this user can sign in by that provider."""
    mine = (IDENTITIES.c.user_id == user_id, IDENTITIES.c.issuer == issuer)
    with database.exempt() as session:
        return session.execute(select(IDENTITIES.c.subject).where(*mine).limit(1)).first() is not None


def _use_up(database: Database, proof: Proof) -> bool:
    """Take note of the proof; False when it, or a later one, was taken before."""
    newer = (*_is(proof), IDENTITIES.c.proven_at < proof.issued_at)
    statement = update(IDENTITIES).where(*newer).values(proven_at=proof.issued_at)
    with database.exempt(write=True) as session:
        return session.execute(statement.returning(IDENTITIES.c.user_id)).first() is not None


def _connect(database: Database, proof: Proof, user_id: int, *, address: str, now: datetime) -> None:
    with database.exempt(write=True) as session:
        _add(session, proof, user_id, now)
    sign_in.tell(database, user_id, Action.IDENTITY_LINKED, address=address, subject=proof.issuer)


def _add(session: Session, proof: Proof, user_id: int, now: datetime) -> None:
    row = {"issuer": proof.issuer, "subject": proof.subject, "user_id": user_id, "linked_at": now}
    session.execute(insert(IDENTITIES).values(**row, proven_at=proof.issued_at))
    unproven = (USERS.c.id == user_id, USERS.c.email_verified_at.is_(None))
    session.execute(update(USERS).where(*unproven).values(email_verified_at=now))


def _is(proof: Proof) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return IDENTITIES.c.issuer == proof.issuer, IDENTITIES.c.subject == proof.subject


def _is_for(claims: Mapping[str, object], client_id: str) -> bool:
    told = claims.get("aud")
    audiences = told if isinstance(told, list) else [told]
    return client_id in audiences and claims.get("azp", client_id) == client_id


def _instant(told: object) -> datetime | None:
    """Whole seconds since 1970 (RFC 7519, 2, NumericDate), None for anything else."""
    if isinstance(told, bool) or not isinstance(told, int | float) or not 0 < told < 1e11:
        return None
    return datetime.fromtimestamp(told, UTC)


def _text(told: object) -> str:
    return told if isinstance(told, str) else ""


def _shown(name: str) -> str:
    """A name as it can be kept; a provider's that cannot be is no reason to turn anybody away."""
    return name if name.isprintable() and len(name) <= access.MAX_NAME else ""
