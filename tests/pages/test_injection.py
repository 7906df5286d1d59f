"""Words from outside stay words: in the page, in the file, and in what the page asks the network for."""

from __future__ import annotations

import csv
import re
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from pages.registry import PAGES
from tests.pages import steps
from tests.site import Site
from tests.tracker.builders import DAY, record, store
from tracker import connections
from tracker.audit import OPERATOR
from tracker.providers.base import KnownName
from tracker.usage import BilledCost

pytestmark = pytest.mark.browser

LABELS = [
    '=HYPERLINK("http://evil.example")',
    "<script>fetch('//evil.example')</script>",
    "![x](http://evil.example/x.png)",
    "[click](http://evil.example)",
    "$\\LaTeX$ :red[x] :material/bolt:",
    "'; drop table users; -- www.evil.example a@evil.example",
    "\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe",
]

FILES, MONTH = ("usage.csv", "billed.csv"), "?from=2026-11-01&to=2026-11-24"

NAMES = re.compile("evil|HYPERLINK")
SHOWN = {"Unit economics": "What the tokens were"}
"""By what a page is known to be drawn that shows none of the names in an ordinary month."""

MADE_OF_WORDS = "main :is(a[href*=evil]:not([href^='/prices?view=']), img[src*=evil], script, iframe, .katex)"
"""What a page would hold had it read a name as markup."""


def test_a_label_is_shown_as_it_was_typed_wherever_it_stands(own_site: Site, page: Page, tmp_path: Path) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    steps.open_signed_in(page, own_site, "/settings")
    for label in LABELS[:-1]:
        steps.add_key(page, own_site.key, label)
        expect(page.get_by_text("The key works.")).to_be_visible()
        assert _shown(page) == label
        _delete(page)
    steps.add_key(page, own_site.key, LABELS[-1])
    expect(page.get_by_text("printable characters.")).to_be_visible()

    page.get_by_role("radio", name="Audit trail").click()
    with page.expect_download() as waiting:
        page.get_by_role("link", name="The audit trail as CSV").click()
    waiting.value.save_as(tmp_path / "audit.csv")
    rows = list(csv.DictReader((tmp_path / "audit.csv").read_text(encoding="utf-8").splitlines()))
    subjects = {row["subject"] for row in rows}
    assert f"'{LABELS[0]} (ends {own_site.key[-4:]})" in subjects
    assert {f"{label} (ends {own_site.key[-4:]})" for label in LABELS[1:-1]} <= subjects
    assert not [url for url in asked if "evil.example" in url]


def test_names_of_a_provider_stay_words_on_every_page_and_in_every_file(own_site: Site, page: Page) -> None:
    stored_names(own_site)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: asked.append(f"evil.example {dialog.message}"))
    steps.open_signed_in(page, own_site)
    for entry in PAGES:
        page.get_by_role("link", name=entry.title).click()
        expect(page.get_by_role("heading", name=entry.title, exact=True)).to_be_visible()
        expect(page.get_by_text(SHOWN.get(entry.title, NAMES)).first).to_be_attached()
        assert page.locator(MADE_OF_WORDS).count() == 0, entry.title
    cookies = {cookie["name"]: cookie["value"] for cookie in page.context.cookies()}
    files = [httpx.get(f"{own_site.base_url}/export/{name}{MONTH}", cookies=cookies) for name in FILES]

    assert not [url for url in asked if "evil.example" in url]
    for file in files:
        rows = list(csv.reader(file.text.splitlines()))
        assert {len(row) for row in rows} == {len(rows[0])}
        assert any("HYPERLINK" in cell for row in rows for cell in row)
        assert not [cell for row in rows for cell in row if cell.startswith(("=", "@", "+", "\t", "\r"))]


def stored_names(site: Site) -> None:
    """Usage and a bill in which models, projects, keys and lines bear such names; nobody reads over them."""
    site.stop("worker")
    ready = site.product()
    added = connections.add(ready, 1, provider="openai", label=LABELS[3], text=site.key, by=OPERATOR)
    rows = [record(n, model=f"{word} gpt", project_id=f"p{n}", api_key_id=f"a{n}") for n, word in enumerate(LABELS)]
    lines = [BilledCost(DAY, Decimal(1), "usd", word, None, project_id=f"p{n}") for n, word in enumerate(LABELS)]
    store(ready.database, *rows, key=added.provider_key_id)
    store(ready.database, *lines, endpoint="costs", key=added.provider_key_id)
    row = connections.find(ready, 1, added.provider_key_id)
    named = [KnownName(kind, f"{kind[0]}{n}", word) for n, word in enumerate(LABELS) for kind in ("project", "api_key")]
    with ready.database.workspace(1, write=True) as session:
        connections.remember_names(session, row, named)
    ready.close()


def test_a_body_of_ten_megabytes_is_turned_away(own_site: Site) -> None:
    body = b"[" * 10 * 2**20
    try:
        status = httpx.post(f"{own_site.base_url}/auth/session", content=body, timeout=30).status_code
    except httpx.WriteError:  # the answer came before the body was sent, and the connection was closed
        status = 403

    assert status == 403
    assert httpx.get(f"{own_site.base_url}/healthz").status_code == 200


def _shown(page: Page) -> str:
    """The label on the one card, without the joiners that keep it from becoming a link."""
    expect(page.get_by_role("button", name="Manage")).to_have_count(1)  # until then the page is drawn without the card
    label = page.get_by_test_id("stMarkdown").filter(has_text="OpenAI · ends").locator("strong").first
    expect(label).to_be_visible()
    return label.inner_text().replace("\N{WORD JOINER}", "")


def _delete(page: Page) -> None:
    page.get_by_role("button", name="Manage").click()
    page.get_by_role("option", name="Delete").or_(page.get_by_role("menuitem", name="Delete")).click()
    page.get_by_role("button", name="Delete the key").click()
    expect(page.get_by_text("is destroyed. Its history stays.")).to_be_visible()
