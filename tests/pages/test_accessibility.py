"""No page in any state has a serious fault by axe-core's rules for WCAG 2.2 AA, in either theme, wide or narrow."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.pages import steps
from tests.pages.conftest import PATIENCE_MS
from tests.site import Site

pytestmark = pytest.mark.browser

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], "resultTypes": ["violations"]}
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
GRAVE = {"serious", "critical"}

NOT_OURS = {
    # Streamlit puts a div between the list and the items of a navigation with headings (1.67, seen 2026-11).
    "list": "stSidebarNavItems",
    "listitem": "<li class=",
    # The parts of a date are narrow; WCAG 2.5.8 lets that be where another control, its calendar, does the same.
    "target-size": 'role="spinbutton"',
}


def faults(page: Page) -> list[str]:
    """What axe-core holds against the page, at both widths."""
    found = []
    for size in (WIDE, NARROW):
        page.set_viewport_size({"width": size["width"], "height": size["height"]})
        answer = Axe().run(page, options=RULES).response
        found += [
            f"{size['width']} px: {fault['id']}: {node['html'][:200]} {node['failureSummary'][:200]}"
            for fault in answer["violations"]
            if fault["impact"] in GRAVE
            for node in fault["nodes"]
            if NOT_OURS.get(fault["id"], "\0") not in node["html"]
        ]
    page.set_viewport_size({"width": WIDE["width"], "height": WIDE["height"]})
    return found


def explore(page: Page, told: dict[str, list[str]]) -> None:
    """Unit economics, then Explore."""
    page.get_by_role("link", name="Unit economics").click()
    expect(page.get_by_text("What the tokens were")).to_be_visible()
    told["economics"] = faults(page)
    page.get_by_role("link", name="Explore").click()
    # The page before has some of the same controls: what it chose for them is not what this one shows.
    expect(page.get_by_role("heading", name="Estimated spend each day by model")).to_be_visible()
    expect(page.get_by_text("The rows behind a bar")).to_be_visible()
    told["explore"] = faults(page)


def prices(page: Page, told: dict[str, list[str]]) -> None:
    """From the bill's price to a repricing taken back; then agree a price by hand and ask why, each step looked at."""
    page.get_by_role("button", name="Use this price …").first.click()
    page.get_by_role("button", name="Make it ours").click()
    expect(page.get_by_text("Below is what repricing would change")).to_be_visible()
    page.get_by_role("button", name="Apply …").click()
    page.get_by_role("button", name="Apply", exact=True).click()
    page.get_by_role("button", name="Undo …").first.click()
    page.get_by_role("button", name="Take it back").click()
    expect(page.get_by_text("is taken back")).to_be_visible()
    told["repricing"] = faults(page)
    page.get_by_role("link", name="Dashboard").click()
    page.get_by_role("button", name="Set a price").click()
    expect(page.get_by_text("List prices in use")).to_be_visible()
    page.get_by_role("button", name="Add a price").click()
    page.get_by_label("Model", exact=True).fill("gpt-5.4")
    page.get_by_label("Factor", exact=True).fill("0,5")
    page.get_by_role("button", name="Add this price").click()
    expect(page.get_by_text("The factor is a number from 0 to 100")).to_be_visible()
    told["adding a price"] = faults(page)
    page.get_by_label("Factor", exact=True).fill("0.5")
    page.get_by_role("button", name="Add this price").click()
    expect(page.get_by_text("50 % off").first).to_be_visible()
    told["prices"] = faults(page)
    page.goto(page.url.split("?")[0] + "?view=Why+this+number%3F&day=2026-11-20&model=gpt-5.4")
    expect(page.get_by_text("each priced by itself and added up")).to_be_visible()
    told["why"] = faults(page)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_page_and_state_has_a_serious_fault(own_site: Site, chromium: Browser, theme: str) -> None:
    context = chromium.new_context(color_scheme="dark" if theme == "dark" else "light")
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    told: dict[str, list[str]] = {}

    page.goto(own_site.base_url)
    expect(page.get_by_role("button", name="Sign in", exact=True)).to_be_visible()
    told["sign in"] = faults(page)
    page.get_by_role("button", name="Create an account").click()
    expect(page.get_by_label("Repeat the password")).to_be_visible()
    told["sign up"] = faults(page)

    steps.open_signed_in(page, own_site)
    if theme == "light":  # the second time the site has its key
        expect(page.get_by_text("No provider is connected yet")).to_be_visible()
        told["dashboard without a key"] = faults(page)
        page.get_by_role("link", name="Settings").click()
        steps.add_key(page, own_site.key)
        expect(page.get_by_text("The key works.")).to_be_visible()
    page.goto(own_site.base_url)
    expect(page.get_by_text("30 of 30 days complete")).to_be_visible(timeout=60_000)
    expect(page.locator("canvas").first).to_be_visible()
    told["dashboard"] = faults(page)
    explore(page, told)
    page.get_by_role("link", name="Completeness").click()
    expect(page.get_by_text("Changed later by the provider")).to_be_visible()
    told["completeness"] = faults(page)
    page.get_by_role("link", name="Reconciliation").click()
    expect(page.get_by_text("By model and service line")).to_be_visible()
    told["reconciliation"] = faults(page)
    prices(page, told)
    page.get_by_role("link", name="Settings").click()
    for tab in ("Provider keys", "Your account", "Audit trail"):
        page.get_by_role("tab", name=tab).click()
        told[f"settings, {tab}"] = faults(page)
    context.close()

    assert len(told) >= 7
    assert {where: each for where, each in told.items() if each} == {}
