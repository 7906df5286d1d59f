"""What a key may do is read once a day, kept for that very key, and told to its owner when it is too much."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from pages.ui import needs
from pages.ui.ways import Way
from tests.installation import NOW, Installation, installed
from tracker import calls, clock, connections, describing, overview, passports
from tracker.models import KeyPassport, ProviderKey, table_of
from tracker.overview import keys
from tracker.overview import passport as key_views
from tracker.passports import Passport
from tracker.sandbox import Trouble, World

KEY = 1
PASSPORT = table_of(KeyPassport)


@pytest.fixture
def ready(migrated_url: str, tmp_path: Path) -> Iterator[Installation]:
    clock.start_at(NOW)
    with installed(World(days=3, keeps=3), migrated_url, tmp_path) as installation:
        yield installation


def found(ready: Installation) -> Passport | None:
    with ready.product.database.workspace(ready.workspace_id) as session:
        return passports.of_key(session, ready.workspace_id, KEY)


def asks(ready: Installation) -> bool:
    return describing.read(ready.product, ready.workspace_id, KEY, wait=lambda _: None)


def test_a_key_that_holds_what_is_needed_holds_nothing_too_much(ready: Installation) -> None:
    assert not asks(ready), "it was asked when it was stored"

    passport = found(ready)
    assert passport is not None
    assert passport.facts.permissions == {"Usage": True, "Management": True, "Audit logs": False}
    assert (passport.facts.name, passport.excess) == ("admin good", ())


def test_a_key_that_can_do_more_than_it_needs_is_told_when_it_is_pasted(ready: Installation) -> None:
    other = ready.world.keys["unrestricted"]
    seen = len(ready.server.requests)

    added = connections.replace(ready.product, ready.workspace_id, KEY, text=other)

    asked = list(ready.server.requests)[seen:]
    assert {request.method for request in asked} == {"GET"}
    assert [request.path.removeprefix("/organization/") for request in asked][-3:] == [
        "projects",
        "audit_logs",
        "admin_api_keys",
    ]
    assert [each.name for each in added.excess] == ["Audit logs"] and "revoke this one" in added.narrowing
    passport = found(ready)
    assert passport is not None
    assert [each.name for each in passport.excess] == ["Audit logs"]
    assert count(ready) == 1
    (need,) = needs._too_powerful(overview.read(ready.product, ready.workspace_id, now=NOW))
    assert (need.fact, need.way is Way.SETTINGS) == ("The key of main can do more than it needs.", True)
    (card,) = keys.read(ready.product, ready.workspace_id, now=NOW).keys
    assert card.too_powerful
    view = key_views.read(ready.product, ready.workspace_id, KEY)
    assert [(each.permission.name, each.held, each.too_much) for each in view.findings] == [
        ("Usage", True, False),
        ("Management", True, False),
        ("Audit logs", True, True),
    ]
    assert view.narrowing == added.narrowing and view.since >= NOW


def test_a_key_that_was_stored_unasked_is_asked_before_its_history_is_read(ready: Installation) -> None:
    ready.world.troubles.add(Trouble("status_503", path="/organization/audit_logs"))
    added = connections.replace(ready.product, ready.workspace_id, KEY, text=ready.world.keys["unrestricted"])
    assert (added.status, added.excess, found(ready)) == ("valid", (), None)
    seen = len(ready.server.requests)

    assert ready.fetch() == 0

    read = [request.path for request in list(ready.server.requests)[seen:]]
    assert read[:2] == ["/organization/costs", "/organization/projects"]  # a row of each, to see whether it may
    assert read[2:4] == ["/organization/audit_logs", "/organization/admin_api_keys"]
    assert read.count("/organization/audit_logs") == 1
    passport = found(ready)
    assert passport is not None and [each.name for each in passport.excess] == ["Audit logs"]


def test_who_lets_a_key_be_checked_again_has_it_asked_again(ready: Installation) -> None:
    assert ready.fetch() == 0
    seen = len(ready.server.requests)
    connections.ask_check(ready.product, ready.workspace_id, KEY)
    assert found(ready) is not None

    assert ready.fetch() == 0

    asked = [request.path for request in list(ready.server.requests)[seen:]]
    assert asked.count("/organization/audit_logs") == 1


def test_the_worker_asks_once_a_day(ready: Installation) -> None:
    assert ready.fetch() == 0
    asked = [request for request in ready.server.requests if request.path == "/organization/audit_logs"]
    assert len(asked) == 1

    assert not asks(ready)
    ready.later(NOW + timedelta(hours=25))
    assert ready.fetch() == 0

    asked = [request for request in ready.server.requests if request.path == "/organization/audit_logs"]
    assert len(asked) == 2


def test_a_provider_that_does_not_answer_is_asked_tomorrow_and_nothing_known_is_lost(ready: Installation) -> None:
    before = found(ready)
    ready.later(NOW + timedelta(days=2))
    ready.world.troubles.add(Trouble("rate_limit", path="/organization/costs", times=1, option="60"))

    assert not asks(ready)

    after = found(ready)
    assert before is not None and after is not None
    assert (after.facts, after.read_at) == (before.facts, before.read_at)
    assert after.tried_at > before.tried_at
    assert not asks(ready)


def test_a_deleted_key_has_no_passport_and_is_not_asked_for(ready: Installation) -> None:
    seen = len(ready.server.requests)
    connections.delete(ready.product, ready.workspace_id, KEY)

    assert not asks(ready)

    assert found(ready) is None
    assert len(ready.server.requests) == seen


def test_a_key_that_cannot_be_opened_is_tried_once_a_day_all_the_same(ready: Installation) -> None:
    assert ready.fetch() == 0
    keys_table = table_of(ProviderKey)
    elsewhere = update(keys_table).where(keys_table.c.workspace_id == ready.workspace_id)
    ready.later(NOW + timedelta(days=2))
    with ready.product.database.workspace(ready.workspace_id, write=True) as session:
        session.execute(elsewhere.values(origin="https://elsewhere.example"))

    assert not asks(ready)

    with ready.product.database.workspace(ready.workspace_id) as session:
        row = session.execute(select(PASSPORT).where(PASSPORT.c.workspace_id == ready.workspace_id)).one()
    assert row.tried_at >= NOW + timedelta(days=2)


def test_the_calls_of_a_key_are_counted_and_paged_newest_first(ready: Installation) -> None:
    with ready.product.database.workspace(ready.workspace_id) as session:
        every = list(calls.made(session, ready.workspace_id, provider_key_id=KEY))
        tally = calls.tally(session, ready.workspace_id, KEY)
        first = calls.newest(session, ready.workspace_id, KEY, count=3)
        second = calls.newest(session, ready.workspace_id, KEY, count=3, skip=3)
        none = calls.tally(session, ready.workspace_id, 99)

    assert (tally.count, tally.first_at, tally.last_at) == (len(every), every[0].at, every[-1].at)
    assert [*first, *second] == every[::-1][:6]
    pages = key_views.read(ready.product, ready.workspace_id, KEY).pages
    told = [
        call
        for page in range(1, pages + 1)
        for call in key_views.page_of_calls(ready.product, ready.workspace_id, KEY, page=page)
    ]
    assert told == every[::-1]
    assert (none.count, none.first_at, none.last_at) == (0, None, None)


def test_a_key_that_is_refused_says_so_whatever_it_could_do(ready: Installation) -> None:
    ready.fetch()
    where = ready.product, ready.workspace_id, KEY
    assert key_views.read(*where).refused is None

    with ready.product.database.workspace(ready.workspace_id, write=True) as session:
        row = connections.present(session, ready.workspace_id, KEY)
        row.status, row.status_reason = "invalid", "OpenAI refused it."

    assert key_views.read(*where).refused == "OpenAI refused it."


def count(ready: Installation) -> int:
    with ready.product.database.workspace(ready.workspace_id) as session:
        return len(session.execute(select(PASSPORT).where(PASSPORT.c.workspace_id == ready.workspace_id)).all())
