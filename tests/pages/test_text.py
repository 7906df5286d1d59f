"""Numbers and days as a person reads them, and foreign words that stay words."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from pages.ui import tables, text

TODAY = date(2026, 11, 23)


@pytest.mark.parametrize(
    ("usd", "told"),
    [
        (None, "–"),
        ("0", "$0.00"),
        ("0.000000001", "<$0.01"),
        ("-0.009", "−<$0.01"),
        ("0.01", "$0.01"),
        ("0.125", "$0.12"),
        ("4310.27", "$4,310.27"),
        ("-12.5", "−$12.50"),
        ("999999.99", "$999,999.99"),
        ("1000000", "$1.00M"),
        ("1239999.9", "$1.24M"),
    ],
)
def test_money_has_cents_and_is_never_rounded_to_nothing(usd: str | None, told: str) -> None:
    assert text.money(Decimal(usd) if usd else None) == told


@pytest.mark.parametrize(
    ("usd", "told"), [("62.18", "+$62.18"), ("-26.79", "−$26.79"), ("0", "$0.00"), (None, "–"), ("0.001", "+<$0.01")]
)
def test_a_difference_has_its_sign(usd: str | None, told: str) -> None:
    assert text.money_change(Decimal(usd) if usd else None) == told


@pytest.mark.parametrize(
    ("usd", "told"), [(None, "–"), ("0.004", "<$0.01"), ("8", "$8.00"), ("8.333333333", "$8.33"), ("200.4", "$200")]
)
def test_a_pace_has_as_many_digits_as_count(usd: str | None, told: str) -> None:
    assert text.rate_money(Decimal(usd) if usd else None) == told


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (None, "–"),
        (0, "0"),
        (999, "999"),
        (1_000, "1.0k"),
        (99_949, "99.9k"),
        (99_950, "100k"),
        (999_499, "999k"),
        (999_500, "1.0M"),
        (20_200_000, "20.2M"),
        (430_000_000, "430M"),
        (999_999_999, "1.0B"),
        (12_345_000_000_000, "12,345B"),
    ],
)
def test_counts_are_short(number: int | None, told: str) -> None:
    assert text.count(number) == told


@pytest.mark.parametrize(("percent", "told"), [("16.2", "+16.2 %"), ("-0.1", "−0.1 %"), ("0", "0.0 %"), (None, "–")])
def test_a_change_in_percent(percent: str | None, told: str) -> None:
    assert text.percent_change(Decimal(percent) if percent else None) == told


@pytest.mark.parametrize(
    ("first", "last", "told"),
    [
        (date(2026, 11, 9), date(2026, 11, 9), "9 Nov"),
        (date(2026, 11, 1), date(2026, 11, 21), "1–21 Nov"),
        (date(2026, 10, 30), date(2026, 11, 2), "30 Oct – 2 Nov"),
        (date(2025, 12, 30), date(2026, 1, 2), "30 Dec 2025 – 2 Jan"),
    ],
)
def test_days_are_short_and_name_another_year(first: date, last: date, told: str) -> None:
    assert text.day_range(first, last, today=TODAY) == told


@pytest.mark.parametrize(
    ("since", "told"),
    [
        (timedelta(seconds=59), "just now"),
        (timedelta(minutes=1), "1 min ago"),
        (timedelta(minutes=59, seconds=59), "59 min ago"),
        (timedelta(hours=1), "1 h ago"),
        (timedelta(hours=47, minutes=59), "47 h ago"),
        (timedelta(hours=48), "2 days ago"),
    ],
)
def test_an_age_is_in_the_largest_unit_that_fits(since: timedelta, told: str) -> None:
    assert text.age(since) == told


def test_an_instant_has_its_zone_and_another_day_its_date() -> None:
    assert text.instant(datetime(2026, 11, 23, 15, 30, tzinfo=UTC), today=TODAY) == "15:30 UTC"
    assert text.instant(datetime(2026, 11, 20, 4, 2, tzinfo=UTC), today=TODAY) == "20 Nov 04:02 UTC"


@pytest.mark.parametrize(
    ("foreign", "kept"),
    [
        ("**bold**", "\\*\\*bold\\*\\*"),
        ("a\n# b", "a \\# b"),
        ("$x$", "\\$x\\$"),
        ("![x](y)", "\\!\\[x\\]\\(y\\)"),
        ("<b>", "\\<b\\>"),
    ],
)
def test_markup_in_a_name_is_read_as_it_is(foreign: str, kept: str) -> None:
    assert text.quoted(foreign) == kept


@pytest.mark.parametrize("foreign", [":material/bolt:", ":red[x]", "https://a.example", "a@b.example", "www.a.example"])
def test_no_code_and_no_address_in_a_name_is_recognised(foreign: str) -> None:
    for mark in (":m", ":r", "://", "@b", "www."):
        assert mark not in text.quoted(foreign).replace("\\", "")


@pytest.mark.parametrize("foreign", ["gpt-5.4", "claude-opus-4.5 @ 1", "a/b.c", "sk-admin-.", "images, 1024x1024"])
def test_a_name_is_copied_as_it_is(foreign: str) -> None:
    assert text.quoted(foreign).replace("\\", "") == foreign


def test_only_the_page_where_a_key_is_made_becomes_a_link() -> None:
    told = text.told("Create one under platform.openai.com/settings/organization/admin-keys (or at www.evil.example).")

    address = "platform.openai.com/settings/organization/admin-keys"
    assert f"under [{address}](https://{address}) \\(or" in told
    assert told.count("](") == 1
    assert "www." not in told.replace("\\", "")


@pytest.mark.parametrize("foreign", ["a -- b", "->", "<-", "<->", ">=", "~="])
def test_no_dashes_or_arrows_are_made_of_a_name(foreign: str) -> None:
    told = text.quoted(foreign)

    assert told.replace("\N{WORD JOINER}", "").replace("\\", "") == foreign
    assert "\\-\\-" not in told and "\\-\\>" not in told and "\\>\\=" not in told


def test_of_many_names_the_first_three_are_told_and_how_many_more_there_are() -> None:
    assert text.first_of(["a", "b.c"]) == "a, b\\.c"
    assert text.first_of(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"


def test_our_own_amounts_make_no_formula() -> None:
    assert text.dollars("$1 and $2") == "\\$1 and \\$2"
    assert text.dollars(text.dollars("$1")) == "\\$1"


@pytest.mark.parametrize(
    ("foreign", "shown"),
    [
        (None, ""),
        ("gpt-5.4", "gpt-5.4"),
        ("a=b", "a=b"),
        ("=1+1", "\N{WORD JOINER}=1+1"),
        ("@cf/meta/llama", "\N{WORD JOINER}@cf/meta/llama"),
        ("a;b=c;d-e", "a;b=c;d-e"),
        ("x;=1+1", "x;\N{WORD JOINER}=1+1"),
        ('=1;"+2', '\N{WORD JOINER}=1;\N{WORD JOINER}"+2'),
    ],
)
def test_a_cell_on_screen_shows_what_is_there_and_begins_no_formula(foreign: str | None, shown: str) -> None:
    assert text.in_cell(foreign) == shown


@pytest.mark.parametrize(
    ("names", "width", "cut"),
    [
        ([], 0, []),
        (["gpt-5.4", None, ""], 0, []),
        (["a" * 30, "b" * 31, "b" * 31], 0, ["b" * 31]),
        (["gpt-4o-mini-2024-07-18", "gpt-4o-realtime-preview"], 148, ["gpt-4o-realtime-preview"]),
    ],
)
def test_names_that_a_cell_has_no_room_for_are_found(names: list[str | None], width: int, cut: list[str]) -> None:
    assert tables.cut(names, width=width) == cut


@pytest.mark.parametrize(
    ("cut", "high", "told"),
    [
        ([], tables.ROW_PX, ""),
        (["a", "b_", "c"], tables.ROW_PX, r"In full: a · b\_ · c"),
        (["a", "b", "c", "d"], tables.TALL_PX, ""),
    ],
)
def test_few_cut_names_are_told_below_and_many_in_higher_rows(cut: list[str], high: int, told: str) -> None:
    assert (tables.row_px(cut), tables.in_full(cut)) == (high, told)


@pytest.mark.parametrize(
    ("usd", "told"),
    [("0.00034", "$0.00034"), ("-0.0099", "−$0.0099"), ("0.01", "$0.01"), ("0.000000001", "$0.000000001"), (None, "–")],
)
def test_of_less_than_a_cent_two_digits_are_told_where_amounts_are_compared(usd: str | None, told: str) -> None:
    assert text.fine_money(None if usd is None else Decimal(usd)) == told


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        ("0.0421", "0.0428", ("$0.042", "$0.043")),
        ("0.04", "0.04", ("$0.04", "$0.04")),
        ("119.96", "99.33", ("$119.96", "$99.33")),
        ("1200000.001", "1200000.002", ("$1,200,000.001", "$1,200,000.002")),
        ("0.0001201", "0.0001202", ("$0.0001201", "$0.0001202")),
    ],
)
def test_amounts_held_against_each_other_never_read_alike(one: str, other: str, told: tuple[str, str]) -> None:
    assert text.apart(Decimal(one), Decimal(other)) == told
