"""Why a request costs more or less: without remainder, and silent when there is nothing to say."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pages import economics
from pages.ui import findings as words
from pages.ui import token_mix
from tests.seeds import examples
from tracker.explore import unit_costs
from tracker.explore.economics import Bill, Cause, causes, causes_of_all, findings, together
from tracker.explore.view import Preset, View
from tracker.overview.days import DayMark

counts = st.integers(0, 10**9)
prices = st.fractions(min_value=0, max_value=Fraction(1, 1_000), max_denominator=10**7)


@st.composite
def bills(draw: st.DrawFn) -> Bill:
    tokens = [draw(st.just(0) | counts) for _ in range(3)]
    usd = [count * draw(prices) for count in tokens]
    (i, k, o), (usd_i, usd_k, usd_o) = tokens, usd
    return Bill(draw(st.integers(1, 10**6)), i, k, o, usd_i, usd_k, usd_o, draw(st.just(Fraction(0)) | prices))


@given(bills(), bills())
@settings(max_examples=examples(80), deadline=None)
@pytest.mark.soak
def test_the_causes_of_one_model_add_up_to_the_difference_exactly(before: Bill, after: Bill) -> None:
    assert sum(causes(before, after).values()) == after.per_request - before.per_request


names = st.dictionaries(st.sampled_from("abcd"), bills(), min_size=1)


@given(names, names)
@settings(max_examples=examples(80), deadline=None)
@pytest.mark.soak
def test_the_causes_of_all_models_add_up_to_the_difference_exactly(
    before: dict[str, Bill], after: dict[str, Bill]
) -> None:
    one, two = together(before.values()), together(after.values())

    assert one and two
    assert sum(causes_of_all(before, after).values()) == two.per_request - one.per_request


@given(names)
@settings(max_examples=examples(20), deadline=None)
@pytest.mark.soak
def test_nothing_is_said_when_nothing_changed(both: dict[str, Bill]) -> None:
    assert findings(both, both) == []


def bill(requests: int, tokens: int, cached: Fraction, output: int = 100, *, rate: str = "2.5") -> Bill:
    """Requests of so many input tokens, a share of them cached at a tenth of the rate (USD a million)."""
    full = Fraction(rate) / 10**6
    hits = int(tokens * requests * cached)
    fresh = tokens * requests - hits
    return Bill(requests, fresh, hits, output * requests, fresh * full, hits * full / 10, output * requests * full * 6)


HIT, LOST = bill(10_000, 4_000, Fraction(62, 100)), bill(10_000, 4_000, Fraction(20, 100))


@pytest.mark.parametrize(
    ("before", "after", "cause", "told"),
    [
        (HIT, LOST, Cause.CACHE, "cached input fell from 62.0 % to 20.0 %"),
        (LOST, HIT, Cause.CACHE, "cached input rose from 20.0 % to 62.0 %"),
        (
            HIT,
            bill(10_000, 8_000, Fraction(62, 100)),
            Cause.LENGTH,
            "had 8,000 input and 100 output tokens instead of 4,000 and 100",
        ),
        (
            HIT,
            bill(10_000, 4_000, Fraction(62, 100), rate="3"),
            Cause.PRICE,
            "uncached input came to $3.00 a million tokens instead of $2.50",
        ),
    ],
)
def test_the_cause_that_did_most_is_named_with_its_figures(before: Bill, after: Bill, cause: Cause, told: str) -> None:
    (finding,) = findings({"gpt-5.4": before}, {"gpt-5.4": after})
    sentence = words.sentence(finding, before={"gpt-5.4": before}, after={"gpt-5.4": after}, days="3–9 Nov")

    assert finding.main is cause
    assert told in sentence
    assert "than in 3–9 Nov" in sentence


def test_the_sentence_of_the_page_has_its_figures_right() -> None:
    (finding,) = findings({"m": HIT}, {"m": LOST})

    assert words.sentence(finding, before={"m": HIT}, after={"m": LOST}, days="3–9 Nov") == (
        "**m** cost 63.9 % more per request than in 3–9 Nov ($0.0097 instead of $0.0059), mostly because cached input "
        "fell from 62.0 % to 20.0 % (+$0.0038 of +$0.0038 a request)."
    )


def test_a_dearer_model_asked_more_often_is_the_mix() -> None:
    cheap, dear = bill(1_000, 1_000, Fraction(0)), bill(1_000, 1_000, Fraction(0), rate="50")
    before = {"cheap": bill(9_000, 1_000, Fraction(0)), "dear": dear}
    after = {"cheap": cheap, "dear": bill(9_000, 1_000, Fraction(0), rate="50")}

    (finding,) = findings(before, after)

    assert (finding.model, finding.main) == (None, Cause.MIX)
    sentence = words.sentence(finding, before=before, after=after, days="October")
    assert "**A request of any model** cost" in sentence
    assert "dear made 90.0 % of the requests instead of 10.0 %" in sentence


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (bill(99, 4_000, Fraction(1, 2)), bill(99_000, 9_000, Fraction(0))),  # too few requests to go by
        (HIT, bill(10_000, 4_200, Fraction(62, 100))),  # too little a change
        (bill(100, 400, Fraction(1, 2)), bill(100, 900, Fraction(0))),  # too little money
    ],
)
def test_what_is_too_small_or_rests_on_too_little_is_not_said(before: Bill, after: Bill) -> None:
    assert findings({"m": before}, {"m": after}) == []


def test_a_model_that_is_new_or_gone_is_compared_with_nothing() -> None:
    assert findings({"old": HIT}, {"new": HIT}) == []
    assert findings({}, {"new": HIT}) == []


F, P, OPEN, MISSING, BEFORE = DayMark.FINAL, DayMark.PROVISIONAL, DayMark.OPEN, DayMark.MISSING, DayMark.UNAVAILABLE


@pytest.mark.parametrize(
    ("marks", "spoken_of", "not_over"),
    [
        ([F, P, OPEN], [1, 2], [3]),  # the same days as the findings
        ([BEFORE, F, MISSING, P, OPEN], [2, 4], [5]),
        ([BEFORE, MISSING, OPEN], [2], [3]),
        ([OPEN], [1], []),  # who asks for today alone is told of today
    ],
)
def test_the_figures_are_of_the_days_that_the_findings_are_of(
    marks: list[DayMark], spoken_of: list[int], not_over: list[int]
) -> None:
    found = unit_costs.spoken_of({date(2026, 11, n): mark for n, mark in enumerate(marks, 1)})

    assert [[day.day for day in days] for days in found] == [spoken_of, not_over]


def test_where_nothing_changed_fewer_days_are_named_once() -> None:
    assert economics.other_days(View()) == " Fewer days may tell more: **Last 7 days**."
    assert economics.other_days(View(Preset.WEEK)) == ""


def test_what_caching_saved_is_told_after_what_writing_it_cost() -> None:
    told = unit_costs.Caching(cached=3_700_000, saved=Decimal("8.37"), written=Decimal("0.01"))

    assert token_mix._saved(told) == (
        "Caching saved **$8.36** (estimate) on 3.7M cached tokens, after $0.01 spent on writing to the cache."
    )
