"""A code opens once and only about its moment; a recovery code once; a lost password opens nothing by itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from tests.authenticator import code_at
from tests.installation import EMAIL, PASSWORD
from tracker import access, audit, closing, product, rotation, second_factor, sessions, sign_in
from tracker.audit import Action
from tracker.errors import BadInput
from tracker.models import RecoveryCode, SecondFactor, table_of
from tracker.product import Product
from tracker.second_factor import STEP_S
from tracker.sign_in import Refused
from tracker.throttle import PAIR

NOW = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)
FACTORS, CODES = table_of(SecondFactor), table_of(RecoveryCode)


@pytest.fixture
def ready(migrated_url: str, tmp_path: Path) -> Iterator[Product]:
    environ = {"TRACKER_DATABASE_URL": migrated_url, "TRACKER_DATA_DIR": str(tmp_path)}
    product.prepare(environ)
    opened = product.start(environ, role="web")
    access.add_user(opened.database, EMAIL, PASSWORD)
    yield opened
    opened.close()


@pytest.fixture
def user_id(ready: Product) -> int:
    return access.user_of(ready.database, EMAIL)


@pytest.fixture
def secret(ready: Product, user_id: int) -> str:
    """Of a second factor that is on since an hour ago."""
    made = second_factor.enrol(ready, user_id, EMAIL).secret
    earlier = NOW - timedelta(hours=1)
    second_factor.confirm(ready, user_id, code_at(made, earlier), now=earlier)
    return made


def test_a_code_opens_once(ready: Product, user_id: int, secret: str) -> None:
    code = code_at(secret, NOW)

    assert second_factor.check(ready, user_id, f"{code[:3]} {code[3:]}", now=NOW)
    assert not second_factor.check(ready, user_id, code, now=NOW)


@pytest.mark.parametrize(("off_s", "taken"), [(-31, True), (0, True), (31, True), (-61, False), (61, False)])
def test_a_clock_may_be_off_by_one_step(ready: Product, user_id: int, secret: str, off_s: int, taken: bool) -> None:
    middle = NOW + timedelta(seconds=15)

    assert second_factor.check(ready, user_id, code_at(secret, middle + timedelta(seconds=off_s)), now=middle) is taken


def test_an_earlier_code_is_worthless_after_a_later_one(ready: Product, user_id: int, secret: str) -> None:
    assert second_factor.check(ready, user_id, code_at(secret, NOW), now=NOW)

    assert not second_factor.check(ready, user_id, code_at(secret, NOW - timedelta(seconds=STEP_S)), now=NOW)


def test_it_counts_only_once_it_was_confirmed(ready: Product, user_id: int) -> None:
    secret = second_factor.enrol(ready, user_id, EMAIL).secret
    assert not second_factor.is_on(ready, user_id)
    with pytest.raises(BadInput, match="not the code of this moment"):
        second_factor.confirm(ready, user_id, "000000", now=NOW)

    second_factor.confirm(ready, user_id, code_at(secret, NOW), now=NOW)

    assert second_factor.is_on(ready, user_id)
    with pytest.raises(BadInput, match="in use already"):
        second_factor.enrol(ready, user_id, EMAIL)


def test_a_recovery_code_opens_once_and_only_its_account(ready: Product, user_id: int) -> None:
    secret = second_factor.enrol(ready, user_id, EMAIL).secret
    codes = second_factor.confirm(ready, user_id, code_at(secret, NOW), now=NOW)

    assert len(set(codes)) == 10 and all(len(code) == 16 for code in codes)
    assert not second_factor.check(ready, user_id + 1, codes[0], now=NOW)
    assert second_factor.check(ready, user_id, codes[0].upper(), now=NOW)
    assert not second_factor.check(ready, user_id, codes[0], now=NOW)
    assert second_factor.check(ready, user_id, codes[1], now=NOW)


def test_neither_secret_nor_codes_lie_in_the_database(ready: Product, user_id: int) -> None:
    made = second_factor.enrol(ready, user_id, EMAIL)
    codes = second_factor.confirm(ready, user_id, code_at(made.secret, NOW), now=NOW)
    with ready.database.exempt() as session:
        kept = repr([*session.execute(select(FACTORS)).all(), *session.execute(select(CODES)).all()])

    assert made.secret in made.uri
    assert all(text not in kept for text in (made.secret, *codes))


def test_a_secret_does_not_open_for_another_account(ready: Product, user_id: int, secret: str) -> None:
    access.add_user(ready.database, "grace@acme.example", PASSWORD)
    other = access.user_of(ready.database, "grace@acme.example")
    with ready.database.exempt(write=True) as session:
        session.execute(update(FACTORS).where(FACTORS.c.user_id == user_id).values(user_id=other))

    assert not second_factor.check(ready, other, code_at(secret, NOW), now=NOW)


def test_an_operator_turns_it_off_and_signs_everybody_out(ready: Product, user_id: int, secret: str) -> None:
    token = sessions.redeem(ready.database, sessions.begin(ready.database, user_id, now=NOW).ticket, now=NOW) or ""

    assert closing.turn_off_factor(ready, user_id, now=NOW)

    assert not second_factor.is_on(ready, user_id)
    assert sessions.recognise(ready.database, token, now=NOW) is None
    (workspace_id,) = access.workspaces_of(ready.database, user_id)
    with ready.database.workspace(workspace_id) as session:
        last, before = audit.trail(session, workspace_id)[:2]
    assert [(each.who, each.action) for each in (before, last)] == [
        (None, Action.FACTOR_OFF),
        (None, Action.SESSIONS_ENDED),
    ]
    assert not closing.turn_off_factor(ready, user_id, now=NOW)


@pytest.mark.parametrize("ring", ["there", "gone"])
@pytest.mark.parametrize("lost", [{"kek_id": "k9"}, {"ciphertext": b""}], ids=["its key is gone", "cut"])
def test_when_the_secret_does_not_open_a_recovery_code_still_counts(
    ready: Product, user_id: int, lost: dict[str, object], ring: str, caplog: pytest.LogCaptureFixture
) -> None:
    if ring == "gone":
        ready.settings.keyring_file.unlink()
    secret = second_factor.enrol(ready, user_id, EMAIL).secret
    earlier = NOW - timedelta(hours=1)
    codes = second_factor.confirm(ready, user_id, code_at(secret, earlier), now=earlier)
    with ready.database.exempt(write=True) as session:
        session.execute(update(FACTORS).where(FACTORS.c.user_id == user_id).values(**lost))

    assert second_factor.is_on(ready, user_id)
    assert sign_in.check_code(ready, user_id, code_at(secret, NOW), now=NOW) == Refused()
    assert sign_in.check_code(ready, user_id, codes[0], now=NOW) is True
    assert sign_in.check_code(ready, user_id, codes[0], now=NOW) == Refused()
    assert f"the second factor of user {user_id} does not open" in caplog.text
    second_factor.turn_off(ready, user_id)
    anew = second_factor.enrol(ready, user_id, EMAIL).secret
    assert second_factor.confirm(ready, user_id, code_at(anew, NOW), now=NOW)


def test_it_opens_after_the_keys_were_rotated(ready: Product, user_id: int, secret: str, tmp_path: Path) -> None:
    settings = {"TRACKER_DATABASE_URL": str(ready.database.engine.url.render_as_string(hide_password=False))}
    owner = product.start({**settings, "TRACKER_DATA_DIR": str(tmp_path)}, role="owner")
    receipt = rotation.rotate(owner)
    owner.close()
    after = product.start({**settings, "TRACKER_DATA_DIR": str(tmp_path)}, role="web")

    assert (receipt.rewrapped, receipt.unreadable_factors) == (1, [])
    assert second_factor.check(after, user_id, code_at(secret, NOW), now=NOW)
    after.close()


def test_guessing_codes_is_slowed(ready: Product, user_id: int, secret: str) -> None:
    told = [sign_in.check_code(ready, user_id, f"{n:06d}", now=NOW) for n in range(PAIR.free + 2)]

    assert told == [Refused()] * (PAIR.free + 1) + [Refused(PAIR.first)]
    assert sign_in.check_code(ready, user_id, code_at(secret, NOW), now=NOW) == Refused(PAIR.first)


def test_another_password_leaves_the_second_factor_on(ready: Product, user_id: int, secret: str) -> None:
    access.change_password(ready.database, user_id, "entirely different words here")

    assert second_factor.is_on(ready, user_id) and secret
    second_factor.turn_off(ready, user_id)
    assert not second_factor.is_on(ready, user_id)
    assert not second_factor.check(ready, user_id, code_at(secret, NOW), now=NOW)


def test_guessing_codes_for_a_year_comes_to_little(ready: Product, user_id: int, secret: str) -> None:
    """Tried whenever it may be tried; of a million codes three fit at any time."""
    tries, now, end = 0, NOW, NOW + timedelta(days=60)
    while now < end:
        found = sign_in.check_code(ready, user_id, "none", now=now)
        assert isinstance(found, Refused)
        tries += found.wait is None
        now += found.wait or timedelta()

    assert tries < 500
    assert sign_in.check_code(ready, user_id, code_at(secret, now), now=now) is True
