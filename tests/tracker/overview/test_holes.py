"""Bill and estimate that stand side by side are of the very same days, wherever they do; what is left out is named."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from pages import explore, reconciliation
from pages.ui import cards, explore_lines, notices
from tests.tracker.builders import DAY, ENDPOINTS, connection_of, owned, record, store, two_workspaces
from tracker import connections, overview
from tracker.commands import base
from tracker.db import Database
from tracker.explore import files, reading
from tracker.explore.reading import Explored
from tracker.explore.view import By, Grain, Preset, View
from tracker.memory import Memory
from tracker.models import KeyStatus
from tracker.overview import Overview, truth
from tracker.overview.truth import Both
from tracker.reconciliation.statement import statement
from tracker.unpriced import Unpriced
from tracker.usage import BilledCost, RowSetAside

NOW, READ = datetime(2026, 11, 23, 15, 30, tzinfo=UTC), datetime(2026, 11, 16, 3, tzinfo=UTC)
DAYS = [DAY + timedelta(days=n) for n in range(5)]
SECOND, THIRD, LAST = DAYS[1], DAYS[2], DAYS[4]
ONE, CENT = Decimal("0.00265"), Decimal("0.01")
NO_BILL = "no complete bill"


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    """Five days read with a key: a request a day, but for the third, which only has some that cost nothing."""
    with two_workspaces(migrated_url, role="owner") as opened:
        with owned(opened).workspace(1, write=True) as session:
            connections.present(session, 1, 1).status = KeyStatus.VALID
        read_usage(opened)
        yield opened


def test_a_day_without_a_bill_is_left_out_everywhere_and_named_and_one_that_cost_nothing_is_not(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    store_bill(database, DAY, DAYS[3])
    found, view = seen(database), explored(database)
    pair = (2 * CENT, 2 * ONE)

    assert found.billed and (found.billed.amount, found.billed.estimate) == pair
    assert notices.line_of_truth(found).startswith(f"Billed through **13 Nov UTC** ({NO_BILL} for **11 Nov**) · ")
    assert cards.billed_to(found, found.billed) == "13 Nov without 11 Nov"
    assert cards._of_bill(found, found.billed).endswith(" of <$0.01, 1–13 Nov without 11 Nov")
    assert view.bill and (view.bill.total, view.bill.estimate, view.bill.days) == (*pair, (DAY, DAYS[3]))
    told = explore._headline(view, Unpriced(), NOW.date())
    assert "billed **$0.02** for 10–13 Nov without 11 Nov (no complete bill), estimated there <$0.01" in told
    assert explore_lines.billed_label(view) == "Billed, in part"
    assert explore_lines._lines_caption(view).endswith(
        " Billed is of 10–13 Nov without 11 Nov, for which there is no complete bill."
    )
    with database.workspace(1) as session:
        trusted = truth.read(session, 1, DAY, LAST, now=NOW)
        assert f"billed through 13 Nov UTC ({NO_BILL} for 11 Nov), read" in trusted.sentence
        assert truth.both(session, 1, trusted.reach, DAY) == Both(*pair)
        base.tell_truth(session, 1, DAY, LAST + timedelta(days=1))
    assert capsys.readouterr().err.splitlines()[-1] == (
        "Estimated 0.0106 USD. Through 2026-11-13 billed 0.02 USD and estimated 0.0053 USD, without 2026-11-11 "
        "(no complete bill), difference 0.0147 USD."
    )
    reconciled = statement(product_of(database), 1, DAY, LAST, limited=trusted.reach.limits)
    assert (reconciled.billed, reconciled.estimated) == pair
    assert reconciliation._holes(trusted.reach, NOW.date()) == (
        " Without 11 Nov: what was used then has no complete bill, so it is in neither sum."
    )
    assert file_of(database, "table.csv", "billed_of")[0] == "without 2026-11-11 (no complete bill)"
    assert file_of(database, "view.csv", "days_billed", grain=Grain.WEEK) == ["3", "3"]


def test_a_bill_that_lacks_lines_is_in_no_sum_either(database: Database) -> None:
    lost = RowSetAside(SECOND, "An amount is no number.", "gpt-5.4, output")
    store_bill(database, DAY, SECOND, DAYS[3], lost=lost)
    found, view = seen(database), explored(database)

    assert found.billed and (found.billed.amount, found.billed.estimate) == (2 * CENT, 2 * ONE)
    assert view.bill and (view.bill.total, view.bill.estimate) == (2 * CENT, 2 * ONE)
    assert [each.days for each in view.bill.holes.values()] == [(SECOND,)]
    assert file_of(database, "view.csv", "billed_cost_usd") == ["0.01", "", "", "0.01", ""]


def test_beside_others_a_day_is_left_out_of_the_one_that_has_no_bill_of_it(database: Database) -> None:
    with owned(database).workspace(1, write=True) as session:
        other = connection_of(1, "other")
        other.status = KeyStatus.VALID
        session.add(other)
    read_usage(database, key=3)
    store_bill(database, DAY, DAYS[3])
    store_bill(database, DAY, SECOND, DAYS[3], key=3)
    found, view = seen(database), explored(database)
    only = explored(database, only={By.KEY: (3,)})

    assert found.billed and (found.billed.amount, found.billed.estimate) == (5 * CENT, 5 * ONE)
    assert f"({NO_BILL} for **11 Nov of k**)" in notices.line_of_truth(found)
    assert view.bill and (view.bill.total, view.bill.estimate) == (5 * CENT, 5 * ONE)
    assert only.bill and (only.bill.total, only.bill.estimate, only.bill.left_out) == (3 * CENT, 3 * ONE, False)


def test_days_that_are_not_divided_are_left_out_of_both_and_named_where_it_matters(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    store_bill(database, DAY, SECOND, DAYS[3])
    store_bill(database, DAY, days=1, dropped=("api_key_id",))
    whole, divided = explored(database), explored(database, by=By.API_KEY)
    filtered = explored(database, only={By.API_KEY: ("key_1",)})

    assert whole.bill and (whole.bill.total, whole.bill.estimate, whole.bill.left_out) == (3 * CENT, 3 * ONE, False)
    for view in (divided, filtered):
        assert view.bill and (view.bill.total, view.bill.estimate) == (2 * CENT, 2 * ONE)
        told = explore._headline(view, Unpriced(), NOW.date())
        but = "without 10 Nov (not divided by API key)"
        assert f"billed **$0.02** for 10–13 Nov {but}, estimated there <$0.01" in told
        assert "without 10 Nov, whose bill the provider did not divide by API key." in explore_lines._lines_caption(
            view
        )
    assert file_of(database, "table.csv", "billed_of", by=By.API_KEY)[0] == "without 2026-11-10 (not divided)"
    with database.workspace(1) as session:
        base.tell_truth(session, 1, DAY, LAST, by=("model", "api_key_id"))
    assert (
        "billed 0.02 USD and estimated 0.0053 USD, without 2026-11-10 (not divided by api_key_id), difference"
        in (capsys.readouterr().err.splitlines()[-1])
    )
    store_bill(database, SECOND, DAYS[3], dropped=("api_key_id", "project_id"))
    nothing = explored(database, by=By.PROJECT)
    assert nothing.bill and (nothing.bill.total, nothing.billed_days) == (None, None)
    assert explore_lines._lines_caption(nothing).endswith(
        " Billed is without 11 Nov, 13 Nov, whose bill the provider did not divide by project."
    )


def read_usage(database: Database, *, key: int = 1) -> None:
    for name, endpoint in ENDPOINTS.items():
        if endpoint.bills:
            continue
        used = [record(24 * n, api_key_id="key_1") for n in (0, 1, 3, 4)] if name == "completions" else []
        if name == "moderations":
            used = [record(48, usage_type=name, model="omni-moderation-latest")]
        store(database, *used, endpoint=name, days=5, now=READ, key=key)


def store_bill(
    database: Database,
    *billed: date,
    key: int = 1,
    days: int = 5,
    dropped: tuple[str, ...] = (),
    lost: RowSetAside | None = None,
) -> None:
    """The first days' bill is a cent for each of those `billed`, and nothing for the others."""
    whose = None if dropped else "key_1"
    lines = [BilledCost(day, CENT, "usd", "gpt-5.4, input", "gpt-5.4", None, whose) for day in billed]
    aside = [lost] if lost else []
    store(database, *lines, *aside, endpoint="costs", days=days, now=READ, key=key, dropped=dropped)


def product_of(database: Database) -> Any:
    return SimpleNamespace(database=database, memory=Memory(), settings=SimpleNamespace(fetch_hour_utc=4))


def seen(database: Database) -> Overview:
    return overview.read(product_of(database), 1, now=NOW)


def explored(database: Database, **told: Any) -> Explored:
    product = product_of(database)
    return reading.read(product, 1, view_of(**told), reading.read_facets(product, 1), now=NOW)


def view_of(**told: Any) -> View:
    return View(Preset.CUSTOM, DAY, LAST, compare=False, **told)


def file_of(database: Database, name: str, column: str, **told: Any) -> list[str]:
    found = files.file_of(product_of(database), 1, name, view_of(**told).parameters(), now=NOW)
    return [row[column] for row in csv.DictReader(io.StringIO("".join(str(chunk) for chunk in found.chunks)))]
