"""What an OpenID provider says of somebody: what of it is believed, and who they are to us."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from tests.installation import EMAIL, PASSWORD
from tracker import access, identities, recovery, sessions
from tracker.db import Database, open_database
from tracker.errors import BadInput
from tracker.identities import AskPassword, Enter, Known, Proof, SignUp, TurnedAway
from tracker.models import Identity, User, table_of
from tracker.oidc import Oidc
from tracker.redact import SecretKey

NOW = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)
OIDC = Oidc("https://id.example", "usage-tracker", SecretKey("a secret of the provider"), "Example ID")
USERS, IDENTITIES = table_of(User), table_of(Identity)

CLAIMS: dict[str, object] = {
    "iss": OIDC.issuer,
    "aud": OIDC.client_id,
    "sub": "248289761001",
    "iat": int(NOW.timestamp()),
    "email": "Ada@Acme.example",
    "email_verified": True,
    "name": "Ada",
}
PROOF = identities.read(CLAIMS, OIDC, now=NOW)


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    opened = open_database(migrated_url, role="web")
    yield opened
    opened.engine.dispose()


def later(proof: Proof, seconds: int = 1) -> Proof:
    return replace(proof, issued_at=proof.issued_at + timedelta(seconds=seconds))


def take(database: Database, proof: Proof) -> object:
    return identities.take(database, proof, address="192.0.2.7", now=NOW)


@pytest.mark.parametrize(("asked_s_ago", "age_s"), [(None, 0), (0, 0), (72_000, 72_000), (-60, 0)])
def test_a_word_of_somebody_asked_long_ago_is_old(database: Database, asked_s_ago: int | None, age_s: int) -> None:
    told = {} if asked_s_ago is None else {"auth_time": int(NOW.timestamp()) - asked_s_ago}
    proof = identities.read({**CLAIMS, **told}, OIDC, now=NOW)
    assert proof.age == timedelta(seconds=age_s)

    found = identities.take(database, proof, address="192.0.2.7", now=NOW)
    assert isinstance(found, Enter)
    begun = sessions.begin(database, found.user_id, now=NOW, ago=proof.age)

    signed = sessions.check(database, begun.session_id, now=NOW)
    assert signed is not None and signed.is_proven(NOW) is (age_s == 0)


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://id.example/"},
        {"iss": "https://another.example"},
        {"iss": None},
        {"aud": "another-site"},
        {"aud": "another-site", "azp": OIDC.client_id},
        {"aud": [OIDC.client_id, "another-site"], "azp": "another-site"},
        {"aud": []},
        {"sub": ""},
        {"sub": 7},
        {"sub": "s" * 256},
        {"iat": None},
        {"iat": True},
        {"iat": "1763911800"},
        {"iat": float("nan")},
        {"iat": float("inf")},
    ],
)
def test_what_was_not_issued_by_this_provider_for_this_site_is_refused(claims: dict[str, object]) -> None:
    with pytest.raises(BadInput, match="not meant for this site"):
        identities.read(CLAIMS | claims, OIDC, now=NOW)


@pytest.mark.parametrize("minutes", [6, -3])
def test_what_was_issued_long_ago_or_is_yet_to_be_is_refused(minutes: int) -> None:
    with pytest.raises(BadInput, match="too old"):
        identities.read(CLAIMS, OIDC, now=NOW + timedelta(minutes=minutes))


@pytest.mark.parametrize("told", ["true", 1, None, False])
def test_an_address_counts_as_verified_only_when_that_is_said_as_a_truth_value(told: object) -> None:
    assert PROOF.verified
    assert not identities.read(CLAIMS | {"email_verified": told}, OIDC, now=NOW).verified


JSON = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=300) | st.lists(st.text(), max_size=2)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from([*CLAIMS, "azp", "auth_time"]), JSON))
def test_no_claim_is_more_than_a_proof_or_a_refusal(claims: dict[str, object]) -> None:
    told = outcome(CLAIMS | claims)

    if isinstance(told, str):
        assert told in {identities.NOT_OURS, identities.STALE}
    else:
        assert told.issuer == OIDC.issuer and 0 < len(told.subject) <= 255
        assert access.folded(told.email) == told.email and len(told.name) <= access.MAX_NAME


def outcome(claims: dict[str, object]) -> Proof | str:
    try:
        return identities.read(claims, OIDC, now=NOW)
    except BadInput as refusal:
        return str(refusal)


@pytest.mark.parametrize("has_account", [True, False])
@pytest.mark.parametrize("verified", [True, False])
def test_of_a_known_identity_the_address_does_not_matter(verified: bool, has_account: bool) -> None:
    known = Known(7, disabled=False, proven_at=NOW - timedelta(days=1))
    proof = replace(PROOF, verified=verified, email="")

    assert identities.decide(proof, known, has_account=has_account) == Enter(7)
    assert isinstance(identities.decide(proof, replace(known, disabled=True), has_account=has_account), TurnedAway)
    assert isinstance(identities.decide(proof, replace(known, proven_at=NOW), has_account=has_account), TurnedAway)


def test_somebody_unknown_needs_an_address_that_is_surely_theirs() -> None:
    assert identities.decide(PROOF, None, has_account=False) == SignUp()
    assert identities.decide(PROOF, None, has_account=True) == AskPassword()
    for proof in (replace(PROOF, verified=False), replace(PROOF, email="")):
        for has_account in (True, False):
            assert isinstance(identities.decide(proof, None, has_account=has_account), TurnedAway)


def test_a_new_account_has_a_confirmed_address_a_workspace_and_no_password(database: Database) -> None:
    found = take(database, PROOF)

    user_id = access.user_of(database, EMAIL)
    assert found == Enter(user_id)
    assert recovery.is_confirmed(database, user_id)
    assert len(access.workspaces_of(database, user_id)) == 1
    assert access.authenticate(database, EMAIL, "") is None
    assert identities.has_any(database, user_id, OIDC.issuer)
    assert not identities.has_any(database, user_id, "https://another.example")


def test_a_proof_counts_once_and_an_older_one_not_at_all(database: Database) -> None:
    first, second, third = PROOF, later(PROOF), later(PROOF, 2)
    take(database, first)

    assert isinstance(take(database, first), TurnedAway)
    assert isinstance(take(database, third), Enter)
    assert isinstance(take(database, third), TurnedAway)
    assert isinstance(take(database, second), TurnedAway)


def test_the_same_subject_of_another_issuer_is_somebody_else(database: Database) -> None:
    take(database, PROOF)
    other = replace(PROOF, issuer="https://another.example", email="bo@acme.example")

    assert take(database, other) == Enter(access.user_of(database, "bo@acme.example"))
    assert access.user_of(database, "bo@acme.example") != access.user_of(database, EMAIL)


def test_an_account_that_is_there_changes_nothing_until_its_password_was_typed(database: Database) -> None:
    access.add_user(database, EMAIL, PASSWORD)
    user_id = access.user_of(database, EMAIL)

    assert take(database, PROOF) == AskPassword()
    assert not recovery.is_confirmed(database, user_id)
    assert not identities.has_any(database, user_id, OIDC.issuer)
    assert identities.connect(database, PROOF, user_id, address="", now=NOW)
    assert not identities.connect(database, PROOF, user_id, address="", now=NOW)
    assert recovery.is_confirmed(database, user_id)
    assert take(database, later(PROOF)) == Enter(user_id)


def test_an_identity_is_not_connected_with_an_account_of_another_address(database: Database) -> None:
    access.add_user(database, "bo@acme.example", PASSWORD)

    assert not identities.connect(database, PROOF, access.user_of(database, "bo@acme.example"), address="", now=NOW)
    with database.exempt() as session:
        assert session.execute(select(IDENTITIES)).first() is None


def test_only_ones_own_fresh_proof_is_taken_from_somebody_signed_in(database: Database) -> None:
    take(database, PROOF)
    take(database, replace(PROOF, subject="bo", email="bo@acme.example"))
    user_id = access.user_of(database, EMAIL)

    for proof, told in (
        (later(replace(PROOF, subject="bo")), identities.ANOTHER),
        (later(replace(PROOF, subject="nobody")), identities.ANOTHER),
        (PROOF, identities.STALE),
        (replace(later(PROOF), asked_at=NOW - timedelta(hours=1)), identities.NOT_AGAIN),
    ):
        with pytest.raises(BadInput) as refused:
            identities.prove(database, proof, user_id)
        assert str(refused.value) == told
    identities.prove(database, replace(later(PROOF), asked_at=NOW), user_id)

    with database.exempt(write=True) as session:
        session.execute(update(USERS).where(USERS.c.id == user_id).values(disabled_at=NOW))
    with pytest.raises(BadInput):
        identities.prove(database, later(PROOF, 2), user_id)
