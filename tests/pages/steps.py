"""What a person does in the browser, in a person's words."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.installation import EMAIL, PASSWORD
from tests.site import Site


def sign_up(page: Page, email: str, password: str) -> None:
    page.get_by_role("button", name="Create an account").click()
    expect(page.get_by_label("Repeat the password")).to_be_visible()
    expect(page.get_by_label("E-mail")).to_have_count(1)
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_label("Repeat the password").fill(password)
    page.get_by_role("button", name="Create account").click()


def sign_in(page: Page, email: str = EMAIL, password: str = PASSWORD) -> None:
    expect(page.get_by_role("button", name="Sign in", exact=True)).to_have_count(1)
    expect(page.get_by_label("E-mail")).to_have_count(1)  # the form it takes the place of may still be fading
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()


def open_signed_in(page: Page, site: Site, path: str = "/", email: str = EMAIL) -> None:
    """Open an address as an account of the site, its cookie safely in the browser."""
    page.goto(site.base_url + path)
    with page.expect_response("**/auth/session") as answer:
        sign_in(page, email)
    assert answer.value.status == 204
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def add_key(page: Page, key: str, label: str = "main") -> None:
    expect(page.get_by_label("OpenAI admin key")).to_have_count(1)  # one just stored may still be on its way out
    page.get_by_label("Label").fill(label)
    page.get_by_label("OpenAI admin key").fill(key)
    page.get_by_role("button", name="Check and save").click()


def choose(page: Page, action: str) -> None:
    """What is to be done with the only key."""
    page.get_by_role("button", name="Manage").click()
    page.get_by_role("option", name=action).or_(page.get_by_role("menuitem", name=action)).click()


def sees_only_the_way_in(page: Page) -> None:
    expect(page.get_by_role("button", name="Sign in", exact=True)).to_be_visible()
    for word in ("Dashboard", "Settings", "Sign out", "Provider keys", "Month to date"):
        expect(page.get_by_text(word)).to_have_count(0)
