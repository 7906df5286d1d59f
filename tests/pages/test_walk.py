"""The whole path of a new person, in a real browser, on both databases."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from pages.ui import cards, text
from tests import site
from tests.installation import TODAY, TOMORROW
from tests.pages import steps
from tests.pages.looking import rest
from tests.site import Site

pytestmark = pytest.mark.browser

NEW, NEW_PASSWORD = "grace@acme.example", "  eine ganz eigene Parole ✓ "
MONTH = TODAY.replace(day=1)


@pytest.fixture
def fresh_site(migrated_url: str, tmp_path: Path) -> Iterator[Site]:
    with site.running(migrated_url, tmp_path) as running:
        yield running


def card(page: Page, label: str) -> str:
    metric = page.get_by_test_id("stMetric").filter(has_text=label)
    return metric.get_by_test_id("stMetricValue").inner_text().removesuffix(f" {cards.MARK}")


def downloaded(page: Page, link: str, to: Path) -> list[dict[str, str]]:
    with page.expect_download() as waiting:
        page.get_by_role("link", name=link).click()
    waiting.value.save_as(to)
    return list(csv.DictReader(to.read_text(encoding="utf-8").splitlines()))


def estimate(rows: list[dict[str, str]]) -> Decimal:
    return sum((Decimal(row["estimated_cost_usd"] or 0) for row in rows), Decimal())


def cents(amount: Decimal) -> str:
    return f"${amount.quantize(Decimal('0.01')):,}"


def test_from_sign_up_to_true_numbers_and_out(fresh_site: Site, page: Page, tmp_path: Path) -> None:
    page.goto(fresh_site.base_url)
    steps.sign_up(page, NEW, NEW_PASSWORD)
    expect(page.get_by_text("your account is ready")).to_be_visible()
    with page.expect_response("**/auth/session"):
        steps.sign_in(page, NEW, NEW_PASSWORD)
    expect(page.get_by_text("No provider is connected yet")).to_be_visible()

    page.get_by_role("button", name="Connect a key").click()
    steps.add_key(page, fresh_site.key)
    expect(page.get_by_text("The key works.")).to_be_visible()
    expect(page.get_by_text(f"ends {fresh_site.key[-4:]}")).to_be_visible()
    # The form that is taken the place of stays, as typed, until the page has drawn itself to its end; no longer.
    expect(page.locator("input[aria-label='OpenAI admin key']:not([value=''])")).to_have_count(0)
    expect(page.locator("input[aria-label='OpenAI admin key'][value='']")).to_have_count(1)

    page.get_by_role("button", name="See your dashboard").click()
    expect(page.get_by_text("30 of 30 days complete")).to_be_visible(timeout=60_000)
    expect(page.get_by_text(f"Reading {text.IN_ORDER}")).to_have_count(0, timeout=120_000)

    page.get_by_role("link", name="Completeness").click()
    expect(page.get_by_text("20–22 Nov, all 11 endpoints of main: provisional")).to_be_visible()
    page.get_by_role("link", name="Dashboard").click()
    page.get_by_role("button", name="A range as CSV").click()
    rows = downloaded(page, "Usage of 1–23 Nov", tmp_path / "usage.csv")
    assert card(page, "Month to date") == cents(estimate(rows))
    expect(page.get_by_role("button", name="Help for Month to date, estimate", exact=True)).to_have_count(1)
    told = json.loads(
        fresh_site.command("usage", NEW, "--from", f"{MONTH}", "--to", f"{TOMORROW}", "--json", "--by", "day")
    )
    assert sum(Decimal(row["estimated_cost_usd"] or 0) for row in told) == estimate(rows)
    assert len(downloaded(page, "These 100 as CSV", tmp_path / "last.csv")) == 100

    explore(page, fresh_site, rows, tmp_path)

    explored = page.url
    page.get_by_role("link", name="Dashboard").click()
    another_measure(page, "Tokens")
    there_and_back(page, explored)
    fresh_site.command("end-sessions", NEW)
    page.get_by_role("radio", name="Requests").click()
    steps.sees_only_the_way_in(page)
    page.goto(f"{fresh_site.base_url}/settings")
    steps.sees_only_the_way_in(page)


def another_measure(page: Page, measure: str) -> None:
    """Only the chart's part of the page is drawn again, and the address tells it."""
    page.get_by_role("status").filter(has_text="in 1–23 Nov by model").evaluate("e => e.dataset.one = 'and the same'")
    page.get_by_role("radio", name=measure).click()
    expect(page.get_by_label(re.compile(f"^{measure} per UTC day"))).to_be_visible()
    # A screen reader tells what changed within an element of this role; one put in its place it need not tell.
    expect(page.locator("[role=status][data-one]")).to_contain_text(f"{measure.lower()} in 1–23 Nov by model")
    expect(page).to_have_url(re.compile(f"m={measure}"))


def there_and_back(page: Page, explored: str) -> None:
    """The browser's Back and Forward show what the address says, though both pages have a word of the same name."""
    rest(page)
    dashboard = page.url
    page.go_back()
    expect(page.get_by_role("heading", name="Estimated spend each day by usage type")).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="Go to its rows")).to_contain_text("Nov, completions: ")
    rest(page)
    assert parse_qs(urlsplit(page.url).query) == parse_qs(urlsplit(explored).query)
    page.go_forward()
    expect(page.get_by_label(re.compile("^Tokens per UTC day"))).to_be_visible()
    expect(page).to_have_url(dashboard)


def keep(page: Page, name: str) -> None:
    """A view is saved and opened; what opened it is then out of its way."""
    page.get_by_role("button", name="Saved views").click()
    field = page.get_by_label("Name for the view on screen")
    field.fill(name)
    page.get_by_role("button", name="Save this view").click()
    expect(page.get_by_text(f"“{name}” is saved.")).to_be_visible()
    page.get_by_role("button", name="Open this view").click()
    expect(field).to_have_count(0)


def explore(page: Page, site: Site, rows: list[dict[str, str]], to: Path) -> None:
    """The month's rows, found again on Explore, by its address also after signing in anew, and in its file."""
    page.goto(
        f"{site.base_url}/explore?range=custom&from=2026-11-01&to=2026-12-02&by=type&model=none&m=nonsense&days=1"
    )
    expect(page.get_by_text("“nonsense” is not a value of “m”")).to_be_visible()
    expect(page.get_by_text("so left out of it: “days=1”")).to_be_visible()
    expect(page.get_by_text("1 Nov – 2 Dec reaches into the future")).to_be_visible()
    expect(page.get_by_text("No usage matches these filters in 1–23 Nov.")).to_be_visible()
    page.get_by_role("button", name="Clear the filters").click()
    keep(page, "November by type")
    told = page.get_by_role("status").filter(has_text=re.compile(r"\w+ estimated · 1–23 Nov, UTC billing days"))
    expect(told).to_contain_text(cents(estimate(rows)))
    expect(page).to_have_url(f"{site.base_url}/explore?range=custom&from=2026-11-01&to=2026-11-23&by=type")
    shared = page.url

    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You are signed out, in every tab.")).to_be_visible()
    page.goto(f"{shared}&bar=2026-11-05&part=embeddings")
    with page.expect_response("**/auth/session"):  # its answer has the page drawn once more
        steps.sign_in(page, NEW, NEW_PASSWORD)
    expect(page.get_by_role("heading", name="Estimated spend each day by usage type")).to_be_visible()
    expect(page).to_have_url(f"{shared}&bar=2026-11-05&part=embeddings")
    said = page.get_by_role("status").filter(has_text="Go to its rows")
    expect(said).to_contain_text("Thu 5 Nov, embeddings: ")
    rest(page)
    page.locator('[data-testid="stVegaLiteChart"] g.mark-rect path').nth(2).click()
    expect(said).to_contain_text("Nov, completions: ")
    # The controls of the choice before are on their way out until the page has drawn itself to its end.
    expect(page.locator("input[aria-label='Part of the bar']:not([value='completions'])")).to_have_count(0)
    expect(page.locator("input[aria-label='Part of the bar'][value='completions']")).to_have_count(1)
    expect(page).to_have_url(re.compile(f"^{re.escape(shared)}&bar=2026-11-0.&part=completions$"))
    page.go_back()
    expect(said).to_contain_text("Thu 5 Nov, embeddings: ")
    page.go_forward()
    expect(said).to_contain_text("Nov, completions: ")
    said.get_by_role("link", name="Go to its rows").click()
    expect(page.get_by_role("heading", name="The rows behind a bar")).to_be_in_viewport()
    expect(page.get_by_text(re.compile(r"All \d+ rows, dearest first"))).to_be_visible()
    page.get_by_role("button", name="Download", exact=True).click()
    assert estimate(downloaded(page, "The chart, as CSV", to / "view.csv")) == estimate(rows)
    page.keyboard.press("Escape")
