"""In a real browser, 100 ms away from the provider: from "key saved" to the first number and to the whole month."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from dev import find_chromium
from tests import site
from tests.pages import steps
from tests.site import Site

LATENCY_S = 0.1
PICTURE = Path(__file__).parent / "pictures" / "dashboard.png"
WIDTH, HEIGHT = 1440, 900


def run() -> dict[str, object]:
    """Seconds on a clock that starts when the page says that the key is stored."""
    with _page(days=365) as (page, here):
        steps.open_signed_in(page, here, "/settings")
        opened = time.perf_counter()
        steps.add_key(page, here.key)
        expect(page.get_by_text("The key works.")).to_be_visible()
        saved = time.perf_counter()
        page.get_by_role("link", name="Dashboard").click()
        expect(page.get_by_test_id("stMetricValue").first).to_contain_text("$", timeout=60_000)
        first = time.perf_counter()
        expect(page.get_by_text("30 of 30 days complete")).to_be_visible(timeout=120_000)
        month = time.perf_counter()
        expect(page.get_by_text("Reading newest days first")).to_have_count(0, timeout=300_000)
        year = time.perf_counter()
        loads = [_load(page, here) for _ in range(7)]
    return {
        "latency_ms": LATENCY_S * 1_000,
        "check_and_store_s": round(saved - opened, 1),
        "first_number_s": round(first - saved, 1),
        "month_s": round(month - saved, 1),
        "year_s": round(year - saved, 1),
        "reload_to_first_number_s": round(sorted(loads)[3], 2),
    }


def picture() -> dict[str, object]:
    """Write the README's picture: the dashboard of a year of invented history."""
    with _page(days=365, latency_s=0) as (page, here):
        steps.open_signed_in(page, here, "/settings")
        steps.add_key(page, here.key, "Acme production")
        expect(page.get_by_text("Up to date")).to_be_visible(timeout=120_000)
        page.get_by_role("link", name="Dashboard").click()
        expect(page.locator("canvas").first).to_be_visible()
        page.wait_for_timeout(1_500)
        PICTURE.parent.mkdir(exist_ok=True)
        page.screenshot(path=PICTURE)
    return {"written": PICTURE.name, "bytes": PICTURE.stat().st_size}


@contextmanager
def _page(*, days: int, latency_s: float = LATENCY_S) -> Iterator[tuple[Page, Site]]:
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox", "--disable-gpu"])
        url = f"sqlite:///{folder / 'tracker.db'}"
        with site.running(url, folder, latency_s=latency_s, days=days, keeps=days) as here:
            page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
            page.set_default_timeout(30_000)
            yield page, here
        browser.close()


def _load(page: Page, here: Site) -> float:
    began = time.perf_counter()
    page.goto(here.base_url)
    expect(page.get_by_test_id("stMetricValue").first).to_be_visible()
    return time.perf_counter() - began
