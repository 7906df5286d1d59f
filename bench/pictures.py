"""The README's pictures, made from the sandbox's invented year so that they never show what is no more."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect

from bench import browser
from pages.registry import PAGES
from tests.pages import steps

FOLDER = Path(__file__).parent / "pictures"
OVERVIEW = "dashboard"
SHOWN = ("explore", "reconciliation", "completeness")
"""The pages that the README shows beside the dashboard, those of them that there are."""

SETTLE_MS = 1_500
"""A chart and a table draw themselves after their page stands."""


def run() -> dict[str, object]:
    """The dashboard in both themes and the pages it leads to."""
    with browser.running(days=365, latency_s=0) as (page, here):
        steps.open_signed_in(page, here, "/settings")
        steps.add_key(page, here.key, "Acme production")
        expect(page.get_by_text("Up to date")).to_be_visible(timeout=120_000)
        paths = [path for path in SHOWN if path in {each.path for each in PAGES}]
        sizes = {name: _take(page, here.base_url, "", name, scheme) for name, scheme in _DASHBOARDS}
        sizes |= {path: _take(page, here.base_url, path, path, "light") for path in paths}
    return {"written": sizes}


_DASHBOARDS = ((OVERVIEW, "light"), (f"{OVERVIEW}-dark", "dark"))


def _take(page: Page, address: str, path: str, name: str, scheme: str) -> int:
    """The file's bytes."""
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.goto(f"{address}/{path}")
    expect(page.get_by_test_id("stVegaLiteChart").locator("svg").first).to_be_visible()
    page.wait_for_timeout(SETTLE_MS)
    file = FOLDER / f"{name}.png"
    page.screenshot(path=file)
    return file.stat().st_size
