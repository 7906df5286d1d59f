"""How often somebody may fail to sign in: per account and address, per address, per account, and in all.

A guess is refused before any password is hashed. Nobody can be locked out for good: from an address at which an
account was signed in before, only that pair's own failures count. NIST SP 800-63B-4 allows 100 failures an account.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network

from sqlalchemy import delete, func, select, update
from sqlmodel import Session

from tracker.db import upsert
from tracker.models import Throttle, table_of

THROTTLES = table_of(Throttle)
COUNT = ("failures", "since", "blocked_until")


@dataclass(frozen=True)
class Policy:
    """After `free` failures within `window` each further one costs a delay, twice the last one's, at most `longest`."""

    free: int
    window: timedelta
    first: timedelta
    longest: timedelta


PAIR = Policy(5, timedelta(hours=1), timedelta(seconds=1), timedelta(minutes=15))
PREFIX = Policy(30, timedelta(hours=1), timedelta(minutes=1), timedelta(minutes=15))
ACCOUNT = Policy(100, timedelta(hours=24), timedelta(minutes=15), timedelta(hours=1))
OVERALL = Policy(1_000, timedelta(hours=1), timedelta(seconds=1), timedelta(minutes=1))
CODES = Policy(50, timedelta(days=30), timedelta(minutes=15), timedelta(hours=6))
"""Codes of a second factor, whoever types them: some 200 in a month, where a guess fits once in 333,000."""
LONGEST_WINDOW = CODES.window

SIGN_UPS = Policy(10, timedelta(hours=1), timedelta(minutes=1), timedelta(hours=1))
"""Sign-ups and messages asked for, per address; each counts, also one that succeeds."""


@dataclass(frozen=True)
class Count:
    """Failures since the window's start, and until when the next try waits."""

    failures: int
    since: datetime
    blocked_until: datetime


def after_failure(count: Count | None, policy: Policy, now: datetime) -> Count:
    """The count with one failure more. Pure."""
    if count is None or now >= count.since + policy.window:
        count = Count(0, now, now)
    failures = count.failures + 1
    excess = failures - policy.free
    if excess <= 0:
        return Count(failures, count.since, now)
    # No more doublings than reach the longest delay: the number stays small whatever the count.
    delay = min(policy.first * 2 ** min(excess - 1, 20), policy.longest)
    return Count(failures, count.since, now + delay)


def prefix_of(address: str) -> str:
    """The network that is one throttled subject: /24 of IPv4, /48 of IPv6; the text itself when it is no address."""
    try:
        ip = ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    return str(ip_network((ip, 48 if ip.version == 6 else 24), strict=False))


Subjects = dict[str, Policy]


def subjects_of_sign_in(email: str, address: str, *, known: bool) -> Subjects:
    """What a try to sign in is counted under. From a network `known` of this account only the pair counts."""
    network = prefix_of(address)
    pair = {f"pair {email} {network}": PAIR}
    return pair if known else pair | {f"prefix {network}": PREFIX, f"account {email}": ACCOUNT, "all": OVERALL}


def subjects_of_code(user_id: int) -> Subjects:
    """What a code of a second factor is counted under: somebody who gets here knows the password already."""
    return {f"code {user_id}": PAIR, f"codes {user_id}": CODES}


def subjects_of_sign_up(address: str) -> Subjects:
    """What a sign-up, or a message that is asked for, is counted under."""
    return {f"sign-up {prefix_of(address)}": SIGN_UPS}


def try_once(session: Session, subjects: Subjects, *, now: datetime) -> timedelta | None:
    """Count one more try under every subject, or say how long it must wait; then nothing is counted.

    Counted before the password is looked at, so that guesses made at the same moment do not slip through together.
    """
    if (until := _blocked_until(session, subjects)) and until > now:
        return until - now  # seen without a row of its own, or whoever is refused would fill the table
    counts = {subject: _locked(session, subject, now) for subject in sorted(subjects)}
    until = max(count.blocked_until for count in counts.values())
    if until > now:
        return until - now
    for subject, count in counts.items():
        _write(session, subject, after_failure(count, subjects[subject], now))
    return None


def succeeded(session: Session, subjects: Subjects, *, now: datetime) -> None:
    """Take the try back: the pair starts anew, elsewhere it was one failure less. Counts long over are cleared away."""
    long_ago = now - LONGEST_WINDOW
    session.execute(delete(THROTTLES).where(THROTTLES.c.since < long_ago, THROTTLES.c.blocked_until < long_ago))
    for subject, policy in sorted(subjects.items()):
        if policy is PAIR:
            forget(session, [subject])
        else:
            fewer = {"failures": THROTTLES.c.failures - 1, "blocked_until": THROTTLES.c.since}
            session.execute(update(THROTTLES).where(THROTTLES.c.subject == _hash(subject)).values(**fewer))


def _blocked_until(session: Session, subjects: Subjects) -> datetime | None:
    """Until when any of them waits, as far as anything is known of them."""
    wanted = THROTTLES.c.subject.in_([_hash(subject) for subject in subjects])
    until: datetime | None = session.execute(select(func.max(THROTTLES.c.blocked_until)).where(wanted)).scalar()
    return until


def _locked(session: Session, subject: str, now: datetime) -> Count:
    """The subject's count, its row made if need be and held until the transaction ends."""
    fresh = {"subject": _hash(subject), "failures": 0, "since": now, "blocked_until": now}
    same = {"failures": THROTTLES.c.failures}
    statement = upsert(session, THROTTLES).values(**fresh).on_conflict_do_update(index_elements=["subject"], set_=same)
    row = session.execute(statement.returning(*(THROTTLES.c[name] for name in COUNT))).one()
    return Count(*row)


def _write(session: Session, subject: str, count: Count) -> None:
    values = {name: getattr(count, name) for name in COUNT}
    session.execute(update(THROTTLES).where(THROTTLES.c.subject == _hash(subject)).values(**values))


def forget(session: Session, subjects: list[str]) -> None:
    """Start these subjects anew, because somebody proved who they are."""
    session.execute(delete(THROTTLES).where(THROTTLES.c.subject.in_([_hash(subject) for subject in subjects])))


def _hash(subject: str) -> bytes:
    return hashlib.sha256(subject.encode(errors="replace")).digest()
