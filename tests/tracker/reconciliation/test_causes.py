"""Each cause has a case that only it explains, and whatever the figures, the causes add up to the difference."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import seeds
from tracker.reconciliation.causes import Cause, Line, Reconciled, explained, headline, reconcile
from tracker.reconciliation.lines import Item

DAY = date(2026, 11, 2)
INPUT = Item("gpt-5.4", "input")
SEARCH = Item("", "web search tool calls")
OTHERWISE = ((Cause.TIER_OR_BATCH, Decimal("0.5")), (Cause.LONG_CONTEXT, Decimal(2)), (Cause.CACHE, Decimal("1.4")))


def line(estimated: str | None, billed: str | None, *, day: int = 0, item: Item = INPUT, **more: object) -> Line:
    known = [None if text is None else Decimal(text) for text in (estimated, billed)]
    made = Line(DAY + timedelta(days=day), 1, item, f"{item.model}, {item.kind}", estimated=known[0], billed=known[1])
    return replace(made, **{"rows": 2, "bill_rows": int(billed is not None), **more})  # type: ignore[arg-type]


def causes(*lines: Line) -> list[dict[str, str]]:
    return [{cause.value: str(amount) for cause, amount in row.causes.items()} for row in reconcile(lines)]


ALONE: tuple[tuple[Line, dict[str, str]], ...] = (
    (line("1", "1"), {}),
    (line(None, None), {}),
    (line("0", None), {}),
    (line(None, "3.001", item=SEARCH), {"tool or storage fee": "3.001"}),
    (line(None, "3.001", unpriced=True), {"price missing": "3.001"}),
    (line("1", "3.001", unpriced=True), {"price missing": "2.001"}),
    (line("1", "1.501", unpriced=True), {"price missing": "0.501"}),
    (line("3.001", "1.001", unpriced=True), {"unexplained": "-2.000"}),
    (line(None, "3.001", usage_told=False), {"usage missing": "3.001"}),
    (line("1", "3.001", usage_told=False), {"usage missing": "2.001"}),
    (line("3.001", "1.001", usage_told=False), {"unexplained": "-2.000"}),
    (line(None, "3.001"), {"unexplained": "3.001"}),
    (line(None, "3.001", item=Item("", "")), {"unexplained": "3.001"}),
    (line("1", None, bill_told=False), {"not billed yet": "-1"}),
    (line("1", None), {"unexplained": "-1"}),
    (line("0.5", None, otherwise=((Cause.CACHE, Decimal()),)), {"unexplained": "-0.5"}),
    (line("1", "0.5", otherwise=OTHERWISE), {"tier or batch": "-0.5"}),
    (line("1", "2", otherwise=OTHERWISE), {"long context": "1"}),
    (line("1", "1.4", otherwise=OTHERWISE), {"cache": "0.4"}),
    (line("0", "1.4", otherwise=((Cause.COMPLIMENTARY, Decimal("1.4")),)), {"complimentary tokens": "1.4"}),
    (
        line("1", "2.0000000015", otherwise=OTHERWISE),
        {"long context": "1", "rounding": "1.5E-9"},
    ),
    (line("1", "2.0000000016", otherwise=OTHERWISE), {"unexplained": "1.0000000016"}),
    (line("1", "1.0000000015"), {"rounding": "1.5E-9"}),
    (line("1", "1.0000000016"), {"unexplained": "1.6E-9"}),
    (line("1.005", "1.00", rows=0), {"rounding": "-0.005"}),
    (line("1.006", "1.00", rows=0), {"unexplained": "-0.006"}),
    (line("1", "-0.25", credits=Decimal("-1.25")), {"credit": "-1.25"}),
    (line(None, "-1.25", credits=Decimal("-1.25"), item=SEARCH), {"credit": "-1.25"}),
    (line("1", "1", credits=Decimal(-1)), {"credit": "-1", "unexplained": "1"}),
    (line(None, "9", currency="eur"), {}),
)


@pytest.mark.parametrize(("given_line", "expected"), ALONE)
def test_a_line_alone_has_the_cause_that_accounts_for_it(given_line: Line, expected: dict[str, str]) -> None:
    (told,) = causes(given_line)
    assert {cause: Decimal(amount) for cause, amount in told.items()} == {
        cause: Decimal(amount) for cause, amount in expected.items()
    }


def test_the_list_of_causes_is_closed_and_each_is_made_by_a_case_here() -> None:
    boundary = [line("1", "0.499"), line("1", "1.501", day=1)]
    negotiated = [line("1", "0.901", day=n) for n in range(3)]
    raised = [line("1", "1"), *(line("1", "1.1", day=n) for n in range(1, 4))]
    alone = [[given_line] for given_line, _ in ALONE]

    made = {cause for lines in (boundary, negotiated, raised, *alone) for told in causes(*lines) for cause in told}

    assert (
        made
        == {cause.value for cause in Cause}
        == {
            "price missing",
            "price out of date",
            "tier or batch",
            "long context",
            "cache",
            "tool or storage fee",
            "credit",
            "complimentary tokens",
            "negotiated price",
            "usage missing",
            "not billed yet",
            "day boundary",
            "rounding",
            "unexplained",
        }
    )


def test_the_difference_is_signed_and_null_where_nothing_compares() -> None:
    shown = [line("1", "3"), line("3", "1"), line(None, "2"), line("2", None), line(None, None)]

    assert [each.difference for each in shown] == [2, -2, 2, -2, None]
    assert line("1", "3", currency="eur").difference is None
    assert line("1", None, bill_rows=1).difference is None


def test_usage_billed_on_the_day_beside_it_is_a_day_boundary() -> None:
    assert causes(line("1", "0.499"), line("1", "1.501", day=1)) == [
        {"day boundary": "-0.501"},
        {"day boundary": "0.501"},
    ]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        # Two rows and a line of the bill each: rounding may make three nano-dollars between the two days.
        ((line("1", "0.499"), line("1", "1.501000003", day=1)), ["day boundary", "day boundary"]),
        ((line("1", "0.499"), line("1", "1.501000004", day=1)), ["unexplained", "unexplained"]),
        ((line("1", "1"), line("1", "1.000000002", day=1)), ["", "unexplained"]),
        (
            (line("1", "0.499"), line("1", "0.499", day=5), line("1", "1.501", day=6)),
            ["unexplained", "day boundary", "day boundary"],
        ),
        (
            (line("1", "0.499"), line("1", "1.501", day=1), line("1", "1.7", day=2)),
            ["day boundary", "day boundary", "unexplained"],
        ),
    ],
)
def test_only_two_days_beside_each_other_whose_gaps_cancel_out_are_a_boundary(
    lines: tuple[Line, ...], expected: list[str]
) -> None:
    assert ["".join(told) for told in causes(*lines)] == expected


LARGEST = line("4", "4.8001", day=1)


@pytest.mark.parametrize(("more", "cause"), [("2.25E-9", "negotiated price"), ("2.26E-9", "unexplained")])
def test_a_ratio_is_read_off_the_largest_line_and_fits_within_the_rounding_of_both(more: str, cause: str) -> None:
    half = Decimal("2.40005")
    above, below = (line("2", str(half + sign * Decimal(more)), day=1 + sign) for sign in (-1, 1))

    assert [list(told) for told in causes(above, LARGEST, below)] == [[cause]] * 3


def test_a_price_names_what_is_left_on_its_days_and_nothing_else() -> None:
    lines = [line("1", "1.2001", day=n) for n in range(3)]
    lines[1] = replace(lines[1], billed=Decimal("0.2001"), credits=Decimal(-1))

    assert causes(*lines, line("1", None, day=3)) == [
        {"negotiated price": "0.2001"},
        {"credit": "-1", "negotiated price": "0.2001"},
        {"negotiated price": "0.2001"},
        {"unexplained": "-1"},
    ]


def test_equal_and_opposite_gaps_further_apart_or_of_other_lines_stay_unexplained() -> None:
    apart = (line("1", "0.499"), line("1", "1.501", day=2))
    others = (line("1", "0.499"), line("1", "1.501", day=1, item=Item("gpt-5.4", "output")))
    uneven = (line("1", "0.499"), line("1", "1.511", day=1))

    for lines in (apart, others, uneven):
        assert [list(told) for told in causes(*lines)] == [["unexplained"], ["unexplained"]]


def test_a_constant_ratio_on_all_days_is_a_negotiated_price() -> None:
    told = causes(line("1", "0.901"), line("2", "1.802", day=1), line("3", "2.703", day=2))

    assert told == [{"negotiated price": amount} for amount in ("-0.099", "-0.198", "-0.297")]


def test_a_ratio_that_begins_on_one_day_is_a_price_out_of_date() -> None:
    days = [line("1", "1"), line("1", "0.901", day=1), line("2", "1.802", day=2), line("3", "2.703", day=3)]

    assert [list(told) for told in causes(*reversed(days))] == [["price out of date"]] * 3 + [[]]


@pytest.mark.parametrize("last", ["2.703", "3", "2.71"])
def test_two_days_or_an_uneven_ratio_are_no_price(last: str) -> None:
    days = [line("1", "0.901"), line("2", "1.802", day=1), line("3", last, day=2)]
    lines = days[:2] if last == "2.703" else days

    assert all(set(told) <= {"unexplained"} for told in causes(*lines))


def test_explained_is_the_share_of_all_causes_that_has_a_name() -> None:
    rows = [
        Reconciled(line("1", "4"), {Cause.CREDIT: Decimal(-3), Cause.UNEXPLAINED: Decimal(-1)}),
        Reconciled(line("1", "4"), {Cause.FEE: Decimal(4), Cause.UNEXPLAINED: Decimal(2)}),
    ]

    told = headline(rows, DAY, DAY + timedelta(days=30))
    assert told.explained == explained(rows) == Decimal("0.7")
    assert told.unexplained == 1
    assert told.largest == rows[1].line
    assert (told.start, told.end) == (DAY, DAY + timedelta(days=30))


def test_nothing_that_differs_has_no_share_and_names_nothing() -> None:
    told = headline(reconcile([line("1", "1")]), DAY, DAY)

    assert told.unexplained == 0
    assert told.explained is None
    assert told.largest is None


MONEY = st.integers(0, 9 * 10**18).map(lambda nanos: Decimal(nanos).scaleb(-9)) | st.sampled_from(
    [Decimal(text) for text in ("0", "0.5", "0.9", "1", "1.1", "2", "0.000000001")]
)


@st.composite
def any_line(draw: st.DrawFn) -> Line:
    charged, given_back = draw(st.none() | MONEY), draw(st.just(Decimal()) | MONEY)
    return Line(
        day=DAY + timedelta(days=draw(st.integers(0, 5))),
        provider_key_id=draw(st.integers(1, 2)),
        item=draw(st.sampled_from([INPUT, SEARCH, Item("", "")])),
        line_item="",
        currency=draw(st.sampled_from(["usd", "usd", "usd", "eur"])),
        estimated=draw(st.none() | MONEY),
        billed=None if charged is None else charged - given_back,
        credits=Decimal() if charged is None else -given_back,
        otherwise=tuple(
            draw(st.lists(st.tuples(st.sampled_from([cause for cause, _ in OTHERWISE]), MONEY), max_size=2))
        ),
        rows=draw(st.integers(0, 50)),
        bill_rows=draw(st.integers(0, 5)),
        unpriced=draw(st.booleans()),
        bill_told=draw(st.booleans()),
        usage_told=draw(st.booleans()),
    )


@settings(deadline=None, max_examples=seeds.examples(200))
@given(st.lists(any_line(), max_size=12))
def test_causes_are_of_the_closed_list_and_add_up_to_the_difference_exactly(lines: list[Line]) -> None:
    rows = reconcile(lines)

    assert [row.line for row in rows] == lines
    for row in rows:
        assert sum(row.causes.values(), Decimal()) == (row.line.difference or 0)
        assert {type(amount) for amount in row.causes.values()} <= {Decimal}
        assert set(row.causes) <= set(Cause)
        assert all(row.causes.values())
    share = explained(rows)
    assert share is None or 0 <= share <= 1
