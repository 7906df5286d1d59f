"""Keys from the owner's side: each wrong one gets its own sentence, and what was read survives whatever is done."""

from __future__ import annotations

import csv
import re

import pytest
from playwright.sync_api import Page, expect

from tests.installation import EMAIL
from tests.pages import steps
from tests.site import Site

pytestmark = pytest.mark.browser

KEY_PAGE = "https://platform.openai.com/settings/organization/admin-keys"


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("project_key", "This is a project key"),
        ("missing_scope_403", "lacks the permission"),
        ("revoked", "mistyped, revoked or expired"),
    ],
)
def test_a_refused_key_is_told_apart_and_not_stored(own_site: Site, page: Page, kind: str, sentence: str) -> None:
    steps.open_signed_in(page, own_site, "/settings")
    steps.add_key(page, own_site.server.world.keys[kind])

    expect(page.get_by_text(sentence)).to_be_visible()
    expect(page.get_by_role("alert").get_by_role("link")).to_have_attribute("href", KEY_PAGE)
    expect(page.get_by_label("OpenAI admin key")).to_have_value("")
    expect(page.get_by_label("Label")).to_have_value("main")
    assert own_site.command("keys", EMAIL, "--json").strip() == "[]"


def test_a_typing_error_is_told(own_site: Site, page: Page) -> None:
    steps.open_signed_in(page, own_site, "/settings")
    steps.add_key(page, "sk-adm in")

    expect(page.get_by_role("alert")).to_contain_text("The key")


def test_a_key_is_added_paused_resumed_replaced_and_deleted(own_site: Site, page: Page) -> None:
    steps.open_signed_in(page, own_site, "/settings")
    steps.add_key(page, own_site.key, "Acme **production**")
    expect(page.get_by_text("The key works.")).to_be_visible()
    expect(page.get_by_text("Acme **production**")).to_be_visible()
    expect(page.get_by_text(re.compile(r"^[1-9]\d* of \d+ days$"))).to_be_visible()  # the page has drawn itself anew
    expect(page.get_by_text("The key works.")).to_be_visible()

    steps.choose(page, "Pause")
    expect(page.get_by_text("is paused. What was read stays.")).to_be_visible()
    steps.choose(page, "Resume")
    expect(page.get_by_text("is read again")).to_be_visible()
    steps.choose(page, "Check again")
    expect(page.get_by_text("is checked again by the worker")).to_be_visible()

    steps.choose(page, "Key passport")
    expect(page.get_by_text("Every call ever made with it")).to_be_visible()
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Every call as CSV").click()
    with waiting.value.path().open(encoding="utf-8") as file:
        assert {row["method"] for row in csv.DictReader(file)} == {"GET"}
    page.get_by_role("button", name="Close").click()

    other = own_site.server.world.keys["unrestricted"]
    steps.choose(page, "Replace the key")
    page.get_by_label("New admin key").fill(own_site.server.world.keys["globex"])
    page.get_by_role("button", name="Check and replace").click()
    expect(page.get_by_text("belongs to another organisation")).to_be_visible()
    page.get_by_label("New admin key").fill(other)
    page.get_by_role("button", name="Check and replace").click()
    expect(page.get_by_text(f"ends {other[-4:]}")).to_be_visible()
    expect(page.get_by_text("This key can do more than it needs")).to_be_visible()

    steps.choose(page, "Delete")
    expect(page.get_by_text("already read stay")).to_be_visible()
    page.get_by_role("button", name="Delete the key").click()
    expect(page.get_by_text("is destroyed. Its history stays.")).to_be_visible()
    expect(page.get_by_text("None any more; what was read stays.")).to_be_visible()


def test_the_page_says_when_no_worker_runs(own_site: Site, page: Page) -> None:
    own_site.stop("worker")
    steps.open_signed_in(page, own_site, "/settings")

    expect(page.get_by_text("No worker is running")).to_be_visible()
    own_site.start_worker()
