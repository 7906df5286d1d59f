"""What the pages say when things are not as they should be, in a browser."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests import site
from tests.installation import NOW, ROOT
from tests.pages import steps
from tests.pages.looking import Album
from tests.site import Site
from tracker.sandbox.trouble import Trouble

pytestmark = pytest.mark.browser


@pytest.fixture
def quiet_site(migrated_file: Path, tmp_path: Path) -> Iterator[Site]:
    """On SQLite, without a worker."""
    shutil.copyfile(migrated_file, tmp_path / "tracker.db")
    with site.running(f"sqlite:///{tmp_path / 'tracker.db'}", tmp_path, worker=False) as running:
        yield running


def test_a_provider_that_cannot_be_reached_leaves_the_key_unchecked(quiet_site: Site, page: Page, album: Album) -> None:
    steps.open_signed_in(page, quiet_site, "/settings")
    steps.add_key(page, quiet_site.server.world.keys["down_503"])

    expect(page.get_by_text("hourglass")).to_be_visible(timeout=30_000)
    expect(page.get_by_text("Reading starts now")).to_have_count(0)
    page.get_by_role("link", name="Dashboard").click()
    expect(page.get_by_text("A key is not checked yet")).to_be_visible()
    expect(page.get_by_text("No worker is running")).to_be_visible()
    album.look(page, "dashboard, key unchecked and no worker")
    assert album.faults == {}


def test_an_organisation_without_usage_is_asked_about(own_site: Site, page: Page, album: Album) -> None:
    steps.open_signed_in(page, own_site, "/settings")
    steps.add_key(page, own_site.server.world.keys["empty_org"])
    expect(page.get_by_text("Is it the right organisation?").first).to_be_visible()

    page.get_by_role("link", name="Dashboard").click()

    expect(page.get_by_text("verified zero")).to_be_visible(timeout=60_000)
    expect(page.get_by_test_id("stMetric")).to_have_count(0)
    album.look(page, "dashboard, nothing used")
    assert album.faults == {}


def test_a_page_that_cannot_be_built_shows_a_reference_and_nothing_else(
    quiet_site: Site, page: Page, album: Album
) -> None:
    steps.open_signed_in(page, quiet_site)
    with closing(sqlite3.connect(quiet_site.log.parent / "tracker.db")) as broken:
        broken.execute("alter table daily_usage rename to elsewhere")

    page.get_by_role("link", name="Settings").click()
    page.get_by_role("link", name="Dashboard").click()

    expect(page.get_by_text("This page could not be built")).to_be_visible()
    reference = page.locator("code").first.inner_text()
    album.look(page, "broken page")
    assert album.faults == {}
    assert "daily_usage" not in page.locator("body").inner_text()
    assert reference in quiet_site.log.read_text()


def test_a_month_half_read_and_then_a_refused_key_are_told_with_their_next_step(
    quiet_site: Site, page: Page, album: Album
) -> None:
    steps.open_signed_in(page, quiet_site, "/settings")
    steps.add_key(page, quiet_site.key)
    expect(page.get_by_text(f"ends {quiet_site.key[-4:]}")).to_be_visible()
    quiet_site.server.world.troubles.add(Trouble("status_404", after=16, times=10_000))
    assert work(quiet_site) == 1
    page.get_by_role("link", name="Dashboard").click()
    expect(page.get_by_text("could not be read").first).to_be_visible()
    album.look(page, "dashboard, half read and failing")

    quiet_site.server.world.spoil(quiet_site.key, "revoked")
    assert work(quiet_site, later=timedelta(days=2)) == 0  # a key that is refused owes nothing
    page.keyboard.press("r")
    expect(page.get_by_role("button", name="Replace the key", exact=True)).to_be_visible()
    expect(page.get_by_text("could not be read")).to_have_count(0)
    album.look(page, "dashboard, the key refused")
    assert album.faults == {}


def work(place: Site, later: timedelta = timedelta()) -> int:
    """What is due at a time, done by a worker of its own; its exit code."""
    environ = {**os.environ, **place.environ, "TRACKER_NOW": f"{NOW + later:%Y-%m-%dT%H:%M:%SZ}"}
    command = [sys.executable, "-m", "jobs", "--once"]
    with place.log.open("ab") as log:
        return subprocess.run(command, cwd=ROOT, env=environ, stdout=log, stderr=log, check=False).returncode
