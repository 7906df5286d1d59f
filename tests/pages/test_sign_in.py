"""Nobody but the signed-in person sees anything, in any tab, at any address, at any moment."""

from __future__ import annotations

import httpx
import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from pages.registry import PAGES
from tests.installation import EMAIL, PASSWORD
from tests.pages import steps
from tests.site import Site
from tracker import access, sessions
from tracker.clock import utc_now

pytestmark = pytest.mark.browser


def test_a_reload_stays_signed_in_and_no_script_sees_the_cookie(own_site: Site, page: Page) -> None:
    steps.open_signed_in(page, own_site)
    page.reload()

    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    assert "sid" not in str(page.evaluate("document.cookie"))
    kept = {cookie["name"]: cookie for cookie in page.context.cookies()}
    assert kept["sid"]["httpOnly"] and kept["sid"]["sameSite"] == "Lax"


@pytest.mark.parametrize("trouble", ["no answer", "busy"])
def test_a_cookie_that_could_not_be_given_at_once_is_asked_for_again(own_site: Site, page: Page, trouble: str) -> None:
    """As while the database is busy with a new key's year."""
    asked: list[object] = []

    def twice_in_vain(route: Route) -> None:
        asked.append(route.request)
        if len(asked) > 2:
            route.continue_()
        elif trouble == "busy":
            route.fulfill(status=503)
        else:
            route.abort()

    page.route("**/auth/session", twice_in_vain)
    page.goto(own_site.base_url)
    with page.expect_response(lambda answer: answer.status == 204):
        steps.sign_in(page)
    page.reload()

    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    assert len(asked) == 3


def test_a_password_is_masked_and_may_be_pasted(own_site: Site, context: BrowserContext) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=own_site.base_url)
    page = context.new_page()
    page.goto(own_site.base_url)
    field = page.get_by_label("Password", exact=True)
    expect(field).to_have_attribute("type", "password")
    page.evaluate("text => navigator.clipboard.writeText(text)", PASSWORD)

    field.focus()
    page.keyboard.press("Control+V")

    expect(field).to_have_value(PASSWORD)


def test_a_deep_link_survives_signing_in(own_site: Site, page: Page) -> None:
    steps.open_signed_in(page, own_site, "/settings")

    expect(page.get_by_role("heading", name="Settings")).to_be_visible()


def test_signing_out_ends_the_session_in_every_tab_and_for_every_copy(own_site: Site, context: BrowserContext) -> None:
    first, second = context.new_page(), context.new_page()
    steps.open_signed_in(first, own_site)
    second.goto(f"{own_site.base_url}/settings")
    expect(second.get_by_role("heading", name="Settings")).to_be_visible()
    copy = {cookie["name"]: cookie["value"] for cookie in context.cookies()}
    export = f"{own_site.base_url}/export/usage.csv?from=2026-11-01&to=2026-11-02"
    assert httpx.get(export, cookies=copy).status_code == 200

    first.get_by_role("button", name="Sign out").click()
    expect(first.get_by_text("You are signed out, in every tab.")).to_be_visible()
    second.get_by_role("link", name="Dashboard").click()

    steps.sees_only_the_way_in(second)
    assert httpx.get(export, cookies=copy).status_code == 401
    second.reload()
    steps.sees_only_the_way_in(second)


def test_a_session_ended_elsewhere_shows_nothing_at_the_next_click(own_site: Site, page: Page) -> None:
    steps.open_signed_in(page, own_site, "/settings")
    here = own_site.product()
    sessions.end_all(here.database, access.user_of(here.database, EMAIL), now=utc_now())
    here.close()

    page.get_by_label("Label").fill("anything")
    page.get_by_role("button", name="Check and save").click()

    steps.sees_only_the_way_in(page)
    expect(page.get_by_text("You were signed out")).to_be_visible()


@pytest.mark.parametrize("first", ["/settings", "/dashboard"])
def test_a_cold_server_shows_a_stranger_the_way_in_whatever_is_asked(own_site: Site, page: Page, first: str) -> None:
    own_site.stop("dashboard")
    own_site.start_dashboard()

    for path in dict.fromkeys([first, *(f"/{each.path}" for each in PAGES), "/", "/main", "/sign_in", "/registry"]):
        page.goto(own_site.base_url + path)
        steps.sees_only_the_way_in(page)


@pytest.mark.parametrize(("email", "password"), [(EMAIL, PASSWORD + "!"), ("nobody@acme.example", PASSWORD), ("", "")])
def test_a_wrong_pair_is_refused_with_the_same_words(own_site: Site, page: Page, email: str, password: str) -> None:
    page.goto(own_site.base_url)
    steps.sign_in(page, email, password)

    expect(page.get_by_text("E-mail or password is not right.")).to_be_visible()
    steps.sees_only_the_way_in(page)


@pytest.mark.parametrize("email", [EMAIL, "new@acme.example"])
def test_signing_up_does_not_tell_whether_there_is_an_account(own_site: Site, page: Page, email: str) -> None:
    page.goto(own_site.base_url)
    steps.sign_up(page, email, "another long password")

    expect(page.get_by_text("If this address is new, your account is ready: sign in.")).to_be_visible()
    expect(page.get_by_label("E-mail")).to_have_value(email)
    are_for(page, "username", "current-password")
    assert "acme" not in page.url
    page.get_by_label("Password", exact=True).fill("not its password")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_text("E-mail or password is not right.")).to_be_visible()
    expect(page.get_by_label("E-mail")).to_have_value(email)
    page.reload()
    expect(page.get_by_label("E-mail")).to_have_value("")
    are_for(page, "username", "current-password")
    steps.sign_in(page, EMAIL, PASSWORD)
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


PURPOSES = "(expected) => expected === [...document.querySelectorAll('input')].map((e) => e.autocomplete).join()"


def are_for(page: Page, *purposes: str) -> None:
    """What a browser takes each field to be for (WCAG 2.2, 1.3.5), once those of a form on its way out have gone."""
    page.wait_for_function(PURPOSES, arg=",".join(purposes))


def test_every_field_of_a_new_account_says_what_it_is_for(own_site: Site, page: Page) -> None:
    page.goto(own_site.base_url)
    page.get_by_role("button", name="Create an account").click()
    expect(page.get_by_label("Repeat the password")).to_be_visible()

    are_for(page, "email", "new-password", "new-password", "given-name", "family-name")


@pytest.mark.parametrize(
    ("email", "password", "told"),
    [
        ("no address", "a long enough password", "That is not an e-mail address"),
        ("short@acme.example", "too short", "Choose one of 15 to 128"),
    ],
)
def test_an_account_that_cannot_be_made_says_why(
    own_site: Site, page: Page, email: str, password: str, told: str
) -> None:
    page.goto(own_site.base_url)
    steps.sign_up(page, email, password)

    expect(page.get_by_text(told)).to_be_visible()


def test_no_page_breaks_the_content_policy_or_calls_anybody_else(own_site: Site, page: Page) -> None:
    told: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: told.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))

    steps.open_signed_in(page, own_site)
    for entry in PAGES:
        page.get_by_role("link", name=entry.title).click()
        expect(page.get_by_role("heading", name=entry.title, exact=True)).to_be_visible()
        expect(page.get_by_role("button", name="Sign out", exact=True)).to_be_visible()
    kept = [page.evaluate(f"JSON.stringify({place})") for place in ("localStorage", "sessionStorage")]
    page.get_by_role("button", name="Sign out").click()
    steps.sees_only_the_way_in(page)

    assert told == []
    assert not [text for text in (EMAIL, own_site.key, "sid") if any(text in each for each in kept)]
    own = own_site.base_url.removeprefix("http")
    assert {url for url in asked if not url.startswith(("data:", "blob:", f"http{own}", f"ws{own}"))} == set()
