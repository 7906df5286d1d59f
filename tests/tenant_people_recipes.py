"""Each operation on people tried by everybody: accounts, sessions, tickets, factors, letters, the trail."""

from __future__ import annotations

from sqlmodel import Session

from tests.authenticator import code_at
from tests.installation import NOW, PASSWORD
from tests.tenant_attempts import LATER, Attempt, Recipe, refusal_of, within
from tests.tenants import tagged
from tracker import (
    access,
    audit,
    closing,
    identities,
    mail,
    notices,
    recovery,
    second_factor,
    sessions,
    sign_in,
    tickets,
)
from tracker.audit import Action
from tracker.identities import Proof
from tracker.mail import Kind
from tracker.tickets import Purpose

ISSUER = "https://id.example"


def _redeem(a: Attempt) -> None:
    begun = sessions.begin(a.caller.database, a.caller.user_id, now=LATER)
    sessions.redeem(a.caller.database, begun.ticket, now=LATER)


def _addresses(a: Attempt) -> object:
    with a.caller.database.exempt() as session:
        return sessions.addresses_of(session, a.caller.email, now=NOW)


def _given(a: Attempt, purpose: Purpose) -> str:
    """A ticket of the caller's."""
    with a.caller.database.exempt(write=True) as session:
        return tickets.give(session, a.caller.user_id, purpose, now=NOW)


def _owner(a: Attempt) -> str:
    ticket = _given(a, Purpose.VERIFY)
    with a.caller.database.exempt() as session:
        return tagged("user", tickets.owner(session, ticket, Purpose.VERIFY, now=NOW))


def _burn(a: Attempt) -> object:
    ticket = _given(a, Purpose.VERIFY)
    with a.caller.database.exempt(write=True) as session:
        return tickets.burn(session, ticket, Purpose.VERIFY, now=NOW)


def _burn_all(a: Attempt) -> None:
    _given(a, Purpose.RESET)
    with a.caller.database.exempt(write=True) as session:
        tickets.burn_all(session, a.caller.user_id, Purpose.RESET, now=NOW)


def _ask_mail(a: Attempt) -> None:
    with a.caller.database.exempt(write=True) as session:
        mail.ask(session, a.caller.user_id, Kind.PASSWORD_CHANGED, now=NOW)


def _enrol(a: Attempt) -> str:
    """A second factor, begun anew; its secret."""
    second_factor.turn_off(a.caller.product, a.caller.user_id)
    return second_factor.enrol(a.caller.product, a.caller.user_id, a.caller.email).secret


def _rewrap(a: Attempt) -> object:
    _enrol(a)
    with a.caller.database.exempt(write=True) as session:
        return second_factor.rewrap(session, a.caller.product.ring, a.caller.user_id)


def _confirm_factor(a: Attempt) -> object:
    _enrol(a)
    return second_factor.confirm(a.caller.product, a.caller.user_id, "000000", now=NOW)


def _lift_factor(a: Attempt) -> object:
    """Of a factor that is on; none is left of it."""
    second_factor.turn_off(a.caller.product, a.caller.user_id)
    secret = second_factor.enrol(a.caller.product, a.caller.user_id, a.caller.email).secret
    second_factor.confirm(a.caller.product, a.caller.user_id, code_at(secret, NOW), now=NOW)
    return closing.turn_off_factor(a.caller.product, a.caller.user_id, now=LATER)


def _proof(a: Attempt, use: str) -> Proof:
    """What a provider says of the caller; each use of it is somebody of its own there."""
    return Proof(ISSUER, f"{use} {a.caller.name}", a.caller.email, True, "", LATER, LATER)


def _known(a: Attempt, use: str) -> Proof:
    """A proof whose identity is the caller's already."""
    proof = _proof(a, use)
    identities.connect(a.caller.database, proof, a.caller.user_id, address=a.caller.by.address, now=NOW)
    return proof


def _take(a: Attempt) -> object:
    return identities.take(a.caller.database, _known(a, "take"), address=a.caller.by.address, now=NOW)


def _close(a: Attempt) -> None:
    closing.close(a.caller.database, a.caller.user_id, now=LATER)
    closing.reopen(a.caller.database, a.caller.user_id)


def _find(a: Attempt) -> object:
    return identities.find(a.caller.database, _known(a, "find"))


def _tell_of_key(session: Session, _: int, a: Attempt) -> None:
    notices.of_key(session, a.row, Action.KEY_PAUSED, a.caller.by)


ACCESS = {
    "add_user": Recipe(
        lambda a: access.add_user(a.caller.database, f"new-{a.caller.name}@example.com", PASSWORD), "nothing"
    ),
    "add_known_user": Recipe(
        lambda a: access.add_known_user(a.caller.database, f"known-{a.caller.name}@example.com", name=""), "nothing"
    ),
    "authenticate": Recipe(lambda a: tagged("user", access.authenticate(a.caller.database, a.caller.email, PASSWORD))),
    "email_of": Recipe(lambda a: access.email_of(a.caller.database, a.caller.user_id)),
    "find_user": Recipe(lambda a: tagged("user", access.find_user(a.caller.database, a.caller.email))),
    "user_of": Recipe(lambda a: tagged("user", access.user_of(a.caller.database, a.caller.email))),
    "workspace_of": Recipe(lambda a: tagged("workspace", access.workspace_of(a.caller.database, a.caller.email))),
    "workspaces_of": Recipe(
        lambda a: [tagged("workspace", w) for w in access.workspaces_of(a.caller.database, a.caller.user_id)]
    ),
    "has_enabled_member": within(lambda s, w, _: access.has_enabled_member(s, w), "nothing"),
    "change_password": Recipe(
        lambda a: access.change_password(a.caller.database, a.caller.user_id, PASSWORD), "changes"
    ),
}

SESSIONS = {
    "recognise": Recipe(lambda a: sessions.recognise(a.caller.database, a.caller.token, now=NOW)),
    "check": Recipe(lambda a: sessions.check(a.caller.database, a.caller.session_id, now=NOW)),
    "living": Recipe(lambda a: sessions.living(a.caller.database, a.caller.user_id, now=NOW)),
    "addresses_of": Recipe(_addresses),
    "count": Recipe(lambda a: sessions.count(a.caller.database, now=NOW), "nothing"),
    "begin": Recipe(lambda a: sessions.begin(a.caller.database, a.caller.user_id, now=LATER), "changes"),
    "redeem": Recipe(_redeem, "changes"),
    "prove": Recipe(lambda a: sessions.prove(a.caller.database, a.caller.session_id, now=LATER), "changes"),
    "end": Recipe(lambda a: sessions.end(a.caller.database, a.caller.session_id, now=NOW), "changes"),
    "end_all": Recipe(lambda a: sessions.end_all(a.caller.database, a.caller.user_id, now=LATER), "changes"),
}

AUDIT = {
    "trail": within(lambda s, w, _: audit.trail(s, w)),
    "trail_csv": within(lambda s, w, _: audit.trail_csv(s, w, count=100)),
    "record": within(lambda s, w, a: audit.record(s, w, Action.SIGNED_IN, a.caller.by), "changes"),
}

TICKETS = {
    "give": Recipe(lambda a: bool(_given(a, Purpose.VERIFY)), "changes"),
    "owner": Recipe(_owner, "changes"),
    "burn": Recipe(_burn, "changes"),
    "burn_all": Recipe(_burn_all, "changes"),
}

SECOND_FACTOR = {
    "is_on": Recipe(lambda a: second_factor.is_on(a.caller.product, a.caller.user_id), "counts"),
    "check": Recipe(lambda a: second_factor.check(a.caller.product, a.caller.user_id, "000000", now=NOW), "counts"),
    "enrol": Recipe(_enrol, "changes"),
    "rewrap": Recipe(_rewrap, "changes"),
    "confirm": Recipe(lambda a: refusal_of(lambda: _confirm_factor(a)), "changes"),
    "turn_off": Recipe(lambda a: second_factor.turn_off(a.caller.product, a.caller.user_id), "changes"),
}

SIGN_IN = {
    "sign_in": Recipe(
        lambda a: tagged(
            "user", sign_in.sign_in(a.caller.database, a.caller.email, PASSWORD, address=a.caller.by.address, now=NOW)
        )
    ),
    "prove": Recipe(
        lambda a: sign_in.prove(a.caller.database, a.caller.user_id, PASSWORD, address=a.caller.by.address, now=NOW),
        "nothing",
    ),
    "check_code": Recipe(
        lambda a: sign_in.check_code(a.caller.product, a.caller.user_id, "000000", now=NOW), "nothing"
    ),
    "tell": Recipe(
        lambda a: sign_in.tell(a.caller.database, a.caller.user_id, Action.SIGNED_OUT, address=a.caller.by.address),
        "changes",
    ),
}

RECOVERY = {
    "is_confirmed": Recipe(lambda a: recovery.is_confirmed(a.caller.database, a.caller.user_id), "counts"),
    "is_good": Recipe(lambda a: recovery.is_good(a.caller.database, "no such ticket", now=NOW), "counts"),
    "ask": Recipe(lambda a: recovery.ask(a.caller.database, a.caller.user_id, Kind.VERIFY, now=NOW), "changes"),
    "ask_reset": Recipe(lambda a: recovery.ask_reset(a.caller.database, a.caller.email, now=NOW), "changes"),
    "sign_up": Recipe(
        lambda a: recovery.sign_up(
            a.caller.database, a.caller.email, PASSWORD, name="", address=a.caller.by.address, now=NOW
        ),
        "changes",
    ),
    "confirm": Recipe(lambda a: recovery.confirm(a.caller.database, _given(a, Purpose.VERIFY), now=NOW), "changes"),
    "reset": Recipe(
        lambda a: recovery.reset(
            a.caller.database, _given(a, Purpose.RESET), PASSWORD, address=a.caller.by.address, now=NOW
        ),
        "changes",
    ),
}

IDENTITIES = {
    "has_any": Recipe(lambda a: identities.has_any(a.caller.database, a.caller.user_id, ISSUER), "nothing"),
    "connect": Recipe(lambda a: bool(_known(a, "connect")), "changes"),
    "find": Recipe(_find, "changes"),
    "take": Recipe(_take, "changes"),
    "prove": Recipe(
        lambda a: refusal_of(lambda: identities.prove(a.caller.database, _known(a, "prove"), a.caller.user_id)),
        "changes",
    ),
}

CLOSING = {
    "reopen": Recipe(lambda a: closing.reopen(a.caller.database, a.caller.user_id), "changes"),
    "end_sessions": Recipe(lambda a: closing.end_sessions(a.caller.database, a.caller.user_id, now=LATER), "changes"),
    "close": Recipe(_close, "changes"),
    "turn_off_factor": Recipe(_lift_factor, "changes"),
}

LETTERS = {
    "mail.ask": Recipe(_ask_mail, "changes"),
    "notices.of_key": within(_tell_of_key, "changes", aimed=True),
}

BY_MODULE = {
    "access": ACCESS,
    "sessions": SESSIONS,
    "audit": AUDIT,
    "tickets": TICKETS,
    "second_factor": SECOND_FACTOR,
    "sign_in": SIGN_IN,
    "recovery": RECOVERY,
    "identities": IDENTITIES,
    "closing": CLOSING,
}

RECIPES: dict[str, Recipe] = LETTERS | {
    f"{module}.{name}": recipe for module, recipes in BY_MODULE.items() for name, recipe in recipes.items()
}
"""By operation, with a word or two more where one is called in several ways."""
