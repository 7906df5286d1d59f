"""In a real browser, 200 ms away from the provider: the first number, the month, the first content, fifty people."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from subprocess import Popen
from typing import IO

from playwright.sync_api import Browser, Page, expect, sync_playwright

from bench import hello, sessions
from dev import find_chromium
from pages.ui import text
from tests import site
from tests.pages import steps
from tests.site import Site

LATENCY_S = 0.2
LOADS = 9
WIDTH, HEIGHT = 1440, 900
PATIENCE_MS = 30_000
FLAGS = ["--no-sandbox", "--disable-gpu"]


def run() -> dict[str, object]:
    """Seconds on a clock that starts when the page says that the key is stored, then how the read site behaves."""
    with running(days=365) as (page, here):
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
        expect(page.get_by_text(f"Reading {text.IN_ORDER}")).to_have_count(0, timeout=300_000)
        year = time.perf_counter()
        return {
            "latency_ms": LATENCY_S * 1_000,
            "check_and_store_s": round(saved - opened, 1),
            "first_number_s": round(first - saved, 1),
            "month_s": round(month - saved, 1),
            "year_s": round(year - saved, 1),
            **_first_content(page, here),
            **_fifty_people(here),
        }


def _fifty_people(here: Site) -> dict[str, object]:
    """In a thread of its own: this one has the browser's event loop."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(sessions.run, here, here.now).result()


def _first_content(page: Page, here: Site) -> dict[str, object]:
    """Reloads of the signed-in dashboard and of a hello-world page, in turn, both with a warm cache."""
    with tempfile.TemporaryDirectory() as name, hello.running(Path(name) / "hello") as address:
        other = page.context.new_page()
        ours, figures, theirs = [], [], []
        for _ in range(LOADS):
            theirs.append(_load(other, address, lambda: other.get_by_text("Hello, world")))
            ours.append(_load(page, here.base_url, lambda: page.get_by_role("heading", name="Dashboard")))
            figures.append(_load(page, here.base_url, lambda: page.get_by_test_id("stMetricValue").first))
        other.close()
    return {
        "hello_world_s": round(median(theirs), 2),
        "first_content_s": round(median(ours), 2),
        "first_figure_s": round(median(figures), 2),
        "first_content_ratio": round(median(ours) / median(theirs), 2),
        "first_figure_ratio": round(median(figures) / median(theirs), 2),
    }


def _load(page: Page, address: str, wanted: Callable[[], object]) -> float:
    began = time.perf_counter()
    page.goto(address, wait_until="commit")
    expect(wanted()).to_be_visible()  # type: ignore[call-overload]
    return time.perf_counter() - began


def from_nothing(arguments: Sequence[str], environ: dict[str, str], streams: Sequence[IO[bytes]]) -> Popen[bytes]:
    """A process as people start it, which tests spare themselves."""
    given, out, err = streams
    return Popen([sys.executable, "-m", *arguments], env=environ, stdin=given, stdout=out, stderr=err)


@contextmanager
def running(*, days: int, latency_s: float = LATENCY_S) -> Iterator[tuple[Page, Site]]:
    """A site of its own, and a page that looks at it."""
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        browser: Browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        url = f"sqlite:///{folder / 'tracker.db'}"
        with site.running(url, folder, latency_s=latency_s, days=days, keeps=days, start=from_nothing) as here:
            page = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}).new_page()
            page.set_default_timeout(PATIENCE_MS)
            expect.set_options(timeout=PATIENCE_MS)
            yield page, here
        browser.close()
