"""A view survives its address, and no address is an error."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.seeds import examples
from tracker.explore import bars
from tracker.explore.span import Span, hours, pairs, span_before, span_of, stretches, up_to_today
from tracker.explore.view import MOST_DAYS, NAMES, By, Grain, Preset, View, allows_hours, offered, parse
from tracker.overview.figures import Measure

NOW = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Kiritimati")

words = st.text(min_size=1, max_size=30).filter(lambda word: "\x00" not in word)
days = st.dates(date(2024, 1, 1), date(2027, 12, 31))


def chosen(by: By) -> st.SearchStrategy[tuple[str | int | None, ...]]:
    one = st.integers(0, 10**15) if by is By.KEY else st.none() | words | st.just("~") | st.just("~~x")
    return st.lists(one, min_size=1, max_size=4, unique=True).map(tuple)


def custom(length: int) -> View:
    first = date(2025, 1, 1)
    return View(Preset.CUSTOM, first, first + timedelta(days=length - 1))


@st.composite
def views(draw: st.DrawFn) -> View:
    preset = draw(st.sampled_from(Preset))
    first = draw(days) if preset is Preset.CUSTOM else None
    last = first + timedelta(days=draw(st.integers(0, MOST_DAYS - 1))) if first else None
    dated = View(preset, first, last)
    hourly = [] if allows_hours(dated) else [Grain.HOUR]
    return View(
        preset=preset,
        first=first,
        last=last,
        compare=draw(st.booleans()),
        by=draw(st.sampled_from(By)),
        measure=draw(st.sampled_from(Measure)),
        grain=draw(st.sampled_from([None, *(each for each in Grain if each not in {dated.suits, *hourly})])),
        only={by: draw(chosen(by)) for by in draw(st.lists(st.sampled_from(By), unique=True))},
        zone=draw(st.sampled_from(ZONES)),
    )


@given(views())
@settings(max_examples=examples(60), deadline=None)
@pytest.mark.soak
def test_a_view_is_read_from_its_own_address(view: View) -> None:
    found = parse(parse_qs(view.query(), keep_blank_values=True))

    assert found.complaints == ()
    assert found.view == view


@given(st.dictionaries(st.sampled_from(NAMES), st.lists(st.text(max_size=20), max_size=3)))
@settings(max_examples=examples(60), deadline=None)
@pytest.mark.soak
def test_no_address_is_an_error_and_what_is_understood_can_be_written_again(told: dict[str, list[str]]) -> None:
    view = parse(told).view

    assert parse(parse_qs(view.query(), keep_blank_values=True)).view == view
    assert span_of(view, now=NOW).days


@pytest.mark.parametrize(
    ("view", "suits", "offers"),
    [
        (View(Preset.WEEK), Grain.DAY, (Grain.DAY, Grain.HOUR)),
        (View(Preset.MONTH), Grain.DAY, (Grain.DAY,)),
        (View(Preset.NINETY), Grain.DAY, (Grain.DAY, Grain.WEEK, Grain.MONTH)),
        (custom(120), Grain.DAY, (Grain.DAY, Grain.WEEK, Grain.MONTH)),
        (custom(121), Grain.WEEK, (Grain.DAY, Grain.WEEK, Grain.MONTH)),
        (View(Preset.YEAR), Grain.WEEK, (Grain.DAY, Grain.WEEK, Grain.MONTH)),
        (custom(371), Grain.WEEK, (Grain.DAY, Grain.WEEK, Grain.MONTH)),
        (custom(372), Grain.MONTH, (Grain.DAY, Grain.WEEK, Grain.MONTH)),
    ],
)
def test_many_days_stand_in_weeks_or_months_unless_somebody_wants_days(
    view: View, suits: Grain, offers: tuple[Grain, ...]
) -> None:
    assert (view.bars, offered(view)) == (suits, offers)
    assert parse(parse_qs(replace(view, grain=suits).query())).view == view
    assert replace(view, grain=Grain.HOUR).read_by is Grain.HOUR
    assert {replace(view, grain=each).read_by for each in (Grain.WEEK, Grain.MONTH, None)} == {Grain.DAY}


@pytest.mark.parametrize(
    ("grain", "columns", "days", "whole"),
    [
        (Grain.DAY, ["2026-10-30", "2026-10-31", "2026-11-01"], [1, 1, 1], [1, 1, 1]),
        (Grain.WEEK, ["2026-10-30", "2026-11-02", "2026-11-09"], [3, 7, 2], [7, 7, 7]),
        (Grain.MONTH, ["2026-10-30", "2026-11-01"], [2, 10], [31, 30]),
    ],
)
def test_a_week_begins_on_monday_and_a_bar_that_is_cut_knows_it(
    grain: Grain, columns: list[str], days: list[int], whole: list[int]
) -> None:
    span = Span(date(2026, 10, 30), date(2026, 11, 2) if grain is Grain.DAY else date(2026, 11, 11), "UTC")
    found = bars.columns(span, grain)

    assert [day.isoformat() for day in found] == columns
    assert [len(bars.days_in(bar, grain, span)) for bar in found] == days
    assert [bars.whole(bar, grain) for bar in found] == whole
    assert [bars.bar_of(day, grain, span) for bar in found for day in bars.days_in(bar, grain, span)] == [
        bar for bar in found for _ in bars.days_in(bar, grain, span)
    ]


def test_what_is_the_default_anyway_is_not_written() -> None:
    assert View().query() == ""
    assert parse({"utm_source": ["x"], "tz": ["UTC"]}) == parse({})


def test_an_address_with_an_old_name_of_a_zone_still_works() -> None:
    found = parse({"tz": ["Asia/Calcutta"]})

    assert (found.view.zone, found.complaints) == ("Asia/Kolkata", ())


def test_days_of_ones_own_need_no_word_that_says_so() -> None:
    days = {"from": ["2026-11-01"], "to": ["2026-11-02"]}

    assert parse(days) == parse({"range": ["custom"], **days})
    assert (parse(days).view.first, parse(days).complaints) == (date(2026, 11, 1), ())
    assert parse({"range": ["fortnight"], **days}).view == parse(days).view


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ({"range": ["fortnight"]}, "“fortnight” is not a value of “range”"),
        ({"m": ["cost"]}, "left out of the address. It can be spend, tokens or requests."),
        ({"m": [""]}, "“” is not a value of “m”"),
        ({"by": ["workspace_id"]}, "“workspace_id” is not a value of “by”"),
        ({"tz": ["Mars/Olympus"]}, "“Mars/Olympus” is not a value of “tz”"),
        ({"tz": ["../../etc/passwd"]}, "not a value of “tz”"),
        ({"tz": ["localtime"]}, "“localtime” is not a value of “tz”"),
        ({"tz": ["right/Europe/Paris"]}, "not a value of “tz”"),
        ({"from": ["0001-01-01"], "to": ["0001-01-03"]}, "No day before 2000-01-01 can be told of"),
        ({"tz": ["Europe"]}, "not a value of “tz”"),
        ({"vs": ["maybe"]}, "not a value of “vs”"),
        ({"key": ["1 or 1=1"]}, "not a value of “key”"),
        ({"model": ["x" * 600]}, "not a value of “model”"),
        ({"model": [str(n) for n in range(41)]}, "not a value of “model”"),
        ({"range": ["custom"], "from": ["2026-11-01"]}, "needs a first and a last day"),
        ({"to": ["2026-11-01"]}, "needs a first and a last day"),
        ({"range": ["custom"], "from": ["2026-11-02"], "to": ["2026-11-01"]}, "must not lie before the first"),
        ({"from": ["2026-11-20"], "to": ["2026-11-10"]}, "must not lie before the first"),
        ({"range": ["90d"], "from": ["2026-11-01"], "to": ["2026-11-02"]}, "do not go with the range “90d”"),
        ({"range": ["custom"], "from": ["2020-01-01"], "to": ["2026-11-01"]}, "nor 731 days after"),
        ({"range": ["90d"], "grain": ["hour"]}, "Hours are shown for at most 14 days"),
    ],
)
def test_nonsense_is_told_and_the_default_takes_its_place(told: dict[str, list[str]], sentence: str) -> None:
    found = parse(told)

    assert sentence in " ".join(found.complaints)
    assert found.view.only == {}
    assert found.view in {View().preset: [View()], Preset.NINETY: [View(preset=Preset.NINETY)]}[found.view.preset]


@pytest.mark.parametrize(
    ("view", "first", "last", "before_first", "before_last"),
    [
        (View(), (11, 1), (11, 23), (10, 1), (10, 23)),
        (View(Preset.LAST_MONTH), (10, 1), (10, 31), (9, 1), (9, 30)),
        (View(Preset.WEEK), (11, 17), (11, 23), (11, 10), (11, 16)),
        (View(Preset.NINETY), (8, 26), (11, 23), (5, 28), (8, 25)),
        (View(Preset.CUSTOM, date(2026, 11, 20), date(2027, 2, 1)), (11, 20), (11, 23), (11, 16), (11, 19)),
        (View(Preset.CUSTOM, date(2027, 1, 1), date(2027, 2, 1)), (11, 23), (11, 23), (11, 22), (11, 22)),
        (View(zone="Pacific/Kiritimati"), (11, 1), (11, 24), (10, 1), (10, 24)),
    ],
)
def test_days_of_a_view_and_of_the_period_before(
    view: View,
    first: tuple[int, int],
    last: tuple[int, int],
    before_first: tuple[int, int],
    before_last: tuple[int, int],
) -> None:
    span = span_of(view, now=NOW)
    before = span_before(view, span)

    told = [(day.month, day.day) for day in (span.days[0], span.days[-1], before.days[0], before.days[-1])]
    assert told == [first, last, before_first, before_last]


def test_a_month_longer_than_the_one_before_has_days_without_a_twin() -> None:
    at = datetime(2026, 3, 31, 12, tzinfo=UTC)
    span = span_of(View(), now=at)

    assert pairs(span, span_before(View(), span))[-1] == (date(2026, 3, 28), date(2026, 2, 28))


@pytest.mark.parametrize(
    ("zone", "day", "starts", "hours_long"),
    [
        ("UTC", date(2026, 3, 29), "2026-03-29T00:00", 24),
        ("Europe/Berlin", date(2026, 3, 29), "2026-03-28T23:00", 23),
        ("Europe/Berlin", date(2026, 10, 25), "2026-10-24T22:00", 25),
        ("America/New_York", date(2026, 11, 1), "2026-11-01T04:00", 25),
        ("Asia/Kolkata", date(2026, 11, 1), "2026-10-31T18:30", 24),
        ("Africa/Cairo", date(2026, 4, 24), "2026-04-23T22:00", 23),  # clocks jump at midnight
        ("America/Havana", date(2026, 11, 1), "2026-11-01T04:00", 25),  # midnight comes twice
    ],
)
def test_a_day_begins_and_ends_by_its_own_clock(zone: str, day: date, starts: str, hours_long: int) -> None:
    span = Span(day, day + timedelta(days=1), zone)

    assert span.start_at == datetime.fromisoformat(f"{starts}+00:00")
    assert len(hours(span)) == hours_long
    assert {span.day_of(at) for at in hours(span)} == {day}


@pytest.mark.parametrize(("zone", "approximate"), [("UTC", False), ("Europe/Berlin", False), ("Asia/Kolkata", True)])
def test_a_zone_that_is_not_whole_hours_away_is_approximate(zone: str, approximate: bool) -> None:
    assert Span(date(2026, 3, 1), date(2026, 11, 30), zone).is_approximate is approximate


def test_a_year_of_a_zone_is_a_few_stretches_of_a_fixed_distance() -> None:
    found = stretches("Europe/Berlin", datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))

    summer, winter = (int(datetime(2026, month, day, 1, tzinfo=UTC).timestamp()) for month, day in ((3, 29), (10, 25)))
    assert [(each.start, each.offset) for each in found] == [(0, 3_600), (summer, 7_200), (winter, 3_600)]


@pytest.mark.parametrize(
    ("first", "last", "zone", "told"),
    [
        ((11, 1), (11, 23), "UTC", ((11, 1), (11, 23))),
        ((11, 1), (12, 2), "UTC", ((11, 1), (11, 23))),
        ((12, 1), (12, 2), "UTC", ((11, 23), (11, 23))),
        ((11, 1), (12, 2), "Pacific/Kiritimati", ((11, 1), (11, 24))),
    ],
)
def test_a_range_ends_with_today_in_its_zone(
    first: tuple[int, int], last: tuple[int, int], zone: str, told: tuple[tuple[int, int], tuple[int, int]]
) -> None:
    asked = View(Preset.CUSTOM, date(2026, *first), date(2026, *last), zone=zone)

    found = up_to_today(asked, now=NOW)

    assert (found.first, found.last) == (date(2026, *told[0]), date(2026, *told[1]))
    span = span_of(asked, now=NOW)
    assert (found.first, found.last) == (span.days[0], span.days[-1])


def test_bars_that_suit_what_is_left_of_a_range_are_not_a_choice() -> None:
    asked = View(Preset.CUSTOM, date(2026, 11, 1), date(2027, 4, 1), grain=Grain.DAY)

    assert parse(asked.parameters()).view == asked
    assert up_to_today(asked, now=NOW).grain is None
