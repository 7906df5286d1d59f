"""Signing in by an OpenID provider, in a real browser, with a provider on this machine."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy import select, update

from tests import site
from tests.authenticator import code_at
from tests.installation import EMAIL, PASSWORD
from tests.oidc_provider import CLIENT_ID, CLIENT_SECRET, Claims, Person, Provider, signed_by_another, unsigned
from tests.pages import steps
from tests.site import Site
from tracker import access, second_factor
from tracker.models import AuditEvent, Identity, User, table_of

pytestmark = pytest.mark.browser

USERS, EVENTS, IDENTITIES = table_of(User), table_of(AuditEvent), table_of(Identity)
THERE = "Example ID"


@pytest.fixture(scope="module")
def only_provider() -> Iterator[Provider]:
    with Provider() as running:
        yield running


@pytest.fixture
def provider(only_provider: Provider) -> Provider:
    only_provider.trouble = lambda claims: claims
    only_provider.forged = lambda token: token
    return only_provider


@pytest.fixture(scope="module")
def social_site(
    only_provider: Provider, migrated_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """A site at which one may sign in by the provider."""
    folder = tmp_path_factory.mktemp("social")
    shutil.copyfile(migrated_file, folder / "tracker.db")
    with site.running(f"sqlite:///{folder / 'tracker.db'}", folder, worker=False) as running:
        running.stop_all()
        running.environ |= {
            "TRACKER_OIDC_ISSUER": only_provider.issuer,
            "TRACKER_OIDC_CLIENT_ID": CLIENT_ID,
            "TRACKER_OIDC_CLIENT_SECRET": CLIENT_SECRET,
            "TRACKER_OIDC_NAME": THERE,
            "TRACKER_PUBLIC_URL": running.base_url,
        }
        running.start_dashboard()
        yield running


def go_on(page: Page) -> None:
    page.get_by_role("button", name=f"Continue with {THERE}").click()


def come(page: Page, site: Site, provider: Provider, person: Person) -> None:
    provider.person = person
    page.goto(site.base_url)
    go_on(page)


def come_in(page: Page, site: Site, provider: Provider, person: Person) -> None:
    """Come, and wait until the session's cookie is safely in the browser."""
    with page.expect_response("**/auth/session"):
        come(page, site, provider, person)


def is_in(page: Page, email: str) -> None:
    expect(page.get_by_role("button", name="Sign out", exact=True)).to_be_visible()
    expect(page.get_by_text(f"Signed in as {email.partition('@')[0]}@")).to_be_visible()


def cookies(context: BrowserContext) -> set[str]:
    return {str(cookie.get("name")) for cookie in context.cookies()}


def trail(site: Site, email: str) -> list[str]:
    """What is on record of a person, oldest first."""
    ready = site.product()
    workspace = access.workspace_of(ready.database, email)
    with ready.database.workspace(workspace) as session:
        mine = select(EVENTS.c.action).where(EVENTS.c.workspace_id == workspace).order_by(EVENTS.c.id)
        told = list(session.execute(mine).scalars())
    ready.close()
    return told


def make_account(site: Site, email: str) -> None:
    ready = site.product()
    access.add_user(ready.database, email, PASSWORD)
    ready.close()


def connected(site: Site) -> set[str]:
    ready = site.product()
    with ready.database.exempt() as session:
        found = set(session.execute(select(IDENTITIES.c.subject)).scalars())
    ready.close()
    return found


def test_somebody_new_gets_an_account_and_signing_out_is_for_good(
    social_site: Site, provider: Provider, page: Page, context: BrowserContext
) -> None:
    grace = Person("grace", "Grace@Acme.example")
    come_in(page, social_site, provider, grace)
    is_in(page, "grace@acme.example")
    assert not [name for name in cookies(context) if name.startswith("_streamlit_user")]
    assert trail(social_site, "grace@acme.example") == ["signed up", "connected a way to sign in", "signed in"]

    with page.expect_response("**/auth/logout"):
        page.get_by_role("button", name="Sign out", exact=True).click()
    expect(page.get_by_text("You are signed out, in every tab.")).to_be_visible()
    page.reload()
    steps.sees_only_the_way_in(page)


def test_somebody_who_returns_is_known_by_issuer_and_subject_alone(
    social_site: Site, provider: Provider, page: Page, context: BrowserContext
) -> None:
    come_in(page, social_site, provider, Person("hal", "hal@acme.example"))
    is_in(page, "hal@acme.example")
    context.clear_cookies()

    provider.person = Person("hal", "moved@elsewhere.example", verified=False)
    shared = f"{social_site.base_url}/explore?range=custom&from=2026-11-01&to=2026-11-20&by=project&m=tokens"
    page.goto(shared)
    go_on(page)

    is_in(page, "hal@acme.example")
    expect(page.get_by_role("heading", name="Explore", exact=True)).to_be_visible()
    expect(page).to_have_url(shared)
    assert "back_to" not in cookies(context)


def test_an_account_of_the_address_is_connected_once_its_password_is_typed(
    social_site: Site, provider: Provider, page: Page, context: BrowserContext
) -> None:
    ada = Person("ada", EMAIL)
    come(page, social_site, provider, ada)
    expect(page.get_by_text("There is an account for this address already.")).to_be_visible()
    assert "ada" not in connected(social_site)

    with page.expect_response("**/auth/session"):
        steps.sign_in(page)
    is_in(page, EMAIL)
    assert "connected a way to sign in" in trail(social_site, EMAIL)
    context.clear_cookies()

    come_in(page, social_site, provider, ada)
    is_in(page, EMAIL)


def test_an_account_made_with_anothers_address_is_not_joined(
    social_site: Site, provider: Provider, page: Page, context: BrowserContext
) -> None:
    make_account(social_site, "squatted@acme.example")

    come(page, social_site, provider, Person("owner", "squatted@acme.example"))

    expect(page.get_by_text("There is an account for this address already.")).to_be_visible()
    page.reload()
    steps.sees_only_the_way_in(page)
    assert "owner" not in connected(social_site)


def test_the_password_of_one_account_connects_no_identity_of_another(
    social_site: Site, provider: Provider, page: Page
) -> None:
    make_account(social_site, "bo@acme.example")
    make_account(social_site, "cy@acme.example")
    come(page, social_site, provider, Person("bo", "bo@acme.example"))
    expect(page.get_by_text("There is an account for this address already.")).to_be_visible()

    steps.sign_in(page, "cy@acme.example")

    is_in(page, "cy@acme.example")
    assert "bo" not in connected(social_site)


def test_an_address_that_the_provider_does_not_vouch_for_is_refused(
    social_site: Site, provider: Provider, page: Page
) -> None:
    come(page, social_site, provider, Person("eve", "eve@acme.example", verified=False))

    expect(page.get_by_text("Your provider does not say that this e-mail address is yours.")).to_be_visible()
    steps.sees_only_the_way_in(page)
    assert "eve" not in connected(social_site)


def test_a_disabled_account_stays_closed(
    social_site: Site, provider: Provider, page: Page, context: BrowserContext
) -> None:
    dan = Person("dan", "dan@acme.example")
    come_in(page, social_site, provider, dan)
    is_in(page, dan.email)
    ready = social_site.product()
    with ready.database.exempt(write=True) as session:
        session.execute(update(USERS).where(USERS.c.email == dan.email).values(disabled_at=social_site.now))
    ready.close()
    context.clear_cookies()

    come(page, social_site, provider, dan)

    expect(page.get_by_text("This account is closed.")).to_be_visible()
    steps.sees_only_the_way_in(page)


def _for_another_site(claims: Claims) -> Claims:
    return {**claims, "aud": "another-site", "azp": CLIENT_ID}


@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        (_for_another_site, "That sign-in was not meant for this site."),
        (lambda claims: {**claims, "iss": "https://another.example"}, None),
        (lambda claims: {**claims, "nonce": "another"}, None),
        (lambda claims: {**claims, "iat": 1, "exp": 2}, None),
    ],
    ids=["another site's", "another issuer's", "another sign-in's", "one of long ago"],
)
def test_a_token_that_is_not_for_this_sign_in_opens_nothing(
    social_site: Site, provider: Provider, page: Page, trouble: object, told: str | None
) -> None:
    assert callable(trouble)
    provider.trouble = trouble
    come(page, social_site, provider, Person("mallory", "mallory@acme.example"))
    page.wait_for_url(f"{social_site.base_url}/")

    if told:
        expect(page.get_by_text(told)).to_be_visible()
    steps.sees_only_the_way_in(page)
    assert "mallory" not in connected(social_site)


@pytest.mark.parametrize("forged", [unsigned, signed_by_another])
def test_a_token_that_the_provider_did_not_sign_opens_nothing(
    social_site: Site, provider: Provider, page: Page, forged: Callable[[str], str]
) -> None:
    provider.forged = forged
    come(page, social_site, provider, Person("mallory", "mallory@acme.example"))
    page.wait_for_url(f"{social_site.base_url}/")

    steps.sees_only_the_way_in(page)
    assert "mallory" not in connected(social_site)


def test_neither_a_callback_nor_what_it_gave_works_a_second_time(
    social_site: Site, provider: Provider, page: Page, context: BrowserContext
) -> None:
    given: list[tuple[str, str]] = []
    page.on("response", lambda answer: given.append((answer.url, answer.all_headers().get("set-cookie", ""))))
    come_in(page, social_site, provider, Person("ivy", "ivy@acme.example"))
    is_in(page, "ivy@acme.example")
    (callback, told) = next(pair for pair in given if "/oauth2callback" in pair[0])
    kept = [line.split(";")[0] for line in told.split("\n") if line.startswith("_streamlit_user=")]
    assert kept and all("Max-Age=120" in line for line in told.split("\n") if line.startswith("_streamlit_user="))
    context.clear_cookies()

    page.goto(callback)
    steps.sees_only_the_way_in(page)
    name, _, value = kept[0].partition("=")
    context.add_cookies([{"name": name, "value": value, "url": social_site.base_url}])
    page.goto(social_site.base_url)
    expect(page.get_by_text("That sign-in is too old.")).to_be_visible()
    steps.sees_only_the_way_in(page)


def test_the_second_factor_is_asked_for_all_the_same(
    social_site: Site, provider: Provider, page: Page, context: BrowserContext
) -> None:
    fay = Person("fay", "fay@acme.example")
    come_in(page, social_site, provider, fay)
    is_in(page, fay.email)
    ready = social_site.product()
    user_id = access.user_of(ready.database, fay.email)
    secret = second_factor.enrol(ready, user_id, fay.email).secret
    codes = _turn_on(social_site, secret, user_id)
    ready.close()
    context.clear_cookies()

    come(page, social_site, provider, fay)
    field = page.get_by_label("Code of your authenticator, or a recovery code")
    expect(field).to_be_visible()
    page.reload()
    steps.sees_only_the_way_in(page)
    go_on(page)
    field.fill(codes[0])
    page.get_by_role("button", name="Go on").click()

    is_in(page, fay.email)


def _turn_on(site: Site, secret: str, user_id: int) -> list[str]:
    """Confirm a second factor; its recovery codes."""
    ready = site.product()
    codes = second_factor.confirm(ready, user_id, code_at(secret, site.now), now=site.now)
    ready.close()
    return codes


def test_somebody_without_a_password_proves_it_again_by_the_provider(
    social_site: Site, provider: Provider, page: Page
) -> None:
    jo = Person("jo", "jo@acme.example")
    come_in(page, social_site, provider, jo)
    is_in(page, jo.email)
    social_site.stop_all()
    began = social_site.environ["TRACKER_NOW"]
    social_site.environ["TRACKER_NOW"] = f"{social_site.now + timedelta(minutes=20):%Y-%m-%dT%H:%M:%SZ}"
    social_site.start_dashboard()
    page.goto(f"{social_site.base_url}/settings")
    expect(page.get_by_text("Please confirm that it is you").first).to_be_visible()

    provider.person = Person("another", "another@acme.example")
    page.get_by_role("button", name=f"Confirm with {THERE}").first.click()
    expect(page.get_by_text("That is not the account that you are signed in with.")).to_be_visible()
    provider.person = jo
    page.goto(f"{social_site.base_url}/settings")
    with page.expect_response("**/auth/session"):
        page.get_by_role("button", name=f"Confirm with {THERE}").first.click()
    assert provider.asked[-1]["max_age"] == "0" and "prompt" not in provider.asked[-1]
    is_in(page, jo.email)
    page.get_by_role("link", name="Settings").click()

    expect(page.get_by_label("OpenAI admin key")).to_be_visible()
    assert trail(social_site, jo.email)[-2:] == ["proved who they are", "signed in"]
    social_site.environ["TRACKER_NOW"] = began


def test_what_is_not_needed_of_the_servers_own_sign_in_is_closed(social_site: Site) -> None:
    assert httpx.get(f"{social_site.base_url}/auth/logout").status_code == 404
    assert httpx.get(f"{social_site.base_url}/oauth2callback").status_code == 302
    assert (Path(social_site.environ["TRACKER_DATA_DIR"]) / "cookie-secret").stat().st_mode & 0o077 == 0
