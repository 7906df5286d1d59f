"""A person's own account: their browsers, their password, the proof before a key is touched, and who did what."""

from __future__ import annotations

import csv
import re
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, WebSocketRoute, expect

from pages.ui.account import browser_of
from tests.authenticator import code_at
from tests.installation import NOW, PASSWORD
from tests.pages import steps
from tests.pages.looking import rest
from tests.site import Site

NEW_PASSWORD = "entirely different words here"


@pytest.mark.parametrize(
    ("agent", "told"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0 Safari/537.36", "Chrome on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/156.0 Safari/537.36 Edg/156", "Edge on Windows"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) Version/17 Safari/605", "Safari on macOS"),
        ("Mozilla/5.0 (Android 14; Mobile) Gecko/146 Firefox/146", "Firefox on Android"),
        ("**curl** :material/x:", "A browser"),
        ("", "A browser"),
    ],
)
def test_a_browser_is_named_in_our_own_words(agent: str, told: str) -> None:
    assert browser_of(agent) == told


@pytest.fixture
def email(own_site: Site) -> str:
    """A test's own account on the site of all."""
    return own_site.add_account()


def open_tab(page: Page, site: Site, email: str, tab: str) -> None:
    steps.open_signed_in(page, site, "/settings", email)
    page.get_by_role("radio", name=tab).click()


def trail_of(page: Page, folder: Path) -> list[dict[str, str]]:
    """The rows of the file behind the part of Settings that shows who did what, newest first."""
    page.get_by_role("radio", name="Audit trail").click()
    with page.expect_download() as waiting:
        page.get_by_role("link", name="The audit trail as CSV").click()
    waiting.value.save_as(folder / "audit.csv")
    return list(csv.DictReader((folder / "audit.csv").read_text(encoding="utf-8").splitlines()))


@pytest.mark.browser
def test_a_part_chosen_while_the_page_is_only_half_drawn_anew_is_shown(own_site: Site, page: Page) -> None:
    wire = _HeldWire()
    page.route_web_socket("**/_stcore/stream", wire.connect)
    steps.open_signed_in(page, own_site, "/settings")
    wanted = page.get_by_role("radio", name="Audit trail")
    expect(wanted).to_be_visible()
    rest(page)

    wire.hold_at(b"Audit trail")
    page.get_by_role("radio", name="Budget").click()
    wire.wait(page)
    wanted.click(force=True)  # as a hand does, which does not wait
    wire.let_go()

    expect(page.get_by_role("link", name="The audit trail as CSV")).to_be_visible()


class _HeldWire:
    """What the server says to a page, kept back from a message on that names something."""

    def __init__(self) -> None:
        self.held: list[str | bytes] = []
        self._names: bytes | None = None

    def connect(self, browser: WebSocketRoute) -> None:
        self._browser, server = browser, browser.connect_to_server()
        browser.on_message(server.send)
        server.on_message(self._told)

    def hold_at(self, names: bytes) -> None:
        self._names = names

    def wait(self, page: Page) -> None:
        for _ in range(1_000):
            if self.held:
                return
            page.wait_for_timeout(20)
        raise AssertionError("the server does not say it")

    def let_go(self) -> None:
        self._names, held, self.held = None, self.held, []
        for message in held:
            self._browser.send(message)

    def _told(self, message: str | bytes) -> None:
        if self.held or (self._names and isinstance(message, bytes) and self._names in message):
            self.held.append(message)
        else:
            self._browser.send(message)


@pytest.mark.browser
def test_signing_out_everywhere_ends_the_other_browser_too(
    own_site: Site, email: str, page: Page, chromium: Browser
) -> None:
    other = chromium.new_context()
    elsewhere = other.new_page()
    steps.open_signed_in(elsewhere, own_site, "/prices", email)  # which asks for nothing by itself
    open_tab(page, own_site, email, "Account")
    expect(page.get_by_text("Chrome on Linux").nth(1)).to_be_visible()
    expect(page.get_by_text("This browser")).to_have_count(1)

    page.get_by_role("button", name="Sign out everywhere").click()
    expect(page.get_by_text("You are signed out in every browser.")).to_be_visible()
    elsewhere.get_by_role("link", name="Settings").click()

    steps.sees_only_the_way_in(elsewhere)
    other.close()


@pytest.mark.browser
def test_an_old_session_proves_itself_before_a_key_is_touched(
    own_site: Site, email: str, page: Page, tmp_path: Path
) -> None:
    steps.open_signed_in(page, own_site, "/settings", email)
    steps.add_key(page, own_site.key)
    expect(page.get_by_text("The key works.")).to_be_visible()
    own_site.stop_all()
    own_site.environ["TRACKER_NOW"] = f"{NOW + timedelta(minutes=20):%Y-%m-%dT%H:%M:%SZ}"
    own_site.start_dashboard()
    own_site.start_worker()

    page.goto(f"{own_site.base_url}/settings")
    expect(page.get_by_text("Please confirm that it is you").first).to_be_visible()
    expect(page.get_by_label("OpenAI admin key")).to_have_count(0)
    page.get_by_role("radio", name="Account").click()
    expect(page.get_by_role("heading", name="Signed-in browsers")).to_be_visible()
    expect(page.get_by_text("Please confirm that it is you")).to_have_count(1)
    expect(page.get_by_label("New password", exact=True)).to_have_count(0)
    expect(page.get_by_text("Second factor", exact=True)).to_have_count(0)
    page.get_by_role("radio", name="Provider keys").click()
    expect(page.get_by_role("heading", name="Add a provider key")).to_be_visible()
    expect(page.get_by_label("Your password")).to_have_count(1)
    page.get_by_label("Your password").first.fill("not my password at all")
    page.get_by_role("button", name="Confirm").first.click()
    expect(page.get_by_text("That is not right.")).to_be_visible()
    steps.choose(page, "Delete")
    page.get_by_role("dialog").get_by_label("Your password").fill(PASSWORD)
    with page.expect_response("**/auth/session"):
        page.get_by_role("dialog").get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("dialog").get_by_role("button", name="Delete the key")).to_be_visible()
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_label("OpenAI admin key")).to_be_visible()
    page.reload()
    expect(page.get_by_label("OpenAI admin key")).to_be_visible()
    assert "proved who they are" in {row["action"] for row in trail_of(page, tmp_path)}


@pytest.mark.browser
def test_who_did_what_is_shown_and_can_be_taken_away(own_site: Site, email: str, page: Page, tmp_path: Path) -> None:
    open_tab(page, own_site, email, "Account")
    page.get_by_role("button", name="Sign out everywhere").click()
    expect(page.get_by_text("You are signed out in every browser.")).to_be_visible()
    steps.open_signed_in(page, own_site, "/settings", email)

    rows = trail_of(page, tmp_path)
    assert {"signed in", "ended every session"} <= {row["action"] for row in rows}
    assert {row["from"] for row in rows} == {"127.0.0.1"}
    assert rows[0]["action"] == "downloaded a file"


@pytest.mark.browser
def test_guessing_is_slowed_with_a_word_on_how_long(own_site: Site, page: Page) -> None:
    """The wait doubles with each try: the slower the machine, the more tries it takes until one comes too early."""
    page.goto(own_site.base_url)
    told = page.get_by_text("Too many tries. Please wait")
    for _ in range(14):
        steps.sign_in(page, "victim@acme.example", "a wrong password again")
        expect(page.get_by_role("alert")).to_be_visible()
        page.wait_for_timeout(300)
        if told.is_visible():
            break

    expect(told).to_be_visible()


@pytest.mark.browser
def test_another_password_ends_every_session_and_the_old_one_opens_nothing(
    own_site: Site, email: str, page: Page
) -> None:
    open_tab(page, own_site, email, "Account")
    page.get_by_label("New password", exact=True).fill(NEW_PASSWORD)
    page.get_by_label("Repeat the new password").fill(NEW_PASSWORD)
    page.get_by_role("button", name="Change the password").click()

    expect(page.get_by_text("Your password is changed and every session ended.")).to_be_visible()
    steps.sign_in(page, email)
    expect(page.get_by_text("E-mail or password is not right.")).to_be_visible()
    steps.sign_in(page, email, NEW_PASSWORD)
    expect(page.get_by_role("button", name="Sign out", exact=True)).to_be_visible()


@pytest.mark.browser
def test_a_lost_password_is_replaced_through_the_mail(own_site: Site, email: str, page: Page) -> None:
    page.goto(own_site.base_url)
    page.get_by_role("button", name="Forgot your password?").click()
    expect(page.get_by_text("No mail server is configured")).to_be_visible()
    expect(page.get_by_label("E-mail")).to_have_count(1)  # the form it takes the place of may still be fading
    page.get_by_label("E-mail").fill(email)
    page.get_by_role("button", name="Send me a link").click()
    expect(page.get_by_text("If there is an account for this address")).to_be_visible()

    page.goto(own_site.base_url + _link_in_the_letter_to(email, own_site, page))
    page.get_by_label("New password", exact=True).fill(NEW_PASSWORD)
    page.get_by_label("Repeat the new password").fill(NEW_PASSWORD)
    page.get_by_role("button", name="Change the password").click()

    expect(page.get_by_text("Your password is changed")).to_be_visible()
    assert "reset=" not in page.url
    steps.sign_in(page, email, NEW_PASSWORD)
    expect(page.get_by_role("button", name="Sign out", exact=True)).to_be_visible()


def _link_in_the_letter_to(email: str, site: Site, page: Page) -> str:
    """What follows the site's address; the worker writes the letter within two seconds."""
    folder = Path(site.environ["TRACKER_DATA_DIR"]) / "mail"
    for _ in range(100):
        for letter in map(Path.read_text, folder.glob("*.eml")):
            if f"To: {email}" in letter and (links := re.findall(r"/\?reset=[\w-]+", letter)):
                return str(links[0])
        page.wait_for_timeout(100)
    raise AssertionError("no letter came")


@pytest.mark.browser
def test_a_second_factor_is_set_up_and_asked_for(own_site: Site, email: str, page: Page) -> None:
    open_tab(page, own_site, email, "Account")
    page.get_by_role("button", name="Set up a second factor").click()
    secret = page.get_by_test_id("stCode").inner_text().strip()
    page.get_by_label("Code").fill(code_at(secret, own_site.now))
    page.get_by_role("button", name="Turn it on").click()
    expect(page.get_by_text("Your second factor is on.")).to_be_visible()
    expect(page.get_by_test_id("stCode")).to_have_count(1)  # the secret's may still be fading
    recovery = page.get_by_test_id("stCode").inner_text().split()
    page.get_by_role("button", name="I have kept them").click()
    page.get_by_role("button", name="Sign out", exact=True).click()

    steps.sign_in(page, email)
    code = page.get_by_label("Code of your authenticator, or a recovery code")
    code.fill("000000")
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_text("That code is not right")).to_be_visible()
    expect(page.get_by_role("button", name="Sign out", exact=True)).to_have_count(0)
    code.fill(recovery[0])
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("button", name="Sign out", exact=True)).to_be_visible()
