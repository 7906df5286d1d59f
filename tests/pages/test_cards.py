"""What the cards say of the part that has no price: how much it is and what it costs at most, in every sum."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from pages.ui import cards, needs, text
from tracker import budgets, unpriced
from tracker.overview import Billed, Cycle, Reach, Stage
from tracker.unpriced import Unpriced


@pytest.mark.parametrize(
    ("part", "told"),
    [
        (Unpriced(), ""),
        (Unpriced(rows=2, tokenless_rows=2), "2 unpriced rows"),
        (Unpriced(rows=3, requests=1, tokenless_rows=3), "1 unpriced request"),
        (Unpriced(rows=3, requests=1_204, input_tokens=900, output_tokens=99), "1,204 unpriced requests (999 tokens)"),
        (
            Unpriced(rows=3, requests=260, input_tokens=17_000, output_tokens=600, at_most=Decimal("3.527")),
            "260 unpriced requests (17.6k tokens), $3.53 at most",
        ),
        (
            Unpriced(rows=9, requests=8, input_tokens=90, tokenless_rows=5, at_most=Decimal("3.527")),
            "8 unpriced requests (90 tokens), the tokens $3.53 at most",
        ),
    ],
)
def test_the_unpriced_part_is_told_with_its_tokens_and_its_bound(part: Unpriced, told: str) -> None:
    assert cards.unpriced(part) == told


@pytest.mark.parametrize(
    ("now", "then", "told"),
    [
        (Unpriced(), Unpriced(), ""),
        (
            Unpriced(rows=3, requests=274, input_tokens=17_400, tokenless_rows=2, at_most=Decimal("3.48")),
            Unpriced(rows=2, requests=269),
            (
                "**+ ?**: 274 requests of November and 269 requests of the days of October compared with "
                "have no price, so no estimate above holds what they cost. The 17.4k tokens of November would "
                "cost at most $3.48. What is not counted in tokens has no such bound."
            ),
        ),
        (
            Unpriced(rows=3, tokenless_rows=3),
            Unpriced(),
            "**+ ?**: 3 rows of November have no price, so no estimate above holds what they cost.",
        ),
    ],
)
def test_the_mark_in_the_cards_is_told_once_under_them(now: Unpriced, then: Unpriced, told: str) -> None:
    parts: Any = {"unpriced": now, "unpriced_of": lambda _: then, "change": SimpleNamespace(twins=())}
    seen: Any = SimpleNamespace(cycle=Cycle(date(2026, 11, 23)), **parts)

    assert cards.lacking(seen) == told
    assert cards.marked("$7", now) == ("$7 :small[+ ?]" if now.rows else "$7")
    assert cards.marked(text.UNKNOWN, now) == text.UNKNOWN


def test_the_bounds_rule_is_stated_and_so_is_what_has_no_bound() -> None:
    assert cards.unpriced_rule(Unpriced(rows=1)) == ""
    assert cards.unpriced_rule(unpriced.of_provider("openai", 3, 5, 2_000_000, 1_000_000, 2)) == (
        " Unpriced tokens are bounded by the dearest rates on the list: $150.00 a million read (o1-pro) and $600.00 a "
        "million written (o1-pro). What is not counted in tokens has no such bound."
    )


@pytest.mark.parametrize(
    ("left_out", "untold", "told", "nothing"),
    [
        (0, 0, "", "No day is complete in both months"),
        (3, 0, "3 days left out", "No day is complete in both months"),
        (3, 2, "3 days left out, 2 of them before the provider's history", "No day is complete in both months"),
        (
            3,
            3,
            "3 days left out, 3 of them before the provider's history",
            "October lies before the provider's history",
        ),
    ],
)
def test_days_that_no_provider_ever_told_are_never_called_complete(
    left_out: int, untold: int, told: str, nothing: str
) -> None:
    seen: Any = SimpleNamespace(
        cycle=Cycle(date(2026, 11, 23)), stage=Stage.READY, change=SimpleNamespace(left_out=left_out, untold=untold)
    )

    assert cards._left_out(seen) == told
    assert cards._no_comparison(seen, "October") == nothing


@pytest.mark.parametrize(
    ("spent", "expected", "billed", "card", "fact", "why"),
    [
        ("90", "99", "92", "Budget $100: **99 %** of it, not exceeded", "", ""),
        (
            "98",
            "114",
            "99",
            "Budget $100: **114 %** of it, **over by $14**",
            "November is expected to go $14 over its budget.",
            "By the estimate 98 % of $100 is spent.",
        ),
        (
            "98",
            "114",
            "102.14",
            "Budget $100: **over by $2.14** as billed",
            "The budget of November is used up.",
            "$102.14 of $100 was billed through 26 Nov. By the estimate 98 % of $100 is spent.",
        ),
    ],
)
def test_a_budget_is_held_against_the_estimate_and_the_bill(
    spent: str, expected: str, billed: str, card: str, fact: str, why: str
) -> None:
    given = {"spent": Decimal(spent), "expected": Decimal(expected), "billed": Decimal(billed)}
    bill = Billed(Decimal(billed), date(2026, 11, 26), None)
    standing = budgets.standing(Decimal(100), days=30, **given)
    seen: Any = SimpleNamespace(cycle=Cycle(date(2026, 11, 28)), budget=standing, billed=bill, reach=Reach())

    assert cards.budget(seen) == card
    assert [(need.fact, need.consequence) for need in needs.of_budget(seen)] == ([(fact, why)] if fact else [])
