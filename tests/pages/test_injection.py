"""Words from outside stay words: in the page, in the file, and in what the page asks the network for."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.pages import steps
from tests.site import Site

pytestmark = pytest.mark.browser

LABELS = [
    '=HYPERLINK("http://evil.example")',
    "<script>fetch('//evil.example')</script>",
    "![x](http://evil.example/x.png)",
    "[click](http://evil.example)",
    "$\\LaTeX$ :red[x] :material/bolt:",
    "'; drop table users; --",
    "\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe",
]


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
    expect(page.get_by_text("printable characters is expected")).to_be_visible()

    page.get_by_role("tab", name="Audit trail").click()
    with page.expect_download() as waiting:
        page.get_by_role("link", name="The audit trail as CSV").click()
    waiting.value.save_as(tmp_path / "audit.csv")
    rows = list(csv.DictReader((tmp_path / "audit.csv").read_text(encoding="utf-8").splitlines()))
    subjects = {row["subject"] for row in rows}
    assert f"'{LABELS[0]} (ends {own_site.key[-4:]})" in subjects
    assert {f"{label} (ends {own_site.key[-4:]})" for label in LABELS[1:-1]} <= subjects
    assert not [url for url in asked if "evil.example" in url]


def _shown(page: Page) -> str:
    """The label on the one card, without the joiners that keep it from becoming a link."""
    label = page.get_by_role("tabpanel").first.locator("strong").first
    expect(label).to_be_visible()
    return label.inner_text().replace("\N{WORD JOINER}", "")


def _delete(page: Page) -> None:
    page.get_by_role("button", name="Manage").click()
    page.get_by_role("option", name="Delete").or_(page.get_by_role("menuitem", name="Delete")).click()
    page.get_by_role("button", name="Delete the key").click()
    expect(page.get_by_text("is destroyed. Its history stays.")).to_be_visible()
