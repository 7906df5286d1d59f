"""No page in any state has a serious fault by axe-core's rules for WCAG 2.2 AA, in either theme, wide or narrow.

And whoever has no mouse gets as far: from the way in to the first number.
"""

from __future__ import annotations

import re
from functools import partial

import pytest
from playwright.sync_api import Page, expect

from pages.registry import PAGES
from tests.installation import EMAIL, PASSWORD
from tests.pages import steps
from tests.pages.looking import LISTENING, Album, rest, saved_charts, tab_to, watch, wear
from tests.site import Site

pytestmark = pytest.mark.browser


def test_no_page_has_a_serious_fault_while_nothing_is_connected(own_site: Site, page: Page, album: Album) -> None:
    page.goto(own_site.base_url)
    expect(page.get_by_role("button", name="Sign in", exact=True)).to_be_visible()
    for nothing_seen in ("Fullscreen", "Link to heading"):
        expect(page.locator(f"[aria-label^='{nothing_seen}']")).to_have_count(0)
    album.look(page, "sign in")
    page.get_by_role("button", name="Create an account").click()
    expect(page.get_by_label("Repeat the password")).to_be_visible()
    album.look(page, "sign up")
    steps.open_signed_in(page, own_site)
    for each in PAGES:
        page.get_by_role("link", name=each.title, exact=True).click()
        expect(page.get_by_role("heading", name=each.title, exact=True)).to_be_visible()
        expect(page.locator("nav [aria-current=page]")).to_contain_text(each.title)
        album.look(page, f"{each.path}, nothing connected")
    _refuse(page)
    album.look(page, "settings, a key refused", lambda: _refuse(page))
    assert album.faults == {}


def test_the_keyboard_alone_leads_to_the_first_number(own_site: Site, page: Page) -> None:
    page.add_init_script(LISTENING)
    page.goto(own_site.base_url)
    expect(page.get_by_role("button", name="Sign in", exact=True)).to_be_visible()
    tab_to(page, page.get_by_role("button", name="Create an account"))
    page.keyboard.press("Enter")
    expect(page.get_by_label("E-mail")).to_be_focused()
    listeners = page.evaluate("waiting.size")
    tab_to(page, page.get_by_role("button", name="I already have an account"))
    page.keyboard.press("Enter")
    expect(page.get_by_label("Repeat the password")).to_have_count(0)
    expect(page.get_by_label("E-mail")).to_be_focused()
    assert 0 < page.evaluate("waiting.size") <= listeners, "each errand leaves a listener behind"
    page.keyboard.type(EMAIL)
    tab_to(page, page.get_by_label("Password", exact=True))
    page.keyboard.type(PASSWORD)
    with page.expect_response("**/auth/session"):
        page.keyboard.press("Enter")
    expect(page.get_by_text("No provider is connected yet")).to_be_visible()
    rest(page)
    second = page.context.new_page()
    second.goto(own_site.base_url)
    expect(second.get_by_text("No provider is connected yet")).to_be_visible()
    page.bring_to_front()
    tab_to(page, page.get_by_role("button", name="Connect a key"))
    page.keyboard.press("Enter")
    expect(page.get_by_label("OpenAI admin key")).to_be_visible()
    tab_to(page, page.get_by_label("Label"))
    page.keyboard.type("main")
    tab_to(page, page.get_by_label("OpenAI admin key"))
    page.keyboard.type(own_site.key)
    tab_to(page, page.get_by_role("button", name="Check and save"))
    page.keyboard.press("Enter")
    expect(page.get_by_text(f"ends {own_site.key[-4:]}")).to_be_visible()

    see = page.get_by_role("button", name="See your dashboard")
    expect(see).to_be_focused()
    wear(page, "dark")
    expect(page.get_by_text("The key works.")).to_be_visible()
    rest(page)  # it is drawn anew for its other theme
    see.press("Enter")
    expect(page.get_by_text("30 of 30 days complete")).to_be_visible(timeout=60_000)
    expect(second.get_by_text("30 of 30 days complete")).to_be_visible(timeout=60_000)  # nobody touched it


def test_no_page_has_a_serious_fault_with_a_year_to_show(own_site: Site, page: Page, album: Album) -> None:
    refused = watch(page)
    steps.open_signed_in(page, own_site, "/settings")
    rest(page)
    if page.get_by_text("None yet.").count():
        steps.add_key(page, own_site.key)
    expect(page.get_by_text("Up to date")).to_be_visible(timeout=60_000)
    for each in PAGES:
        page.get_by_role("link", name=each.title, exact=True).click()
        expect(page.get_by_role("heading", name=each.title, exact=True)).to_be_visible()
        rest(page)
        if each.path in DRAWN:
            expect(page.locator('[data-testid="stVegaLiteChart"] svg').first).to_be_visible()
            assert saved_charts(page) == []
        album.look(page, each.path)
    _settings(page, album)
    _prices(page, album)
    for name, (address, words) in VIEWS.items():
        page.goto(own_site.base_url + address)
        expect(page.get_by_text(words).first).to_be_visible()
        again = partial(AGAIN.get(name, rest), page)
        again()
        album.look(page, name, again)
    assert (album.faults, refused) == ({}, [])


def _open_downloads(page: Page) -> None:
    if not page.get_by_role("link", name="The bill of").is_visible():
        page.get_by_role("button", name="A range as CSV").click()
    expect(page.get_by_role("link", name="The bill of")).to_be_visible()


DRAWN = {"dashboard", "explore", "economics", "completeness", "reconciliation"}

VIEWS = {
    "dashboard by token class, downloads open": ("/?m=Tokens&by=Token+class&range=7d", "1–23 Nov by token class"),
    "explore by the hour": ("/explore?range=custom&from=2026-11-19&to=2026-11-20&grain=hour", "each hour"),
    "explore without a row": ("/explore?range=custom&from=2020-01-01&to=2020-01-05", "No usage"),
    "why this number": (
        "/prices?view=Why+this+number%3F&day=2026-11-18&day=2026-11-20&model=gpt-5.4",
        "each priced by itself",
    ),
}

AGAIN = {"dashboard by token class, downloads open": _open_downloads}


def _refuse(page: Page) -> None:
    steps.add_key(page, "sk-adm in")
    expect(page.get_by_role("alert").filter(has_text="The key")).to_be_visible()


def _settings(page: Page, album: Album) -> None:
    """On the last of the pages: its tabs, what the budget's form answers, and what a key is asked about."""
    page.get_by_role("radio", name="Budget").click()
    _budget(page, "a lot", "such as 6000")
    album.look(page, "settings, a budget refused", lambda: _budget(page, "a lot", "such as 6000"))
    _budget(page, "240", "The budget is $240.00 a month")
    album.look(page, "settings, a budget", lambda: _budget(page, "240", "The budget is $240.00 a month"))
    for tab in ("Account", "Audit trail"):
        page.get_by_role("radio", name=tab).click()
        album.look(page, f"settings, {tab}")
    page.get_by_role("radio", name="Provider keys").click()
    for action, words in {"Key passport": "Every call ever made with it", "Delete": "already read stay"}.items():
        _manage(page, action, words)
        album.look(page, f"settings, {action}", lambda: _manage(page, action, words))  # noqa: B023 - called at once
        page.get_by_role("button", name="Close").click()


def _budget(page: Page, amount: str, answer: str) -> None:
    page.get_by_label("US dollars a month").fill(amount)
    page.get_by_role("button", name="Save the budget").click()
    expect(page.get_by_role("alert").or_(page.get_by_role("status")).filter(has_text=answer)).to_be_visible()


def _manage(page: Page, action: str, words: str) -> None:
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("button", name="Manage").click()
    page.get_by_role("option", name=action).or_(page.get_by_role("menuitem", name=action)).click()
    expect(page.get_by_text(words)).to_be_visible()


def _prices(page: Page, album: Album) -> None:
    """From the bill's price to a repricing taken back; then agree a price by hand, each step looked at."""
    page.get_by_role("link", name="Reconciliation").click()
    page.get_by_role("button", name="Use this price …").first.click()
    page.get_by_role("button", name="Make it ours").click()
    expect(page.get_by_text("Below is what repricing would change")).to_be_visible()
    expect(page.get_by_text("Session State API")).to_have_count(0)  # Streamlit's words for what a visitor cannot mend
    _there_and_back(page)
    page.get_by_role("button", name="Apply …").click()
    page.get_by_role("button", name="Apply", exact=True).click()
    page.get_by_role("button", name="Undo …").first.click()
    page.get_by_role("button", name="Take it back").click()
    expect(page.get_by_text("is taken back")).to_be_visible()
    page.get_by_role("link", name="Dashboard").click()
    page.get_by_role("button", name="Set a price").click()
    expect(page.get_by_text("List prices in use")).to_be_visible()
    expect(page.get_by_text("Session State API")).to_have_count(0)
    page.get_by_text("1 more", exact=True).click()
    expect(page.get_by_text("vector stores", exact=True)).to_be_visible()
    _add_a_price(page)
    album.look(page, "adding a price", lambda: _add_a_price(page))
    _factor(page, "0.5", "50 % off")
    album.look(page, "prices with one agreed")


def _there_and_back(page: Page) -> None:
    """Between two pages, of which a button of one leads to the other, no address holds words of the wrong one."""
    rest(page)
    led_to = page.url
    page.go_back()
    expect(page.get_by_role("heading", name="Reconciliation", exact=True)).to_be_visible()
    expect(page).to_have_url(re.compile("/reconciliation$"))
    rest(page)
    page.go_forward()
    expect(page.get_by_role("heading", name="Prices", exact=True)).to_be_visible()
    expect(page).to_have_url(led_to)
    rest(page)


def _add_a_price(page: Page) -> None:
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("button", name="Add a price").click()
    page.get_by_label("Model", exact=True).fill("gpt-5.4")
    _factor(page, "0,5", "The factor is a number from 0 to 100")


def _factor(page: Page, factor: str, answer: str) -> None:
    page.get_by_label("Factor", exact=True).fill(factor)
    page.get_by_role("button", name="Add this price").click()
    expect(page.get_by_text(answer).first).to_be_visible()
