"""A running site for the tests of a module, and a real Chromium to look at it with.

Without a Chromium the browser tests are left out, and dev.py says so; where one is required, that is a failure.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from dev import find_chromium
from tests import site
from tests.pages.looking import Album
from tests.site import Site

# Chromium's own address bar loads two pages of its own for each of ours, a second of a core each time. The last such
# switch counts alone, so most of what Playwright (1.65) puts into its own stands here as well.
DISABLED = [
    "WebUIOmniboxPopup",
    "WebUIOmniboxAimPopup",
    "AimEnabled",
    "AvoidCorsURLLoaderRestartOnRedirect",
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsFirstBalancedModeAutoEnable",
    "HttpsUpgrades",
    "LensOverlay",
    "MediaRouter",
    "NetworkTimeServiceQuerying",
    "OptimizationHints",
    "PaintHolding",
    "PreconnectToSearch",
    "ThirdPartyStoragePartitioning",
]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    f"--disable-features={','.join(DISABLED)}",
]

PATIENCE_MS = 20_000
"""How long a busy machine may take to draw a page; a test that passes never waits for it."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if find_chromium() or os.environ.get("TRACKER_TEST_BROWSER") == "required":
        return
    left_out = [item for item in items if item.get_closest_marker("browser")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="module")
def own_site(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """On SQLite, with a worker, one account and no key."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copyfile(migrated_file, folder / "tracker.db")
    with site.running(f"sqlite:///{folder / 'tracker.db'}", folder) as running:
        yield running


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = find_chromium()
    assert path, "No Chromium was found, and TRACKER_TEST_BROWSER requires one (Debian: install chromium)."
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """A browser profile of this test's own: no cookie, no cache."""
    opened = chromium.new_context(viewport={"width": 1440, "height": 900}, accept_downloads=True)
    opened.set_default_timeout(PATIENCE_MS)
    yield opened
    opened.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


@pytest.fixture
def album(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Album]:
    """Where pictures of what a test looks at go, and their count: below the folder that --basetemp names."""
    album = Album(tmp_path_factory.getbasetemp() / "pictures")
    album.folder.mkdir(exist_ok=True)
    yield album
    with (album.folder / "counts.txt").open("a", encoding="utf-8") as counts:
        counts.write(album.count())
