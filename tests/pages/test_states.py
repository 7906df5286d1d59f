"""What the pages say when things are not as they should be, in a browser."""

from __future__ import annotations

import secrets
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing as closed_at_end
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from jobs.__main__ import once
from jobs.worker import Worker
from pages.registry import PAGES
from pages.ui import empty
from tests import site
from tests.installation import NOW, PASSWORD
from tests.pages import steps
from tests.pages.looking import Album
from tests.site import Site
from tracker import access, closing, product
from tracker.sandbox.trouble import Trouble, Troubles

pytestmark = pytest.mark.browser

TITLES = {each.path: each.title for each in PAGES}


@pytest.fixture(scope="module")
def quiet_site(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """On SQLite, without a worker. To start one takes longer than most of what is looked at here."""
    folder = tmp_path_factory.mktemp("quiet")
    shutil.copyfile(migrated_file, folder / "tracker.db")
    with site.running(f"sqlite:///{folder / 'tracker.db'}", folder, worker=False) as running:
        yield running


@pytest.fixture
def account(quiet_site: Site) -> Iterator[str]:
    """A test's own account on it. What a test leaves is done by no worker, and no worker was ever seen."""
    owner, email = quiet_site.product(), f"{secrets.token_hex(4)}@acme.example"
    access.add_user(owner.database, email, PASSWORD)
    yield email
    closing.close(owner.database, access.user_of(owner.database, email), now=quiet_site.now)
    owner.close()
    change(quiet_site, "delete from workers")
    quiet_site.server.world.troubles = Troubles()


def test_a_provider_that_cannot_be_reached_leaves_the_key_unchecked(
    quiet_site: Site, account: str, page: Page, album: Album
) -> None:
    steps.open_signed_in(page, quiet_site, "/settings", account)
    steps.add_key(page, quiet_site.server.world.keys["down_503"])

    expect(page.get_by_role("alert").filter(has_text="The key is sealed")).to_contain_text("hourglass", timeout=30_000)
    expect(page.get_by_text("check_circle")).to_have_count(0)
    expect(page.get_by_text("Reading starts now")).to_have_count(0)
    page.get_by_role("link", name="Dashboard").click()
    expect(page.get_by_text("A key is not checked yet")).to_be_visible()
    expect(page.get_by_text("No worker is running")).to_be_visible()
    expect(page.get_by_text("It is checked once a worker runs.")).to_be_visible()
    for promise in ("nothing to do", "reads them by itself"):
        expect(page.get_by_text(promise)).to_have_count(0)
    album.look(page, "dashboard, key unchecked and no worker")
    assert album.faults == {}


def test_an_empty_page_says_what_it_will_show_and_leads_to_the_key(quiet_site: Site, account: str, page: Page) -> None:
    steps.open_signed_in(page, quiet_site, "/prices", account)

    for path, points in empty.WILL_SHOW.items():
        page.get_by_role("link", name=TITLES[path], exact=True).click()
        expect(page.get_by_role("heading", name=TITLES[path], exact=True)).to_be_visible()
        for _, what, _ in points:
            expect(page.get_by_text(what, exact=True)).to_be_visible()
        expect(page.get_by_role("button", name="Connect a key")).to_have_count(1)
    expect(page.get_by_text("everything is priced")).to_have_count(0)
    page.get_by_role("button", name="Connect a key").click()
    expect(page.get_by_label("OpenAI admin key")).to_be_visible()


def test_an_organisation_without_usage_is_asked_about(quiet_site: Site, account: str, page: Page, album: Album) -> None:
    steps.open_signed_in(page, quiet_site, "/settings", account)
    steps.add_key(page, quiet_site.server.world.keys["empty_org"])
    expect(page.get_by_text("Is it the right organisation?").first).to_be_visible()

    assert work(quiet_site) == 0
    page.get_by_role("link", name="Dashboard").click()

    expect(page.get_by_text("verified zero")).to_be_visible()
    expect(page.get_by_test_id("stMetric")).to_have_count(0)
    album.look(page, "dashboard, nothing used")
    assert album.faults == {}


def test_on_a_full_disk_people_read_on_and_are_told_until_there_is_space(
    own_site: Site, page: Page, album: Album
) -> None:
    steps.open_signed_in(page, own_site)
    told = page.get_by_text("The disk of the database is full, or fails")
    change(own_site, "update auth_sessions set last_used_at = datetime(last_used_at, '-5 minutes')")  # its use is noted
    with own_site.full_disk():
        page.get_by_role("link", name="Completeness").click()
        expect(told).to_be_visible()
        album.look(page, "completeness, disk full")
        for name in ("Explore", "Reconciliation", "Prices", "Settings", "Dashboard"):
            page.get_by_role("link", name=name).click()
            expect(page.get_by_role("heading", name=name, exact=True).first).to_be_visible()
            expect(told).to_be_visible()
        expect(page.get_by_text("This page could not be built")).to_have_count(0)

    page.get_by_role("link", name="Settings").click()

    expect(told).to_have_count(0)
    assert album.faults == {}


def test_a_page_that_cannot_be_built_shows_a_reference_and_nothing_else(
    quiet_site: Site, account: str, page: Page, album: Album
) -> None:
    steps.open_signed_in(page, quiet_site, email=account)
    change(quiet_site, "alter table daily_usage rename to elsewhere")

    page.get_by_role("link", name="Settings").click()
    page.get_by_role("link", name="Dashboard").click()

    expect(page.get_by_text("This page could not be built")).to_be_visible()
    reference = page.locator("code").first.inner_text()
    album.look(page, "broken page")
    change(quiet_site, "alter table elsewhere rename to daily_usage")
    assert album.faults == {}
    assert "daily_usage" not in page.locator("body").inner_text()
    assert reference in quiet_site.log.read_text()


def test_a_month_half_read_and_then_a_refused_key_are_told_with_their_next_step(
    quiet_site: Site, account: str, page: Page, album: Album
) -> None:
    steps.open_signed_in(page, quiet_site, "/settings", account)
    steps.add_key(page, quiet_site.key)
    expect(page.get_by_text(f"ends {quiet_site.key[-4:]}")).to_be_visible()
    quiet_site.server.world.troubles.add(Trouble("status_404", after=16, times=10_000))
    assert work(quiet_site) == 1
    page.get_by_role("link", name="Dashboard").click()
    expect(page.get_by_text("could not be read").first).to_be_visible()
    album.look(page, "dashboard, half read and failing")
    change(quiet_site, "update coverage set fetched_at = ?", f"{NOW - timedelta(days=3):%Y-%m-%d %H:%M:%S}.000000")
    page.keyboard.press("r")
    expect(page.get_by_text("These numbers are from 3 days ago")).to_be_visible()
    album.look(page, "dashboard, figures stale")

    quiet_site.server.world.spoil(quiet_site.key, "revoked")
    assert work(quiet_site, later=timedelta(days=2)) == 0  # a key that is refused owes nothing
    page.keyboard.press("r")
    expect(page.get_by_role("button", name="Replace the key", exact=True)).to_be_visible()
    expect(page.get_by_text("could not be read")).to_have_count(0)
    album.look(page, "dashboard, the key refused")
    assert album.faults == {}


def work(place: Site, later: timedelta = timedelta()) -> int:
    """What is due at a time, done by a worker in this process; the exit code that `jobs --once` would have."""
    ready = product.start({**place.environ, "TRACKER_NOW": f"{NOW + later:%Y-%m-%dT%H:%M:%SZ}"}, role="worker")
    worker = Worker(ready)
    try:
        return once(worker)
    finally:
        worker.stop()
        ready.close()


def change(place: Site, statement: str, *values: str) -> None:
    """Something in the tables, behind the product's back."""
    with closed_at_end(sqlite3.connect(place.log.parent / "tracker.db", isolation_level=None)) as tables:
        tables.execute(statement, values)
